/* kinessis.core.verify: digests of what was expected and of what was found (run/verify/digest.h).
 *
 *   row(fields, whole [, key]) -> row
 *       fields: a list of { path = { "address", "city" }, kind = "text", scale = }; key: one more.
 *       Kinds as of run/verify/row.h: text integer boolean double float decimal date timestamp
 *   row:text(record) -> text, key (nil: the row has none)
 *
 *   digest(row [, { choice =, limit = }]) -> digest
 *   digest:add(key, text)                  a record whose text was made elsewhere
 *   digest:add_range(range, count, sum)    sums made elsewhere; sum: decimal text
 *   digest:add_page(page)                  of kinessis.core.records
 *   digest:total() -> count, sum (text), distinct keys (nil: too many to count)
 *   digest:size() -> records of the chosen ranges
 *   digest:choose(found, from, limit) -> choice, from where to go on (nil: all), ranges chosen
 *   digest:compare(found) -> list of { verdict, index, place }
 *       verdicts: "lost", "duplicated", "altered", "foreign"
 *   digest:text(place) -> key, record      of a record that was found in a chosen range
 *   choice:ranges() -> list of numbers
 *
 * A run fills one as a sink: { kind = "digest", digest = digest }. */
#include "bind/verify.h"

#include "bind/host.h"
#include "bind/libraries.h"
#include "bind/records.h"

#include <stdlib.h>

#define ROW_TYPE "kinessis.verify.row"
#define DIGEST_TYPE "kinessis.verify.digest"
#define CHOICE_TYPE "kinessis.verify.choice"

enum { TEXTS_MAX = 1 << 30, RECORD_MAX = 256 << 20, LIMIT = 200000 };

/* The buffers are of row:text(), kept here across what may raise. */
typedef struct l_row_box {
    kn_row *row;
    kn_buf text, key;
} l_row_box;

/* User values: 1 the row, 2 the choice. */
typedef struct l_digest {
    kn_expected expected;
    bool mutex_made;
    kn_buf text, key;
    kn_buf texts; /* of what was found in chosen ranges: lengths of key and record, and these */
    kn_digest_finding *findings;
} l_digest;

static l_digest *check_digest(lua_State *L, int index) {
    l_digest *d = luaL_checkudata(L, index, DIGEST_TYPE);
    luaL_argcheck(L, d->expected.digest, index, "the digest is closed");
    return d;
}

kn_expected *kn_check_expected(lua_State *L, int index) {
    return &check_digest(L, index)->expected;
}

/* ---- rows ---- */

/* The path of the field's table at the top, its names divided by NUL bytes; left on the stack. */
static kn_slice push_path(lua_State *L) {
    luaL_Buffer b;
    kn_slice path;
    int field = lua_gettop(L);
    luaL_argexpected(L, lua_getfield(L, field, "path") == LUA_TTABLE, 1, "path: a list of names");
    lua_Integer n = luaL_len(L, -1);
    luaL_buffinit(L, &b);
    for (lua_Integer i = 1; i <= n; i++) {
        if (i > 1)
            luaL_addchar(&b, '\0');
        lua_geti(L, field + 1, i);
        luaL_argcheck(L, lua_isstring(L, -1), 1, "path: a list of names");
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    lua_remove(L, field + 1);
    path.p = lua_tolstring(L, -1, &path.n);
    return path;
}

/* The field's table at the top, replaced by its path, which must stay on the stack. */
static kn_row_field take_field(lua_State *L) {
    static const char *const kinds[] = {"text",    "integer", "boolean",   "double", "float",
                                        "decimal", "date",    "timestamp", NULL};
    luaL_argexpected(L, lua_istable(L, -1), 1, "list of fields");
    lua_getfield(L, -1, "kind");
    int kind = luaL_checkoption(L, -1, "text", kinds);
    lua_getfield(L, -2, "scale");
    int scale = (int)luaL_optinteger(L, -1, 0);
    lua_pop(L, 2);
    kn_row_field field = {push_path(L), (kn_cell_kind)kind, scale};
    lua_remove(L, -2);
    return field;
}

static int l_row(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 3);
    lua_Integer n = luaL_len(L, 1);
    luaL_argcheck(L, n >= 0 && n <= KN_ROW_FIELDS, 1, "too many fields");
    luaL_checkstack(L, (int)n + 20, "too many fields");
    kn_row_field *fields = lua_newuserdatauv(L, ((size_t)n + 1) * sizeof *fields, 0);
    for (lua_Integer i = 0; i < n; i++) {
        lua_geti(L, 1, i + 1);
        fields[i] = take_field(L);
    }
    bool keyed = !lua_isnil(L, 3);
    if (keyed) {
        lua_pushvalue(L, 3);
        fields[n] = take_field(L);
    }
    l_row_box *box = lua_newuserdatauv(L, sizeof *box, 0);
    kn_err err;
    *box = (l_row_box){.row = NULL};
    kn_buf_init(&box->text, RECORD_MAX);
    kn_buf_init(&box->key, RECORD_MAX);
    luaL_setmetatable(L, ROW_TYPE);
    bool ok = kn_row_new(fields, (size_t)n, lua_toboolean(L, 2), keyed ? &fields[n] : NULL,
                         &box->row, &err);
    return ok ? 1 : kn_host_error(L, &err);
}

