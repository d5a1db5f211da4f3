/* The shards of a stream, as facts: their ranges, their parents, when they opened and closed. Pure:
 * splitting and merging change a list; nothing here touches a running stream.
 *
 * https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-resharding.html */
#ifndef KN_LAKE_KINESIS_LAYOUT_H
#define KN_LAKE_KINESIS_LAYOUT_H

#include "base/hash_key.h"

#include <jansson.h>

#define KN_NO_SHARD UINT32_MAX
#define KN_SHARDS_EVER 10000 /* of one stream, closed ones included */

typedef struct kn_shard_facts {
    kn_hash_key begin, end;    /* both included */
    unsigned parent, adjacent; /* numbers of the shards it was made of, or KN_NO_SHARD */
    int64_t created_s;         /* as its sequence numbers tell it: later than its parents' */
    int64_t opened_ms;
    int64_t closed_ms; /* 0: open */
} kn_shard_facts;

/* By number. */
typedef struct kn_shard_list {
    kn_shard_facts *rows;
    unsigned count, cap;
} kn_shard_list;

void kn_shard_list_free(kn_shard_list *list);
unsigned kn_shard_list_open(const kn_shard_list *list); /* how many are open */

/* From what the store keeps: a number of equal shards that were never split or merged, or a list.
 * KN_EPARSE when it is neither. On failure nothing is held. */
KN_MUST_CHECK bool kn_shard_list_read(const json_t *doc, int64_t stream_created_ms,
                                      kn_shard_list *out, kn_err *err);
/* NULL when out of memory. */
json_t *kn_shard_list_write(const kn_shard_list *list);

/* Closes the open shard and opens two in its place, the second beginning at `at`, which lies in the
 * range and is not its beginning. KN_ELIMIT: over KN_SHARDS_EVER. */
KN_MUST_CHECK bool kn_shard_list_split(kn_shard_list *list, unsigned number, kn_hash_key at,
                                       int64_t now_ms, kn_err *err);

/* Closes two open shards whose ranges touch, and opens one in their place. */
KN_MUST_CHECK bool kn_shard_list_merge(kn_shard_list *list, unsigned number, unsigned adjacent,
                                       int64_t now_ms, kn_err *err);

/* Splits and merges until `count` equal shards are open. */
KN_MUST_CHECK bool kn_shard_list_even(kn_shard_list *list, unsigned count, int64_t now_ms,
                                      kn_err *err);

#endif
