/* See moment.h. */
#include "lake/sql/moment.h"

#include "base/time.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};

typedef struct moment {
    kn_civil c;
    int micros; /* within the second */
    bool afternoon, twelve;
} moment;

static moment split(int64_t us) {
    int64_t ms = us / 1000 - (us % 1000 < 0);
    moment m = {.c = kn_civil_from_ms(ms)};
    m.micros = m.c.millis * 1000 + (int)(us - ms * 1000);
    return m;
}

/* False when it is beyond what a timestamp holds. */
static bool join(const moment *m, int64_t *us) {
    kn_civil c = m->c;
    c.millis = 0;
    if (m->twelve)
        c.hour = c.hour % 12 + (m->afternoon ? 12 : 0);
    return !__builtin_mul_overflow(kn_civil_to_ms(&c), 1000, us) &&
           !__builtin_add_overflow(*us, m->micros, us);
}

static int day_of_year(const kn_civil *c) {
    kn_civil first = {.year = c->year, .month = 1, .day = 1}, day = first;
    day.month = c->month;
    day.day = c->day;
    return (int)((kn_civil_to_ms(&day) - kn_civil_to_ms(&first)) / 86400000) + 1;
}

/* --- one field --- */

/* The numbers of a pattern: letter, least and most digits, where. */
static const struct number_field {
    char letter;
    int written, read;
    size_t offset; /* in kn_civil */
} numbers[] = {
    {'Y', 4, 4, offsetof(kn_civil, year)},   {'m', 2, 2, offsetof(kn_civil, month)},
    {'c', 1, 2, offsetof(kn_civil, month)},  {'d', 2, 2, offsetof(kn_civil, day)},
    {'e', 1, 2, offsetof(kn_civil, day)},    {'H', 2, 2, offsetof(kn_civil, hour)},
    {'k', 1, 2, offsetof(kn_civil, hour)},   {'i', 2, 2, offsetof(kn_civil, minute)},
    {'s', 2, 2, offsetof(kn_civil, second)}, {'S', 2, 2, offsetof(kn_civil, second)},
};

static const struct number_field *find_number(char letter) {
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (numbers[i].letter == letter)
            return &numbers[i];
    }
    return NULL;
}

static bool fail_letter(char letter, kn_err *err) {
    return kn_fail(err, KN_EINVAL, "%%%c not supported in date format string", letter);
}

static bool format_field(char letter, const moment *m, kn_buf *out, kn_err *err) {
    const struct number_field *number = find_number(letter);
    const kn_civil *c = &m->c;
    int twelve = c->hour % 12 ? c->hour % 12 : 12;
    if (number) {
        int v = *(const int *)((const char *)c + number->offset);
        kn_buf_printf(out, "%0*d", number->written, v);
        return true;
    }
    switch (letter) {
    case 'a':
        kn_buf_printf(out, "%.3s", days[c->weekday]);
        return true;
    case 'W':
        kn_buf_cstr(out, days[c->weekday]);
        return true;
    case 'b':
        kn_buf_printf(out, "%.3s", months[c->month - 1]);
        return true;
    case 'M':
        kn_buf_cstr(out, months[c->month - 1]);
        return true;
    case 'y':
        kn_buf_printf(out, "%02d", c->year % 100);
        return true;
    case 'f':
        kn_buf_printf(out, "%06d", m->micros);
        return true;
    case 'L':
        kn_buf_printf(out, "%03d", m->micros / 1000);
        return true;
    case 'h':
    case 'I':
        kn_buf_printf(out, "%02d", twelve);
        return true;
    case 'l':
        kn_buf_printf(out, "%d", twelve);
        return true;
    case 'p':
        kn_buf_cstr(out, c->hour < 12 ? "AM" : "PM");
        return true;
    case 'j':
        kn_buf_printf(out, "%03d", day_of_year(c));
        return true;
    case 'T':
        kn_buf_printf(out, "%02d:%02d:%02d", c->hour, c->minute, c->second);
        return true;
    case 'r':
        kn_buf_printf(out, "%02d:%02d:%02d %s", twelve, c->minute, c->second,
                      c->hour < 12 ? "AM" : "PM");
        return true;
    case 'z':
        kn_buf_cstr(out, "UTC");
        return true;
    case '%':
        kn_buf_char(out, '%');
        return true;
    default:
        return fail_letter(letter, err);
    }
}