static int row_close(lua_State *L) {
    l_row_box *box = luaL_checkudata(L, 1, ROW_TYPE);
    kn_row_destroy(box->row);
    box->row = NULL;
    kn_buf_free(&box->text);
    kn_buf_free(&box->key);
    return 0;
}

static l_row_box *check_row(lua_State *L, int index) {
    l_row_box *box = luaL_checkudata(L, index, ROW_TYPE);
    luaL_argcheck(L, box->row, index, "the row is closed");
    return box;
}

static int l_row_text(lua_State *L) {
    l_row_box *box = check_row(L, 1);
    kn_slice record;
    record.p = luaL_checklstring(L, 2, &record.n);
    bool is_json;
    kn_err err;
    if (!kn_row_text(box->row, record, &box->text, &box->key, &is_json, &err))
        return kn_host_error(L, &err);
    lua_pushlstring(L, box->text.len ? box->text.p : "", box->text.len);
    if (kn_row_has_key(box->row))
        lua_pushlstring(L, box->key.len ? box->key.p : "", box->key.len);
    else
        lua_pushnil(L);
    return 2;
}

/* ---- digests ---- */

static int digest_close(lua_State *L) {
    l_digest *d = luaL_checkudata(L, 1, DIGEST_TYPE);
    kn_digest_destroy(d->expected.digest);
    d->expected.digest = NULL;
    if (d->mutex_made)
        pthread_mutex_destroy(&d->expected.mutex);
    d->mutex_made = false;
    kn_buf_free(&d->text);
    kn_buf_free(&d->key);
    kn_buf_free(&d->texts);
    free(d->findings);
    d->findings = NULL;
    return 0;
}

static int l_digest_new(lua_State *L) {
    kn_row *row = check_row(L, 1)->row;
    lua_settop(L, 2);
    if (lua_isnil(L, 2)) {
        lua_newtable(L);
        lua_replace(L, 2);
    }
    lua_getfield(L, 2, "limit");
    lua_Integer limit = luaL_optinteger(L, -1, LIMIT);
    luaL_argcheck(L, limit >= 0, 2, "limit: from 0 up");
    lua_getfield(L, 2, "choice");
    kn_digest_choice *choice = lua_isnil(L, -1) ? NULL : luaL_checkudata(L, -1, CHOICE_TYPE);
    int choice_at = lua_gettop(L);
    l_digest *d = lua_newuserdatauv(L, sizeof *d, 2);
    memset(d, 0, sizeof *d);
    luaL_setmetatable(L, DIGEST_TYPE);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    lua_pushvalue(L, choice_at);
    lua_setiuservalue(L, -2, 2);
    kn_buf_init(&d->text, RECORD_MAX);
    kn_buf_init(&d->key, RECORD_MAX);
    kn_buf_init(&d->texts, TEXTS_MAX);
    d->expected.row = row;
    d->expected.choice = choice;
    d->expected.limit = (size_t)limit;
    kn_err err;
    if (pthread_mutex_init(&d->expected.mutex, NULL) != 0)
        return luaL_error(L, "cannot make a mutex");
    d->mutex_made = true;
    if (!kn_digest_new(choice, (size_t)limit, &d->expected.digest, &err))
        return kn_host_error(L, &err);
    return 1;
}

