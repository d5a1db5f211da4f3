/* See operations.h. Names, targets and versions: the public API models. */
#include "aws/operations.h"

#include <string.h>

static const kn_api apis[] = {
    {"kinesis", "kinesis", "kinesis", "KINESIS", KN_PROTOCOL_JSON, "application/x-amz-json-1.1",
     "Kinesis_20131202", true},
    {"firehose", "firehose", "firehose", "FIREHOSE", KN_PROTOCOL_JSON, "application/x-amz-json-1.1",
     "Firehose_20150804", false},
    {"glue", "glue", "glue", "GLUE", KN_PROTOCOL_JSON, "application/x-amz-json-1.1", "AWSGlue",
     false},
    {"athena", "athena", "athena", "ATHENA", KN_PROTOCOL_JSON, "application/x-amz-json-1.1",
     "AmazonAthena", false},
    {"s3", "s3", "s3", "S3", KN_PROTOCOL_REST_XML, NULL, NULL, false},
    {"sts", "sts", "sts", "STS", KN_PROTOCOL_QUERY,
     "application/x-www-form-urlencoded; charset=utf-8", "2011-06-15", false},
    /* What only the lake answers. */
    {"lake", "kinesis", NULL, "LAKE", KN_PROTOCOL_JSON, "application/x-amz-json-1.1",
     "KinessisLake", false},
    {NULL, NULL, NULL, NULL, KN_PROTOCOL_JSON, NULL, NULL, false},
};

#define KINESIS &apis[0]
#define FIREHOSE &apis[1]
#define GLUE &apis[2]
#define ATHENA &apis[3]
#define S3 &apis[4]
#define STS &apis[5]
#define LAKE &apis[6]

#define ONCE false
#define REPEATABLE true
#define JSON NULL, false, false, NULL

const kn_operation kn_operations[] = {
    {KINESIS, "AddTagsToStream", REPEATABLE, JSON},
    {KINESIS, "CreateStream", ONCE, JSON},
    {KINESIS, "DecreaseStreamRetentionPeriod", ONCE, JSON},
    {KINESIS, "DeleteStream", ONCE, JSON},
    {KINESIS, "DescribeLimits", REPEATABLE, JSON},
    {KINESIS, "DescribeStream", REPEATABLE, JSON},
    {KINESIS, "DescribeStreamSummary", REPEATABLE, JSON},
    {KINESIS, "GetRecords", REPEATABLE, JSON},
    {KINESIS, "GetShardIterator", REPEATABLE, JSON},
    {KINESIS, "IncreaseStreamRetentionPeriod", ONCE, JSON},
    {KINESIS, "ListShards", REPEATABLE, JSON},
    {KINESIS, "ListStreams", REPEATABLE, JSON},
    {KINESIS, "ListTagsForStream", REPEATABLE, JSON},
    {KINESIS, "MergeShards", ONCE, JSON},
    {KINESIS, "PutRecord", REPEATABLE, JSON},
    {KINESIS, "PutRecords", REPEATABLE, JSON},
    {KINESIS, "RemoveTagsFromStream", REPEATABLE, JSON},
    {KINESIS, "SplitShard", ONCE, JSON},
    {KINESIS, "UpdateShardCount", ONCE, JSON},
    {KINESIS, "UpdateStreamMode", ONCE, JSON},

    {FIREHOSE, "CreateDeliveryStream", ONCE, JSON},
    {FIREHOSE, "DeleteDeliveryStream", ONCE, JSON},
    {FIREHOSE, "DescribeDeliveryStream", REPEATABLE, JSON},
    {FIREHOSE, "ListDeliveryStreams", REPEATABLE, JSON},
    {FIREHOSE, "PutRecord", REPEATABLE, JSON},
    {FIREHOSE, "PutRecordBatch", REPEATABLE, JSON},

    {GLUE, "BatchCreatePartition", ONCE, JSON},
    {GLUE, "BatchDeletePartition", ONCE, JSON},
    {GLUE, "BatchGetPartition", REPEATABLE, JSON},
    {GLUE, "CreateDatabase", ONCE, JSON},
    {GLUE, "CreatePartition", ONCE, JSON},
    {GLUE, "CreateTable", ONCE, JSON},
    {GLUE, "DeleteDatabase", ONCE, JSON},
    {GLUE, "DeletePartition", ONCE, JSON},
    {GLUE, "DeleteTable", ONCE, JSON},
    {GLUE, "GetDatabase", REPEATABLE, JSON},
    {GLUE, "GetDatabases", REPEATABLE, JSON},
    {GLUE, "GetPartition", REPEATABLE, JSON},
    {GLUE, "GetPartitions", REPEATABLE, JSON},
    {GLUE, "GetTable", REPEATABLE, JSON},
    {GLUE, "GetTables", REPEATABLE, JSON},
    {GLUE, "UpdateDatabase", REPEATABLE, JSON},
    {GLUE, "UpdatePartition", REPEATABLE, JSON},
    {GLUE, "UpdateTable", ONCE, JSON}, /* each adds a version */

    {ATHENA, "CreateWorkGroup", ONCE, JSON},
    {ATHENA, "DeleteWorkGroup", ONCE, JSON},
    {ATHENA, "GetQueryExecution", REPEATABLE, JSON},
    {ATHENA, "GetQueryResults", REPEATABLE, JSON},
    {ATHENA, "GetWorkGroup", REPEATABLE, JSON},
    {ATHENA, "ListQueryExecutions", REPEATABLE, JSON},
    {ATHENA, "ListWorkGroups", REPEATABLE, JSON},
    {ATHENA, "StartQueryExecution", REPEATABLE, JSON}, /* its ClientRequestToken makes it one */
    {ATHENA, "StopQueryExecution", REPEATABLE, JSON},

    {S3, "CreateBucket", ONCE, "PUT", true, false, NULL},
    {S3, "DeleteBucket", ONCE, "DELETE", true, false, NULL},
    {S3, "DeleteObject", REPEATABLE, "DELETE", true, true, NULL},
    {S3, "GetObject", REPEATABLE, "GET", true, true, NULL},
    {S3, "HeadBucket", REPEATABLE, "HEAD", true, false, NULL},
    {S3, "HeadObject", REPEATABLE, "HEAD", true, true, NULL},
    {S3, "ListBuckets", REPEATABLE, "GET", false, false, NULL},
    {S3, "ListObjectsV2", REPEATABLE, "GET", true, false, "list-type=2"},
    {S3, "PutObject", REPEATABLE, "PUT", true, true, NULL},

    {STS, "AssumeRole", REPEATABLE, JSON},
    {STS, "AssumeRoleWithWebIdentity", REPEATABLE, JSON},
    {STS, "GetCallerIdentity", REPEATABLE, JSON},

    {LAKE, "Flush", REPEATABLE, JSON},

    {NULL, NULL, false, JSON},
};

const kn_api *kn_api_at(size_t i) {
    return i < sizeof apis / sizeof *apis - 1 ? &apis[i] : NULL;
}

const kn_api *kn_api_find(const char *name) {
    for (const kn_api *a = apis; a->name; a++)
        if (strcmp(a->name, name) == 0)
            return a;
    return NULL;
}

const kn_operation *kn_operation_find(const kn_api *api, const char *name) {
    for (const kn_operation *o = kn_operations; o->api; o++)
        if (o->api == api && strcmp(o->name, name) == 0)
            return o;
    return NULL;
}
