/* Request entries that wait: for their next send after a refusal, or for their shard's rate. Each
 * is a copy of its own, so what goes on does not wait for them. How many there are is bounded by
 * those who add: they stop when kn_hold_is_full. One thread's. */
#ifndef KN_RUN_STREAM_HOLD_H
#define KN_RUN_STREAM_HOLD_H

#include "base/buf.h"

/* User records that travel in one aggregated entry. */
typedef struct kn_rider {
    uint64_t number, due_ns;
} kn_rider;

typedef struct kn_riders { /* for free() */
    uint32_t count;
    kn_rider list[];
} kn_riders;

/* A request entry outside of a request. */
typedef struct kn_piece {
    kn_slice data, key, hash; /* hash: the explicit hash key, or empty */
    uint64_t number, due_ns;  /* of the record; of an aggregate its first */
    kn_riders *riders;        /* of an aggregate; owned */
    uint64_t user_bytes;      /* of user data */
    uint32_t shard;           /* that it is meant for (run/stream/shards.h) */
    uint32_t sends;           /* so far */
    uint32_t map_version;     /* of the map by which it was aggregated */
    bool doubtful;            /* a send ended without saying whether it arrived */
} kn_piece;

static inline uint32_t kn_piece_records(const kn_piece *p) {
    return p->riders ? p->riders->count : 1;
}

typedef struct kn_held {
    struct kn_held *next;
    uint64_t ready_ns;
    kn_piece piece; /* its slices are in bytes */
    char bytes[];
} kn_held;

typedef struct kn_hold {
    kn_held *first, *last;
    uint32_t count;
    size_t bytes;
    uint32_t most_pieces;
    size_t most_bytes;
    uint64_t next_ns; /* before that nothing is ready */
} kn_hold;

/* Takes a copy of the piece, and its riders, as the last. */
KN_MUST_CHECK bool kn_hold_add(kn_hold *hold, const kn_piece *piece, uint64_t ready_ns,
                               kn_err *err);
bool kn_hold_is_full(const kn_hold *hold);

/* Takes the piece after `before` (NULL: the first) out of the list; the caller frees it with
 * kn_held_free, which leaves the riders alone. */
kn_held *kn_hold_take(kn_hold *hold, kn_held *before);
void kn_held_free(kn_held *held);

#endif
