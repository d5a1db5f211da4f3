/* How fast a schema makes records on one thread, next to the limit: a loop written by hand for the
 * quickstart's record, from the same words, clock and random numbers.
 *
 *     plan FILE RECORDS          FILE is Lua that returns a schema or a scenario
 *     plan --print FILE RECORDS  the loop's records, to look at
 *
 * Prints lines of: what, records, bytes, nanoseconds of CPU; between tabs. */
#include "bind/plan.h"
#include "base/digits.h"
#include "base/rng.h"
#include "base/time.h"
#include "bind/host.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BLOCK = 1 << 20, WORDS_MAX = 1200 };

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

/* The words of a list, and as they stand in a mail address. */
typedef struct words {
    char text[WORDS_MAX][32], address[WORDS_MAX][32];
    size_t length[WORDS_MAX], address_length[WORDS_MAX], count;
} words;

static words first, last, domain;

/* Takes a list of the module of words on top of the stack. */
static bool load_words(lua_State *L, const char *name, words *w, kn_err *err) {
    lua_getfield(L, -1, name);
    for (w->count = 0; w->count < WORDS_MAX; w->count++) {
        lua_rawgeti(L, -1, (lua_Integer)w->count + 1);
        const char *word = lua_tostring(L, -1);
        if (!word || strlen(word) >= sizeof w->text[0])
            break;
        strcpy(w->text[w->count], word);
        w->length[w->count] = strlen(word);
        char *to = w->address[w->count];
        for (; *word; word++)
            if (isalpha((unsigned char)*word))
                *to++ = (char)tolower((unsigned char)*word);
        w->address_length[w->count] = (size_t)(to - w->address[w->count]);
        lua_pop(L, 1);
    }
    bool ok = w->count > 0 && lua_isnil(L, -1);
    lua_pop(L, 2);
    return ok || kn_fail(err, KN_EINVAL, "the list %s is absent or too large", name);
}

static bool load_all_words(lua_State *L, kn_err *err) {
    static const char lists[] =
        "local words = require('kinessis.locale').get 'en_US' "
        "return { first_name = words.given.first.any, "
        "last_name = words.family.last, domain = words.domain }";
    if (luaL_loadstring(L, lists) != LUA_OK || !kn_host_call(L, 0, 1, err))
        return false;
    bool ok = load_words(L, "first_name", &first, err) && load_words(L, "last_name", &last, err) &&
              load_words(L, "domain", &domain, err);
    lua_pop(L, 1);
    return ok;
}

static char *put(char *p, const char *s, size_t n) {
    memcpy(p, s, n);
    return p + n;
}

#define PUT(literal) p = put(p, literal, sizeof(literal) - 1)

#define PUT_WORD(w, form, i) p = put(p, (w).form[i], (w).form##_length[i])

static char *put_uuid(char *p, uint64_t a, uint64_t b) {
    char hex[32];
    kn_put_hex32(hex, (uint32_t)(a >> 32));
    kn_put_hex32(hex + 8, ((uint32_t)a & ~0xF000u) | 0x4000u);
    kn_put_hex32(hex + 16, ((uint32_t)(b >> 32) & 0x3FFFFFFFu) | 0x80000000u);
    kn_put_hex32(hex + 24, (uint32_t)b);
    static const int groups[] = {8, 4, 4, 4, 12};
    for (int g = 0, at = 0; g < 5; at += groups[g++]) {
        p = put(p, hex + at, (size_t)groups[g]);
        if (g < 4)
            *p++ = '-';
    }
    return p;
}

/* clock_start_ms: of a simulated clock, -1: the wall's. */
static uint64_t by_hand(uint64_t records, int64_t clock_start_ms, FILE *copy) {
    static const char *const states[] = {"Active", "Inactive", "Canceled"};
    static char block[BLOCK + 1024];
    char *p = block, iso[32];
    uint64_t bytes = 0;
    int64_t second = -1;
    for (uint64_t i = 0; i < records; i++) {
        kn_rng rng = {kn_rng_record_key(42, i)};
        uint64_t a = kn_rng_next(&rng), b = kn_rng_next(&rng);
        const char *state = states[kn_rng_below(kn_rng_next(&rng), 3)];
        size_t f = kn_rng_below(kn_rng_next(&rng), first.count);
        size_t l = kn_rng_below(kn_rng_next(&rng), last.count);
        int64_t now = clock_start_ms < 0 ? kn_time_now_ms() : clock_start_ms + (int64_t)(i / 10);
        if (now / 1000 != second) {
            kn_time_iso(iso, now, true, true);
            second = now / 1000;
        }
        PUT("{\"uuid\":\"");
        p = put_uuid(p, a, b);
        PUT("\",\"event_date\":\"");
        p = put(p, iso, 24);
        kn_put_padded(p - 4, (uint64_t)(now % 1000), 3);
        PUT("\",\"status\":\"");
        p = put(p, state, strlen(state));
        PUT("\",\"name\":\"");
        p = put(p, first.text[f], first.length[f]);
        PUT("\",\"last_name\":\"");
        p = put(p, last.text[l], last.length[l]);
        PUT("\",\"email\":\"");
        PUT_WORD(first, address, f);
        *p++ = '.';
        PUT_WORD(last, address, l);
        p = kn_put_uint(p, 1 + kn_rng_below(kn_rng_next(&rng), 99));
        *p++ = '@';
        size_t d = kn_rng_below(kn_rng_next(&rng), domain.count);
        p = put(p, domain.text[d], domain.length[d]);
        PUT("\",\"phone\":");
        p = kn_put_uint(p, 900000000 + kn_rng_below(kn_rng_next(&rng), 100000000));
        PUT("}\n");
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

static bool measure(lua_State *L, const char *file, uint64_t records, kn_err *err) {
    static const struct {
        const char *name;
        int64_t start_ms;
    } clocks[] = {{"wall clock", -1}, {"simulated clock", 1643814000000}};
    if (!load_plan(L, file, err))
        return false;
    for (int i = 0; i < 2; i++) {
        char what[64];
        uint64_t start = cpu_ns(), bytes = by_hand(records, clocks[i].start_ms, NULL);
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
        by_hand(records, -1, stdout);
    else
        ok = ok && measure(L, argv[1], records, &err);
    if (!ok)
        fprintf(stderr, "%s\n", err.message);
    if (L)
        lua_close(L);
    return ok ? 0 : 1;
}
