/* Counter-based randomness: a draw is a pure function of (seed, record index, stream, draw number),
 * so any thread or machine can make any record again, in any order.
 *
 * The mixer is SplitMix64's finaliser with Stafford's constants ("variant 13": Steele, Lea, Flood,
 * "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014). It is a bijection, and the stride
 * is odd: within one seed no two records share a key, so a UUID made of two draws cannot repeat by
 * the width of the key.
 *
 * Not for secrets. */
#ifndef KN_BASE_RNG_H
#define KN_BASE_RNG_H

#include "base/buf.h"

#define KN_RNG_STRIDE 0x9E3779B97F4A7C15u /* 2^64 / golden ratio, odd */

static inline uint64_t kn_rng_mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

/* Neighbouring seeds must give unrelated runs: spread them first. */
static inline uint64_t kn_rng_seed_key(uint64_t seed) {
    return kn_rng_mix(seed + KN_RNG_STRIDE);
}

static inline uint64_t kn_rng_record_key(uint64_t seed_key, uint64_t index) {
    return kn_rng_mix(seed_key + index * KN_RNG_STRIDE);
}

/* The key of a stream of draws (a field) under a seed; `stream` is any number, as of kn_rng_hash.
 */
static inline uint64_t kn_rng_stream_key(uint64_t seed_key, uint64_t stream) {
    return kn_rng_mix(kn_rng_mix(stream) ^ seed_key);
}

/* The first draw of a stream for a record; the next ones are kn_rng_next's. */
static inline uint64_t kn_rng_first(uint64_t record_key, uint64_t stream_key) {
    return kn_rng_mix(record_key ^ stream_key);
}

typedef struct kn_rng {
    uint64_t state;
} kn_rng;

static inline kn_rng kn_rng_at(uint64_t record_key, uint64_t stream_key) {
    return (kn_rng){record_key ^ stream_key};
}

static inline uint64_t kn_rng_next(kn_rng *rng) {
    uint64_t draw = kn_rng_mix(rng->state);
    rng->state += KN_RNG_STRIDE;
    return draw;
}

/* A draw as a number from 0 to n - 1 (all 64 bits when n is 0). Multiplication instead of division;
 * a value is off its share by less than n / 2^64. */
static inline uint64_t kn_rng_below(uint64_t draw, uint64_t n) {
    return n == 0 ? draw : (uint64_t)(((unsigned __int128)draw * n) >> 64);
}

/* A draw as a double in [0, 1), 53 bits. */
static inline double kn_rng_unit(uint64_t draw) {
    return (double)(draw >> 11) * 0x1p-53;
}

/* A number for a name: FNV-1a, mixed. */
uint64_t kn_rng_hash(kn_slice name);

#endif
