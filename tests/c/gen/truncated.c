/* Numbers between bounds that leave little of a density: always inside, by few draws, wherever the
 * bounds are. tests/lua/distribution.t.lua checks their distributions. */
#include "gen/truncated.h"
#include "../tap.h"

#include <math.h>

static kn_rng chance;

static double any(double low, double high) {
    return low + (high - low) * kn_rng_unit(kn_rng_next(&chance));
}

static double draws_between(const kn_rng *before, const kn_rng *after) {
    kn_rng rng = *before;
    int n = 0;
    for (; rng.state != after->state; n++)
        kn_rng_next(&rng);
    return n;
}

enum { NUMBERS = 200 };

/* How many draws a number takes on average; -1 when one is not from lo to hi. */
static double cost(kn_density density, double shape, double lo, double hi) {
    double touch = kn_truncated_touch(density, shape, lo, hi), draws = 0;
    if (!(touch >= lo && touch <= hi))
        return -1;
    for (int i = 0; i < NUMBERS; i++) {
        kn_rng before = chance;
        double x = kn_truncated_draw(&chance, density, shape, lo, hi, touch);
        if (!(x >= lo && x <= hi) || isinf(x))
            return -1;
        draws += draws_between(&before, &chance);
    }
    return draws / NUMBERS;
}

/* Bounds beyond the mode, near and far, one of them often infinite. */
static void test_tails(const char *name, kn_density density, bool left) {
    double worst = 0;
    bool inside = true;
    for (int i = 0; i < 500; i++) {
        double shape = exp(any(-6, 8));
        double mode = density == KN_DENSITY_GAMMA ? log(shape) : 0;
        double away = exp(any(-20, density == KN_DENSITY_GAMMA ? 3.5 : 12));
        double width = i % 3 == 0 ? INFINITY : exp(any(-20, 5));
        double lo = left ? mode - away - width : mode + away;
        double hi = left ? mode - away : mode + away + width;
        double n = cost(density, shape, lo, hi);
        inside = inside && n >= 0;
        worst = n > worst ? n : worst;
    }
    tap_ok(inside, "%s: all numbers are between the bounds", name);
    /* two draws for each attempt, of which two of five are taken; 200 numbers are not far off */
    tap_ok(worst < 6, "%s: few draws for each (%.2f at most)", name, worst);
}

static void test_inside(void) {
    struct {
        kn_density density;
        double shape, lo, hi;
    } cases[] = {
        {KN_DENSITY_NORMAL, 0, -1e-300, 1e-300},  {KN_DENSITY_NORMAL, 0, -0.3, 0.1},
        {KN_DENSITY_NORMAL, 0, 0, 0.4},           {KN_DENSITY_GAMMA, 0.01, -4.7, INFINITY},
        {KN_DENSITY_GAMMA, 0.01, -20, INFINITY},  {KN_DENSITY_GAMMA, 1e6, 13.8154, 13.8156},
        {KN_DENSITY_FALLING, 0, 0, 0.2},          {KN_DENSITY_FALLING, 0, 1e300, INFINITY},
        {KN_DENSITY_FALLING, 0, 1e300, 1.1e300},  {KN_DENSITY_NORMAL, 0, 5, 5},
        {KN_DENSITY_NORMAL, 0, -1e300, -0.9e300}, {KN_DENSITY_GAMMA, 2, 600, INFINITY},
        {KN_DENSITY_GAMMA, 2, -INFINITY, -1e300},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double n = cost(cases[i].density, cases[i].shape, cases[i].lo, cases[i].hi);
        tap_ok(n >= 0 && n < 8, "case %zu: inside, by few draws (%.2f)", i + 1, n);
    }
}

int main(void) {
    const char *seed = getenv("KINESSIS_TEST_SEED");
    uint64_t number = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    printf("# KINESSIS_TEST_SEED=%llu\n", (unsigned long long)number);
    chance = kn_rng_at(kn_rng_seed_key(number), 0);
    test_tails("normal, right", KN_DENSITY_NORMAL, false);
    test_tails("normal, left", KN_DENSITY_NORMAL, true);
    test_tails("gamma, right", KN_DENSITY_GAMMA, false);
    test_tails("gamma, left", KN_DENSITY_GAMMA, true);
    test_inside();
    return tap_done();
}
