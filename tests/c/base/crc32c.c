/* The vectors of RFC 3720, appendix B.4, by both ways. */
#include "base/crc32c.h"
#include "tap.h"

typedef uint32_t checksum(uint32_t crc, const void *p, size_t n);

static void vectors(checksum *crc, const char *name) {
    unsigned char block[32];
    memset(block, 0, sizeof block);
    tap_is_int(crc(0, block, 32), 0x8A9136AA, "%s: 32 bytes of zeros", name);
    memset(block, 0xFF, sizeof block);
    tap_is_int(crc(0, block, 32), 0x62A8AB43, "%s: 32 bytes of ones", name);
    for (unsigned i = 0; i < 32; i++)
        block[i] = (unsigned char)i;
    tap_is_int(crc(0, block, 32), 0x46DD794E, "%s: 32 increasing bytes", name);
    for (unsigned i = 0; i < 32; i++)
        block[i] = (unsigned char)(31 - i);
    tap_is_int(crc(0, block, 32), 0x113FDB5C, "%s: 32 decreasing bytes", name);
    tap_is_int(crc(0, "123456789", 9), 0xE3069283, "%s: the check value", name);
    tap_is_int(crc(crc(0, "1234", 4), "56789", 5), 0xE3069283, "%s: in two pieces", name);
    tap_is_int(crc(0, "", 0), 0, "%s: nothing", name);
}

int main(void) {
    vectors(kn_crc32c, "fastest");
    vectors(kn_crc32c_portable, "portable");
    char text[300];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 7 + 3);
    unsigned differ = 0;
    for (size_t at = 0; at < 16; at++)
        for (size_t n = 0; n + at <= sizeof text; n++)
            differ += kn_crc32c(0, text + at, n) != kn_crc32c_portable(0, text + at, n);
    tap_is_int(differ, 0, "both ways agree for every length and alignment");
    return tap_done();
}
