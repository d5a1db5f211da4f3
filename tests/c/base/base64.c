/* RFC 4648, section 10, and what strict decoding refuses. */
#include "base/base64.h"
#include "base/rng.h"
#include "base/time.h"
#include "tap.h"

#include <inttypes.h>
#include <openssl/evp.h>

/* Random bytes of every length up to 200, against OpenSSL. */
static void compare(uint64_t seed) {
    kn_rng rng = {seed};
    kn_buf b;
    unsigned wrong = 0;
    kn_buf_init(&b, 512);
    for (size_t n = 0; n < 200; n++)
        for (int turn = 0; turn < 20; turn++) {
            char bytes[200];
            unsigned char text[300];
            for (size_t i = 0; i < n; i++)
                bytes[i] = (char)kn_rng_next(&rng);
            EVP_EncodeBlock(text, (unsigned char *)bytes, (int)n);
            kn_buf_clear(&b);
            kn_base64_encode(&b, (kn_slice){bytes, n});
            wrong += !kn_slice_eq_cstr(kn_buf_view(&b), (char *)text);
            kn_buf_clear(&b);
            wrong += !kn_base64_decode(&b, kn_slice_cstr((char *)text)) ||
                     !kn_slice_eq(kn_buf_view(&b), (kn_slice){bytes, n});
        }
    kn_buf_free(&b);
    tap_is_int(wrong, 0, "as OpenSSL's, and back (seed %" PRIu64 ")", seed);
}

/* Every triplet, in long runs (which processors with wide registers take whole) and in runs too
 * short for that, against OpenSSL. */
static void compare_triplets(void) {
    enum { RUN = 65536 * 3, SHORT = 27 };
    static unsigned char bytes[RUN], text[RUN / 3 * 4 + 1];
    unsigned wrong = 0;
    kn_buf whole, parts;
    kn_buf_init(&whole, sizeof text);
    kn_buf_init(&parts, sizeof text);
    for (unsigned first = 0; first < 256; first++) {
        for (unsigned i = 0; i < RUN / 3; i++) {
            bytes[3 * i] = (unsigned char)first;
            bytes[3 * i + 1] = (unsigned char)(i >> 8);
            bytes[3 * i + 2] = (unsigned char)i;
        }
        kn_buf_clear(&whole);
        kn_buf_clear(&parts);
        EVP_EncodeBlock(text, bytes, RUN);
        kn_base64_encode(&whole, (kn_slice){(char *)bytes, RUN});
        for (size_t at = 0; at < RUN; at += SHORT)
            kn_base64_encode(&parts,
                             (kn_slice){(char *)bytes + at, RUN - at < SHORT ? RUN - at : SHORT});
        wrong += !kn_slice_eq_cstr(kn_buf_view(&whole), (char *)text);
        wrong += !kn_slice_eq(kn_buf_view(&parts), kn_buf_view(&whole));
    }
    kn_buf_free(&whole);
    kn_buf_free(&parts);
    tap_is_int(wrong, 0, "each of the 2^24 triplets");
}

int main(void) {
    compare_triplets();
    compare((uint64_t)kn_time_now_ms());
    static const char *const pairs[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        kn_buf b;
        kn_buf_init(&b, 64);
        kn_base64_encode(&b, kn_slice_cstr(pairs[i][0]));
        tap_is_str(kn_buf_view(&b).p, pairs[i][1], "encode '%s'", pairs[i][0]);
        kn_buf_clear(&b);
        tap_ok(kn_base64_decode(&b, kn_slice_cstr(pairs[i][1])), "decode '%s'", pairs[i][1]);
        tap_is_str(kn_buf_view(&b).p, pairs[i][0], "... to '%s'", pairs[i][0]);
        kn_buf_free(&b);
    }
    static const char *const bad[] = {"Zg",   "Zg=",  "Z===",  "Zg==Zg==", "Zm9-",
                                      "Zh==", "Zm9=", "Zm\n8", "===="};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        kn_buf b;
        kn_buf_init(&b, 64);
        tap_ok(!kn_base64_decode(&b, kn_slice_cstr(bad[i])), "refused: case %zu", i);
        kn_buf_free(&b);
    }
    return tap_done();
}
