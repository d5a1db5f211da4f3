/* The counters of one sink of one worker: written by its thread, read by any (relaxed atomics),
 * added up for the summary. */
#ifndef KN_RUN_STATS_H
#define KN_RUN_STATS_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdint.h>

typedef struct kn_stats {
    _Atomic uint64_t generated; /* records put; the run counts them */
    _Atomic uint64_t delivered; /* records the destination acknowledged */
    _Atomic uint64_t retried;   /* record sends beyond the first */
    _Atomic uint64_t failed;    /* records given up */
    _Atomic uint64_t throttled; /* record sends refused for their rate */
    _Atomic uint64_t requests;  /* requests sent, retries included */
    _Atomic uint64_t bytes;     /* record bytes delivered */
    kn_err first_error;         /* why the first record failed; read after the worker ended */
} kn_stats;

static inline void kn_count(_Atomic uint64_t *counter, uint64_t n) {
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

#endif
