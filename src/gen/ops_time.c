/* Times: where one comes from, and how it is written. A format of several pieces ("%d/%b/%Y") is
 * several operations on one stream, so they agree. */
#include "base/digits.h"
#include "base/time.h"
#include "gen/ops.h"

enum { DAY_MS = 86400000, LAST_ZONE = 18 * 60 };

static const int64_t first_ms = -62135596800000; /* 0001-01-01 */
static const int64_t last_ms = 253402300799999;  /* 9999-12-31T23:59:59.999Z */

enum {
    FROM_NOW,      /* the record's time */
    FROM_RANGE,    /* a to b */
    FROM_AROUND,   /* the record's time plus a to b */
    FROM_SERIES,   /* a + b * index, and 0 to c */
    FROM_BUSINESS, /* one of b working days from day a, c: minutes of opening << 16 | of closing */
    SOURCES
};

static int64_t draw_range(const kn_cursor *c, const kn_op *op, int64_t a, int64_t b) {
    return a + (int64_t)kn_rng_below(kn_op_draw(c, op), (uint64_t)b - (uint64_t)a + 1);
}

/* Working days are Monday to Friday; day 4 of 1970 was a Monday. The first day is one. */
static int64_t draw_business(const kn_cursor *c, const kn_op *op, int64_t first, int64_t days,
                             int64_t hours) {
    kn_rng rng = kn_rng_at(c->record_key, op->key);
    int64_t weekday = ((first - 4) % 7 + 7) % 7;
    int64_t n = weekday + (int64_t)kn_rng_below(kn_rng_next(&rng), (uint64_t)days);
    int64_t day = first - weekday + n / 5 * 7 + n % 5;
    int64_t open = (hours >> 16) * 60000, close = (hours & 0xFFFF) * 60000;
    return day * DAY_MS + open + (int64_t)kn_rng_below(kn_rng_next(&rng), (uint64_t)(close - open));
}

static int64_t time_of(kn_cursor *c, const kn_op *op) {
    int64_t a = op->args[1].i, b = op->args[2].i, extra = kn_op_more(op, 3).i, ms = 0;
    switch (op->args[0].i) {
    case FROM_NOW:
        return kn_cursor_now_ms(c);
    case FROM_RANGE:
        return draw_range(c, op, a, b);
    case FROM_AROUND:
        ms = kn_cursor_now_ms(c) + draw_range(c, op, a, b);
        break;
    case FROM_SERIES: {
        __int128 v = (__int128)b * c->index + a + draw_range(c, op, 0, extra);
        ms = v > last_ms ? last_ms : (int64_t)v;
        break;
    }
    case FROM_BUSINESS:
        ms = draw_business(c, op, a, b, extra) - kn_op_more(op, 5).i * 60000;
        break;
    }
    return ms < first_ms ? first_ms : ms > last_ms ? last_ms : ms;
}

/* ---- writing ---- */

enum {
    AS_ISO,
    AS_ISO_SECONDS,
    AS_EPOCH,
    AS_EPOCH_MS,
    AS_EPOCH_US,
    AS_DATE,
    AS_SQL,
    AS_TIME,
    AS_YEAR,
    AS_MONTH,
    AS_DAY,
    AS_HOUR,
    AS_MINUTE,
    AS_SECOND,
    AS_MILLIS,
    AS_MONTH_NAME,
    AS_MONTH_SHORT,
    AS_WEEKDAY_NAME,
    AS_WEEKDAY_SHORT,
    AS_DAY_OF_YEAR,
    AS_YEAR_SHORT,
    AS_HOUR_12,
    AS_AM_PM,
    AS_OFFSET,
    AS_OFFSET_COLON,
    FORMATS
};

static const char months[12][16] = {"January",   "February", "March",    "April",
                                    "May",       "June",     "July",     "August",
                                    "September", "October",  "November", "December"};
static const char weekdays[7][16] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                     "Thursday", "Friday", "Saturday"};

static char *put_text(char *p, const char name[16], size_t n) {
    memcpy(p, name, 16);
    return p + n;
}

static char *put_date(char *p, const kn_civil *t) {
    p = kn_put_padded(p, (unsigned)t->year, 4);
    *p++ = '-';
    p = kn_put_padded(p, (unsigned)t->month, 2);
    *p++ = '-';
    return kn_put_padded(p, (unsigned)t->day, 2);
}

static char *put_clock(char *p, const kn_civil *t) {
    p = kn_put_padded(p, (unsigned)t->hour, 2);
    *p++ = ':';
    p = kn_put_padded(p, (unsigned)t->minute, 2);
    *p++ = ':';
    return kn_put_padded(p, (unsigned)t->second, 2);
}

static char *put_millis(char *p, const kn_civil *t) {
    *p++ = '.';
    return kn_put_padded(p, (unsigned)t->millis, 3);
}

static char *put_offset(char *p, int64_t zone, bool colon) {
    uint64_t minutes = (uint64_t)(zone < 0 ? -zone : zone);
    *p++ = zone < 0 ? '-' : '+';
    p = kn_put_padded(p, minutes / 60, 2);
    if (colon)
        *p++ = ':';
    return kn_put_padded(p, minutes % 60, 2);
}

