/* Operations on streams as a whole: their life, lists, tags, retention and mode. */
#include "lake/kinesis/state.h"

#include <stdlib.h>

#define ON_DEMAND_SHARDS 4
#define ON_DEMAND_STREAMS_MAX 50
#define RETENTION_MAX 8760
#define TAGS_MAX 50
#define TAG_KEY_MAX 128
#define TAG_VALUE_MAX 256

/* *on_demand from StreamModeDetails; false (provisioned) when absent. */
static bool read_mode(kn_op_call *call, bool *on_demand, kn_err *err) {
    const json_t *details = json_object_get(call->input, "StreamModeDetails");
    const char *mode = json_string_value(json_object_get(details, "StreamMode"));
    *on_demand = mode && strcmp(mode, "ON_DEMAND") == 0;
    if (!mode || *on_demand || strcmp(mode, "PROVISIONED") == 0)
        return true;
    return kn_fail_aws(err, 400, "ValidationException",
                       "1 validation error detected: Value '%s' at "
                       "'streamModeDetails.streamMode' failed to satisfy constraint: Member must "
                       "satisfy enum value set: [PROVISIONED, ON_DEMAND]",
                       mode);
}

static size_t characters(const char *text) {
    size_t n = 0;
    for (; *text; text++)
        n += (*text & 0xC0) != 0x80;
    return n;
}

static bool check_tag(const char *key, const json_t *value, kn_err *err) {
    const char *text = json_string_value(value);
    if (!text)
        return kn_fail_aws(err, 400, "SerializationException",
                           "the value of tag %s must be a string", key);
    bool good_key = *key && characters(key) <= TAG_KEY_MAX;
    if (good_key && characters(text) <= TAG_VALUE_MAX)
        return true;
    return kn_fail_aws(err, 400, "ValidationException",
                       "1 validation error detected: Value '{%s=%s}' at 'tags' failed to satisfy "
                       "constraint: Map %s must satisfy constraint: [Member must have length less "
                       "than or equal to %d, Member must have length greater than or equal to %d]",
                       key, text, good_key ? "value" : "keys",
                       good_key ? TAG_VALUE_MAX : TAG_KEY_MAX, good_key ? 0 : 1);
}

static bool check_tags(const json_t *tags, kn_err *err) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)tags, key, value) {
        if (!check_tag(key, value, err))
            return false;
    }
    return true;
}

bool kn_kinesis_create_stream(kn_op_call *call, kn_err *err) {
    const json_t *tags = json_object_get(call->input, "Tags");
    int64_t shards = kn_input_integer(call, "ShardCount", 0);
    bool on_demand;
    if (!read_mode(call, &on_demand, err) || !check_tags(tags, err))
        return false;
    if (shards == 0 && !on_demand)
        return kn_fail_aws(err, 400, "InvalidArgumentException",
                           "ShardCount must be specified for a stream in PROVISIONED mode.");
    if (shards == 0)
        shards = ON_DEMAND_SHARDS;
    return kn_stream_create(kn_lake_kinesis(call->lake), kn_input_string(call, "StreamName"),
                            shards > UINT32_MAX ? UINT32_MAX : (unsigned)shards, on_demand,
                            json_is_object(tags) ? tags : NULL, err);
}

bool kn_kinesis_delete_stream(kn_op_call *call, kn_err *err) {
    const char *name;
    return kn_stream_name_input(call, &name, err) &&
           kn_stream_delete(kn_lake_kinesis(call->lake), name, err);
}

bool kn_kinesis_describe_stream_summary(kn_op_call *call, kn_err *err) {
    kn_stream *stream;
    if (!kn_stream_hold_input(call, &stream, err))
        return false;
    char *arn = kn_stream_arn(kn_lake_kinesis(call->lake), stream->name);
    pthread_mutex_lock(&stream->lock);
    call->output = json_pack("{s:{s:s, s:s, s:s, s:{s:s}, s:I, s:f, s:[{s:[]}], s:s, s:i, s:i}}",
                             "StreamDescriptionSummary", "StreamName", stream->name, "StreamARN",
                             arn, "StreamStatus", "ACTIVE", "StreamModeDetails", "StreamMode",
                             stream->on_demand ? "ON_DEMAND" : "PROVISIONED",
                             "RetentionPeriodHours", (json_int_t)stream->retention_hours,
                             "StreamCreationTimestamp", (double)stream->created_ms / 1000,
                             "EnhancedMonitoring", "ShardLevelMetrics", "EncryptionType", "NONE",
                             "OpenShardCount", (int)stream->shards.open_count, "ConsumerCount", 0);
    pthread_mutex_unlock(&stream->lock);
    kn_stream_release(stream);
    free(arn);
    return call->output || kn_fail_memory(err);
}

