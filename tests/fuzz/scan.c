/* Any bytes as JSON: the pull reader takes what jansson takes, and reads the same values. Then the
 * bytes as texts: what is written as a JSON string, as base64, as XML or percent-encoded, is read
 * back the same, and what is no text of these is refused as by other libraries. */
#include "base/scan.h"

#include "base/base64.h"
#include "base/json.h"

#include <jansson.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static kn_buf text;

/* The content of a string token. */
static kn_slice content(const kn_token *t) {
    if (!t->escaped)
        return t->text;
    kn_buf_clear(&text);
    kn_scan_unescape(t->text, &text);
    return kn_buf_view(&text);
}

static void same_string(const kn_token *t, const char *p, size_t n) {
    kn_slice got = content(t);
    if (t->kind != KN_TOKEN_STRING || got.n != n || memcmp(got.p, p, n) != 0)
        abort();
}

static void same_number(const kn_token *t, const json_t *expected) {
    char digits[512];
    if (t->text.n >= sizeof digits)
        return;
    memcpy(digits, t->text.p, t->text.n);
    digits[t->text.n] = '\0';
    if (json_is_integer(expected)
            ? t->kind != KN_TOKEN_INTEGER ||
                  strtoll(digits, NULL, 10) != json_integer_value(expected)
            : t->kind != KN_TOKEN_NUMBER || strtod(digits, NULL) != json_real_value(expected))
        abort();
}

/* expected NULL: the value is only read. */
static bool read_value(kn_scan *scan, const json_t *expected) {
    kn_token t, key;
    bool first = true, done;
    if (!kn_scan_value(scan, &t))
        return false;
    if (t.kind == KN_TOKEN_OBJECT) {
        while (kn_scan_member(scan, &first, &key, &done) && !done) {
            content(&key);
            if (!read_value(scan, NULL))
                return false;
        }
        if (scan->problem || (expected && !json_is_object(expected)))
            return false;
    } else if (t.kind == KN_TOKEN_ARRAY) {
        size_t i = 0;
        for (; kn_scan_element(scan, &first, &done) && !done; i++)
            if (!read_value(scan, json_array_get(expected, i)))
                return false;
        if (scan->problem || (expected && json_array_size(expected) != i))
            return false;
    } else if (t.kind == KN_TOKEN_STRING) {
        if (expected)
            same_string(&t, json_string_value(expected), json_string_length(expected));
        else
            content(&t);
    } else if (expected && json_is_number(expected)) {
        same_number(&t, expected);
    } else if (expected && (t.kind == KN_TOKEN_TRUE) + 2 * (t.kind == KN_TOKEN_FALSE) !=
                               json_is_true(expected) + 2 * json_is_false(expected)) {
        abort();
    }
    return true;
}

static bool read_all(kn_slice in, const json_t *expected) {
    kn_scan scan = kn_scan_of(in);
    return read_value(&scan, expected) && kn_scan_at_end(&scan);
}

/* The same by kn_scan_rest, which skips. */
static bool skip_all(kn_slice in) {
    kn_scan scan = kn_scan_of(in);
    kn_token t;
    kn_slice whole;
    if (!kn_scan_value(&scan, &t) || !kn_scan_rest(&scan, &t, &whole) || !kn_scan_at_end(&scan))
        return false;
    return whole.p >= in.p && whole.p + whole.n <= in.p + in.n;
}

/* What jansson refuses and RFC 8259 does not: lone surrogates, numbers beyond its range, names with
 * NUL. Its own limit of depth is larger. */
static void json(kn_slice in) {
    json_error_t why;
    json_t *expected = json_loadb(in.p, in.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    bool ok = read_all(in, expected), skipped = skip_all(in);
    enum json_error_code code = expected ? json_error_unknown : json_error_code(&why);
    bool larger = code == json_error_numeric_overflow || code == json_error_null_byte_in_key ||
                  strstr(why.text, "Unicode") != NULL;
    bool ended = memchr(in.p, '\0', in.n) != NULL; /* jansson takes a NUL as the end */
    if (ok != skipped || (expected && !ok && !ended && in.n < 2 * KN_SCAN_DEPTH) ||
        (!expected && ok && !larger))
        abort();
    json_decref(expected);
}

/* ---- texts ---- */

static bool is_utf8(kn_slice s) {
    size_t step;
    for (size_t i = 0; i < s.n; i += step)
        if (!(step = kn_utf8_length(s.p + i, s.n - i)))
            return false;
    return true;
}

static void strings(kn_slice in) {
    kn_buf out;
    kn_buf_init(&out, 6 * in.n + 64);
    json_t *checked = json_stringn(in.p ? in.p : "", in.n);
    if (is_utf8(in) != (checked != NULL))
        abort();
    kn_json_escape(&out, in);
    json_t *back = json_loadb(out.p, out.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (!back || (checked && !json_equal(back, checked)))
        abort();
    kn_buf_clear(&out);
    kn_buf_slice(&out, in);
    kn_utf8_clean(out.p, out.len);
    if (!is_utf8(kn_buf_view(&out)) || out.len != in.n)
        abort();
    json_decref(back);
    json_decref(checked);
    kn_buf_free(&out);
}

static void base64(kn_slice in) {
    kn_buf coded, plain;
    kn_buf_init(&coded, 2 * in.n + 64);
    kn_buf_init(&plain, 2 * in.n + 64);
    unsigned char *other = malloc(2 * in.n + 64);
    if (!other)
        abort();
    kn_base64_encode(&coded, in);
    int n = EVP_EncodeBlock(other, (const unsigned char *)in.p, (int)in.n);
    if ((size_t)n != coded.len || memcmp(other, kn_buf_view(&coded).p, coded.len) != 0 ||
        !kn_base64_decode(&plain, kn_buf_view(&coded)) || !kn_slice_eq(kn_buf_view(&plain), in))
        abort();
    kn_buf_clear(&plain);
    if (kn_base64_decode(&plain, in)) { /* only what is written so */
        kn_buf_clear(&coded);
        kn_base64_encode(&coded, kn_buf_view(&plain));
        if (!kn_slice_eq(kn_buf_view(&coded), in))
            abort();
    } else if (plain.len) {
        abort();
    }
    free(other);
    kn_buf_free(&coded);
    kn_buf_free(&plain);
}

static void numbers(kn_slice in) {
    double v;
    if (in.n < sizeof v)
        return;
    memcpy(&v, in.p, sizeof v);
    char quick[32], slow[32];
    if (!isfinite(v))
        return;
    size_t n = kn_json_format_double(quick, v);
    if (strlen(quick) != n || strtod(quick, NULL) != v || kn_json_format_double_slow(slow, v) < n)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (!text.max)
        kn_buf_init(&text, 1 << 24);
    char *exact = malloc(n ? n : 1);
    if (!exact)
        abort();
    memcpy(exact, data, n);
    kn_slice in = {exact, n};
    json(in);
    strings(in);
    base64(in);
    numbers(in);
    free(exact);
    return 0;
}
