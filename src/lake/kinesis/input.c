/* What the operations of Kinesis read from their input, and the names they write. */
#include "lake/kinesis/state.h"

#include "base/digits.h"

#include <stdio.h>
#include <stdlib.h>

const char *kn_input_string(const kn_op_call *call, const char *name) {
    return json_string_value(json_object_get(call->input, name));
}

int64_t kn_input_integer(const kn_op_call *call, const char *name, int64_t fallback) {
    const json_t *value = json_object_get(call->input, name);
    return json_is_integer(value) ? json_integer_value(value)
           : json_is_real(value)  ? (int64_t)json_real_value(value)
                                  : fallback;
}

bool kn_stream_name_input(kn_op_call *call, const char **name, kn_err *err) {
    const char *given = kn_input_string(call, "StreamName");
    const char *arn = kn_input_string(call, "StreamARN");
    const char *slash = arn ? strchr(arn, '/') : NULL;
    if (arn && (strncmp(arn, "arn:", 4) != 0 || !slash || !slash[1]))
        return kn_fail_aws(err, 400, "InvalidArgumentException",
                           "StreamARN %s is not the ARN of a stream "
                           "(arn:aws:kinesis:region:account:stream/name).",
                           arn);
    if (given && slash && strcmp(given, slash + 1) != 0)
        return kn_fail_aws(err, 400, "InvalidArgumentException",
                           "StreamName %s and StreamARN %s are different streams.", given, arn);
    *name = given ? given : slash ? slash + 1 : NULL;
    return *name || kn_fail_aws(err, 400, "InvalidArgumentException",
                                "Either StreamName or StreamARN must be specified.");
}

bool kn_stream_hold_input(kn_op_call *call, kn_stream **out, kn_err *err) {
    const char *name;
    return kn_stream_name_input(call, &name, err) &&
           kn_stream_hold(kn_lake_kinesis(call->lake), name, out, err);
}

bool kn_stream_hold_token(kn_kinesis *kinesis, const kn_page_token *token, kn_stream **out,
                          kn_err *err) {
    char name[sizeof token->stream];
    snprintf(name, sizeof name, "%s", token->stream);
    char *dash = strrchr(name, '-');
    if (dash)
        *dash = '\0';
    kn_stream *stream = NULL;
    bool ok = kn_stream_hold(kinesis, name, &stream, NULL);
    if (ok && strcmp(stream->id, token->stream) == 0 && kn_stream_shard(stream, token->shard)) {
        *out = stream;
        return true;
    }
    if (ok)
        kn_stream_release(stream);
    char id[KN_SHARD_ID_SIZE];
    kn_shard_id_print(token->shard, id);
    return kn_fail_shard(err, kinesis, name, id);
}

bool kn_fail_shard(kn_err *err, const kn_kinesis *kinesis, const char *stream, const char *shard) {
    return kn_fail_aws(err, 400, "ResourceNotFoundException",
                       "Shard %s in stream %s under account %s does not exist", shard, stream,
                       kn_lake_account(kinesis->lake));
}

bool kn_fail_rate(kn_err *err, const kn_kinesis *kinesis, const kn_stream *stream,
                  const kn_shard *shard) {
    char id[KN_SHARD_ID_SIZE];
    kn_shard_id_print(shard->number, id);
    return kn_fail_aws(err, 400, "ProvisionedThroughputExceededException",
                       "Rate exceeded for shard %s in stream %s under account %s.", id,
                       stream->name, kn_lake_account(kinesis->lake));
}

char *kn_stream_arn(const kn_kinesis *kinesis, const char *name) {
    char *arn;
    int n = asprintf(&arn, "arn:aws:kinesis:%s:%s:stream/%s", kn_lake_region(kinesis->lake),
                     kn_lake_account(kinesis->lake), name);
    return n < 0 ? NULL : arn;
}

void kn_shard_id_print(unsigned shard, char out[KN_SHARD_ID_SIZE]) {
    memcpy(out, "shardId-", 8);
    *kn_put_padded(out + 8, shard, 12) = '\0';
}

bool kn_shard_id_parse(const char *text, unsigned *shard) {
    if (strncmp(text, "shardId-", 8) == 0)
        text += 8;
    size_t n = strspn(text, "0123456789");
    if (n == 0 || n > 12 || text[n])
        return false;
    unsigned long long number = strtoull(text, NULL, 10);
    *shard = (unsigned)number;
    return number <= INT32_MAX;
}