/* Adds a record that was found, and keeps its text when it is in a chosen range. */
static bool add_found(l_digest *d, kn_slice key, kn_slice text, kn_slice record, kn_err *err) {
    bool taken;
    uint64_t place = d->texts.len;
    if (!kn_digest_add(d->expected.digest, key, text, place, &taken, err))
        return false;
    if (!taken)
        return true;
    uint32_t lengths[2] = {(uint32_t)key.n, (uint32_t)record.n};
    kn_buf_append(&d->texts, lengths, sizeof lengths);
    kn_buf_slice(&d->texts, key);
    kn_buf_slice(&d->texts, record);
    return kn_buf_check(&d->texts, "the records that differ", err);
}

static kn_slice check_slice(lua_State *L, int index) {
    kn_slice s;
    s.p = luaL_checklstring(L, index, &s.n);
    return s;
}

static int l_digest_add(lua_State *L) {
    l_digest *d = check_digest(L, 1);
    kn_slice key = check_slice(L, 2), text = check_slice(L, 3);
    kn_err err;
    if (!add_found(d, key, text, text, &err))
        return kn_host_error(L, &err);
    lua_pushboolean(L, true);
    return 1;
}

/* What add_found kept at the place. Any other place is not trusted: it came from a script. */
static bool find_text(const l_digest *d, lua_Integer place, kn_slice *key, kn_slice *record) {
    uint32_t lengths[2];
    kn_slice rest = kn_buf_view(&d->texts);
    if (place < 0 || (size_t)place > rest.n || rest.n - (size_t)place < sizeof lengths)
        return false;
    memcpy(lengths, rest.p + place, sizeof lengths);
    rest.p += (size_t)place + sizeof lengths;
    rest.n -= (size_t)place + sizeof lengths;
    if (lengths[0] > rest.n || lengths[1] > rest.n - lengths[0])
        return false;
    *key = (kn_slice){rest.p, lengths[0]};
    *record = (kn_slice){rest.p + lengths[0], lengths[1]};
    return true;
}

static int l_digest_text(lua_State *L) {
    kn_slice key = {"", 0}, record = key;
    luaL_argcheck(L, find_text(check_digest(L, 1), luaL_checkinteger(L, 2), &key, &record), 2,
                  "no record is there");
    lua_pushlstring(L, key.p, key.n);
    lua_pushlstring(L, record.p, record.n);
    return 2;
}

static int l_digest_add_range(lua_State *L) {
    l_digest *d = check_digest(L, 1);
    lua_Integer range = luaL_checkinteger(L, 2), count = luaL_checkinteger(L, 3);
    kn_hash_key sum;
    luaL_argcheck(L, range >= 0 && range < KN_DIGEST_RANGES, 2, "0 to 65535");
    luaL_argcheck(L, count >= 0, 3, "from 0 up");
    luaL_argcheck(L, kn_hash_parse(check_slice(L, 4), &sum), 4, "a decimal number");
    luaL_argcheck(L, !d->expected.choice, 1, "this digest has a choice");
    kn_digest_add_range(d->expected.digest, (uint32_t)range, (uint64_t)count, sum);
    return 0;
}

/* digest:add_page(page) */
static int l_digest_add_page(lua_State *L) {
    l_digest *d = check_digest(L, 1);
    const kn_records *page = kn_check_records(L, 2);
    const kn_row *row = d->expected.row;
    kn_err err;
    for (size_t i = 0; i < page->count; i++) {
        const kn_stream_record *r = &page->rows[i];
        bool is_json;
        if (!kn_row_text(row, r->data, &d->text, &d->key, &is_json, &err))
            return kn_host_error(L, &err);
        kn_slice key = kn_row_has_key(row) ? kn_buf_view(&d->key) : r->key;
        if (!add_found(d, key, kn_buf_view(&d->text), r->data, &err))
            return kn_host_error(L, &err);
    }
    lua_pushboolean(L, true);
    return 1;
}

/* ---- comparing ---- */

