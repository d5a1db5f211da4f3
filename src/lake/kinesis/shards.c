/* Operations that list shards, open and closed ones: those past their retention period are left
 * out.
 *
 * https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ShardFilter.html */
#include "lake/kinesis/state.h"

#include "base/time.h"

#include <stdlib.h>

#define TOKEN_MS 300000
#define LAST_NUMBER INT64_MAX /* of records: above that of any */

json_t *kn_shard_range_json(const kn_shard_facts *facts) {
    char begin[KN_HASH_TEXT], end[KN_HASH_TEXT];
    kn_hash_print(facts->begin, begin);
    kn_hash_print(facts->end, end);
    return json_pack("{s:s, s:s}", "StartingHashKey", begin, "EndingHashKey", end);
}

static void set_shard_id(json_t *object, const char *name, unsigned number) {
    char id[KN_SHARD_ID_SIZE];
    if (number == KN_NO_SHARD)
        return;
    kn_shard_id_print(number, id);
    json_object_set_new(object, name, json_string(id));
}

static json_t *shard_json(const kn_shard *shard) {
    const kn_shard_facts *f = &shard->facts;
    char id[KN_SHARD_ID_SIZE], first[64], last[64];
    kn_sequence sequence = {
        .created_s = f->created_s, .arrival_s = f->created_s, .shard = shard->number};
    kn_shard_id_print(shard->number, id);
    kn_sequence_print(&sequence, first);
    json_t *json =
        json_pack("{s:s, s:o, s:{s:s}}", "ShardId", id, "HashKeyRange", kn_shard_range_json(f),
                  "SequenceNumberRange", "StartingSequenceNumber", first);
    if (f->closed_ms) {
        sequence.number = LAST_NUMBER;
        sequence.arrival_s = f->closed_ms / 1000;
        kn_sequence_print(&sequence, last);
        json_object_set_new(json_object_get(json, "SequenceNumberRange"), "EndingSequenceNumber",
                            json_string(last));
    }
    set_shard_id(json, "ParentShardId", f->parent);
    set_shard_id(json, "AdjacentParentShardId", f->adjacent);
    return json;
}

/* ---- which ---- */

/* A filter is an interval of time that the shard must have been open in. */
typedef struct filter {
    bool until_now; /* open at ms or later; else: open at ms */
    int64_t ms;
} filter;

static const filter everything = {true, 0};

static bool matches(const filter *wanted, const kn_shard_facts *f, int64_t horizon_ms) {
    int64_t since = wanted->ms > horizon_ms ? wanted->ms : horizon_ms;
    bool ended = f->closed_ms && f->closed_ms < since;
    bool ends = f->closed_ms == since; /* its children are there instead */
    return !ended && (wanted->until_now || (f->opened_ms <= since && !ends));
}

/* Shards from *next on, at most limit; *next is the one to go on with, or KN_NO_SHARD. */
static json_t *shards_json(kn_stream *stream, const filter *wanted, unsigned *next, int64_t limit) {
    int64_t horizon_ms = kn_stream_horizon_ms(stream);
    unsigned from = *next;
    json_t *list = json_array();
    *next = KN_NO_SHARD;
    pthread_mutex_lock(&stream->lock);
    for (unsigned i = from; i < stream->shards.count; i++) {
        const kn_shard *shard = stream->shards.all[i];
        if (!matches(wanted, &shard->facts, horizon_ms))
            continue;
        if (limit-- == 0) {
            *next = i;
            break;
        }
        json_array_append_new(list, shard_json(shard));
    }
    pthread_mutex_unlock(&stream->lock);
    return list;
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
    json_t *shards = shards_json(stream, &everything, &next, kn_input_integer(call, "Limit", 100));
    char *arn = kn_stream_arn(kn_lake_kinesis(call->lake), stream->name);
    pthread_mutex_lock(&stream->lock);
    call->output = json_pack("{s:{s:s, s:s, s:s, s:{s:s}, s:o, s:b, s:I, s:f, s:[{s:[]}], s:s}}",
                             "StreamDescription", "StreamName", stream->name, "StreamARN", arn,
                             "StreamStatus", "ACTIVE", "StreamModeDetails", "StreamMode",
                             stream->on_demand ? "ON_DEMAND" : "PROVISIONED", "Shards", shards,
                             "HasMoreShards", (int)(next != KN_NO_SHARD), "RetentionPeriodHours",
                             (json_int_t)stream->retention_hours, "StreamCreationTimestamp",
                             (double)stream->created_ms / 1000, "EnhancedMonitoring",
                             "ShardLevelMetrics", "EncryptionType", "NONE");
    pthread_mutex_unlock(&stream->lock);
    kn_stream_release(stream);
    free(arn);
    return call->output || kn_fail_memory(err);
}

/* ---- ListShards ---- */

