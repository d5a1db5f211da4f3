/* GetShardIterator and GetRecords. An iterator is a place in a shard's journal and the time it was
 * given out; nothing is kept for it here. */
#include "lake/kinesis/state.h"

#include "base/json.h"
#include "base/time.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ITERATOR_MS 300000
#define REPLY_BYTES (10u << 20)

#define INVALID_ARGUMENT 400, "InvalidArgumentException"

/* ---- GetShardIterator ---- */

typedef struct request {
    const char *stream, *type, *sequence;
    const json_t *timestamp;
    const char *account;
    unsigned shard; /* its number */
    char shard_id[KN_SHARD_ID_SIZE];
} request;

/* The place of a sequence number, after it when `after`. */
static bool place_of_sequence(const kn_stream *stream, const kn_shard *shard, const request *r,
                              bool after, uint64_t *index, kn_err *err) {
    kn_sequence sequence;
    if (!kn_sequence_parse(kn_slice_cstr(r->sequence), &sequence))
        return kn_fail_aws(err, INVALID_ARGUMENT,
                           "StartingSequenceNumber %s used in GetShardIterator on shard %s in "
                           "stream %s under account %s is invalid.",
                           r->sequence, r->shard_id, stream->name, r->account);
    if (sequence.shard != r->shard) {
        char encoded[KN_SHARD_ID_SIZE];
        kn_shard_id_print(sequence.shard, encoded);
        return kn_fail_aws(err, INVALID_ARGUMENT,
                           "Invalid StartingSequenceNumber. It encodes %s, while it was used in a "
                           "call to a shard with %s",
                           encoded, r->shard_id);
    }
    if (sequence.created_s != shard->facts.created_s)
        return kn_fail_aws(err, INVALID_ARGUMENT,
                           "StartingSequenceNumber %s used in GetShardIterator on shard %s in "
                           "stream %s under account %s is invalid because it did not come from "
                           "this stream.",
                           r->sequence, r->shard_id, stream->name, r->account);
    *index = sequence.number ? sequence.number - 1 : 0; /* 0 is the start of the shard */
    if (after && sequence.number)
        ++*index;
    return true;
}

static bool place_of_time(kn_journal *journal, const request *r, uint64_t *index, kn_err *err) {
    if (!r->timestamp)
        return kn_fail_aws(err, INVALID_ARGUMENT,
                           "Must specify timestampInMillis parameter for iterator of type "
                           "AT_TIMESTAMP. Current request has no timestamp parameter.");
    double seconds = json_number_value(r->timestamp);
    int64_t now = kn_time_now_ms();
    /* through microseconds, since 1234.567 * 1000 may fall just short of a whole millisecond */
    int64_t ms = seconds < 0      ? 0
                 : seconds > 1e11 ? INT64_MAX
                                  : ((int64_t)(seconds * 1e6 + 0.5) + 999) / 1000;
    if (ms > now)
        return kn_fail_aws(err, INVALID_ARGUMENT,
                           "The timestampInMillis parameter cannot be greater than the "
                           "currentTimestampInMillis. timestampInMillis: %" PRId64
                           ", currentTimestampInMillis: %" PRId64,
                           ms, now);
    return kn_journal_seek_time(journal, ms, index, err);
}

static bool place_of(const kn_stream *stream, const kn_shard *shard, kn_journal *journal,
                     const request *r, uint64_t *index, kn_err *err) {
    bool at = strcmp(r->type, "AT_SEQUENCE_NUMBER") == 0;
    bool after = strcmp(r->type, "AFTER_SEQUENCE_NUMBER") == 0;
    if ((at || after) != (r->sequence != NULL) && strcmp(r->type, "AT_TIMESTAMP") != 0)
        return kn_fail_aws(err, INVALID_ARGUMENT,
                           "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER "
                           "and StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no "
                           "StartingSequenceNumber. Request specified %s and %s "
                           "StartingSequenceNumber.",
                           r->type, r->sequence ? "also a" : "no");
    if (at || after)
        return place_of_sequence(stream, shard, r, after, index, err);
    if (strcmp(r->type, "AT_TIMESTAMP") == 0)
        return place_of_time(journal, r, index, err);
    *index = strcmp(r->type, "LATEST") == 0 ? kn_journal_end(journal) : 0;
    return true;
}

