/* The reply to PutRecords or PutRecordBatch: a result for each record, in their order. Most say
 * that nothing failed; those are not parsed, but it is made sure that they have as many results as
 * there were records: what has no result is not delivered. */
#ifndef KN_AWS_PUT_REPLY_H
#define KN_AWS_PUT_REPLY_H

#include "aws/batch.h"

typedef struct kn_put_result {
    const char *code;    /* NULL: the record was taken */
    const char *message; /* of one that was not; may be NULL */
    kn_slice shard;      /* where it was put; empty when not told */
} kn_put_result;

typedef void kn_put_each(void *context, uint32_t i, const kn_put_result *result);

typedef struct kn_put_reply {
    const kn_batch_rules *rules;
    kn_wire wire;
    kn_slice body;
    uint32_t count; /* of records sent; above 0 */
    bool shards;    /* they are wanted, too, when nothing failed */
} kn_put_reply;

/* Calls each for results 0 to count - 1. Fails, having called nothing, when the reply is not one to
 * a request of so many records. */
KN_MUST_CHECK bool kn_put_reply_read(const kn_put_reply *reply, kn_put_each *each, void *context,
                                     kn_err *err);

/* The record is worth sending again. */
bool kn_put_is_transient(const kn_batch_rules *rules, const char *code);
/* It was refused for its rate. */
bool kn_put_is_throttle(const kn_batch_rules *rules, const char *code);

/* The shard that a message tells of: "Rate exceeded for shard shardId-000000000001 in stream ...";
 * empty when of none. */
kn_slice kn_put_shard_in(const char *message);

#endif
