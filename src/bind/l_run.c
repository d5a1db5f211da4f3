/* kinessis.core.run: a run (run/run.h) for the Lua library. lua/kinessis/run.lua fills in its
 * table.
 *
 * The pace and the progress are Lua functions of the calling state, called on its thread. A plan
 * that calls script functions is made anew in a state of its own for each worker; other plans are
 * shared. While a run lasts, SIGINT and SIGTERM stop it, a second time abandon it, and a third time
 * end the process as they do elsewhere; a signal that was ignored before stays so. */
#include "bind/aws.h"
#include "bind/host.h"
#include "bind/libraries.h"
#include "bind/plan.h"
#include "run/run.h"
#include "run/sink_stream.h"
#include "run/sink_text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUN_TYPE "kinessis.run"

typedef enum { SINK_KINESIS, SINK_FIREHOSE, SINK_TEXT, SINK_NULL } sink_kind;

typedef struct sink_spec {
    sink_kind kind;
    kn_aws_config aws;
    kn_sink_stream_config stream;
    int fd; /* to be closed, or -1 */
    kn_text *text;
} sink_spec;

/* Lives in a userdata, so that an error on the way closes what is open. Texts and the plan are
 * borrowed from the configuration table, which is on the stack as long. */
typedef struct binding {
    lua_State *L;
    kn_run *run;
    kn_cursor_config cursor;
    const kn_plan *plan;
    /* How a worker's state gets the plan: scenario.plan_of(path, kept, format) */
    const char *path, *kept, *format;
    sink_spec sinks[KN_RUN_SINKS];
    size_t sink_count;
    lua_State *states[KN_RUN_WORKERS];
    lua_State *threads[KN_RUN_WORKERS]; /* in them, where the functions of fields run */
} binding;

/* The stack of l_run_go */
enum { CONFIG = 1, BINDING, DUE, PROGRESS, PLAN };

/* ---- stopping ---- */

/* Written by the signal handler; one run at a time listens. */
static _Atomic int stop_requests;
static lua_State *_Atomic interruptible; /* in a callback: a second stop breaks out of it */

static void stop_script(lua_State *L, lua_Debug *frame) {
    (void)frame;
    lua_sethook(L, NULL, 0, 0);
    luaL_error(L, "interrupted");
}

