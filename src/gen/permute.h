/* A keyed permutation of 0 .. n - 1, point by point: a Feistel network of four rounds over the next
 * power of four, walked until the image is below n (Black, Rogaway, "Ciphers with Arbitrary Finite
 * Domains", 2002). No tables, so record i is found without the records before it. Not for secrets.
 */
#ifndef KN_GEN_PERMUTE_H
#define KN_GEN_PERMUTE_H

#include "base/rng.h"

/* i < n */
static inline uint64_t kn_permute(uint64_t i, uint64_t n, uint64_t key) {
    unsigned half = 1;
    while (half < 32 && (n - 1) >> (2 * half))
        half++;
    uint64_t mask = (UINT64_C(1) << half) - 1;
    do {
        uint64_t left = i >> half, right = i & mask;
        for (uint64_t round = 1; round <= 4; round++) {
            uint64_t next = left ^ (kn_rng_mix(right ^ (key + round * KN_RNG_STRIDE)) & mask);
            left = right;
            right = next;
        }
        i = left << half | right;
    } while (i >= n);
    return i;
}

#endif
