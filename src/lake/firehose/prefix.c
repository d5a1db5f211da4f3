/* See prefix.h. */
#include "lake/firehose/prefix.h"

#include "base/time.h"

#include <sys/random.h>

enum { RANDOM_STRING = 11, CONFIGURED_MAX = 1024 };

/* Wednesday, September 24, 2025, 23:59:59.999: no other moment takes more characters. */
static const int64_t LONGEST_MS = 1758758399999;

static bool invalid(kn_err *err, const char *what, kn_slice part, const char *why) {
    return kn_fail_aws(err, 400, "InvalidArgumentException", "%s '%.*s' %s", what, (int)part.n,
                       part.p, why);
}

/* --- time patterns ------------------------------------------------------------------------ */

static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
static const char *const day_names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};

static int day_of_year(const kn_civil *c) {
    kn_civil first = {.year = c->year, .month = 1, .day = 1};
    kn_civil today = {.year = c->year, .month = c->month, .day = c->day};
    return (int)((kn_civil_to_ms(&today) - kn_civil_to_ms(&first)) / 86400000) + 1;
}

/* Names: three letters or fewer mean the short form, four the full one, five the initial. */
static bool put_name(kn_buf *out, const char *name, int count) {
    if (count > 5)
        return false;
    kn_buf_append(out, name, count == 5 ? 1 : count == 4 ? strlen(name) : 3);
    return true;
}

static bool put_number(kn_buf *out, int value, int count, int widest) {
    if (count > widest)
        return false;
    kn_buf_printf(out, "%0*d", count, value);
    return true;
}

static bool put_year(kn_buf *out, int year, int count) {
    return count == 2 ? put_number(out, year % 100, 2, 2) : put_number(out, year, count, 19);
}

static bool put_fraction(kn_buf *out, int millis, int count) {
    char digits[10] = "000000000";
    digits[0] = (char)('0' + millis / 100);
    digits[1] = (char)('0' + millis / 10 % 10);
    digits[2] = (char)('0' + millis % 10);
    if (count > 9)
        return false;
    kn_buf_append(out, digits, (size_t)count);
    return true;
}

static bool put_offset(kn_buf *out, char letter, int count) {
    static const char *const numeric[] = {"+00", "+0000", "+00:00", "+0000", "+00:00"};
    if (letter == 'z' && count <= 4)
        kn_buf_cstr(out, "UTC");
    else if (letter == 'V' && count == 2)
        kn_buf_cstr(out, "UTC");
    else if (letter == 'X' && count <= 5)
        kn_buf_char(out, 'Z');
    else if (letter == 'x' && count <= 5)
        kn_buf_cstr(out, numeric[count - 1]);
    else if (letter == 'Z' && count <= 5)
        kn_buf_cstr(out, count <= 3 ? "+0000" : count == 4 ? "GMT" : "Z");
    else
        return false;
    return true;
}

/* One run of the same letter. False when the letter, or that many of it, has no meaning here. */
static bool put_field(kn_buf *out, char letter, int count, const kn_civil *c) {
    int half = c->hour % 12;
    switch (letter) {
    case 'y':
    case 'u':
        return put_year(out, c->year, count);
    case 'M':
    case 'L':
        return count <= 2 ? put_number(out, c->month, count, 2)
                          : put_name(out, month_names[c->month - 1], count);
    case 'Q':
        return put_number(out, (c->month - 1) / 3 + 1, count, 2);
    case 'd':
        return put_number(out, c->day, count, 2);
    case 'D':
        return put_number(out, day_of_year(c), count, 3);
    case 'E':
        return put_name(out, day_names[c->weekday], count);
    case 'a':
        kn_buf_cstr(out, c->hour < 12 ? "AM" : "PM");
        return count == 1;
    case 'H':
        return put_number(out, c->hour, count, 2);
    case 'k':
        return put_number(out, c->hour ? c->hour : 24, count, 2);
    case 'K':
        return put_number(out, half, count, 2);
    case 'h':
        return put_number(out, half ? half : 12, count, 2);
    case 'm':
        return put_number(out, c->minute, count, 2);
    case 's':
        return put_number(out, c->second, count, 2);
    case 'S':
        return put_fraction(out, c->millis, count);
    default:
        return put_offset(out, letter, count);
    }
}

