/* Firehose's control operations, and the lake's own KinesisLake.Flush.
 * Reference: the public API model of Firehose (Firehose_20150804).
 * Left out on purpose: StartDeliveryStreamEncryption and StopDeliveryStreamEncryption. */
#include "lake/firehose/state.h"

#include "base/time.h"
#include "lake/firehose/prefix.h"

#include <stdlib.h>

#define DESTINATION_ID "destinationId-000000000001"

static const char *text(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

static kn_firehose *firehose(const kn_op_call *call) {
    return kn_lake_firehose(call->lake);
}

static const char *stream_name(const kn_op_call *call) {
    return text(call->input, "DeliveryStreamName");
}

static json_t *stream_arn(const kn_op_call *call) {
    return json_sprintf("arn:aws:firehose:%s:%s:deliverystream/%s", kn_lake_region(call->lake),
                        kn_lake_account(call->lake), stream_name(call));
}

static bool no_memory(kn_err *err) {
    return kn_fail(err, KN_ENOMEM, "out of memory");
}

/* --- create and update -------------------------------------------------------------------- */

/* The destination that was sent, under any of its names; *legacy tells which. */
static const json_t *sent_destination(const json_t *input, const char *suffix, bool *legacy) {
    char name[64];
    snprintf(name, sizeof name, "ExtendedS3Destination%s", suffix);
    const json_t *extended = json_object_get(input, name);
    snprintf(name, sizeof name, "S3Destination%s", suffix);
    *legacy = !extended;
    return extended ? extended : json_object_get(input, name);
}

/* The name in arn:aws:kinesis:<region>:<account>:stream/<name>. */
static bool source_stream(const json_t *source, const char **name, kn_err *err) {
    const char *arn = text(source, "KinesisStreamARN");
    *name = strstr(arn, ":stream/");
    if (strncmp(arn, "arn:", 4) != 0 || !strstr(arn, ":kinesis:") || !*name || !(*name)[8])
        return kn_fail_aws(err, 400, "InvalidArgumentException",
                           "KinesisStreamARN %s is not the ARN of a Kinesis stream", arn);
    *name += 8;
    return true;
}

static bool check_source(kn_op_call *call, kn_positions *positions, kn_err *err) {
    const json_t *source = json_object_get(call->input, "KinesisStreamSourceConfiguration");
    const char *type = text(call->input, "DeliveryStreamType"), *name;
    bool from_stream = type && strcmp(type, "KinesisStreamAsSource") == 0;
    *positions = (kn_positions){0};
    if (type && !from_stream && strcmp(type, "DirectPut") != 0)
        return kn_fail_aws(err, 400, "InvalidArgumentException",
                           "DeliveryStreamType %s is not supported by this lake: use DirectPut or "
                           "KinesisStreamAsSource",
                           type);
    if (from_stream != (source != NULL))
        return kn_fail_aws(err, 400, "InvalidArgumentException",
                           "KinesisStreamSourceConfiguration must be given when "
                           "DeliveryStreamType is KinesisStreamAsSource, and only then");
    if (!source)
        return true;
    if (!source_stream(source, &name, err))
        return false;
    if (kn_positions_latest(call->lake, name, positions, err))
        return true;
    if (err->code != KN_EAWS)
        return false;
    return kn_fail_aws(err, 400, "InvalidArgumentException",
                       "Stream %s under account %s not found.", name, kn_lake_account(call->lake));
}

static json_t *new_doc(kn_op_call *call, json_t *destination, bool legacy) {
    const json_t *source = json_object_get(call->input, "KinesisStreamSourceConfiguration");
    kn_buf id;
    kn_buf_init(&id, 64);
    kn_prefix_uuid(&id, NULL);
    json_int_t now = kn_time_now_ms();
    json_t *doc = kn_buf_ok(&id)
                      ? json_pack("{s:s, s:I, s:I, s:i, s:O, s:b, s:{}}", "Id", id.p, "Created",
                                  now, "Updated", now, "Version", 1, "Destination", destination,
                                  "Legacy", (int)legacy, "Tags")
                      : NULL;
    if (doc && source)
        json_object_set_new(doc, "Source", json_deep_copy(source));
    kn_buf_free(&id);
    return doc;
}

static bool create_stream(kn_op_call *call, kn_err *err) {
    bool legacy, ok = false;
    kn_positions positions = {0};
    json_t *doc = NULL,
           *destination = json_deep_copy(sent_destination(call->input, "Configuration", &legacy));
    if (!destination) {
        kn_fail_aws(err, 400, "InvalidArgumentException",
                    "Exactly one destination configuration is supported for a Firehose, and this "
                    "lake knows ExtendedS3DestinationConfiguration and S3DestinationConfiguration");
        goto out;
    }
    if (!kn_firehose_check(call->lake, destination, err) || !check_source(call, &positions, err))
        goto out;
    doc = new_doc(call, destination, legacy);
    if (!doc) {
        no_memory(err);
        goto out;
    }
    if (!kn_firehose_add_tags(json_object_get(doc, "Tags"), json_object_get(call->input, "Tags"),
                              err) ||
        !kn_delivery_create(firehose(call), stream_name(call), doc, &positions, err))
        goto out;
    call->output = json_pack("{s:o}", "DeliveryStreamARN", stream_arn(call));
    ok = call->output || no_memory(err);
out:
    free(positions.next);
    json_decref(destination);
    json_decref(doc);
    return ok;
}

/* Members replace those of the same name; of an object its members do, one level down. */
static bool merge(json_t *into, const json_t *from, int levels, kn_err *err) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)from, name, value) {
        json_t *present = json_object_get(into, name);
        if (levels > 1 && json_is_object(present) && json_is_object(value)) {
            if (!merge(present, value, levels - 1, err))
                return false;
        } else if (json_object_set_new(into, name, json_deep_copy(value)) != 0) {
            return no_memory(err);
        }
    }
    return true;
}

