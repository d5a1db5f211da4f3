/* Stated disorder: late, duplicated, shuffled and corrupted records. Position i of the output is
 * still a pure function of (seed, i), found in constant time:
 *
 *   position --shuffle--> place --duplicates--> index of the record --late--> its time
 *                                                      and, by the position: corrupted or not
 *
 * Duplicates are inserted, not drawn: among the first 1024 * n places are floor(1024 * n * p) of
 * them, each a record from shortly before, so the records before a place are known by its number.
 */
#ifndef KN_GEN_DISORDER_H
#define KN_GEN_DISORDER_H

#include "gen/plan.h"

enum {
    KN_DISORDER_BLOCK = 1024, /* places over which duplicates are spread */
    KN_DISORDER_NEAR = 100,   /* a duplicate repeats one of so many records before it */
};

typedef struct kn_disorder_state { /* of one cursor */
    bool active;
    uint64_t key;   /* of the seed */
    uint64_t block; /* what offsets are of; UINT64_MAX: none */
    uint16_t offsets[KN_DISORDER_BLOCK];
} kn_disorder_state;

KN_MUST_CHECK bool kn_disorder_init(kn_disorder_state *s, const kn_disorder *d, uint64_t seed_key,
                                    kn_err *err);

/* The index of the record at a position of the output. */
uint64_t kn_disorder_index(kn_disorder_state *s, const kn_disorder *d, uint64_t position);

/* How late the record of this index is, in ms. */
int64_t kn_disorder_late_ms(const kn_disorder_state *s, const kn_disorder *d, uint64_t index);

/* Corrupts the n bytes at p, or not; returns how many are left: at least one. What is corrupted is
 * JSON no longer, not even to a lenient reader: cut short, or with a control character for a quote,
 * so that the quotes are odd. */
size_t kn_disorder_corrupt(const kn_disorder_state *s, const kn_disorder *d, uint64_t position,
                           char *p, size_t n);

#endif
