/* Operations that list shards. Shards are never split or merged here, so every filter but
 * AFTER_SHARD_ID matches all of them. */
#include "lake/kinesis/state.h"

#include "base/time.h"

#include <stdlib.h>

#define TOKEN_MS 300000

static json_t *shard_json(const kn_stream *stream, unsigned number) {
    char id[KN_SHARD_ID_SIZE], begin[40], end[40], sequence[64];
    kn_sequence start = {.created_s = stream->created_ms / 1000,
                         .arrival_s = stream->created_ms / 1000,
                         .shard = number};
    kn_shard_id_print(number, id);
    kn_hash_print(stream->shards[number].begin, begin);
    kn_hash_print(stream->shards[number].end, end);
    kn_sequence_print(&start, sequence);
    return json_pack("{s:s, s:{s:s, s:s}, s:{s:s}}", "ShardId", id, "HashKeyRange",
                     "StartingHashKey", begin, "EndingHashKey", end, "SequenceNumberRange",
                     "StartingSequenceNumber", sequence);
}

/* Shards [*next, *next + limit); *next moves past them. */
static json_t *shards_json(const kn_stream *stream, unsigned *next, int64_t limit) {
    json_t *shards = json_array();
    for (; *next < stream->shard_count && limit > 0; limit--)
        json_array_append_new(shards, shard_json(stream, (*next)++));
    return shards;
}

/* *next: the shard after the one that the member names, or 0 when it is absent. */
static bool read_start(const char *after, unsigned *next, kn_err *err) {
    *next = 0;
    if (!after)
        return true;
    if (!kn_shard_id_parse(after, next))
        return kn_fail_aws(err, 400, "InvalidArgumentException", "ShardId %s is invalid.", after);
    ++*next;
    return true;
}

bool kn_kinesis_describe_stream(kn_op_call *call, kn_err *err) {
    kn_stream *stream;
    unsigned next;
    if (!read_start(kn_input_string(call, "ExclusiveStartShardId"), &next, err) ||
        !kn_stream_hold_input(call, &stream, err))
        return false;
    json_t *shards = shards_json(stream, &next, kn_input_integer(call, "Limit", 100));
    char *arn = kn_stream_arn(kn_lake_kinesis(call->lake), stream->name);
    pthread_mutex_lock(&stream->lock);
    call->output = json_pack("{s:{s:s, s:s, s:s, s:{s:s}, s:o, s:b, s:I, s:f, s:[{s:[]}], s:s}}",
                             "StreamDescription", "StreamName", stream->name, "StreamARN", arn,
                             "StreamStatus", "ACTIVE", "StreamModeDetails", "StreamMode",
                             stream->on_demand ? "ON_DEMAND" : "PROVISIONED", "Shards", shards,
                             "HasMoreShards", (int)(next < stream->shard_count),
                             "RetentionPeriodHours", (json_int_t)stream->retention_hours,
                             "StreamCreationTimestamp", (double)stream->created_ms / 1000,
                             "EnhancedMonitoring", "ShardLevelMetrics", "EncryptionType", "NONE");
    pthread_mutex_unlock(&stream->lock);
    kn_stream_release(stream);
    free(arn);
    return call->output || kn_fail_memory(err);
}

/* The stream and the first shard of this page of ListShards. */
static bool read_page(kn_op_call *call, kn_stream **stream, unsigned *next, kn_err *err) {
    static const char code[] = "InvalidArgumentException";
    const char *text = kn_input_string(call, "NextToken");
    const json_t *filter = json_object_get(call->input, "ShardFilter");
    const char *after = kn_input_string(call, "ExclusiveStartShardId");
    const char *filter_type = json_string_value(json_object_get(filter, "Type"));
    if (filter_type && strcmp(filter_type, "AFTER_SHARD_ID") == 0)
        after = json_string_value(json_object_get(filter, "ShardId"));
    bool named = kn_input_string(call, "StreamName") || kn_input_string(call, "StreamARN");
    if (!text && !named)
        return kn_fail_aws(err, 400, code, "Either NextToken or StreamName should be provided.");
    if (!text)
        return read_start(after, next, err) && kn_stream_hold_input(call, stream, err);
    if (named)
        return kn_fail_aws(err, 400, code, "NextToken and StreamName cannot be provided together.");
    kn_token token;
    if (!kn_token_parse(kn_slice_cstr(text), 's', &token))
        return kn_fail_aws(err, 400, code, "NextToken is invalid.");
    if (kn_time_now_ms() - token.issued_ms > TOKEN_MS)
        return kn_fail_aws(err, 400, "ExpiredNextTokenException",
                           "NextToken is older than %d seconds.", TOKEN_MS / 1000);
    *next = token.shard;
    return kn_stream_hold_token(kn_lake_kinesis(call->lake), &token, stream, err);
}

bool kn_kinesis_list_shards(kn_op_call *call, kn_err *err) {
    kn_stream *stream;
    unsigned next;
    if (!read_page(call, &stream, &next, err))
        return false;
    json_t *shards = shards_json(stream, &next, kn_input_integer(call, "MaxResults", 1000));
    call->output = json_pack("{s:o}", "Shards", shards);
    if (call->output && next < stream->shard_count) {
        kn_buf text;
        kn_buf_init(&text, 512);
        kn_token token = {.kind = 's', .issued_ms = kn_time_now_ms(), .shard = next};
        memcpy(token.stream, stream->id, sizeof stream->id);
        kn_token_print(&token, &text);
        json_object_set_new(call->output, "NextToken", json_string(kn_buf_view(&text).p));
        kn_buf_free(&text);
    }
    kn_stream_release(stream);
    return call->output || kn_fail_memory(err);
}
