/* What a reply says of each record, in both forms; and what is none. */
#include "aws/put_reply.h"

#include "tap.h"

/* "0:ok@shard 1:Code/message ..." of the last reply */
static char seen[4096];

static void each(void *context, uint32_t i, const kn_put_result *r) {
    int *calls = context;
    size_t n = strlen(seen);
    if (r->code)
        snprintf(seen + n, sizeof seen - n, "%u:%s/%s ", i, r->code, r->message ? r->message : "");
    else
        snprintf(seen + n, sizeof seen - n, "%u:ok@%.*s ", i, (int)r->shard.n, r->shard.p);
    (*calls)++;
}

/* What is read; or "refused", of a reply for which nothing must be called. */
static const char *read_as(const kn_batch_rules *rules, kn_wire wire, kn_slice body, uint32_t count,
                           bool shards) {
    kn_put_reply reply = {rules, wire, body, count, shards};
    kn_err err;
    int calls = 0;
    seen[0] = '\0';
    if (kn_put_reply_read(&reply, each, &calls, &err))
        return seen;
    return calls || !strstr(err.message, "no result for each") ? "failed badly" : "refused";
}

static const char *read_json(const char *body, uint32_t count, bool shards) {
    return read_as(&kn_batch_kinesis, KN_WIRE_JSON, kn_slice_cstr(body), count, shards);
}

static void json(void) {
    static const char good[] =
        "{\"FailedRecordCount\":0,\"Records\":["
        "{\"SequenceNumber\":\"1\",\"ShardId\":\"shardId-1\"},"
        "{\"ShardId\":\"shardId-2\",\"SequenceNumber\":\"2\"}]}";
    tap_is_str(read_json(good, 2, false), "0:ok@ 1:ok@ ", "nothing failed");
    tap_is_str(read_json(good, 2, true), "0:ok@shardId-1 1:ok@shardId-2 ", "the shards");
    tap_is_str(read_json(good, 3, false), "refused", "too few results are no success");
    tap_is_str(read_json(good, 1, false), "refused", "nor are too many");
    tap_is_str(read_json(good, 1, true), "refused", "nor when they are looked at");
    tap_is_str(
        read_json("{\"Records\" : [ {} ,\n {\"a\":\"b\"} ], \"FailedRecordCount\" : 0 }", 2, false),
        "0:ok@ 1:ok@ ", "spaces, and results of different lengths");
    tap_is_str(read_json("{\"FailedRecordCount\":0,\"Records\":[]}", 1, false), "refused",
               "a count alone is not believed");
    tap_is_str(read_json("{\"FailedRecordCount\":0}", 1, false), "refused", "nor without a list");
    tap_is_str(read_json("<html>", 1, false), "refused", "HTML is none");
    tap_is_str(read_json("[]", 1, false), "refused", "another JSON is none");
    tap_is_str(read_json("{\"FailedRecordCount\":0,\"Records\":[{\"a\":1}", 1, false), "refused",
               "half a reply is none");
    tap_is_str(
        read_json("{\"Records\":[{\"SequenceNumber\":\"1\",\"ShardId\":\"s\"},"
                  "{\"ErrorCode\":\"ProvisionedThroughputExceededException\",\"ErrorMessage\":"
                  "\"slow\"},{\"ErrorCode\":null,\"SequenceNumber\":\"2\"},"
                  "{\"ErrorCode\":\"InternalFailure\"}],\"FailedRecordCount\":2}",
                  4, false),
        "0:ok@s 1:ProvisionedThroughputExceededException/slow 2:ok@ 3:InternalFailure/ ",
        "failures, with their reasons");
    tap_is_str(read_json("{\"EncryptionType\":\"\\\"FailedRecordCount\\\":0,\","
                         "\"Records\":[{},{\"ErrorCode\":\"X\"}]}",
                         2, false),
               "0:ok@ 1:X/ ", "a count inside a string is not the count");
    tap_is_str(read_json("{\"FailedRecordCount\":0,\"Records\":[{\"SequenceNumber\":\"1\"},"
                         "{\"ErrorCode\":\"X\",\"ErrorMessage\":\"}\"}]}",
                         2, false),
               "0:ok@ 1:X/} ", "a count of 0 beside an error is not believed");
    tap_is_str(read_json("{\"FailedRecordCount\":0,\"Records\":[{\"ErrorCode\":\"X\"},"
                         "{\"ErrorCode\":\"Y\"}]}",
                         2, false),
               "0:X/ 1:Y/ ", "nor beside errors alone");
    static const char *const vague[] = {
        "{\"FailedRecordCount\":2,\"Records\":[{},{\"ErrorCode\":\"X\"}]}",
        "{\"FailedRecordCount\":1,\"Records\":[{},{\"ErrorCode\":5}]}",
        "{\"FailedRecordCount\":0,\"Records\":[{},{\"ErrorCode\":5}]}",
        "{\"FailedRecordCount\":0,\"Records\":[{},null]}",
        "{\"FailedRecordCount\":0,\"Records\":[1,2]}",
        NULL,
    };
    for (const char *const *v = vague; *v; v++)
        tap_is_str(read_json(*v, 2, false), "refused", "it does not say what was taken: %s", *v);
    tap_is_str(read_as(&kn_batch_firehose, KN_WIRE_JSON,
                       KN_SLICE("{\"FailedPutCount\":1,\"RequestResponses\":[{\"RecordId\":\"1\"},"
                                "{\"ErrorCode\":\"ServiceUnavailableException\"}]}"),
                       2, true),
               "0:ok@ 1:ServiceUnavailableException/ ", "Firehose spells it differently");
}

