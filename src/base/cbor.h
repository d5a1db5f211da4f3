/* CBOR (RFC 8949) as AWS's services speak it beside JSON (application/x-amz-cbor-1.1): the same
 * members, data as bytes instead of base64, and moments as tag 1 over whole milliseconds.
 *
 * Reading is by items: a head each, the content of definite strings with it. Left out: integers
 * beyond 64 bits. */
#ifndef KN_BASE_CBOR_H
#define KN_BASE_CBOR_H

#include "base/buf.h"

typedef enum {
    KN_CBOR_UINT,
    KN_CBOR_NEGATIVE, /* -1 - value */
    KN_CBOR_BYTES,
    KN_CBOR_TEXT,
    KN_CBOR_ARRAY,
    KN_CBOR_MAP,
    KN_CBOR_TAG,
    KN_CBOR_SIMPLE, /* value: KN_CBOR_FALSE, ...; or a float; or the break of the indefinite */
} kn_cbor_major;

enum {
    KN_CBOR_FALSE = 20,
    KN_CBOR_TRUE,
    KN_CBOR_NULL,
    KN_CBOR_UNDEFINED,
    KN_CBOR_FLOAT = 27, /* of any width */
    KN_CBOR_BREAK = 31,
    KN_CBOR_HEAD = 9, /* bytes at most */
    KN_CBOR_DEPTH = 64,
};

typedef struct kn_cbor_item {
    kn_cbor_major major;
    bool indefinite; /* items, or the chunks of a string, until a break */
    uint64_t value;  /* number, length, count of items (of a map: of pairs), tag */
    double number;   /* of a float */
    kn_slice text;   /* of a definite string */
} kn_cbor_item;

/* Takes the next head off *cbor; false when it is malformed or cut off. */
KN_MUST_CHECK bool kn_cbor_take(kn_slice *cbor, kn_cbor_item *item);

/* Takes a whole item, with everything inside. */
KN_MUST_CHECK bool kn_cbor_skip(kn_slice *cbor);

/* Writes a head at p in the fewest bytes, at most KN_CBOR_HEAD; returns the new end. */
static inline char *kn_cbor_head(char *p, kn_cbor_major major, uint64_t value) {
    unsigned first = (unsigned)major << 5;
    if (value < 24) {
        *p++ = (char)(first | value);
        return p;
    }
    unsigned width = value <= 0xFF ? 0 : value <= 0xFFFF ? 1 : value <= 0xFFFFFFFF ? 2 : 3;
    *p++ = (char)(first | (24 + width));
    for (int shift = (8 << width) - 8; shift >= 0; shift -= 8)
        *p++ = (char)(value >> shift);
    return p;
}

/* Appends the item as JSON: bytes as base64, milliseconds of tag 1 as seconds, undefined as null,
 * other tags as what they hold. What has no JSON (keys that are not texts, bad UTF-8, more than
 * KN_CBOR_DEPTH levels, bytes after the item) is an error. */
KN_MUST_CHECK bool kn_cbor_to_json(kn_slice cbor, kn_buf *json, kn_err *err);

/* Appends one JSON text as CBOR, objects and arrays of indefinite length. How each string and
 * number is to be written is said by the name of its member: data as bytes (its base64 undone),
 * time as tag 1. Either may be NULL. */
typedef struct kn_cbor_names {
    bool (*is_data)(kn_slice name);
    bool (*is_time)(kn_slice name);
} kn_cbor_names;
KN_MUST_CHECK bool kn_cbor_from_json(kn_slice json, const kn_cbor_names *names, kn_buf *cbor,
                                     kn_err *err);

#endif