static bool change_destination(json_t *doc, void *context, kn_err *err) {
    kn_op_call *call = context;
    bool legacy;
    const json_t *update = sent_destination(call->input, "Update", &legacy);
    json_t *destination = json_object_get(doc, "Destination");
    json_int_t version = json_integer_value(json_object_get(doc, "Version"));
    if (atoll(text(call->input, "CurrentDeliveryStreamVersionId")) != version)
        return kn_fail_aws(err, 400, "ConcurrentModificationException",
                           "Cannot update firehose: %s since the current version id: %lld and "
                           "specified version id: %s do not match",
                           stream_name(call), (long long)version,
                           text(call->input, "CurrentDeliveryStreamVersionId"));
    if (strcmp(text(call->input, "DestinationId"), DESTINATION_ID) != 0)
        return kn_fail_aws(err, 400, "InvalidArgumentException", "Destination Id %s not found",
                           text(call->input, "DestinationId"));
    if (!update)
        return kn_fail_aws(err, 400, "InvalidArgumentException",
                           "The update must have ExtendedS3DestinationUpdate or "
                           "S3DestinationUpdate");
    if (!merge(destination, update, 2, err) || !kn_firehose_check(call->lake, destination, err))
        return false;
    json_object_set_new(doc, "Version", json_integer(version + 1));
    json_object_set_new(doc, "Updated", json_integer(kn_time_now_ms()));
    return true;
}

static bool update_destination(kn_op_call *call, kn_err *err) {
    return kn_delivery_change(firehose(call), stream_name(call), change_destination, call, err);
}

static bool delete_stream(kn_op_call *call, kn_err *err) {
    return kn_delivery_delete(firehose(call), stream_name(call), err);
}

/* --- describe and list -------------------------------------------------------------------- */

static json_t *seconds(const json_t *doc, const char *name) {
    return json_real((double)json_integer_value(json_object_get(doc, name)) / 1000);
}

/* The members that a description of kind S3Destination has too. */
static json_t *plain_destination(const json_t *destination) {
    static const char *const names[] = {"RoleARN",
                                        "BucketARN",
                                        "Prefix",
                                        "ErrorOutputPrefix",
                                        "BufferingHints",
                                        "CompressionFormat",
                                        "EncryptionConfiguration",
                                        "CloudWatchLoggingOptions"};
    json_t *plain = json_object();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *value = json_object_get(destination, names[i]);
        if (value)
            json_object_set_new(plain, names[i], json_deep_copy(value));
    }
    return plain;
}

static json_t *describe_source(const json_t *doc) {
    json_t *source = json_deep_copy(json_object_get(doc, "Source"));
    if (!source)
        return NULL;
    json_object_set_new(source, "DeliveryStartTimestamp", seconds(doc, "Created"));
    return json_pack("{s:o}", "KinesisStreamSourceDescription", source);
}

