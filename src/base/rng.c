/* See rng.h. FNV-1a: RFC 9923. */
#include "base/rng.h"

uint64_t kn_rng_hash(kn_slice name) {
    uint64_t h = 0xCBF29CE484222325u;
    for (size_t i = 0; i < name.n; i++)
        h = (h ^ (unsigned char)name.p[i]) * 0x100000001B3u;
    return kn_rng_mix(h);
}
