/* See convert_value.h. */
#include "lake/firehose/convert_value.h"

#include "base/time.h"

#include <math.h>
#include <stdlib.h>

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool kn_value_integer(kn_slice s, int64_t min, int64_t max, int64_t *out) {
    size_t i = s.n && (*s.p == '-' || *s.p == '+');
    bool negative = i && *s.p == '-';
    if (i == s.n)
        return false;
    int64_t v = 0; /* kept negative: it holds one more */
    for (; i < s.n; i++)
        if (!is_digit(s.p[i]) || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_sub_overflow(v, s.p[i] - '0', &v))
            return false;
    if (!negative && __builtin_sub_overflow(0, v, &v))
        return false;
    *out = v;
    return v >= min && v <= max;
}

/* --- numbers ------------------------------------------------------------------------------ */

typedef struct number {
    bool negative;
    kn_slice digits; /* as written, perhaps with a point inside */
    int point;       /* digits after the point */
    int exponent;    /* as written, held within +-100000 */
} number;

static bool read_exponent(const char *p, const char *end, int *out) {
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (p == end)
        return false;
    *out = 0;
    for (; p < end; p++) {
        if (!is_digit(*p))
            return false;
        if (*out < 100000)
            *out = *out * 10 + (*p - '0');
    }
    if (negative)
        *out = -*out;
    return true;
}

static bool read_number(kn_slice s, number *n) {
    const char *p = s.p, *end = s.p + s.n;
    *n = (number){0};
    if (p < end && (*p == '-' || *p == '+'))
        n->negative = *p++ == '-';
    const char *start = p;
    while (p < end && is_digit(*p))
        p++;
    if (p == start)
        return false;
    if (p < end && *p == '.') {
        const char *fraction = ++p;
        while (p < end && is_digit(*p))
            p++;
        if (p == fraction || p - fraction > 1000000)
            return false;
        n->point = (int)(p - fraction);
    }
    n->digits = (kn_slice){start, (size_t)(p - start)};
    if (p < end && (*p == 'e' || *p == 'E'))
        return read_exponent(p + 1, end, &n->exponent);
    return p == end;
}

/* A whole number below 2^53 and a power of ten up to 10^22 are exact doubles, so one division or
 * multiplication rounds correctly (Clinger, 1990). */
static bool exact_double(const number *n, double *out) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    int power = n->exponent - n->point;
    if (n->digits.n > 16 || power < -22 || power > 22)
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < n->digits.n; i++)
        if (n->digits.p[i] != '.')
            v = v * 10 + (uint64_t)(n->digits.p[i] - '0');
    if (v > (UINT64_C(1) << 53))
        return false;
    *out = power < 0 ? (double)v / powers[-power] : (double)v * powers[power];
    return true;
}

bool kn_value_double(kn_slice s, double *out) {
    number n;
    if (!read_number(s, &n))
        return false;
    if (!exact_double(&n, out)) {
        char small[128], *text = s.n < sizeof small ? small : malloc(s.n + 1);
        if (!text)
            return false;
        memcpy(text, s.p, s.n);
        text[s.n] = '\0';
        *out = fabs(strtod(text, NULL));
        if (text != small)
            free(text);
    }
    if (n.negative)
        *out = -*out;
    return isfinite(*out);
}

bool kn_value_decimal(kn_slice s, int precision, int scale, kn_int128 *out) {
    number n;
    if (!read_number(s, &n))
        return false;
    kn_int128 limit = 1, v = 0; /* limit * 10 may not fit */
    for (int i = 0; i < precision; i++)
        limit *= 10;
    /* How many of the written digits count; the next one rounds. */
    int written = (int)(n.digits.n - (n.point > 0));
    int keep = written - n.point + n.exponent + scale;
    int taken = 0;
    for (size_t i = 0; i < n.digits.n && taken < keep; i++) {
        if (n.digits.p[i] == '.')
            continue;
        int digit = n.digits.p[i] - '0';
        if (v > (limit - 1 - digit) / 10)
            return false;
        v = v * 10 + digit;
        taken++;
    }
    for (; taken < keep && v > 0; taken++) {
        if (v > (limit - 1) / 10)
            return false;
        v *= 10;
    }
    if (keep >= 0 && keep < written) {
        size_t next = (size_t)keep;
        if (n.point > 0 && keep >= written - n.point)
            next++;
        v += n.digits.p[next] >= '5';
    }
    *out = n.negative ? -v : v;
    return v < limit;
}

