/* See schedule.h. */
#include "run/schedule.h"

#include <math.h>
#include <string.h>

/* A sum of many small steps may miss a whole number by a little: a record is due so much of itself
 * early. */
static const double SLACK = 1e-6;
static const double ALL = 0x1p53;    /* more records than that are all there are */
static const double STRAIGHT = 1e-9; /* slopes that differ by less are one piece */
static const double JOINED_MOST = 4; /* the span of joined pieces, in even shares of the whole */

void kn_schedule_init(kn_schedule *s, uint64_t origin_ns, uint64_t first) {
    s->origin_ns = origin_ns;
    s->head = 0;
    s->count = 1;
    s->points[0] = (kn_schedule_point){0, (double)first};
}

static double seconds_at(const kn_schedule *s, uint64_t ns) {
    return ns > s->origin_ns ? (double)(ns - s->origin_ns) / 1e9 : 0;
}

static uint64_t ns_at(const kn_schedule *s, double seconds) {
    return s->origin_ns + (uint64_t)(seconds * 1e9);
}

kn_schedule_point kn_schedule_end(const kn_schedule *s) {
    return s->points[s->count - 1];
}

/* ---- drawing ---- */

static bool is_straight(const kn_schedule_point *a, const kn_schedule_point *b,
                        const kn_schedule_point *c) {
    double t1 = b->seconds - a->seconds, t2 = c->seconds - b->seconds;
    double n1 = b->records - a->records, n2 = c->records - b->records;
    return fabs(n1 * t2 - n2 * t1) <= STRAIGHT * (n1 * t2 + n2 * t1);
}

static void forget_taken(kn_schedule *s) {
    if (s->head == 0)
        return;
    s->count -= s->head;
    memmove(s->points, s->points + s->head, s->count * sizeof *s->points);
    s->head = 0;
}

/* Joins neighbouring pieces, none of them over a few even shares of the whole: that leaves at most
 * about half of the points. */
static void join(kn_schedule *s) {
    double whole = s->points[s->count - 1].seconds - s->points[0].seconds;
    double longest = JOINED_MOST * whole / KN_SCHEDULE_POINTS;
    uint32_t kept = 1;
    for (uint32_t i = 1; i + 1 < s->count; i++)
        if (s->points[i + 1].seconds - s->points[kept - 1].seconds > longest)
            s->points[kept++] = s->points[i];
    s->points[kept++] = s->points[s->count - 1];
    s->count = kept;
}

void kn_schedule_draw(kn_schedule *s, double seconds, double records) {
    kn_schedule_point last = kn_schedule_end(s), p = {seconds, records > ALL ? ALL : records};
    if (!(p.seconds >= last.seconds))
        p.seconds = last.seconds;
    if (!(p.records >= last.records))
        p.records = last.records;
    if (p.seconds == last.seconds && p.records == last.records)
        return;
    if (s->count >= 2 && s->head + 2 <= s->count &&
        is_straight(&s->points[s->count - 2], &last, &p)) {
        s->points[s->count - 1] = p;
        return;
    }
    if (s->count == KN_SCHEDULE_POINTS)
        forget_taken(s);
    if (s->count == KN_SCHEDULE_POINTS)
        join(s);
    s->points[s->count++] = p;
}

void kn_schedule_cut(kn_schedule *s, uint64_t now_ns) {
    double now = seconds_at(s, now_ns);
    while (s->count > s->head + 1 && s->points[s->count - 2].seconds >= now)
        s->count--;
    kn_schedule_point *last = &s->points[s->count - 1];
    if (s->count > s->head + 1 && last->seconds > now) {
        const kn_schedule_point *a = last - 1;
        double part = (now - a->seconds) / (last->seconds - a->seconds);
        *last = (kn_schedule_point){now, a->records + (last->records - a->records) * part};
    }
    kn_schedule_draw(s, now, last->records);
}

void kn_schedule_delay(kn_schedule *s, uint64_t ns) {
    s->origin_ns += ns;
}

/* ---- reading ---- */

/* The piece a to a + 1 at that time, as records. */
static double records_on(const kn_schedule_point *a, double seconds) {
    const kn_schedule_point *b = a + 1;
    if (seconds >= b->seconds)
        return b->records;
    if (seconds <= a->seconds)
        return a->records;
    return a->records +
           (b->records - a->records) * ((seconds - a->seconds) / (b->seconds - a->seconds));
}

static uint64_t whole(double records) {
    return records > 0 ? (uint64_t)(records + SLACK) : 0;
}

uint64_t kn_schedule_due(const kn_schedule *s, uint64_t now_ns) {
    double now = seconds_at(s, now_ns);
    uint32_t low = 0, high = s->count - 1; /* the last point that is not after now */
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        if (s->points[middle].seconds <= now)
            low = middle;
        else
            high = middle - 1;
    }
    return low + 1 == s->count ? whole(s->points[low].records)
                               : whole(records_on(&s->points[low], now));
}

/* The piece that the record is on, from the head on; count - 1 when there is none yet. */
static uint32_t piece_of(const kn_schedule *s, uint64_t record) {
    uint32_t i = s->head;
    while (i + 1 < s->count && whole(s->points[i + 1].records) <= record)
        i++;
    return i;
}

static double seconds_of(const kn_schedule_point *a, uint64_t record) {
    const kn_schedule_point *b = a + 1;
    double part = ((double)record + 1 - a->records) / (b->records - a->records);
    part = part < 0 ? 0 : part > 1 ? 1 : part;
    return a->seconds + (b->seconds - a->seconds) * part;
}

uint64_t kn_schedule_when(const kn_schedule *s, uint64_t record) {
    uint32_t i = piece_of(s, record);
    return i + 1 == s->count ? UINT64_MAX : ns_at(s, seconds_of(&s->points[i], record));
}

kn_schedule_part kn_schedule_take(kn_schedule *s, uint64_t now_ns, uint64_t next, uint64_t most) {
    kn_schedule_part part = {0};
    s->head = piece_of(s, next);
    if (s->head + 1 == s->count)
        return part;
    const kn_schedule_point *a = &s->points[s->head], *b = a + 1;
    uint64_t due = whole(records_on(a, seconds_at(s, now_ns)));
    if (due <= next)
        return part;
    part.count = due - next < most ? due - next : most;
    part.first_ns = ns_at(s, seconds_of(a, next));
    part.step_ns = (b->seconds - a->seconds) / (b->records - a->records) * 1e9;
    return part;
}
