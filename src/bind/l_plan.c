/* kinessis.core.plan: compiles what kinessis.schema emits, and runs it from Lua.
 *
 *     plan.new(code, keep, make_context, columns) -> plan
 *     plan.escape(text) -> JSON string
 *
 * code is a list of literals (strings of JSON) and operations { op = name, stream = text,
 * <argument> = value, ... } by the rows of gen/ops.c, with `words` (a list; strings go in escaped,
 * without quotes; as they are with `raw`), `weights` and `body` (code) where the operation takes
 * them. A script operation
 * has `fn`, `path` and `empty_array` instead of arguments. keep is a list of slots of captures, or
 * nil; make_context is of bind/script.h. columns, or nil, are the slots of all fields that hold a
 * value, with csv = true for records as rows of CSV. Mistakes raise. */
#include "base/json.h"
#include "base/rng.h"
#include "bind/host.h"
#include "bind/libraries.h"
#include "bind/pick.h"
#include "bind/plan.h"
#include "bind/script.h"
#include "bind/script_value.h"
#include "gen/ops.h"

#define PLAN_TYPE "kinessis.plan"
#define BUILDER_TYPE "kinessis.plan_builder"
#define CURSOR_TYPE "kinessis.cursor"

enum { SCRIPTS = 1, MAKE_CONTEXT }; /* user values of a plan */
enum { MOST_ITEMS = KN_PLAN_MAX };

typedef struct plan_box {
    kn_plan *plan;
} plan_box;

typedef struct builder_box {
    kn_plan_builder *builder;
    kn_buf text; /* of the word table that is being read */
} builder_box;

typedef struct cursor_box {
    kn_cursor *cursor;
    const kn_plan *plan;
    kn_cursor_config config;
    kn_buf record;
    bool running; /* a function of the record must not use or close its own cursor */
} cursor_box;

/* Raises what a C function reported. */
static int raise(lua_State *L, const kn_err *err) {
    lua_pushstring(L, err->message);
    return lua_error(L);
}

const kn_plan *kn_check_plan(lua_State *L, int index) {
    plan_box *box = luaL_checkudata(L, index, PLAN_TYPE);
    luaL_argcheck(L, box->plan, index, "the plan is closed");
    return box->plan;
}

/* ---- compiling ---- */

/* Appends one word as it goes into the record; the slice holds its offset until all are read. */
static kn_slice read_word(lua_State *L, bool raw, kn_buf *text) {
    size_t start = text->len;
    if (raw) {
        kn_slice s;
        s.p = luaL_checklstring(L, -1, &s.n);
        kn_buf_slice(text, s);
        return (kn_slice){(const char *)(uintptr_t)start, s.n};
    }
    const char *problem = kn_script_value_write(L, -1, false, text);
    if (problem)
        luaL_error(L, "%s cannot be chosen", problem);
    bool quoted = lua_type(L, -1) == LUA_TSTRING;
    size_t quote = quoted ? 1 : 0;
    return (kn_slice){(const char *)(uintptr_t)(start + quote), text->len - start - 2 * quote};
}

/* Room for n items, as a userdata on the stack. n is what a script's __len may have said. */
static void *new_array(lua_State *L, lua_Integer n, size_t item) {
    if (n < 0 || n > MOST_ITEMS)
        luaL_error(L, "a list of %I items is not 0 to %d", (LUAI_UACINT)n, MOST_ITEMS);
    return lua_newuserdatauv(L, ((size_t)n + 1) * item, 0);
}

/* The words (and weights) of the operation on top of the stack. */
static uint32_t read_words(lua_State *L, builder_box *box, kn_err *err) {
    int top = lua_gettop(L);
    luaL_argexpected(L, lua_getfield(L, top, "words") == LUA_TTABLE, -1, "table");
    lua_Integer length = luaL_len(L, -1);
    bool weighted = lua_getfield(L, top, "weights") == LUA_TTABLE;
    lua_getfield(L, top, "raw");
    bool raw = lua_toboolean(L, -1);
    kn_slice *words = new_array(L, length, sizeof *words);
    double *weights = new_array(L, length, sizeof *weights);
    size_t n = (size_t)length;
    kn_buf_clear(&box->text);
    for (size_t i = 0; i < n && kn_buf_ok(&box->text); i++) {
        lua_geti(L, top + 1, (lua_Integer)i + 1);
        words[i] = read_word(L, raw, &box->text);
        lua_pop(L, 1);
        if (weighted) {
            lua_geti(L, top + 2, (lua_Integer)i + 1);
            weights[i] = luaL_checknumber(L, -1);
            lua_pop(L, 1);
        }
    }
    uint32_t table;
    if (!kn_buf_check(&box->text, "a list of choices", err))
        raise(L, err);
    for (size_t i = 0; i < n; i++)
        words[i].p = kn_buf_view(&box->text).p + (uintptr_t)words[i].p;
    if (!kn_plan_words(box->builder, words, weighted ? weights : NULL, n, &table, err))
        raise(L, err);
    lua_settop(L, top);
    return table;
}

