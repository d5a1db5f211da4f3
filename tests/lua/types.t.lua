--- Types: read, checked, and written for each catalogue.
local tap = dofile "tests/lua/tap.lua"
local types = require "kinessis.types"

local function both(text, glue, athena)
  local kind = types.parse(text)
  tap.is(kind and types.glue(kind), glue, text .. " in Glue")
  tap.is(kind and types.athena(kind), athena, text .. " in Athena")
end

both("int", "int", "integer")
both(" BIGINT ", "bigint", "bigint")
both("string", "string", "varchar")
both("decimal( 9 , 2 )", "decimal(9,2)", "decimal(9,2)")
both("array<double>", "array<double>", "array(double)")
both("map<string,array<int>>", "map<string,array<int>>", "map(varchar, array(integer))")
both("struct<a:int, b : struct<c:timestamp>>", "struct<a:int,b:struct<c:timestamp>>",
  "row(a integer, b row(c timestamp))")

for _, wrong in ipairs {
  "", "number", "decimal", "decimal(9)", "decimal(39,1)", "decimal(2,3)", "decimal(0,0)", "array", "array<>",
  "array<int", "array<int,int>", "map<int>", "struct<>", "struct<a>", "struct<a:>", "struct<:int>", "int int", "int>",
} do
  tap.is(types.parse(wrong), nil, ("%q is no type"):format(wrong))
end
tap.is(types.parse(7), nil, "a number is no type")

tap.is(types.of_integers(-2 ^ 31 | 0, 2 ^ 31 - 1 | 0), "int", "the widest int")
tap.is(types.of_integers(0, 2 ^ 31 | 0), "bigint", "one more")
tap.done()