static bool describe_stream(kn_op_call *call, kn_err *err) {
    kn_delivery *d;
    if (!kn_delivery_hold(firehose(call), stream_name(call), &d, err))
        return false;
    json_t *doc = kn_delivery_doc(firehose(call), d);
    kn_delivery_release(firehose(call), d);
    const json_t *stored = json_object_get(doc, "Destination");
    json_t *destination = json_pack("{s:s, s:o}", "DestinationId", DESTINATION_ID,
                                    "S3DestinationDescription", plain_destination(stored));
    if (destination && !json_is_true(json_object_get(doc, "Legacy")))
        json_object_set_new(destination, "ExtendedS3DestinationDescription",
                            json_deep_copy(stored));
    json_t *source = describe_source(doc);
    json_t *description = json_pack(
        "{s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:[o], s:b, s:{s:s}}", "DeliveryStreamName",
        stream_name(call), "DeliveryStreamARN", stream_arn(call), "DeliveryStreamStatus", "ACTIVE",
        "DeliveryStreamType", source ? "KinesisStreamAsSource" : "DirectPut", "VersionId",
        json_sprintf("%lld", (long long)json_integer_value(json_object_get(doc, "Version"))),
        "CreateTimestamp", seconds(doc, "Created"), "LastUpdateTimestamp", seconds(doc, "Updated"),
        "Destinations", destination, "HasMoreDestinations", 0,
        "DeliveryStreamEncryptionConfiguration", "Status", "DISABLED");
    if (description && source)
        json_object_set_new(description, "Source", source);
    call->output = json_pack("{s:o}", "DeliveryStreamDescription", description);
    json_decref(doc);
    return call->output || no_memory(err);
}

static bool list_streams(kn_op_call *call, kn_err *err) {
    kn_delivery **streams;
    size_t n;
    const json_t *limit = json_object_get(call->input, "Limit");
    const char *after = text(call->input, "ExclusiveStartDeliveryStreamName");
    const char *type = text(call->input, "DeliveryStreamType");
    size_t most = limit ? (size_t)json_integer_value(limit) : 10;
    bool more = false;
    if (!kn_delivery_hold_all(firehose(call), &streams, &n, err))
        return false;
    json_t *names = json_array();
    for (size_t i = 0; i < n; i++) {
        const kn_delivery *d = streams[i];
        const char *own = d->journal ? "DirectPut" : "KinesisStreamAsSource";
        if ((after && strcmp(d->name, after) <= 0) || (type && strcmp(type, own) != 0))
            continue;
        more = json_array_size(names) == most;
        if (more)
            break;
        json_array_append_new(names, json_string(d->name));
    }
    for (size_t i = 0; i < n; i++)
        kn_delivery_release(firehose(call), streams[i]);
    free(streams);
    call->output =
        json_pack("{s:o, s:b}", "DeliveryStreamNames", names, "HasMoreDeliveryStreams", (int)more);
    return call->output || no_memory(err);
}

/* --- flush -------------------------------------------------------------------------------- */

/* Delivers what one stream, or each of them, holds up to now. The first error is the answer, after
 * the others have been tried. */