static char *put_zone(char *p, int64_t zone) {
    if (zone != 0)
        return put_offset(p, zone, true);
    *p++ = 'Z';
    return p;
}

static unsigned day_of_year(const kn_civil *t) {
    kn_civil first = {.year = t->year, .month = 1, .day = 1}, day = first;
    day.month = t->month;
    day.day = t->day;
    return (unsigned)((kn_civil_to_ms(&day) - kn_civil_to_ms(&first)) / DAY_MS) + 1;
}

static char *put_piece(char *p, int64_t format, const kn_civil *t, int64_t zone) {
    switch (format) {
    case AS_YEAR:
        return kn_put_padded(p, (unsigned)t->year, 4);
    case AS_MONTH:
        return kn_put_padded(p, (unsigned)t->month, 2);
    case AS_DAY:
        return kn_put_padded(p, (unsigned)t->day, 2);
    case AS_HOUR:
        return kn_put_padded(p, (unsigned)t->hour, 2);
    case AS_MINUTE:
        return kn_put_padded(p, (unsigned)t->minute, 2);
    case AS_SECOND:
        return kn_put_padded(p, (unsigned)t->second, 2);
    case AS_MILLIS:
        return kn_put_padded(p, (unsigned)t->millis, 3);
    case AS_MONTH_NAME:
        return put_text(p, months[t->month - 1], strlen(months[t->month - 1]));
    case AS_MONTH_SHORT:
        return put_text(p, months[t->month - 1], 3);
    case AS_WEEKDAY_NAME:
        return put_text(p, weekdays[t->weekday], strlen(weekdays[t->weekday]));
    case AS_WEEKDAY_SHORT:
        return put_text(p, weekdays[t->weekday], 3);
    case AS_DAY_OF_YEAR:
        return kn_put_padded(p, day_of_year(t), 3);
    case AS_YEAR_SHORT:
        return kn_put_padded(p, (unsigned)t->year % 100, 2);
    case AS_HOUR_12:
        return kn_put_padded(p, (unsigned)(t->hour + 11) % 12 + 1, 2);
    case AS_AM_PM:
        memcpy(p, t->hour < 12 ? "AM" : "PM", 2);
        return p + 2;
    default:
        return put_offset(p, zone, format == AS_OFFSET_COLON);
    }
}

/* args: source, a, b, c, format, zone in minutes east of UTC */
static bool prepare_time(kn_op *op, size_t *length, kn_err *err) {
    int64_t source = op->args[0].i, a = op->args[1].i, b = op->args[2].i;
    int64_t c = kn_op_more(op, 3).i, format = kn_op_more(op, 4).i, zone = kn_op_more(op, 5).i;
    *length = 32;
    bool ordered = source == FROM_RANGE    ? a >= first_ms && a <= b && b <= last_ms
                   : source == FROM_AROUND ? a <= b && -a <= last_ms && b <= last_ms
                   : source == FROM_SERIES ? a >= first_ms && b >= 0 && c >= 0 && c <= last_ms
                   : source == FROM_BUSINESS
                       ? b > 0 && c >= 0 && (c >> 16) < (c & 0xFFFF) && (c & 0xFFFF) <= 1440
                       : true;
    return (source >= 0 && source < SOURCES && ordered && format >= 0 && format < FORMATS &&
            zone >= -LAST_ZONE && zone <= LAST_ZONE) ||
           kn_fail(err, KN_EINVAL, "the arguments of a time are out of range");
}

static char *run_time(kn_cursor *c, const kn_op *op, char *p) {
    int64_t ms = time_of(c, op), format = kn_op_more(op, 4).i, zone = kn_op_more(op, 5).i;
    switch (format) {
    case AS_EPOCH:
        return kn_put_int(p, ms / 1000 - (ms % 1000 < 0));
    case AS_EPOCH_MS:
        return kn_put_int(p, ms);
    case AS_EPOCH_US:
        return kn_put_int(p, ms * 1000);
    }
    if (c->civil_ms != ms + zone * 60000 || c->civil.month == 0) {
        c->civil_ms = ms + zone * 60000;
        c->civil = kn_civil_from_ms(c->civil_ms);
    }
    const kn_civil *t = &c->civil;
    switch (format) {
    case AS_ISO:
    case AS_ISO_SECONDS:
        p = put_date(p, t);
        *p++ = 'T';
        p = put_clock(p, t);
        return put_zone(format == AS_ISO ? put_millis(p, t) : p, zone);
    case AS_SQL:
        p = put_date(p, t);
        *p++ = ' ';
        return put_millis(put_clock(p, t), t);
    case AS_DATE:
        return put_date(p, t);
    case AS_TIME:
        return put_clock(p, t);
    default:
        return put_piece(p, format, t, zone);
    }
}

#define INT KN_ARG_INT

const kn_op_type kn_ops_time[] = {
    {"time",
     {INT("source"), INT("a"), INT("b"), INT("c"), INT("format"), INT("zone")},
     0,
     0,
     prepare_time,
     run_time},
    {NULL, {{0}}, 0, 0, NULL, NULL},
};
