/* Limits at their exact edges, what a body looks like, what is read back. */
#include "aws/batch.h"

#include "base/cbor.h"
#include "tap.h"

#include <jansson.h>

static char blank[11 << 20];
static const kn_slice no_hash = {"", 0};

static kn_slice bytes(size_t n) {
    return (kn_slice){blank, n};
}

static void open_batch(kn_batch *b, const kn_batch_rules *rules, uint32_t records, uint32_t size,
                       bool newline) {
    kn_err err;
    kn_batch_limits limits = {records, size, 0};
    tap_ok(kn_batch_init(b, rules, "st\"ream", &limits, newline, &err), "init");
}

static kn_batch_answer add(kn_batch *b, const char *data, const char *key) {
    kn_err err;
    return kn_batch_add(b, kn_slice_cstr(data), kn_slice_cstr(key), no_hash, &err);
}

static void bodies(void) {
    kn_batch b;
    open_batch(&b, &kn_batch_kinesis, 0, 0, false);
    tap_is_str(kn_batch_body(&b).p, "{\"StreamName\":\"st\\\"ream\",\"Records\":[]}", "no records");
    add(&b, "foo", "k\n1");
    add(&b, "foobar", "k2");
    tap_is_str(kn_batch_body(&b).p,
               "{\"StreamName\":\"st\\\"ream\",\"Records\":["
               "{\"Data\":\"Zm9v\",\"PartitionKey\":\"k\\n1\"},"
               "{\"Data\":\"Zm9vYmFy\",\"PartitionKey\":\"k2\"}]}",
               "two records");
    tap_is_int(b.bytes, 3 + 3 + 6 + 2, "data and keys count, before base64");
    add(&b, "x", "k");
    tap_is_int(b.count, 3, "more may follow");
    tap_ok(strstr(kn_batch_body(&b).p, "k2\"},{\"Data\":\"eA==\",\"PartitionKey\":\"k\"}]}") !=
               NULL,
           "after a look at the body");
    kn_batch_free(&b);

    static const char *const lines[][2] = {
        {"", "Cg=="}, {"a", "YQo="}, {"ab", "YWIK"}, {"abc", "YWJjCg=="}};
    for (size_t i = 0; i < 4; i++) {
        char expected[128];
        open_batch(&b, &kn_batch_firehose, 0, 0, true);
        add(&b, lines[i][0], "");
        snprintf(expected, sizeof expected,
                 "{\"DeliveryStreamName\":\"st\\\"ream\",\"Records\":[{\"Data\":\"%s\"}]}",
                 lines[i][1]);
        tap_is_str(kn_batch_body(&b).p, expected, "a newline after %zu bytes", i);
        kn_batch_free(&b);
    }
}

static void hash_keys(void) {
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {"0", true},
        {"17", true},
        {"340282366920938463463374607431768211455", true},
        {"340282366920938463463374607431768211456", false},
        {"1000000000000000000000000000000000000000", false},
        {"007", false},
        {"-1", false},
        {"1.5", false},
        {"seven", false},
        {"9 ", false},
    };
    kn_batch b;
    kn_err err;
    open_batch(&b, &kn_batch_kinesis, 0, 0, false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        tap_is_int(kn_batch_add(&b, bytes(1), KN_SLICE("k"), kn_slice_cstr(cases[i].text), &err),
                   cases[i].good ? KN_BATCH_ADDED : KN_BATCH_REFUSED, "explicit hash key %s",
                   cases[i].text);
    tap_ok(strstr(err.message, "below 2^128 in decimal digits, not \"9 \"") != NULL, "says so");
    tap_ok(strstr(kn_batch_body(&b).p,
                  "{\"Data\":\"eA==\",\"PartitionKey\":\"k\",\"ExplicitHashKey\":\"17\"}") != NULL,
           "it is sent");
    tap_is_int(b.bytes, 6, "and does not count");
    kn_batch_free(&b);
}

