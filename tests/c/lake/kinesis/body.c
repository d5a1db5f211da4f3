/* Reading PutRecords without a tree: what it takes, and all that it leaves to the general reader.
 */
#include "lake/kinesis/body.h"

#include "base/cbor.h"
#include "tap.h"

static kn_put_entry entries[KN_PUT_RECORDS_MAX];
static kn_slice stream;
static size_t count;

static bool read_text(const char *text) {
    return kn_put_body_read(kn_slice_cstr(text), &stream, entries, &count);
}

static void takes(void) {
    tap_ok(
        read_text("{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"eHl6\",\"PartitionKey\":\"k\"},"
                  "{\"PartitionKey\":\"Zoë\",\"Data\":\"\"}]}"),
        "records of data and key");
    tap_is_int(count, 2, "two of them");
    tap_ok(kn_slice_eq_cstr(stream, "s") && kn_slice_eq_cstr(entries[0].data, "eHl6") &&
               kn_slice_eq_cstr(entries[0].key, "k") && entries[1].data.n == 0 &&
               kn_slice_eq_cstr(entries[1].key, "Zoë") && !entries[0].hash.p && !entries[1].hash.p,
           "... as sent");
    tap_ok(read_text(" { \"Records\" : [ { \"Data\" : \"eA==\" , \"PartitionKey\" : \"k\" } ] ,\r\n"
                     "\t\"StreamName\" : \"a_b.C-9\" } "),
           "in any order, with space");
}

#define RECORD "{\"Data\":\"eA==\",\"PartitionKey\":\"k\"}"

