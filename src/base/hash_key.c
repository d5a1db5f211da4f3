/* See hash_key.h. */
#include "base/hash_key.h"

kn_hash_key kn_hash_from_md5(const unsigned char digest[16]) {
    kn_hash_key hash = 0;
    for (int i = 0; i < 16; i++)
        hash = hash << 8 | digest[i];
    return hash;
}

void kn_hash_print(kn_hash_key hash, char out[KN_HASH_TEXT]) {
    char digits[KN_HASH_TEXT], *p = digits + sizeof digits;
    do {
        *--p = (char)('0' + (int)(hash % 10));
        hash /= 10;
    } while (hash);
    size_t n = (size_t)(digits + sizeof digits - p);
    memcpy(out, p, n);
    out[n] = '\0';
}

bool kn_hash_parse(kn_slice text, kn_hash_key *hash) {
    kn_hash_key v = 0, top = KN_HASH_TOP;
    if (text.n == 0 || text.n > 39 || (text.n > 1 && text.p[0] == '0'))
        return false;
    for (size_t i = 0; i < text.n; i++) {
        unsigned digit = (unsigned)(text.p[i] - '0');
        if (text.p[i] < '0' || digit > 9 || (i == 38 && v > (top - digit) / 10))
            return false;
        v = v * 10 + digit;
    }
    *hash = v;
    return true;
}

bool kn_hash_of(kn_md5 *md5, kn_slice partition_key, kn_slice explicit_hash, kn_hash_key *hash,
                kn_err *err) {
    unsigned char digest[16];
    if (explicit_hash.p)
        return kn_hash_parse(explicit_hash, hash) ||
               kn_fail(err, KN_EINVAL,
                       "the explicit hash key '%.*s' is not a decimal number below 2^128",
                       explicit_hash.n > 64 ? 64 : (int)explicit_hash.n, explicit_hash.p);
    if (!kn_md5_digest(md5, partition_key, digest, err))
        return false;
    *hash = kn_hash_from_md5(digest);
    return true;
}
