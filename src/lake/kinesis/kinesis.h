/* What the lake's Kinesis offers to its neighbours (Firehose reads streams as a source). */
#ifndef KN_LAKE_KINESIS_KINESIS_H
#define KN_LAKE_KINESIS_KINESIS_H

#include "lake/lake.h"
#include "lake/store/journal.h"

/* Calls visit for each shard of the stream, in the order of shard numbers, closed ones included.
 * The journals stay valid until the visit ends; a stream deleted meanwhile waits.
 * ResourceNotFoundException when the stream is unknown. */
typedef bool kn_kinesis_shard_visitor(void *context, unsigned shard, kn_journal *journal);
KN_MUST_CHECK bool kn_kinesis_each_shard(kn_kinesis *kinesis, const char *stream,
                                         kn_kinesis_shard_visitor *visit, void *context,
                                         kn_err *err);

/* When the stream was made: tells it from another one of the same name, whose journals are others.
 * ResourceNotFoundException. */
KN_MUST_CHECK bool kn_kinesis_created(kn_kinesis *kinesis, const char *stream, int64_t *created_ms,
                                      kn_err *err);

/* The sequence number of a record of a stream made then: 56 decimal digits and a NUL. */
void kn_kinesis_sequence_number(int64_t created_ms, unsigned shard, uint64_t index,
                                int64_t arrival_ms, char out[64]);

#endif
