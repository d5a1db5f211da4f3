/* Error replies as the services (and their imitations) write them. */
#include "aws/error.h"

#include "tap.h"

static const struct {
    const char *api, *operation;
    int status;
    const char *headers, *body;
    const char *code, *message;
    bool retryable;
} cases[] = {
    {"kinesis", "PutRecords", 400, "",
     "{\"__type\":\"ResourceNotFoundException\",\"message\":\"Stream x not found.\"}",
     "ResourceNotFoundException",
     "kinesis PutRecords: ResourceNotFoundException: Stream x not found.", false},
    {"kinesis", "PutRecords", 400, "",
     "{\"__type\":\"com.amazonaws.kinesis.v20131202#LimitExceededException\",\"message\":\"m\"}",
     "LimitExceededException", "kinesis PutRecords: LimitExceededException: m", true},
    {"kinesis", "ListShards", 400,
     "X-Amzn-ErrorType: ValidationException:http://internal.amazon.com/\r\n", "{\"Message\":\"M\"}",
     "ValidationException", "kinesis ListShards: ValidationException: M", false},
    {"glue", "GetTable", 500, "", "{\"__type\":\"InternalFailure\"}", "InternalFailure",
     "glue GetTable: InternalFailure: HTTP status 500: {\"__type\":\"InternalFailure\"}", true},
    {"athena", "GetQueryResults", 400, "", "{\"__type\":\"ThrottlingException\",\"message\":\"m\"}",
     "ThrottlingException", "athena GetQueryResults: ThrottlingException: m", true},
    {"kinesis", "PutRecords", 502, "", "<html>\nBad gateway", "",
     "kinesis PutRecords: HTTP status 502: <html> Bad gateway", true},
    {"kinesis", "PutRecords", 413, "", "", "", "kinesis PutRecords: HTTP status 413", false},
    {"s3", "GetObject", 404, "",
     "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>The key.</Message></Error>",
     "NoSuchKey", "s3 GetObject: NoSuchKey: The key.", false},
    {"s3", "PutObject", 503, "", "<Error><Code>SlowDown</Code><Message>m</Message></Error>",
     "SlowDown", "s3 PutObject: SlowDown: m", true},
    {"s3", "HeadObject", 404, "", "", "NotFound", "s3 HeadObject: NotFound: HTTP status 404",
     false},
    {"sts", "GetCallerIdentity", 403, "",
     "<ErrorResponse xmlns=\"u\"><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code>"
     "<Message>no</Message></Error></ErrorResponse>",
     "InvalidClientTokenId", "sts GetCallerIdentity: InvalidClientTokenId: no", false},
    {"sts", "GetCallerIdentity", 400, "", "not XML", "BadRequest",
     "sts GetCallerIdentity: BadRequest: HTTP status 400: not XML", false},
};

int main(void) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kn_reply reply = {cases[i].status, kn_slice_cstr(cases[i].headers),
                          kn_slice_cstr(cases[i].body)};
        const kn_operation *op = kn_operation_find(kn_api_find(cases[i].api), cases[i].operation);
        if (!tap_ok(op != NULL, "%s %s", cases[i].api, cases[i].operation))
            continue;
        kn_err err;
        kn_aws_decode_error(op, &reply, &err);
        tap_is_str(err.aws_code, cases[i].code, "case %zu: code", i);
        tap_is_str(err.message, cases[i].message, "case %zu: message", i);
        tap_ok(err.retryable == cases[i].retryable && err.http_status == cases[i].status &&
                   err.code == KN_EAWS,
               "case %zu: class", i);
    }
    tap_ok(kn_aws_is_throttle("ThrottledException") && kn_aws_is_throttle("SlowDown") &&
               !kn_aws_is_throttle("InternalFailure") && !kn_aws_is_throttle(""),
           "throttles");
    tap_ok(!kn_operation_find(kn_api_find("s3"), "PutRecords") && !kn_api_find("ec2"),
           "what is not in the table");
    return tap_done();
}
