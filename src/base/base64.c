/* See base64.h. */
#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void kn_base64_encode(kn_buf *out, kn_slice bytes) {
    const unsigned char *p = (const unsigned char *)bytes.p;
    size_t n = bytes.n;
    if (!kn_buf_reserve(out, kn_base64_length(n)))
        return;
    char *q = out->p + out->len;
    for (; n >= 3; p += 3, n -= 3) {
        uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        *q++ = alphabet[v >> 18];
        *q++ = alphabet[v >> 12 & 63];
        *q++ = alphabet[v >> 6 & 63];
        *q++ = alphabet[v & 63];
    }
    if (n) {
        uint32_t v = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0);
        *q++ = alphabet[v >> 18];
        *q++ = alphabet[v >> 12 & 63];
        *q++ = n > 1 ? alphabet[v >> 6 & 63] : '=';
        *q++ = '=';
    }
    out->len = (size_t)(q - out->p);
    *q = '\0';
}

/* 0..63, or -1 */
static int sextet(unsigned char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool kn_base64_decode(kn_buf *out, kn_slice text) {
    if (text.n % 4)
        return false;
    const unsigned char *p = (const unsigned char *)text.p;
    size_t quads = text.n / 4;
    if (!kn_buf_reserve(out, quads * 3))
        return false;
    unsigned char *q = (unsigned char *)out->p + out->len;
    for (size_t i = 0; i < quads; i++, p += 4) {
        int pad = i + 1 == quads ? (p[3] == '=') + (p[3] == '=' && p[2] == '=') : 0;
        int a = sextet(p[0]), b = sextet(p[1]);
        int c = pad > 1 ? 0 : sextet(p[2]), d = pad > 0 ? 0 : sextet(p[3]);
        if (a < 0 || b < 0 || c < 0 || d < 0)
            return false;
        uint32_t v = (uint32_t)a << 18 | (uint32_t)b << 12 | (uint32_t)c << 6 | (uint32_t)d;
        if ((pad == 1 && v & 0xFF) || (pad == 2 && v & 0xFFFF))
            return false; /* bits that padding should have left zero */
        *q++ = (unsigned char)(v >> 16);
        if (pad < 2)
            *q++ = (unsigned char)(v >> 8);
        if (pad < 1)
            *q++ = (unsigned char)v;
    }
    out->len = (size_t)((char *)q - out->p);
    out->p[out->len] = '\0';
    return true;
}
