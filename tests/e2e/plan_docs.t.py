"""docs/internals/plan.md by the letter: its provider in Lua and its operation in C are added to a copy of the
sources, in the places that the page names, and the program that is built makes their values."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap

sys.path.insert(0, "tests/support")
import tap

KINESSIS, BUILD = os.environ["KINESSIS"], os.environ["BUILD"]
if not shutil.which("make"):
    tap.skip_all("make is not installed")

with open("docs/internals/plan.md", encoding="utf-8") as file:
    page = file.read()


def blocks(heading, language):
    section = page.split(f"## {heading}\n")[1].split("\n## ")[0]
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", section, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


def insert(path, before, text):
    """Inserts the text before the last place where a line begins so."""
    with open(path, encoding="utf-8") as file:
        content = file.read()
    at = content.rindex("\n" + before) + 1
    with open(path, "w", encoding="utf-8") as file:
        file.write(content[:at] + text + "\n" + content[at:])


def copy_project(to):
    """The sources, and what is built of them: make compiles what changes."""
    for folder in ("src", "lua", "scripts", "tools", "docs", "tests/lua", "tests/c", "tests/data"):
        shutil.copytree(folder, os.path.join(to, folder), symlinks=True)
    shutil.copy2("Makefile", to)
    os.symlink(os.path.abspath("node_modules"), os.path.join(to, "node_modules"))
    for folder, _, names in os.walk(BUILD):
        place = os.path.join(to, "build", os.path.relpath(folder, BUILD))
        if re.match(r"(aws|base|bind|gen|net|run|lake)\b|\.$", os.path.relpath(folder, BUILD)):
            os.makedirs(place, exist_ok=True)
            for name in names:
                if name.endswith((".o", ".d", ".a")):
                    shutil.copy2(os.path.join(folder, name), place)


def make(folder):
    with open(KINESSIS, "rb") as file:
        sanitized = b"__asan_init" in file.read()
    flags = ["SANITIZE=-fsanitize=address,undefined -fno-sanitize-recover=undefined"] if sanitized else []
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    return subprocess.run(["make", "-s", "BUILD=build", *flags, "all"], cwd=folder, env=environment, text=True,
                          capture_output=True)


lua = blocks("Adding a provider in Lua", "lua")
c, declared = blocks("Adding an operation in C", "c"), blocks("Adding an operation in C", "lua")
tap.equal((len(lua), len(c), len(declared)), (1, 2, 1), "the page has its examples")

SCENARIO = """
local kinessis = require "kinessis"
local fake = kinessis.fake
return kinessis.scenario { records = kinessis.schema("t", {
  { "coin", fake.coin() }, { "at", fake.coordinates(2) }, { "list", fake.array_of(fake.coin(), 20, 20) },
}) }
"""

with tempfile.TemporaryDirectory() as folder:
    copy_project(folder)
    insert(f"{folder}/lua/kinessis/fake/text.lua", "return text", lua[0])
    insert(f"{folder}/src/gen/ops.c", "/* ---- the table ---- */", c[0])
    insert(f"{folder}/src/gen/ops.c", "    {NULL,", c[1].rstrip())
    insert(f"{folder}/lua/kinessis/fake/number.lua", "return number", declared[0])
    built = make(folder)
    tap.equal((built.returncode, built.stderr), (0, ""), "the program builds, without a warning")
    with open(f"{folder}/t.lua", "w", encoding="utf-8") as file:
        file.write(SCENARIO)

    def run(*arguments):
        done = subprocess.run(["build/kinessis", *arguments], cwd=folder, capture_output=True, text=True)
        return done.stdout if tap.equal(done.returncode, 0, " ".join(arguments[:2])) else done.stderr

    records = [json.loads(line) for line in run("generate", "t.lua", "-q", "-n", "1000", "--seed", "7").splitlines()]
    heads = sum(r["coin"] for r in records)
    tap.ok({r["coin"] for r in records} == {0, 1} and 400 < heads < 600, "the coin falls on both sides", heads)
    tap.ok(any(len(set(r["list"])) == 2 for r in records), "and in a list not always on the same")
    tap.ok(all(re.fullmatch(r"-?\d+\.\d\d,-?\d+\.\d\d", r["at"]) for r in records), "the coordinates are two decimals")
    tap.ok('"coin"' in run("schema", "json-schema", "t.lua"), "the JSON Schema takes them")
    with open(f"{folder}/docs/providers.md", "w", encoding="utf-8") as file:
        file.write(run("lua", "tools/providers.lua"))
    done = subprocess.run(["build/kinessis", "lua", "tests/lua/catalogue.t.lua"], cwd=folder, capture_output=True,
                          text=True, env={**os.environ, "KINESSIS": f"{folder}/build/kinessis"})
    tap.ok(done.returncode == 0 and all(f"- {name}: its example" in done.stdout for name in ("coin", "coordinates")),
           "the test of the catalogue passes with both", done.stdout[-500:] + done.stderr)
tap.done()
