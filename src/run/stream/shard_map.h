/* Which shard a hash key belongs to: the ranges of a stream's open shards, as ListShards tells
 * them. Immutable once made, so that threads share it; counted references.
 * https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ListShards.html */
#ifndef KN_RUN_STREAM_SHARD_MAP_H
#define KN_RUN_STREAM_SHARD_MAP_H

#include "base/hash_key.h"

#include <stdatomic.h>

enum { KN_SHARD_NAME = 132, KN_SHARDS_MOST = 20000 }; /* a name and its NUL; shards of a stream */

typedef struct kn_shard_row {
    kn_hash_key last; /* of its range */
    uint32_t shard;   /* the number that its owner gave it (run/stream/shards.h) */
    char name[KN_SHARD_NAME];
} kn_shard_row;

typedef struct kn_shard_map {
    _Atomic unsigned users;
    uint32_t version; /* from 1 */
    uint32_t count;
    kn_shard_row rows[]; /* by range */
} kn_shard_map;

/* The row whose range holds the hash key. */
const kn_shard_row *kn_shard_map_find(const kn_shard_map *map, kn_hash_key hash);
void kn_shard_map_release(kn_shard_map *map); /* NULL is allowed */

/* Gathers the pages of one listing. Zeroed is empty. */
typedef struct kn_shard_pages {
    kn_shard_row *rows;
    size_t count, capacity;
    uint32_t pages; /* that others followed */
    char *next;     /* the token of the page to ask for; NULL: that was the last */
} kn_shard_pages;

/* Takes a reply to ListShards. Shards that are closed are left out, whatever the filter said. */
KN_MUST_CHECK bool kn_shard_pages_add(kn_shard_pages *pages, kn_slice reply, kn_err *err);
/* The map, with one user; shards have no number yet. Fails when the ranges do not cover all keys.
 */
KN_MUST_CHECK bool kn_shard_pages_finish(kn_shard_pages *pages, kn_shard_map **out, kn_err *err);
void kn_shard_pages_free(kn_shard_pages *pages);

#endif
