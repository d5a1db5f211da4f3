/* See cbor.h. */
#include "base/cbor.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/scan.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- heads ---- */

static double half_float(unsigned bits) {
    int exponent = (int)(bits >> 10 & 31);
    double mantissa = bits & 1023;
    double size = exponent == 0    ? ldexp(mantissa, -24)
                  : exponent != 31 ? ldexp(mantissa + 1024, exponent - 25)
                  : mantissa == 0  ? INFINITY
                                   : NAN;
    return bits & 0x8000 ? -size : size;
}

static double float_of(uint64_t bits, unsigned width) {
    double wide;
    float narrow;
    uint32_t low = (uint32_t)bits;
    if (width == 1)
        return half_float(low);
    if (width == 2) {
        memcpy(&narrow, &low, sizeof narrow);
        return (double)narrow;
    }
    memcpy(&wide, &bits, sizeof wide);
    return wide;
}

static bool take_simple(kn_cbor_item *item, unsigned info) {
    if (info >= 25 && info <= 27) {
        item->number = float_of(item->value, info - 24);
        item->value = KN_CBOR_FLOAT;
        return true;
    }
    if (item->indefinite)
        item->value = KN_CBOR_BREAK;
    item->indefinite = false;
    return info < 24 || item->value == KN_CBOR_BREAK;
}

bool kn_cbor_take(kn_slice *in, kn_cbor_item *item) {
    if (in->n == 0)
        return false;
    const unsigned char *p = (const unsigned char *)in->p;
    unsigned info = *p & 31;
    *item = (kn_cbor_item){.major = (kn_cbor_major)(*p >> 5), .value = info};
    size_t width = info < 24 ? 0 : info < 28 ? (size_t)1 << (info - 24) : 0;
    item->indefinite = info == 31;
    if ((info > 27 && !item->indefinite) || in->n < 1 + width)
        return false;
    if (width)
        item->value = 0;
    for (size_t i = 1; i <= width; i++)
        item->value = item->value << 8 | p[i];
    *in = (kn_slice){in->p + 1 + width, in->n - 1 - width};
    switch (item->major) {
    case KN_CBOR_BYTES:
    case KN_CBOR_TEXT:
        if (item->indefinite)
            return true;
        if (item->value > in->n)
            return false;
        item->text = (kn_slice){in->p, (size_t)item->value};
        *in = (kn_slice){in->p + item->text.n, in->n - item->text.n};
        return true;
    case KN_CBOR_ARRAY:
    case KN_CBOR_MAP:
        return true;
    case KN_CBOR_SIMPLE:
        return take_simple(item, info);
    default:
        return !item->indefinite;
    }
}

static bool is_break(const kn_cbor_item *item) {
    return item->major == KN_CBOR_SIMPLE && item->value == KN_CBOR_BREAK;
}

/* What is open: how many items are missing, or UINT64_MAX: until a break. */
bool kn_cbor_skip(kn_slice *in) {
    uint64_t missing[KN_CBOR_DEPTH + 1] = {1}; /* the first is around the item itself */
    size_t depth = 1;
    while (depth) {
        uint64_t *left = &missing[depth - 1];
        kn_cbor_item item;
        if (*left == 0) {
            depth--;
            continue;
        }
        if (!kn_cbor_take(in, &item))
            return false;
        if (is_break(&item)) {
            if (*left != UINT64_MAX)
                return false;
            depth--;
            continue;
        }
        *left -= *left != UINT64_MAX;
        bool nested = item.major == KN_CBOR_ARRAY || item.major == KN_CBOR_MAP;
        if (!nested && !item.indefinite && item.major != KN_CBOR_TAG)
            continue;
        if (depth > KN_CBOR_DEPTH || (nested && !item.indefinite && item.value > in->n))
            return false;
        missing[depth++] = item.indefinite             ? UINT64_MAX
                           : item.major == KN_CBOR_TAG ? 1
                           : item.major == KN_CBOR_MAP ? item.value * 2
                                                       : item.value;
    }
    return true;
}

/* ---- to JSON ---- */

typedef struct reader {
    kn_slice in;
    kn_json j;
    unsigned depth;
    kn_buf chunks; /* of strings of indefinite length */
} reader;

/* The bytes of a string, all its chunks together. */
static bool take_string(reader *r, const kn_cbor_item *item, kn_slice *out) {
    kn_cbor_item chunk;
    *out = item->text;
    if (!item->indefinite)
        return true;
    kn_buf_clear(&r->chunks);
    while (kn_cbor_take(&r->in, &chunk)) {
        if (is_break(&chunk)) {
            *out = kn_buf_view(&r->chunks);
            return kn_buf_ok(&r->chunks);
        }
        if (chunk.major != item->major || chunk.indefinite)
            return false;
        kn_buf_slice(&r->chunks, chunk.text);
    }
    return false;
}