static void many(void) {
    static char body[200 * 40 + 100];
    for (int longer = 0; longer < 2; longer++) {
        size_t n = (size_t)sprintf(body, "{\"FailedRecordCount\":0,\"Records\":[");
        for (int i = 0; i < 200; i++)
            n += (size_t)sprintf(body + n, "%s{\"ShardId\":\"%03d%s\"}", i ? "," : "", i,
                                 longer && i == 77 ? "x" : "");
        sprintf(body + n, "]}");
        tap_ok(strstr(read_json(body, 200, false), "199:ok@ ") != NULL, "200 results");
        tap_is_str(read_json(body, 199, false), "refused", "are not 199");
        tap_is_str(read_json(body, 201, false), "refused", "and not 201");
    }
}

static const char *read_cbor(kn_slice body, uint32_t count, bool shards) {
    return read_as(&kn_batch_kinesis, KN_WIRE_CBOR, body, count, shards);
}

static void cbor(void) {
    static const char good[] =
        "\xA2\x71"
        "FailedRecordCount\x00\x67"
        "Records\x82"
        "\xA1\x67"
        "ShardId\x62s1"
        "\xA1\x67"
        "ShardId\x62s2";
    kn_slice all = {good, sizeof good - 1};
    tap_is_str(read_cbor(all, 2, false), "0:ok@ 1:ok@ ", "CBOR: nothing failed");
    tap_is_str(read_cbor(all, 2, true), "0:ok@s1 1:ok@s2 ", "CBOR: the shards");
    tap_is_str(read_cbor(all, 3, false), "refused", "CBOR: too few results");
    tap_is_str(read_cbor(KN_SLICE("\xA2\x71"
                                  "FailedRecordCount\x00\x67"
                                  "Records\x82\x01\x01"),
                         2, false),
               "refused", "CBOR: numbers are no results");
    static const char open[] = /* of indefinite length; results as long as one another, and not */
        "\xBF\x71"
        "FailedRecordCount\0\x67"
        "Records\x9F"
        "\xA1\x67"
        "ShardId\x62s1"
        "\xA1\x67"
        "ShardId\x62s2"
        "\xA1\x67"
        "ShardId\x62s3"
        "\xFF\xFF";
    kn_slice equal = {open, sizeof open - 1};
    tap_is_str(read_cbor(equal, 3, false), "0:ok@ 1:ok@ 2:ok@ ", "an array without a length");
    tap_is_str(read_cbor(equal, 3, true), "0:ok@s1 1:ok@s2 2:ok@s3 ", "its shards");
    for (uint32_t n = 1; n < 6; n++)
        if (n != 3)
            tap_is_str(read_cbor(equal, n, n % 2), "refused", "... has not %u results", n);
    for (size_t cut = 1; cut < sizeof open - 29; cut += 7)
        tap_is_str(read_cbor((kn_slice){open, cut}, 3, cut % 2), "refused", "cut off at %zu", cut);
    static const char uneven[] =
        "\xBF\x71"
        "FailedRecordCount\0\x67"
        "Records\x9F"
        "\xA1\x67"
        "ShardId\x62s1"
        "\xA1\x67"
        "ShardId\x61s"
        "\xA1\x67"
        "ShardId\x63s33"
        "\xFF\xFF";
    tap_is_str(read_cbor((kn_slice){uneven, sizeof uneven - 1}, 3, false), "0:ok@ 1:ok@ 2:ok@ ",
               "results of different lengths");
    tap_is_str(read_cbor((kn_slice){uneven, sizeof uneven - 1}, 2, false), "refused",
               "... are counted");
    static const char contradiction[] =
        "\xA2\x71"
        "FailedRecordCount\x00\x67"
        "Records\x82"
        "\xA1\x67"
        "ShardId\x62s1"
        "\xA1\x69"
        "ErrorCode\x61X";
    tap_is_str(read_cbor((kn_slice){contradiction, sizeof contradiction - 1}, 2, false),
               "0:ok@s1 1:X/ ", "a count of 0 beside an error");
    static const char errors[] =
        "\xA2\x71"
        "FailedRecordCount\x00\x67"
        "Records\x82"
        "\xA1\x69"
        "ErrorCode\x61X"
        "\xA1\x69"
        "ErrorCode\x61Y";
    tap_is_str(read_cbor((kn_slice){errors, sizeof errors - 1}, 2, false), "0:X/ 1:Y/ ",
               "beside errors alone");
    tap_is_str(read_cbor(KN_SLICE("{\"FailedRecordCount\":0}"), 1, false), "refused",
               "JSON where CBOR is expected");
    static const char mixed[] =
        "\xBF\x67"
        "Records\x83"
        "\xA1\x67"
        "ShardId\x61s"
        "\xA1\x69"
        "ErrorCode\xF6"
        "\xA2\x69"
        "ErrorCode\x74"
        "KMSDisabledException"
        "\x6C"
        "ErrorMessage\x67"
        "key off"
        "\x71"
        "FailedRecordCount\x01\xFF";
    tap_is_str(read_cbor((kn_slice){mixed, sizeof mixed - 1}, 3, false),
               "0:ok@s 1:ok@ 2:KMSDisabledException/key off ", "CBOR: failures");
}

