/* See time.h. Civil arithmetic: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
#include "base/time.h"

#include <stdio.h>
#include <time.h>

int64_t kn_time_now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

uint64_t kn_time_monotonic_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

static int64_t days_from_civil(int64_t y, int m, int d) {
    y -= m <= 2;
    int64_t era = floor_div(y, 400);
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

kn_civil kn_civil_from_ms(int64_t ms) {
    int64_t days = floor_div(ms, 86400000);
    int64_t rest = ms - days * 86400000;
    int64_t z = days + 719468;
    int64_t era = floor_div(z, 146097);
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    kn_civil c;
    c.day = (int)(doy - (153 * mp + 2) / 5 + 1);
    c.month = (int)(mp < 10 ? mp + 3 : mp - 9);
    c.year = (int)(yoe + era * 400 + (c.month <= 2));
    c.weekday = (int)(((days + 4) % 7 + 7) % 7);
    c.hour = (int)(rest / 3600000);
    c.minute = (int)(rest / 60000 % 60);
    c.second = (int)(rest / 1000 % 60);
    c.millis = (int)(rest % 1000);
    return c;
}

int64_t kn_civil_to_ms(const kn_civil *c) {
    return days_from_civil(c->year, c->month, c->day) * 86400000 + (int64_t)c->hour * 3600000 +
           (int64_t)c->minute * 60000 + (int64_t)c->second * 1000 + c->millis;
}

/* Writes v as n decimal digits, zero-padded. */
static char *put_digits(char *p, int v, int n) {
    for (int i = n - 1; i >= 0; i--, v /= 10)
        p[i] = (char)('0' + v % 10);
    return p + n;
}

void kn_time_amz(char out[17], int64_t ms) {
    kn_civil c = kn_civil_from_ms(ms);
    char *p = put_digits(out, c.year, 4);
    p = put_digits(put_digits(p, c.month, 2), c.day, 2);
    *p++ = 'T';
    p = put_digits(put_digits(put_digits(p, c.hour, 2), c.minute, 2), c.second, 2);
    p[0] = 'Z';
    p[1] = '\0';
}

size_t kn_time_iso(char out[32], int64_t ms, bool millis, bool zone) {
    kn_civil c = kn_civil_from_ms(ms);
    char *p = put_digits(out, c.year, 4);
    *p++ = '-';
    p = put_digits(p, c.month, 2);
    *p++ = '-';
    p = put_digits(p, c.day, 2);
    *p++ = 'T';
    p = put_digits(p, c.hour, 2);
    *p++ = ':';
    p = put_digits(p, c.minute, 2);
    *p++ = ':';
    p = put_digits(p, c.second, 2);
    if (millis) {
        *p++ = '.';
        p = put_digits(p, c.millis, 3);
    }
    if (zone)
        *p++ = 'Z';
    *p = '\0';
    return (size_t)(p - out);
}

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

void kn_time_http(char out[30], int64_t ms) {
    static const char days[] = "SunMonTueWedThuFriSat";
    kn_civil c = kn_civil_from_ms(ms);
    snprintf(out, 30, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", days + 3 * c.weekday,
             (unsigned)c.day % 100, months + 3 * (c.month - 1), (unsigned)c.year % 10000,
             (unsigned)c.hour % 100, (unsigned)c.minute % 100, (unsigned)c.second % 100);
}

/* Takes n digits from *s into *out. */
static bool take_digits(kn_slice *s, int n, int *out) {
    if (s->n < (size_t)n)
        return false;
    int v = 0;
    for (int i = 0; i < n; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return false;
        v = v * 10 + (s->p[i] - '0');
    }
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

static bool civil_valid(const kn_civil *c) {
    if (c->month < 1 || c->month > 12 || c->day < 1 || c->hour > 23 || c->minute > 59 ||
        c->second > 59)
        return false;
    kn_civil back = kn_civil_from_ms(kn_civil_to_ms(c));
    return back.day == c->day && back.month == c->month;
}

/* ".123456" to milliseconds, further digits dropped. */
static bool take_fraction(kn_slice *s, int *millis) {
    *millis = 0;
    if (!take_char(s, '.'))
        return true;
    int scale = 100, digit;
    if (!take_digits(s, 1, &digit))
        return false;
    do {
        *millis += digit * scale;
        scale /= 10;
    } while (take_digits(s, 1, &digit));
    return true;
}

static bool take_zone(kn_slice *s, int64_t *offset_ms) {
    *offset_ms = 0;
    if (s->n == 0 || take_char(s, 'Z'))
        return true;
    int sign = take_char(s, '+') ? 1 : take_char(s, '-') ? -1 : 0;
    int hours, minutes = 0;
    if (!sign || !take_digits(s, 2, &hours))
        return false;
    if (take_char(s, ':') ? !take_digits(s, 2, &minutes) : s->n && !take_digits(s, 2, &minutes))
        return false;
    *offset_ms = sign * (int64_t)(hours * 60 + minutes) * 60000;
    return hours < 24 && minutes < 60;
}

bool kn_time_parse_iso(kn_slice s, int64_t *ms) {
    kn_civil c = {0};
    int64_t offset = 0;
    if (!take_digits(&s, 4, &c.year) || !take_char(&s, '-') || !take_digits(&s, 2, &c.month) ||
        !take_char(&s, '-') || !take_digits(&s, 2, &c.day))
        return false;
    if (s.n) {
        if (!take_char(&s, 'T') && !take_char(&s, ' '))
            return false;
        if (!take_digits(&s, 2, &c.hour) || !take_char(&s, ':') || !take_digits(&s, 2, &c.minute) ||
            !take_char(&s, ':') || !take_digits(&s, 2, &c.second) ||
            !take_fraction(&s, &c.millis) || !take_zone(&s, &offset))
            return false;
    }
    if (s.n || !civil_valid(&c))
        return false;
    *ms = kn_civil_to_ms(&c) - offset;
    return true;
}

bool kn_time_parse_http(kn_slice s, int64_t *ms) {
    kn_civil c = {0};
    if (s.n != 29 || memcmp(s.p + 3, ", ", 2) != 0 || memcmp(s.p + 25, " GMT", 4) != 0)
        return false;
    for (int i = 0; i < 12; i++)
        if (memcmp(s.p + 8, months + (size_t)i * 3, 3) == 0)
            c.month = i + 1;
    kn_slice day = {s.p + 5, 2}, rest = {s.p + 12, 13};
    if (!take_digits(&day, 2, &c.day) || s.p[7] != ' ' || s.p[11] != ' ' ||
        !take_digits(&rest, 4, &c.year) || !take_char(&rest, ' ') ||
        !take_digits(&rest, 2, &c.hour) || !take_char(&rest, ':') ||
        !take_digits(&rest, 2, &c.minute) || !take_char(&rest, ':') ||
        !take_digits(&rest, 2, &c.second) || !civil_valid(&c))
        return false;
    *ms = kn_civil_to_ms(&c);
    return true;
}

void kn_sleep_ms(int64_t ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    if (ms > 0)
        nanosleep(&t, NULL);
}
