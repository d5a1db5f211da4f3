/* RFC 8949, appendix A, to JSON and back; what JSON cannot say and what is malformed is refused. */
#include "base/cbor.h"

#include "tap.h"

#include <stdlib.h>

static const kn_cbor_names no_names;

static size_t from_hex(const char *hex, char *out) {
    size_t n = strlen(hex) / 2;
    for (size_t i = 0; i < n; i++) {
        char two[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        out[i] = (char)strtoul(two, NULL, 16);
    }
    return n;
}

/* The JSON of the item, or NULL. */
static const char *json_of(const char *hex, kn_buf *out) {
    char bytes[512];
    kn_err err;
    kn_buf_clear(out);
    kn_slice cbor = {bytes, from_hex(hex, bytes)};
    return kn_cbor_to_json(cbor, out, &err) ? out->p : NULL;
}

static const char *const examples[][2] = {
    {"00", "0"},
    {"17", "23"},
    {"1818", "24"},
    {"1903e8", "1000"},
    {"1a000f4240", "1000000"},
    {"1b000000e8d4a51000", "1000000000000"},
    {"1bffffffffffffffff", "18446744073709551615"},
    {"20", "-1"},
    {"3863", "-100"},
    {"3903e7", "-1000"},
    {"3b7fffffffffffffff", "-9223372036854775808"},
    {"f90000", "0"},
    {"f93c00", "1"},
    {"f93e00", "1.5"},
    {"f97bff", "65504"},
    {"f90001", "5.9604644775390625e-08"},
    {"f9c400", "-4"},
    {"fa47c35000", "100000"},
    {"fb3ff199999999999a", "1.1"},
    {"fbc010666666666666", "-4.1"},
    {"f4", "false"},
    {"f5", "true"},
    {"f6", "null"},
    {"f7", "null"},
    {"c11b0000017f2c6e7c7b", "1645717912.699"},
    {"c074323031332d30332d32315432303a30343a30305a", "\"2013-03-21T20:04:00Z\""},
    {"4401020304", "\"AQIDBA==\""},
    {"40", "\"\""},
    {"60", "\"\""},
    {"6161", "\"a\""},
    {"62225c", "\"\\\"\\\\\""},
    {"62c3bc", "\"\xC3\xBC\""},
    {"80", "[]"},
    {"83010203", "[1,2,3]"},
    {"8301820203820405", "[1,[2,3],[4,5]]"},
    {"a0", "{}"},
    {"a26161016162820203", "{\"a\":1,\"b\":[2,3]}"},
    {"826161a161626163", "[\"a\",{\"b\":\"c\"}]"},
    {"5f42010243030405ff", "\"AQIDBAU=\""},
    {"7f657374726561646d696e67ff", "\"streaming\""},
    {"9fff", "[]"},
    {"9f018202039f0405ffff", "[1,[2,3],[4,5]]"},
    {"bf61610161629f0203ffff", "{\"a\":1,\"b\":[2,3]}"},
    {"bf6346756ef563416d7421ff", "{\"Fun\":true,\"Amt\":-2}"},
};

static void reading(void) {
    kn_buf b;
    kn_buf_init(&b, 4096);
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        tap_is_str(json_of(examples[i][0], &b), examples[i][1], "%s", examples[i][0]);
    static const char *const bad[] = {
        "",         /* nothing */
        "18",       /* a head cut off */
        "61",       /* a text cut off */
        "8201",     /* an array cut off */
        "a161",     /* a map cut off */
        "9f01",     /* no break */
        "ff",       /* a break alone */
        "82ff01",   /* a break inside a definite array */
        "0000",     /* two items */
        "a10102",   /* a key that is no text */
        "61ff",     /* not UTF-8 */
        "5f6161ff", /* a text among bytes */
        "1c",       /* a reserved length */
        "1f",       /* an integer of indefinite length */
        "e0",       /* a simple value without meaning */
        "f818",     /* another */
        "3bffffffffffffffff",
        "9b7fffffffffffffff",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        tap_ok(!json_of(bad[i], &b), "refused: %s", bad[i]);
    char deep[2 * (KN_CBOR_DEPTH + 1) + 1];
    for (int levels = KN_CBOR_DEPTH; levels <= KN_CBOR_DEPTH + 1; levels++) {
        for (int i = 0; i < levels; i++)
            memcpy(deep + 2 * i, i == levels - 1 ? "00" : "81", 3);
        tap_is_int(json_of(deep, &b) != NULL, levels == KN_CBOR_DEPTH, "%d levels", levels);
    }
    kn_buf_free(&b);
}

/* The deepest item that is read is skipped as well: a number, and an array with nothing in it. */
static void skipping_deep(void) {
    for (int empty = 0; empty < 2; empty++) {
        char deep[KN_CBOR_DEPTH + 1];
        memset(deep, '\x81', sizeof deep);
        deep[KN_CBOR_DEPTH - 1] = empty ? '\x80' : 0;
        kn_slice rest = {deep, KN_CBOR_DEPTH};
        tap_ok(kn_cbor_skip(&rest) && rest.n == 0, "%d levels are skipped", KN_CBOR_DEPTH);
        deep[KN_CBOR_DEPTH - 1] = '\x81';
        deep[KN_CBOR_DEPTH] = '\x80';
        rest = (kn_slice){deep, KN_CBOR_DEPTH + 1};
        tap_ok(!kn_cbor_skip(&rest), "one more is not");
    }
}

static void skipping(void) {
    static const char *const items[] = {"00",       "1903e8", "f93c00",          "c11a514b67b0",
                                        "44010203", "6161",   "8301820203",      "9f018202039f04",
                                        "a0",       "80",     "5f42010243030405"};
    static const int whole[] = {1, 1, 1, 1, 0, 1, 0, 0, 1, 1, 0};
    char bytes[64];
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        size_t n = from_hex(items[i], bytes);
        bytes[n] = 0x17;
        kn_slice rest = {bytes, n + whole[i]};
        bool ok = kn_cbor_skip(&rest);
        tap_is_int(ok, whole[i], "%s is%s whole", items[i], whole[i] ? "" : " not");
        if (ok)
            tap_is_int(rest.n, 1, "... and no more is taken");
    }
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        char example[512];
        kn_slice rest = {example, from_hex(examples[i][0], example)};
        tap_ok(kn_cbor_skip(&rest) && rest.n == 0, "skipped: %s", examples[i][0]);
    }
}

