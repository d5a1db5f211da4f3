/* What the lake's Kinesis offers to its neighbours (Firehose reads streams as a source). */
#ifndef KN_LAKE_KINESIS_KINESIS_H
#define KN_LAKE_KINESIS_KINESIS_H

#include "lake/lake.h"
#include "lake/store/journal.h"

typedef struct kn_shard_view {
    unsigned number;
    int64_t created_s;         /* what its sequence numbers begin with */
    unsigned parent, adjacent; /* of lower numbers, closed; UINT32_MAX: none */
} kn_shard_view;

/* Calls visit for each shard that the stream has now, in the order of shard numbers, closed ones
 * included: a shard comes after its parents, and to those no record is added any more. The journals
 * stay valid until the visits end; a stream deleted meanwhile waits. ResourceNotFoundException when
 * the stream is unknown. */
typedef bool kn_kinesis_shard_visitor(void *context, const kn_shard_view *shard,
                                      kn_journal *journal);
KN_MUST_CHECK bool kn_kinesis_each_shard(kn_kinesis *kinesis, const char *stream,
                                         kn_kinesis_shard_visitor *visit, void *context,
                                         kn_err *err);

/* When the stream was made: tells it from another one of the same name, whose journals are others.
 * ResourceNotFoundException. */
KN_MUST_CHECK bool kn_kinesis_created(kn_kinesis *kinesis, const char *stream, int64_t *created_ms,
                                      kn_err *err);

/* The sequence number of a record of that shard: 56 decimal digits and a NUL. */
void kn_kinesis_sequence_number(int64_t created_s, unsigned shard, uint64_t index,
                                int64_t arrival_ms, char out[64]);

#endif
