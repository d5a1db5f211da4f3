/* kinessis.core.run: a run (run/run.h) for the Lua library. lua/kinessis/run.lua fills in its
 * table.
 *
 * The pace and the progress are Lua functions of the calling state, called on its thread. A plan
 * that calls script functions is made anew in a state of its own for each worker; other plans are
 * shared. While a run lasts, SIGINT and SIGTERM stop it, a second time abandon it, and a third time
 * end the process as they do elsewhere; a signal that was ignored before stays so. SIGUSR1 and
 * SIGUSR2 change it (run_control.c). Who tells how the run ended lets go() stay: then none of them
 * ends the process before that is told. */
#include "bind/host.h"
#include "bind/libraries.h"
#include "bind/plan.h"
#include "bind/run_binding.h"

#include <lauxlib.h>
#include <signal.h>

/* ---- stopping ---- */

/* Written by the signal handler; one run at a time listens. */
static _Atomic int stop_requests;
static _Atomic int deadly;               /* so many end the process */
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
    if (requests >= deadly) {
        signal(number, SIG_DFL);
        raise(number);
    }
}

static const int stop_signals[KN_STOP_SIGNALS] = {SIGINT, SIGTERM};

void kn_run_listen(struct sigaction before[KN_STOP_SIGNALS]) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    stop_requests = 0;
    deadly = 3;
    for (int i = 0; i < KN_STOP_SIGNALS; i++) {
        sigaction(stop_signals[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN)
            sigaction(stop_signals[i], &action, NULL);
    }
}

void kn_run_unlisten(const struct sigaction before[KN_STOP_SIGNALS]) {
    for (int i = 0; i < KN_STOP_SIGNALS; i++)
        sigaction(stop_signals[i], &before[i], NULL);
}

int kn_run_stop_requests(void) {
    return stop_requests;
}

/* ---- what the run calls ---- */

/* A Ctrl-C that came before is raised after: it ends the waiting, and not the run, unless the call
 * takes more instructions than this. */
#define PATIENT_INSTRUCTIONS 10000000

static bool call_patiently(lua_State *L, int nargs, int nresults, kn_err *err) {
    bool late = kn_repl_interrupted() && lua_gethookmask(L) == LUA_MASKCOUNT;
    lua_Hook hook = lua_gethook(L);
    if (late)
        lua_sethook(L, hook, LUA_MASKCOUNT, PATIENT_INSTRUCTIONS);
    bool ok = kn_host_call(L, nargs, nresults, err);
    if (late)
        lua_sethook(L, hook, LUA_MASKCOUNT, 1);
    return ok;
}

/* The hook of a run that does not listen is somebody else's: the REPL's. */
static bool call_back(const kn_run_binding *b, int nargs, int nresults, kn_err *err) {
    lua_State *L = b->L;
    if (!b->listens)
        return call_patiently(L, nargs, nresults, err);
    interruptible = L;
    bool ok = kn_host_call(L, nargs, nresults, err);
    interruptible = NULL;
    lua_sethook(L, NULL, 0, 0);
    return ok;
}

static bool call_due(void *context, double seconds, kn_due *due, kn_err *err) {
    kn_run_binding *b = context;
    lua_State *L = b->L;
    lua_getiuservalue(L, b->self, KN_RUN_PACE);
    lua_pushnumber(L, seconds);
    b->asking = true;
    bool ok = call_back(b, 1, 3, err);
    b->asking = false;
    if (!ok)
        return false;
    *due = (kn_due){lua_tonumber(L, -3), lua_tonumber(L, -2), lua_toboolean(L, -1)};
    lua_pop(L, 3);
    return true;
}

/* Pushing the table may raise (memory): within a call of its own. */
static int tell_progress(lua_State *L) {
    kn_run_push_status(L, lua_touserdata(L, 1), lua_touserdata(L, 2));
    lua_call(L, 1, 0);
    return 0;
}

static bool call_progress(void *context, const kn_run_status *status, kn_err *err) {
    kn_run_binding *b = context;
    lua_pushcfunction(b->L, tell_progress);
    lua_pushlightuserdata(b->L, b);
    lua_pushlightuserdata(b->L, (void *)status);
    lua_getiuservalue(b->L, b->self, KN_RUN_PROGRESS);
    return call_back(b, 3, 0, err);
}