typedef struct page {
    kn_stream *stream;
    unsigned next; /* its first shard */
    filter wanted;
} page;

/* A page's token keeps the filter. */
static uint64_t pack_filter(filter wanted) {
    return (uint64_t)wanted.until_now << 63 | (uint64_t)wanted.ms;
}

static filter unpack_filter(uint64_t packed) {
    return (filter){packed >> 63, (int64_t)(packed & INT64_MAX)};
}

static bool fail_filter(const char *type, const char *member, kn_err *err) {
    return kn_fail_aws(err, 400, "InvalidArgumentException", "A ShardFilter of type %s needs %s.",
                       type, member);
}

/* *after: the shard that AFTER_SHARD_ID names. */
static bool read_filter(const json_t *object, filter *wanted, const char **after, kn_err *err) {
    const char *type = json_string_value(json_object_get(object, "Type"));
    const json_t *timestamp = json_object_get(object, "Timestamp");
    double seconds = json_number_value(timestamp);
    int64_t ms = seconds < 0 ? 0 : seconds > 1e11 ? INT64_MAX : (int64_t)(seconds * 1000 + 0.5);
    bool timed = type && (strcmp(type, "AT_TIMESTAMP") == 0 || strcmp(type, "FROM_TIMESTAMP") == 0);
    *wanted = everything;
    if (!type || strcmp(type, "FROM_TRIM_HORIZON") == 0)
        return true;
    if (timed && !json_is_number(timestamp))
        return fail_filter(type, "a Timestamp", err);
    if (strcmp(type, "AFTER_SHARD_ID") == 0) {
        *after = json_string_value(json_object_get(object, "ShardId"));
        return *after || fail_filter(type, "a ShardId", err);
    }
    if (strcmp(type, "AT_LATEST") == 0)
        *wanted = (filter){false, INT64_MAX};
    else if (strcmp(type, "AT_TRIM_HORIZON") == 0)
        *wanted = (filter){false, 0};
    else if (timed)
        *wanted = (filter){strcmp(type, "FROM_TIMESTAMP") == 0, ms};
    else
        return kn_fail_aws(err, 400, "ValidationException",
                           "1 validation error detected: Value '%s' at 'shardFilter.type' failed "
                           "to satisfy constraint: Member must satisfy enum value set: "
                           "[AT_TRIM_HORIZON, FROM_TRIM_HORIZON, AT_LATEST, AT_TIMESTAMP, "
                           "FROM_TIMESTAMP, AFTER_SHARD_ID]",
                           type);
    return true;
}

static bool read_page(kn_op_call *call, page *p, kn_err *err) {
    static const char code[] = "InvalidArgumentException";
    const char *text = kn_input_string(call, "NextToken");
    const char *after = kn_input_string(call, "ExclusiveStartShardId");
    bool named = kn_input_string(call, "StreamName") || kn_input_string(call, "StreamARN");
    if (!text && !named)
        return kn_fail_aws(err, 400, code, "Either NextToken or StreamName should be provided.");
    if (!text)
        return read_filter(json_object_get(call->input, "ShardFilter"), &p->wanted, &after, err) &&
               read_start(after, &p->next, err) && kn_stream_hold_input(call, &p->stream, err);
    if (named)
        return kn_fail_aws(err, 400, code, "NextToken and StreamName cannot be provided together.");
    kn_page_token token;
    if (!kn_page_token_parse(kn_slice_cstr(text), 's', &token))
        return kn_fail_aws(err, 400, code, "NextToken is invalid.");
    if (kn_time_now_ms() - token.issued_ms > TOKEN_MS)
        return kn_fail_aws(err, 400, "ExpiredNextTokenException",
                           "NextToken is older than %d seconds.", TOKEN_MS / 1000);
    p->next = token.shard;
    p->wanted = unpack_filter(token.index);
    return kn_stream_hold_token(kn_lake_kinesis(call->lake), &token, &p->stream, err);
}

bool kn_kinesis_list_shards(kn_op_call *call, kn_err *err) {
    page p;
    if (!read_page(call, &p, err))
        return false;
    json_t *shards =
        shards_json(p.stream, &p.wanted, &p.next, kn_input_integer(call, "MaxResults", 1000));
    call->output = json_pack("{s:o}", "Shards", shards);
    if (call->output && p.next != KN_NO_SHARD) {
        kn_buf text;
        kn_buf_init(&text, 512);
        kn_page_token token = {.kind = 's',
                               .issued_ms = kn_time_now_ms(),
                               .shard = p.next,
                               .index = pack_filter(p.wanted)};
        memcpy(token.stream, p.stream->id, sizeof p.stream->id);
        kn_page_token_print(&token, &text);
        json_object_set_new(call->output, "NextToken", json_string(kn_buf_view(&text).p));
        kn_buf_free(&text);
    }
    kn_stream_release(p.stream);
    return call->output || kn_fail_memory(err);
}
