/* See json.h. */
#include "base/json.h"

#include "base/base64.h"

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
    before_value(j);
    kn_buf_printf(j->out, "%lld", (long long)v);
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

/* Length of the valid UTF-8 sequence at p (at most n bytes), or 0. RFC 3629: no surrogates, no
 * overlong. */
static size_t utf8_length(const unsigned char *p, size_t n) {
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

static void escape_control(kn_buf *out, unsigned char c) {
    static const char letters[] = "btn?fr"; /* from 0x08 */
    if (c == '"' || c == '\\')
        kn_buf_append(out, (char[]){'\\', (char)c}, 2);
    else if (c >= 0x08 && c <= 0x0D && c != 0x0B)
        kn_buf_append(out, (char[]){'\\', letters[c - 0x08]}, 2);
    else
        kn_buf_printf(out, "\\u%04x", c);
}

void kn_json_escape(kn_buf *out, kn_slice s) {
    const unsigned char *p = (const unsigned char *)s.p;
    size_t start = 0, i = 0;
    kn_buf_reserve(out, s.n + 2);
    kn_buf_char(out, '"');
    while (i < s.n) {
        if (p[i] >= 0x20 && p[i] < 0x80 && p[i] != '"' && p[i] != '\\') {
            i++;
            continue;
        }
        size_t len = utf8_length(p + i, s.n - i);
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

size_t kn_json_format_double(char out[32], double v) {
    if (v == floor(v) && fabs(v) < 1e15)
        return (size_t)snprintf(out, 32, "%.0f", v);
    for (int digits = 15; digits < 17; digits++) {
        int n = snprintf(out, 32, "%.*g", digits, v);
        if (strtod(out, NULL) == v)
            return (size_t)n;
    }
    return (size_t)snprintf(out, 32, "%.17g", v);
}