static bool flush(kn_op_call *call, kn_err *err) {
    kn_firehose *f = firehose(call);
    kn_delivery **streams = NULL, *one = NULL;
    kn_delivered done = {0};
    size_t n = 1;
    bool ok = true;
    if (stream_name(call) ? !kn_delivery_hold(f, stream_name(call), &one, err)
                          : !kn_delivery_hold_all(f, &streams, &n, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        kn_delivery *d = one ? one : streams[i];
        kn_err own;
        if (!kn_firehose_flush(f, d, &done, &own)) {
            if (ok)
                *err = own;
            ok = false;
        }
        kn_delivery_release(f, d);
    }
    free(streams);
    if (!ok)
        return err->code == KN_EAWS ? false
                                    : kn_fail_aws(err, 500, "ServiceUnavailableException", "%s",
                                                  strdupa(err->message));
    call->output = json_pack("{s:I, s:I, s:I, s:I}", "Objects", (json_int_t)done.objects, "Records",
                             (json_int_t)done.records, "FailedRecords", (json_int_t)done.failed,
                             "Bytes", (json_int_t)done.bytes);
    return call->output || no_memory(err);
}

/* --- the tables --------------------------------------------------------------------------- */

static const kn_member hints_members[] = {
    {.name = "SizeInMBs", .type = KN_INTEGER, .min = 1, .max = 128},
    {.name = "IntervalInSeconds", .type = KN_INTEGER, .min = 0, .max = 900},
    {0},
};

static const kn_member conversion_members[] = {
    {.name = "SchemaConfiguration", .type = KN_OBJECT},
    {.name = "InputFormatConfiguration", .type = KN_OBJECT},
    {.name = "OutputFormatConfiguration", .type = KN_OBJECT},
    {.name = "Enabled", .type = KN_BOOLEAN},
    {0},
};

#define DESTINATION_MEMBERS(needed)                                                                \
    {.name = "RoleARN", .type = KN_STRING, .required = needed, .min = 1, .max = 512},              \
        {.name = "BucketARN",                                                                      \
         .type = KN_STRING,                                                                        \
         .required = needed,                                                                       \
         .min = 1,                                                                                 \
         .max = 2048,                                                                              \
         .characters = "arn:.*:s3:::[a-zA-Z0-9._-]{1,255}"},                                       \
        {.name = "Prefix", .type = KN_STRING, .min = 0, .max = 1024},                              \
        {.name = "ErrorOutputPrefix", .type = KN_STRING, .min = 0, .max = 1024},                   \
        {.name = "BufferingHints", .type = KN_OBJECT, .members = hints_members},                   \
        {.name = "CompressionFormat", .type = KN_STRING},                                          \
        {.name = "FileExtension", .type = KN_STRING, .min = 0, .max = 128},                        \
        {.name = "CustomTimeZone", .type = KN_STRING, .min = 0, .max = 50},                        \
        {.name = "S3BackupMode", .type = KN_STRING},                                               \
        {.name = "ProcessingConfiguration", .type = KN_OBJECT},                                    \
        {.name = "DynamicPartitioningConfiguration", .type = KN_OBJECT},                           \
        {.name = "DataFormatConversionConfiguration",                                              \
         .type = KN_OBJECT,                                                                        \
         .members = conversion_members},                                                           \
    {                                                                                              \
        0                                                                                          \
    }

static const kn_member destination_members[] = {DESTINATION_MEMBERS(true)};
static const kn_member update_members[] = {DESTINATION_MEMBERS(false)};

static const kn_member source_members[] = {
    {.name = "KinesisStreamARN", .type = KN_STRING, .required = true, .min = 1, .max = 512},
    {.name = "RoleARN", .type = KN_STRING, .required = true, .min = 1, .max = 512},
    {0},
};

static const kn_member create_members[] = {
    {.name = "DeliveryStreamName", KN_FIREHOSE_STREAM_NAME, .required = true},
    {.name = "DeliveryStreamType", .type = KN_STRING},
    {.name = "KinesisStreamSourceConfiguration", .type = KN_OBJECT, .members = source_members},
    {.name = "ExtendedS3DestinationConfiguration",
     .type = KN_OBJECT,
     .members = destination_members},
    {.name = "S3DestinationConfiguration", .type = KN_OBJECT, .members = destination_members},
    {.name = "Tags",
     .type = KN_LIST,
     .min = 1,
     .max = KN_FIREHOSE_TAGS_MAX,
     .members = kn_firehose_tag_members},
    {0},
};

static const kn_member update_destination_members[] = {
    {.name = "DeliveryStreamName", KN_FIREHOSE_STREAM_NAME, .required = true},
    {.name = "CurrentDeliveryStreamVersionId",
     .type = KN_STRING,
     .required = true,
     .min = 1,
     .max = 50,
     .characters = "[0-9]+"},
    {.name = "DestinationId", .type = KN_STRING, .required = true, .min = 1, .max = 100},
    {.name = "ExtendedS3DestinationUpdate", .type = KN_OBJECT, .members = update_members},
    {.name = "S3DestinationUpdate", .type = KN_OBJECT, .members = update_members},
    {0},
};

static const kn_member name_members[] = {
    {.name = "DeliveryStreamName", KN_FIREHOSE_STREAM_NAME, .required = true},
    {0},
};

static const kn_member list_members[] = {
    {.name = "Limit", .type = KN_INTEGER, .min = 1, .max = 10000},
    {.name = "DeliveryStreamType", .type = KN_STRING},
    {.name = "ExclusiveStartDeliveryStreamName", KN_FIREHOSE_STREAM_NAME},
    {0},
};

static const kn_member flush_members[] = {
    {.name = "DeliveryStreamName", KN_FIREHOSE_STREAM_NAME},
    {0},
};

static const kn_op firehose_ops[] = {
    {"CreateDeliveryStream", create_stream, create_members},
    {"DescribeDeliveryStream", describe_stream, name_members},
    {"DeleteDeliveryStream", delete_stream, name_members},
    {"ListDeliveryStreams", list_streams, list_members},
    {"PutRecord", kn_firehose_put_record, kn_firehose_put_record_members},
    {"PutRecordBatch", kn_firehose_put_record_batch, kn_firehose_put_record_batch_members},
    {"UpdateDestination", update_destination, update_destination_members},
    {"TagDeliveryStream", kn_firehose_tag_stream, kn_firehose_tag_stream_members},
    {"UntagDeliveryStream", kn_firehose_untag_stream, kn_firehose_untag_stream_members},
    {"ListTagsForDeliveryStream", kn_firehose_list_tags, kn_firehose_list_tags_members},
    {0},
};

static const kn_op lake_ops[] = {
    {"Flush", flush, flush_members},
    {0},
};

const kn_service kn_firehose_service = {
    .name = "firehose",
    .target = "Firehose_20150804",
    .content_type = "application/x-amz-json-1.1",
    .validation_error = "ValidationException",
    .ops = firehose_ops,
};

const kn_service kn_lake_service = {
    .name = "lake",
    .target = "KinessisLake",
    .content_type = "application/x-amz-json-1.1",
    .validation_error = "ValidationException",
    .ops = lake_ops,
};
