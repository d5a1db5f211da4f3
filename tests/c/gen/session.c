/* Sessions: every record is one event of one session, in order; lengths and steps follow the
 * probabilities; any record is found alone. */
#include "gen/session.h"

#include "tap.h"

#include <math.h>
#include <stdlib.h>

enum { BLOCKS = 8, N = BLOCKS * KN_SESSION_BLOCK };

static uint64_t key;

static const kn_session_spec shop = {
    .steps = 3, .most = 30, .open = 20, .next = {{0.5, 0.2, 0}, {0.3, 0, 0.4}, {0, 0, 0}}};

static kn_session_layout *make(void) {
    kn_session_layout *l;
    kn_err err;
    if (!kn_session_layout_new(&l, &err))
        exit(1);
    return l;
}

typedef struct seen {
    uint64_t first, last, count;
    unsigned step, length;
} seen;

static void test_order(void) {
    kn_session_layout *l = make();
    seen *sessions = calloc(N, sizeof *sessions);
    uint64_t follow[3][4] = {{0}}, begun = 0, overlapping = 0, open = 0;
    bool order = true, possible = true, spans = true;
    for (uint64_t i = 0; i < N; i++) {
        kn_session_place at = kn_session_find(l, &shop, key, i);
        seen *s = &sessions[at.session];
        order = order && at.position == s->count && at.position < at.length && at.step < 3;
        if (at.position == 0) {
            begun++;
            open++;
            possible = possible && at.step == 0;
            *s = (seen){.first = i, .length = at.length};
        } else {
            possible = possible && shop.next[s->step][at.step] > 0;
            follow[s->step][at.step]++;
        }
        spans = spans && at.first == s->first && at.length == s->length && at.last >= i &&
                (at.position + 1 < at.length) == (at.last > i);
        s->step = at.step;
        s->count++;
        s->last = i;
        if (s->count == s->length) {
            follow[at.step][3]++;
            open--;
        }
        overlapping += open > 1;
    }
    tap_ok(order, "the events of a session are numbered without gaps");
    tap_ok(possible, "each step may follow the one before");
    tap_ok(spans, "its first, last and length are known from the beginning");
    tap_is_int(open, 0, "all have ended with their block");
    tap_ok(overlapping > N * 9 / 10, "sessions overlap");
    /* Sessions that a block cut are at most one per block. */
    uint64_t views = follow[0][0] + follow[0][1] + follow[0][2] + follow[0][3];
    double again = (double)follow[0][0] - (double)views * 0.5;
    tap_ok(fabs(again) < 6 * sqrt((double)views * 0.25) + BLOCKS,
           "half of the views are followed by a view (%llu of %llu, %llu sessions)",
           (unsigned long long)follow[0][0], (unsigned long long)views, (unsigned long long)begun);
    uint64_t carts = follow[1][0] + follow[1][1] + follow[1][2] + follow[1][3];
    double bought = (double)follow[1][2] - (double)carts * 0.4;
    tap_ok(fabs(bought) < 6 * sqrt((double)carts * 0.24) + BLOCKS, "0.4 of the carts are bought");
    free(sessions);
    kn_session_layout_free(l);
}

static void test_seek(void) {
    kn_session_layout *forth = make(), *any = make();
    bool same = true;
    for (uint64_t i = 0; i < 2000; i++) {
        uint64_t at = kn_rng_mix(i) % N + (i % 2 ? UINT64_C(1) << 50 : 0);
        kn_session_place a = kn_session_find(any, &shop, key, at);
        kn_session_find(forth, &shop, key, at / KN_SESSION_BLOCK * KN_SESSION_BLOCK);
        kn_session_place b = kn_session_find(forth, &shop, key, at);
        same = same && a.session == b.session && a.step == b.step && a.position == b.position;
        i += i < 100 ? 0 : 20;
    }
    tap_ok(same, "any record is found alone, however far");
    kn_session_layout_free(forth);
    kn_session_layout_free(any);
}

/* The bounds of what can be asked for. */
static void test_bounds(void) {
    static const kn_session_spec specs[] = {
        {.steps = 1, .most = 1, .open = 1},
        {.steps = 1, .most = KN_SESSION_MOST, .open = KN_SESSION_OPEN, .next = {{1}}},
        {.steps = 2, .most = 1, .open = KN_SESSION_OPEN, .next = {{0, 1}, {1, 0}}},
    };
    for (size_t k = 0; k < sizeof specs / sizeof *specs; k++) {
        kn_session_layout *l = make();
        uint64_t events = 0, sessions = 0;
        bool fits = true;
        for (uint64_t i = 0; i < KN_SESSION_BLOCK; i++) {
            kn_session_place at = kn_session_find(l, &specs[k], key, i);
            fits = fits && at.length >= 1 && at.length <= specs[k].most;
            events += at.position == 0 ? at.length : 0;
            sessions += at.position == 0;
        }
        tap_ok(fits && events == KN_SESSION_BLOCK, "%llu sessions fill a block",
               (unsigned long long)sessions);
        kn_session_layout_free(l);
    }
}

static void test_refused(void) {
    static const kn_session_spec wrong[] = {
        {.steps = 0, .most = 1, .open = 1},
        {.steps = 17, .most = 1, .open = 1},
        {.steps = 1, .most = 0, .open = 1},
        {.steps = 1, .most = 65, .open = 1},
        {.steps = 1, .most = 1, .open = 0},
        {.steps = 1, .most = 1, .open = 257},
        {.steps = 2, .most = 1, .open = 1, .next = {{0.6, 0.6}}},
        {.steps = 1, .most = 1, .open = 1, .next = {{-0.1}}},
        {.steps = 1, .most = 1, .open = 1, .next = {{NAN}}},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        kn_err err;
        tap_ok(!kn_session_check(&wrong[i], &err), "refused: %s", err.message);
    }
}

int main(void) {
    uint64_t seed = tap_seed();
    key = kn_rng_seed_key(seed);
    test_order();
    test_seek();
    test_bounds();
    test_refused();
    return tap_done();
}