/* ---- lists ---- */

typedef struct listing {
    const kn_kinesis *kinesis;
    json_t *names, *summaries;
    size_t limit;
    bool more, failed;
} listing;

static bool list_stream(void *context, const kn_stream *stream) {
    listing *list = context;
    if (json_array_size(list->names) == list->limit) {
        list->more = true;
        return false;
    }
    char *arn = kn_stream_arn(list->kinesis, stream->name);
    json_t *summary = json_pack("{s:s, s:s, s:s, s:{s:s}, s:f}", "StreamName", stream->name,
                                "StreamARN", arn, "StreamStatus", "ACTIVE", "StreamModeDetails",
                                "StreamMode", stream->on_demand ? "ON_DEMAND" : "PROVISIONED",
                                "StreamCreationTimestamp", (double)stream->created_ms / 1000);
    list->failed = json_array_append_new(list->names, json_string(stream->name)) != 0 ||
                   json_array_append_new(list->summaries, summary) != 0;
    free(arn);
    return !list->failed;
}

bool kn_kinesis_list_streams(kn_op_call *call, kn_err *err) {
    const char *after = kn_input_string(call, "ExclusiveStartStreamName");
    const char *next = kn_input_string(call, "NextToken");
    kn_page_token token;
    if (next) {
        if (!kn_page_token_parse(kn_slice_cstr(next), 'n', &token))
            return kn_fail_aws(err, 400, "InvalidArgumentException", "NextToken is invalid.");
        after = token.stream;
    }
    listing list = {.kinesis = kn_lake_kinesis(call->lake),
                    .names = json_array(),
                    .summaries = json_array(),
                    .limit = (size_t)kn_input_integer(call, "Limit", 100)};
    kn_stream_each(kn_lake_kinesis(call->lake), after, list_stream, &list);
    call->output = list.failed
                       ? NULL
                       : json_pack("{s:O, s:b, s:O}", "StreamNames", list.names, "HasMoreStreams",
                                   (int)list.more, "StreamSummaries", list.summaries);
    if (list.more && call->output) {
        kn_buf text;
        kn_buf_init(&text, 512);
        token = (kn_page_token){.kind = 'n'};
        const json_t *last = json_array_get(list.names, list.limit - 1);
        memcpy(token.stream, json_string_value(last), json_string_length(last) + 1);
        kn_page_token_print(&token, &text);
        json_object_set_new(call->output, "NextToken", json_string(kn_buf_view(&text).p));
        kn_buf_free(&text);
    }
    json_decref(list.names);
    json_decref(list.summaries);
    return call->output || kn_fail_memory(err);
}

typedef struct totals {
    json_int_t shards, on_demand;
} totals;

static bool add_totals(void *context, const kn_stream *stream) {
    totals *sum = context;
    sum->shards += stream->on_demand ? 0 : stream->shards.open_count;
    sum->on_demand += stream->on_demand;
    return true;
}

bool kn_kinesis_describe_limits(kn_op_call *call, kn_err *err) {
    totals sum = {0};
    kn_stream_each(kn_lake_kinesis(call->lake), NULL, add_totals, &sum);
    call->output = json_pack("{s:i, s:I, s:I, s:i}", "ShardLimit", KN_SHARDS_MAX, "OpenShardCount",
                             sum.shards, "OnDemandStreamCount", sum.on_demand,
                             "OnDemandStreamCountLimit", ON_DEMAND_STREAMS_MAX);
    return call->output || kn_fail_memory(err);
}

/* ---- tags ---- */

static bool add_tags(const kn_stream *stream, json_t *doc, void *context, kn_err *err) {
    const kn_op_call *call = context;
    json_t *tags = json_object_get(doc, "Tags");
    if (json_object_update(tags, json_object_get(call->input, "Tags")) != 0)
        return kn_fail_memory(err);
    return json_object_size(tags) <= TAGS_MAX ||
           kn_fail_aws(err, 400, "InvalidArgumentException",
                       "Failed to add tags to stream %s under account %s because a given stream "
                       "cannot have more than %d tags associated with it.",
                       stream->name, kn_lake_account(call->lake), TAGS_MAX);
}

bool kn_kinesis_add_tags(kn_op_call *call, kn_err *err) {
    const json_t *tags = json_object_get(call->input, "Tags");
    if (json_object_size(tags) == 0)
        return kn_fail_aws(err, 400, "ValidationException",
                           "1 validation error detected: Value '{}' at 'tags' failed to satisfy "
                           "constraint: Member must have length greater than or equal to 1");
    return check_tags(tags, err) && kn_stream_change(call, add_tags, call, err);
}

