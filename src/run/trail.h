/* How far destinations trail the pace: the curve of what was due over time, against how many
 * records each destination has settled (delivered, or given up). The lag is the time since the pace
 * had asked for one record more than are settled. It is of counts: where records overtake each
 * other, single ones are older, which is in the latencies.
 *
 * The curve is kept from where the slowest destination is; when it does not fit, every other point
 * goes. Of one thread. */
#ifndef KN_RUN_TRAIL_H
#define KN_RUN_TRAIL_H

#include <stddef.h>
#include <stdint.h>

enum { KN_TRAIL_POINTS = 512 };

typedef struct kn_trail_point {
    double seconds; /* by the pace's clock */
    uint64_t due;
} kn_trail_point;

/* Zeroed is empty. */
typedef struct kn_trail {
    kn_trail_point points[KN_TRAIL_POINTS];
    size_t count;
} kn_trail;

/* So much was due then. A clock that has gone back is another's: what was drawn is forgotten. No
 * time before that of record `settled` + 1 is asked for any more. */
void kn_trail_draw(kn_trail *trail, double seconds, uint64_t due, uint64_t settled);

/* When the n-th record (from 1) was due; of those before the curve, when it begins. */
double kn_trail_when(const kn_trail *trail, uint64_t n);

#endif
