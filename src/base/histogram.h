/* How long things took: a histogram of bounded size, for durations of 1 µs to over an hour.
 *
 * Log-linear, as HdrHistogram: every power of two of nanoseconds is cut into 64 buckets of equal
 * width, so that the middle of a bucket is less than 1 % (1/128) off any duration in it. What is
 * shorter than 1 µs, or longer than 73 minutes, is in the first or the last bucket; count, sum and
 * maximum are exact for all.
 *
 * One thread adds, any may read meanwhile (relaxed atomics): a reader sees each number at some
 * recent moment, not all at the same. Zeroed memory is an empty histogram. */
#ifndef KN_BASE_HISTOGRAM_H
#define KN_BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

enum {
    KN_HISTOGRAM_LOW = 9,   /* durations from 2^9 ns ... */
    KN_HISTOGRAM_HIGH = 42, /* ... to below 2^42 ns */
    KN_HISTOGRAM_STEPS = 6, /* 2^6 buckets for each power of two */
    KN_HISTOGRAM_BUCKETS = ((KN_HISTOGRAM_HIGH - KN_HISTOGRAM_LOW) << KN_HISTOGRAM_STEPS) + 1,
};

typedef struct kn_histogram {
    _Atomic uint64_t sum_ns, max_ns;
    _Atomic uint64_t buckets[KN_HISTOGRAM_BUCKETS]; /* the first: shorter than all others' */
} kn_histogram;

/* n durations of that length. */
void kn_histogram_add(kn_histogram *h, uint64_t ns, uint64_t n);

/* n durations spread evenly from `shortest` to `longest`: n times cheaper than one by one. */
void kn_histogram_spread(kn_histogram *h, uint64_t shortest, uint64_t longest, uint64_t n);

/* Adds all of `from`. */
void kn_histogram_merge(kn_histogram *h, const kn_histogram *from);

/* Seconds that durations are counted up to, for those who draw distributions. */
enum { KN_LATENCY_BOUNDS = 20 };
extern const double kn_latency_bounds[KN_LATENCY_BOUNDS];

/* What is told of a histogram, in seconds; all 0 when it is empty. */
typedef struct kn_latency {
    uint64_t count;
    /* p50, ...: what so large a share does not exceed, within 1 %, never more than the maximum */
    double mean, p50, p90, p99, p999, max;
    uint64_t
        within[KN_LATENCY_BOUNDS]; /* how many took at most so long, by the middles of buckets */
} kn_latency;

kn_latency kn_histogram_latency(const kn_histogram *h);

#endif
