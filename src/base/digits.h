/* Numbers as text, for the hot loop: two digits, or eight nibbles, at a time. Each writes at p and
 * returns the new end; none terminates. */
#ifndef KN_BASE_DIGITS_H
#define KN_BASE_DIGITS_H

#include <stdint.h>
#include <string.h>

extern const char kn_digit_pairs[200]; /* "00" to "99" */

static inline unsigned kn_digits_count(uint64_t v) {
    unsigned n = 1;
    for (;;) {
        if (v < 10)
            return n;
        if (v < 100)
            return n + 1;
        if (v < 1000)
            return n + 2;
        if (v < 10000)
            return n + 3;
        v /= 10000;
        n += 4;
    }
}

/* Exactly n digits, zero-padded. */
static inline char *kn_put_padded(char *p, uint64_t v, unsigned n) {
    char *end = p + n, *q = end;
    while (q - p >= 2) {
        q -= 2;
        memcpy(q, kn_digit_pairs + v % 100 * 2, 2);
        v /= 100;
    }
    if (q > p)
        *p = (char)('0' + v % 10);
    return end;
}

static inline char *kn_put_uint(char *p, uint64_t v) {
    return kn_put_padded(p, v, kn_digits_count(v));
}

static inline char *kn_put_int(char *p, int64_t v) {
    if (v < 0) {
        *p++ = '-';
        return kn_put_uint(p, 0 - (uint64_t)v);
    }
    return kn_put_uint(p, (uint64_t)v);
}

/* Eight hexadecimal digits. */
static inline char *kn_put_hex32(char *p, uint32_t v) {
    uint64_t x = v;
    x = (x << 32 | x >> 16) & 0x0000FFFF0000FFFFu; /* spread the nibbles, high one first */
    x = (x << 16 | x >> 8) & 0x00FF00FF00FF00FFu;
    x = (x << 8 | x >> 4) & 0x0F0F0F0F0F0F0F0Fu;
    uint64_t letters = ((x + 0x0606060606060606u) >> 4) & 0x0101010101010101u;
    x += 0x3030303030303030u + letters * ('a' - '0' - 10);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    memcpy(p, &x, 8);
    return p + 8;
}

#endif
