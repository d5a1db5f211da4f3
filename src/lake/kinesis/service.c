/* Kinesis as the API model has it: operations and their members. */
#include "lake/kinesis/state.h"

#define NAME "[a-zA-Z0-9_.-]+"
#define ARN "arn:aws.*:kinesis:.*:\\d{12}:stream/[^[:space:]]+"
#define SEQUENCE "0|([1-9]\\d{0,128})"
#define HASH_KEY "0|([1-9]\\d{0,38})"

/* A stream may be given by its name or by its ARN. */
#define STREAM                                                                                     \
    {.name = "StreamName", .type = KN_STRING, .min = 1, .max = 128, .characters = NAME}, {         \
        .name = "StreamARN", .type = KN_STRING, .min = 1, .max = 2048, .characters = ARN           \
    }
#define SHARD_ID(member) .name = member, .type = KN_STRING, .min = 1, .max = 128, .characters = NAME
#define TOKEN                                                                                      \
    { .name = "NextToken", .type = KN_STRING, .min = 1, .max = 1048576 }
#define BETWEEN(member, low, high) .name = member, .type = KN_INTEGER, .min = low, .max = high
#define END                                                                                        \
    { .name = NULL }

static const kn_member mode_members[] = {
    {.name = "StreamMode", .type = KN_STRING, .required = true}, END};

static const kn_member create_members[] = {
    {.name = "StreamName",
     .type = KN_STRING,
     .required = true,
     .min = 1,
     .max = 128,
     .characters = NAME},
    {BETWEEN("ShardCount", 1, INT32_MAX)},
    {.name = "StreamModeDetails", .type = KN_OBJECT, .members = mode_members},
    {.name = "Tags", .type = KN_OBJECT},
    END};

static const kn_member stream_members[] = {
    STREAM, {.name = "EnforceConsumerDeletion", .type = KN_BOOLEAN}, END};

static const kn_member describe_members[] = {
    STREAM, {BETWEEN("Limit", 1, 10000)}, {SHARD_ID("ExclusiveStartShardId")}, END};

static const kn_member list_streams_members[] = {
    {BETWEEN("Limit", 1, 10000)}, {SHARD_ID("ExclusiveStartStreamName")}, TOKEN, END};

static const kn_member filter_members[] = {{.name = "Type", .type = KN_STRING, .required = true},
                                           {SHARD_ID("ShardId")},
                                           {.name = "Timestamp", .type = KN_NUMBER},
                                           END};

static const kn_member list_shards_members[] = {
    STREAM,
    TOKEN,
    {SHARD_ID("ExclusiveStartShardId")},
    {BETWEEN("MaxResults", 1, 10000)},
    {.name = "StreamCreationTimestamp", .type = KN_NUMBER},
    {.name = "ShardFilter", .type = KN_OBJECT, .members = filter_members},
    END};

#define RECORD                                                                                     \
    {.name = "Data", .type = KN_BLOB, .required = true, .max = 1048576},                           \
        {.name = "PartitionKey",                                                                   \
         .type = KN_STRING,                                                                        \
         .required = true,                                                                         \
         .any_character = true,                                                                    \
         .min = 1,                                                                                 \
         .max = 256},                                                                              \
    {                                                                                              \
        .name = "ExplicitHashKey", .type = KN_STRING, .characters = HASH_KEY                       \
    }

static const kn_member record_members[] = {RECORD, END};

static const kn_member put_record_members[] = {
    STREAM,
    RECORD,
    {.name = "SequenceNumberForOrdering", .type = KN_STRING, .characters = SEQUENCE},
    END};

static const kn_member put_records_members[] = {STREAM,
                                                {.name = "Records",
                                                 .type = KN_LIST,
                                                 .required = true,
                                                 .min = 1,
                                                 .max = 500,
                                                 .members = record_members},
                                                END};

static const kn_member iterator_members[] = {
    STREAM,
    {SHARD_ID("ShardId"), .required = true},
    {.name = "ShardIteratorType", .type = KN_STRING, .required = true},
    {.name = "StartingSequenceNumber", .type = KN_STRING, .characters = SEQUENCE},
    {.name = "Timestamp", .type = KN_NUMBER},
    END};

