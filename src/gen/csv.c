/* See csv.h. The fields' texts are taken from the JSON record that was just made: that costs a copy
 * of them, and keeps every operation from knowing two formats. */
#include "gen/csv.h"

#include "gen/ops.h"

static const uint64_t low_bits = 0x0101010101010101u, high_bits = 0x8080808080808080u;

/* Some byte of the eight is ch. */
static inline bool has_byte(uint64_t eight, char ch) {
    uint64_t x = eight ^ (low_bits * (uint8_t)ch);
    return ((x - low_bits) & ~x & high_bits) != 0;
}

/* The content of a JSON string needs neither quotes nor unescaping: it has no comma and no
 * backslash; quotes and line ends are always escaped there. */
static bool is_plain(kn_slice s) {
    while (s.n >= 8) {
        uint64_t eight;
        memcpy(&eight, s.p, 8);
        if (has_byte(eight, ',') || has_byte(eight, '\\'))
            return false;
        s.p += 8;
        s.n -= 8;
    }
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == ',' || s.p[i] == '\\')
            return false;
    return true;
}

static char *put_quoted(char *p, kn_slice s) {
    *p++ = '"';
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            *p++ = '"';
        *p++ = s.p[i];
    }
    *p++ = '"';
    return p;
}

static bool needs_quotes(kn_slice s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == ',' || s.p[i] == '"' || s.p[i] == '\n' || s.p[i] == '\r')
            return true;
    return s.n == 0; /* "" is the empty string, nothing is NULL */
}

/* The content of a JSON string, which is unescaped where it is. */
static char *put_text(char *p, char *content, size_t n) {
    kn_slice s = {content, n};
    if (s.n && is_plain(s))
        return kn_copy_blocks(p, s.p, s.n);
    kn_slice text = {content, kn_plan_unescape(content, s)};
    if (needs_quotes(text))
        return put_quoted(p, text);
    return kn_copy_blocks(p, text.p, text.n);
}

/* A JSON value. */
static char *put_value(char *p, char *value, size_t n) {
    kn_slice s = {value, n};
    if (kn_slice_eq_cstr(s, "null"))
        return p;
    if (s.p[0] == '"')
        return put_text(p, value + 1, n - 2);
    if (s.p[0] == '{' || s.p[0] == '[')
        return put_quoted(p, s);
    return kn_copy_blocks(p, s.p, s.n);
}

bool kn_csv_write(const kn_cursor *c, kn_buf *record, kn_buf *out, kn_err *err) {
    const kn_plan *plan = c->plan;
    /* Quotes at most double a text, and each field has two and a comma. The record ends before
     * KN_PLAN_SLACK, so it too may be read in blocks. */
    if (!kn_buf_reserve(out, 2 * record->len + 3 * plan->column_count + KN_PLAN_SLACK)) {
        out->failed = false;
        return kn_fail(err, KN_ELIMIT, "the record is too large to be a row of CSV");
    }
    char *p = out->p + out->len;
    size_t left = record->len; /* no two columns are of the same text */
    for (size_t i = 0; i < plan->column_count; i++) {
        kn_span span = kn_ops_span(c, plan->columns[i]);
        char *field = record->p + span.start;
        size_t n = span.end - span.start;
        if (n > left) {
            out->p[out->len] = '\0';
            return kn_fail(err, KN_EINVAL, "the columns of the row overlap");
        }
        left -= n;
        if (i > 0)
            *p++ = ',';
        p = span.text ? put_text(p, field, n) : put_value(p, field, n);
    }
    *p = '\0';
    out->len = (size_t)(p - out->p);
    return true;
}