int main(void) {
    json();
    many();
    cbor();
    tap_ok(kn_put_is_transient(&kn_batch_kinesis, "InternalFailure") &&
               kn_put_is_transient(&kn_batch_firehose, "ServiceUnavailableException") &&
               kn_put_is_transient(&kn_batch_firehose, "ThrottlingException") &&
               !kn_put_is_transient(&kn_batch_kinesis, "KMSDisabledException"),
           "what is worth sending again");
    tap_ok(kn_put_is_throttle(&kn_batch_firehose, "ServiceUnavailableException") &&
               !kn_put_is_throttle(&kn_batch_kinesis, "ServiceUnavailableException") &&
               !kn_put_is_throttle(&kn_batch_firehose, "InternalFailure") &&
               kn_put_is_throttle(&kn_batch_kinesis, "ProvisionedThroughputExceededException"),
           "what was refused for its rate");
    kn_slice shard = kn_put_shard_in("Rate exceeded for shard shardId-000000000012 in stream s.");
    tap_ok(kn_slice_eq_cstr(shard, "shardId-000000000012"), "the shard that a message names");
    tap_is_int(kn_put_shard_in("slow").n, 0, "or not");
    tap_is_int(kn_put_shard_in(NULL).n, 0, "or without a message");
    return tap_done();
}
