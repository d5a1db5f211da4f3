/* HTTP's small parts: decoding, queries, header lines. */
#include "lake/http.h"

#include "tap.h"

static kn_buf b;

static const char *decoded(const char *text, bool plus) {
    kn_buf_clear(&b);
    return kn_http_decode(kn_slice_cstr(text), plus, &b) ? (b.p ? b.p : "") : "malformed";
}

static const char *parameter(const char *query, const char *name) {
    kn_buf_clear(&b);
    return kn_http_query(query, name, &b) ? (b.p ? b.p : "") : "absent";
}

int main(void) {
    kn_buf_init(&b, 4096);
    tap_is_str(decoded("a%20b%2Fc%c3%A9", false), "a b/c\xc3\xa9", "percent-decoding");
    tap_is_str(decoded("a+b", false), "a+b", "a plus in a path");
    tap_is_str(decoded("a+b%2B", true), "a b+", "a plus in a query");
    tap_is_str(decoded("%", false), "malformed", "a lone percent sign");
    tap_is_str(decoded("%4", false), "malformed", "half an escape");
    tap_is_str(decoded("%4g", false), "malformed", "not hexadecimal");
    tap_is_str(decoded("%41", false), "A", "an escape at the end");
    tap_is_str(parameter("a=1&b=2&bb=3", "b"), "2", "a parameter");
    tap_is_str(parameter("a=1&uploads&x=", "uploads"), "", "without a value");
    tap_is_str(parameter("a=1&uploads&x=", "x"), "", "with an empty value");
    tap_is_str(parameter("a=1", "A"), "absent", "names are case-sensitive");
    tap_is_str(parameter("", "a"), "absent", "no query");
    tap_is_str(parameter("&&a=%31&", "a"), "1", "empty parts");
    tap_is_str(parameter("a=%3", "a"), "absent", "malformed");

    kn_http_response r;
    kn_http_response_init(&r);
    kn_http_set(&r, "ETag", "\"%s\"", "abc");
    kn_http_set(&r, "X-Sent", "%s", "a\r\nSet-Cookie: b");
    tap_is_str(r.fields.p, "ETag: \"abc\"\nX-Sent: a  Set-Cookie: b\n",
               "a value cannot begin a header of its own");
    const char *at = r.fields.p;
    kn_slice name, value;
    tap_ok(kn_http_next_field(&at, &name, &value) && kn_slice_eq_cstr(name, "ETag") &&
               kn_slice_eq_cstr(value, "\"abc\""),
           "the first field");
    tap_ok(kn_http_next_field(&at, &name, &value) && kn_slice_eq_cstr(value, "a  Set-Cookie: b"),
           "the second, colon and all");
    tap_ok(!kn_http_next_field(&at, &name, &value), "no third");
    kn_http_response_free(&r);
    kn_buf_free(&b);

    const kn_http_field fields[] = {{"host", "h"}, {"x-y", "1"}};
    const kn_http_request request = {.fields = fields, .field_count = 2};
    tap_is_str(kn_http_get(&request, "x-y"), "1", "a header");
    tap_is_str(kn_http_get(&request, "x"), NULL, "an absent one");
    return tap_done();
}
