/* See buf.h. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool kn_slice_eq(kn_slice a, kn_slice b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool kn_slice_eq_cstr(kn_slice a, const char *b) {
    return kn_slice_eq(a, kn_slice_cstr(b));
}

bool kn_slice_starts(kn_slice s, kn_slice prefix) {
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

void kn_buf_init(kn_buf *b, size_t max) {
    *b = (kn_buf){.max = max};
}

void kn_buf_free(kn_buf *b) {
    free(b->p);
    kn_buf_init(b, b->max);
}

bool kn_buf_grow(kn_buf *b, size_t n) {
    if (b->failed)
        return false;
    if (n > b->max - b->len) {
        b->failed = true;
        return false;
    }
    size_t need = b->len + n;
    size_t cap = b->cap < 64 ? 64 : b->cap;
    while (cap < need)
        cap = cap > b->max / 2 ? b->max : cap * 2;
    if (cap > b->max)
        cap = b->max;
    char *p = realloc(b->p, cap + 1);
    if (!p) {
        b->failed = true;
        return false;
    }
    b->p = p;
    b->cap = cap;
    b->p[b->len] = '\0';
    return true;
}

void kn_buf_printf(kn_buf *b, const char *fmt, ...) {
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0)
        b->failed = true;
    else if (kn_buf_reserve(b, (size_t)n)) {
        vsnprintf(b->p + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

bool kn_buf_check(const kn_buf *b, const char *what, kn_err *err) {
    if (!b->failed)
        return true;
    if (b->cap >= b->max / 2)
        return kn_fail(err, KN_ELIMIT, "%s is larger than %zu bytes", what, b->max);
    return kn_fail(err, KN_ENOMEM, "%s: out of memory or larger than %zu bytes", what, b->max);
}

char *kn_buf_take(kn_buf *b, size_t *len) {
    if (b->failed || !kn_buf_reserve(b, 0))
        return NULL;
    char *p = b->p;
    if (len)
        *len = b->len;
    kn_buf_init(b, b->max);
    return p;
}