static bool read_digits(kn_slice *text, int most, int *v, int *count) {
    *v = 0;
    for (*count = 0; *count < most && text->n && isdigit((unsigned char)*text->p); ++*count) {
        *v = *v * 10 + (*text->p - '0');
        text->p++;
        text->n--;
    }
    return *count > 0;
}

/* A name of the list, whole or its first three letters. */
static bool read_name(kn_slice *text, const char *const *list, int n, int *index) {
    for (int whole = 1; whole >= 0; whole--) {
        for (int i = 0; i < n; i++) {
            size_t length = whole ? strlen(list[i]) : 3;
            if (text->n >= length && strncasecmp(text->p, list[i], length) == 0) {
                *index = i;
                text->p += length;
                text->n -= length;
                return true;
            }
        }
    }
    return false;
}

static bool read_field(char letter, kn_slice *text, moment *m) {
    const struct number_field *number = find_number(letter);
    int v, count;
    if (number) {
        bool ok = read_digits(text, number->read, &v, &count);
        *(int *)((char *)&m->c + number->offset) = v;
        return ok;
    }
    switch (letter) {
    case 'a':
    case 'W':
        return read_name(text, days, 7, &v);
    case 'b':
    case 'M':
        if (!read_name(text, months, 12, &v))
            return false;
        m->c.month = v + 1;
        return true;
    case 'y':
        if (!read_digits(text, 2, &v, &count))
            return false;
        m->c.year = v + (v < 70 ? 2000 : 1900);
        return true;
    case 'f':
    case 'L':
        if (!read_digits(text, 6, &v, &count))
            return false;
        for (; count < 6; count++)
            v *= 10;
        m->micros = v;
        return true;
    case 'h':
    case 'I':
    case 'l':
        m->twelve = true;
        return read_digits(text, 2, &m->c.hour, &count);
    case 'p':
        if (text->n < 2 || strncasecmp(text->p + 1, "m", 1) != 0)
            return false;
        m->twelve = true;
        m->afternoon = *text->p == 'p' || *text->p == 'P';
        text->p += 2;
        text->n -= 2;
        return true;
    case 'z': {
        bool z = text->n >= 1 && *text->p == 'Z';
        if (!z && !(text->n >= 3 && strncmp(text->p, "UTC", 3) == 0))
            return false;
        text->p += z ? 1 : 3;
        text->n -= z ? 1 : 3;
        return true;
    }
    default:
        return false;
    }
}

/* --- patterns --- */

bool kn_moment_format(kn_slice pattern, int64_t us, kn_buf *out, kn_err *err) {
    moment m = split(us);
    for (size_t i = 0; i < pattern.n; i++) {
        if (pattern.p[i] != '%' || i + 1 == pattern.n)
            kn_buf_char(out, pattern.p[i]);
        else if (!format_field(pattern.p[++i], &m, out, err))
            return false;
    }
    return kn_buf_check(out, "the text", err);
}

bool kn_moment_parse(kn_slice text, kn_slice pattern, int64_t *us, kn_err *err) {
    static const kn_slice time_pattern = {"%H:%i:%s", 8};
    moment m = {.c = {.year = 1970, .month = 1, .day = 1}};
    kn_slice rest = text;
    bool ok = true;
    for (size_t i = 0; ok && i < pattern.n; i++) {
        char letter = pattern.p[i] == '%' && i + 1 < pattern.n ? pattern.p[i + 1] : '\0';
        if (!letter || letter == '%') {
            ok = rest.n && *rest.p == pattern.p[i];
            rest.p += ok;
            rest.n -= ok;
        } else if (letter == 'T') {
            for (size_t k = 0; ok && k < time_pattern.n; k += 3)
                ok = (k == 0 || (rest.n && *rest.p == ':' && (rest.p++, rest.n--, true))) &&
                     read_field(time_pattern.p[k + 1], &rest, &m);
        } else {
            ok = read_field(letter, &rest, &m);
        }
        i += letter != '\0';
    }
    ok = ok && join(&m, us);
    moment again = split(ok ? *us : 0);
    if (ok && rest.n == 0 && again.c.day == m.c.day && again.c.month == m.c.month &&
        m.c.minute < 60 && m.c.second < 60 && m.c.hour < 24)
        return true;
    return kn_fail(err, KN_EINVAL, "Invalid format: \"%.*s\" does not match \"%.*s\"",
                   (int)(text.n > 100 ? 100 : text.n), text.p,
                   (int)(pattern.n > 100 ? 100 : pattern.n), pattern.p);
}

