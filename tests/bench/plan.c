/* How fast a schema makes records on one thread, next to the limit: a loop written by hand for the
 * quickstart's record, from the same words, clock and random numbers.
 *
 *     plan FILE RECORDS          FILE is Lua that returns a schema or a scenario
 *     plan --print FILE RECORDS  the loop's records, to look at
 *
 * Prints lines of: what, records, bytes, nanoseconds of CPU; between tabs. */
#include "bind/plan.h"
#include "by_hand.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BLOCK = 1 << 20 };

static uint64_t cpu_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void report(const char *what, uint64_t n, uint64_t bytes, uint64_t ns) {
    printf("%s\t%llu\t%llu\t%llu\n", what, (unsigned long long)n, (unsigned long long)bytes,
           (unsigned long long)ns);
}

/* ---- the limit ---- */

/* clock_start_ms: of a simulated clock, -1: the wall's. */
static uint64_t run_by_hand(uint64_t records, int64_t clock_start_ms, FILE *copy) {
    static char block[BLOCK + RECORD_MAX];
    by_hand hand = by_hand_new(clock_start_ms);
    char *p = block;
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < records; i++) {
        p = by_hand_record(&hand, i, p);
        *p++ = '\n';
        if (p - block > BLOCK || i + 1 == records) {
            bytes += (uint64_t)(p - block);
            __asm__ volatile("" ::"r"(block) : "memory");
            if (copy)
                fwrite(block, 1, (size_t)(p - block), copy);
            p = block;
        }
    }
    return bytes;
}

/* ---- the plan ---- */

/* Leaves the plan of the file's schema on the stack. */
static bool load_plan(lua_State *L, const char *file, kn_err *err) {
    if (luaL_loadfile(L, file) != LUA_OK)
        return kn_fail(err, KN_EINVAL, "%s", lua_tostring(L, -1));
    if (!kn_host_call(L, 0, 1, err))
        return false;
    if (lua_getfield(L, -1, "records") == LUA_TNIL)
        lua_pop(L, 1);
    lua_getfield(L, -1, "plan");
    lua_pushvalue(L, -2);
    return kn_host_call(L, 1, 1, err);
}

typedef struct records_run {
    kn_cursor *cursor;
    kn_buf *block;
    uint64_t records, bytes;
} records_run;

static bool make_records(void *argument, kn_err *err) {
    records_run *run = argument;
    for (uint64_t i = 0; i < run->records; i++) {
        if (!kn_cursor_record(run->cursor, i, run->block, err))
            return false;
        if (run->block->len > BLOCK) {
            run->bytes += run->block->len;
            kn_buf_clear(run->block);
        }
    }
    run->bytes += run->block->len;
    return true;
}

static bool run_plan(lua_State *L, int64_t clock_start_ms, uint64_t records, uint64_t *bytes,
                     kn_err *err) {
    kn_cursor_config config = {.seed = 1, .clock_start_ms = clock_start_ms, .clock_step_us = 100};
    kn_cursor *cursor = NULL;
    lua_State *thread;
    kn_buf block;
    bool ok = false;
    kn_buf_init(&block, 64u << 20);
    if (!kn_open_cursor(L, -1, &config, &cursor, &thread, err))
        goto out;
    records_run run = {cursor, &block, records, 0};
    ok = kn_cursor_guard(cursor, make_records, &run, err);
    *bytes = run.bytes;
out:
    kn_cursor_destroy(cursor);
    kn_buf_free(&block);
    return ok;
}

static bool measure(lua_State *L, const char *file, uint64_t records, kn_err *err) {
    static const struct {
        const char *name;
        int64_t start_ms;
    } clocks[] = {{"wall clock", -1}, {"simulated clock", 1643814000000}};
    if (!load_plan(L, file, err))
        return false;
    for (int i = 0; i < 2; i++) {
        char what[64];
        uint64_t start = cpu_ns(), bytes = run_by_hand(records, clocks[i].start_ms, NULL);
        snprintf(what, sizeof what, "by hand, %s", clocks[i].name);
        report(what, records, bytes, cpu_ns() - start);
        start = cpu_ns();
        if (!run_plan(L, clocks[i].start_ms, records, &bytes, err))
            return false;
        snprintf(what, sizeof what, "plan, %s", clocks[i].name);
        report(what, records, bytes, cpu_ns() - start);
    }
    return true;
}

int main(int argc, char **argv) {
    bool print = argc == 4 && strcmp(argv[1], "--print") == 0;
    kn_err err;
    if (argc != 3 && !print) {
        fprintf(stderr, "usage: plan [--print] FILE RECORDS\n");
        return 2;
    }
    uint64_t records = strtoull(argv[argc - 1], NULL, 10);
    lua_State *L = kn_host_new(&err);
    bool ok = L && load_all_words(L, &err);
    if (ok && print)
        run_by_hand(records, -1, stdout);
    else
        ok = ok && measure(L, argv[1], records, &err);
    if (!ok)
        fprintf(stderr, "%s\n", err.message);
    if (L)
        lua_close(L);
    return ok ? 0 : 1;
}
