/* The body of PutRecords (Kinesis) and PutRecordBatch (Firehose), built record by record: each is
 * encoded (base64 and JSON, or CBOR) straight into it, once. put_reply.h reads what comes back.
 *
 * Limits are exact: records, bytes of data and partition keys before base64, the size of one
 * record. https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
 * https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html */
#ifndef KN_AWS_BATCH_H
#define KN_AWS_BATCH_H

#include "aws/operations.h"
#include "base/buf.h"

/* What differs between the two services. */
typedef struct kn_batch_rules {
    const char *api, *operation;
    const char *stream_member;    /* "StreamName" */
    const char *count_member;     /* of the reply: "FailedRecordCount" */
    const char *results_member;   /* of the reply: "Records" */
    const char *const *transient; /* codes of records worth sending again, ended by NULL */
    const char *busy; /* the one of them that says, too, that the stream takes no more; or NULL */
    bool keyed;       /* records have partition keys, which count */
    uint32_t max_records;
    uint32_t default_record_bytes, most_record_bytes; /* of one record */
    uint32_t default_bytes, most_bytes;               /* of a request */
} kn_batch_rules;

extern const kn_batch_rules kn_batch_kinesis, kn_batch_firehose;

typedef struct kn_batch_entry {
    uint32_t offset, length; /* in the body */
    uint32_t size;           /* as the service counts: data, newline and key */
    uint32_t data;           /* bytes of data that the caller gave */
    /* The caller's, to set after adding: */
    uint64_t number, due_ns; /* of the record */
    uint64_t user_bytes;     /* of user data */
    uint32_t shard, sends, map_version;
    bool doubtful;
    void *riders;
} kn_batch_entry;

typedef struct kn_batch_limits { /* 0: the service's own */
    uint32_t records, bytes;     /* of a request */
    uint32_t record_bytes;       /* of a record, its partition key included */
} kn_batch_limits;

typedef struct kn_batch {
    const kn_batch_rules *rules;
    char *stream;
    kn_wire wire;
    bool newline; /* after each record's data */
    kn_batch_limits limits;
    size_t prefix; /* length of the body before the first record */
    kn_buf body;
    kn_batch_entry *entries;
    uint32_t count;
    uint32_t bytes;
} kn_batch;

/* On failure nothing is held. */
KN_MUST_CHECK bool kn_batch_init(kn_batch *batch, const kn_batch_rules *rules, const char *stream,
                                 const kn_batch_limits *limits, bool newline, kn_err *err);
void kn_batch_free(kn_batch *batch);
void kn_batch_clear(kn_batch *batch);
/* Clears it, and writes what comes next in this form; JSON at first. */
void kn_batch_begin(kn_batch *batch, kn_wire wire);

typedef enum {
    KN_BATCH_ADDED,
    KN_BATCH_FULL,   /* does not fit beside what is there: send that first */
    KN_BATCH_REFUSED /* no request could carry it; err says why */
} kn_batch_answer;

/* What kn_batch_add would refuse a record for. */
KN_MUST_CHECK bool kn_batch_check(const kn_batch *batch, kn_slice data, kn_slice key,
                                  kn_slice explicit_hash_key, kn_err *err);

/* explicit_hash_key: a whole number below 2^128 in decimal digits; empty: none. */
kn_batch_answer kn_batch_add(kn_batch *batch, kn_slice data, kn_slice key,
                             kn_slice explicit_hash_key, kn_err *err);

/* The complete body; valid until the batch changes. */
kn_slice kn_batch_body(kn_batch *batch);

typedef struct kn_batch_record {
    kn_slice data, key, explicit_hash_key; /* the keys are empty where the record has none */
} kn_batch_record;

/* A record as it was added, read back from the body, into which or into scratch (which is cleared
 * before) the slices point. */
KN_MUST_CHECK bool kn_batch_read(const kn_batch *batch, const kn_batch_entry *entry,
                                 kn_buf *scratch, kn_batch_record *out, kn_err *err);

#endif
