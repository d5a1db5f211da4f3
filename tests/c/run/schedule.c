/* run/schedule.c against what a curve says by arithmetic; long backlogs; delays and changes. No
 * clock: moments are given. */
#include "run/schedule.h"

#include "base/rng.h"
#include "tap.h"

#include <math.h>

static const uint64_t ORIGIN = 5000000000u;

static uint64_t at(double seconds) {
    return ORIGIN + (uint64_t)(seconds * 1e9 + 0.5);
}

static kn_schedule *begin(void) {
    kn_schedule *s = malloc(sizeof *s);
    kn_schedule_init(s, ORIGIN, 0);
    return s;
}

static bool near(uint64_t ns, double seconds, double tolerance) {
    return fabs((double)(int64_t)(ns - ORIGIN) / 1e9 - seconds) <= tolerance;
}

static void test_straight(void) {
    kn_schedule *s = begin();
    tap_is_int(kn_schedule_due(s, at(10)), 0, "nothing is due before anything is drawn");
    tap_ok(kn_schedule_when(s, 0) == UINT64_MAX, "nor known when it will be");
    tap_is_int(kn_schedule_take(s, at(10), 0, 9).count, 0, "nor to be taken");
    for (int i = 1; i <= 1000; i++)
        kn_schedule_draw(s, i * 0.01, i * 5.0);
    tap_is_int(s->count, 2, "a straight line is one piece, in however many steps it was drawn");
    tap_ok(near(kn_schedule_when(s, 0), 0.002, 1e-6), "500 a second: the first is due after 2 ms");
    tap_ok(near(kn_schedule_when(s, 4999), 10, 1e-6), "the 5000th after 10 s");
    tap_ok(kn_schedule_when(s, 5000) == UINT64_MAX, "the next is not known");
    tap_is_int(kn_schedule_due(s, at(1)), 500, "500 are due after a second");
    tap_is_int(kn_schedule_due(s, at(0.0019)), 0, "none before 2 ms");
    tap_is_int(kn_schedule_due(s, at(99)), 5000, "no more than drawn, ever");
    tap_is_int(kn_schedule_due(s, ORIGIN - 1), 0, "nothing before the start");
    kn_schedule_part part = kn_schedule_take(s, at(1), 0, 250);
    tap_ok(part.count == 250 && near(part.first_ns, 0.002, 1e-6), "a block of 250");
    tap_ok(fabs(part.step_ns - 2e6) < 1, "each 2 ms after the other (%.3f)", part.step_ns);
    part = kn_schedule_take(s, at(1), 250, 1000);
    tap_ok(part.count == 250 && near(part.first_ns, 0.502, 1e-6), "the rest of what is due");
    tap_is_int(kn_schedule_take(s, at(1), 500, 1000).count, 0, "then none");
    tap_is_int(kn_schedule_take(s, kn_schedule_when(s, 500) + 1000, 500, 9).count, 1,
               "until the next is due");
    free(s);
}

static void test_corners(void) {
    kn_schedule *s = begin();
    kn_schedule_draw(s, 0, 3); /* a jump at the start */
    kn_schedule_draw(s, 1, 3); /* a rest */
    kn_schedule_draw(s, 1, 5);
    kn_schedule_draw(s, 2, 15);
    tap_is_int(kn_schedule_due(s, at(0)), 3, "three at once");
    kn_schedule_part part = kn_schedule_take(s, at(0.5), 0, 99);
    tap_ok(part.count == 3 && part.first_ns == ORIGIN && part.step_ns == 0, "all at the start");
    tap_is_int(kn_schedule_take(s, at(0.999), 3, 99).count, 0, "none in a rest");
    tap_ok(near(kn_schedule_when(s, 3), 1, 1e-6), "the next is due after it");
    part = kn_schedule_take(s, at(3), 3, 99);
    tap_ok(part.count == 2 && near(part.first_ns, 1, 1e-6), "a piece ends a block");
    part = kn_schedule_take(s, at(3), 5, 99);
    tap_ok(part.count == 10 && near(part.first_ns, 1.1, 1e-6), "the next piece is the next block");
    kn_schedule_draw(s, 1.5, 9);
    tap_is_int(kn_schedule_due(s, at(3)), 15, "what was drawn stays, whatever is drawn later");
    kn_schedule_draw(s, 4, NAN);
    tap_is_int(kn_schedule_due(s, at(5)), 15, "no number adds nothing");
    kn_schedule_draw(s, 4, INFINITY);
    part = kn_schedule_take(s, at(5), 15, 1000);
    tap_ok(part.count == 1000 && near(part.first_ns, 4, 1e-6) && part.step_ns == 0,
           "infinitely many are as many as one takes");
    free(s);
}

