/* See histogram.h. */
#include "base/histogram.h"

enum { STEPS = 1 << KN_HISTOGRAM_STEPS };

static uint64_t read_number(const _Atomic uint64_t *at) {
    return atomic_load_explicit(at, memory_order_relaxed);
}

/* Only one thread writes: no locked instruction is needed. */
static void count(_Atomic uint64_t *at, uint64_t n) {
    atomic_store_explicit(at, read_number(at) + n, memory_order_relaxed);
}

/* ---- buckets ---- */

static unsigned bucket_of(uint64_t ns) {
    if (ns < 1u << KN_HISTOGRAM_LOW)
        return 0;
    unsigned power = 63u - (unsigned)__builtin_clzll(ns);
    if (power >= KN_HISTOGRAM_HIGH)
        return KN_HISTOGRAM_BUCKETS - 1;
    uint64_t within = ns >> (power - KN_HISTOGRAM_STEPS) & (STEPS - 1);
    return 1 + ((power - KN_HISTOGRAM_LOW) << KN_HISTOGRAM_STEPS) + (unsigned)within;
}

/* The shortest duration of the bucket. */
static uint64_t bucket_start(unsigned bucket) {
    if (bucket == 0)
        return 0;
    unsigned power = KN_HISTOGRAM_LOW + ((bucket - 1) >> KN_HISTOGRAM_STEPS);
    uint64_t within = (bucket - 1) & (STEPS - 1);
    return (STEPS + within) << (power - KN_HISTOGRAM_STEPS);
}

static double bucket_middle(unsigned bucket) {
    return ((double)bucket_start(bucket) + (double)bucket_start(bucket + 1)) / 2;
}

/* ---- adding ---- */

static void keep_max(kn_histogram *h, uint64_t ns) {
    if (ns > read_number(&h->max_ns))
        atomic_store_explicit(&h->max_ns, ns, memory_order_relaxed);
}

void kn_histogram_add(kn_histogram *h, uint64_t ns, uint64_t n) {
    count(&h->buckets[bucket_of(ns)], n);
    count(&h->sum_ns, ns * n);
    keep_max(h, ns);
}

void kn_histogram_spread(kn_histogram *h, uint64_t shortest, uint64_t longest, uint64_t n) {
    if (n == 0)
        return;
    unsigned last = bucket_of(longest);
    double width = (double)(longest - shortest);
    uint64_t before = 0;
    for (unsigned b = bucket_of(shortest); b < last; b++) {
        double below = ((double)bucket_start(b + 1) - (double)shortest) / width * (double)n;
        uint64_t up_to = below < (double)n ? (uint64_t)(below + 0.5) : n;
        count(&h->buckets[b], up_to - before);
        before = up_to;
    }
    count(&h->buckets[last], n - before);
    count(&h->sum_ns, shortest * n + (uint64_t)(width * (double)n / 2));
    keep_max(h, longest);
}

void kn_histogram_merge(kn_histogram *h, const kn_histogram *from) {
    for (unsigned b = 0; b < KN_HISTOGRAM_BUCKETS; b++) {
        uint64_t n = read_number(&from->buckets[b]);
        if (n)
            count(&h->buckets[b], n);
    }
    count(&h->sum_ns, read_number(&from->sum_ns));
    keep_max(h, read_number(&from->max_ns));
}

/* ---- reading ---- */

static uint64_t total(const kn_histogram *h) {
    uint64_t n = 0;
    for (unsigned b = 0; b < KN_HISTOGRAM_BUCKETS; b++)
        n += read_number(&h->buckets[b]);
    return n;
}

/* The duration in seconds that the share q (0 to 1) of all does not exceed: the middle of the
 * bucket of number ceil(q * count), and never more than the maximum. */
static double quantile_of(const kn_histogram *h, double q, uint64_t all) {
    double wanted = q * (double)all, max = (double)read_number(&h->max_ns);
    uint64_t n = 0;
    for (unsigned b = 0; b < KN_HISTOGRAM_BUCKETS - 1; b++) {
        n += read_number(&h->buckets[b]);
        if (n > 0 && (double)n >= wanted)
            return (bucket_middle(b) < max ? bucket_middle(b) : max) / 1e9;
    }
    return max / 1e9;
}

const double kn_latency_bounds[KN_LATENCY_BOUNDS] = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.25,   0.5,     1,      2.5,   5,      10,    30,   60,    300,  1800,
};

static void count_within(const kn_histogram *h, uint64_t *within) {
    uint64_t n = 0;
    unsigned b = 0;
    for (unsigned i = 0; i < KN_LATENCY_BOUNDS; i++) {
        for (; bucket_middle(b) <= kn_latency_bounds[i] * 1e9; b++)
            n += read_number(&h->buckets[b]);
        within[i] = n;
    }
}

kn_latency kn_histogram_latency(const kn_histogram *h) {
    kn_latency out = {.count = total(h)};
    if (out.count == 0)
        return out;
    out.mean = (double)read_number(&h->sum_ns) / (double)out.count / 1e9;
    out.max = (double)read_number(&h->max_ns) / 1e9;
    out.p50 = quantile_of(h, 0.5, out.count);
    out.p90 = quantile_of(h, 0.9, out.count);
    out.p99 = quantile_of(h, 0.99, out.count);
    out.p999 = quantile_of(h, 0.999, out.count);
    count_within(h, out.within);
    return out;
}
