/* A pull reader over the bytes of one JSON text: each call takes the next value, member or element.
 * RFC 8259, strictly: no comments, no leading zeros, no control characters or invalid UTF-8 in
 * strings. Nothing is allocated; slices point into the text. */
#ifndef KN_BASE_SCAN_H
#define KN_BASE_SCAN_H

#include "base/buf.h"

enum { KN_SCAN_DEPTH = 128 };

typedef enum {
    KN_TOKEN_NULL,
    KN_TOKEN_TRUE,
    KN_TOKEN_FALSE,
    KN_TOKEN_INTEGER, /* a number without fraction and exponent */
    KN_TOKEN_NUMBER,  /* any other */
    KN_TOKEN_STRING,
    KN_TOKEN_OBJECT,
    KN_TOKEN_ARRAY,
} kn_token_kind;

typedef struct kn_token {
    kn_token_kind kind;
    bool escaped;  /* of a string: has escapes; see kn_scan_unescape */
    kn_slice text; /* of a string without its quotes; of an object or array only the bracket */
} kn_token;

typedef struct kn_scan {
    const char *start, *p, *end;
    unsigned depth;
    const char *problem; /* what was wrong at p, once a call has failed */
} kn_scan;

static inline kn_scan kn_scan_of(kn_slice text) {
    return (kn_scan){text.p, text.p, text.p + text.n, 0, NULL};
}

/* Skips white space; true when nothing else is left. */
bool kn_scan_at_end(kn_scan *scan);

/* Takes a value. Of an object or array only the opening bracket: go on with kn_scan_member or
 * kn_scan_element until they give *done, or with kn_scan_rest. */
KN_MUST_CHECK bool kn_scan_value(kn_scan *scan, kn_token *value);

/* Takes `"key" :` (then comes the value), or the closing bracket. *first is true before the first
 * call. */
KN_MUST_CHECK bool kn_scan_member(kn_scan *scan, bool *first, kn_token *key, bool *done);
/* The same for arrays: when not *done, kn_scan_value comes next. */
KN_MUST_CHECK bool kn_scan_element(kn_scan *scan, bool *first, bool *done);

/* Takes what remains of a value just taken by kn_scan_value: for an object or array everything up
 * to its end. *text is then the whole value as written, strings with their quotes. */
KN_MUST_CHECK bool kn_scan_rest(kn_scan *scan, const kn_token *value, kn_slice *text);

/* Appends a string's characters; a surrogate without its partner becomes U+FFFD. */
void kn_scan_unescape(kn_slice escaped, kn_buf *out);

#endif
