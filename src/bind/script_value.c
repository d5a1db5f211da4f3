/* See script_value.h. */
#include "bind/script_value.h"

#include "base/digits.h"
#include "base/json.h"
#include "gen/plan.h"

#include <lauxlib.h>
#include <math.h>

enum { MAX_DEPTH = 32 };

static const char *write_value(lua_State *L, int index, bool empty_array, kn_buf *out, int depth);

static kn_slice to_slice(lua_State *L, int index) {
    kn_slice s;
    s.p = lua_tolstring(L, index, &s.n);
    return s;
}

static const char *write_array(lua_State *L, int index, kn_buf *out, int depth) {
    lua_Integer n = luaL_len(L, index);
    kn_buf_char(out, '[');
    for (lua_Integer i = 1; i <= n && kn_buf_ok(out); i++) { /* n may be anything: __len */
        if (i > 1)
            kn_buf_char(out, ',');
        lua_geti(L, index, i);
        const char *problem = write_value(L, lua_gettop(L), false, out, depth);
        if (problem)
            return problem;
        lua_pop(L, 1);
    }
    kn_buf_char(out, ']');
    return NULL;
}

/* Pushes the list of the keys, sorted. */
static const char *push_keys(lua_State *L, int index) {
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, "table");
    lua_getfield(L, -1, "sort");
    lua_replace(L, -3);
    lua_pop(L, 1);
    lua_newtable(L);
    lua_Integer n = 0;
    lua_pushnil(L);
    while (lua_next(L, index)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            return lua_pushfstring(L, "a table with a key that is a %s", luaL_typename(L, -1));
        lua_pushvalue(L, -1);
        lua_seti(L, -3, ++n);
    }
    lua_pushvalue(L, -1);
    lua_insert(L, -3);
    lua_call(L, 1, 0);
    return NULL;
}

static const char *write_object(lua_State *L, int index, kn_buf *out, int depth) {
    const char *problem = push_keys(L, index);
    if (problem)
        return problem;
    int keys = lua_gettop(L);
    lua_Integer n = luaL_len(L, keys);
    kn_buf_char(out, '{');
    for (lua_Integer i = 1; i <= n; i++) {
        if (i > 1)
            kn_buf_char(out, ',');
        lua_geti(L, keys, i);
        kn_json_escape(out, to_slice(L, -1));
        kn_buf_char(out, ':');
        lua_gettable(L, index);
        problem = write_value(L, lua_gettop(L), false, out, depth);
        if (problem)
            return problem;
        lua_pop(L, 1);
    }
    kn_buf_char(out, '}');
    lua_pop(L, 1);
    return NULL;
}

static const char *write_table(lua_State *L, int index, bool empty_array, kn_buf *out, int depth) {
    if (depth == MAX_DEPTH)
        return lua_pushfstring(L, "a table nested deeper than %d", MAX_DEPTH);
    luaL_checkstack(L, 10, "nested too deep");
    bool array = lua_geti(L, index, 1) != LUA_TNIL, empty = false;
    lua_pop(L, 1);
    if (!array) {
        lua_pushnil(L);
        empty = lua_next(L, index) == 0;
        lua_pop(L, empty ? 0 : 2);
    }
    if (empty) {
        kn_buf_cstr(out, empty_array ? "[]" : "{}");
        return NULL;
    }
    return array ? write_array(L, index, out, depth + 1) : write_object(L, index, out, depth + 1);
}

static char *put_double(lua_State *L, int index, char *p) {
    double v = lua_tonumber(L, index);
    return isfinite(v) ? p + kn_json_format_double(p, v) : NULL;
}

static char *put_string(lua_State *L, int index, char *p) {
    kn_slice s = to_slice(L, index);
    if (s.n > KN_PLAN_ANSWER - 2 || kn_json_plain(s) < s.n)
        return NULL;
    *p++ = '"';
    memcpy(p, s.p, s.n);
    p += s.n;
    *p++ = '"';
    return p;
}

static char *put_word(char *p, const char *word, size_t n) {
    memcpy(p, word, n);
    return p + n;
}

char *kn_script_value_put(lua_State *L, int index, char *p) {
    if (lua_isinteger(L, index))
        return kn_put_int(p, lua_tointegerx(L, index, NULL));
    switch (lua_type(L, index)) {
    case LUA_TSTRING:
        return put_string(L, index, p);
    case LUA_TNUMBER:
        return put_double(L, index, p);
    case LUA_TBOOLEAN:
        return lua_toboolean(L, index) ? put_word(p, "true", 4) : put_word(p, "false", 5);
    case LUA_TNIL:
        return put_word(p, "null", 4);
    }
    return NULL;
}

bool kn_script_value_write_plain(lua_State *L, int index, kn_buf *out) {
    char text[KN_PLAN_ANSWER], *end = kn_script_value_put(L, index, text);
    if (end)
        kn_buf_append(out, text, (size_t)(end - text));
    else if (lua_type(L, index) == LUA_TSTRING)
        kn_json_escape(out, to_slice(L, index));
    else
        return false;
    return true;
}

static const char *write_value(lua_State *L, int index, bool empty_array, kn_buf *out, int depth) {
    if (kn_script_value_write_plain(L, index, out))
        return NULL;
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        return isnan(lua_tonumber(L, index)) ? "a number that is not a number (0/0)"
                                             : "an infinite number";
    case LUA_TTABLE:
        return write_table(L, index, empty_array, out, depth);
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(L, index) == NULL) { /* cjson.null */
            kn_buf_cstr(out, "null");
            return NULL;
        }
    }
    return lua_pushfstring(L, "a %s", luaL_typename(L, index));
}

const char *kn_script_value_write(lua_State *L, int index, bool empty_array, kn_buf *out) {
    return write_value(L, lua_absindex(L, index), empty_array, out, 0);
}

void kn_script_value_push_text(lua_State *L, kn_slice content) {
    if (!memchr(content.p, '\\', content.n)) {
        lua_pushlstring(L, content.p, content.n);
        return;
    }
    luaL_Buffer b;
    char *p = luaL_buffinitsize(L, &b, content.n);
    luaL_pushresultsize(&b, kn_plan_unescape(p, content));
}

bool kn_script_value_push(lua_State *L, kn_slice json) {
    switch (json.n ? json.p[0] : '{') {
    case '"':
        kn_script_value_push_text(L, (kn_slice){json.p + 1, json.n - 2});
        return true;
    case 't':
    case 'f':
        lua_pushboolean(L, json.p[0] == 't');
        return true;
    case 'n':
        lua_pushnil(L);
        return true;
    case '{':
    case '[':
        return false;
    }
    char number[40]; /* the longest that we write is 24 */
    if (json.n >= sizeof number)
        return false;
    memcpy(number, json.p, json.n);
    number[json.n] = '\0';
    return lua_stringtonumber(L, number) != 0;
}
