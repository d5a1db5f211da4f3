/* When records are due: what a pace has said so far, as a curve of records over time, made of
 * straight pieces. Record i (from 0) is due when the curve reaches i + 1.
 *
 * Who asks the pace draws the curve ahead of time; who sends takes the records that are due, each
 * with its own time on the curve. Times are exact where the curve is straight between the points
 * that were drawn; how far apart those are is the drawer's (run.c: at most 10 ms, and 0.1 ms where
 * the pace says that it bends or jumps).
 *
 * Bounded: when a sender is so far behind that the points do not fit, neighbours are joined, the
 * shortest pieces first; a time is then off by less than 1/500 of the time that the curve spans,
 * so by less than 0.2 % of how late the latest record is. No locks: the caller's (claim.c). */
#ifndef KN_RUN_SCHEDULE_H
#define KN_RUN_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

enum { KN_SCHEDULE_POINTS = 2048 };

typedef struct kn_schedule_point {
    double seconds; /* since origin_ns */
    double records;
} kn_schedule_point;

typedef struct kn_schedule {
    uint64_t origin_ns; /* of the monotonic clock: where second 0 is */
    uint32_t count;     /* at least 1 */
    uint32_t head;      /* the piece that the next record is on begins here */
    kn_schedule_point points[KN_SCHEDULE_POINTS];
} kn_schedule;

/* Second 0 is at origin_ns, and the records before `first` are none of the curve's. */
void kn_schedule_init(kn_schedule *s, uint64_t origin_ns, uint64_t first);

/* Goes on in a straight line to `records` at `seconds`; neither is less than before (less counts
 * as the same, and what is infinite as all there are). */
void kn_schedule_draw(kn_schedule *s, double seconds, double records);

/* Where the curve ends. */
kn_schedule_point kn_schedule_end(const kn_schedule *s);

/* The records that are due by then. */
uint64_t kn_schedule_due(const kn_schedule *s, uint64_t now_ns);

/* Records due one after another at the same distance. */
typedef struct kn_schedule_part {
    uint64_t count, first_ns;
    double step_ns;
} kn_schedule_part;

/* Those from record `next` on that are due by then and lie on one piece of the curve, at most
 * `most`; a count of 0: record `next` is not due. `next` is never less than before. */
kn_schedule_part kn_schedule_take(kn_schedule *s, uint64_t now_ns, uint64_t next, uint64_t most);

/* When the record is due, which is not before those that were taken; UINT64_MAX when the curve does
 * not reach it yet. */
uint64_t kn_schedule_when(const kn_schedule *s, uint64_t record);

/* The clock of the curve stood still for so long: all that is on it is so much later. */
void kn_schedule_delay(kn_schedule *s, uint64_t ns);

/* Ends the curve at that moment, whatever it said of later, so that another pace goes on there. */
void kn_schedule_cut(kn_schedule *s, uint64_t now_ns);

#endif
