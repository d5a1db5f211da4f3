/* See script.h. A script is a userdata, anchored in the registry by its address while its cursor
 * lives; what functions hold of it afterwards (ctx.random, ...) finds it closed. */
#include "bind/script.h"

#include "base/rng.h"
#include "bind/host.h"
#include "bind/script_value.h"

enum { FUNCTIONS = 1, PATHS, CONTEXT, USER_VALUES = CONTEXT };

/* The stack while records are made: ctx, "index", and from FIRST on the functions. */
enum { CTX = 1, INDEX, FIRST };

typedef struct script_field {
    uint64_t key; /* of its stream, under the seed */
    const char *path;
    bool empty_array;
} script_field;

typedef struct script {
    lua_State *L;      /* where functions run */
    lua_State *main;   /* lives as long as the cursor */
    kn_cursor *cursor; /* NULL once released */
    kn_buf *out;       /* NULL outside of a call */
    uint64_t seed_key;
    int64_t moment; /* of another record, for now; -1: the record's own */
    uint32_t function;
    uint64_t index;
    kn_rng rng;
    size_t field_count;
    script_field fields[];
} script;

/* ---- what functions may use ---- */

static script *running(lua_State *L, const char *what) {
    script *s = lua_touserdata(L, lua_upvalueindex(1));
    if (!s->cursor || !s->out)
        luaL_error(L, "%s works only while a field's function runs", what);
    return s;
}

/* ctx.random() -> [0, 1); (n) -> 1..n; (m, n) -> m..n, as math.random, from the record's own
 * generator */
static int l_script_random(lua_State *L) {
    script *s = running(L, "ctx.random");
    uint64_t draw = kn_rng_next(&s->rng);
    lua_Integer low = 1, high;
    switch (lua_gettop(L)) {
    case 0:
        lua_pushnumber(L, kn_rng_unit(draw));
        return 1;
    case 1:
        high = luaL_checkinteger(L, 1);
        break;
    default:
        low = luaL_checkinteger(L, 1);
        high = luaL_checkinteger(L, 2);
    }
    luaL_argcheck(L, low <= high, lua_gettop(L), "the interval is empty");
    uint64_t range = (uint64_t)high - (uint64_t)low + 1;
    lua_pushinteger(L, (lua_Integer)((uint64_t)low + kn_rng_below(draw, range)));
    return 1;
}

/* ctx.now() -> seconds since 1970, of this record */
static int l_script_now(lua_State *L) {
    const script *s = running(L, "ctx.now");
    int64_t ms =
        s->moment < 0 ? kn_cursor_now_ms(s->cursor) : kn_cursor_time_ms(s->cursor, s->moment);
    lua_pushnumber(L, (lua_Number)ms / 1000);
    return 1;
}

/* Pushes the value of the field of a slot: false, and nothing is pushed, while it has not been
 * made; or when it is an object or array, then *json is it. */
static bool push_field(lua_State *L, const script *s, lua_Integer slot, kn_slice *json) {
    bool text;
    *json = (kn_slice){0};
    if (!kn_cursor_captured(s->cursor, (uint32_t)slot, json, &text))
        return false;
    if (!text)
        return kn_script_value_push(L, *json);
    kn_script_value_push_text(L, *json);
    return true;
}

/* core.read(slot) -> true, value; or true, nil, json when it is an object or array; or false while
 * the field has not been made */
static int l_script_read(lua_State *L) {
    const script *s = running(L, "ctx.record");
    kn_slice json;
    lua_Integer slot = luaL_checkinteger(L, 1);
    lua_pushboolean(L, true);
    if (push_field(L, s, slot, &json))
        return 2;
    if (!json.p)
        lua_pushboolean(L, false);
    else {
        lua_pushnil(L);
        lua_pushlstring(L, json.p, json.n);
    }
    return json.p ? 3 : 1;
}

/* core.write(slot, value, empty_array) -> nothing, or what is wrong with the value: for maps */
static int l_script_write(lua_State *L) {
    script *s = running(L, "a map");
    uint32_t slot = (uint32_t)luaL_checkinteger(L, 1);
    size_t before = s->out->len;
    const char *problem = kn_script_value_write(L, 2, lua_toboolean(L, 3), s->out);
    kn_slice json = {s->out->p + before, s->out->len - before};
    if (problem)
        lua_pushstring(L, problem);
    else if (!kn_buf_ok(s->out) || !kn_cursor_replace(s->cursor, slot, json))
        luaL_error(L, "a value is too large");
    s->out->len = before;
    return problem ? 1 : 0;
}

/* core.mapping() -> whether a map runs */
static int l_script_mapping(lua_State *L) {
    lua_pushboolean(L, kn_cursor_mapping(running(L, "ctx.record")->cursor));
    return 1;
}

