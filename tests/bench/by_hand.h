/* The quickstart's record, written by hand: what a program that knew only this record would do,
 * from the same words, clock and random numbers as the plan. The limit that kinessis is measured
 * against. */
#ifndef KN_TESTS_BENCH_BY_HAND_H
#define KN_TESTS_BENCH_BY_HAND_H

#include "base/digits.h"
#include "base/rng.h"
#include "base/time.h"
#include "bind/host.h"

#include <ctype.h>

enum { WORDS_MAX = 1200, RECORD_MAX = 512 };

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

typedef struct by_hand {
    int64_t clock_start_ms; /* of a simulated clock; below 0: the wall's */
    int64_t second;         /* that iso holds */
    char iso[32];
} by_hand;

static inline by_hand by_hand_new(int64_t clock_start_ms) {
    return (by_hand){.clock_start_ms = clock_start_ms, .second = INT64_MIN};
}

/* Writes record i without a newline, at most RECORD_MAX bytes; its UUID begins at p + 9. */
static char *by_hand_record(by_hand *h, uint64_t i, char *p) {
    static const char *const states[] = {"Active", "Inactive", "Canceled"};
    kn_rng rng = {kn_rng_record_key(42, i)};
    uint64_t a = kn_rng_next(&rng), b = kn_rng_next(&rng);
    const char *state = states[kn_rng_below(kn_rng_next(&rng), 3)];
    size_t f = kn_rng_below(kn_rng_next(&rng), first.count);
    size_t l = kn_rng_below(kn_rng_next(&rng), last.count);
    int64_t now = h->clock_start_ms < 0 ? kn_time_now_ms() : h->clock_start_ms + (int64_t)(i / 10);
    if (now / 1000 != h->second) {
        kn_time_iso(h->iso, now, true, true);
        h->second = now / 1000;
    }
    PUT("{\"uuid\":\"");
    p = put_uuid(p, a, b);
    PUT("\",\"event_date\":\"");
    p = put(p, h->iso, 24);
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
    PUT("}");
    return p;
}

#endif
