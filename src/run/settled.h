/* Which records a run is done with: delivered, or in the dead-letter file. A run that ended,
 * however it ended, is resumed after these (run/state.h).
 *
 * Shared and of one destination: kn_settled, a set of ranges of indices. Ranges that touch become
 * one, so what it holds is bounded by the records that wait for an answer, not by the run.
 *
 * A worker's sink that settles records in another order than they came has a kn_pending: records
 * that come one after another share a block, and a block is settled when all of its records are.
 * Where memory is out a block is forgotten: it is never settled, and resuming repeats it. */
#ifndef KN_RUN_SETTLED_H
#define KN_RUN_SETTLED_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

typedef struct kn_range {
    uint64_t from, to; /* from <= i < to */
} kn_range;

/* Sorted; no two touch. Zeroed is empty. */
typedef struct kn_ranges {
    kn_range *list;
    size_t count, capacity;
} kn_ranges;

/* False: out of memory, the ranges are as they were. */
bool kn_ranges_add(kn_ranges *r, uint64_t from, uint64_t to);
bool kn_ranges_hold(const kn_ranges *r, uint64_t index);
void kn_ranges_free(kn_ranges *r);

typedef struct kn_settled kn_settled; /* shared by threads */

KN_MUST_CHECK bool kn_settled_new(kn_settled **out, kn_err *err);
void kn_settled_destroy(kn_settled *settled);
void kn_settled_add(kn_settled *settled, uint64_t from, uint64_t to);
/* The same, of a file: how long it is with those records. */
void kn_settled_add_at(kn_settled *settled, uint64_t from, uint64_t to, uint64_t position);
/* Into *out, whose memory is used again; and the file's length then. False: out of memory. */
bool kn_settled_copy(kn_settled *settled, kn_ranges *out, uint64_t *position);

typedef struct kn_pending_block {
    uint64_t first;
    uint32_t put, left; /* records that came, that are not settled */
} kn_pending_block;

/* Of one thread. Zeroed but for `settled` is empty; without one nothing is done. */
typedef struct kn_pending {
    kn_settled *settled;
    kn_pending_block *blocks;     /* sorted by first; done ones (left 0) go when there is no room */
    size_t count, capacity, last; /* last: where the last search ended */
} kn_pending;

void kn_pending_put(kn_pending *p, uint64_t index);                    /* indices rise */
void kn_pending_settle(kn_pending *p, uint64_t index, uint64_t count); /* index and what follows */
void kn_pending_free(kn_pending *p);

#endif