/* The slot that the table of upvalue 2 has for the name at index 2, or -1. */
static lua_Integer known_slot(lua_State *L) {
    lua_pushvalue(L, 2);
    lua_Integer slot =
        lua_rawget(L, lua_upvalueindex(2)) == LUA_TNUMBER ? lua_tointeger(L, -1) : -1;
    lua_pop(L, 1);
    return slot;
}

/* __index(view, name): what is common is done here, the rest by the function of upvalue 3 */
static int l_view_get(lua_State *L) {
    const script *s = running(L, "ctx.record");
    kn_slice json;
    lua_Integer slot = known_slot(L);
    if (slot >= 0 && push_field(L, s, slot, &json))
        return 1;
    lua_pushvalue(L, lua_upvalueindex(3));
    lua_insert(L, 1);
    lua_call(L, 2, 1);
    return 1;
}

/* __newindex(view, name, value): likewise */
static int l_view_set(lua_State *L) {
    script *s = running(L, "ctx.record");
    lua_Integer slot = kn_cursor_mapping(s->cursor) ? known_slot(L) : -1;
    size_t before = s->out->len;
    if (slot >= 0 && kn_script_value_write_plain(L, 3, s->out)) {
        kn_slice json = {s->out->p + before, s->out->len - before};
        if (!kn_buf_ok(s->out) || !kn_cursor_replace(s->cursor, (uint32_t)slot, json))
            return luaL_error(L, "a value is too large");
        s->out->len = before;
        return 0;
    }
    lua_pushvalue(L, lua_upvalueindex(3));
    lua_insert(L, 1);
    lua_call(L, 3, 0);
    return 0;
}

/* core.access(slots, get, set) -> __index, __newindex of a view on a record: slots has by name the
 * slots of fields that hold a value; get and set do what these two cannot. */
static int l_script_access(lua_State *L) {
    lua_settop(L, 3);
    for (int i = 0; i < 2; i++) {
        lua_pushvalue(L, lua_upvalueindex(1));
        lua_pushvalue(L, 1);
        lua_pushvalue(L, 2 + i);
        lua_pushcclosure(L, i == 0 ? l_view_get : l_view_set, 3);
    }
    return 2;
}

/* core.field() -> a number for the field whose function runs */
static int l_script_field(lua_State *L) {
    lua_pushinteger(L, running(L, "a block")->function);
    return 1;
}

/* core.at(number, first): ctx.random draws for that number now, ctx.now is the time of record
 * `first`: for what is made per block */
static int l_script_at(lua_State *L) {
    script *s = running(L, "a block");
    uint64_t number = (uint64_t)luaL_checkinteger(L, 1);
    s->moment = luaL_checkinteger(L, 2);
    s->rng = kn_rng_at(kn_rng_record_key(s->seed_key, number), s->fields[s->function].key);
    return 0;
}

/* ---- calling ---- */

static int unsupported(script *s, const char *problem) {
    lua_State *L = s->L;
    lua_Debug where;
    lua_pushvalue(L, FIRST + (int)s->function);
    lua_getinfo(L, ">S", &where);
    return luaL_error(L,
                      "%s:%d: the function returned %s; it may return a string, a number, "
                      "true, false, nil, or a table of these",
                      where.short_src, where.linedefined, problem);
}

/* Appends the value at index, which takes more than kn_script_value_put. */
static void write_answer(script *s, int index) {
    const script_field *field = &s->fields[s->function];
    const char *problem = kn_script_value_write(s->L, index, field->empty_array, s->out);
    if (!problem && !kn_buf_ok(s->out))
        problem = lua_pushfstring(s->L, "a value of more than %d bytes", (int)s->out->max);
    if (problem)
        unsupported(s, problem);
}

/* Under the guard: errors go there. */
static char *call(void *context, uint32_t function, uint64_t index, char *p, kn_buf *out,
                  kn_err *err) {
    (void)err;
    script *s = context;
    lua_State *L = s->L;
    int answer = FIRST + (int)s->field_count;
    if (function >= s->field_count)
        luaL_error(L, "the plan has no function %d", (int)function);
    s->function = function;
    s->index = index;
    s->moment = -1;
    s->out = out;
    s->rng = kn_rng_at(kn_cursor_draw_key(s->cursor), s->fields[function].key);
    lua_pushvalue(L, INDEX);
    lua_pushinteger(L, (lua_Integer)index);
    lua_rawset(L, CTX);
    lua_pushvalue(L, FIRST + (int)function);
    lua_pushvalue(L, CTX);
    lua_call(L, 1, 1);
    char *end = kn_script_value_put(L, answer, p);
    if (!end) {
        write_answer(s, answer);
        end = p;
    }
    lua_settop(L, answer - 1);
    s->out = NULL;
    return end;
}

