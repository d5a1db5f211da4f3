/* Quantiles against the exact ones of the same durations, sorted; edges; merging. */
#include "base/histogram.h"

#include "base/rng.h"
#include "tap.h"

#include <math.h>

enum { MANY = 100000 };

static int by_length(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static double exact(const uint64_t *sorted, uint64_t n, double q) {
    uint64_t rank = (uint64_t)ceil(q * (double)n);
    return (double)sorted[rank ? rank - 1 : 0] / 1e9;
}

/* The relative distance of the worst quantile. */
static double worst(const kn_histogram *h, uint64_t *values, uint64_t n) {
    kn_latency l = kn_histogram_latency(h);
    const double quantiles[][2] = {{0.5, l.p50}, {0.9, l.p90}, {0.99, l.p99}, {0.999, l.p999}};
    double most = 0;
    qsort(values, n, sizeof *values, by_length);
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
        double expected = exact(values, n, quantiles[i][0]);
        double off = fabs(quantiles[i][1] - expected) / expected;
        most = off > most ? off : most;
    }
    return most;
}

/* Kinds of durations, from a draw in [0, 1): evenly over the powers, exponential, two lumps. */
static uint64_t duration(int kind, double draw) {
    switch (kind) {
    case 0:
        return (uint64_t)exp2(10 + draw * 31.9);
    case 1:
        return 1000 + (uint64_t)(-log(1 - draw) * 5e6);
    default:
        return draw < 0.995 ? 40000 + (uint64_t)(draw * 1e4) : 2000000000u;
    }
}

static void test_quantiles(uint64_t seed) {
    static uint64_t values[MANY];
    kn_rng rng = {seed};
    for (int kind = 0; kind < 3; kind++) {
        kn_histogram *h = calloc(1, sizeof *h);
        double sum = 0;
        uint64_t max = 0;
        for (int i = 0; i < MANY; i++) {
            values[i] = duration(kind, kn_rng_unit(kn_rng_next(&rng)));
            kn_histogram_add(h, values[i], 1);
            sum += (double)values[i];
            max = values[i] > max ? values[i] : max;
        }
        double off = worst(h, values, MANY);
        tap_ok(off < 0.01, "kind %d: no quantile is 1 %% off (%.3f %%)", kind, off * 100);
        kn_latency l = kn_histogram_latency(h);
        tap_is_int(l.count, MANY, "all are counted");
        tap_ok(l.max == (double)max / 1e9, "the maximum is exact");
        tap_ok(fabs(l.mean - sum / MANY / 1e9) < 1e-9, "so is the mean");
        tap_ok(l.p50 <= l.p90 && l.p90 <= l.p99 && l.p99 <= l.p999 && l.p999 <= l.max,
               "quantiles are in order");
        free(h);
    }
}

static void test_spread(uint64_t seed) {
    kn_rng rng = {seed};
    int wrong = 0;
    for (int round = 0; round < 20; round++) {
        kn_histogram *one = calloc(1, sizeof *one), *all = calloc(1, sizeof *all);
        uint64_t n = 1 + kn_rng_below(kn_rng_next(&rng), 2000);
        uint64_t low = kn_rng_below(kn_rng_next(&rng), 1u << (10 + round));
        uint64_t high = low + kn_rng_below(kn_rng_next(&rng), 1u << (10 + round));
        for (uint64_t i = 0; i < n; i++)
            kn_histogram_add(
                one, low + (uint64_t)((double)(high - low) * ((double)i + 0.5) / (double)n), 1);
        kn_histogram_spread(all, low, high, n);
        uint64_t off = 0;
        for (int b = 0; b < KN_HISTOGRAM_BUCKETS; b++) {
            uint64_t x = one->buckets[b], y = all->buckets[b];
            uint64_t d = x > y ? x - y : y - x;
            off = d > off ? d : off;
        }
        kn_latency l = kn_histogram_latency(all);
        wrong += l.count != n || off > 1 || l.max != (double)high / 1e9;
        free(one);
        free(all);
    }
    tap_is_int(wrong, 0, "a spread is its durations one by one, give or take one a bucket");
    kn_histogram *h = calloc(1, sizeof *h);
    kn_histogram_spread(h, 0, 0, 0);
    tap_is_int(kn_histogram_latency(h).count, 0, "a spread of none adds nothing");
    kn_histogram_spread(h, 5000, 5000, 3);
    tap_ok(kn_histogram_latency(h).count == 3 && kn_histogram_latency(h).mean == 5e-6,
           "a spread without width is one duration");
    free(h);
}

static void test_edges(void) {
    kn_histogram *h = calloc(1, sizeof *h), *other = calloc(1, sizeof *other);
    kn_latency l = kn_histogram_latency(h);
    tap_ok(l.count == 0 && l.p50 == 0 && l.p999 == 0 && l.max == 0, "an empty one is all zeros");
    kn_histogram_add(h, 0, 1);
    kn_histogram_add(h, 511, 1);
    tap_ok(kn_histogram_latency(h).p999 <= 511e-9, "below a microsecond");
    kn_histogram_add(h, UINT64_C(1) << 42, 1);
    kn_histogram_add(h, UINT64_C(1) << 50, 1);
    l = kn_histogram_latency(h);
    tap_is_int(l.count, 4, "beyond the last bucket all are counted");
    tap_ok(l.max == (double)(UINT64_C(1) << 50) / 1e9, "and the maximum is still exact");
    tap_ok(l.p999 == l.max, "the highest quantile is the maximum then");
    kn_histogram_add(other, 3600000000000u, 7);
    double hour = kn_histogram_latency(other).p50;
    tap_ok(fabs(hour - 3600) < 36, "an hour is within the buckets (%.1f s)", hour);
    kn_histogram_merge(h, other);
    l = kn_histogram_latency(h);
    tap_is_int(l.count, 11, "merging adds");
    tap_ok(l.max == (double)(UINT64_C(1) << 50) / 1e9, "and keeps the maximum");
    free(h);
    free(other);
}

static void test_within(void) {
    kn_histogram *h = calloc(1, sizeof *h);
    kn_latency l = kn_histogram_latency(h);
    int wrong = 0;
    for (int i = 0; i < KN_LATENCY_BOUNDS; i++)
        wrong += l.within[i] != 0 || (i && kn_latency_bounds[i] <= kn_latency_bounds[i - 1]);
    tap_is_int(wrong, 0, "nothing is within any bound of an empty one; bounds rise");
    for (int i = 0; i < KN_LATENCY_BOUNDS; i++) /* 2 % below each bound, and 2 % above it */
        for (int k = -1; k <= 1; k += 2)
            kn_histogram_add(h, (uint64_t)(kn_latency_bounds[i] * (1 + 0.02 * k) * 1e9), 1);
    kn_histogram_add(h, UINT64_C(1) << 50, 5);
    l = kn_histogram_latency(h);
    for (int i = 0; i < KN_LATENCY_BOUNDS; i++)
        wrong += l.within[i] != 2 * (uint64_t)i + 1;
    tap_is_int(wrong, 0, "each bound counts what is below it");
    tap_is_int(l.count, 2 * KN_LATENCY_BOUNDS + 5, "what is above all is in the count");
    free(h);
}

int main(void) {
    uint64_t seed = tap_seed();
    test_quantiles(seed);
    test_spread(seed);
    test_edges();
    test_within();
    return tap_done();
}