/* (binding) -> the plan, in a worker's state. All of it is protected: a worker has no other call
 * around it that memory which is out could end. */
static int load_plan(lua_State *L) {
    const kn_run_binding *b = lua_touserdata(L, 1);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "kinessis.scenario");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "plan_of");
    lua_pushstring(L, b->path);
    lua_pushstring(L, b->format);
    lua_pushboolean(L, b->keyed);
    lua_call(L, 3, 1);
    return 1;
}

static bool open_cursor(kn_run_binding *b, unsigned worker, kn_cursor **cursor, kn_err *err) {
    if (!kn_plan_calls_scripts(b->plan))
        return kn_cursor_new(b->plan, &b->cursor, cursor, err);
    lua_State *L = b->states[worker] = kn_host_new(err);
    if (!L)
        return false;
    lua_pushcfunction(L, load_plan);
    lua_pushlightuserdata(L, b); /* the plan stays on the stack, and lives as long */
    return kn_host_call(L, 1, 1, err) &&
           kn_open_cursor(L, -1, &b->cursor, cursor, &b->threads[worker], err);
}

static void look_after_state(void *context, kn_run *run) {
    kn_state_look(((kn_run_binding *)context)->state, run);
}

static bool open_worker(void *context, unsigned worker, kn_stats *stats, kn_cursor **cursor,
                        kn_sink **sinks, kn_err *err) {
    kn_run_binding *b = context;
    if (!open_cursor(b, worker, cursor, err))
        return false;
    for (size_t i = 0; i < b->sink_count; i++)
        if (!kn_run_open_sink(&b->sinks[i], &stats[i], &sinks[i], err))
            return false;
    return true;
}

static void close_worker(void *context, unsigned worker) {
    kn_run_binding *b = context;
    if (b->states[worker])
        lua_close(b->states[worker]);
    b->states[worker] = NULL;
}

/* In a signal handler on the worker's thread: on another, lua_sethook would walk a list of calls
 * that the worker may free meanwhile. */
static void interrupt_worker(void *context, unsigned worker) {
    kn_run_binding *b = context;
    if (b->threads[worker])
        interrupt_state(b->threads[worker]);
}

void kn_run_close(kn_run_binding *b) {
    kn_run_destroy(b->run);
    b->run = NULL;
    kn_run_close_sinks(b);
}

static int binding_close(lua_State *L) {
    kn_run_close(luaL_checkudata(L, 1, KN_RUN_TYPE));
    return 0;
}

static kn_run_binding *new_binding(lua_State *L) {
    luaL_checktype(L, KN_RUN_CONFIG, LUA_TTABLE);
    lua_settop(L, KN_RUN_PLAN);
    luaL_checkstack(L, 2 * LUA_MINSTACK, NULL);
    kn_run_binding *b = lua_newuserdatauv(L, sizeof *b, KN_RUN_VALUES);
    *b = (kn_run_binding){.L = L, .self = KN_RUN_BINDING};
    luaL_setmetatable(L, KN_RUN_TYPE);
    lua_replace(L, KN_RUN_BINDING);
    return b;
}

static bool has_function(lua_State *L, int value) {
    bool found = lua_getiuservalue(L, KN_RUN_BINDING, value) != LUA_TNIL;
    lua_pop(L, 1);
    return found;
}

/* Reads the configuration and opens the workers. May raise. */
static bool open_run(lua_State *L, kn_run_binding *b, kn_err *err) {
    kn_run_config config;
    kn_run_read_config(L, b, &config);
    config.open = open_worker;
    config.close = close_worker;
    config.stop_requests = b->listens ? &stop_requests : &b->stops;
    config.due = has_function(L, KN_RUN_PACE) ? call_due : NULL;
    config.progress = has_function(L, KN_RUN_PROGRESS) ? call_progress : NULL;
    config.control = b->listens ? kn_run_control : NULL;
    config.interrupt = kn_plan_calls_scripts(b->plan) ? interrupt_worker : NULL;
    bool ok = kn_run_read_sinks(L, b, err);
    config.sink_count = b->sink_count;
    for (size_t i = 0; i < b->sink_count; i++)
        config.keys[i] = b->sinks[i].keys;
    ok = ok && kn_run_open_state(L, b, &config, err);
    config.look = b->state ? look_after_state : NULL;
    return ok && kn_run_new(&config, &b->run, err);
}