/* 'text' in quotes, with '' for a quote; *at is after the opening quote. */
static bool put_quoted(kn_slice pattern, size_t *at, kn_buf *out) {
    size_t i = *at;
    if (i < pattern.n && pattern.p[i] == '\'') { /* '' outside of quotes */
        kn_buf_char(out, '\'');
        *at = i + 1;
        return true;
    }
    for (; i < pattern.n; i++) {
        if (pattern.p[i] != '\'') {
            kn_buf_char(out, pattern.p[i]);
        } else if (i + 1 < pattern.n && pattern.p[i + 1] == '\'') {
            kn_buf_char(out, '\'');
            i++;
        } else {
            *at = i + 1;
            return true;
        }
    }
    return false;
}

bool kn_prefix_format_time(kn_slice pattern, int64_t ms, kn_buf *out, kn_err *err) {
    kn_civil c = kn_civil_from_ms(ms);
    for (size_t i = 0; i < pattern.n;) {
        char letter = pattern.p[i];
        if (letter == '\'') {
            i++;
            if (!put_quoted(pattern, &i, out))
                return invalid(err, "timestamp pattern", pattern, "has a quote that is not closed");
        } else if ((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z')) {
            size_t n = 1;
            while (i + n < pattern.n && pattern.p[i + n] == letter)
                n++;
            if (n > 19 || !put_field(out, letter, (int)n, &c))
                return invalid(err, "timestamp pattern", (kn_slice){pattern.p + i, n},
                               "is not a supported field (letters: y u M L Q d D E a H k K h m s S "
                               "z V X x Z; other text in single quotes)");
            i += n;
        } else if (strchr("{}[]#", letter)) {
            return invalid(err, "timestamp pattern", pattern,
                           "has an unquoted reserved character ({ } [ ] #)");
        } else {
            kn_buf_char(out, letter);
            i++;
        }
    }
    return true;
}

/* --- expressions -------------------------------------------------------------------------- */

static void random_bytes(void *p, size_t n) {
    unsigned char *q = p;
    while (n) { /* up to 256 bytes never fail or come short once the kernel's pool is ready */
        ssize_t got = getrandom(q, n, 0);
        if (got > 0) {
            q += got;
            n -= (size_t)got;
        }
    }
}

static void put_random_string(kn_buf *out) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    unsigned char bytes[RANDOM_STRING * 4];
    size_t put = 0;
    while (put < RANDOM_STRING) { /* 248 = 4 x 62: no letter is likelier than another */
        random_bytes(bytes, sizeof bytes);
        for (size_t i = 0; i < sizeof bytes && put < RANDOM_STRING; i++)
            if (bytes[i] < 248) {
                kn_buf_char(out, letters[bytes[i] % 62]);
                put++;
            }
    }
}

void kn_prefix_uuid(kn_buf *out, const unsigned char *bytes) {
    unsigned char b[16];
    if (bytes)
        memcpy(b, bytes, sizeof b);
    else
        random_bytes(b, sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0F) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3F) | 0x80);
    for (int i = 0; i < 16; i++)
        kn_buf_printf(out, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b[i]);
}

typedef struct expansion {
    int64_t arrival_ms;
    const char *error_type; /* NULL: not allowed here */
    bool expressions;       /* set when there is one */
    bool names_error_type;  /* set when there is that one */
} expansion;

/* body is what stands between !{ and }. */
static bool put_expression(kn_slice body, expansion *e, kn_buf *out, kn_err *err) {
    kn_slice time = KN_SLICE("timestamp:");
    e->expressions = true;
    if (kn_slice_starts(body, time))
        return kn_prefix_format_time((kn_slice){body.p + time.n, body.n - time.n}, e->arrival_ms,
                                     out, err);
    if (kn_slice_eq(body, KN_SLICE("firehose:random-string"))) {
        put_random_string(out);
        return true;
    }
    if (kn_slice_eq(body, KN_SLICE("firehose:error-output-type"))) {
        e->names_error_type = true;
        if (!e->error_type)
            return invalid(err, "expression", body,
                           "is allowed in ErrorOutputPrefix only, not in Prefix");
        kn_buf_cstr(out, e->error_type);
        return true;
    }
    if (kn_slice_starts(body, KN_SLICE("partitionKeyFrom")))
        return invalid(err, "expression", body,
                       "needs dynamic partitioning, which this lake does not have");
    return invalid(err, "expression", body,
                   "is not known: use timestamp:<pattern>, firehose:random-string or "
                   "firehose:error-output-type");
}

