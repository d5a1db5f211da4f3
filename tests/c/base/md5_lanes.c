/* Several at once give what OpenSSL gives for each. */
#include "base/md5_lanes.h"

#include "base/rng.h"
#include "base/time.h"
#include "tap.h"

#include <inttypes.h>

enum { MOST = 20, LONG = 70000 };

static char bytes[LONG + 64];
static unsigned char digests[MOST][16];
static kn_md5 md5;
static kn_err err;

/* How many of the messages have another digest than OpenSSL's, or any. */
static size_t wrong(const kn_slice *messages, size_t count) {
    unsigned char expected[16];
    size_t n = 0;
    memset(digests, 0, sizeof digests);
    if (!kn_md5_lanes(&md5, messages, count, digests, &err))
        return count;
    for (size_t i = 0; i < count; i++)
        n += !kn_md5_digest(&md5, messages[i], expected, &err) ||
             memcmp(digests[i], expected, 16) != 0;
    return n;
}

static void rfc(void) {
    static const struct {
        const char *text, *digest;
    } cases[] = {
        {"", "d41d8cd98f00b204e9800998ecf8427e"},
        {"a", "0cc175b9c0f1b6a831c399e269772661"},
        {"abc", "900150983cd24fb0d6963f7d28e17f72"},
        {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
        {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
         "d174ab98d277d9f5a5611c2c9f419d9f"},
        {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
         "57edf4a22be3c955ac49da2e2107b67a"},
    };
    enum { CASES = sizeof cases / sizeof *cases };
    kn_slice messages[CASES];
    for (size_t i = 0; i < CASES; i++)
        messages[i] = kn_slice_cstr(cases[i].text);
    tap_ok(kn_md5_lanes(&md5, messages, CASES, digests, &err), "RFC 1321's examples");
    for (size_t i = 0; i < CASES; i++) {
        char text[33];
        for (int k = 0; k < 16; k++)
            snprintf(text + 2 * k, 3, "%02x", digests[i][k]);
        tap_is_str(text, cases[i].digest, "\"%s\"", cases[i].text);
    }
}

int main(void) {
    uint64_t seed = (uint64_t)kn_time_now_ms();
    kn_rng rng = {seed};
    kn_slice messages[MOST];
    size_t bad = 0;
    if (!kn_md5_init(&md5, &err))
        return 1;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)kn_rng_next(&rng);
    rfc();
    tap_ok(kn_md5_lanes(&md5, NULL, 0, digests, &err), "none at all");
    for (size_t n = 0; n < 300; n++) {
        for (size_t i = 0; i < MOST; i++)
            messages[i] = (kn_slice){bytes + (n + i) % 64, n};
        bad += wrong(messages, 9);
    }
    tap_is_int((long long)bad, 0, "every length up to 300, from every place");
    for (size_t count = 1; count <= MOST; count++) {
        bad = 0;
        for (int turn = 0; turn < 40; turn++) {
            uint64_t most = turn % 4 ? 200 : LONG;
            for (size_t i = 0; i < count; i++)
                messages[i] = (kn_slice){bytes + kn_rng_below(kn_rng_next(&rng), 64),
                                         kn_rng_below(kn_rng_next(&rng), most + 1)};
            bad += wrong(messages, count);
        }
        tap_is_int((long long)bad, 0, "%zu of any lengths (seed %" PRIu64 ")", count, seed);
    }
    kn_md5_free(&md5);
    return tap_done();
}
