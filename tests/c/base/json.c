/* The JSON writer: escapes, commas, numbers. */
#include "base/json.h"
#include "tap.h"

#include <math.h>

static kn_buf b;

static const char *escaped(const char *s, size_t n) {
    kn_buf_clear(&b);
    kn_json_escape(&b, (kn_slice){s, n});
    return b.p;
}

static const char *number(double v) {
    static char text[32];
    text[kn_json_format_double(text, v)] = '\0';
    return text;
}

int main(void) {
    kn_buf_init(&b, 4096);
    tap_is_str(escaped("a\"b\\c\n\t\x01", 8), "\"a\\\"b\\\\c\\n\\t\\u0001\"", "control characters");
    tap_is_str(escaped("\x08\x0b\x0c\r", 4), "\"\\b\\u000b\\f\\r\"",
               "the short forms, and not \\v");
    tap_is_str(escaped("Zoë 日本 😀", 16), "\"Zoë 日本 😀\"", "UTF-8 passes through");
    tap_is_str(escaped("a\xff\xc3", 3), "\"a\uFFFD\uFFFD\"", "invalid UTF-8 is replaced");
    tap_is_str(escaped("\xed\xa0\x80", 3), "\"\uFFFD\uFFFD\uFFFD\"", "surrogates are invalid");
    tap_is_str(escaped("\0", 1), "\"\\u0000\"", "NUL");

    kn_buf_clear(&b);
    kn_json j = kn_json_to(&b);
    kn_json_begin(&j, '{');
    kn_json_key(&j, "a");
    kn_json_int(&j, INT64_MIN);
    kn_json_key(&j, "b");
    kn_json_begin(&j, '[');
    kn_json_bool(&j, true);
    kn_json_null(&j);
    kn_json_double(&j, NAN);
    kn_json_begin(&j, '{');
    kn_json_end(&j, '}');
    kn_json_end(&j, ']');
    kn_json_key(&j, "c");
    kn_json_base64(&j, KN_SLICE("hi"));
    kn_json_end(&j, '}');
    tap_is_str(b.p, "{\"a\":-9223372036854775808,\"b\":[true,null,null,{}],\"c\":\"aGk=\"}",
               "nesting");

    tap_is_str(number(0.1), "0.1", "shortest double");
    tap_is_str(number(1.0 / 3), "0.3333333333333333", "sixteen digits when needed");
    tap_is_str(number(1e300), "1e+300", "large");
    tap_is_str(number(42), "42", "whole");
    tap_is_str(number(-0.5), "-0.5", "negative");
    kn_buf_free(&b);

    kn_err err;
    kn_buf_init(&b, 4);
    kn_json_escape(&b, KN_SLICE("too long"));
    tap_ok(!kn_buf_ok(&b), "over the maximum fails");
    tap_ok(!kn_buf_check(&b, "reply", &err), "and says so");
    kn_buf_free(&b);
    return tap_done();
}
