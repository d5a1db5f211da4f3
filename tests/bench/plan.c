/* How fast a schema makes records on one thread, next to a loop written by hand for the tutorial's
 * record (the limit).
 *
 *     plan FILE [records]        FILE is Lua that returns a schema or a scenario
 *
 * Prints records and bytes per second, and the ratio to the limit. */
#include "bind/plan.h"
#include "base/rng.h"
#include "base/time.h"
#include "bind/host.h"
#include "gen/digits.h"

#include <stdio.h>
#include <stdlib.h>

enum { BLOCK = 1 << 20 };

static void report(const char *what, uint64_t n, uint64_t bytes, uint64_t ns) {
    printf("%-12s %6.2f M records/s  %5.2f GB/s  %5.1f ns and %.0f bytes each\n", what,
           (double)n * 1e3 / (double)ns, (double)bytes / (double)ns, (double)ns / (double)n,
           (double)bytes / (double)n);
}

/* ---- the limit: one record's format as code, the same random numbers and words ---- */

static char *put(char *p, const char *s, size_t n) {
    memcpy(p, s, n);
    return p + n;
}

#define PUT(literal) p = put(p, literal, sizeof(literal) - 1)

static uint64_t by_hand(uint64_t records) {
    static const char *const names[] = {"James", "Mary",     "Robert",  "Patricia",
                                        "John",  "Jennifer", "Michael", "Linda"};
    static const char *const states[] = {"Active", "Inactive", "Canceled"};
    static char block[BLOCK + 512];
    char *p = block;
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < records; i++) {
        kn_rng rng = {kn_rng_record_key(42, i)};
        uint64_t a = kn_rng_next(&rng), b = kn_rng_next(&rng), c = kn_rng_next(&rng),
                 d = kn_rng_next(&rng);
        const char *first = names[c & 7], *last = names[c >> 3 & 7], *state = states[d % 3];
        PUT("{\"uuid\":\"");
        p = kn_put_hex32(p, (uint32_t)a);
        *p++ = '-';
        p = kn_put_hex32(p, (uint32_t)(a >> 32));
        PUT("-4000-8000-");
        p = kn_put_hex32(p, (uint32_t)b);
        p = put(p, "0000", 4);
        PUT("\",\"event_date\":\"2022-02-02T15:17:07.123Z\",\"status\":\"");
        p = put(p, state, strlen(state));
        PUT("\",\"name\":\"");
        p = put(p, first, strlen(first));
        PUT("\",\"last_name\":\"");
        p = put(p, last, strlen(last));
        PUT("\",\"email\":\"");
        p = put(p, first, strlen(first));
        *p++ = '.';
        p = put(p, last, strlen(last));
        p = kn_put_uint(p, c >> 32 & 63);
        PUT("@example.com\",\"phone\":");
        p = kn_put_uint(p, 900000000 + kn_rng_below(d, 100000000));
        *p++ = '}';
        if (p - block > BLOCK) {
            bytes += (uint64_t)(p - block);
            __asm__ volatile("" ::"r"(block) : "memory");
            p = block;
        }
    }
    return bytes + (uint64_t)(p - block);
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
    *bytes = 0;
    for (uint64_t i = 0; i < records; i++) {
        if (!kn_cursor_record(cursor, i, &block, err))
            goto out;
        if (block.len > BLOCK) {
            *bytes += block.len;
            kn_buf_clear(&block);
        }
    }
    *bytes += block.len;
    ok = true;
out:
    kn_cursor_destroy(cursor);
    kn_buf_free(&block);
    return ok;
}

int main(int argc, char **argv) {
    uint64_t records = argc > 2 ? strtoull(argv[2], NULL, 10) : 5000000, bytes = 0;
    kn_err err;
    if (argc < 2) {
        fprintf(stderr, "usage: plan FILE [records]\n");
        return 2;
    }
    uint64_t start = kn_time_monotonic_ns();
    bytes = by_hand(records);
    report("by hand", records, bytes, kn_time_monotonic_ns() - start);
    lua_State *L = kn_host_new(&err);
    if (!L || !load_plan(L, argv[1], &err))
        goto failed;
    start = kn_time_monotonic_ns();
    if (!run_plan(L, -1, records, &bytes, &err))
        goto failed;
    report("wall clock", records, bytes, kn_time_monotonic_ns() - start);
    start = kn_time_monotonic_ns();
    if (!run_plan(L, 1643814000000, records, &bytes, &err))
        goto failed;
    report("simulated", records, bytes, kn_time_monotonic_ns() - start);
    lua_close(L);
    return 0;
failed:
    fprintf(stderr, "%s\n", err.message);
    return 1;
}
