/* Any bytes as the reply to PutRecords, in JSON and in CBOR: there is one result for each record
 * that was sent, in order, or an error. Then a reply that the bytes describe, as services write it
 * in many ways: what is read is what was written, by the quick reader and by the general one. */
#include "aws/put_reply.h"

#include "base/cbor.h"
#include "base/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { COUNT_MAX = 40 };

typedef struct seen {
    uint32_t count;
    kn_slice body;
    unsigned codes[COUNT_MAX]; /* a letter; 0: it was taken */
    unsigned shards[COUNT_MAX];
} seen;

static void see(void *context, uint32_t i, const kn_put_result *result) {
    seen *s = context;
    if (i != s->count++ || i >= COUNT_MAX || (result->shard.n && !result->shard.p))
        abort();
    s->codes[i] = result->code ? (unsigned char)result->code[0] : 0;
    s->shards[i] = result->shard.n ? (unsigned char)result->shard.p[result->shard.n - 1] : 0;
    if (result->code) {
        kn_put_is_transient(&kn_batch_kinesis, result->code);
        kn_put_is_throttle(&kn_batch_kinesis, result->code);
        kn_slice shard = kn_put_shard_in(result->message);
        if (shard.n && (shard.p < result->message ||
                        shard.p + shard.n > result->message + strlen(result->message)))
            abort();
    }
}

static void any(const uint8_t *data, size_t n, kn_wire wire, uint32_t count) {
    char *exact = malloc(n); /* a read past its end is seen */
    if (n && !exact)
        abort();
    memcpy(exact, data, n);
    bool ok[2];
    for (int shards = 0; shards < 2; shards++) {
        seen s = {0};
        kn_err err;
        const kn_put_reply reply = {&kn_batch_kinesis, wire, {exact, n}, count, shards};
        ok[shards] = kn_put_reply_read(&reply, see, &s, &err);
        if (s.count != (ok[shards] ? count : 0))
            abort();
    }
    free(exact);
    if (!ok[0] && ok[1]) /* what is enough for the shards is enough without them */
        abort();
}

static void space(kn_buf *out, uint8_t choice) {
    static const char *const spaces[] = {"", "", "", " ", "\n", "\t ", "\r\n  "};
    kn_buf_cstr(out, spaces[choice % 7]);
}

/* A byte says of a record: bit 0 and 1 both set: it failed, the rest: which shard. */
static bool failed(uint8_t byte) {
    return (byte & 3) == 3;
}

static void write_result(kn_buf *out, uint8_t byte, uint8_t style) {
    char shard[] = "\"shardId-000000000000\"";
    shard[20] = (char)('0' + (byte >> 2) % 10);
    space(out, style);
    if (failed(byte))
        kn_buf_cstr(out,
                    "{\"ErrorCode\":\"ProvisionedThroughputExceededException\","
                    "\"ErrorMessage\":\"Rate }] \\\"exceeded\"");
    else
        kn_buf_printf(out,
                      style & 1 ? "{\"SequenceNumber\":\"49\",\"ShardId\":%s"
                                : "{\"ShardId\": %s, \"SequenceNumber\":\"4901\"",
                      shard);
    kn_buf_cstr(out, style & 8 ? " }" : "}");
}

static void write_reply(const uint8_t *data, size_t n, uint8_t style, kn_buf *out) {
    unsigned failures = 0;
    for (size_t i = 0; i < n; i++)
        failures += failed(data[i]);
    kn_buf_cstr(out, "{");
    if (style & 16)
        kn_buf_printf(out, "\"EncryptionType\":\"KMS\",\"FailedRecordCount\":%u,", failures);
    kn_buf_cstr(out, "\"Records\" :[");
    for (size_t i = 0; i < n; i++) {
        kn_buf_cstr(out, i ? "," : "");
        write_result(out, data[i], style & 32 ? style : (uint8_t)(style + data[i]));
    }
    space(out, style);
    kn_buf_cstr(out, "]");
    if (!(style & 16))
        kn_buf_printf(out, ",\"FailedRecordCount\": %u", failures);
    kn_buf_cstr(out, "}");
}

static void compare(const kn_put_reply *reply, const uint8_t *data) {
    seen s = {0};
    kn_err err;
    bool any_failed = false;
    if (!kn_put_reply_read(reply, see, &s, &err) || s.count != reply->count)
        abort();
    for (uint32_t i = 0; i < reply->count; i++)
        any_failed = any_failed || failed(data[i]);
    for (uint32_t i = 0; i < reply->count; i++) {
        unsigned shard = failed(data[i]) || !(reply->shards || any_failed)
                             ? 0
                             : (unsigned)('0' + (data[i] >> 2) % 10);
        if (s.codes[i] != (failed(data[i]) ? 'P' : 0u) || s.shards[i] != shard)
            abort();
    }
}

static void made(const uint8_t *data, size_t n, uint8_t style) {
    static const kn_cbor_names none;
    kn_err err;
    kn_buf json, cbor;
    kn_buf_init(&json, 64 << 10);
    kn_buf_init(&cbor, 64 << 10);
    write_reply(data, n, style, &json);
    if (!kn_cbor_from_json(kn_buf_view(&json), &none, &cbor, &err))
        abort();
    for (int i = 0; i < 4; i++) {
        kn_wire wire = i & 1 ? KN_WIRE_CBOR : KN_WIRE_JSON;
        const kn_put_reply reply = {&kn_batch_kinesis, wire,
                                    kn_buf_view(wire == KN_WIRE_CBOR ? &cbor : &json), (uint32_t)n,
                                    i & 2};
        compare(&reply, data);
    }
    kn_buf_free(&json);
    kn_buf_free(&cbor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n < 3)
        return 0;
    uint32_t count = 1 + data[0] % 4;
    any(data + 1, n - 1, data[0] & 64 ? KN_WIRE_CBOR : KN_WIRE_JSON, count);
    made(data + 2, n - 2 < COUNT_MAX ? n - 2 : COUNT_MAX, data[1]);
    return 0;
}