static bool check_type(const char *type, kn_err *err) {
    static const char *const types[] = {"AFTER_SEQUENCE_NUMBER", "LATEST", "AT_TIMESTAMP",
                                        "AT_SEQUENCE_NUMBER", "TRIM_HORIZON"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return kn_fail_aws(err, 400, "ValidationException",
                       "1 validation error detected: Value '%s' at 'shardIteratorType' failed to "
                       "satisfy constraint: Member must satisfy enum value set: "
                       "[AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, "
                       "TRIM_HORIZON]",
                       type);
}

static bool read_request(kn_op_call *call, request *r, kn_err *err) {
    const char *shard = kn_input_string(call, "ShardId");
    *r = (request){.type = kn_input_string(call, "ShardIteratorType"),
                   .sequence = kn_input_string(call, "StartingSequenceNumber"),
                   .timestamp = json_object_get(call->input, "Timestamp"),
                   .account = kn_lake_account(call->lake)};
    if (json_is_null(r->timestamp))
        r->timestamp = NULL;
    if (!check_type(r->type, err) || !kn_stream_name_input(call, &r->stream, err))
        return false;
    if (!kn_shard_id_parse(shard, &r->shard))
        return kn_fail_aws(err, 400, "ResourceNotFoundException",
                           "Could not find shard %s in stream %s under account %s.", shard,
                           r->stream, r->account);
    kn_shard_id_print(r->shard, r->shard_id);
    return true;
}

static void write_iterator(kn_json *j, const char *key, const kn_page_token *token) {
    kn_buf text;
    kn_buf_init(&text, 512);
    kn_page_token_print(token, &text);
    kn_json_key(j, key);
    kn_json_string(j, kn_buf_view(&text));
    kn_buf_free(&text);
}

bool kn_kinesis_get_shard_iterator(kn_op_call *call, kn_err *err) {
    kn_kinesis *kinesis = kn_lake_kinesis(call->lake);
    kn_stream *stream;
    kn_journal *journal;
    request r;
    if (!read_request(call, &r, err))
        return false;
    if (!kn_stream_hold(kinesis, r.stream, &stream, err))
        return kn_fail_shard(err, kinesis, r.stream, r.shard_id);
    kn_page_token token = {.kind = 'i', .issued_ms = kn_time_now_ms(), .shard = r.shard};
    memcpy(token.stream, stream->id, sizeof stream->id);
    kn_shard *shard = kn_stream_shard(stream, r.shard);
    bool ok = shard ? kn_stream_journal(kinesis, stream, shard, &journal, err)
                    : kn_fail_shard(err, kinesis, r.stream, r.shard_id);
    ok = ok && place_of(stream, shard, journal, &r, &token.index, err);
    if (ok) {
        kn_json j = kn_json_to(call->text);
        kn_json_begin(&j, '{');
        write_iterator(&j, "ShardIterator", &token);
        kn_json_end(&j, '}');
        ok = kn_buf_check(call->text, "the reply", err);
    }
    kn_stream_release(stream);
    return ok;
}

/* ---- GetRecords ---- */

typedef struct reading {
    kn_json j;
    const kn_shard *shard;
    uint64_t left; /* records that may still be written */
    uint64_t bytes;
    bool full; /* the next record is over the size of a reply */
} reading;

static bool write_record(void *context, const kn_journal_record *record) {
    reading *r = context;
    char text[64];
    r->bytes += record->data.n + record->key.n;
    r->full = r->bytes > REPLY_BYTES;
    if (r->full)
        return false;
    kn_json_begin(&r->j, '{');
    kn_json_key(&r->j, "SequenceNumber");
    kn_kinesis_sequence_number(r->shard->facts.created_s, r->shard->number, record->index,
                               record->arrival_ms, text);
    kn_json_cstr(&r->j, text);
    kn_json_key(&r->j, "ApproximateArrivalTimestamp");
    int n = snprintf(text, sizeof text, "%" PRId64 ".%03d", record->arrival_ms / 1000,
                     (int)(record->arrival_ms % 1000));
    kn_json_raw(&r->j, (kn_slice){text, (size_t)n});
    kn_json_key(&r->j, "Data");
    kn_json_base64(&r->j, record->data);
    kn_json_key(&r->j, "PartitionKey");
    kn_json_string(&r->j, record->key);
    kn_json_end(&r->j, '}');
    return --r->left > 0 && kn_buf_ok(r->j.out);
}

/* How far the reader is behind: 0 at the end, else the age of the next record. */
static bool behind(kn_journal *journal, uint64_t next, int64_t *ms, kn_err *err) {
    uint64_t bytes;
    int64_t oldest;
    *ms = 0;
    if (next >= kn_journal_end(journal))
        return true;
    if (!kn_journal_backlog(journal, next, &bytes, &oldest, err))
        return false;
    int64_t age = kn_time_now_ms() - oldest;
    *ms = age > 1 ? age : 1;
    return true;
}

static bool add_child(json_t *children, unsigned number, const kn_shard_facts *f) {
    char id[KN_SHARD_ID_SIZE], parent[KN_SHARD_ID_SIZE], adjacent[KN_SHARD_ID_SIZE];
    kn_shard_id_print(number, id);
    kn_shard_id_print(f->parent, parent);
    json_t *child = json_pack("{s:s, s:[s], s:o}", "ShardId", id, "ParentShards", parent,
                              "HashKeyRange", kn_shard_range_json(f));
    if (child && f->adjacent != KN_NO_SHARD) {
        kn_shard_id_print(f->adjacent, adjacent);
        json_array_append_new(json_object_get(child, "ParentShards"), json_string(adjacent));
    }
    return json_array_append_new(children, child) == 0;
}

/* Where the records of a closed shard's hash keys have gone. */
static bool write_children(kn_json *j, kn_stream *stream, unsigned parent, kn_err *err) {
    json_t *children = json_array();
    bool ok = children != NULL;
    pthread_mutex_lock(&stream->lock);
    for (unsigned i = parent + 1; ok && i < stream->shards.count; i++) {
        const kn_shard_facts *f = &stream->shards.all[i]->facts;
        if (f->parent == parent || f->adjacent == parent)
            ok = add_child(children, i, f);
    }
    pthread_mutex_unlock(&stream->lock);
    char *text = ok ? json_dumps(children, JSON_COMPACT) : NULL;
    if (text) {
        kn_json_key(j, "ChildShards");
        kn_json_raw(j, kn_slice_cstr(text));
    }
    ok = text != NULL;
    free(text);
    json_decref(children);
    return ok || kn_fail_memory(err);
}

static bool write_records(kn_op_call *call, kn_stream *stream, kn_shard *shard, kn_journal *journal,
                          kn_page_token *token, kn_err *err) {
    reading r = {.j = kn_json_to(call->text),
                 .shard = shard,
                 .left = (uint64_t)kn_input_integer(call, "Limit", 10000)};
    /* looked at before the journal: what is closed gets no record any more */
    bool closed = kn_shard_now(stream, shard).closed_ms != 0;
    uint64_t horizon, from, next;
    int64_t late;
    if (!kn_stream_horizon(stream, journal, &horizon, err))
        return false;
    from = token->index > horizon ? token->index : horizon;
    kn_json_begin(&r.j, '{');
    kn_json_key(&r.j, "Records");
    kn_json_begin(&r.j, '[');
    if (!kn_journal_read(journal, from, write_record, &r, &next, err))
        return false;
    if (r.full)
        next--; /* visited, but not written */
    if (!behind(journal, next, &late, err))
        return false;
    kn_json_end(&r.j, ']');
    token->index = next;
    token->issued_ms = kn_time_now_ms();
    if (!closed || next < kn_journal_end(journal))
        write_iterator(&r.j, "NextShardIterator", token);
    else if (!write_children(&r.j, stream, shard->number, err))
        return false;
    kn_json_key(&r.j, "MillisBehindLatest");
    kn_json_int(&r.j, late);
    kn_json_end(&r.j, '}');
    if (kn_lake_shard_limits(call->lake)) {
        pthread_mutex_lock(&stream->lock);
        kn_rates_gave(&shard->rates, r.bytes);
        pthread_mutex_unlock(&stream->lock);
    }
    return kn_buf_check(call->text, "the reply", err);
}

/* With --shard-limits: five calls a second, and two megabytes. */
static bool check_rate(kn_op_call *call, kn_stream *stream, kn_shard *shard, kn_err *err) {
    if (!kn_lake_shard_limits(call->lake))
        return true;
    pthread_mutex_lock(&stream->lock);
    bool ok = kn_rates_get(&shard->rates, kn_time_now_ms());
    pthread_mutex_unlock(&stream->lock);
    return ok || kn_fail_rate(err, kn_lake_kinesis(call->lake), stream, shard);
}

/* "Thu Jan 22 01:22:02 UTC 2015", as the message about expiry has it. */
static void print_utc(int64_t ms, char out[40]) {
    char http[30]; /* Thu, 22 Jan 2015 01:22:02 GMT */
    kn_time_http(http, ms);
    snprintf(out, 40, "%.3s %.3s %.2s %.8s UTC %.4s", http, http + 8, http + 5, http + 17,
             http + 12);
}

bool kn_kinesis_get_records(kn_op_call *call, kn_err *err) {
    kn_kinesis *kinesis = kn_lake_kinesis(call->lake);
    kn_page_token token;
    kn_stream *stream;
    kn_journal *journal;
    int64_t now = kn_time_now_ms();
    if (!kn_page_token_parse(kn_slice_cstr(kn_input_string(call, "ShardIterator")), 'i', &token))
        return kn_fail_aws(err, INVALID_ARGUMENT, "Invalid ShardIterator.");
    if (now - token.issued_ms > ITERATOR_MS) {
        char then[40], today[40];
        print_utc(token.issued_ms, then);
        print_utc(now, today);
        return kn_fail_aws(err, 400, "ExpiredIteratorException",
                           "Iterator expired. The iterator was created at time %s while right now "
                           "it is %s which is further in the future than the tolerated delay of "
                           "%d milliseconds.",
                           then, today, ITERATOR_MS);
    }
    if (!kn_stream_hold_token(kinesis, &token, &stream, err))
        return false;
    kn_shard *shard = kn_stream_shard(stream, token.shard);
    bool ok = check_rate(call, stream, shard, err) &&
              kn_stream_journal(kinesis, stream, shard, &journal, err) &&
              write_records(call, stream, shard, journal, &token, err);
    kn_stream_release(stream);
    return ok;
}
