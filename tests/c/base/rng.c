/* Counter-based randomness: known values, independence of order, evenness. */
#include "base/rng.h"
#include "tap.h"

static double chi_squared(const uint64_t *counts, size_t n, double expected) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ((double)counts[i] - expected) * ((double)counts[i] - expected) / expected;
    return sum;
}

/* 255 degrees of freedom: over 360 happens once in 60,000. The seed is fixed, so it is a fact. */
static void test_even(uint64_t seed) {
    uint64_t by_record[256] = {0}, by_stream[256] = {0}, pairs[256] = {0};
    uint64_t seed_key = kn_rng_seed_key(seed);
    uint64_t a = kn_rng_stream_key(seed_key, 1), b = kn_rng_stream_key(seed_key, 2);
    for (uint64_t i = 0; i < 256000; i++) {
        uint64_t record = kn_rng_record_key(seed_key, i);
        uint64_t x = kn_rng_first(record, a), y = kn_rng_first(record, b);
        by_record[kn_rng_below(x, 256)]++;
        by_stream[kn_rng_below(kn_rng_first(seed, kn_rng_stream_key(seed_key, i)), 256)]++;
        pairs[kn_rng_below(x, 16) * 16 + kn_rng_below(y, 16)]++;
    }
    printf("# seed %llu: chi-squared %.0f, %.0f, %.0f\n", (unsigned long long)seed,
           chi_squared(by_record, 256, 1000), chi_squared(by_stream, 256, 1000),
           chi_squared(pairs, 256, 1000));
    tap_ok(chi_squared(by_record, 256, 1000) < 360, "even over records");
    tap_ok(chi_squared(by_stream, 256, 1000) < 360, "even over streams");
    tap_ok(chi_squared(pairs, 256, 1000) < 360, "two fields of a record are independent");
}

int main(void) {
    /* The first outputs of SplitMix64 from state 0 are mixes of multiples of the stride. */
    tap_ok(kn_rng_mix(KN_RNG_STRIDE) == UINT64_C(0xE220A8397B1DCDAF), "SplitMix64, first");
    tap_ok(kn_rng_mix(2 * KN_RNG_STRIDE) == UINT64_C(0x6E789E6AA1B965F4), "SplitMix64, second");

    kn_rng rng = kn_rng_at(5, 9);
    uint64_t first = kn_rng_next(&rng), second = kn_rng_next(&rng);
    tap_ok(first == kn_rng_first(5, 9), "the first draw is the stream's");
    tap_ok(first != second, "draws differ");

    tap_is_int(kn_rng_below(UINT64_MAX, 10), 9, "the largest draw stays below");
    tap_is_int(kn_rng_below(0, 10), 0, "the least is 0");
    tap_ok(kn_rng_below(UINT64_MAX, 0) == UINT64_MAX, "0 means all 64 bits");
    tap_ok(kn_rng_unit(UINT64_MAX) < 1, "the unit interval is open above");
    tap_ok(kn_rng_hash(KN_SLICE("person.a")) != kn_rng_hash(KN_SLICE("person.b")), "names differ");
    tap_ok(kn_rng_record_key(kn_rng_seed_key(1), 2) != kn_rng_record_key(kn_rng_seed_key(2), 1),
           "seed and index are not interchangeable");

    test_even(1);
    test_even(20220202);
    return tap_done();
}
