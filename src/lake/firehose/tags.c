/* Tags of delivery streams, and the operations upon them. A stream's document keeps them as an
 * object. */
#include "lake/firehose/state.h"

static const char *text(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

static kn_firehose *firehose(const kn_op_call *call) {
    return kn_lake_firehose(call->lake);
}

static const char *stream_name(const kn_op_call *call) {
    return text(call->input, "DeliveryStreamName");
}

static bool no_memory(kn_err *err) {
    return kn_fail(err, KN_ENOMEM, "out of memory");
}

bool kn_firehose_add_tags(json_t *tags, const json_t *list, kn_err *err) {
    const json_t *tag;
    size_t i;
    json_array_foreach(list, i, tag) {
        const char *value = text(tag, "Value");
        if (json_object_set_new(tags, text(tag, "Key"), json_string(value ? value : "")) != 0)
            return no_memory(err);
    }
    return json_object_size(tags) <= KN_FIREHOSE_TAGS_MAX ||
           kn_fail_aws(err, 400, "LimitExceededException",
                       "A delivery stream can have at most %d tags", KN_FIREHOSE_TAGS_MAX);
}

static bool change_tags(json_t *doc, void *context, kn_err *err) {
    return kn_firehose_add_tags(json_object_get(doc, "Tags"), context, err);
}

bool kn_firehose_tag_stream(kn_op_call *call, kn_err *err) {
    return kn_delivery_change(firehose(call), stream_name(call), change_tags,
                              json_object_get(call->input, "Tags"), err);
}

static bool remove_tags(json_t *doc, void *context, kn_err *err) {
    const json_t *key;
    size_t i;
    (void)err;
    json_array_foreach((json_t *)context, i, key)
        json_object_del(json_object_get(doc, "Tags"), json_string_value(key));
    return true;
}

bool kn_firehose_untag_stream(kn_op_call *call, kn_err *err) {
    return kn_delivery_change(firehose(call), stream_name(call), remove_tags,
                              json_object_get(call->input, "TagKeys"), err);
}

bool kn_firehose_list_tags(kn_op_call *call, kn_err *err) {
    kn_delivery *d;
    if (!kn_delivery_hold(firehose(call), stream_name(call), &d, err))
        return false;
    json_t *doc = kn_delivery_doc(firehose(call), d), *list = json_array(), *value;
    kn_delivery_release(firehose(call), d);
    const char *after = text(call->input, "ExclusiveStartTagKey"), *key;
    const json_t *limit = json_object_get(call->input, "Limit");
    size_t most = limit ? (size_t)json_integer_value(limit) : KN_FIREHOSE_TAGS_MAX;
    bool begun = !after, more = false;
    json_object_foreach(json_object_get(doc, "Tags"), key, value) {
        if (!begun) {
            begun = strcmp(key, after) == 0;
        } else if (json_array_size(list) == most) {
            more = true;
            break;
        } else {
            json_array_append_new(list, json_pack("{s:s, s:O}", "Key", key, "Value", value));
        }
    }
    call->output = json_pack("{s:o, s:b}", "Tags", list, "HasMoreTags", (int)more);
    json_decref(doc);
    return call->output || no_memory(err);
}

/* --- the tables --------------------------------------------------------------------------- */

const kn_member kn_firehose_tag_members[] = {
    {.name = "Key", .type = KN_STRING, .required = true, .min = 1, .max = 128},
    {.name = "Value", .type = KN_STRING, .min = 0, .max = 256},
    {0},
};

const kn_member kn_firehose_tag_stream_members[] = {
    {.name = "DeliveryStreamName", KN_FIREHOSE_STREAM_NAME, .required = true},
    {.name = "Tags",
     .type = KN_LIST,
     .required = true,
     .min = 1,
     .max = KN_FIREHOSE_TAGS_MAX,
     .members = kn_firehose_tag_members},
    {0},
};

const kn_member kn_firehose_untag_stream_members[] = {
    {.name = "DeliveryStreamName", KN_FIREHOSE_STREAM_NAME, .required = true},
    {.name = "TagKeys", .type = KN_LIST, .required = true, .min = 1, .max = KN_FIREHOSE_TAGS_MAX},
    {0},
};

const kn_member kn_firehose_list_tags_members[] = {
    {.name = "DeliveryStreamName", KN_FIREHOSE_STREAM_NAME, .required = true},
    {.name = "ExclusiveStartTagKey", .type = KN_STRING, .min = 1, .max = 128},
    {.name = "Limit", .type = KN_INTEGER, .min = 1, .max = 50},
    {0},
};
