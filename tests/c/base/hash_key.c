/* Hash keys: of records, read and written. */
#include "base/hash_key.h"

#include "tap.h"

static void texts(void) {
    char text[KN_HASH_TEXT];
    static const struct {
        const char *text;
        bool ok;
    } parses[] = {
        {"0", true},
        {"1", true},
        {"18446744073709551616", true},
        {"99999999999999999999999999999999999999", true},
        {"340282366920938463463374607431768211455", true},
        {"340282366920938463463374607431768211456", false},
        {"999999999999999999999999999999999999999", false},
        {"1000000000000000000000000000000000000000", false},
        {"", false},
        {"01", false},
        {"-1", false},
        {"1e3", false},
    };
    for (size_t i = 0; i < sizeof parses / sizeof *parses; i++) {
        kn_hash_key hash;
        bool ok = kn_hash_parse(kn_slice_cstr(parses[i].text), &hash);
        tap_ok(ok == parses[i].ok, "hash key '%s' is %s", parses[i].text,
               parses[i].ok ? "read" : "refused");
        if (ok) {
            kn_hash_print(hash, text);
            tap_is_str(text, parses[i].text, "... and written back");
        }
    }
}

static void of_records(void) {
    char text[KN_HASH_TEXT];
    kn_md5 md5, other;
    kn_err err;
    kn_hash_key hash = 0;
    if (!tap_ok(kn_md5_init(&md5, &err) && kn_md5_share(&other, &md5, &err), "MD5 opens"))
        return;
    kn_md5_free(&md5);
    tap_ok(kn_hash_of(&other, KN_SLICE("abcd"), (kn_slice){NULL, 0}, &hash, &err),
           "a partition key has a hash key");
    kn_hash_print(hash, text);
    tap_is_str(text, "301716283811389038011477436469853762335", "... MD5(\"abcd\")");
    tap_ok(kn_hash_of(&other, KN_SLICE("abcd"), KN_SLICE("7"), &hash, &err) && hash == 7,
           "an explicit one comes first");
    tap_ok(!kn_hash_of(&other, KN_SLICE("abcd"), KN_SLICE("x7"), &hash, &err) &&
               err.code == KN_EINVAL,
           "... and must be a number");
    tap_is_str(err.message, "the explicit hash key 'x7' is not a decimal number below 2^128",
               "... as the error says");
    kn_md5_free(&other);
    kn_md5_free(&other);
}

int main(void) {
    texts();
    of_records();
    return tap_done();
}
