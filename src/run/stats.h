/* The counters of one sink of one worker: written by its thread, read by any (relaxed atomics),
 * added up for the summary. */
#ifndef KN_RUN_STATS_H
#define KN_RUN_STATS_H

#include "base/err.h"
#include "base/histogram.h"

typedef struct kn_stats {
    _Atomic uint64_t generated;   /* records put; the run counts them */
    _Atomic uint64_t delivered;   /* records the destination acknowledged */
    _Atomic uint64_t retried;     /* record sends beyond the first */
    _Atomic uint64_t failed;      /* records given up */
    _Atomic uint64_t uncertain;   /* of those: on their way when given up, they may have arrived */
    _Atomic uint64_t maybe_twice; /* record sends, again, though the server may have acted upon an
                                     earlier one: at most so many records arrived twice */
    _Atomic uint64_t throttled;   /* record sends refused for their rate */
    _Atomic uint64_t requests;    /* requests sent, retries included */
    _Atomic uint64_t bytes;       /* record bytes delivered */
    kn_histogram latency;         /* of delivered records: acknowledged, less kn_record.due_ns */
    kn_err first_error;           /* why the first record failed; read after the worker ended */
} kn_stats;

static inline uint64_t kn_counted(const _Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Only the sink's thread counts: no locked instruction is needed. */
static inline void kn_count(_Atomic uint64_t *counter, uint64_t n) {
    atomic_store_explicit(counter, kn_counted(counter) + n, memory_order_relaxed);
}

/* The due times of records that are delivered together, by a sink that asks the clock once for all
 * of them: those of a block lie evenly between the first and the last. Zeroed is empty. */
typedef struct kn_due_span {
    uint64_t first_ns, last_ns, records;
} kn_due_span;

static inline void kn_due_span_add(kn_due_span *span, uint64_t due_ns) {
    if (span->records++ == 0)
        span->first_ns = due_ns;
    span->last_ns = due_ns;
}

/* They were delivered now_ns; empties the span. */
static inline void kn_due_span_count(kn_due_span *span, kn_stats *stats, uint64_t now_ns) {
    uint64_t shortest = now_ns > span->last_ns ? now_ns - span->last_ns : 0;
    uint64_t longest = now_ns > span->first_ns ? now_ns - span->first_ns : 0;
    kn_histogram_spread(&stats->latency, shortest, longest, span->records);
    span->records = 0;
}

#endif