static bool expand(const char *text, expansion *e, kn_buf *out, kn_err *err) {
    const char *at = text;
    for (;;) {
        const char *open = strstr(at, "!{");
        if (!open)
            break;
        /* A brace inside quotes belongs to the pattern. */
        bool quoted = false;
        const char *close = open + 2;
        while (*close && (quoted || *close != '}'))
            quoted ^= *close++ == '\'';
        if (!*close)
            return invalid(err, "prefix", kn_slice_cstr(text), "has an expression without its '}'");
        kn_buf_append(out, at, (size_t)(open - at));
        if (!put_expression((kn_slice){open + 2, (size_t)(close - open - 2)}, e, out, err))
            return false;
        at = close + 1;
    }
    kn_buf_cstr(out, at);
    return true;
}

static bool expand_limited(const char *text, expansion *e, kn_buf *out, kn_err *err) {
    if (strlen(text) > CONFIGURED_MAX)
        return kn_fail_aws(err, 400, "InvalidArgumentException",
                           "a prefix must have at most %d characters", CONFIGURED_MAX);
    size_t before = out->len;
    if (!expand(text, e, out, err))
        return false;
    if (out->len - before > KN_PREFIX_MAX)
        return kn_fail_aws(err, 400, "InvalidArgumentException",
                           "prefix '%s' evaluates to %zu characters: at most %d are allowed", text,
                           out->len - before, KN_PREFIX_MAX);
    return true;
}

bool kn_prefix_check(const char *prefix, const char *error_prefix, kn_err *err) {
    kn_buf out;
    kn_buf_init(&out, 1 << 16);
    bool ok = false;
    expansion data = {.arrival_ms = LONGEST_MS};
    expansion error = {.arrival_ms = LONGEST_MS, .error_type = "format-conversion-failed"};
    if (prefix && !expand_limited(prefix, &data, &out, err))
        goto out;
    if (error_prefix && !expand_limited(error_prefix, &error, &out, err))
        goto out;
    if (!kn_buf_check(&out, "prefix", err))
        goto out;
    if (data.expressions && (!error_prefix || !*error_prefix)) {
        kn_fail_aws(err, 400, "InvalidArgumentException",
                    "ErrorOutputPrefix cannot be null or empty when Prefix contains expressions");
        goto out;
    }
    if (error.expressions && !error.names_error_type) {
        kn_fail_aws(err, 400, "InvalidArgumentException",
                    "ErrorOutputPrefix contains expressions but not "
                    "!{firehose:error-output-type}: add it");
        goto out;
    }
    ok = true;
out:
    kn_buf_free(&out);
    return ok;
}

bool kn_prefix_write(const kn_prefix_key *key, kn_buf *out, kn_err *err) {
    bool is_error = key->error_type != NULL;
    const char *text = is_error && key->error_prefix && *key->error_prefix ? key->error_prefix
                       : key->prefix                                       ? key->prefix
                                                                           : "";
    expansion e = {.arrival_ms = key->arrival_ms, .error_type = key->error_type};
    if (!expand_limited(text, &e, out, err))
        return false;
    if (!e.expressions) {
        if (is_error)
            kn_buf_printf(out, "%s/", key->error_type);
        if (!kn_prefix_format_time(KN_SLICE("yyyy/MM/dd/HH/"), key->arrival_ms, out, err))
            return false;
    }
    kn_buf_printf(out, "%s-%s-", key->stream, key->version);
    if (!kn_prefix_format_time(KN_SLICE("yyyy-MM-dd-HH-mm-ss-"), key->arrival_ms, out, err))
        return false;
    kn_prefix_uuid(out, key->id);
    kn_buf_cstr(out, key->extension);
    return kn_buf_check(out, "object key", err);
}
