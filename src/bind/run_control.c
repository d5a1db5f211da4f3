/* What changes a run while it lasts: signals, for the run of go(); methods, for one that start()
 * put into the background, whose calling thread is whoever calls step(). */
#include "bind/host.h"
#include "bind/run_binding.h"

/* ---- signals ---- */

static const int signals[KN_CONTROL_SIGNALS] = {SIGUSR1, SIGUSR2};
static _Atomic int pause_requests, reload_requests; /* counted by the handler */

static void on_signal(int number) {
    ++*(number == SIGUSR1 ? &pause_requests : &reload_requests);
}

void kn_run_listen_control(struct sigaction before[KN_CONTROL_SIGNALS]) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    pause_requests = reload_requests = 0;
    for (int i = 0; i < KN_CONTROL_SIGNALS; i++)
        sigaction(signals[i], &action, &before[i]);
}

void kn_run_unlisten_control(const struct sigaction before[KN_CONTROL_SIGNALS]) {
    for (int i = 0; i < KN_CONTROL_SIGNALS; i++)
        sigaction(signals[i], &before[i], NULL);
}

/* Calls control(what), if there is one; leaves its result on the stack. */
static bool call_control(const kn_run_binding *b, const char *what, kn_err *err) {
    lua_State *L = b->L;
    if (lua_getiuservalue(L, b->self, KN_RUN_CONTROL) == LUA_TNIL)
        return true;
    lua_pushstring(L, what);
    return kn_host_call(L, 1, 1, err);
}

/* To what is on top of the stack; self: where on it the binding is. */
static void change_pace(lua_State *L, int self, const kn_run_binding *b) {
    bool paced = lua_isfunction(L, -1);
    lua_setiuservalue(L, self, KN_RUN_PACE);
    kn_run_change_pace(b->run, paced);
}

bool kn_run_control(void *context, kn_run *run, kn_err *err) {
    kn_run_binding *b = context;
    if (atomic_exchange(&pause_requests, 0) % 2) {
        b->paused = !b->paused;
        kn_run_pause(run, b->paused);
        if (!call_control(b, b->paused ? "paused" : "resumed", err))
            return false;
        lua_pop(b->L, 1);
    }
    if (atomic_exchange(&reload_requests, 0)) {
        if (!call_control(b, "reload", err))
            return false;
        if (lua_isfunction(b->L, -1))
            change_pace(b->L, b->self, b);
        else
            lua_pop(b->L, 1);
    }
    return true;
}

/* ---- methods ---- */

/* What a run's own progress or pace calls is on its stack: the run stays with whom it asked. */
static kn_run_binding *enter(lua_State *L) {
    kn_run_binding *b = luaL_checkudata(L, 1, KN_RUN_TYPE);
    luaL_argcheck(L, b->run, 1, "the run is over");
    if (!b->inside) {
        b->L = L;
        b->self = 1;
    }
    return b;
}

/* False once it is over. What the run calls raises nothing out of it. */
static bool step(kn_run_binding *b, int64_t timeout_ms) {
    if (b->inside)
        return true;
    b->inside = true;
    bool lasts = kn_run_step(b->run, timeout_ms);
    b->inside = false;
    return lasts;
}

/* run:step(milliseconds) -> whether it still runs. Keeps the pace and calls progress(); to be
 * called again before the pace that was asked ahead is used up. */
static int l_run_step(lua_State *L) {
    kn_run_binding *b = enter(L);
    lua_pushboolean(L, step(b, luaL_optinteger(L, 2, 0)));
    return 1;
}

/* run:inside() -> whether its own progress() or due() asks */
static int l_run_inside(lua_State *L) {
    lua_pushboolean(L, enter(L)->inside);
    return 1;
}

/* run:pause(whether) */
static int l_run_pause(lua_State *L) {
    kn_run_binding *b = enter(L);
    b->paused = lua_toboolean(L, 2);
    kn_run_pause(b->run, b->paused);
    return 0;
}

/* run:change(due or nil): another pace from now on; nil: all is due at once */
static int l_run_change(lua_State *L) {
    kn_run_binding *b = enter(L);
    luaL_argcheck(L, !b->asking, 1, "its pace is being asked: it cannot change it");
    if (!lua_isnoneornil(L, 2))
        luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    change_pace(L, 1, b);
    return 0;
}

/* run:status() -> as progress() gets it */
static int l_run_status(lua_State *L) {
    kn_run_binding *b = enter(L);
    kn_run_status status;
    kn_run_look(b->run, &status);
    kn_run_push_status(L, b, &status);
    return 1;
}

/* run:stop(): the first delivers what was made, the second waits for nothing */
static int l_run_stop(lua_State *L) {
    kn_run_binding *b = enter(L);
    b->stops++;
    step(b, 0);
    return 0;
}

/* run:finish() -> the summary, once step() has returned false */
static int l_run_finish(lua_State *L) {
    kn_run_binding *b = enter(L);
    kn_run_summary summary;
    kn_err err;
    luaL_argcheck(L, !step(b, 0), 1, "the run is not over");
    bool ok = kn_run_finish(b->run, &summary, &err);
    kn_run_push_end(L, b, &summary, ok ? NULL : &err);
    kn_run_close(b);
    return 1;
}

const luaL_Reg kn_run_methods[] = {{"step", l_run_step},     {"inside", l_run_inside},
                                   {"pause", l_run_pause},   {"change", l_run_change},
                                   {"status", l_run_status}, {"stop", l_run_stop},
                                   {"finish", l_run_finish}, {NULL, NULL}};
