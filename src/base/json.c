/* See json.h. */
#include "base/json.h"

#include "base/base64.h"
#include "base/digits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void before_value(kn_json *j) {
    if (j->comma)
        kn_buf_char(j->out, ',');
    j->comma = true;
}

void kn_json_begin(kn_json *j, char bracket) {
    before_value(j);
    kn_buf_char(j->out, bracket);
    j->comma = false;
}

void kn_json_end(kn_json *j, char bracket) {
    kn_buf_char(j->out, bracket);
    j->comma = true;
}

void kn_json_key(kn_json *j, const char *key) {
    before_value(j);
    kn_json_escape(j->out, kn_slice_cstr(key));
    kn_buf_char(j->out, ':');
    j->comma = false;
}

void kn_json_string(kn_json *j, kn_slice s) {
    before_value(j);
    kn_json_escape(j->out, s);
}

void kn_json_cstr(kn_json *j, const char *s) {
    if (s)
        kn_json_string(j, kn_slice_cstr(s));
    else
        kn_json_null(j);
}

void kn_json_int(kn_json *j, int64_t v) {
    char digits[20];
    before_value(j);
    kn_buf_append(j->out, digits, (size_t)(kn_put_int(digits, v) - digits));
}

void kn_json_double(kn_json *j, double v) {
    if (!isfinite(v)) {
        kn_json_null(j);
        return;
    }
    char text[32];
    before_value(j);
    kn_buf_append(j->out, text, kn_json_format_double(text, v));
}

void kn_json_bool(kn_json *j, bool v) {
    before_value(j);
    kn_buf_cstr(j->out, v ? "true" : "false");
}

void kn_json_null(kn_json *j) {
    before_value(j);
    kn_buf_cstr(j->out, "null");
}

void kn_json_raw(kn_json *j, kn_slice json) {
    before_value(j);
    kn_buf_slice(j->out, json);
}

void kn_json_base64(kn_json *j, kn_slice bytes) {
    before_value(j);
    kn_buf_char(j->out, '"');
    kn_base64_encode(j->out, bytes);
    kn_buf_char(j->out, '"');
}

/* RFC 3629: no surrogates, no overlong. */
size_t kn_utf8_length(const char *text, size_t n) {
    const unsigned char *p = (const unsigned char *)text;
    unsigned char c = p[0];
    size_t len = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
    if (len == 0 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if ((c == 0xE0 && p[1] < 0xA0) || (c == 0xED && p[1] > 0x9F) || (c == 0xF0 && p[1] < 0x90) ||
        (c == 0xF4 && p[1] > 0x8F))
        return 0;
    return len;
}

void kn_utf8_clean(char *p, size_t n) {
    for (size_t i = 0, length; i < n; i += length) {
        unsigned char c = (unsigned char)p[i];
        length = kn_utf8_length(p + i, n - i);
        bool control = (c < ' ' && c != '\n' && c != '\t') || c == 0x7F ||
                       (c == 0xC2 && length == 2 && (unsigned char)p[i + 1] < 0xA0);
        if (length && !control)
            continue;
        length = length ? length : 1;
        memset(p + i, '?', length);
    }
}

static void escape_control(kn_buf *out, unsigned char c) {
    static const char letters[] = "btn?fr"; /* from 0x08 */
    if (c == '"' || c == '\\')
        kn_buf_append(out, (char[]){'\\', (char)c}, 2);
    else if (c >= 0x08 && c <= 0x0D && c != 0x0B)
        kn_buf_append(out, (char[]){'\\', letters[c - 0x08]}, 2);
    else
        kn_buf_printf(out, "\\u%04x", c);
}

#define EACH(byte) (0x0101010101010101u * (byte))

/* Eight bytes at a time. The high bit of a difference is set where a byte is below 0x20, or equal
 * to
 * '"' or '\\'; after such a byte a borrow may set others, but then the loop has ended. */
size_t kn_json_plain(kn_slice s) {
    size_t i = 0;
    for (uint64_t w; i + sizeof w <= s.n; i += sizeof w) {
        memcpy(&w, s.p + i, sizeof w);
        uint64_t stop =
            w | (w - EACH(0x20)) | ((w ^ EACH('"')) - EACH(1)) | ((w ^ EACH('\\')) - EACH(1));
        if (stop & EACH(0x80))
            break;
    }
    while (i < s.n && (unsigned char)s.p[i] >= 0x20 && (unsigned char)s.p[i] < 0x80 &&
           s.p[i] != '"' && s.p[i] != '\\')
        i++;
    return i;
}

void kn_json_escape(kn_buf *out, kn_slice s) {
    const unsigned char *p = (const unsigned char *)s.p;
    size_t start = 0, i = 0;
    kn_buf_reserve(out, s.n + 2);
    kn_buf_char(out, '"');
    for (;;) {
        i += kn_json_plain((kn_slice){s.p + i, s.n - i});
        if (i == s.n)
            break;
        size_t len = kn_utf8_length(s.p + i, s.n - i);
        if (len > 1) {
            i += len;
            continue;
        }
        kn_buf_append(out, p + start, i - start);
        if (len == 1)
            escape_control(out, p[i]);
        else
            kn_buf_cstr(out, "\xEF\xBF\xBD");
        start = ++i;
    }
    kn_buf_append(out, p + start, s.n - start);
    kn_buf_char(out, '"');
}

size_t kn_json_format_double_slow(char out[32], double v) {
    if (v == floor(v) && fabs(v) < 1e15)
        return (size_t)snprintf(out, 32, "%.0f", v);
    for (int digits = 15; digits < 17; digits++) {
        int n = snprintf(out, 32, "%.*g", digits, v);
        if (strtod(out, NULL) == v)
            return (size_t)n;
    }
    return (size_t)snprintf(out, 32, "%.17g", v);
}

/* Most numbers in records have few decimals. When whole / 10^decimals is v, and whole has at most
 * 15 digits, then that is the decimal: both are exact as doubles, so the quotient is rounded once,
 * as by strtod, and 15 digits survive the way to a double and back. */
size_t kn_json_format_double(char out[32], double v) {
    enum { DECIMALS = 9 };
    char *p = out;
    double size = fabs(v), power = 1;
    uint64_t whole = 0, scale = 1;
    int decimals = 0;
    if (size >= 1e15 || (size < 1e-4 && size != 0))
        return kn_json_format_double_slow(out, v);
    for (;; decimals++, power *= 10, scale *= 10) {
        double scaled = size * power;
        if (decimals > DECIMALS || scaled >= 1e15)
            return kn_json_format_double_slow(out, v);
        whole = (uint64_t)scaled;
        if ((double)whole == scaled && scaled / power == size)
            break;
    }
    for (; decimals && whole % 10 == 0; decimals--, scale /= 10) /* the product may be rounded */
        whole /= 10;
    if (signbit(v))
        *p++ = '-';
    p = kn_put_uint(p, whole / scale);
    if (decimals) {
        *p++ = '.';
        p = kn_put_padded(p, whole % scale, (unsigned)decimals);
    }
    *p = '\0';
    return (size_t)(p - out);
}