static void interrupt_state(lua_State *L) {
    lua_sethook(L, stop_script, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

static void on_signal(int number) {
    int requests = ++stop_requests;
    lua_State *L = interruptible;
    if (requests > 1 && L)
        interrupt_state(L);
    if (requests > 2) {
        signal(number, SIG_DFL);
        raise(number);
    }
}

static const int stop_signals[] = {SIGINT, SIGTERM};
enum { STOP_SIGNALS = sizeof stop_signals / sizeof *stop_signals };

static void listen_to_signals(struct sigaction before[STOP_SIGNALS]) {
    struct sigaction action = {.sa_handler = on_signal};
    stop_requests = 0;
    for (int i = 0; i < STOP_SIGNALS; i++) {
        sigaction(stop_signals[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN)
            sigaction(stop_signals[i], &action, NULL);
    }
}

static void restore_signals(const struct sigaction before[STOP_SIGNALS]) {
    for (int i = 0; i < STOP_SIGNALS; i++)
        sigaction(stop_signals[i], &before[i], NULL);
}

/* ---- what the run calls ---- */

static bool call_back(lua_State *L, int nargs, int nresults, kn_err *err) {
    interruptible = L;
    bool ok = kn_host_call(L, nargs, nresults, err);
    interruptible = NULL;
    lua_sethook(L, NULL, 0, 0);
    return ok;
}

static bool call_due(void *context, double seconds, double *records, kn_err *err) {
    lua_State *L = ((binding *)context)->L;
    lua_pushvalue(L, DUE);
    lua_pushnumber(L, seconds);
    if (!call_back(L, 1, 1, err))
        return false;
    *records = lua_tonumber(L, -1);
    lua_pop(L, 1);
    return true;
}

static bool call_progress(void *context, double seconds, const kn_run_totals *t, kn_err *err) {
    lua_State *L = ((binding *)context)->L;
    const uint64_t counts[] = {t->generated, t->delivered, t->retried, t->failed, t->throttled};
    int n = sizeof counts / sizeof *counts;
    lua_pushvalue(L, PROGRESS);
    lua_pushnumber(L, seconds);
    for (int i = 0; i < n; i++)
        lua_pushinteger(L, (lua_Integer)counts[i]);
    return call_back(L, 1 + n, 0, err);
}

static bool open_sink(sink_spec *spec, kn_stats *stats, kn_sink **out, kn_err *err) {
    switch (spec->kind) {
    case SINK_TEXT:
        return kn_sink_text_open(spec->text, stats, out, err);
    case SINK_NULL:
        return kn_sink_null_open(stats, out, err);
    default:
        return kn_sink_stream_open(&spec->stream, stats, out, err);
    }
}

/* Leaves the plan on the stack of the worker's state, where it lives as long. */
static bool load_plan(binding *b, lua_State *L, kn_err *err) {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "kinessis.scenario");
    if (!kn_host_call(L, 1, 1, err))
        return false;
    lua_getfield(L, -1, "plan_of");
    lua_pushstring(L, b->path);
    lua_pushstring(L, b->kept);
    lua_pushstring(L, b->format);
    return kn_host_call(L, 3, 1, err);
}

static bool open_cursor(binding *b, unsigned worker, kn_cursor **cursor, kn_err *err) {
    if (!kn_plan_calls_scripts(b->plan))
        return kn_cursor_new(b->plan, &b->cursor, cursor, err);
    lua_State *L = b->states[worker] = kn_host_new(err);
    return L && load_plan(b, L, err) &&
           kn_open_cursor(L, -1, &b->cursor, cursor, &b->threads[worker], err);
}

static bool open_worker(void *context, unsigned worker, kn_stats *stats, kn_cursor **cursor,
                        kn_sink **sinks, kn_err *err) {
    binding *b = context;
    if (!open_cursor(b, worker, cursor, err))
        return false;
    for (size_t i = 0; i < b->sink_count; i++)
        if (!open_sink(&b->sinks[i], &stats[i], &sinks[i], err))
            return false;
    return true;
}

static void close_worker(void *context, unsigned worker) {
    binding *b = context;
    if (b->states[worker])
        lua_close(b->states[worker]);
    b->states[worker] = NULL;
}

static void interrupt_worker(void *context, unsigned worker) {
    binding *b = context;
    if (b->threads[worker])
        interrupt_state(b->threads[worker]);
}

/* ---- the configuration table ---- */

static lua_Integer integer_field(lua_State *L, int table, const char *key, lua_Integer otherwise) {
    lua_getfield(L, table, key);
    int is_integer = 1;
    lua_Integer value = lua_isnil(L, -1) ? otherwise : lua_tointegerx(L, -1, &is_integer);
    if (!is_integer)
        luaL_error(L, "%s: an integer is expected, not %s", key, luaL_tolstring(L, -1, NULL));
    lua_pop(L, 1);
    return value;
}

static lua_Number number_field(lua_State *L, int table, const char *key, lua_Number otherwise) {
    lua_getfield(L, table, key);
    int is_number = 1;
    lua_Number value = lua_isnil(L, -1) ? otherwise : lua_tonumberx(L, -1, &is_number);
    if (!is_number)
        luaL_error(L, "%s: a number is expected, not %s", key, luaL_tolstring(L, -1, NULL));
    lua_pop(L, 1);
    return value;
}

/* The text stays valid while the table holds it. */
static const char *text_field(lua_State *L, int table, const char *key) {
    int type = lua_getfield(L, table, key);
    if (type != LUA_TSTRING && type != LUA_TNIL)
        luaL_error(L, "%s: a string is expected, not %s", key, luaL_tolstring(L, -1, NULL));
    const char *text = lua_tostring(L, -1);
    lua_pop(L, 1);
    return text;
}

/* False: the file cannot be opened. */
static bool read_text_sink(lua_State *L, int table, sink_spec *spec, kn_err *err) {
    const char *path = text_field(L, table, "path"), *header = text_field(L, table, "header");
    int fd = STDOUT_FILENO;
    if (path) {
        fd = spec->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (fd < 0)
            return kn_fail_errno(err, "cannot write %s", path);
    }
    return kn_text_new(fd, path ? path : "stdout", header, &spec->text, err);
}

static bool read_sink(lua_State *L, int table, sink_spec *spec, kn_err *err) {
    static const char *const kinds[] = {"kinesis", "firehose", "text", "null", NULL};
    lua_getfield(L, table, "kind");
    spec->fd = -1;
    spec->kind = (sink_kind)luaL_checkoption(L, -1, NULL, kinds);
    lua_pop(L, 1);
    if (spec->kind == SINK_NULL)
        return true;
    if (spec->kind == SINK_TEXT)
        return read_text_sink(L, table, spec, err);
    lua_getfield(L, table, "aws");
    kn_bind_aws_config(L, -1, &spec->aws);
    lua_pop(L, 1);
    lua_getfield(L, table, "no_newline");
    spec->stream = (kn_sink_stream_config){
        .aws = &spec->aws,
        .service = spec->kind == SINK_KINESIS ? KN_STREAM_KINESIS : KN_STREAM_FIREHOSE,
        .stream = text_field(L, table, "name"),
        .max_records = (uint32_t)integer_field(L, table, "max_records", 0),
        .max_bytes = (uint32_t)integer_field(L, table, "max_bytes", 0),
        .requests_in_flight = (uint32_t)integer_field(L, table, "requests_in_flight", 0),
        .linger_ms = (uint32_t)integer_field(L, table, "linger_ms", 0),
        .no_newline = lua_toboolean(L, -1),
    };
    lua_pop(L, 1);
    luaL_argcheck(L, spec->stream.stream, CONFIG, "a stream without a name");
    return true;
}

static bool read_sinks(lua_State *L, binding *b, kn_err *err) {
    lua_getfield(L, CONFIG, "sinks");
    luaL_checktype(L, -1, LUA_TTABLE);
    lua_Integer n = luaL_len(L, -1);
    luaL_argcheck(L, n >= 1 && n <= KN_RUN_SINKS, CONFIG, "1 to 4 sinks");
    for (lua_Integer i = 1; i <= n; i++) {
        lua_geti(L, -1, i);
        luaL_checktype(L, -1, LUA_TTABLE);
        if (!read_sink(L, lua_gettop(L), &b->sinks[b->sink_count++], err))
            return false;
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return true;
}

static void read_cursor(lua_State *L, binding *b) {
    double start = number_field(L, CONFIG, "clock_start", -1);
    double step = number_field(L, CONFIG, "clock_step", 0.001);
    luaL_argcheck(L, start <= 253402300799.0, CONFIG, "clock_start is after the year 9999");
    luaL_argcheck(L, step >= 0 && step <= 1e9, CONFIG, "clock_step is not from 0 to 1e9 seconds");
    b->cursor.seed = (uint64_t)integer_field(L, CONFIG, "seed", 0);
    b->cursor.clock_start_ms = start < 0 ? -1 : (int64_t)(start * 1000 + 0.5);
    b->cursor.clock_step_us = (uint64_t)(step * 1e6 + 0.5);
    kn_read_disorder(L, CONFIG, &b->cursor.disorder);
    b->path = text_field(L, CONFIG, "path");
    b->kept = text_field(L, CONFIG, "kept");
    b->format = text_field(L, CONFIG, "format");
    b->plan = kn_check_plan(L, PLAN);
    luaL_argcheck(L, b->path || !kn_plan_calls_scripts(b->plan), CONFIG,
                  "a plan that calls scripts needs the path of its scenario");
}

static bool function_field(lua_State *L, int slot, const char *key) {
    lua_getfield(L, CONFIG, key);
    if (!lua_isnil(L, -1))
        luaL_checktype(L, -1, LUA_TFUNCTION);
    lua_replace(L, slot);
    return !lua_isnil(L, slot);
}

static kn_run_config read_config(lua_State *L, binding *b) {
    lua_Integer amount = integer_field(L, CONFIG, "amount", -1);
    kn_run_config c = {
        .context = b,
        .workers = (unsigned)integer_field(L, CONFIG, "workers", 0),
        .first = (uint64_t)integer_field(L, CONFIG, "first", 0),
        .amount = amount < 0 ? UINT64_MAX : (uint64_t)amount,
        .drain_ms = (int64_t)(number_field(L, CONFIG, "drain", 10) * 1000),
        .open = open_worker,
        .close = close_worker,
        .progress_ms = 200,
        .stop_requests = &stop_requests,
    };
    if (function_field(L, DUE, "due"))
        c.due = call_due;
    if (function_field(L, PROGRESS, "progress"))
        c.progress = call_progress;
    lua_getfield(L, CONFIG, "plan");
    lua_replace(L, PLAN);
    read_cursor(L, b);
    if (kn_plan_calls_scripts(b->plan))
        c.interrupt = interrupt_worker;
    return c;
}

/* ---- the results ---- */

static void push_totals(lua_State *L, const kn_run_totals *t, const kn_err *first_error) {
    const struct {
        const char *key;
        uint64_t value;
    } fields[] = {
        {"generated", t->generated}, {"delivered", t->delivered}, {"retried", t->retried},
        {"failed", t->failed},       {"throttled", t->throttled}, {"requests", t->requests},
        {"bytes", t->bytes},
    };
    lua_createtable(L, 0, 8);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        lua_pushinteger(L, (lua_Integer)fields[i].value);
        lua_setfield(L, -2, fields[i].key);
    }
    if (first_error->code != KN_OK) {
        kn_host_push_error(L, first_error);
        lua_setfield(L, -2, "first_error");
    }
}

static void push_summary(lua_State *L, const kn_run_summary *s, size_t sinks, const kn_err *err) {
    lua_createtable(L, 0, 7);
    lua_pushinteger(L, (lua_Integer)s->generated);
    lua_setfield(L, -2, "generated");
    lua_pushnumber(L, s->seconds);
    lua_setfield(L, -2, "seconds");
    lua_pushinteger(L, s->workers);
    lua_setfield(L, -2, "workers");
    lua_pushboolean(L, s->stopped);
    lua_setfield(L, -2, "stopped");
    lua_pushboolean(L, s->abandoned);
    lua_setfield(L, -2, "abandoned");
    if (err) {
        kn_host_push_error(L, err);
        lua_setfield(L, -2, "error");
    }
    lua_createtable(L, (int)sinks, 0);
    for (size_t i = 0; i < sinks; i++) {
        push_totals(L, &s->sinks[i], &s->first_error[i]);
        lua_seti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "sinks");
}

static int binding_close(lua_State *L) {
    binding *b = luaL_checkudata(L, 1, RUN_TYPE);
    kn_run_destroy(b->run);
    b->run = NULL;
    for (size_t i = 0; i < b->sink_count; i++) {
        sink_spec *spec = &b->sinks[i];
        kn_text_destroy(spec->text);
        if (spec->kind == SINK_TEXT && spec->fd >= 0)
            close(spec->fd);
        explicit_bzero(&spec->aws, sizeof spec->aws);
    }
    b->sink_count = 0;
    return 0;
}

static binding *new_binding(lua_State *L) {
    binding *b = lua_newuserdatauv(L, sizeof *b, 0);
    *b = (binding){.L = L};
    luaL_setmetatable(L, RUN_TYPE);
    lua_replace(L, BINDING);
    lua_pushvalue(L, BINDING);
    lua_toclose(L, -1);
    return b;
}

/* go{...} -> summary, or nil and an error when the run could not start:
 *   plan          of schema:plan(kept)
 *   path, kept, format   the scenario's file and what its plan was asked for, where it calls
 * scripts sinks         { { kind = "kinesis" | "firehose", name =, aws = {...}, no_newline =, ...
 * }, { kind = "text", path = nil for stdout, header = a line before the records }, { kind = "null"
 * } } seed, first, amount (nil: until stopped), workers (nil: one per processor) clock_start,
 * clock_step   seconds; without a start now is the wall clock due(seconds) -> records,
 * progress(seconds, generated, delivered, retried, failed, throttled) drain         seconds that a
 * stopped run may take to deliver what it has summary: { generated, seconds, workers, stopped,
 * abandoned, error = what ended the run, sinks = { { generated, delivered, retried, failed,
 * throttled, requests, bytes, first_error } }
 * }
 */
static int l_run_go(lua_State *L) {
    luaL_checktype(L, CONFIG, LUA_TTABLE);
    lua_settop(L, PLAN);
    luaL_checkstack(L, 2 * LUA_MINSTACK, NULL);
    binding *b = new_binding(L);
    kn_run_config config = read_config(L, b);
    kn_run_summary summary;
    kn_err err;
    bool opened = read_sinks(L, b, &err);
    config.sink_count = b->sink_count;
    if (!opened || !kn_run_new(&config, &b->run, &err))
        return kn_host_error(L, &err);
    struct sigaction before[STOP_SIGNALS];
    listen_to_signals(before);
    bool ok = kn_run_go(b->run, &summary, &err);
    restore_signals(before);
    push_summary(L, &summary, b->sink_count, ok ? NULL : &err);
    return 1;
}

int kn_open_run(lua_State *L) {
    static const luaL_Reg functions[] = {{"go", l_run_go}, {NULL, NULL}};
    luaL_newmetatable(L, RUN_TYPE);
    lua_pushcfunction(L, binding_close);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, binding_close);
    lua_setfield(L, -2, "__close");
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    return 1;
}