/* --- dates and times ---------------------------------------------------------------------- */

/* Takes least to most digits. */
static bool take_digits(kn_slice *s, int least, int most, int *out) {
    int n = 0, v = 0;
    while (n < most && (size_t)n < s->n && is_digit(s->p[n]))
        v = v * 10 + (s->p[n++] - '0');
    if (n < least)
        return false;
    *s = (kn_slice){s->p + n, s->n - (size_t)n};
    *out = v;
    return true;
}

static bool take_char(kn_slice *s, char c) {
    if (s->n == 0 || *s->p != c)
        return false;
    *s = (kn_slice){s->p + 1, s->n - 1};
    return true;
}

static bool take_date(kn_slice *s, kn_civil *c, int least) {
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (!take_digits(s, 4, 4, &c->year) || !take_char(s, '-') ||
        !take_digits(s, least, 2, &c->month) || !take_char(s, '-') ||
        !take_digits(s, least, 2, &c->day))
        return false;
    if (c->year < 1 || c->month < 1 || c->month > 12 || c->day < 1 || c->day > days[c->month - 1])
        return false;
    bool leap = (c->year % 4 == 0 && c->year % 100 != 0) || c->year % 400 == 0;
    return leap || c->month != 2 || c->day < 29;
}

/* HH:mm:ss[.S{1,9}] */
static bool take_time(kn_slice *s, kn_civil *c, int64_t *micros) {
    *micros = 0;
    if (!take_digits(s, 2, 2, &c->hour) || !take_char(s, ':') ||
        !take_digits(s, 2, 2, &c->minute) || !take_char(s, ':') ||
        !take_digits(s, 2, 2, &c->second) || c->hour > 23 || c->minute > 59 || c->second > 59)
        return false;
    if (!take_char(s, '.'))
        return true;
    size_t before = s->n;
    int nanos;
    if (!take_digits(s, 1, 9, &nanos))
        return false;
    for (size_t n = before - s->n; n < 9; n++)
        nanos *= 10;
    *micros = nanos / 1000;
    return true;
}

bool kn_value_date(kn_slice s, int32_t *days) {
    kn_civil c = {0};
    if (!take_date(&s, &c, 1) || s.n)
        return false;
    int64_t ms = kn_civil_to_ms(&c);
    *days = (int32_t)(ms / 86400000); /* exact: midnight */
    return true;
}

bool kn_value_timestamp(kn_slice s, bool hive, int64_t *micros) {
    kn_civil c = {0};
    int64_t fraction;
    bool iso = !hive && s.n > 10 && s.p[10] == 'T';
    if (!take_date(&s, &c, iso ? 2 : 1) || !take_char(&s, iso ? 'T' : ' ') ||
        !take_time(&s, &c, &fraction) || (iso && !take_char(&s, 'Z')) || s.n)
        return false;
    *micros = kn_civil_to_ms(&c) * 1000 + fraction;
    return true;
}

bool kn_value_epoch(kn_slice s, bool always_millis, int64_t *micros) {
    static const int64_t least = INT64_C(-62135596800000000), /* 0001-01-01 */
        most = INT64_C(253402300799999999);                   /* 9999-12-31 */
    int64_t whole;
    if (kn_value_integer(s, INT64_MIN / 1000000, INT64_MAX / 1000000, &whole)) {
        bool seconds =
            !always_millis && whole < INT64_C(1000000000000) && whole > -INT64_C(1000000000000);
        *micros = whole * (seconds ? 1000000 : 1000);
    } else {
        double v;
        if (!kn_value_double(s, &v))
            return false;
        v *= !always_millis && fabs(v) < 1e12 ? 1e6 : 1e3;
        if (!(v >= (double)least && v <= (double)most))
            return false;
        *micros = llround(v);
    }
    return *micros >= least && *micros <= most;
}