static int l_digest_total(lua_State *L) {
    l_digest *d = check_digest(L, 1);
    luaL_argcheck(L, !d->expected.choice, 1, "this digest has a choice");
    kn_digest_total t = kn_digest_total_of(d->expected.digest);
    char sum[KN_HASH_TEXT];
    kn_hash_print(t.sum, sum);
    lua_pushinteger(L, (lua_Integer)t.count);
    lua_pushstring(L, sum);
    if (t.distinct == UINT64_MAX)
        lua_pushnil(L);
    else
        lua_pushinteger(L, (lua_Integer)t.distinct);
    return 3;
}

static int l_digest_size(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)kn_digest_size(check_digest(L, 1)->expected.digest));
    return 1;
}

static int l_digest_choose(lua_State *L) {
    l_digest *a = check_digest(L, 1), *b = check_digest(L, 2);
    lua_Integer from = luaL_checkinteger(L, 3), limit = luaL_checkinteger(L, 4);
    luaL_argcheck(L, from >= 0 && from <= KN_DIGEST_RANGES, 3, "0 to 65536");
    luaL_argcheck(L, limit > 0, 4, "from 1 up");
    luaL_argcheck(L, !a->expected.choice && !b->expected.choice, 1, "a digest has a choice");
    kn_digest_choice *choice = lua_newuserdatauv(L, sizeof *choice, 0);
    luaL_setmetatable(L, CHOICE_TYPE);
    uint32_t next = kn_digest_choose(a->expected.digest, b->expected.digest, (uint32_t)from,
                                     (size_t)limit, choice);
    if (next < KN_DIGEST_RANGES)
        lua_pushinteger(L, next);
    else
        lua_pushnil(L);
    lua_pushinteger(L, choice->ranges);
    return 3;
}

static int l_choice_ranges(lua_State *L) {
    const kn_digest_choice *choice = luaL_checkudata(L, 1, CHOICE_TYPE);
    lua_Integer n = 0;
    lua_createtable(L, (int)choice->ranges, 0);
    for (int i = 0; i < KN_DIGEST_RANGES; i++)
        if (choice->bits[i / 8] >> i % 8 & 1) {
            lua_pushinteger(L, i);
            lua_seti(L, -2, ++n);
        }
    return 1;
}

static int l_digest_compare(lua_State *L) {
    static const char *const verdicts[] = {"lost", "duplicated", "altered", "foreign"};
    l_digest *a = check_digest(L, 1), *b = check_digest(L, 2);
    size_t n;
    kn_err err;
    free(a->findings);
    a->findings = NULL;
    if (!kn_digest_compare(a->expected.digest, b->expected.digest, &a->findings, &n, &err))
        return kn_host_error(L, &err);
    lua_createtable(L, (int)n, 0);
    for (size_t i = 0; i < n; i++) {
        const kn_digest_finding *f = &a->findings[i];
        lua_createtable(L, 3, 0);
        lua_pushstring(L, verdicts[f->verdict]);
        lua_seti(L, -2, 1);
        lua_pushinteger(L, (lua_Integer)f->expected);
        lua_seti(L, -2, 2);
        lua_pushinteger(L, (lua_Integer)f->found);
        lua_seti(L, -2, 3);
        lua_seti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* ---- the library ---- */

int kn_open_verify(lua_State *L) {
    static const luaL_Reg functions[] = {{"row", l_row}, {"digest", l_digest_new}, {NULL, NULL}};
    static const luaL_Reg of_row[] = {{"text", l_row_text}, {NULL, NULL}};
    static const luaL_Reg of_choice[] = {{"ranges", l_choice_ranges}, {NULL, NULL}};
    static const luaL_Reg of_digest[] = {
        {"add", l_digest_add},           {"add_range", l_digest_add_range},
        {"add_page", l_digest_add_page}, {"total", l_digest_total},
        {"size", l_digest_size},         {"choose", l_digest_choose},
        {"compare", l_digest_compare},   {"text", l_digest_text},
        {"close", digest_close},         {NULL, NULL}};
    kn_host_new_type(L, ROW_TYPE, of_row, row_close);
    kn_host_new_type(L, CHOICE_TYPE, of_choice, NULL);
    kn_host_new_type(L, DIGEST_TYPE, of_digest, digest_close);
    luaL_newlib(L, functions);
    return 1;
}