static void larger_records(void) {
    kn_batch b;
    kn_err err;
    kn_batch_limits limits = {0, 10 << 20, 10 << 20};
    tap_ok(kn_batch_init(&b, &kn_batch_kinesis, "s", &limits, false, &err), "records of 10 MiB");
    tap_is_int(kn_batch_add(&b, bytes((10 << 20) - 1), KN_SLICE("k"), no_hash, &err),
               KN_BATCH_ADDED, "one of them");
    kn_batch_clear(&b);
    tap_is_int(kn_batch_add(&b, bytes(10 << 20), KN_SLICE("k"), no_hash, &err), KN_BATCH_REFUSED,
               "not a byte more");
    kn_batch_free(&b);
    limits.bytes = 0;
    tap_ok(kn_batch_init(&b, &kn_batch_kinesis, "s", &limits, false, &err), "by their size alone");
    tap_is_int(kn_batch_add(&b, bytes((10 << 20) - 1), KN_SLICE("k"), no_hash, &err),
               KN_BATCH_ADDED, "requests are as large");
    kn_batch_free(&b);
    limits.bytes = 10 << 20;
    limits.record_bytes++;
    tap_ok(!kn_batch_init(&b, &kn_batch_kinesis, "s", &limits, false, &err), "no limit above that");
    limits.record_bytes = 1 << 20;
    tap_ok(!kn_batch_init(&b, &kn_batch_firehose, "s", &limits, false, &err),
           "Firehose takes 1,000 KiB");
}

/* What was added is read back, whatever the body is written in. */
static void reads_back(kn_wire wire) {
    kn_batch b;
    kn_buf scratch;
    kn_batch_record record;
    kn_err err;
    kn_buf_init(&scratch, 1000);
    open_batch(&b, &kn_batch_kinesis, 0, 0, false);
    kn_batch_begin(&b, wire);
    tap_is_int(kn_batch_add(&b, KN_SLICE("foo\0\xff"), KN_SLICE("k\n1"), KN_SLICE("17"), &err),
               KN_BATCH_ADDED, "add");
    add(&b, "", "k");
    tap_is_int(kn_batch_add(&b, KN_SLICE("x"), KN_SLICE("k\0z"), no_hash, &err), KN_BATCH_ADDED,
               "add one whose key holds a zero byte");
    tap_ok(kn_batch_read(&b, &b.entries[0], &scratch, &record, &err) &&
               kn_slice_eq(record.data, KN_SLICE("foo\0\xff")) &&
               kn_slice_eq_cstr(record.key, "k\n1") &&
               kn_slice_eq_cstr(record.explicit_hash_key, "17"),
           "a record with both keys");
    tap_ok(kn_batch_read(&b, &b.entries[1], &scratch, &record, &err) && record.data.n == 0 &&
               kn_slice_eq_cstr(record.key, "k") && record.explicit_hash_key.n == 0,
           "an empty one");
    tap_ok(kn_batch_read(&b, &b.entries[2], &scratch, &record, &err) &&
               kn_slice_eq_cstr(record.data, "x") && kn_slice_eq(record.key, KN_SLICE("k\0z")),
           "one whose key holds a zero byte");
    kn_batch_free(&b);
    open_batch(&b, &kn_batch_firehose, 0, 0, true);
    kn_batch_begin(&b, wire);
    add(&b, "x\ny", "");
    tap_ok(kn_batch_read(&b, &b.entries[0], &scratch, &record, &err) &&
               kn_slice_eq_cstr(record.data, "x\ny") && record.key.n == 0,
           "one without the newline that the batch added");
    kn_batch_free(&b);
    kn_buf_free(&scratch);
}

