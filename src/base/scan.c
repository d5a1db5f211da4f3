/* See scan.h. */
#include "base/scan.h"

#include "base/json.h"

static bool problem(kn_scan *s, const char *text) {
    s->problem = text;
    return false;
}

static void skip_space(kn_scan *s) {
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
        s->p++;
}

bool kn_scan_at_end(kn_scan *s) {
    skip_space(s);
    return s->p == s->end;
}

static int hex_value(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* s->p is after a backslash. */
static bool take_escape(kn_scan *s) {
    if (s->p == s->end)
        return problem(s, "Unexpected end-of-input in a string");
    char c = *s->p++;
    if (c == 'u') {
        if (s->end - s->p < 4)
            return problem(s, "Unexpected end-of-input in an escape");
        for (int i = 0; i < 4; i++, s->p++)
            if (hex_value(*s->p) < 0)
                return problem(s, "Expected four hexadecimal digits after \\u");
        return true;
    }
    return c && strchr("\"\\/bfnrt", c) ? true : problem(s, "Unrecognized character escape");
}

static bool take_string(kn_scan *s, kn_token *t) {
    const char *start = ++s->p;
    t->kind = KN_TOKEN_STRING;
    t->escaped = false;
    for (;;) {
        const char *p = s->p + kn_json_plain((kn_slice){s->p, (size_t)(s->end - s->p)});
        s->p = p;
        if (p == s->end)
            return problem(s, "Unexpected end-of-input in a string");
        if (*p == '"') {
            t->text = (kn_slice){start, (size_t)(p - start)};
            s->p = p + 1;
            return true;
        }
        if (*p == '\\') {
            t->escaped = true;
            s->p++;
            if (!take_escape(s))
                return false;
        } else if ((unsigned char)*p < 0x20) {
            return problem(s, "Illegal unquoted character in a string");
        } else {
            size_t n = kn_utf8_length(p, (size_t)(s->end - p));
            if (n == 0)
                return problem(s, "Invalid UTF-8 in a string");
            s->p += n;
        }
    }
}

static bool take_digits(kn_scan *s) {
    const char *from = s->p;
    while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        s->p++;
    return s->p > from || problem(s, "Unexpected character: expected a digit");
}

static bool take_number(kn_scan *s, kn_token *t) {
    const char *start = s->p;
    t->kind = KN_TOKEN_INTEGER;
    if (*s->p == '-')
        s->p++;
    const char *first = s->p;
    if (!take_digits(s))
        return false;
    if (*first == '0' && s->p - first > 1)
        return problem(s, "Invalid numeric value: leading zeroes are not allowed");
    if (s->p < s->end && *s->p == '.') {
        t->kind = KN_TOKEN_NUMBER;
        s->p++;
        if (!take_digits(s))
            return false;
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        t->kind = KN_TOKEN_NUMBER;
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
            s->p++;
        if (!take_digits(s))
            return false;
    }
    t->text = (kn_slice){start, (size_t)(s->p - start)};
    return true;
}

static bool take_word(kn_scan *s, kn_token *t, kn_slice word, kn_token_kind kind) {
    if (!kn_slice_starts((kn_slice){s->p, (size_t)(s->end - s->p)}, word))
        return problem(s, "Unrecognized token");
    *t = (kn_token){kind, false, {s->p, word.n}};
    s->p += word.n;
    return true;
}

bool kn_scan_value(kn_scan *s, kn_token *t) {
    skip_space(s);
    if (s->p == s->end)
        return problem(s, "Unexpected end-of-input: expected a value");
    switch (*s->p) {
    case '"':
        return take_string(s, t);
    case '{':
    case '[':
        if (s->depth == KN_SCAN_DEPTH)
            return problem(s, "Nested too deeply (128 levels)");
        s->depth++;
        *t = (kn_token){*s->p == '{' ? KN_TOKEN_OBJECT : KN_TOKEN_ARRAY, false, {s->p, 1}};
        s->p++;
        return true;
    case 't':
        return take_word(s, t, KN_SLICE("true"), KN_TOKEN_TRUE);
    case 'f':
        return take_word(s, t, KN_SLICE("false"), KN_TOKEN_FALSE);
    case 'n':
        return take_word(s, t, KN_SLICE("null"), KN_TOKEN_NULL);
    default:
        if (*s->p == '-' || (*s->p >= '0' && *s->p <= '9')) {
            t->escaped = false;
            return take_number(s, t);
        }
        return problem(s, "Unexpected character: expected a value");
    }
}

/* A comma or the closing bracket. */
static bool take_next(kn_scan *s, bool *first, char closing, bool *done) {
    skip_space(s);
    *done = false;
    if (s->p == s->end)
        return problem(s, closing == '}' ? "Unexpected end-of-input: expected close marker for "
                                           "Object"
                                         : "Unexpected end-of-input: expected close marker for "
                                           "Array");
    if (*s->p == closing) {
        s->p++;
        s->depth--;
        *done = true;
        return true;
    }
    if (*first) {
        *first = false;
        return true;
    }
    if (*s->p != ',')
        return problem(s, "Unexpected character: expected a comma to separate entries");
    s->p++;
    return true;
}

bool kn_scan_member(kn_scan *s, bool *first, kn_token *key, bool *done) {
    if (!take_next(s, first, '}', done))
        return false;
    if (*done)
        return true;
    skip_space(s);
    if (s->p == s->end || *s->p != '"')
        return problem(s, "Unexpected character: expected a double-quote to start a field name");
    if (!take_string(s, key))
        return false;
    skip_space(s);
    if (s->p == s->end || *s->p != ':')
        return problem(s, "Unexpected character: expected a colon after a field name");
    s->p++;
    return true;
}

bool kn_scan_element(kn_scan *s, bool *first, bool *done) {
    return take_next(s, first, ']', done);
}

/* Depth is bounded by kn_scan_value. */
static bool skip_rest(kn_scan *s, kn_token_kind kind) {
    if (kind != KN_TOKEN_OBJECT && kind != KN_TOKEN_ARRAY)
        return true;
    bool first = true, done;
    for (;;) {
        kn_token t;
        if (kind == KN_TOKEN_OBJECT ? !kn_scan_member(s, &first, &t, &done)
                                    : !kn_scan_element(s, &first, &done))
            return false;
        if (done)
            return true;
        if (!kn_scan_value(s, &t) || !skip_rest(s, t.kind))
            return false;
    }
}

bool kn_scan_rest(kn_scan *s, const kn_token *value, kn_slice *text) {
    const char *start = value->text.p - (value->kind == KN_TOKEN_STRING);
    if (!skip_rest(s, value->kind))
        return false;
    *text = (kn_slice){start, (size_t)(s->p - start)};
    return true;
}

static unsigned hex4(const char *p) {
    return (unsigned)(hex_value(p[0]) << 12 | hex_value(p[1]) << 8 | hex_value(p[2]) << 4 |
                      hex_value(p[3]));
}

static void put_utf8(kn_buf *out, unsigned c) {
    if (c < 0x80) {
        kn_buf_char(out, (char)c);
        return;
    }
    char b[4];
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        b[i] = (char)(0x80 | (c & 0x3F));
    b[0] = (char)((n == 2 ? 0xC0 : n == 3 ? 0xE0 : 0xF0) | c);
    kn_buf_append(out, b, n);
}

void kn_scan_unescape(kn_slice s, kn_buf *out) {
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    size_t i = 0;
    while (i < s.n) {
        const char *escape = memchr(s.p + i, '\\', s.n - i);
        size_t plain = escape ? (size_t)(escape - s.p) - i : s.n - i;
        kn_buf_append(out, s.p + i, plain);
        i += plain;
        if (!escape)
            break;
        char c = s.p[i + 1];
        i += 2;
        if (c != 'u') {
            const char *at = strchr(from, c);
            kn_buf_char(out, at ? to[at - from] : c);
            continue;
        }
        unsigned code = hex4(s.p + i);
        i += 4;
        if (code >= 0xD800 && code < 0xDC00 && i + 6 <= s.n && s.p[i] == '\\' &&
            s.p[i + 1] == 'u') {
            unsigned low = hex4(s.p + i + 2);
            if (low >= 0xDC00 && low < 0xE000) {
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                i += 6;
            }
        }
        put_utf8(out, code >= 0xD800 && code < 0xE000 ? 0xFFFD : code);
    }
}