static bool is_utf8(kn_slice s) {
    for (size_t i = 0, n; i < s.n; i += n)
        if ((n = kn_utf8_length(s.p + i, s.n - i)) == 0)
            return false;
    return true;
}

static bool write_item(reader *r, const kn_cbor_item *item);

/* What belongs to an array or a map. */
static bool write_items(reader *r, const kn_cbor_item *whole) {
    bool map = whole->major == KN_CBOR_MAP;
    kn_cbor_item item;
    kn_slice name;
    if (!whole->indefinite && whole->value > r->in.n)
        return false;
    kn_json_begin(&r->j, map ? '{' : '[');
    for (uint64_t i = 0; whole->indefinite || i < whole->value; i++) {
        if (!kn_cbor_take(&r->in, &item))
            return false;
        if (whole->indefinite && is_break(&item))
            break;
        if (map) {
            if (item.major != KN_CBOR_TEXT || !take_string(r, &item, &name) || !is_utf8(name))
                return false;
            kn_json_string(&r->j, name);
            kn_buf_char(r->j.out, ':');
            r->j.comma = false;
            if (!kn_cbor_take(&r->in, &item))
                return false;
        }
        if (!write_item(r, &item))
            return false;
    }
    kn_json_end(&r->j, map ? '}' : ']');
    return true;
}

static bool write_simple(reader *r, const kn_cbor_item *item) {
    switch (item->value) {
    case KN_CBOR_FALSE:
    case KN_CBOR_TRUE:
        kn_json_bool(&r->j, item->value == KN_CBOR_TRUE);
        return true;
    case KN_CBOR_NULL:
    case KN_CBOR_UNDEFINED:
        kn_json_null(&r->j);
        return true;
    case KN_CBOR_FLOAT:
        kn_json_double(&r->j, item->number);
        return true;
    default:
        return false;
    }
}

static bool write_tagged(reader *r, const kn_cbor_item *tag) {
    kn_cbor_item item;
    if (!kn_cbor_take(&r->in, &item))
        return false;
    if (tag->value == 1 && item.major == KN_CBOR_UINT) {
        kn_json_double(&r->j, (double)item.value / 1000);
        return true;
    }
    return write_item(r, &item);
}

static bool write_number(reader *r, const kn_cbor_item *item) {
    char text[24];
    bool negative = item->major == KN_CBOR_NEGATIVE;
    if (negative && item->value > INT64_MAX)
        return false;
    int n = negative ? snprintf(text, sizeof text, "%" PRId64, -1 - (int64_t)item->value)
                     : snprintf(text, sizeof text, "%" PRIu64, item->value);
    kn_json_raw(&r->j, (kn_slice){text, (size_t)n});
    return true;
}

static bool write_item(reader *r, const kn_cbor_item *item) {
    kn_slice text;
    bool ok = false;
    if (++r->depth > KN_CBOR_DEPTH)
        return false;
    switch (item->major) {
    case KN_CBOR_UINT:
    case KN_CBOR_NEGATIVE:
        ok = write_number(r, item);
        break;
    case KN_CBOR_BYTES:
        ok = take_string(r, item, &text);
        if (ok)
            kn_json_base64(&r->j, text);
        break;
    case KN_CBOR_TEXT:
        ok = take_string(r, item, &text) && is_utf8(text);
        if (ok)
            kn_json_string(&r->j, text);
        break;
    case KN_CBOR_ARRAY:
    case KN_CBOR_MAP:
        ok = write_items(r, item);
        break;
    case KN_CBOR_TAG:
        ok = write_tagged(r, item);
        break;
    case KN_CBOR_SIMPLE:
        ok = write_simple(r, item);
        break;
    }
    r->depth--;
    return ok;
}

bool kn_cbor_to_json(kn_slice cbor, kn_buf *json, kn_err *err) {
    reader r = {.in = cbor, .j = kn_json_to(json)};
    kn_cbor_item item;
    kn_buf_init(&r.chunks, cbor.n);
    bool ok = kn_cbor_take(&r.in, &item) && write_item(&r, &item) && r.in.n == 0;
    kn_buf_free(&r.chunks);
    if (!ok)
        return kn_fail(err, KN_EPARSE, "not CBOR that JSON could say, at byte %zu of %zu",
                       cbor.n - r.in.n, cbor.n);
    return kn_buf_check(json, "the JSON of a CBOR text", err);
}

/* ---- from JSON ---- */

typedef struct writer {
    kn_scan scan;
    const kn_cbor_names *names;
    kn_buf *out, scratch;
} writer;

