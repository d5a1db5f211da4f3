/* RFC 4648, section 10, and what strict decoding refuses. */
#include "base/base64.h"
#include "tap.h"

int main(void) {
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