/* go{...} -> summary, or nil and an error when the run could not start.
 *
 *   plan                  of scenario:plan(format, keyed)
 *   path, format          the scenario's file, and what its plan was asked for, where it calls
 *                         scripts
 *   sinks                 a list of
 *                         { kind = "kinesis" | "firehose", name =, aws = {...}, no_newline =,
 *                           partition_key =, explicit_hash_key = numbers of kept values, ... }
 *                         { kind = "text", path = (nil: stdout), header = a line before records }
 *                         { kind = "null" }
 *                         { kind = "digest", digest = of kinessis.core.verify }
 *   seed, first, amount   amount nil: until stopped
 *   workers               nil: one per processor
 *   clock_start, clock_step   seconds; without a start now is the wall clock
 *   due(seconds) -> records, until, over: see kn_due
 *   closed                the pace waits for the sender
 *   progress(status)
 *   control(what)         "paused", "resumed", or "reload", which may return another due: after
 *                         SIGUSR1 or SIGUSR2
 *   drain                 seconds that a stopped run may take to deliver what it has
 *   stay                  true: signals are listened to after the end, too; see told()
 *   state                 { path =, head = } (run/state.h; nil: none); then sinks may have
 *                         settled = { { from, to } ... } and position =, of the run that goes on
 *   dead_letters, target  the file for records that are given up (nil: none), and what it calls the
 *                         target
 *
 * Status and summary: see run_results.c. */
static int l_run_go(lua_State *L) {
    kn_run_binding *b = new_binding(L);
    lua_pushvalue(L, KN_RUN_BINDING);
    lua_toclose(L, -1);
    b->listens = true;
    kn_run_summary summary;
    kn_err err;
    if (!open_run(L, b, &err))
        return kn_host_error(L, &err);
    if (b->state) /* before the first record is claimed */
        kn_state_look(b->state, b->run);
    lua_getfield(L, KN_RUN_CONFIG, "stay");
    bool stay = lua_toboolean(L, -1);
    struct sigaction before[KN_STOP_SIGNALS], control_before[KN_CONTROL_SIGNALS];
    kn_run_listen(before);
    kn_run_listen_control(control_before);
    bool ok = kn_run_go(b->run, &summary, &err);
    if (!stay) {
        kn_run_unlisten_control(control_before);
        kn_run_unlisten(before);
    }
    kn_run_push_end(L, b, &summary, ok ? NULL : &err);
    return 1;
}

/* told(): the summary of a run that let go() stay is told; what is left to do (a file, a flush) is
 * not stopped by the first SIGINT or SIGTERM of all, but the next ends the process. */
static int l_run_told(lua_State *L) {
    (void)L;
    deadly = 2;
    return 0;
}

/* start{...} -> a run in the background (run_control.c), or nil and an error. It listens to no
 * signals; `ahead` are the seconds that may pass between two steps. */
static int l_run_start(lua_State *L) {
    kn_run_binding *b = new_binding(L);
    kn_err err;
    bool ok = open_run(L, b, &err);
    if (ok && b->state)
        kn_state_look(b->state, b->run);
    if (!ok || !kn_run_start(b->run, &err)) {
        kn_run_close(b);
        return kn_host_error(L, &err);
    }
    lua_pushvalue(L, KN_RUN_BINDING);
    return 1;
}

int kn_open_run(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"go", l_run_go}, {"told", l_run_told}, {"start", l_run_start}, {NULL, NULL}};
    kn_host_new_type(L, KN_RUN_TYPE, kn_run_methods, binding_close);
    luaL_newlib(L, functions);
    lua_createtable(L, KN_LATENCY_BOUNDS, 0);
    for (int i = 0; i < KN_LATENCY_BOUNDS; i++) {
        lua_pushnumber(L, kn_latency_bounds[i]);
        lua_seti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "latency_bounds");
    return 1;
}