typedef struct guarding {
    script *script;
    kn_guarded *body;
    void *argument;
    kn_err *err;
    bool ok;
} guarding;

static int run_guarded(lua_State *L) {
    guarding *g = lua_touserdata(L, 1);
    int n = (int)g->script->field_count;
    luaL_checkstack(L, n + 2 * LUA_MINSTACK, "too many functions");
    lua_settop(L, 0);
    lua_rawgetp(L, LUA_REGISTRYINDEX, g->script);
    lua_getiuservalue(L, 1, FUNCTIONS);
    lua_getiuservalue(L, 1, CONTEXT);
    lua_replace(L, CTX);
    lua_pushliteral(L, "index");
    lua_insert(L, INDEX);
    for (int i = 0; i < n; i++)
        lua_rawgeti(L, FIRST, i + 1);
    lua_remove(L, FIRST);
    g->ok = g->body(g->argument, g->err);
    return 0;
}

static bool guard(void *context, kn_guarded *body, void *argument, kn_err *err) {
    script *s = context;
    guarding g = {s, body, argument, err, false};
    s->out = NULL;
    lua_pushcfunction(s->L, run_guarded);
    lua_pushlightuserdata(s->L, &g);
    if (kn_host_call(s->L, 1, 0, err))
        return g.ok;
    if (s->out)
        kn_fail_within(err, "schema %s, record %llu", s->fields[s->function].path,
                       (unsigned long long)s->index);
    s->out = NULL;
    return false;
}

static void release(void *context) {
    script *s = context;
    lua_State *L = s->main;
    s->cursor = NULL;
    if (!lua_checkstack(L, 4))
        return; /* its functions stay referenced */
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, s);
}

/* ---- opening ---- */

/* Reads the operations; the lists of functions and paths are on top of the stack. */
static void read_fields(lua_State *L, int list, script *s, lua_Integer n) {
    int functions = lua_gettop(L) - 1, paths = functions + 1;
    for (lua_Integer i = 1; i <= n; i++) {
        script_field *field = &s->fields[i - 1];
        lua_geti(L, list, i);
        lua_getfield(L, -1, "fn");
        lua_seti(L, functions, i);
        kn_slice stream;
        lua_getfield(L, -1, "stream");
        stream.p = luaL_checklstring(L, -1, &stream.n);
        field->key = kn_rng_stream_key(s->seed_key, kn_rng_hash(stream));
        lua_getfield(L, -2, "empty_array");
        field->empty_array = lua_toboolean(L, -1);
        lua_getfield(L, -3, "path");
        field->path = luaL_checkstring(L, -1);
        lua_seti(L, paths, i);
        lua_pop(L, 3);
    }
}

void kn_script_open(lua_State *L, int functions_index, int context_index,
                    kn_cursor_config *config) {
    static const luaL_Reg core[] = {
        {"random", l_script_random}, {"now", l_script_now},         {"read", l_script_read},
        {"write", l_script_write},   {"mapping", l_script_mapping}, {"access", l_script_access},
        {"field", l_script_field},   {"at", l_script_at},           {NULL, NULL}};
    int top = lua_gettop(L);
    int list = lua_absindex(L, functions_index);
    context_index = lua_absindex(L, context_index);
    lua_Integer n = (lua_Integer)lua_rawlen(L, list);
    script *s = lua_newuserdatauv(L, sizeof *s + (size_t)n * sizeof *s->fields, USER_VALUES);
    int self = top + 1;
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    *s = (script){.L = L, .main = lua_tothread(L, -1), .seed_key = kn_rng_seed_key(config->seed)};
    lua_pop(L, 1);

    lua_createtable(L, (int)n, 0);
    lua_createtable(L, (int)n, 0);
    read_fields(L, list, s, n);
    lua_setiuservalue(L, self, PATHS);
    lua_setiuservalue(L, self, FUNCTIONS);

    lua_pushvalue(L, context_index);
    luaL_newlibtable(L, core);
    lua_pushvalue(L, self);
    luaL_setfuncs(L, core, 1);
    lua_call(L, 1, 1);
    luaL_checktype(L, -1, LUA_TTABLE);
    lua_setiuservalue(L, self, CONTEXT);
    s->field_count = (size_t)n;
    lua_rawsetp(L, LUA_REGISTRYINDEX, s);
    lua_settop(L, top);
    config->call = call;
    config->guard = guard;
    config->call_context = s;
    config->release = release;
}

void kn_script_attach(const kn_cursor_config *config, kn_cursor *cursor) {
    if (config->call == call)
        ((script *)config->call_context)->cursor = cursor;
}

void kn_script_move(const kn_cursor_config *config, lua_State *L) {
    if (config->call == call)
        ((script *)config->call_context)->L = L;
}