/* The pick on top of the stack; returns its number. */
static int64_t read_pick(lua_State *L, builder_box *box) {
    kn_pick pick;
    kn_err err;
    uint32_t number;
    kn_read_pick(L, &pick);
    if (!kn_plan_pick(box->builder, &pick, &number, &err))
        raise(L, &err);
    return number;
}

static void read_args(lua_State *L, builder_box *box, kn_op_request *request) {
    const kn_op_type *type = request->type;
    for (int i = 0; i < KN_OP_ARGS && type->args[i].name; i++) {
        int is_number = 1;
        lua_getfield(L, -1, type->args[i].name);
        if (type->args[i].kind == KN_KIND_PICK)
            request->args[i].i = read_pick(L, box);
        else if (type->args[i].kind == KN_KIND_INT)
            request->args[i].i = lua_tointegerx(L, -1, &is_number);
        else
            request->args[i].d = lua_tonumberx(L, -1, &is_number);
        if (!is_number)
            luaL_error(L, "operation %s needs a number as %s", type->name, type->args[i].name);
        lua_pop(L, 1);
    }
}

/* A script operation joins the list at index 2 of the stack; its argument is its place there. */
static void read_script(lua_State *L, kn_op_request *request) {
    lua_Integer n = luaL_len(L, 2);
    lua_pushvalue(L, -1);
    lua_seti(L, 2, n + 1);
    request->args[0].i = n;
}

static void read_code(lua_State *L, builder_box *box);

/* The operation on top of the stack. */
static void read_op(lua_State *L, builder_box *box) {
    kn_err err;
    kn_op_request request = {0};
    int top = lua_gettop(L);
    lua_getfield(L, top, "op");
    const char *name = lua_tostring(L, -1);
    request.type = name ? kn_op_type_find(name) : NULL;
    if (!request.type)
        luaL_error(L, "there is no operation \"%s\"", name ? name : luaL_typename(L, -1));
    if (lua_getfield(L, top, "stream") == LUA_TSTRING) {
        kn_slice stream;
        stream.p = lua_tolstring(L, -1, &stream.n);
        request.stream = kn_rng_hash(stream);
    }
    lua_settop(L, top);
    if (lua_getfield(L, top, "fn") == LUA_TFUNCTION) {
        lua_settop(L, top);
        read_script(L, &request);
    } else {
        lua_settop(L, top);
        read_args(L, box, &request);
    }
    if (request.type->takes & KN_OP_WORDS)
        request.words = read_words(L, box, &err);
    if (lua_getfield(L, top, "place") == LUA_TSTRING)
        request.place.p = lua_tolstring(L, -1, &request.place.n);
    if (!kn_plan_op(box->builder, &request, &err))
        raise(L, &err);
    lua_settop(L, top);
    if (request.type->takes & KN_OP_BODY) {
        lua_getfield(L, top, "body");
        read_code(L, box);
        lua_pop(L, 1);
        kn_plan_end(box->builder);
    }
}

/* The list on top of the stack. */
static void read_code(lua_State *L, builder_box *box) {
    luaL_checkstack(L, 16, "nested too deep");
    if (!lua_istable(L, -1))
        luaL_error(L, "code must be a table, got %s", luaL_typename(L, -1));
    lua_Integer n = luaL_len(L, -1);
    for (lua_Integer i = 1; i <= n; i++) {
        if (lua_geti(L, -1, i) == LUA_TSTRING) {
            kn_slice literal;
            literal.p = lua_tolstring(L, -1, &literal.n);
            kn_plan_literal(box->builder, literal);
        } else if (lua_istable(L, -1))
            read_op(L, box);
        else
            luaL_error(L, "code holds a %s", luaL_typename(L, -1));
        lua_pop(L, 1);
    }
}