static void limits(void) {
    kn_batch b;
    kn_err err;
    kn_slice key = KN_SLICE("key");
    open_batch(&b, &kn_batch_kinesis, 0, 0, false);
    int n = 0;
    while (kn_batch_add(&b, bytes(1), key, no_hash, &err) == KN_BATCH_ADDED)
        n++;
    tap_is_int(n, 500, "500 records");
    kn_batch_clear(&b);
    tap_is_int(kn_batch_add(&b, bytes((1 << 20) - 2), key, no_hash, &err), KN_BATCH_REFUSED,
               "a byte over 1 MiB with its key");
    tap_is_str(err.message,
               "a record of 1048577 bytes with its partition key is over the limit of 1048576",
               "and why");
    tap_is_int(kn_batch_add(&b, bytes((1 << 20) - 3), key, no_hash, &err), KN_BATCH_ADDED,
               "1 MiB exactly");
    for (int i = 0; i < 4; i++)
        tap_is_int(kn_batch_add(&b, bytes((1 << 20) - 3 - (i == 3)), key, no_hash, &err),
                   KN_BATCH_ADDED, "record %d of 1 MiB", i + 2);
    tap_is_int(b.bytes, (5 << 20) - 1, "one byte left");
    tap_is_int(kn_batch_add(&b, bytes(1), KN_SLICE("k"), no_hash, &err), KN_BATCH_FULL,
               "no room for two");
    tap_is_int(kn_batch_add(&b, bytes(0), KN_SLICE("k"), no_hash, &err), KN_BATCH_ADDED,
               "room for one");
    tap_is_int(b.bytes, 5 << 20, "5 MiB exactly");
    json_t *root = json_loadb(kn_batch_body(&b).p, kn_batch_body(&b).n, 0, NULL);
    tap_is_int(json_array_size(json_object_get(root, "Records")), 6, "the body is JSON");
    json_decref(root);
    kn_batch_clear(&b);

    char long_key[4 * 257 + 1] = "";
    for (int i = 0; i < 256; i++)
        strcat(long_key, "\xF0\x9F\x98\x80");
    tap_is_int(add(&b, "x", long_key), KN_BATCH_ADDED, "a key of 256 characters, 1024 bytes");
    strcat(long_key, "x");
    tap_is_int(add(&b, "x", long_key), KN_BATCH_REFUSED, "a key of 257");
    memset(long_key, 0x80, 257);
    long_key[257] = '\0';
    tap_is_int(add(&b, "x", long_key), KN_BATCH_REFUSED, "257 bytes that are not UTF-8");
    tap_is_int(add(&b, "x", ""), KN_BATCH_REFUSED, "an empty key");
    tap_is_int(b.count, 1, "refused records leave no trace");
    kn_batch_free(&b);

    open_batch(&b, &kn_batch_kinesis, 500, 10 << 20, false);
    memset(long_key, 1, 256); /* each escaped as six characters */
    long_key[256] = '\0';
    bool all = true;
    for (int i = 0; i < 500; i++)
        all = all && kn_batch_add(&b, bytes(20971 - 256), kn_slice_cstr(long_key), no_hash, &err) ==
                         KN_BATCH_ADDED;
    tap_ok(all && kn_batch_body(&b).n > 14500000 && kn_buf_ok(&b.body),
           "the longest keys and most bytes fit the body");
    kn_batch_free(&b);

    open_batch(&b, &kn_batch_firehose, 0, 0, true);
    tap_is_int(kn_batch_add(&b, bytes(1024000), (kn_slice){0}, no_hash, &err), KN_BATCH_REFUSED,
               "Firehose: the newline counts");
    for (int i = 0; i < 4; i++)
        tap_is_int(kn_batch_add(&b, bytes(1023999), (kn_slice){0}, no_hash, &err), KN_BATCH_ADDED,
                   "1000 KiB with it");
    tap_is_int(kn_batch_add(&b, bytes(4194304 - 4 * 1024000), (kn_slice){0}, no_hash, &err),
               KN_BATCH_FULL, "4 MiB and a byte");
    tap_is_int(kn_batch_add(&b, bytes(4194304 - 4 * 1024000 - 1), (kn_slice){0}, no_hash, &err),
               KN_BATCH_ADDED, "4 MiB");
    kn_batch_free(&b);
    tap_ok(!kn_batch_init(&b, &kn_batch_kinesis, "s", &(kn_batch_limits){501, 0, 0}, false, &err),
           "501 records refused");
    tap_ok(!kn_batch_init(&b, &kn_batch_firehose, "s", &(kn_batch_limits){0, (4 << 20) + 1, 0},
                          false, &err),
           "more than 4 MiB refused");
}