static bool remove_tags(const kn_stream *stream, json_t *doc, void *context, kn_err *err) {
    (void)stream;
    const kn_op_call *call = context;
    size_t i;
    const json_t *key;
    json_array_foreach(json_object_get(call->input, "TagKeys"), i, key) {
        if (!json_is_string(key))
            return kn_fail_aws(err, 400, "SerializationException", "TagKeys must be strings");
        json_object_del(json_object_get(doc, "Tags"), json_string_value(key));
    }
    return true;
}

bool kn_kinesis_remove_tags(kn_op_call *call, kn_err *err) {
    return kn_stream_change(call, remove_tags, call, err);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The tags by key, after the key `after` (NULL: all), at most limit. */
static json_t *list_tags(const json_t *tags, const char *after, size_t limit, bool *more) {
    size_t n = 0;
    const char **keys = malloc((json_object_size(tags) + 1) * sizeof *keys), *key;
    json_t *value, *list = json_array();
    if (!keys || !list)
        goto out;
    json_object_foreach((json_t *)tags, key, value) {
        if (!after || strcmp(key, after) > 0)
            keys[n++] = key;
    }
    qsort(keys, n, sizeof *keys, by_name);
    *more = n > limit;
    for (size_t i = 0; i < n && i < limit; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:O}", "Key", keys[i], "Value", json_object_get(tags, keys[i])));
out:
    free(keys);
    return list;
}

bool kn_kinesis_list_tags(kn_op_call *call, kn_err *err) {
    kn_stream *stream;
    bool more = false;
    if (!kn_stream_hold_input(call, &stream, err))
        return false;
    pthread_mutex_lock(&stream->lock);
    json_t *list = list_tags(stream->tags, kn_input_string(call, "ExclusiveStartTagKey"),
                             (size_t)kn_input_integer(call, "Limit", TAGS_MAX), &more);
    pthread_mutex_unlock(&stream->lock);
    kn_stream_release(stream);
    call->output = json_pack("{s:o, s:b}", "Tags", list, "HasMoreTags", (int)more);
    return call->output || kn_fail_memory(err);
}

/* ---- retention and mode ---- */

typedef struct retention {
    int64_t hours;
    bool increase;
} retention;

static bool change_retention(const kn_stream *stream, json_t *doc, void *context, kn_err *err) {
    const retention *wanted = context;
    long long hours = wanted->hours, present = stream->retention_hours;
    static const char code[] = "InvalidArgumentException";
    if (hours < 24)
        return kn_fail_aws(err, 400, code,
                           "Minimum allowed retention period is 24 hours. Requested retention "
                           "period (%lld hours) is too short.",
                           hours);
    if (hours > RETENTION_MAX)
        return kn_fail_aws(err, 400, code,
                           "Maximum allowed retention period is %d hours. Requested retention "
                           "period (%lld hours) is too long.",
                           RETENTION_MAX, hours);
    if (wanted->increase ? hours < present : hours > present)
        return kn_fail_aws(err, 400, code,
                           "Requested retention period (%lld hours) for stream %s can not be %s "
                           "than existing retention period (%lld hours). Use %sRetentionPeriod "
                           "API.",
                           hours, stream->name, wanted->increase ? "shorter" : "longer", present,
                           wanted->increase ? "Decrease" : "Increase");
    json_object_set_new(doc, "RetentionPeriodHours", json_integer(hours));
    return true;
}

bool kn_kinesis_increase_retention(kn_op_call *call, kn_err *err) {
    retention wanted = {kn_input_integer(call, "RetentionPeriodHours", 0), true};
    return kn_stream_change(call, change_retention, &wanted, err);
}

bool kn_kinesis_decrease_retention(kn_op_call *call, kn_err *err) {
    retention wanted = {kn_input_integer(call, "RetentionPeriodHours", 0), false};
    return kn_stream_change(call, change_retention, &wanted, err);
}

static bool change_mode(const kn_stream *stream, json_t *doc, void *context, kn_err *err) {
    (void)stream, (void)err;
    json_object_set_new(doc, "OnDemand", json_boolean(*(const bool *)context));
    return true;
}

bool kn_kinesis_update_mode(kn_op_call *call, kn_err *err) {
    bool on_demand;
    return read_mode(call, &on_demand, err) && kn_stream_change(call, change_mode, &on_demand, err);
}
