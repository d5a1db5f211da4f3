/* kinessis.core.convert: what Firehose's conversion makes of a record, for `kinessis schema check`.
 *
 *     convert.new({ { name = "phone", type = "int", key = nil }, ... }, rules)
 *         -> converter; or nil and an error
 *     converter:record(json) -> true; or false, error code, message
 *
 * rules: { hive =, case_sensitive =, dots_to_underscores = } (lake/firehose/convert.h). It is the
 * code that the lake's Firehose runs, so that a prediction is what happens there. */
#include "bind/host.h"
#include "bind/libraries.h"
#include "lake/firehose/convert.h"

#define CONVERT_TYPE "kinessis.convert"

typedef struct convert_box {
    kn_type row;
    kn_convert *convert;
} convert_box;

/* The text stays on the stack. */
static const char *text_field(lua_State *L, int index, const char *name) {
    return lua_getfield(L, index, name) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
}

static bool flag(lua_State *L, int index, const char *name) {
    lua_getfield(L, index, name);
    bool set = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return set;
}

static int l_convert_new(lua_State *L) {
    kn_err err;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    if (lua_isnil(L, 2)) {
        lua_newtable(L);
        lua_replace(L, 2);
    }
    luaL_checktype(L, 2, LUA_TTABLE);
    convert_box *box = lua_newuserdatauv(L, sizeof *box, 0);
    *box = (convert_box){0};
    kn_type_row(&box->row);
    luaL_setmetatable(L, CONVERT_TYPE);
    lua_Integer n = luaL_len(L, 1);
    for (lua_Integer i = 1; i <= n; i++) {
        luaL_argexpected(L, lua_geti(L, 1, i) == LUA_TTABLE, 1, "list of columns");
        int column = lua_gettop(L);
        const char *name = text_field(L, column, "name"), *type = text_field(L, column, "type");
        luaL_argcheck(L, name && type, 1, "a column needs a name and a type");
        if (!kn_type_add(&box->row, name, text_field(L, column, "key"), type, &err))
            return kn_host_error(L, &err);
        lua_settop(L, column - 1);
    }
    kn_convert_rules rules = {flag(L, 2, "hive"), flag(L, 2, "case_sensitive"),
                              flag(L, 2, "dots_to_underscores")};
    if (!kn_convert_new(&box->row, rules, &box->convert, &err))
        return kn_host_error(L, &err);
    return 1;
}

static int l_convert_record(lua_State *L) {
    kn_convert_failure failure;
    kn_slice record;
    convert_box *box = luaL_checkudata(L, 1, CONVERT_TYPE);
    luaL_argcheck(L, box->convert, 1, "the converter is not open");
    record.p = luaL_checklstring(L, 2, &record.n);
    bool ok = kn_convert_record(box->convert, record, &failure);
    kn_convert_clear(box->convert);
    lua_pushboolean(L, ok);
    if (ok)
        return 1;
    lua_pushstring(L, failure.code);
    lua_pushstring(L, failure.message);
    return 3;
}

static int l_convert_gc(lua_State *L) {
    convert_box *box = luaL_checkudata(L, 1, CONVERT_TYPE);
    kn_convert_destroy(box->convert);
    kn_type_free(&box->row);
    box->convert = NULL;
    return 0;
}

int kn_open_convert(lua_State *L) {
    static const luaL_Reg functions[] = {{"new", l_convert_new}, {NULL, NULL}};
    static const luaL_Reg methods[] = {{"record", l_convert_record}, {NULL, NULL}};
    kn_host_new_type(L, CONVERT_TYPE, methods, l_convert_gc);
    luaL_newlib(L, functions);
    return 1;
}