static const kn_member get_records_members[] = {
    {.name = "ShardIterator", .type = KN_STRING, .required = true, .min = 1, .max = 512},
    {.name = "StreamARN", .type = KN_STRING, .min = 1, .max = 2048, .characters = ARN},
    {BETWEEN("Limit", 1, 10000)},
    END};

static const kn_member add_tags_members[] = {
    STREAM, {.name = "Tags", .type = KN_OBJECT, .required = true}, END};

static const kn_member remove_tags_members[] = {
    STREAM, {.name = "TagKeys", .type = KN_LIST, .required = true, .min = 1, .max = 50}, END};

static const kn_member list_tags_members[] = {
    STREAM,
    {BETWEEN("Limit", 1, 50)},
    {.name = "ExclusiveStartTagKey", .type = KN_STRING, .min = 1, .max = 128},
    END};

static const kn_member retention_members[] = {
    STREAM, {.name = "RetentionPeriodHours", .type = KN_INTEGER, .required = true}, END};

static const kn_member split_members[] = {
    STREAM,
    {SHARD_ID("ShardToSplit"), .required = true},
    {.name = "NewStartingHashKey", .type = KN_STRING, .required = true, .characters = HASH_KEY},
    END};

static const kn_member merge_members[] = {STREAM,
                                          {SHARD_ID("ShardToMerge"), .required = true},
                                          {SHARD_ID("AdjacentShardToMerge"), .required = true},
                                          END};

static const kn_member update_count_members[] = {
    STREAM,
    {BETWEEN("TargetShardCount", 1, INT32_MAX), .required = true},
    {.name = "ScalingType", .type = KN_STRING, .required = true},
    END};

static const kn_member update_mode_members[] = {
    STREAM,
    {.name = "StreamModeDetails", .type = KN_OBJECT, .required = true, .members = mode_members},
    END};

static const kn_op ops[] = {
    {"AddTagsToStream", kn_kinesis_add_tags, add_tags_members},
    {"CreateStream", kn_kinesis_create_stream, create_members},
    {"DecreaseStreamRetentionPeriod", kn_kinesis_decrease_retention, retention_members},
    {"DeleteStream", kn_kinesis_delete_stream, stream_members},
    {"DescribeLimits", kn_kinesis_describe_limits, NULL},
    {"DescribeStream", kn_kinesis_describe_stream, describe_members},
    {"DescribeStreamSummary", kn_kinesis_describe_stream_summary, stream_members},
    {"GetRecords", kn_kinesis_get_records, get_records_members},
    {"GetShardIterator", kn_kinesis_get_shard_iterator, iterator_members},
    {"IncreaseStreamRetentionPeriod", kn_kinesis_increase_retention, retention_members},
    {"ListShards", kn_kinesis_list_shards, list_shards_members},
    {"ListStreams", kn_kinesis_list_streams, list_streams_members},
    {"ListTagsForStream", kn_kinesis_list_tags, list_tags_members},
    {"MergeShards", kn_kinesis_merge_shards, merge_members},
    {"PutRecord", kn_kinesis_put_record, put_record_members},
    {"PutRecords", kn_kinesis_put_records, put_records_members},
    {"RemoveTagsFromStream", kn_kinesis_remove_tags, remove_tags_members},
    {"SplitShard", kn_kinesis_split_shard, split_members},
    {"UpdateShardCount", kn_kinesis_update_shard_count, update_count_members},
    {"UpdateStreamMode", kn_kinesis_update_mode, update_mode_members},
    {NULL, NULL, NULL},
};

static const kn_shortcut shortcuts[] = {{"PutRecords", kn_kinesis_put_records_body}, {NULL, NULL}};

static bool is_data(kn_slice name) {
    return kn_slice_eq(name, KN_SLICE("Data"));
}

static bool is_time(kn_slice name) {
    static const char end[] = "Timestamp";
    size_t n = sizeof end - 1;
    return name.n >= n && memcmp(name.p + name.n - n, end, n) == 0;
}

static const kn_cbor_names cbor = {is_data, is_time};

const kn_service kn_kinesis_service = {
    .name = "kinesis",
    .target = "Kinesis_20131202",
    .content_type = "application/x-amz-json-1.1",
    .validation_error = "ValidationException",
    .ops = ops,
    .shortcuts = shortcuts,
    .cbor = &cbor,
};
