/* What a field made by a Lua function costs over the plan without it, next to the limit: a loop in
 * C that calls the same function, and one that calls it protected, as errors must not end the
 * process.
 *
 *     function FILE RECORDS      FILE is functions.lua
 *
 * Prints lines of: what, nanoseconds of CPU over the plan, of a call, of a protected call; between
 * tabs. Each is the least of several turns, since other work on the machine only adds. */
#include "bind/host.h"
#include "bind/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BLOCK = 1 << 20, TURNS = 5, FUNCTION = 3, CONTEXT, WITH, WITHOUT }; /* on the stack */

static double cpu_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

typedef struct records_run {
    kn_cursor *cursor;
    kn_buf *block;
    uint64_t records;
} records_run;

static bool make_records(void *argument, kn_err *err) {
    const records_run *run = argument;
    for (uint64_t i = 0; i < run->records; i++) {
        if (!kn_cursor_record(run->cursor, i, run->block, err))
            return false;
        if (run->block->len > BLOCK)
            kn_buf_clear(run->block);
    }
    return true;
}

static bool run_plan(lua_State *L, int plan, uint64_t records, kn_err *err) {
    kn_cursor_config config = {.seed = 1, .clock_start_ms = 0, .clock_step_us = 100};
    kn_cursor *cursor = NULL;
    lua_State *thread;
    kn_buf block;
    bool ok = false;
    kn_buf_init(&block, 2 * BLOCK);
    if (!kn_open_cursor(L, plan, &config, &cursor, &thread, err))
        goto out;
    ok = kn_cursor_guard(cursor, make_records, &(records_run){cursor, &block, records}, err);
out:
    kn_cursor_destroy(cursor);
    kn_buf_free(&block);
    return ok;
}

/* The limit: what any host must do to call the function with the record's number. */
static bool run_calls(lua_State *L, bool protected, uint64_t records, kn_err *err) {
    for (uint64_t i = 0; i < records; i++) {
        lua_pushliteral(L, "index");
        lua_pushinteger(L, (lua_Integer)i);
        lua_rawset(L, CONTEXT);
        lua_pushvalue(L, FUNCTION);
        lua_pushvalue(L, CONTEXT);
        if (!protected)
            lua_call(L, 1, 1);
        else if (lua_pcall(L, 1, 1, 0) != LUA_OK)
            return kn_fail(err, KN_ESCRIPT, "%s", lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    return true;
}

/* Replaces a schema on the stack by its plan. */
static bool make_plan(lua_State *L, int index, kn_err *err) {
    lua_getfield(L, index, "plan");
    lua_pushvalue(L, index);
    if (!kn_host_call(L, 1, 1, err))
        return false;
    lua_replace(L, index);
    return true;
}

enum { RUN_WITH, RUN_WITHOUT, RUN_CALLS, RUN_PROTECTED, RUNS };

static bool run(lua_State *L, int what, uint64_t records, kn_err *err) {
    switch (what) {
    case RUN_WITH:
    case RUN_WITHOUT:
        return run_plan(L, what == RUN_WITH ? WITH : WITHOUT, records, err);
    default:
        return run_calls(L, what == RUN_PROTECTED, records, err);
    }
}

/* The item on the stack. */
static bool measure(lua_State *L, uint64_t records, kn_err *err) {
    double least[RUNS] = {0};
    if (!make_plan(L, WITH, err) || !make_plan(L, WITHOUT, err))
        return false;
    for (int turn = 0; turn < TURNS; turn++)
        for (int what = 0; what < RUNS; what++) {
            double start = cpu_ns();
            if (!run(L, what, records, err))
                return false;
            double ns = (cpu_ns() - start) / (double)records;
            least[what] = turn == 0 || ns < least[what] ? ns : least[what];
        }
    printf("%s\t%.1f\t%.1f\t%.1f\n", lua_tostring(L, FUNCTION - 1),
           least[RUN_WITH] - least[RUN_WITHOUT], least[RUN_CALLS], least[RUN_PROTECTED]);
    return true;
}

static bool measure_all(lua_State *L, const char *file, uint64_t records, kn_err *err) {
    if (luaL_loadfile(L, file) != LUA_OK)
        return kn_fail(err, KN_EINVAL, "%s", lua_tostring(L, -1));
    if (!kn_host_call(L, 0, 1, err))
        return false;
    for (lua_Integer i = 1; lua_geti(L, 1, i) != LUA_TNIL; i++) {
        for (lua_Integer k = 1; k <= 5; k++)
            lua_geti(L, 2, k);
        lua_remove(L, 2);
        if (!measure(L, records, err))
            return false;
        lua_settop(L, 1);
    }
    return true;
}

int main(int argc, char **argv) {
    kn_err err;
    if (argc != 3) {
        fprintf(stderr, "usage: function FILE RECORDS\n");
        return 2;
    }
    lua_State *L = kn_host_new(&err);
    bool ok = L && measure_all(L, argv[1], strtoull(argv[2], NULL, 10), &err);
    if (!ok)
        fprintf(stderr, "%s\n", err.message);
    if (L)
        lua_close(L);
    return ok ? 0 : 1;
}
