/* A growable byte buffer with a mandatory maximum, and a borrowed slice of bytes.
 *
 * Failure is sticky: append freely, then check once with kn_buf_ok(). After a failure every append
 * does nothing, and the content is what had been appended before it. The bytes are always followed
 * by a NUL that is not counted, so text can be read as a C string. */
#ifndef KN_BASE_BUF_H
#define KN_BASE_BUF_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes; not NUL-terminated. */
typedef struct kn_slice {
    const char *p;
    size_t n;
} kn_slice;

#define KN_SLICE(literal) ((kn_slice){(literal), sizeof(literal) - 1})

static inline kn_slice kn_slice_cstr(const char *s) {
    return (kn_slice){s, s ? strlen(s) : 0};
}

bool kn_slice_eq(kn_slice a, kn_slice b);
bool kn_slice_eq_cstr(kn_slice a, const char *b);
bool kn_slice_starts(kn_slice s, kn_slice prefix);

typedef struct kn_buf {
    char *p;
    size_t len;
    size_t cap; /* allocated, less the byte for the NUL */
    size_t max; /* content never grows past this */
    bool failed;
} kn_buf;

void kn_buf_init(kn_buf *b, size_t max);
void kn_buf_free(kn_buf *b); /* idempotent; the buffer may be used again with the same maximum */

bool kn_buf_grow(kn_buf *b, size_t n); /* of kn_buf_reserve */

/* Makes room for n more bytes; false when that is over the maximum or memory is out. */
static inline bool kn_buf_reserve(kn_buf *b, size_t n) {
    return (n <= b->cap - b->len && b->p && !b->failed) || kn_buf_grow(b, n);
}

static inline void kn_buf_append(kn_buf *b, const void *p, size_t n) {
    if (n == 0 || !kn_buf_reserve(b, n))
        return;
    memcpy(b->p + b->len, p, n);
    b->len += n;
    b->p[b->len] = '\0';
}

static inline void kn_buf_slice(kn_buf *b, kn_slice s) {
    kn_buf_append(b, s.p, s.n);
}

static inline void kn_buf_cstr(kn_buf *b, const char *s) {
    kn_buf_append(b, s, strlen(s));
}

static inline void kn_buf_char(kn_buf *b, char c) {
    kn_buf_append(b, &c, 1);
}

void kn_buf_printf(kn_buf *b, const char *fmt, ...) KN_PRINTF(2, 3);

static inline void kn_buf_clear(kn_buf *b) {
    b->len = 0;
    b->failed = false;
    if (b->p)
        b->p[0] = '\0';
}

static inline bool kn_buf_ok(const kn_buf *b) {
    return !b->failed;
}

static inline kn_slice kn_buf_view(const kn_buf *b) {
    return (kn_slice){b->p ? b->p : "", b->len};
}

/* Fills err ("<what> is larger than N bytes" or "out of memory") and returns false when the buffer
 * has failed. */
KN_MUST_CHECK bool kn_buf_check(const kn_buf *b, const char *what, kn_err *err);

/* Moves the bytes (NUL-terminated, to be freed by the caller) out; NULL if the buffer has failed.
 */
char *kn_buf_take(kn_buf *b, size_t *len);

#endif
