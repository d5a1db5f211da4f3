"""JSON Schema of every scenario in scripts/ against what it generates: two independent validators (the
slow one for the first records), an independent JSON parser. RECORDS (100000) of each, of a seed of its
own."""

import glob
import json
import os
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, "tests/support")
import tap

try:
    from jsonschema import Draft202012Validator
    import jsonschema_rs
    import rfc3339_validator  # noqa: F401  without it date-time would not be checked
except ImportError as error:
    tap.skip_all(f"{error.name} is not installed")

KINESSIS = os.environ["KINESSIS"]
RECORDS = int(os.environ.get("RECORDS", "100000"))
SLOW = 1000

# Every kind of field at its edges, beside the scenarios.
EDGES = """
local kinessis = require "kinessis"
local fake = kinessis.fake
return kinessis.scenario { records = kinessis.schema("edges", {
  { "id", fake.uuid() }, { "n", fake.sequence(10, -3) }, { "d", fake.decimal(-1, 1, 3) },
  { "whole", fake.decimal(-5, 5, 0) }, { "small", fake.decimal(0.001, 0.009, 3) },
  { "wide", fake.integer(math.mininteger, math.maxinteger) }, { "at", fake.now() }, { "ms", fake.now "epoch_ms" },
  { "mail", fake.email() }, { "maybe", fake.optional(fake.one_of { "a", "b" }, 0.5) },
  { "maybe_n", fake.optional(fake.integer(1, 3), 0.5) }, { "constant", 'q"\\\\' }, { "code", fake.one_of { 1, 2.5 } },
  { "sure", fake.boolean(1) }, { "never", fake.weighted { a = 1, b = 0 } },
  { "text", fake.template("{first_name} #{n}", { n = fake.integer(1, 9) }) },
  { "deep", { { "deeper", { { "deepest", fake.optional(fake.now(), 0.5) } } } } },
  { "list", function(ctx) local t = {} for i = 1, ctx.random(0, 3) do t[i] = i end return t end, type = "array<int>" },
  { "void", function(ctx) if ctx.random() < 0.5 then return 0.5 end end, type = "double" },
  { "object", function() return { a = "x" } end, type = "struct<a:string>" },
  { "many", fake.array_of(fake.nullable(fake.object { { "k", fake.integer(1, 3) } }, 0.3), 0, 4) },
  { "map", fake.map({ "a", "b" }, fake.decimal(0, 1, 1), 0, 2) }, { "some", fake.sample({ 1, 2, 3 }, 0, 2) },
  { "again", fake.ref "maybe" }, { "turn", fake.cycle { "x", "y" } }, { "pool", fake.pool(fake.uuid(), 5) },
  { "either", fake.nullable(fake.one_of { fake.uuid(), "none" }, 0.2) },
  { "by", fake.switch("maybe", { a = fake.integer(5, 6), b = 7 }) },
  { "made", fake.derive(function(ctx) if ctx.index % 2 == 0 then return ctx.index end end, "bigint") },
} ) }
"""


# The examples of all providers, and times in all of their formats.
EVERY = """
local kinessis = require "kinessis"
local fake = kinessis.fake
local function run(code) return assert(load("return " .. code, "=example", "t", { fake = fake }))() end
local fields = { { "id", 1 } }
for _, family in ipairs(fake.catalogue()) do
  for _, entry in ipairs(family.entries) do
    local declaration = entry.declaration
    local list = { { "value", run(declaration.example) } }
    if declaration.beside then table.insert(list, 1, run(declaration.beside)) end
    if not declaration.example:find "function" then fields[#fields + 1] = { entry.name, list } end
  end
end
for _, form in ipairs { "iso", "iso_seconds", "epoch", "epoch_ms", "epoch_us", "date", "sql", "time", "%d/%m" } do
  fields[#fields + 1] = { "now " .. form, fake.now(form) }
  fields[#fields + 1] = { "past " .. form, fake.past("1d", form) }
  fields[#fields + 1] = { "there " .. form, fake.array_of(fake.past("1d", form, "+05:30"), 1, 2) }
end
return kinessis.scenario { records = kinessis.schema("every", fields) }
"""


# A map makes more of a value than its provider does.
MAPPED = """
local kinessis = require "kinessis"
local fake = kinessis.fake
return kinessis.scenario { records = kinessis.schema("mapped", {
  { "n", fake.integer(1, 6) }, { "word", fake.one_of { "a", "b" } }, { "at", { { "id", fake.uuid() } } },
  { "list", fake.array_of(fake.integer(1, 3), 1, 2) }, { "price", fake.decimal(0, 1, 2) },
}, { map = function(r, ctx)
  if ctx.index % 2 == 0 then return end
  r.n, r.word, r.list, r.price = r.n + 100, r.word .. "!", { 9, 9, 9 }, 2.5
  if ctx.index % 3 == 0 then r.at = nil r.word = nil else r.at.id = "none" end
end }) }
"""


