/* The JSON writer: escapes, commas, numbers. */
#include "base/json.h"
#include "base/rng.h"
#include "base/time.h"
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

static const char *whole(int64_t v) {
    kn_buf_clear(&b);
    kn_json j = kn_json_to(&b);
    kn_json_int(&j, v);
    return b.p;
}

static bool same_slowly(double v) {
    char fast[32], slow[32];
    size_t n = kn_json_format_double(fast, v);
    if (n == kn_json_format_double_slow(slow, v) && strcmp(fast, slow) == 0)
        return true;
    printf("# %.17g: %s, not %s\n", v, fast, slow);
    return false;
}

/* Few decimals, the doubles next to them, and any bits at all, against printf. */
static void compare_doubles(uint64_t seed) {
    kn_rng rng = {kn_rng_record_key(seed, 0)};
    unsigned wrong = 0;
    for (int i = 0; i < 200000 && wrong < 5; i++) {
        uint64_t random = kn_rng_next(&rng), bits = kn_rng_next(&rng);
        double few = (double)(int64_t)(random >> (random % 60)) / pow(10, (double)(bits % 12));
        double any;
        memcpy(&any, &bits, sizeof any);
        few = bits >> 63 ? -few : few;
        wrong += !same_slowly(few) + !same_slowly(nextafter(few, INFINITY)) +
                 !same_slowly(few * 1.1) + (isfinite(any) && !same_slowly(any));
    }
    tap_is_int(wrong, 0, "doubles are those of printf");
}

static size_t plain_slowly(const unsigned char *p, size_t n) {
    size_t i = 0;
    while (i < n && p[i] >= 0x20 && p[i] < 0x80 && p[i] != '"' && p[i] != '\\')
        i++;
    return i;
}

/* Every byte at every place of a text, before another of its kind. */
static void compare_plain(void) {
    unsigned wrong = 0;
    for (size_t n = 1; n < 20; n++)
        for (size_t at = 0; at < n; at++)
            for (unsigned c = 0; c < 256; c++) {
                unsigned char text[20];
                memset(text, c & 1 ? 0x7f : ' ', sizeof text);
                text[at] = text[n - 1] = (unsigned char)c;
                wrong += kn_json_plain((kn_slice){(char *)text, n}) != plain_slowly(text, n);
            }
    tap_is_int(wrong, 0, "what needs no escape, a word or a byte at a time");
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
    tap_is_str(number(-0.0), "-0", "negative zero");
    tap_is_str(number(1234.05), "1234.05", "zeros among the decimals");
    tap_is_str(whole(0), "0", "zero");
    tap_is_str(whole(INT64_MAX), "9223372036854775807", "the largest integer");
    compare_doubles(tap_seed());
    compare_plain();
    kn_buf_free(&b);

    kn_err err;
    kn_buf_init(&b, 4);
    kn_json_escape(&b, KN_SLICE("too long"));
    tap_ok(!kn_buf_ok(&b), "over the maximum fails");
    tap_ok(!kn_buf_check(&b, "reply", &err), "and says so");
    kn_buf_free(&b);
    return tap_done();
}