/* The list of slots at index, if any. */
static void read_kept(lua_State *L, int index, builder_box *box) {
    kn_err err;
    if (lua_isnil(L, index))
        return;
    luaL_checktype(L, index, LUA_TTABLE);
    for (lua_Integer i = 1; i <= luaL_len(L, index); i++) {
        lua_geti(L, index, i);
        if (!kn_plan_keep(box->builder, (uint32_t)luaL_checkinteger(L, -1), &err))
            raise(L, &err);
        lua_pop(L, 1);
    }
}

/* The list of slots at index, if any. */
static void read_columns(lua_State *L, int index, builder_box *box) {
    if (lua_isnil(L, index))
        return;
    luaL_checktype(L, index, LUA_TTABLE);
    lua_Integer length = luaL_len(L, index);
    uint32_t *slots = new_array(L, length, sizeof *slots);
    size_t n = (size_t)length;
    for (size_t i = 0; i < n; i++) {
        lua_geti(L, index, (lua_Integer)i + 1);
        slots[i] = (uint32_t)luaL_checkinteger(L, -1);
        lua_pop(L, 1);
    }
    lua_getfield(L, index, "csv");
    kn_plan_columns(box->builder, slots, n, lua_toboolean(L, -1));
    lua_pop(L, 2);
}

static int l_builder_gc(lua_State *L) {
    builder_box *box = luaL_checkudata(L, 1, BUILDER_TYPE);
    kn_plan_builder_destroy(box->builder);
    kn_buf_free(&box->text);
    box->builder = NULL;
    return 0;
}

enum {
    SCRIPT_LIST = 2,
    KEEP = SCRIPT_LIST, /* until it is on top */
    CONTEXT,
    COLUMNS,
    CODE,
    KEPT,
    PLAN,
    BUILDER
}; /* the stack of l_plan_new */

static int l_plan_new(lua_State *L) {
    kn_err err;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, COLUMNS);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, KEEP);
    lua_newtable(L);
    lua_replace(L, SCRIPT_LIST);
    plan_box *plan = lua_newuserdatauv(L, sizeof *plan, 2);
    plan->plan = NULL;
    luaL_setmetatable(L, PLAN_TYPE);
    builder_box *box = lua_newuserdatauv(L, sizeof *box, 0);
    box->builder = NULL;
    kn_buf_init(&box->text, KN_PLAN_MAX);
    luaL_setmetatable(L, BUILDER_TYPE);
    if (!kn_plan_builder_new(&box->builder, &err))
        return raise(L, &err);
    lua_pushvalue(L, CODE);
    read_code(L, box);
    lua_settop(L, BUILDER);
    read_kept(L, KEPT, box);
    read_columns(L, COLUMNS, box);
    bool ok = kn_plan_finish(box->builder, &plan->plan, &err);
    kn_plan_builder_destroy(box->builder);
    box->builder = NULL;
    kn_buf_free(&box->text);
    if (!ok)
        return raise(L, &err);
    lua_pushvalue(L, SCRIPT_LIST);
    lua_setiuservalue(L, PLAN, SCRIPTS);
    lua_pushvalue(L, CONTEXT);
    lua_setiuservalue(L, PLAN, MAKE_CONTEXT);
    lua_settop(L, PLAN);
    return 1;
}

static int l_plan_gc(lua_State *L) {
    plan_box *box = luaL_checkudata(L, 1, PLAN_TYPE);
    kn_plan_destroy(box->plan);
    box->plan = NULL;
    return 0;
}

/* plan:calls_scripts() -> boolean */
static int l_plan_calls_scripts(lua_State *L) {
    lua_pushboolean(L, kn_plan_calls_scripts(kn_check_plan(L, 1)));
    return 1;
}

/* plan:scripts() -> the operations that call functions: { { fn =, path =, ... }, ... } */
static int l_plan_scripts(lua_State *L) {
    kn_check_plan(L, 1);
    lua_getiuservalue(L, 1, SCRIPTS);
    return 1;
}

