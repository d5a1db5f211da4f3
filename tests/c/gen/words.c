/* Tables of choices: the alias method gives each weight its exact share, and mistakes are named. */
#include "gen/ops.h"
#include "tap.h"

#include <math.h>

/* The largest distance between an item's share of all draws, as the table states it, and its
 * weight's. */
static double worst(const kn_words *w, const double *weights, double sum) {
    double largest = 0, n = (double)w->count;
    for (size_t i = 0; i < w->count; i++) {
        double share = 0;
        for (size_t j = 0; j < w->count; j++) {
            double keeps = (double)w->threshold[j] * 0x1p-64;
            if (j == i)
                share += keeps / n;
            if (w->alias[j] == i)
                share += (1 - keeps) / n;
        }
        if (weights[i] == 0 && share > 1e-12)
            return 1;
        largest = fmax(largest, fabs(share - weights[i] / sum));
    }
    return largest;
}

static void test_shares(uint64_t seed) {
    enum { MOST = 60 };
    kn_slice items[MOST];
    double weights[MOST], far = 0;
    kn_err err;
    int tables = 0;
    for (uint64_t round = 0; round < 500; round++) {
        kn_rng rng = kn_rng_at(seed, round);
        size_t n = 1 + kn_rng_below(kn_rng_next(&rng), MOST);
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            double u = kn_rng_unit(kn_rng_next(&rng));
            items[i] = KN_SLICE("x");
            weights[i] = u < 0.3 ? 0 : pow(u, 20) * 1e6;
            sum += weights[i];
        }
        kn_words w;
        if (kn_words_init(&w, items, weights, n, &err)) {
            far = fmax(far, worst(&w, weights, sum));
            kn_words_free(&w);
            tables++;
        } else if (sum > 0)
            far = 1;
    }
    printf("# %d tables, largest error %g\n", tables, far);
    tap_ok(tables > 300 && far < 1e-9, "every weight has its share, and 0 has none");
}

static void test_mistakes(void) {
    kn_words w;
    kn_err err;
    kn_slice two[] = {KN_SLICE("a"), KN_SLICE("b")};
    tap_ok(!kn_words_init(&w, two, NULL, 0, &err), "no choices");
    tap_is_str(err.message, "there is nothing to choose from", "says so");
    tap_ok(!kn_words_init(&w, two, (double[]){0, 0}, 2, &err), "weights of 0");
    tap_is_str(err.message, "the weights sum to 0", "says so");
    tap_ok(!kn_words_init(&w, two, (double[]){1, -1}, 2, &err), "a negative weight");
    tap_is_str(err.message, "weight 2 is -1: it must be 0 or more", "says so");
    tap_ok(!kn_words_init(&w, two, (double[]){1, NAN}, 2, &err), "not a number");
    tap_ok(!kn_words_init(&w, two, (double[]){1e308, 1e308}, 2, &err), "a sum that overflows");
}

int main(void) {
    kn_err err;
    kn_words w;
    kn_slice items[] = {KN_SLICE("one"), KN_SLICE(""), KN_SLICE("three")};
    tap_ok(kn_words_init(&w, items, NULL, 3, &err), "a table");
    tap_is_int(w.longest, 5, "its longest text");
    tap_ok(!w.threshold && w.items[1].length == 0, "no weights, an empty text");
    tap_ok(memcmp(w.text + w.items[2].offset, "three", 5) == 0, "a text");
    kn_words_free(&w);
    test_shares(tap_seed());
    test_mistakes();
    return tap_done();
}