static void append_head(writer *w, kn_cbor_major major, uint64_t value) {
    char head[KN_CBOR_HEAD];
    kn_buf_append(w->out, head, (size_t)(kn_cbor_head(head, major, value) - head));
}

static void append_string(writer *w, kn_cbor_major major, kn_slice bytes) {
    append_head(w, major, bytes.n);
    kn_buf_slice(w->out, bytes);
}

static void append_double(writer *w, double number) {
    unsigned char bytes[9] = {(unsigned char)(KN_CBOR_SIMPLE << 5 | KN_CBOR_FLOAT)};
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    for (int i = 1; i < 9; i++)
        bytes[i] = (unsigned char)(bits >> (64 - 8 * i));
    kn_buf_append(w->out, bytes, sizeof bytes);
}

static kn_slice unescaped(writer *w, const kn_token *token) {
    if (!token->escaped)
        return token->text;
    kn_buf_clear(&w->scratch);
    kn_scan_unescape(token->text, &w->scratch);
    return kn_buf_view(&w->scratch);
}

static bool append_text(writer *w, const kn_token *token, kn_slice name) {
    kn_slice text = unescaped(w, token);
    if (!w->names->is_data || !w->names->is_data(name)) {
        append_string(w, KN_CBOR_TEXT, text);
        return kn_buf_ok(&w->scratch);
    }
    kn_buf_clear(&w->scratch);
    if (token->escaped || !kn_base64_decode(&w->scratch, text))
        return false;
    append_string(w, KN_CBOR_BYTES, kn_buf_view(&w->scratch));
    return true;
}

static void append_number(writer *w, const kn_token *token, kn_slice name) {
    char text[64];
    bool time = w->names->is_time && w->names->is_time(name);
    snprintf(text, sizeof text, "%.*s", (int)token->text.n, token->text.p);
    if (time) {
        double ms = round(strtod(text, NULL) * 1000);
        append_head(w, KN_CBOR_TAG, 1);
        append_head(w, KN_CBOR_UINT, ms > 0 ? (uint64_t)ms : 0);
        return;
    }
    bool negative = text[0] == '-';
    errno = 0;
    uint64_t size = strtoull(text + negative, NULL, 10);
    if (token->kind == KN_TOKEN_NUMBER || errno || (negative && size == 0))
        append_double(w, strtod(text, NULL));
    else
        append_head(w, negative ? KN_CBOR_NEGATIVE : KN_CBOR_UINT, size - negative);
}

static bool append_value(writer *w, kn_slice name);

static bool append_inside(writer *w, bool object, kn_slice name) {
    bool first = true, done;
    kn_token key;
    kn_buf_char(w->out, (char)((object ? KN_CBOR_MAP : KN_CBOR_ARRAY) << 5 | 31));
    for (;;) {
        if (object ? !kn_scan_member(&w->scan, &first, &key, &done)
                   : !kn_scan_element(&w->scan, &first, &done))
            return false;
        if (done)
            break;
        if (object) {
            append_string(w, KN_CBOR_TEXT, unescaped(w, &key));
            name = key.text;
        }
        if (!append_value(w, name))
            return false;
    }
    kn_buf_char(w->out, (char)(KN_CBOR_SIMPLE << 5 | KN_CBOR_BREAK));
    return true;
}

/* The depth is the scanner's. */
static bool append_value(writer *w, kn_slice name) {
    kn_token token;
    if (!kn_scan_value(&w->scan, &token))
        return false;
    switch (token.kind) {
    case KN_TOKEN_NULL:
        append_head(w, KN_CBOR_SIMPLE, KN_CBOR_NULL);
        return true;
    case KN_TOKEN_TRUE:
    case KN_TOKEN_FALSE:
        append_head(w, KN_CBOR_SIMPLE, token.kind == KN_TOKEN_TRUE ? KN_CBOR_TRUE : KN_CBOR_FALSE);
        return true;
    case KN_TOKEN_INTEGER:
    case KN_TOKEN_NUMBER:
        append_number(w, &token, name);
        return true;
    case KN_TOKEN_STRING:
        return append_text(w, &token, name);
    default:
        return append_inside(w, token.kind == KN_TOKEN_OBJECT, name);
    }
}

bool kn_cbor_from_json(kn_slice json, const kn_cbor_names *names, kn_buf *cbor, kn_err *err) {
    writer w = {.scan = kn_scan_of(json), .names = names, .out = cbor};
    kn_buf_init(&w.scratch, json.n + 4);
    bool ok = append_value(&w, (kn_slice){"", 0}) && kn_scan_at_end(&w.scan);
    kn_buf_free(&w.scratch);
    if (!ok)
        return kn_fail(err, KN_EPARSE, "not JSON that can be written as CBOR");
    return kn_buf_check(cbor, "the CBOR of a JSON text", err);
}
