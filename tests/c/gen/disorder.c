/* Disorder: each place's record, by constant-time look-ups, against what a walk over all places
 * finds; rates within six standard deviations. */
#include "gen/disorder.h"

#include "gen/draw.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>

enum { N = 64 * KN_DISORDER_BLOCK };

static uint64_t seed_key;

static void start(kn_disorder_state *s, const kn_disorder *d) {
    kn_err err;
    if (!kn_disorder_init(s, d, seed_key, &err))
        exit(1);
}

static void test_permute(void) {
    static const uint64_t sizes[] = {1, 2, 3, 4, 5, 16, 17, 50, 1000, 4097};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        bool seen[4097] = {false}, once = true, moved = sizes[k] < 16;
        for (uint64_t i = 0; i < sizes[k]; i++) {
            uint64_t image = kn_permute(seed_key, i, sizes[k]);
            once = once && image < sizes[k] && !seen[image];
            seen[image % 4097] = true;
            moved = moved || image != i;
        }
        tap_ok(once && moved, "a permutation of %llu", (unsigned long long)sizes[k]);
    }
    uint64_t most = (UINT64_C(1) << 62) + 1;
    tap_ok(kn_permute(seed_key, most - 1, most) < most, "of very many");
}

static void test_duplicates(void) {
    static const double rates[] = {0.001, 0.01, 0.3, 0.5};
    for (size_t k = 0; k < sizeof rates / sizeof *rates; k++) {
        kn_disorder d = {.duplicate = rates[k]};
        kn_disorder_state s, seeking;
        start(&s, &d);
        start(&seeking, &d);
        uint64_t next = 0, repeats = 0;
        bool dense = true, near = true, same = true;
        for (uint64_t i = 0; i < N; i++) {
            uint64_t index = kn_disorder_index(&s, &d, i);
            if (index == next)
                next++;
            else {
                repeats++;
                dense = dense && index < next;
                near = near && index + KN_DISORDER_NEAR >= next;
            }
        }
        for (uint64_t i = N; i-- > 0;)
            if (i % 997 == 0)
                same = same && kn_disorder_index(&seeking, &d, i) == kn_disorder_index(&s, &d, i);
        tap_is_int(repeats, (uint64_t)(N * rates[k]), "exactly a share of %g repeats", rates[k]);
        tap_ok(dense && near, "every record is there, repeats soon after");
        tap_ok(same, "and each place is found alone");
    }
}

static void test_shuffle(void) {
    kn_disorder d = {.shuffle = 50};
    kn_disorder_state s;
    start(&s, &d);
    bool within = true, once = true;
    uint64_t moved = 0;
    for (uint64_t window = 0; window < 100; window++) {
        bool seen[50] = {false};
        for (uint64_t i = 0; i < 50; i++) {
            uint64_t index = kn_disorder_index(&s, &d, window * 50 + i);
            within = within && index / 50 == window;
            once = once && !seen[index % 50];
            seen[index % 50] = true;
            moved += index != window * 50 + i;
        }
    }
    tap_ok(within && once, "a window holds its records, each once");
    tap_ok(moved > 4500, "in another order (%llu of 5000 moved)", (unsigned long long)moved);
}

static bool is_near(uint64_t count, double p) {
    return fabs((double)count - N * p) <= 6 * sqrt(N * p * (1 - p)) + 1;
}

static void test_late(void) {
    kn_disorder d = {.late = 0.05, .late_ms = 300000};
    kn_disorder_state s;
    start(&s, &d);
    uint64_t late = 0;
    int64_t most = 0, sum = 0;
    for (uint64_t i = 0; i < N; i++) {
        int64_t ms = kn_disorder_late_ms(&s, &d, i);
        late += ms > 0;
        sum += ms;
        most = ms > most ? ms : most;
    }
    tap_ok(is_near(late, 0.05), "%llu of %d are late", (unsigned long long)late, N);
    tap_ok(most > 290000 && most <= 300000, "by at most what was said");
    tap_ok(fabs((double)sum / (double)late - 150000) < 10000, "by half of it on average");
}

static void test_corrupt(void) {
    kn_disorder d = {.corrupt = 0.02};
    kn_disorder_state s;
    start(&s, &d);
    uint64_t cut = 0, damaged = 0, others = 0;
    for (uint64_t i = 0; i < N; i++) {
        char text[] = "{\"a\":1}";
        size_t n = kn_disorder_corrupt(&s, &d, i, text, 7);
        cut += n < 7;
        damaged += n == 7 && memchr(text, 1, 7);
        others += n < 1 || n > 7;
    }
    tap_ok(is_near(cut + damaged, 0.02) && others == 0, "%llu of %d are corrupted",
           (unsigned long long)(cut + damaged), N);
    tap_ok(is_near(cut, 0.01) && is_near(damaged, 0.01), "half are cut, half damaged");
}

static void test_refused(void) {
    static const kn_disorder wrong[] = {
        {.late = 1.5}, {.late = -0.1}, {.duplicate = 0.6}, {.corrupt = 2}, {.corrupt = NAN}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        kn_disorder_state s;
        kn_err err;
        tap_ok(!kn_disorder_init(&s, &wrong[i], 1, &err), "refused: %s", err.message);
    }
    kn_disorder none = {0};
    kn_disorder_state s;
    start(&s, &none);
    tap_ok(!s.active && kn_disorder_index(&s, &none, 7) == 7, "none is none");
}

int main(void) {
    uint64_t seed = tap_seed();
    seed_key = kn_rng_seed_key(seed);
    test_permute();
    test_duplicates();
    test_shuffle();
    test_late();
    test_corrupt();
    test_refused();
    return tap_done();
}
