/* What all workers know of a stream's shards: the map (one refresh serves all), the rate that each
 * may be sent at (run/stream/rate.h), and how much each took: its heat. Shared by threads; one of
 * each destination, made before the workers.
 *
 * Shards are numbered in the order that they become known, from 1; what is known of no shard is of
 * number 0, the stream as a whole. A number keeps its shard for the whole run. */
#ifndef KN_RUN_STREAM_SHARDS_H
#define KN_RUN_STREAM_SHARDS_H

#include "run/stream/rate.h"
#include "run/stream/shard_map.h"

typedef struct kn_shards kn_shards;

enum { KN_SHARD_ANY = 0 };

KN_MUST_CHECK bool kn_shards_new(kn_shards **out, kn_err *err);
void kn_shards_destroy(kn_shards *shards); /* NULL is allowed */

/* The number of a shard by its name, noted when it is new; KN_SHARD_ANY for no name, and where
 * there is no room. */
uint32_t kn_shards_number(kn_shards *shards, kn_slice name);

/* ---- the map ---- */

/* Replaces *map, a caller's own reference (or NULL), when there is a newer one; true when it did.
 * Cheap when there is none. */
bool kn_shards_update(kn_shards *shards, kn_shard_map **map);

/* The map of that version (0: none) did not hold: another is wanted. */
void kn_shards_distrust(kn_shards *shards, uint32_t version);

/* Somebody wants a map, and it is time: true for one caller, who lists the shards and then tells
 * what came of it, with the map (which is taken; NULL: it failed, for that reason). After a map
 * like the one before, or none, the next one waits 1 s, then twice as long each time, at most 30 s.
 */
bool kn_shards_begin_refresh(kn_shards *shards, uint64_t now_ns);
void kn_shards_end_refresh(kn_shards *shards, kn_shard_map *map, const kn_err *why,
                           uint64_t now_ns);
/* How many refreshes have failed since the last that did not, and why the last one. */
uint32_t kn_shards_failures(kn_shards *shards, kn_err *why);

/* ---- rates ---- */

/* A throttle has been seen: from now on kn_shards_take may refuse. Cheap. */
bool kn_shards_throttling(const kn_shards *shards);
bool kn_shards_take(kn_shards *shards, uint32_t shard, double cost, uint64_t now_ns);
/* The shard has a rate, which kn_shards_take keeps. */
bool kn_shards_limited(kn_shards *shards, uint32_t shard);

/* What the answer to one request says of one shard. Throttled may be 0. */
typedef struct kn_shard_answer {
    uint64_t records, bytes; /* taken: user records, and bytes as the service counts */
    double cost;             /* of what was taken */
    uint64_t throttled;      /* user records */
} kn_shard_answer;
/* since: when the request was begun. */
void kn_shards_answered(kn_shards *shards, uint32_t shard, const kn_shard_answer *answer,
                        uint64_t since_ns, uint64_t now_ns);

/* ---- heat ---- */

typedef struct kn_heat {
    char shard[KN_SHARD_NAME]; /* "": of no known shard */
    uint64_t records, bytes, throttled;
    double rate; /* the limit now; 0: none */
} kn_heat;

/* The i-th shard's; false after the last. */
bool kn_shards_heat(kn_shards *shards, uint32_t i, kn_heat *out);

#endif
