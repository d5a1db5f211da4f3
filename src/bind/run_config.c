/* The configuration table of kinessis.core.run, but its sinks. */
#include "bind/plan.h"
#include "bind/run_binding.h"

#include <lauxlib.h>

lua_Integer kn_field_integer(lua_State *L, int table, const char *key, lua_Integer otherwise) {
    lua_getfield(L, table, key);
    int is_integer = 1;
    lua_Integer value = lua_isnil(L, -1) ? otherwise : lua_tointegerx(L, -1, &is_integer);
    if (!is_integer)
        luaL_error(L, "%s: an integer is expected, not %s", key, luaL_tolstring(L, -1, NULL));
    lua_pop(L, 1);
    return value;
}

static lua_Number field_number(lua_State *L, int table, const char *key, lua_Number otherwise) {
    lua_getfield(L, table, key);
    int is_number = 1;
    lua_Number value = lua_isnil(L, -1) ? otherwise : lua_tonumberx(L, -1, &is_number);
    if (!is_number)
        luaL_error(L, "%s: a number is expected, not %s", key, luaL_tolstring(L, -1, NULL));
    lua_pop(L, 1);
    return value;
}

const char *kn_field_text(lua_State *L, int table, const char *key) {
    int type = lua_getfield(L, table, key);
    if (type != LUA_TSTRING && type != LUA_TNIL)
        luaL_error(L, "%s: a string is expected, not %s", key, luaL_tolstring(L, -1, NULL));
    const char *text = lua_tostring(L, -1);
    lua_pop(L, 1);
    return text;
}

static void read_cursor(lua_State *L, kn_run_binding *b) {
    double start = field_number(L, KN_RUN_CONFIG, "clock_start", -1);
    double step = field_number(L, KN_RUN_CONFIG, "clock_step", 0.001);
    luaL_argcheck(L, start <= 253402300799.0, KN_RUN_CONFIG, "clock_start is after the year 9999");
    luaL_argcheck(L, step >= 0 && step <= 1e9, KN_RUN_CONFIG,
                  "clock_step is not from 0 to 1e9 seconds");
    b->cursor.seed = (uint64_t)kn_field_integer(L, KN_RUN_CONFIG, "seed", 0);
    b->cursor.clock_start_ms = start < 0 ? -1 : (int64_t)(start * 1000 + 0.5);
    b->cursor.clock_step_us = (uint64_t)(step * 1e6 + 0.5);
    kn_read_disorder(L, KN_RUN_CONFIG, &b->cursor.disorder);
    b->path = kn_field_text(L, KN_RUN_CONFIG, "path");
    b->format = kn_field_text(L, KN_RUN_CONFIG, "format");
    b->plan = kn_check_plan(L, KN_RUN_PLAN);
    luaL_argcheck(L, b->path || !kn_plan_calls_scripts(b->plan), KN_RUN_CONFIG,
                  "a plan that calls scripts needs the path of its scenario");
}

static void keep_function(lua_State *L, int value, const char *key) {
    lua_getfield(L, KN_RUN_CONFIG, key);
    if (!lua_isnil(L, -1))
        luaL_checktype(L, -1, LUA_TFUNCTION);
    lua_setiuservalue(L, KN_RUN_BINDING, value);
}

void kn_run_read_config(lua_State *L, kn_run_binding *b, kn_run_config *out) {
    lua_Integer amount = kn_field_integer(L, KN_RUN_CONFIG, "amount", -1);
    *out = (kn_run_config){
        .context = b,
        .workers = (unsigned)kn_field_integer(L, KN_RUN_CONFIG, "workers", 0),
        .first = (uint64_t)kn_field_integer(L, KN_RUN_CONFIG, "first", 0),
        .amount = amount < 0 ? UINT64_MAX : (uint64_t)amount,
        .drain_ms = (int64_t)(field_number(L, KN_RUN_CONFIG, "drain", 10) * 1000),
        .progress_ms = 200,
        .ahead_ms = (int64_t)(field_number(L, KN_RUN_CONFIG, "ahead", 0) * 1000),
    };
    lua_getfield(L, KN_RUN_CONFIG, "closed");
    out->closed = lua_toboolean(L, -1);
    lua_pop(L, 1);
    lua_pushvalue(L, KN_RUN_CONFIG);
    lua_setiuservalue(L, KN_RUN_BINDING, KN_RUN_TABLE);
    keep_function(L, KN_RUN_PACE, "due");
    keep_function(L, KN_RUN_PROGRESS, "progress");
    keep_function(L, KN_RUN_CONTROL, "control");
    lua_getfield(L, KN_RUN_CONFIG, "plan");
    lua_replace(L, KN_RUN_PLAN);
    read_cursor(L, b);
}
