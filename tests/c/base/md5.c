/* MD5 against RFC 1321's test suite, by one context again and again, and by one that shares it. */
#include "base/md5.h"

#include "tap.h"

static void check(kn_md5 *md5, const char *text, const char *expected) {
    unsigned char digest[16];
    char hex[33] = "";
    kn_err err;
    if (!kn_md5_digest(md5, kn_slice_cstr(text), digest, &err))
        tap_ok(false, "%s", err.message);
    for (int i = 0; i < 16; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    tap_is_str(hex, expected, "MD5(\"%s\")", text);
}

int main(void) {
    kn_md5 md5, other;
    kn_err err;
    if (!tap_ok(kn_md5_init(&md5, &err) && kn_md5_share(&other, &md5, &err), "MD5 opens"))
        return tap_done();
    check(&md5, "", "d41d8cd98f00b204e9800998ecf8427e");
    check(&md5, "a", "0cc175b9c0f1b6a831c399e269772661");
    check(&md5, "message digest", "f96b697d7cb7938d525a2f31aaf161d0");
    kn_md5_free(&md5);
    check(&other, "abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b");
    check(&other, "abc", "900150983cd24fb0d6963f7d28e17f72");
    kn_md5_free(&other);
    kn_md5_free(&other);
    return tap_done();
}
