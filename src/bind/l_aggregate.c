/* kinessis.core.aggregate: aggregated records, for kinessis.aws.
 *
 *     aggregate.read(bytes)    -> { { data =, partition_key =, explicit_hash_key = }, ... },
 *                                 aggregated (a boolean)
 *     aggregate.write(records) -> { data =, partition_key =, explicit_hash_key = }
 *     aggregate.place(partition_key [, explicit_hash_key])
 *         -> where among all hash keys it is, from 0 to less than 1: of n equal shards it is in
 *            number floor(place * n)
 *
 * What is not aggregated is a list of one record that has only data. Records to write are tables as
 * those that are read; one alone comes back as it is. */
#include "aws/aggregate.h"
#include "bind/host.h"
#include "bind/libraries.h"

#define BOX "kinessis.aggregate"

enum { RECORD = 3 }; /* on the stack of write() */

/* Holds what is allocated across calls that may raise. */
typedef struct l_box {
    kn_deaggregator reader;
    kn_aggregate writer;
} l_box;

static l_box *new_box(lua_State *L) {
    l_box *box = lua_newuserdatauv(L, sizeof *box, 0);
    memset(box, 0, sizeof *box);
    luaL_setmetatable(L, BOX);
    return box;
}

static int l_box_free(lua_State *L) {
    l_box *box = luaL_checkudata(L, 1, BOX);
    kn_deaggregator_free(&box->reader);
    kn_aggregate_free(&box->writer);
    return 0;
}

static void set_slice(lua_State *L, const char *name, kn_slice value) {
    if (!value.p)
        return;
    lua_pushlstring(L, value.p, value.n);
    lua_setfield(L, -2, name);
}

static void push_record(lua_State *L, const kn_user_record *record) {
    lua_createtable(L, 0, 3);
    set_slice(L, "data", record->data);
    set_slice(L, "partition_key", record->key);
    set_slice(L, "explicit_hash_key", record->hash);
}

static int l_aggregate_read(lua_State *L) {
    kn_err err;
    kn_slice bytes;
    kn_user_record record;
    bytes.p = luaL_checklstring(L, 1, &bytes.n);
    l_box *box = new_box(L);
    if (!kn_deaggregator_init(&box->reader, &err) || !kn_deaggregate(&box->reader, bytes, &err))
        return luaL_error(L, "%s", err.message);
    lua_newtable(L);
    for (lua_Integer n = 0; kn_deaggregator_next(&box->reader, &record);) {
        push_record(L, &record);
        lua_rawseti(L, -2, ++n);
    }
    lua_pushboolean(L, box->reader.aggregated);
    kn_deaggregator_free(&box->reader);
    return 2;
}

/* A field of the record at RECORD; its string stays on the stack. */
static kn_slice field(lua_State *L, lua_Integer i, const char *name, bool needed) {
    kn_slice text = {NULL, 0};
    int type = lua_getfield(L, RECORD, name);
    if (type == LUA_TSTRING)
        text.p = lua_tolstring(L, -1, &text.n);
    else if (needed || type != LUA_TNIL)
        luaL_error(L, "aggregate record %d: %s: expected a string, got %s", (int)i, name,
                   luaL_typename(L, -1));
    return text;
}

static int l_aggregate_write(lua_State *L) {
    kn_err err;
    kn_user_record out;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    l_box *box = new_box(L);
    if (!kn_aggregate_init(&box->writer, KN_AGGREGATE_MOST, &err))
        return luaL_error(L, "%s", err.message);
    lua_Integer n = luaL_len(L, 1);
    luaL_argcheck(L, n > 0, 1, "an aggregate without records");
    for (lua_Integer i = 1; i <= n; i++) {
        if (lua_geti(L, 1, i) != LUA_TTABLE)
            return luaL_error(L, "aggregate record %d: expected a table, got %s", (int)i,
                              luaL_typename(L, -1));
        kn_user_record record = {field(L, i, "data", true), field(L, i, "partition_key", true),
                                 field(L, i, "explicit_hash_key", false)};
        kn_aggregate_answer answer = kn_aggregate_add(&box->writer, &record, &err);
        if (answer == KN_AGGREGATE_FULL)
            return luaL_error(L, "aggregate record %d: the aggregate would be over %d bytes",
                              (int)i, (int)KN_AGGREGATE_MOST);
        if (answer == KN_AGGREGATE_REFUSED)
            return luaL_error(L, "aggregate record %d: %s", (int)i, err.message);
        lua_settop(L, RECORD - 1);
    }
    if (!kn_aggregate_finish(&box->writer, &out, &err))
        return luaL_error(L, "%s", err.message);
    push_record(L, &out);
    kn_aggregate_free(&box->writer);
    return 1;
}

static int l_place(lua_State *L) {
    kn_slice key, explicit = {NULL, 0};
    key.p = luaL_checklstring(L, 1, &key.n);
    if (!lua_isnoneornil(L, 2))
        explicit.p = luaL_checklstring(L, 2, &explicit.n);
    kn_md5 md5 = {0};
    kn_hash_key hash;
    kn_err err;
    bool ok = kn_md5_init(&md5, &err) && kn_hash_of(&md5, key, explicit, &hash, &err);
    kn_md5_free(&md5);
    if (!ok)
        return kn_host_error(L, &err);
    lua_pushnumber(L, (lua_Number)(uint64_t)(hash >> 75) * 0x1p-53);
    return 1;
}

int kn_open_aggregate(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"read", l_aggregate_read}, {"write", l_aggregate_write}, {"place", l_place}, {NULL, NULL}};
    kn_host_new_type(L, BOX, NULL, l_box_free);
    luaL_newlib(L, functions);
    return 1;
}
