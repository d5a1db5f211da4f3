/* Replies of GetRecords: as several servers write them, damaged at every byte, and printed. */
#include "aws/records.h"

#include "aws/aggregate.h"
#include "base/base64.h"

#include "tap.h"

static kn_records r;
static kn_err err;

static bool read_text(const char *body) {
    return kn_records_read(&r, kn_slice_cstr(body), true, &err);
}

static void is_slice(kn_slice actual, const char *expected, const char *name) {
    if (!tap_ok(actual.p && kn_slice_eq_cstr(actual, expected), "%s", name))
        printf("#   got:      %.*s\n#   expected: %s\n", (int)actual.n, actual.p ? actual.p : "",
               expected);
}

#define RECORD(data, key, sequence, time)                                                          \
    "{\"SequenceNumber\":\"" sequence "\",\"ApproximateArrivalTimestamp\":" time                   \
    ",\"Data\":\"" data "\",\"PartitionKey\":\"" key "\"}"

static const char reply[] =
    "{\"Records\":[" RECORD("eHl6", "k", "49", "1700000000.125") "," RECORD(
        "", "n\\u00e9", "50", "1.700000001E9") "],\"NextShardIterator\":\"AAA\\/BBB=\","
                                               "\"MillisBehindLatest\":1500,\"ChildShards\":[{}]}";

static void replies(void) {
    if (!tap_ok(read_text(reply) && r.count == 2, "a reply with two records"))
        return;
    is_slice(r.rows[0].data, "xyz", "data");
    is_slice(r.rows[0].key, "k", "partition key");
    is_slice(r.rows[0].sequence, "49", "sequence number");
    tap_is_int(r.rows[0].arrival_ms, 1700000000125, "arrival");
    tap_ok(r.rows[1].data.n == 0 && r.rows[1].data.p, "empty data");
    is_slice(r.rows[1].key, "n\xC3\xA9", "an escaped key");
    tap_is_int(r.rows[1].arrival_ms, 1700000001000, "arrival with an exponent, as AWS writes it");
    is_slice(r.next, "AAA/BBB=", "an escaped iterator");
    is_slice(r.sequence, "50", "the last sequence number");
    tap_is_int(r.behind_ms, 1500, "how far behind");
    tap_ok(read_text("{\"MillisBehindLatest\":0,\"NextShardIterator\":null,\"Records\":[]}") &&
               r.count == 0 && !r.next.p && !r.sequence.p,
           "a shard that has ended, with null");
    tap_ok(read_text(" {\"Records\" : [ ] } ") && !r.next.p, "... or without");
    tap_ok(read_text("{\"Records\":[" RECORD("eHl6", "k", "1", "1e300") "]}") &&
               r.rows[0].arrival_ms == 253402300799999,
           "an arrival beyond all years is in the last");
    static const char *const wrong[] = {
        "",
        "[]",
        "{}",
        "{\"Records\":{}}",
        "{\"Records\":[1]}",
        "{\"Records\":[{}]}",
        "{\"Records\":[]} x",
        "{\"Records\":[],\"Records\":[]}",
        "{\"Records\":[" RECORD("e!l6", "k", "1", "1") "]}",
        "{\"Records\":[" RECORD("eHl6", "k", "1", "\"now\"") "]}",
        "{\"Records\":[{\"SequenceNumber\":\"1\",\"Data\":\"eHl6\"}]}",
        "{\"Records\":[{\"SequenceNumber\":\"1\",\"Data\":null,\"PartitionKey\":\"k\"}]}",
        "{\"Records\":[],\"NextShardIterator\":5}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        tap_ok(!read_text(wrong[i]) && err.code == KN_EPARSE && r.count == 0, "not one: %s",
               wrong[i]);
    unsigned taken = 0;
    for (size_t n = 0; n + 1 < sizeof reply; n++)
        taken += kn_records_read(&r, (kn_slice){reply, n}, true, &err);
    tap_is_int(taken, 0, "a reply that is cut short is none");
}

static void aggregates(void) {
    kn_aggregate a;
    kn_user_record out, one = {KN_SLICE("one"), KN_SLICE("p"), {NULL, 0}},
                        two = {KN_SLICE("two"), KN_SLICE("q"), KN_SLICE("12")};
    kn_buf body;
    kn_buf_init(&body, 1 << 16);
    if (!kn_aggregate_init(&a, KN_AGGREGATE_BYTES, &err))
        return;
    bool ok = kn_aggregate_add(&a, &one, &err) == KN_AGGREGATE_ADDED &&
              kn_aggregate_add(&a, &two, &err) == KN_AGGREGATE_ADDED &&
              kn_aggregate_finish(&a, &out, &err);
    kn_buf_cstr(&body,
                "{\"Records\":[{\"SequenceNumber\":\"7\",\"PartitionKey\":\"a\",\"Data\":\"");
    kn_base64_encode(&body, out.data);
    kn_buf_cstr(&body, "\"}," RECORD("eHl6", "k", "8", "0") "]}");
    ok = ok && kn_records_read(&r, kn_buf_view(&body), true, &err) && r.count == 3;
    if (tap_ok(ok, "an aggregate is taken apart")) {
        is_slice(r.rows[1].data, "two", "... data");
        is_slice(r.rows[1].key, "q", "... its own key");
        is_slice(r.rows[1].hash, "12", "... its hash key");
        is_slice(r.rows[1].sequence, "7", "... the number of the whole");
        tap_ok(r.rows[0].sub == 0 && r.rows[1].sub == 1 && r.rows[2].sub == KN_RECORDS_WHOLE,
               "... and its place");
        is_slice(r.rows[2].key, "k", "a plain record keeps its key");
    }
    tap_ok(kn_records_read(&r, kn_buf_view(&body), false, &err) && r.count == 2 &&
               kn_slice_eq(r.rows[0].data, out.data),
           "... unless it is to stay whole");
    kn_aggregate_free(&a);
    kn_buf_free(&body);
}