/* plan:fingerprint(of_functions) -> 16 hexadecimal digits; of_functions: what they do, as text */
static int l_plan_fingerprint(lua_State *L) {
    const kn_plan *plan = kn_check_plan(L, 1);
    kn_slice functions;
    char text[17];
    functions.p = luaL_checklstring(L, 2, &functions.n);
    snprintf(text, sizeof text, "%016llx",
             (unsigned long long)kn_plan_fingerprint(plan, functions));
    lua_pushstring(L, text);
    return 1;
}

/* plan:max_length() -> bytes of the longest record, without what functions return */
static int l_plan_max_length(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)kn_plan_max_length(kn_check_plan(L, 1)));
    return 1;
}

/* ---- cursors ---- */

/* (plan, config): protected part of kn_open_cursor */
static int open_script(lua_State *L) {
    lua_getiuservalue(L, 1, SCRIPTS);
    lua_getiuservalue(L, 1, MAKE_CONTEXT);
    kn_script_open(L, 3, 4, lua_touserdata(L, 2));
    return 0;
}

static bool open_cursor(lua_State *L, int plan_index, kn_cursor_config *config, kn_cursor **out,
                        kn_err *err) {
    plan_box *box = lua_touserdata(L, plan_index);
    config->call = NULL;
    config->guard = NULL;
    config->call_context = NULL;
    config->release = NULL;
    if (kn_plan_calls_scripts(box->plan)) {
        plan_index = lua_absindex(L, plan_index);
        if (!lua_checkstack(L, 2 * LUA_MINSTACK)) /* and for the calls */
            return kn_fail(err, KN_ENOMEM, "the Lua stack is full");
        lua_pushcfunction(L, open_script);
        lua_pushvalue(L, plan_index);
        lua_pushlightuserdata(L, config);
        if (!kn_host_call(L, 2, 0, err))
            return false;
    }
    if (!kn_cursor_new(box->plan, config, out, err)) {
        if (config->release)
            config->release(config->call_context);
        return false;
    }
    kn_script_attach(config, *out);
    return true;
}

bool kn_open_cursor(lua_State *L, int plan_index, const kn_cursor_config *config, kn_cursor **out,
                    lua_State **thread, kn_err *err) {
    kn_cursor_config with_calls = *config;
    if (!open_cursor(L, plan_index, &with_calls, out, err))
        return false;
    *thread = with_calls.call ? L : NULL;
    return true;
}

/* Field `name` (a number, 0 or more) of the options at 2, times scale; or otherwise. */
static int64_t option_scaled(lua_State *L, const char *name, double scale, int64_t otherwise) {
    int64_t v = otherwise;
    if (lua_istable(L, 2) && lua_getfield(L, 2, name) != LUA_TNIL) {
        lua_Number n = luaL_checknumber(L, -1) * scale;
        if (!(n >= 0 && n < 9e15))
            luaL_error(L, "%s is out of range", name);
        v = (int64_t)n;
    }
    lua_settop(L, 2);
    return v;
}

static double read_rate(lua_State *L, const char *name) {
    lua_getfield(L, -1, name);
    double rate = luaL_optnumber(L, -1, 0);
    lua_pop(L, 1);
    return rate;
}

void kn_read_disorder(lua_State *L, int index, kn_disorder *out) {
    *out = (kn_disorder){0};
    if (lua_getfield(L, index, "disorder") == LUA_TTABLE) {
        double late_ms = read_rate(L, "late_ms"), shuffle = read_rate(L, "shuffle");
        if (!(late_ms >= 0 && late_ms < 9e15 && shuffle >= 0 && shuffle <= 1 << 30))
            luaL_error(L, "disorder is out of range");
        *out = (kn_disorder){.late = read_rate(L, "late"),
                             .late_ms = (int64_t)late_ms,
                             .duplicate = read_rate(L, "duplicate"),
                             .corrupt = read_rate(L, "corrupt"),
                             .shuffle = (uint64_t)shuffle};
    }
    lua_pop(L, 1);
}

/* plan:cursor{ seed = 0, start = seconds, step = seconds, disorder = {} } -> cursor; without start,
 * now is the wall clock */