static void leaves(void) {
    static const char *const texts[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"StreamName\":\"s\"}",
        "{\"Records\":[" RECORD "]}",
        "{\"StreamName\":\"s\",\"Records\":[]}",
        "{\"StreamName\":\"s\",\"Records\":{}}",
        "{\"StreamName\":\"s\",\"Records\":[{}]}",
        "{\"StreamName\":\"s\",\"Records\":[1]}",
        "{\"StreamName\":\"s\",\"Records\":[" RECORD "]",
        "{\"StreamName\":\"s\",\"Records\":[" RECORD "]}x",
        "{\"StreamName\":\"s\",\"Records\":[" RECORD ",]}",
        "{\"StreamName\":\"s\",\"Records\":[" RECORD "],}",
        "{\"StreamName\":\"s\",\"Records\":[" RECORD "],\"Records\":[" RECORD "]}",
        "{\"StreamName\":\"s\",\"StreamName\":\"s\",\"Records\":[" RECORD "]}",
        "{\"StreamName\":\"s\",\"StreamARN\":\"s\",\"Records\":[" RECORD "]}",
        "{\"StreamName\":\"s\",\"Other\":1,\"Records\":[" RECORD "]}",
        "{\"StreamName\":null,\"Records\":[" RECORD "]}",
        "{\"StreamName\":\"\",\"Records\":[" RECORD "]}",
        "{\"StreamName\":\"a b\",\"Records\":[" RECORD "]}",
        "{\"StreamName\":\"a@\",\"Records\":[" RECORD "]}",
        "{\"StreamName\":\"\\u0061\",\"Records\":[" RECORD "]}",
        "{\"Stream\\u004eame\":\"s\",\"Records\":[" RECORD "]}",
        "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"eA==\"}]}",
        "{\"StreamName\":\"s\",\"Records\":[{\"PartitionKey\":\"k\"}]}",
        "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"eA==\",\"PartitionKey\":\"\"}]}",
        "{\"StreamName\":\"s\",\"Records\":[{\"Data\":5,\"PartitionKey\":\"k\"}]}",
        "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"\\/w==\",\"PartitionKey\":\"k\"}]}",
        "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"\",\"Data\":\"\",\"PartitionKey\":\"k\"}]}",
        "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"\",\"PartitionKey\":\"\xff\"}]}",
        ("{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"\",\"PartitionKey\":\"k\","
         "\"ExplicitHashKey\":\"1\"}]}"),
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        tap_ok(!read_text(texts[i]), "not %s", texts[i]);
}

/* A body of n records with a key of so many bytes. */
static bool read_made(size_t n, size_t name, size_t key) {
    kn_buf b;
    kn_buf_init(&b, 1 << 20);
    kn_buf_printf(&b, "{\"StreamName\":\"%0*d\",\"Records\":[", (int)name, 0);
    for (size_t i = 0; i < n; i++)
        kn_buf_printf(&b, "%s{\"Data\":\"eA==\",\"PartitionKey\":\"%0*d\"}", i ? "," : "", (int)key,
                      0);
    kn_buf_cstr(&b, "]}");
    bool ok = kn_put_body_read(kn_buf_view(&b), &stream, entries, &count);
    kn_buf_free(&b);
    return ok;
}

static bool is_data(kn_slice name) {
    return kn_slice_eq_cstr(name, "Data");
}

/* A text as CBOR of indefinite lengths. */
static bool read_as_cbor(const char *text) {
    static const kn_cbor_names names = {is_data, NULL};
    static kn_buf cbor = {.max = 1 << 16}; /* the entries point into it */
    kn_err err;
    kn_buf_clear(&cbor);
    return kn_cbor_from_json(kn_slice_cstr(text), &names, &cbor, &err) &&
           kn_put_body_read_cbor(kn_buf_view(&cbor), &stream, entries, &count);
}

static bool read_bytes(const char *bytes, size_t n) {
    return kn_put_body_read_cbor((kn_slice){bytes, n}, &stream, entries, &count);
}

#define NAMES "\x6AStreamName\x61s\x67Records"
#define ONE                                                                                        \
    "\xA2\x64"                                                                                     \
    "Data\x43xyz\x6CPartitionKey\x61k"
#define READ(bytes) read_bytes(bytes, sizeof(bytes) - 1)

static void binary(void) {
    tap_ok(READ("\xA2" NAMES "\x82" ONE ONE) && count == 2 && kn_slice_eq_cstr(stream, "s") &&
               kn_slice_eq_cstr(entries[1].data, "xyz") && kn_slice_eq_cstr(entries[1].key, "k"),
           "CBOR of definite lengths");
    tap_ok(READ("\xBF" NAMES "\x99\x00\x01" ONE "\xFF"), "mixed with indefinite ones");
    tap_ok(read_as_cbor("{\"StreamName\":\"s\",\"Records\":[" RECORD "," RECORD "]}") &&
               count == 2 && kn_slice_eq_cstr(entries[0].data, "x") &&
               kn_slice_eq_cstr(entries[1].key, "k"),
           "and of these alone");
    tap_ok(!READ("") && !READ("\xA2" NAMES) && !READ("\xA2" NAMES "\x81") &&
               !READ("\xA2" NAMES "\x82" ONE) && !READ("\xBF" NAMES "\x81" ONE),
           "not what is cut off");
    tap_ok(!READ("\xA2" NAMES "\x81" ONE "\x00"), "not with bytes after it");
    tap_ok(!READ("\xA2" NAMES "\x81\xA2\x64"
                 "Data\x5F\x43xyz\xFF\x6CPartitionKey\x61k"),
           "not with data in chunks");
    tap_ok(!READ("\xA2" NAMES "\x81\xA2\x64"
                 "Data\x63xyz\x6CPartitionKey\x61k"),
           "not with data as text");
    tap_ok(!READ("\xA2" NAMES "\x81\xA2\x64"
                 "Data\x43xyz\x6CPartitionKey\x61\xFF"),
           "not with a key that is not ASCII");
    static const char *const texts[] = {
        "[]",
        "{\"StreamName\":\"s\",\"Records\":[]}",
        "{\"StreamName\":\"s\",\"Records\":{}}",
        "{\"StreamName\":\"s\",\"Records\":[1]}",
        "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"eA==\"}]}",
        "{\"StreamName\":\"s\",\"Records\":[{\"PartitionKey\":\"k\"}]}",
        "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"eA==\",\"PartitionKey\":\"\"}]}",
        "{\"StreamName\":\"s\",\"Other\":1,\"Records\":[" RECORD "]}",
        "{\"StreamName\":\"s\",\"Records\":[" RECORD "],\"Records\":[" RECORD "]}",
        "{\"StreamName\":\"s\",\"StreamName\":\"s\",\"Records\":[" RECORD "]}",
        "{\"StreamName\":\"a b\",\"Records\":[" RECORD "]}",
        "{\"Records\":[" RECORD "]}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        tap_ok(!read_as_cbor(texts[i]), "not %s", texts[i]);
}

int main(void) {
    takes();
    leaves();
    binary();
    tap_ok(read_made(500, 128, 256) && count == 500, "as much as is allowed");
    tap_ok(!read_made(501, 1, 1), "not 501 records");
    tap_ok(!read_made(1, 129, 1), "not a longer name");
    tap_ok(!read_made(1, 1, 257), "not a longer key");
    return tap_done();
}
