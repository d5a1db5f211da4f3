/* Inside gen: random numbers beyond the uniform ones of base/rng.h, for several operations. */
#ifndef KN_GEN_DRAW_H
#define KN_GEN_DRAW_H

#include "base/rng.h"

/* A bijection of 0..n-1: value i of an order that the key chooses, in constant memory. A balanced
 * Feistel network over the next power of four, walked until it falls below n again (J. Black and
 * P. Rogaway, "Ciphers with Arbitrary Finite Domains", CT-RSA 2002). i must be below n. */
uint64_t kn_permute(uint64_t key, uint64_t i, uint64_t n);

/* The first k places of a shuffled 0..n-1 (Fisher-Yates); n at most KN_SHUFFLE_MAX. */
enum { KN_SHUFFLE_MAX = 1024 };
void kn_shuffle(kn_rng *rng, uint16_t order[KN_SHUFFLE_MAX], unsigned k, unsigned n);

/* 1 to n, k with a weight of k^-s, s > 0: rejection-inversion (W. Hoermann and G. Derflinger,
 * "Rejection-Inversion to Generate Variates from Monotone Discrete Distributions", ACM TOMACS 6(3),
 * 1996). No tables, whatever n. */
uint64_t kn_zipf(kn_rng *rng, uint64_t n, double s);

#endif
