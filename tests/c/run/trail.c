/* run/trail.c: when records were due, by a curve that was looked at now and then. */
#include "run/trail.h"

#include "tap.h"

#include <math.h>

static bool near(double a, double b, double tolerance) {
    return fabs(a - b) <= tolerance;
}

static void test_straight(kn_trail *t) {
    *t = (kn_trail){0};
    tap_ok(kn_trail_when(t, 1) == 0, "nothing is known at first");
    for (int i = 0; i <= 100; i++)
        kn_trail_draw(t, i * 0.01, (uint64_t)i * 10, 0);
    tap_ok(near(kn_trail_when(t, 1), 0.001, 1e-9), "the first of 1,000 a second");
    tap_ok(near(kn_trail_when(t, 555), 0.555, 1e-9), "one between two looks");
    tap_ok(near(kn_trail_when(t, 1000), 1, 1e-9), "the last");
    tap_ok(near(kn_trail_when(t, 2000), 1, 1e-9), "what is not due yet, no sooner than now");
}

/* A pause of the pace is no part of the line to what comes after it. */
static void test_flat(kn_trail *t) {
    *t = (kn_trail){0};
    kn_trail_draw(t, 0, 0, 0);
    kn_trail_draw(t, 1, 100, 0);
    for (int i = 0; i <= 1000; i++)
        kn_trail_draw(t, 1 + i * 0.01, 100, 0);
    kn_trail_draw(t, 11.01, 101, 0);
    tap_ok(t->count <= 5, "nothing due takes no room (%zu points)", t->count);
    tap_ok(near(kn_trail_when(t, 100), 1, 1e-9), "the last before nothing was due");
    tap_ok(near(kn_trail_when(t, 101), 11.01, 0.011), "the first after it");
}

static void test_long(kn_trail *t) {
    *t = (kn_trail){0};
    for (int i = 0; i <= 100000; i++) /* 1,000 s at 5,000 a second, of which 100 s are settled */
        kn_trail_draw(t, i * 0.01, (uint64_t)i * 50, i < 10000 ? (uint64_t)i * 50 : 500000);
    tap_ok(t->count <= KN_TRAIL_POINTS, "a long backlog is kept within bounds");
    tap_ok(near(kn_trail_when(t, 500001), 100, 0.01), "the oldest that is not settled (%.4f s)",
           kn_trail_when(t, 500001));
    tap_ok(near(kn_trail_when(t, 2500000), 500, 0.01), "one in the middle");
    tap_ok(near(kn_trail_when(t, 5000000), 1000, 0.01), "the newest");
    for (int i = 0; i <= 100000; i++) /* settled as it comes */
        kn_trail_draw(t, 1000 + i * 0.01, 5000000 + (uint64_t)i * 50, 5000000 + (uint64_t)i * 50);
    tap_ok(near(kn_trail_when(t, 10000000), 2000, 0.01), "it goes on for ever");
}

static void test_another_clock(kn_trail *t) {
    *t = (kn_trail){0};
    kn_trail_draw(t, 0, 0, 0);
    kn_trail_draw(t, 9, 900, 0);
    kn_trail_draw(t, 0, 900, 0); /* another pace goes on at its second 0 */
    kn_trail_draw(t, 1, 1000, 0);
    tap_ok(near(kn_trail_when(t, 950), 0.5, 1e-9), "by the new pace's clock");
    tap_ok(near(kn_trail_when(t, 10), 0, 1e-9), "what was due before, at its start");
}

int main(void) {
    kn_trail *t = malloc(sizeof *t);
    test_straight(t);
    test_flat(t);
    test_long(t);
    test_another_clock(t);
    free(t);
    return tap_done();
}
