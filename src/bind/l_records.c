/* kinessis.core.records: replies of GetRecords, for kinessis.tail and kinessis.verify.
 *
 *     local page = records.page()
 *     page:read(body, deaggregate) -> how many records, { next = iterator (nil: the shard has
 *         ended), behind = milliseconds, sequence = of the last (nil: there was none) };
 *         or nil and an error
 *     page:record(i)        -> data, partition key, sequence, arrival in seconds
 *     page:lines(from, to)  -> their data, a line each
 *     page:envelopes(from, to, shard [, data])
 *         -> lines of JSON about them; data (JSON) instead of theirs
 *     records.reader_gone() -> whether nobody reads stdout any more */
#include "bind/records.h"

#include "bind/host.h"
#include "bind/libraries.h"

#define PAGE "kinessis.records.page"

enum { TEXT_MAX = 1 << 30 };

/* User value 1: the body, which the records point into. */
typedef struct l_page {
    kn_records records;
    kn_buf text;
} l_page;

static int l_records_page(lua_State *L) {
    kn_err err;
    l_page *page = lua_newuserdatauv(L, sizeof *page, 1);
    memset(page, 0, sizeof *page);
    kn_buf_init(&page->text, TEXT_MAX);
    luaL_setmetatable(L, PAGE);
    if (!kn_records_init(&page->records, &err))
        return luaL_error(L, "%s", err.message);
    return 1;
}

static int l_page_free(lua_State *L) {
    l_page *page = luaL_checkudata(L, 1, PAGE);
    kn_records_free(&page->records);
    kn_buf_free(&page->text);
    return 0;
}

const kn_records *kn_check_records(lua_State *L, int index) {
    return &((l_page *)luaL_checkudata(L, index, PAGE))->records;
}

static void set_text(lua_State *L, const char *name, kn_slice text) {
    if (!text.p)
        return;
    lua_pushlstring(L, text.p, text.n);
    lua_setfield(L, -2, name);
}

static int l_page_read(lua_State *L) {
    kn_err err;
    kn_slice body;
    l_page *page = luaL_checkudata(L, 1, PAGE);
    body.p = luaL_checklstring(L, 2, &body.n);
    bool deaggregate = lua_toboolean(L, 3);
    lua_settop(L, 2);
    page->records.count = 0; /* those of the body that is let go */
    lua_setiuservalue(L, 1, 1);
    if (!kn_records_read(&page->records, body, deaggregate, &err))
        return kn_host_error(L, &err);
    lua_pushinteger(L, (lua_Integer)page->records.count);
    lua_createtable(L, 0, 3);
    set_text(L, "next", page->records.next);
    set_text(L, "sequence", page->records.sequence);
    lua_pushinteger(L, page->records.behind_ms);
    lua_setfield(L, -2, "behind");
    return 2;
}

/* The number of a record at index, from 0. */
static size_t check_number(lua_State *L, const l_page *page, int index) {
    lua_Integer i = luaL_checkinteger(L, index);
    luaL_argcheck(L, i >= 1 && (lua_Unsigned)i <= page->records.count, index, "no such record");
    return (size_t)i - 1;
}

static int l_page_record(lua_State *L) {
    l_page *page = luaL_checkudata(L, 1, PAGE);
    const kn_stream_record *r = &page->records.rows[check_number(L, page, 2)];
    lua_pushlstring(L, r->data.p, r->data.n);
    lua_pushlstring(L, r->key.p, r->key.n);
    lua_pushlstring(L, r->sequence.p, r->sequence.n);
    lua_pushnumber(L, (lua_Number)r->arrival_ms / 1000);
    return 4;
}

static int push_text(lua_State *L, l_page *page) {
    kn_err err;
    if (!kn_buf_check(&page->text, "the records", &err))
        return luaL_error(L, "%s", err.message);
    lua_pushlstring(L, kn_buf_view(&page->text).p, page->text.len);
    return 1;
}

static int l_page_lines(lua_State *L) {
    l_page *page = luaL_checkudata(L, 1, PAGE);
    size_t from = check_number(L, page, 2), to = check_number(L, page, 3);
    kn_buf_clear(&page->text);
    for (size_t i = from; i <= to; i++)
        kn_records_line(&page->records.rows[i], &page->text);
    return push_text(L, page);
}

static int l_page_envelopes(lua_State *L) {
    kn_slice shard, data = {NULL, 0};
    l_page *page = luaL_checkudata(L, 1, PAGE);
    size_t from = check_number(L, page, 2), to = check_number(L, page, 3);
    shard.p = luaL_checklstring(L, 4, &shard.n);
    if (!lua_isnoneornil(L, 5))
        data.p = luaL_checklstring(L, 5, &data.n);
    kn_buf_clear(&page->text);
    for (size_t i = from; i <= to; i++)
        kn_records_envelope(&page->records.rows[i], shard, data, &page->text);
    return push_text(L, page);
}

static int l_records_reader_gone(lua_State *L) {
    lua_pushboolean(L, kn_host_reader_gone());
    return 1;
}

int kn_open_records(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"page", l_records_page}, {"reader_gone", l_records_reader_gone}, {NULL, NULL}};
    static const luaL_Reg methods[] = {{"read", l_page_read},
                                       {"record", l_page_record},
                                       {"lines", l_page_lines},
                                       {"envelopes", l_page_envelopes},
                                       {NULL, NULL}};
    kn_host_new_type(L, PAGE, methods, l_page_free);
    luaL_newlib(L, functions);
    return 1;
}
