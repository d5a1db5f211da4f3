/* Aggregated records, written: many user records in one record of a stream, in the format of the
 * Kinesis Producer Library (base/deaggregate.h describes it, and reads it).
 *
 * An aggregate knows its exact size at any time, and what it would be with one record more. A key
 * that repeats is written once; whether it does takes a look into a hash table. Memory is kept from
 * one aggregate to the next.
 *
 * One user record alone is sent as it is, with its own keys: kn_aggregate_finish says so. All user
 * records of an aggregate must belong to one shard (base/hash_key.h); the caller sees to that. */
#ifndef KN_AWS_AGGREGATE_H
#define KN_AWS_AGGREGATE_H

#include "base/deaggregate.h"
#include "base/hash_key.h"

#define KN_AGGREGATE_KEY "a"                       /* the partition key of an aggregated record */
#define KN_AGGREGATE_BYTES (50u << 10)             /* the Producer Library's usual size */
#define KN_AGGREGATE_MOST (10u << 20)              /* a stream's largest record */
#define KN_AGGREGATE_ROOM (KN_AGGREGATE_MOST + 64) /* the most that a buffer of one needs */
#define KN_AGGREGATE_SEALS 8                       /* that are sealed together */

/* The place of a key in the hash table. */
typedef struct kn_aggregate_slot {
    uint32_t round; /* the aggregate that it was filled for: of any other, it is empty */
    uint32_t hash;
    uint32_t number; /* of the key */
} kn_aggregate_slot;

typedef struct kn_aggregate_span {
    uint32_t offset, length;
} kn_aggregate_span;

typedef struct kn_aggregate_table {
    kn_buf fields;           /* the keys, as fields of the message */
    kn_aggregate_span *keys; /* by number: where in fields */
    uint32_t count;
    kn_aggregate_slot *slots; /* 2^bits; room for half as many keys */
    unsigned bits;
} kn_aggregate_table;

typedef struct kn_aggregate {
    uint32_t max_bytes;
    uint32_t count; /* of user records */
    uint32_t round;
    bool first_hashed; /* the first has an explicit hash key */
    uint64_t data;     /* bytes of the user records' data */
    kn_aggregate_table keys, hashes;
    kn_buf records; /* as fields of the message */
    kn_buf blob;
    kn_md5 md5;
    char hash[KN_HASH_TEXT]; /* of a finished aggregate */
} kn_aggregate;

/* max_bytes: of the finished aggregate, at most KN_AGGREGATE_MOST. On failure nothing is held. */
KN_MUST_CHECK bool kn_aggregate_init(kn_aggregate *a, uint32_t max_bytes, kn_err *err);
void kn_aggregate_free(kn_aggregate *a); /* idempotent; a zeroed one is allowed */
void kn_aggregate_clear(kn_aggregate *a);

/* Bytes of the finished aggregate, magic and MD5 included. */
uint64_t kn_aggregate_size(const kn_aggregate *a);

typedef enum {
    KN_AGGREGATE_ADDED,
    KN_AGGREGATE_FULL,   /* does not fit beside what is there: finish that first */
    KN_AGGREGATE_REFUSED /* over KN_AGGREGATE_MOST, not a hash key, or out of memory: err says */
} kn_aggregate_answer;

/* Copies the record. The first one is added even when it is over max_bytes: it will go alone. */
kn_aggregate_answer kn_aggregate_add(kn_aggregate *a, const kn_user_record *record, kn_err *err);

/* What is to be sent: of one user record itself, of several the aggregate, whose hash key is the
 * first one's. Valid until the aggregate changes. KN_ESTATE when there is none. */
KN_MUST_CHECK bool kn_aggregate_finish(kn_aggregate *a, kn_user_record *out, kn_err *err);

/* The same in two steps, as the MD5 of several takes hardly longer than that of one: an aggregate
 * of several records is left in a->blob, out->data without the MD5 that its end is. Sealing writes
 * that to the ends of at most KN_AGGREGATE_SEALS such blobs. */
KN_MUST_CHECK bool kn_aggregate_finish_unsealed(kn_aggregate *a, kn_user_record *out, kn_err *err);
KN_MUST_CHECK bool kn_aggregate_seal(kn_md5 *md5, kn_buf *const *blobs, size_t count, kn_err *err);

#endif
