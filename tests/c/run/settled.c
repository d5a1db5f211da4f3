/* run/settled.c: ranges against a plain map of bits, blocks settled in any order. */
#include "run/settled.h"

#include "tap.h"

#include <stdlib.h>
#include <string.h>

enum { N = 5000 };

static unsigned seed;

static unsigned draw(unsigned n) {
    return (unsigned)(rand_r(&seed) % (int)n);
}

static bool is_well_formed(const kn_ranges *r) {
    for (size_t i = 0; i < r->count; i++)
        if (r->list[i].from >= r->list[i].to || (i && r->list[i].from <= r->list[i - 1].to))
            return false;
    return true;
}

static uint64_t count_of(const kn_ranges *r) {
    uint64_t count = 0;
    for (size_t i = 0; i < r->count; i++)
        count += r->list[i].to - r->list[i].from;
    return count;
}

static void ranges(void) {
    static bool map[N];
    kn_ranges r = {0};
    bool formed = true, same = true;
    for (int round = 0; round < 400; round++) {
        unsigned from = draw(N), n = draw(60);
        unsigned to = from + n < N ? from + n : N;
        tap_ok(kn_ranges_add(&r, from, to) || n == 0, "add %u to %u", from, to);
        for (unsigned i = from; i < to; i++)
            map[i] = true;
        formed = formed && is_well_formed(&r);
    }
    uint64_t total = 0;
    for (unsigned i = 0; i < N; i++) {
        same = same && map[i] == kn_ranges_hold(&r, i);
        total += map[i];
    }
    tap_ok(formed, "sorted, and no two touch");
    tap_ok(same, "they hold what was added, and nothing else");
    tap_is_int(count_of(&r), total, "and no more");
    tap_ok(kn_ranges_add(&r, 0, UINT64_MAX) && r.count == 1, "everything is one range");
    tap_ok(!kn_ranges_hold(&r, UINT64_MAX), "without the largest index");
    kn_ranges_free(&r);
}

/* Records come in runs, as blocks do, and are settled in any order. */
static void pending(void) {
    static uint64_t came[N];
    kn_err err;
    kn_settled *settled;
    kn_ranges r = {0};
    uint64_t position;
    if (!kn_settled_new(&settled, &err))
        return;
    kn_pending p = {.settled = settled};
    uint64_t index = 7;
    for (int i = 0; i < N; i++) {
        index += draw(300) == 0 ? 1 + draw(50) : 0;
        came[i] = index++;
        kn_pending_put(&p, came[i]);
    }
    for (int i = N - 1; i > 0; i--) {
        unsigned k = draw((unsigned)i + 1);
        uint64_t t = came[i];
        came[i] = came[k];
        came[k] = t;
    }
    for (int i = 0; i < N - 1; i++) {
        kn_pending_settle(&p, came[i], 1);
        if (i % 500 == 0) {
            bool early = false;
            tap_ok(kn_settled_copy(settled, &r, &position), "copied");
            for (int k = i + 1; k < N; k++)
                early = early || kn_ranges_hold(&r, came[k]);
            tap_ok(!early, "nothing is settled before its time (%d)", i);
        }
    }
    kn_pending_settle(&p, 3, 1); /* never came */
    bool copied = kn_settled_copy(settled, &r, &position);
    tap_ok(copied && !kn_ranges_hold(&r, came[N - 1]), "the last one's block is not settled");
    kn_pending_settle(&p, came[N - 1], 1);
    copied = kn_settled_copy(settled, &r, &position);
    tap_is_int(copied ? count_of(&r) : 0, N, "at the end every record is");
    for (int i = 0; i < 100000; i++) { /* one stays open: what is done makes room */
        kn_pending_put(&p, index + 2 * (uint64_t)i);
        if (i)
            kn_pending_settle(&p, index + 2 * (uint64_t)i, 1);
    }
    tap_ok(p.capacity < 1000, "blocks that are done take no room (%zu)", p.capacity);
    kn_pending_free(&p);
    kn_settled_destroy(settled);
    kn_ranges_free(&r);
}

int main(void) {
    seed = (unsigned)tap_seed();
    ranges();
    pending();
    return tap_done();
}
