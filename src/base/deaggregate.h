/* Aggregated records, read: many user records inside one record of a stream.
 *
 *     F3 89 9A C2, a protobuf message AggregatedRecord, the MD5 of that message (16 bytes)
 *
 * https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md; written by
 * aws/aggregate.h. What is not exactly that is a plain record: 20 bytes or fewer, another
 * beginning, a wrong MD5, a message that does not parse. Tags are skipped, and so are fields that
 * nobody knows; groups, which protobuf has given up, make a message one that does not parse. */
#ifndef KN_BASE_DEAGGREGATE_H
#define KN_BASE_DEAGGREGATE_H

#include "base/md5.h"

#define KN_AGGREGATE_MAGIC "\xF3\x89\x9A\xC2"
#define KN_AGGREGATE_FRAME 20 /* bytes beside the message: magic and MD5 */

/* The fields of the messages. */
enum {
    KN_AGGREGATE_KEYS = 1,    /* AggregatedRecord: string, repeated */
    KN_AGGREGATE_HASHES = 2,  /* AggregatedRecord: string, repeated */
    KN_AGGREGATE_RECORDS = 3, /* AggregatedRecord: Record, repeated */
    KN_RECORD_KEY = 1,        /* Record: number in the table of keys */
    KN_RECORD_HASH = 2,       /* Record: number in the table of hash keys, optional */
    KN_RECORD_DATA = 3,       /* Record: bytes */
};

/* What a producer gave: borrowed. */
typedef struct kn_user_record {
    kn_slice data;
    kn_slice key;
    kn_slice hash; /* the explicit hash key, decimal; p NULL: none */
} kn_user_record;

typedef struct kn_slice_table {
    kn_slice *rows;
    size_t count, cap;
} kn_slice_table;

/* Reads one record after another, and keeps its memory. For one thread; zeroed: not open. */
typedef struct kn_deaggregator {
    kn_md5 md5;
    kn_slice_table keys, hashes;
    kn_slice rest; /* of the message, or the plain record */
    size_t count;  /* of user records */
    bool aggregated, plain_left;
} kn_deaggregator;

KN_MUST_CHECK bool kn_deaggregator_init(kn_deaggregator *d, kn_err *err);
void kn_deaggregator_free(kn_deaggregator *d); /* idempotent */

/* Takes the data of a record (borrowed until the last of its user records has been used), and says
 * how many user records it holds (d->count) and whether it is aggregated (d->aggregated); a plain
 * one holds itself. Fails only for want of memory. */
KN_MUST_CHECK bool kn_deaggregate(kn_deaggregator *d, kn_slice data, kn_err *err);

/* The next user record, or false. key.p is NULL when it is the stream record's own: of a plain
 * record, and where the key's number is outside the table. A hash key outside its table is none. */
bool kn_deaggregator_next(kn_deaggregator *d, kn_user_record *out);

#endif
