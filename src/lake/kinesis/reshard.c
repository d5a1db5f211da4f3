/* SplitShard, MergeShards and UpdateShardCount. The stream stays ACTIVE: they are done when they
 * answer. Limits: UpdateShardCount at most doubles and at least halves; how often a day is not
 * counted. */
#include "lake/kinesis/state.h"

#include "base/time.h"

#include <stdlib.h>

#define INVALID_ARGUMENT 400, "InvalidArgumentException"

/* Reads the document's shards, lets `change` change them, and writes them back. */
typedef struct reshard {
    kn_op_call *call;
    bool (*change)(struct reshard *r, const kn_stream *stream, kn_err *err);
    kn_shard_list list;
    int64_t now_ms;
    int64_t target;  /* of UpdateShardCount */
    unsigned before; /* open shards */
} reshard;

static bool check_mode(const kn_stream *stream, kn_err *err) {
    return !stream->on_demand ||
           kn_fail_aws(err, 400, "ValidationException",
                       "Shards of the stream %s cannot be changed: it is in ON_DEMAND mode.",
                       stream->name);
}

static bool too_many(const kn_stream *stream, kn_err *err) {
    if (err->code != KN_ELIMIT)
        return false;
    return kn_fail_aws(err, 400, "LimitExceededException",
                       "Stream %s has had its most of %d shards, closed ones included.",
                       stream->name, KN_SHARDS_EVER);
}

static bool change_shards(const kn_stream *stream, json_t *doc, void *context, kn_err *err) {
    reshard *r = context;
    if (!check_mode(stream, err) ||
        !kn_shard_list_read(json_object_get(doc, "Shards"), stream->created_ms, &r->list, err))
        return false;
    r->before = kn_shard_list_open(&r->list);
    if (r->now_ms <= stream->created_ms) /* the first shards are open for a moment at least */
        r->now_ms = stream->created_ms + 1;
    bool ok = r->change(r, stream, err);
    json_t *shards = ok ? kn_shard_list_write(&r->list) : NULL;
    if (ok && (!shards || json_object_set(doc, "Shards", shards) != 0))
        ok = kn_fail_memory(err);
    json_decref(shards);
    kn_shard_list_free(&r->list);
    return ok;
}

static bool run(kn_op_call *call, reshard *r, kn_err *err) {
    r->call = call;
    r->now_ms = kn_time_now_ms();
    return kn_stream_change(call, change_shards, r, err);
}

/* The open shard that the member names. */
static bool read_shard(const reshard *r, const kn_stream *stream, const char *member,
                       unsigned *number, kn_err *err) {
    const char *text = kn_input_string(r->call, member);
    const char *account = kn_lake_account(r->call->lake);
    if (!kn_shard_id_parse(text, number) || *number >= r->list.count)
        return kn_fail_aws(err, 400, "ResourceNotFoundException",
                           "Could not find shard %s in stream %s under account %s.", text,
                           stream->name, account);
    if (r->list.rows[*number].closed_ms == 0)
        return true;
    return kn_fail_aws(err, INVALID_ARGUMENT,
                       "Shard %s in stream %s under account %s has already been merged or split, "
                       "and thus is not eligible for merging or splitting.",
                       text, stream->name, account);
}

static bool split(reshard *r, const kn_stream *stream, kn_err *err) {
    const char *text = kn_input_string(r->call, "NewStartingHashKey");
    unsigned number;
    kn_hash_key at;
    if (!read_shard(r, stream, "ShardToSplit", &number, err))
        return false;
    const kn_shard_facts *f = &r->list.rows[number];
    if (!kn_hash_parse(kn_slice_cstr(text), &at) || at <= f->begin || at - f->begin < 2 ||
        at >= f->end) {
        char id[KN_SHARD_ID_SIZE], begin[KN_HASH_TEXT], end[KN_HASH_TEXT];
        kn_shard_id_print(number, id);
        kn_hash_print(f->begin, begin);
        kn_hash_print(f->end, end);
        return kn_fail_aws(err, INVALID_ARGUMENT,
                           "NewStartingHashKey %s used in SplitShard() on shard %s in stream %s "
                           "under account %s is not both greater than one plus the shard's "
                           "StartingHashKey %s and less than the shard's EndingHashKey %s.",
                           text, id, stream->name, kn_lake_account(r->call->lake), begin, end);
    }
    return kn_kinesis_allow_shards(kn_lake_kinesis(r->call->lake), 1, err) &&
           (kn_shard_list_split(&r->list, number, at, r->now_ms, err) || too_many(stream, err));
}

bool kn_kinesis_split_shard(kn_op_call *call, kn_err *err) {
    reshard r = {.change = split};
    return run(call, &r, err);
}

static bool follows(const kn_shard_facts *a, const kn_shard_facts *b) {
    return b->begin > a->end && b->begin - a->end == 1;
}

static bool merge(reshard *r, const kn_stream *stream, kn_err *err) {
    unsigned a, b;
    if (!read_shard(r, stream, "ShardToMerge", &a, err) ||
        !read_shard(r, stream, "AdjacentShardToMerge", &b, err))
        return false;
    const kn_shard_facts *x = &r->list.rows[a], *y = &r->list.rows[b];
    if (!follows(x, y) && !follows(y, x))
        return kn_fail_aws(err, INVALID_ARGUMENT,
                           "Shards %s and %s in stream %s under account %s are not an adjacent "
                           "pair of shards eligible for merging",
                           kn_input_string(r->call, "ShardToMerge"),
                           kn_input_string(r->call, "AdjacentShardToMerge"), stream->name,
                           kn_lake_account(r->call->lake));
    return kn_shard_list_merge(&r->list, a, b, r->now_ms, err) || too_many(stream, err);
}

bool kn_kinesis_merge_shards(kn_op_call *call, kn_err *err) {
    reshard r = {.change = merge};
    return run(call, &r, err);
}

static bool even(reshard *r, const kn_stream *stream, kn_err *err) {
    unsigned present = r->before;
    if (r->target > 2 * (int64_t)present || r->target < (present + 1) / 2)
        return kn_fail_aws(
            err, INVALID_ARGUMENT,
            "UpdateShardCount cannot scale %s your current open shard count. Current "
            "open shard count: %u Target shard count: %lld",
            r->target > present ? "up over double" : "down below half", present,
            (long long)r->target);
    if (r->target > present && !kn_kinesis_allow_shards(kn_lake_kinesis(r->call->lake),
                                                        (unsigned)r->target - present, err))
        return false;
    return kn_shard_list_even(&r->list, (unsigned)r->target, r->now_ms, err) ||
           too_many(stream, err);
}

bool kn_kinesis_update_shard_count(kn_op_call *call, kn_err *err) {
    reshard r = {.change = even, .target = kn_input_integer(call, "TargetShardCount", 0)};
    const char *type = kn_input_string(call, "ScalingType"), *name;
    if (strcmp(type, "UNIFORM_SCALING") != 0)
        return kn_fail_aws(err, 400, "ValidationException",
                           "1 validation error detected: Value '%s' at 'scalingType' failed to "
                           "satisfy constraint: Member must satisfy enum value set: "
                           "[UNIFORM_SCALING]",
                           type);
    if (!kn_stream_name_input(call, &name, err) || !run(call, &r, err))
        return false;
    char *arn = kn_stream_arn(kn_lake_kinesis(call->lake), name);
    call->output =
        json_pack("{s:s, s:s?, s:i, s:I}", "StreamName", name, "StreamARN", arn,
                  "CurrentShardCount", (int)r.before, "TargetShardCount", (json_int_t)r.target);
    free(arn);
    return call->output || kn_fail_memory(err);
}