def run(*arguments):
    return subprocess.run([KINESSIS, *arguments], check=True, capture_output=True, text=True).stdout


def check(path, records=RECORDS):
    name = os.path.basename(path)
    document = json.loads(run("schema", "json-schema", path))
    Draft202012Validator.check_schema(document)
    validator = Draft202012Validator(document, format_checker=Draft202012Validator.FORMAT_CHECKER)
    fast = jsonschema_rs.Draft202012Validator(document, validate_formats=True)
    seed = random.randrange(1 << 32)
    command = [KINESSIS, "generate", path, "-q", "-n", str(records), "--seed", str(seed)]
    count, wrong, first = 0, [], None
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        for count, line in enumerate(child.stdout, 1):
            record = json.loads(line)
            first = first or record
            error = next(validator.iter_errors(record), None) if count <= SLOW else None
            if error:
                wrong.append(f"record {count - 1}: {error.json_path}: {error.message}")
            if not fast.is_valid(record):
                wrong.append(f"record {count - 1}: {next(fast.iter_errors(record))}")
    tap.equal((child.returncode, count), (0, records), f"{name}: records (seed {seed})")
    tap.ok(not wrong, f"{name}: every record is valid", *wrong[:5])
    return (validator, fast), first


def spoil(validators, record, change, name):
    """The schema is not so wide that anything passes."""
    copy = json.loads(json.dumps(record))
    change(copy)
    tap.equal([v.is_valid(copy) for v in validators], [False, False], name)


for script in sorted(glob.glob("scripts/*.lua")):
    with open(script) as file:
        if "\nreturn kinessis.scenario" in file.read():  # else a program of its own
            check(script)

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "edges.lua")
    with open(path, "w") as file:
        file.write(EDGES)
    validators, record = check(path)
    path = os.path.join(folder, "mapped.lua")
    with open(path, "w") as file:
        file.write(MAPPED)
    mapped, other = check(path)
    path = os.path.join(folder, "every.lua")
    with open(path, "w") as file:
        file.write(EVERY)
    every, all_of_them = check(path, min(RECORDS, 500))  # fake.unique of 900 values is among them
spoil(every, all_of_them, lambda r: r["date"].update(value="2022-02-30"), "what is no day")
spoil(every, all_of_them, lambda r: r["past"].update(value="2022-02-02"), "what is no time")
spoil(mapped, other, lambda r: r.update(n="1"), "with a map too, another type is refused")
spoil(mapped, other, lambda r: r["at"].pop("id"), "and a field that is missing")
spoil(validators, record, lambda r: r.pop("id"), "a field that is missing is refused")
spoil(validators, record, lambda r: r.update(more=1), "so is one too many")
spoil(validators, record, lambda r: r.update(d=1.001), "a decimal above its range")
spoil(validators, record, lambda r: r.update(small=0.0009), "a decimal below its range")
spoil(validators, record, lambda r: r.update(id="x"), "what is no UUID")
spoil(validators, record, lambda r: r.update(at="2022-02-02 15:17:07"), "what is no date-time")
spoil(validators, record, lambda r: r.update(mail="nobody"), "what is no address")
spoil(validators, record, lambda r: r.update(maybe="c"), "what cannot be chosen")
spoil(validators, record, lambda r: r.update(never="b"), "what has no weight")
spoil(validators, record, lambda r: r.update(sure=False), "what has no chance")
spoil(validators, record, lambda r: r.update(n=None), "null where there is always a value")
spoil(validators, record, lambda r: r["deep"]["deeper"].update(deepest=1), "a wrong value deep inside")
spoil(validators, record, lambda r: r.update(map={"c": 0.5}), "a key that a map does not have")
spoil(validators, record, lambda r: r.update(many=[None] * 5), "a list that is too long")
spoil(validators, record, lambda r: r.update(many=[{"k": 4}]), "a wrong value in a list")
spoil(validators, record, lambda r: r.update(either="some"), "what none of the choices makes")
spoil(validators, record, lambda r: r.update(again="c"), "a reference to what cannot be chosen")
spoil(validators, record, lambda r: r.update(list=["1"]), "a wrong element of a list")
tap.done()
