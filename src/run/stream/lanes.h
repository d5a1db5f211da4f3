/* Open aggregates, one for each shard: records of one shard travel together (aws/aggregate.h).
 *
 * What all of them hold is bounded: where there are many shards, each aggregate is smaller. One
 * thread's. */
#ifndef KN_RUN_STREAM_LANES_H
#define KN_RUN_STREAM_LANES_H

#include "aws/aggregate.h"
#include "run/stream/hold.h"

typedef struct kn_lane {
    kn_aggregate aggregate;
    bool open;         /* the aggregate was made */
    uint64_t since_ns; /* when its first record came */
    kn_riders *riders; /* with room for capacity */
    uint32_t capacity;
} kn_lane;

typedef struct kn_lanes {
    uint32_t max_bytes; /* of an aggregate */
    kn_lane *list;      /* by shard number */
    uint32_t count;
    uint32_t filled;   /* of them hold records */
    uint64_t first_ns; /* none was begun before that; meaningless when none is filled */
} kn_lanes;

/* So much all open aggregates may hold together. */
#define KN_LANES_BYTES (8u << 20)

/* Adds a record to its shard's aggregate. FULL: close that first. REFUSED: it can be in none. */
kn_aggregate_answer kn_lanes_add(kn_lanes *lanes, uint32_t shard, uint32_t shards,
                                 const kn_user_record *record, const kn_rider *rider,
                                 uint64_t now_ns, kn_err *err);

/* What is to be sent for the shard's records; an aggregate without its seal (aws/aggregate.h). The
 * slices are valid until kn_lanes_clear, which
 * empties the lane and must follow; the riders (NULL for a single record) are the caller's. */
KN_MUST_CHECK bool kn_lanes_close(kn_lanes *lanes, uint32_t shard, kn_piece *piece, kn_err *err);
void kn_lanes_clear(kn_lanes *lanes, uint32_t shard);

bool kn_lanes_holds(const kn_lanes *lanes, uint32_t shard);
/* The next shard from `shard` on whose aggregate was begun at or before then; lanes->count: none.
 */
uint32_t kn_lanes_due(const kn_lanes *lanes, uint32_t shard, uint64_t then_ns);
void kn_lanes_free(kn_lanes *lanes);

#endif
