/* Numbers as text, against printf. */
#include "base/digits.h"

#include "base/rng.h"
#include "tap.h"

#include <inttypes.h>

static bool same(const char *text, const char *end, const char *expected) {
    size_t n = strlen(expected);
    bool ok = (size_t)(end - text) == n && memcmp(text, expected, n) == 0;
    if (!ok)
        printf("# got %.*s, expected %s\n", (int)(end - text), text, expected);
    return ok;
}

static bool check(uint64_t v) {
    char text[64], expected[64];
    snprintf(expected, sizeof expected, "%" PRIu64, v);
    if (!same(text, kn_put_uint(text, v), expected))
        return false;
    snprintf(expected, sizeof expected, "%" PRId64, (int64_t)v);
    if (!same(text, kn_put_int(text, (int64_t)v), expected))
        return false;
    snprintf(expected, sizeof expected, "%08" PRIx32, (uint32_t)v);
    if (!same(text, kn_put_hex32(text, (uint32_t)v), expected))
        return false;
    snprintf(expected, sizeof expected, "%020" PRIu64, v);
    return same(text, kn_put_padded(text, v, 20), expected);
}

int main(void) {
    uint64_t seed = tap_seed();
    bool ok = check(0) && check(UINT64_MAX) && check((uint64_t)INT64_MIN) && check(INT64_MAX);
    for (uint64_t power = 1; power <= UINT64_MAX / 10; power *= 10)
        ok = check(power) && check(power - 1) && check(0 - power) && ok;
    tap_ok(ok, "zero, the ends, and around powers of ten");
    ok = true;
    for (uint64_t i = 0; i < 100000 && ok; i++)
        ok = check(kn_rng_mix(seed + i) >> (i % 64));
    tap_ok(ok, "random numbers of every length");
    char text[8];
    tap_ok(same(text, kn_put_padded(text, 7, 3), "007"), "an odd number of digits");
    tap_ok(same(text, kn_put_padded(text, 12345, 3), "345"), "only the last digits are written");
    return tap_done();
}