static void five(kn_batch *b) {
    kn_batch_clear(b);
    for (char c = 'a'; c <= 'e'; c++)
        add(b, (char[]){c, c, '\0'}, (char[]){c, '\0'});
}

/* What a CBOR body says, as JSON. */
static void is_cbor(kn_batch *b, const char *expected, const char *what) {
    kn_buf json;
    kn_err err;
    kn_buf_init(&json, 1 << 20);
    if (!kn_cbor_to_json(kn_batch_body(b), &json, &err))
        kn_buf_cstr(&json, err.message);
    tap_is_str(kn_buf_view(&json).p, expected, "%s", what);
    kn_buf_free(&json);
}

static void binary(void) {
    kn_batch b;
    kn_err err;
    open_batch(&b, &kn_batch_kinesis, 0, 0, false);
    kn_batch_begin(&b, KN_WIRE_CBOR);
    is_cbor(&b, "{\"StreamName\":\"st\\\"ream\",\"Records\":[]}", "CBOR: no records");
    five(&b);
    is_cbor(&b,
            "{\"StreamName\":\"st\\\"ream\",\"Records\":["
            "{\"Data\":\"YWE=\",\"PartitionKey\":\"a\"},{\"Data\":\"YmI=\",\"PartitionKey\":\"b\"},"
            "{\"Data\":\"Y2M=\",\"PartitionKey\":\"c\"},{\"Data\":\"ZGQ=\",\"PartitionKey\":\"d\"},"
            "{\"Data\":\"ZWU=\",\"PartitionKey\":\"e\"}]}",
            "five records");
    kn_batch_clear(&b);
    kn_slice x = KN_SLICE("x"), k = KN_SLICE("k\xFF\xC3\xBC");
    tap_is_int(kn_batch_add(&b, x, k, KN_SLICE("340"), &err), KN_BATCH_ADDED,
               "a record with a hash key");
    is_cbor(&b,
            "{\"StreamName\":\"st\\\"ream\",\"Records\":[{\"Data\":\"eA==\",\"PartitionKey\":"
            "\"k\xEF\xBF\xBD\xC3\xBC\",\"ExplicitHashKey\":\"340\"}]}",
            "what is not UTF-8 is replaced");
    kn_batch_begin(&b, KN_WIRE_JSON);
    kn_batch_add(&b, x, k, KN_SLICE("340"), &err);
    tap_is_str(kn_batch_body(&b).p,
               "{\"StreamName\":\"st\\\"ream\",\"Records\":[{\"Data\":\"eA==\",\"PartitionKey\":"
               "\"k\xEF\xBF\xBD\xC3\xBC\",\"ExplicitHashKey\":\"340\"}]}",
               "the same in JSON, of the same batch");
    kn_batch_begin(&b, KN_WIRE_CBOR);
    for (int i = 0; i < 500; i++)
        add(&b, "x", "k");
    tap_ok(kn_batch_body(&b).n == 31 + 500 * 23u, "500 records, of 23 bytes: %zu",
           kn_batch_body(&b).n);
    kn_batch_free(&b);
}

int main(void) {
    memset(blank, 'x', sizeof blank);
    bodies();
    reads_back(KN_WIRE_JSON);
    reads_back(KN_WIRE_CBOR);
    limits();
    hash_keys();
    larger_records();
    binary();
    return tap_done();
}
