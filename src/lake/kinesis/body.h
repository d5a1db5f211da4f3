/* Reading the body of PutRecords without a tree. Building one with jansson, checking it against the
 * table of members and searching it were two thirds of the lake's work. Whatever is rare or wrong
 * is left to those: the reader takes less than they do, and never anything else. It is fuzzed
 * against them (tests/fuzz/put_records.c). */
#ifndef KN_LAKE_KINESIS_BODY_H
#define KN_LAKE_KINESIS_BODY_H

#include "base/buf.h"

#define KN_STREAM_NAME_MAX 128
#define KN_PUT_RECORDS_MAX 500
#define KN_PUT_KEY_MAX 256 /* characters */

/* A record of PutRecord and PutRecords, not decoded yet. */
typedef struct kn_put_entry {
    kn_slice data; /* base64, or bytes where the body was CBOR */
    kn_slice key;
    kn_slice hash; /* ExplicitHashKey; p NULL when there is none */
} kn_put_entry;

/* False when the body is anything but a StreamName and records of Data and PartitionKey, each once,
 * in strings without escapes and of a length that is allowed; what Data holds is not looked at. The
 * slices point into the body. */
KN_MUST_CHECK bool kn_put_body_read(kn_slice body, kn_slice *stream,
                                    kn_put_entry entries[KN_PUT_RECORDS_MAX], size_t *count);

/* The same of a body in CBOR: definite strings, keys in printable ASCII. */
KN_MUST_CHECK bool kn_put_body_read_cbor(kn_slice body, kn_slice *stream,
                                         kn_put_entry entries[KN_PUT_RECORDS_MAX], size_t *count);

#endif