static bool is_data(kn_slice name) {
    return kn_slice_eq_cstr(name, "Data");
}

static bool is_time(kn_slice name) {
    return kn_slice_eq_cstr(name, "When");
}

static void writing(void) {
    kn_buf cbor, json;
    kn_err err;
    kn_buf_init(&cbor, 4096);
    kn_buf_init(&json, 4096);
    unsigned wrong = 0, count = 0;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        kn_slice text = kn_slice_cstr(examples[i][1]);
        kn_buf_clear(&cbor);
        kn_buf_clear(&json);
        count++;
        if (!kn_cbor_from_json(text, &no_names, &cbor, &err) ||
            !kn_cbor_to_json(kn_buf_view(&cbor), &json, &err) ||
            !kn_slice_eq(kn_buf_view(&json), text))
            wrong++;
    }
    tap_is_int(wrong, 0, "%u texts of JSON, to CBOR and back", count);

    static const kn_cbor_names names = {is_data, is_time};
    static const char expected[] =
        "\xBF\x64"
        "Data\x42\x01\x02\x64"
        "When\xC1\x1B\0\0\x01\x7F\x2C\x6E\x7C\x7B\x64"
        "Text\x64"
        "AQI=\xFF";
    kn_buf_clear(&cbor);
    tap_ok(kn_cbor_from_json(
               KN_SLICE("{\"Data\":\"AQI=\", \"When\":1645717912.699, \"Text\":\"AQI=\"}"), &names,
               &cbor, &err) &&
               kn_slice_eq(kn_buf_view(&cbor), KN_SLICE(expected)),
           "data as bytes, moments as milliseconds");
    static const char *const bad[] = {"", "{", "[1] 2", "{\"Data\":\"x\"}",
                                      "{\"Data\":\"\\u0041\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        tap_ok(!kn_cbor_from_json(kn_slice_cstr(bad[i]), &names, &cbor, &err), "refused: %s",
               bad[i]);
    kn_buf_free(&cbor);
    kn_buf_free(&json);

    static const struct {
        uint64_t value;
        const char *hex;
    } heads[] = {{0, "40"},
                 {23, "57"},
                 {24, "5818"},
                 {255, "58ff"},
                 {256, "590100"},
                 {65535, "59ffff"},
                 {65536, "5a00010000"},
                 {1ull << 32, "5b0000000100000000"}};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        char head[KN_CBOR_HEAD], wanted[KN_CBOR_HEAD];
        size_t n = from_hex(heads[i].hex, wanted);
        char *end = kn_cbor_head(head, KN_CBOR_BYTES, heads[i].value);
        tap_ok((size_t)(end - head) == n && memcmp(head, wanted, n) == 0, "the head of %s",
               heads[i].hex);
    }
}

int main(void) {
    reading();
    skipping();
    skipping_deep();
    writing();
    return tap_done();
}