/* Some servers escape the slashes of base64; such data is unescaped, then decoded. */
static void escaped_data(void) {
    enum { RECORDS = 50, BYTES = 300 };
    char data[BYTES];
    kn_buf body;
    kn_buf_init(&body, 1 << 16);
    kn_buf_cstr(&body, "{\"Records\":[");
    for (int i = 0; i < RECORDS; i++) {
        memset(data, i, sizeof data);
        kn_buf_printf(&body,
                      "%s{\"SequenceNumber\":\"%d\",\"PartitionKey\":\"k\",\"Data\":\"\\/\\/\\/\\/",
                      i ? "," : "", i);
        kn_base64_encode(&body, (kn_slice){data, sizeof data});
        kn_buf_cstr(&body, "\"}");
    }
    kn_buf_cstr(&body, "]}");
    int same = 0;
    if (kn_records_read(&r, kn_buf_view(&body), false, &err))
        for (size_t i = 0; i < r.count; i++) {
            memset(data, (int)i, sizeof data);
            same += r.rows[i].data.n == 3 + sizeof data &&
                    memcmp(r.rows[i].data.p, "\xFF\xFF\xFF", 3) == 0 &&
                    memcmp(r.rows[i].data.p + 3, data, sizeof data) == 0;
        }
    tap_is_int(same, RECORDS, "data with escaped slashes, of many records");
    kn_buf_free(&body);
}

static void is_envelope(kn_slice data, kn_slice instead, const char *expected, const char *name) {
    kn_stream_record record = {.data = data,
                               .key = KN_SLICE("k\"1"),
                               .sequence = KN_SLICE("49"),
                               .sub = KN_RECORDS_WHOLE,
                               .arrival_ms = 1700000000125};
    kn_buf text, wanted;
    kn_buf_init(&text, 4096);
    kn_buf_init(&wanted, 4096);
    kn_records_envelope(&record, KN_SLICE("shardId-0"), instead, &text);
    kn_buf_printf(&wanted,
                  "{\"shard\":\"shardId-0\",\"sequence\":\"49\",\"arrival\":\"2023-11-14T22:13:20."
                  "125Z\",\"partition_key\":\"k\\\"1\",%s}\n",
                  expected);
    tap_is_str(text.p, wanted.p, "envelope: %s", name);
    kn_buf_free(&text);
    kn_buf_free(&wanted);
}

static void printing(void) {
    const kn_slice none = {NULL, 0};
    is_envelope(KN_SLICE("{\"a\": 1.50}"), none, "\"data\":{\"a\": 1.50}", "JSON as it is");
    is_envelope(KN_SLICE("{\n \"a\":\r\n1}\n"), none, "\"data\":{  \"a\":  1}", "on one line");
    is_envelope(KN_SLICE("12"), none, "\"data\":12", "a number");
    is_envelope(KN_SLICE("{\"a\":1}{}"), none, "\"data\":\"{\\\"a\\\":1}{}\"", "two values: text");
    is_envelope(KN_SLICE("gr\xC3\xBC\xC3\x9F\n"), none, "\"data\":\"gr\xC3\xBC\xC3\x9F\\n\"",
                "text");
    is_envelope(KN_SLICE(""), none, "\"data\":\"\"", "nothing");
    is_envelope(KN_SLICE("\xFF\x00"), none, "\"data_base64\":\"/wA=\"", "bytes");
    is_envelope(KN_SLICE("x"), KN_SLICE("[1]"), "\"data\":[1]", "other data");
    kn_buf text;
    kn_buf_init(&text, 100);
    kn_stream_record lines[] = {
        {.data = KN_SLICE("a")}, {.data = KN_SLICE("b\n")}, {.data = {"", 0}}};
    for (int i = 0; i < 3; i++)
        kn_records_line(&lines[i], &text);
    tap_is_str(text.p, "a\nb\n\n", "a line each");
    kn_buf_free(&text);
}

int main(void) {
    if (!kn_records_init(&r, &err))
        return 1;
    replies();
    aggregates();
    escaped_data();
    printing();
    kn_records_free(&r);
    kn_records_free(&r);
    return tap_done();
}