/* A fraction that sums leave missing does not hold up the last record. */
static void test_sums(void) {
    kn_schedule *s = begin();
    double sum = 0;
    for (int i = 1; i <= 100; i++)
        kn_schedule_draw(s, i * 0.01, sum += 0.1);
    tap_ok(sum < 10, "the sum of 100 steps of 0.1 is under 10 (by %g)", 10 - sum);
    tap_is_int(kn_schedule_due(s, at(1)), 10, "ten records are due all the same");
    tap_ok(kn_schedule_when(s, 9) != UINT64_MAX, "the tenth is on the curve");
    free(s);
}

/* Whatever the pieces: records are taken in order, each once, none before it is due, and those that
 * are taken in time have the time that the curve says. */
static void test_random(uint64_t seed) {
    kn_rng rng = {seed};
    int wrong_time = 0, wrong_order = 0;
    for (int round = 0; round < 50; round++) {
        kn_schedule *s = begin();
        double t = 0, n = 0;
        uint64_t next = 0;
        for (int i = 0; i < 3000; i++) {
            double t0 = t, n0 = n;
            t += kn_rng_unit(kn_rng_next(&rng)) * 0.01;
            n += (double)kn_rng_below(kn_rng_next(&rng), 4) * kn_rng_unit(kn_rng_next(&rng));
            kn_schedule_draw(s, t, n);
            uint64_t now = at(t) + 1; /* not before t, which is no whole nanosecond */
            kn_schedule_part part = kn_schedule_take(s, now, next, 1000);
            double first = t0 + (t - t0) * ((double)next + 1 - n0) / (n - n0);
            wrong_time += part.count && !near(part.first_ns, first, 1e-5);
            next += part.count;
            wrong_order += next != kn_schedule_due(s, now);
        }
        free(s);
    }
    tap_is_int(wrong_time, 0, "each record has its time on the curve");
    tap_is_int(wrong_order, 0, "all that is due is taken");
}

/* Nobody takes anything while a wave of a million points is drawn. */
static void test_backlog(void) {
    kn_schedule *s = begin();
    double t = 0, n = 0, worst = 0;
    for (int i = 0; i < 1000000; i++) {
        t += 0.001;
        n += 1.5 + sin(t); /* the integral's steps; a thousand seconds in all */
        kn_schedule_draw(s, t, n);
    }
    tap_ok(s->count <= KN_SCHEDULE_POINTS, "a backlog stays in its bounds (%u points)", s->count);
    uint64_t last = 0, due = kn_schedule_due(s, at(t));
    tap_is_int(due, (uint64_t)(n + 1e-6), "no record is lost");
    t = n = 0;
    int disorder = 0;
    for (uint64_t i = 0; i < due; i++) {
        while (n < (double)i + 1) {
            t += 0.001;
            n += 1.5 + sin(t);
        }
        uint64_t when = kn_schedule_take(s, UINT64_MAX, i, 1).first_ns;
        disorder += when < last;
        last = when;
        double off = fabs((double)(when - ORIGIN) / 1e9 - t);
        worst = off > worst ? off : worst;
    }
    tap_is_int(disorder, 0, "times are in order");
    tap_ok(worst < 1000.0 / 500, "no time is more than a 500th of the backlog off (%.3f s)", worst);
    free(s);
}

static void test_changes(void) {
    kn_schedule *s = begin();
    kn_schedule_draw(s, 10, 100);
    kn_schedule_take(s, at(2), 0, 20);
    kn_schedule_delay(s, 5000000000u);
    tap_is_int(kn_schedule_due(s, at(7.05)), 20, "a pause of 5 s delays what is not due yet");
    tap_ok(near(kn_schedule_when(s, 20), 7.1, 1e-6), "to the nanosecond");
    kn_schedule_cut(s, at(8));
    kn_schedule_point end = kn_schedule_end(s);
    tap_ok(fabs(end.seconds - 3) < 1e-6 && fabs(end.records - 30) < 1e-4,
           "a cut keeps what was due, and nothing after it");
    kn_schedule_draw(s, 4, 31);
    tap_is_int(kn_schedule_due(s, at(9)), 31, "another pace goes on there");
    kn_schedule_cut(s, at(20));
    end = kn_schedule_end(s);
    tap_ok(fabs(end.seconds - 15) < 1e-6 && fabs(end.records - 31) < 1e-4,
           "a cut beyond the end rests until then");
    free(s);
}

int main(void) {
    uint64_t seed = tap_seed();
    test_straight();
    test_corners();
    test_sums();
    test_random(seed);
    test_backlog();
    test_changes();
    return tap_done();
}