bool kn_moment_from_joda(kn_slice joda, kn_buf *out, kn_err *err) {
    static const struct {
        char letter;
        int least;
        const char *field;
    } fields[] = {
        {'y', 3, "%Y"}, {'y', 2, "%y"}, {'y', 1, "%Y"}, {'Y', 1, "%Y"}, {'M', 4, "%M"},
        {'M', 3, "%b"}, {'M', 2, "%m"}, {'M', 1, "%c"}, {'d', 2, "%d"}, {'d', 1, "%e"},
        {'H', 2, "%H"}, {'H', 1, "%k"}, {'h', 2, "%h"}, {'h', 1, "%l"}, {'m', 1, "%i"},
        {'s', 1, "%s"}, {'S', 1, "%L"}, {'a', 1, "%p"}, {'E', 4, "%W"}, {'E', 1, "%a"},
        {'D', 1, "%j"}, {'Z', 1, "%z"}, {'z', 1, "%z"},
    };
    bool quoted = false;
    for (size_t i = 0; i < joda.n;) {
        char c = joda.p[i];
        int n = 1;
        if (c == '\'' || quoted || !isalpha((unsigned char)c)) {
            if (c == '\'' && i + 1 < joda.n && joda.p[i + 1] == '\'')
                kn_buf_char(out, joda.p[++i]);
            else if (c == '\'')
                quoted = !quoted;
            else
                kn_buf_cstr(out, c == '%' ? "%%" : (char[]){c, '\0'});
            i++;
            continue;
        }
        while (i + (size_t)n < joda.n && joda.p[i + (size_t)n] == c)
            n++;
        const char *field = NULL;
        for (size_t k = 0; !field && k < sizeof fields / sizeof *fields; k++)
            field = fields[k].letter == c && n >= fields[k].least ? fields[k].field : NULL;
        if (!field)
            return kn_fail(err, KN_EINVAL, "Illegal pattern component: %c", c);
        kn_buf_cstr(out, field);
        i += (size_t)n;
    }
    return kn_buf_check(out, "the pattern", err);
}

/* --- units --- */

bool kn_moment_add(kn_slice unit, int64_t n, int64_t us, int64_t *out, kn_err *err) {
    static const struct {
        const char *name;
        int64_t us;
        int months;
    } units[] = {
        {"millisecond", 1000, 0}, {"second", 1000000, 0},  {"minute", 60000000, 0},
        {"hour", 3600000000, 0},  {"day", 86400000000, 0}, {"week", 604800000000, 0},
        {"month", 0, 1},          {"quarter", 0, 3},       {"year", 0, 12},
    };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strlen(units[i].name) != unit.n || strncasecmp(units[i].name, unit.p, unit.n) != 0)
            continue;
        int64_t delta = 0;
        if (!units[i].months)
            return (!__builtin_mul_overflow(n, units[i].us, &delta) &&
                    !__builtin_add_overflow(us, delta, out)) ||
                   kn_fail(err, KN_EINVAL, "the date is out of range");
        if (n < -120000 || n > 120000)
            return kn_fail(err, KN_EINVAL, "the date is out of range");
        moment m = split(us);
        int64_t next = m.c.year * INT64_C(12) + m.c.month + n * units[i].months;
        int month = (int)((next % 12 + 12) % 12);
        kn_civil after = {.year = (int)((next - month) / 12), .month = month + 1, .day = 1};
        kn_civil last = kn_civil_from_ms(kn_civil_to_ms(&after) - 1);
        m.c.year = last.year;
        m.c.month = last.month;
        if (m.c.day > last.day)
            m.c.day = last.day;
        return join(&m, out) || kn_fail(err, KN_EINVAL, "the date is out of range");
    }
    return kn_fail(err, KN_EINVAL, "'%.*s' is not a valid unit of time",
                   (int)(unit.n > 40 ? 40 : unit.n), unit.p);
}
