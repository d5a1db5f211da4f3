/* The numbers and texts of Kinesis, pure: ranges of hash keys, sequence numbers, iterators. */
#ifndef KN_LAKE_KINESIS_ID_H
#define KN_LAKE_KINESIS_ID_H

#include "base/hash_key.h"

/* Where shard number `shard` of `count` equal ones begins: shard * floor(2^128 / count). */
kn_hash_key kn_hash_begin(unsigned shard, unsigned count);

/* A sequence number is 47 hexadecimal digits, written as 56 decimal ones:
 *     2, seconds of the shard's creation (9), low digit of the shard (1), number of the record
 * (16), 00, seconds of the arrival (9), shard (8), 2 Records are numbered from 1; 0 stands for the
 * start of the shard. Within a shard the numbers increase with the record. Seconds are kept to 36
 * bits. */
typedef struct kn_sequence {
    int64_t created_s;
    uint64_t number;
    int64_t arrival_s;
    uint32_t shard;
} kn_sequence;

void kn_sequence_print(const kn_sequence *sequence, char out[64]);
/* False when it is not such a number. */
bool kn_sequence_parse(kn_slice text, kn_sequence *sequence);

/* What clients get as an iterator or a page's continuation: opaque text with a checksum. */
typedef struct kn_page_token {
    char kind; /* 'i': an iterator; others are pages */
    int64_t issued_ms;
    uint32_t shard;
    uint64_t index;
    char stream[192]; /* the stream's id: another stream of the same name has another */
} kn_page_token;

void kn_page_token_print(const kn_page_token *token, kn_buf *out);
bool kn_page_token_parse(kn_slice text, char kind, kn_page_token *token);

#endif
