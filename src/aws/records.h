/* The reply of GetRecords, read: up to 10,000 records and 10 MiB, aggregated ones taken apart,
 * without a tree and without an allocation a record.
 * https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html */
#ifndef KN_AWS_RECORDS_H
#define KN_AWS_RECORDS_H

#include "base/deaggregate.h"

/* In place of a sub-sequence number: not from an aggregated record. */
#define KN_RECORDS_WHOLE (-1)

typedef struct kn_stream_record {
    kn_slice data, key;
    kn_slice hash;     /* the explicit hash key, which only aggregated records tell; p NULL: none */
    kn_slice sequence; /* decimal */
    int64_t sub;       /* its place in an aggregated record, or KN_RECORDS_WHOLE */
    int64_t arrival_ms;
} kn_stream_record;

typedef struct kn_records {
    kn_stream_record *rows;
    size_t count, cap;
    kn_slice next;     /* the next iterator; p NULL: the shard has ended */
    kn_slice sequence; /* of the last record; p NULL: there was none */
    int64_t behind_ms;
    kn_buf bytes; /* what was encoded in the reply */
    kn_deaggregator reader;
} kn_records;

KN_MUST_CHECK bool kn_records_init(kn_records *records, kn_err *err);
void kn_records_free(kn_records *records); /* idempotent; a zeroed one is allowed */

/* The slices point into the body, or into memory that lasts until the next read. KN_EPARSE: the
 * body is not such a reply. */
KN_MUST_CHECK bool kn_records_read(kn_records *records, kn_slice body, bool deaggregate,
                                   kn_err *err);

/* Appends the record as a line: its data and a newline, unless it ends in one. */
void kn_records_line(const kn_stream_record *record, kn_buf *out);

/* Appends the record as a line of JSON with shard, sequence, arrival, keys, and data: the JSON that
 * it is, else a string, else data_base64. data.p not NULL: that JSON instead of the record's. */
void kn_records_envelope(const kn_stream_record *record, kn_slice shard, kn_slice data,
                         kn_buf *out);

#endif
