/* Two at once give what OpenSSL gives for each. */
#include "base/sha256_pair.h"

#include "base/rng.h"
#include "base/time.h"
#include "tap.h"

#include <inttypes.h>
#include <openssl/evp.h>

static bool same(kn_slice message, const unsigned char digest[32]) {
    unsigned char expected[32];
    EVP_Digest(message.p, message.n, expected, NULL, EVP_sha256(), NULL);
    return memcmp(digest, expected, 32) == 0;
}

int main(void) {
    enum { MOST = 300, LONG = 200000 };
    static char bytes[LONG + 16];
    unsigned char digests[2][32];
    if (!kn_sha256_pair_works()) {
        printf("1..0 # SKIP this processor has no SHA extensions\n");
        return 0;
    }
    uint64_t seed = (uint64_t)kn_time_now_ms();
    kn_rng rng = {seed};
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)kn_rng_next(&rng);
    kn_sha256_pair(KN_SLICE("abc"), KN_SLICE(""), digests);
    static const unsigned char abc[] = {0xBA, 0x78, 0x16, 0xBF, 0x8F, 0x01, 0xCF, 0xEA,
                                        0x41, 0x41, 0x40, 0xDE, 0x5D, 0xAE, 0x22, 0x23,
                                        0xB0, 0x03, 0x61, 0xA3, 0x96, 0x17, 0x7A, 0x9C,
                                        0xB4, 0x10, 0xFF, 0x61, 0xF2, 0x00, 0x15, 0xAD};
    tap_ok(memcmp(digests[0], abc, 32) == 0 && same(KN_SLICE(""), digests[1]),
           "FIPS 180-4's example, and nothing");
    unsigned wrong = 0;
    for (size_t a = 0; a < MOST; a++)
        for (size_t b = 0; b < MOST; b += 1 + kn_rng_below(kn_rng_next(&rng), 7)) {
            kn_slice x = {bytes + a % 16, a}, y = {bytes + 100, b};
            kn_sha256_pair(x, y, digests);
            wrong += !same(x, digests[0]) || !same(y, digests[1]);
        }
    tap_is_int(wrong, 0, "every length up to %d beside others (seed %" PRIu64 ")", MOST, seed);
    wrong = 0;
    for (int i = 0; i < 50; i++) {
        kn_slice x = {bytes + i % 16, kn_rng_below(kn_rng_next(&rng), LONG)};
        kn_slice y = {bytes + i % 7, kn_rng_below(kn_rng_next(&rng), LONG)};
        kn_sha256_pair(x, y, digests);
        wrong += !same(x, digests[0]) || !same(y, digests[1]);
    }
    tap_is_int(wrong, 0, "long ones");
    return tap_done();
}