static int l_plan_cursor(lua_State *L) {
    kn_err err;
    kn_check_plan(L, 1);
    lua_settop(L, 2);
    kn_cursor_config config = {0};
    if (lua_istable(L, 2) && lua_getfield(L, 2, "seed") != LUA_TNIL)
        config.seed = (uint64_t)luaL_checkinteger(L, -1);
    lua_settop(L, 2);
    config.clock_start_ms = option_scaled(L, "start", 1e3, -1);
    config.clock_step_us = (uint64_t)option_scaled(L, "step", 1e6, 0);
    if (lua_istable(L, 2))
        kn_read_disorder(L, 2, &config.disorder);
    cursor_box *box = lua_newuserdatauv(L, sizeof *box, 1);
    *box = (cursor_box){.config = config, .plan = kn_check_plan(L, 1)};
    kn_buf_init(&box->record, KN_PLAN_MAX * 2);
    luaL_setmetatable(L, CURSOR_TYPE);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, 3, 1); /* the plan lives as long */
    if (!open_cursor(L, 1, &box->config, &box->cursor, &err))
        return raise(L, &err);
    return 1;
}

static int l_cursor_close(lua_State *L) {
    cursor_box *box = luaL_checkudata(L, 1, CURSOR_TYPE);
    luaL_argcheck(L, !box->running, 1, "the cursor is making a record");
    kn_cursor_destroy(box->cursor);
    box->cursor = NULL;
    kn_buf_free(&box->record);
    return 0;
}

/* cursor:record(i) -> JSON, the texts of the values that are kept */
static int l_cursor_record(lua_State *L) {
    kn_err err;
    cursor_box *box = luaL_checkudata(L, 1, CURSOR_TYPE);
    lua_Integer i = luaL_checkinteger(L, 2);
    luaL_argcheck(L, box->cursor, 1, "the cursor is closed");
    luaL_argcheck(L, !box->running, 1, "the cursor is making a record");
    kn_buf_clear(&box->record);
    luaL_checkstack(L, 2 * LUA_MINSTACK, NULL);
    kn_script_move(&box->config, L);
    box->running = true;
    bool ok = kn_cursor_record(box->cursor, (uint64_t)i, &box->record, &err);
    box->running = false;
    if (!ok)
        return raise(L, &err);
    lua_pushlstring(L, box->record.p, box->record.len);
    uint32_t kept = kn_plan_kept(box->plan);
    for (uint32_t n = 0; n < kept; n++) {
        kn_slice text = kn_cursor_kept(box->cursor, n);
        lua_pushlstring(L, text.p, text.n);
    }
    return 1 + (int)kept;
}

/* plan.escape(text) -> the text as a JSON string, with its quotes */
static int l_plan_escape(lua_State *L) {
    kn_err err;
    kn_slice s;
    s.p = luaL_checklstring(L, 1, &s.n);
    luaL_argcheck(L, s.n < KN_PLAN_MAX, 1, "too long");
    cursor_box *box = lua_newuserdatauv(L, sizeof *box, 1); /* frees its buffer, whatever raises */
    *box = (cursor_box){0};
    kn_buf_init(&box->record, (size_t)KN_PLAN_MAX * 6 + 2);
    luaL_setmetatable(L, CURSOR_TYPE);
    kn_json_escape(&box->record, s);
    if (!kn_buf_check(&box->record, "the text", &err))
        return raise(L, &err);
    lua_pushlstring(L, box->record.p, box->record.len);
    kn_buf_free(&box->record);
    return 1;
}

int kn_open_plan(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"new", l_plan_new}, {"escape", l_plan_escape}, {NULL, NULL}};
    static const luaL_Reg plan_methods[] = {
        {"cursor", l_plan_cursor},           {"calls_scripts", l_plan_calls_scripts},
        {"max_length", l_plan_max_length},   {"scripts", l_plan_scripts},
        {"fingerprint", l_plan_fingerprint}, {NULL, NULL}};
    static const luaL_Reg cursor_methods[] = {
        {"record", l_cursor_record}, {"close", l_cursor_close}, {NULL, NULL}};
    kn_host_new_type(L, PLAN_TYPE, plan_methods, l_plan_gc);
    kn_host_new_type(L, BUILDER_TYPE, NULL, l_builder_gc);
    kn_host_new_type(L, CURSOR_TYPE, cursor_methods, l_cursor_close);
    luaL_newlib(L, functions);
    return 1;
}
