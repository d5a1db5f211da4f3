/* See draw.h. */
#include "gen/draw.h"

#include <math.h>

enum { ROUNDS = 6 };

uint64_t kn_permute(uint64_t key, uint64_t i, uint64_t n) {
    if (n < 2)
        return 0;
    unsigned half = (65 - (unsigned)__builtin_clzll(n - 1)) / 2;
    uint64_t mask = (UINT64_C(1) << half) - 1;
    do {
        uint64_t left = i >> half, right = i & mask;
        for (uint64_t round = 1; round <= ROUNDS; round++) {
            uint64_t mixed = left ^ (kn_rng_mix((key + round * KN_RNG_STRIDE) ^ right) & mask);
            left = right;
            right = mixed;
        }
        i = left << half | right;
    } while (i >= n);
    return i;
}

void kn_shuffle(kn_rng *rng, uint16_t order[KN_SHUFFLE_MAX], unsigned k, unsigned n) {
    for (unsigned i = 0; i < n; i++)
        order[i] = (uint16_t)i;
    for (unsigned i = 0; i < k && i + 1 < n; i++) {
        unsigned j = i + (unsigned)kn_rng_below(kn_rng_next(rng), n - i);
        uint16_t other = order[j];
        order[j] = order[i];
        order[i] = other;
    }
}

/* The integral of x^-s from 1 to x, and its inverse; s near 1 is their limit. */
static double area(double x, double s) {
    double l = log(x), t = (1 - s) * l;
    return fabs(t) > 1e-8 ? expm1(t) / (1 - s) : l * (1 + t / 2);
}

static double area_inverse(double y, double s) {
    double t = y * (1 - s);
    if (t < -1)
        t = -1; /* rounding */
    return fabs(t) > 1e-8 ? exp(log1p(t) / (1 - s)) : exp(y * (1 - t / 2));
}

uint64_t kn_zipf(kn_rng *rng, uint64_t n, double s) {
    double low = area(1.5, s) - 1, high = area((double)n + 0.5, s);
    for (;;) {
        double u = high + kn_rng_unit(kn_rng_next(rng)) * (low - high);
        double x = area_inverse(u, s), k = floor(x + 0.5);
        k = k < 1 ? 1 : k > (double)n ? (double)n : k;
        if (u >= area(k + 0.5, s) - pow(k, -s))
            return (uint64_t)k;
    }
}
