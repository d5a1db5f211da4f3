/* Base64 (RFC 4648, standard alphabet, padded). */
#ifndef KN_BASE_BASE64_H
#define KN_BASE_BASE64_H

#include "base/buf.h"

static inline size_t kn_base64_length(size_t n) {
    return (n + 2) / 3 * 4;
}

void kn_base64_encode(kn_buf *out, kn_slice bytes);
/* The same at p, where kn_base64_length(bytes.n) bytes are free; returns the end of the text. */
char *kn_base64_put(char *p, kn_slice bytes);

/* Appends the decoded bytes. Strict: padding required, no white space; false on malformed text. */
KN_MUST_CHECK bool kn_base64_decode(kn_buf *out, kn_slice text);

#endif
