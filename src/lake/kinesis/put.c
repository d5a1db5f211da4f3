/* PutRecord and PutRecords: decode into one arena, route by hash key, append once per shard. The
 * stream's layout is held from the one to the other; shards are told here by their place among the
 * open ones.
 *
 * Limits: a record's data and key 1 MiB, a request 500 records and 10 MiB. Throttling (rates.h) is
 * imitated when the lake is told to. */
#include "lake/kinesis/state.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/log.h"
#include "base/time.h"

#include <stdio.h>
#include <stdlib.h>

#define RECORD_BYTES (1u << 20)
#define REQUEST_BYTES (10u << 20)
#define RESULT_BYTES 160   /* of the reply, for a record: enough */
#define THROTTLED SIZE_MAX /* in place_of, until it is filled */

typedef struct put {
    size_t n;
    bool raw;                   /* the entries' data is bytes, not base64 */
    kn_journal_record *records; /* in the order of shards, then of the request */
    unsigned *shard_of;         /* by place in the request */
    size_t *place_of;           /* in records, by place in the request */
    size_t *ends;               /* by shard: where its records end in records */
    bool *failed;               /* by shard */
    size_t throttled;           /* records: the last ones in records */
    kn_buf arena;
    kn_md5 md5;
} put;

static void put_free(put *p) {
    free(p->records);
    free(p->shard_of);
    free(p->place_of);
    free(p->ends);
    free(p->failed);
    kn_buf_free(&p->arena);
    kn_md5_free(&p->md5);
}

static bool put_init(const kn_kinesis *kinesis, put *p, size_t n, unsigned shards, kn_err *err) {
    p->n = n;
    kn_buf_init(&p->arena, REQUEST_BYTES + 2 * n + 4);
    p->records = calloc(n, sizeof *p->records);
    p->shard_of = calloc(n, sizeof *p->shard_of);
    p->place_of = calloc(n, sizeof *p->place_of);
    p->ends = calloc(shards + 1, sizeof *p->ends);
    p->failed = calloc(shards, sizeof *p->failed);
    if (p->records && p->shard_of && p->place_of && p->ends && p->failed)
        return kn_md5_share(&p->md5, &kinesis->md5, err);
    return kn_fail_memory(err);
}

static kn_slice member(const json_t *record, const char *name) {
    const json_t *value = json_object_get(record, name);
    return (kn_slice){json_string_value(value), json_string_length(value)};
}

static kn_put_entry entry_of(const json_t *record) {
    return (kn_put_entry){member(record, "Data"), member(record, "PartitionKey"),
                          member(record, "ExplicitHashKey")};
}

static bool hash_of(put *p, const kn_put_entry *entry, kn_hash_key *hash, kn_err *err) {
    if (kn_hash_of(&p->md5, entry->key, entry->hash, hash, err))
        return true;
    return err->code != KN_EINVAL
               ? false
               : kn_fail_aws(err, 400, "InvalidArgumentException",
                             "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, "
                             "2^128-1]. Specified value was %.*s",
                             (int)entry->hash.n, entry->hash.p);
}

static unsigned shard_of_hash(const kn_shards *shards, kn_hash_key hash) {
    unsigned low = 0, high = shards->open_count - 1;
    while (low < high) { /* the last that begins at or before the key */
        unsigned middle = low + (high - low + 1) / 2;
        if (shards->open[middle]->facts.begin <= hash)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static size_t decoded_size(kn_slice base64) {
    size_t n = base64.n / 4 * 3;
    for (size_t i = 1; i <= 2 && i <= base64.n && base64.p[base64.n - i] == '='; i++)
        n--;
    return n;
}

/* With --shard-limits: a shard takes what its rates allow, and none of the rest. */
static void throttle(kn_stream *stream, put *p, const kn_put_entry *entries) {
    int64_t now = kn_time_now_ms();
    pthread_mutex_lock(&stream->lock);
    for (size_t i = 0; i < p->n; i++) {
        kn_slice data = entries[i].data;
        size_t bytes = (p->raw ? data.n : decoded_size(data)) + entries[i].key.n;
        if (kn_rates_put(&stream->shards.open[p->shard_of[i]]->rates, now, bytes))
            continue;
        p->place_of[i] = THROTTLED;
        p->throttled++;
    }
    pthread_mutex_unlock(&stream->lock);
}

/* Routes every record, and orders the places of those that their shards take. */
static bool route(kn_kinesis *kinesis, kn_stream *stream, put *p, const kn_put_entry *entries,
                  kn_err *err) {
    const kn_shards *shards = &stream->shards;
    for (size_t i = 0; i < p->n; i++) {
        kn_hash_key hash;
        if (!hash_of(p, &entries[i], &hash, err))
            return false;
        p->shard_of[i] = shard_of_hash(shards, hash);
    }
    if (kn_lake_shard_limits(kinesis->lake))
        throttle(stream, p, entries);
    for (size_t i = 0; i < p->n; i++)
        p->ends[p->shard_of[i] + 1] += p->place_of[i] != THROTTLED;
    for (unsigned s = 0; s < shards->open_count; s++)
        p->ends[s + 1] += p->ends[s];
    size_t last = p->n - p->throttled;
    for (size_t i = 0; i < p->n; i++) /* now ends[s] is where s begins, and moves to its end */
        p->place_of[i] = p->place_of[i] == THROTTLED ? last++ : p->ends[p->shard_of[i]]++;
    return true;
}

static bool fail_size(kn_err *err) {
    return kn_fail_aws(err, 400, "InvalidArgumentException", "Records size exceeds %u MB limit",
                       REQUEST_BYTES >> 20);
}

/* Of base64; bytes stay where they are. */
static bool decode_data(put *p, const kn_put_entry *entries, kn_err *err) {
    size_t text = 0;
    for (size_t i = 0; i < p->n; i++)
        text += entries[i].data.n;
    if (text / 4 * 3 > REQUEST_BYTES + 2 * p->n) /* even with padding */
        return fail_size(err);
    if (!kn_buf_reserve(&p->arena, text / 4 * 3)) /* once, so that slices stay */
        return kn_buf_check(&p->arena, "the data of the records", err);
    for (size_t i = 0; i < p->n; i++) {
        kn_journal_record *record = &p->records[p->place_of[i]];
        size_t start = p->arena.len;
        if (!kn_base64_decode(&p->arena, entries[i].data))
            return kn_fail_aws(err, 400, "SerializationException",
                               "Data of record %zu is not valid base64", i + 1);
        record->data = (kn_slice){p->arena.p + start, p->arena.len - start};
    }
    return true;
}

static bool take_records(put *p, const kn_put_entry *entries, kn_err *err) {
    size_t total = 0;
    if (!p->raw && !decode_data(p, entries, err))
        return false;
    for (size_t i = 0; i < p->n; i++) {
        kn_journal_record *record = &p->records[p->place_of[i]];
        if (p->raw)
            record->data = entries[i].data;
        record->key = entries[i].key;
        total += record->data.n + record->key.n;
        if (record->data.n + record->key.n > RECORD_BYTES)
            return kn_fail_aws(err, 400, "InvalidArgumentException",
                               "Record %zu has %zu bytes of data and %zu of partition key; "
                               "together they must not exceed %u.",
                               i + 1, record->data.n, record->key.n, RECORD_BYTES);
    }
    return total <= REQUEST_BYTES || fail_size(err);
}

/* One append per shard. Succeeds when any shard took its records; the others are marked. */
static bool append(kn_kinesis *kinesis, kn_stream *stream, put *p, kn_err *err) {
    size_t kept = 0, begin = 0, offered = p->n - p->throttled;
    kn_err why = {0};
    for (unsigned s = 0; s < stream->shards.open_count; begin = p->ends[s++]) {
        kn_journal *journal;
        if (p->ends[s] == begin)
            continue;
        p->failed[s] =
            !kn_stream_journal(kinesis, stream, stream->shards.open[s], &journal, &why) ||
            !kn_journal_append(journal, p->records + begin, p->ends[s] - begin, &why);
        kept += p->failed[s] ? 0 : p->ends[s] - begin;
    }
    if (kept == offered)
        return true;
    if (kept == 0) {
        *err = why;
        return false;
    }
    kn_log(KN_LOG_ERROR, "PutRecords to %s: %zu of %zu records were not kept: %s", stream->name,
           offered - kept, p->n, why.message); /* the client learns of each, not of the reason */
    return true;
}

static bool is_throttled(const put *p, size_t i) {
    return p->place_of[i] >= p->n - p->throttled;
}

/* Whether the record was not kept, and why. */
static bool is_refused(const kn_kinesis *kinesis, const kn_stream *stream, const put *p, size_t i,
                       kn_err *why) {
    unsigned shard = p->shard_of[i];
    if (is_throttled(p, i))
        return !kn_fail_rate(why, kinesis, stream, stream->shards.open[shard]);
    return p->failed[shard] &&
           !kn_fail_aws(why, 500, "InternalFailure", "Internal Service Failure");
}

static void write_result(kn_json *j, const kn_kinesis *kinesis, const kn_stream *stream,
                         const put *p, size_t i) {
    char text[RESULT_BYTES], *end;
    const kn_shard *shard = stream->shards.open[p->shard_of[i]];
    kn_err why;
    if (is_refused(kinesis, stream, p, i, &why)) {
        kn_json_begin(j, '{');
        kn_json_key(j, "ErrorCode");
        kn_json_cstr(j, why.aws_code);
        kn_json_key(j, "ErrorMessage");
        kn_json_cstr(j, why.message);
        kn_json_end(j, '}');
        return;
    }
    const kn_journal_record *record = &p->records[p->place_of[i]];
    end = stpcpy(text, "{\"SequenceNumber\":\"");
    kn_kinesis_sequence_number(shard->facts.created_s, shard->number, record->index,
                               record->arrival_ms, end);
    end = stpcpy(strchr(end, '\0'), "\",\"ShardId\":\"");
    kn_shard_id_print(shard->number, end);
    end = stpcpy(strchr(end, '\0'), "\"}");
    kn_json_raw(j, (kn_slice){text, (size_t)(end - text)});
}

static void write_name(kn_buf *out, kn_slice name) {
    char head[KN_CBOR_HEAD];
    kn_buf_append(out, head, (size_t)(kn_cbor_head(head, KN_CBOR_TEXT, name.n) - head));
    kn_buf_slice(out, name);
}

static void write_count(kn_buf *out, kn_cbor_major major, uint64_t count) {
    char head[KN_CBOR_HEAD];
    kn_buf_append(out, head, (size_t)(kn_cbor_head(head, major, count) - head));
}

static void write_result_cbor(kn_buf *out, const kn_kinesis *kinesis, const kn_stream *stream,
                              const put *p, size_t i) {
    char text[RESULT_BYTES];
    const kn_shard *shard = stream->shards.open[p->shard_of[i]];
    const kn_journal_record *record = &p->records[p->place_of[i]];
    kn_err why;
    write_count(out, KN_CBOR_MAP, 2);
    if (is_refused(kinesis, stream, p, i, &why)) {
        write_name(out, KN_SLICE("ErrorCode"));
        write_name(out, kn_slice_cstr(why.aws_code));
        write_name(out, KN_SLICE("ErrorMessage"));
        write_name(out, kn_slice_cstr(why.message));
        return;
    }
    write_name(out, KN_SLICE("SequenceNumber"));
    kn_kinesis_sequence_number(shard->facts.created_s, shard->number, record->index,
                               record->arrival_ms, text);
    write_name(out, kn_slice_cstr(text));
    write_name(out, KN_SLICE("ShardId"));
    kn_shard_id_print(shard->number, text);
    write_name(out, kn_slice_cstr(text));
}

/* Everything that can be wrong with the records. After it, also when it fails, finish(). */
static bool prepare(kn_kinesis *kinesis, kn_stream *stream, put *p, const kn_put_entry *entries,
                    size_t n, kn_err *err) {
    pthread_rwlock_rdlock(&stream->layout);
    return put_init(kinesis, p, n, stream->shards.open_count, err) &&
           route(kinesis, stream, p, entries, err) && take_records(p, entries, err);
}

static void finish(kn_stream *stream, put *p) {
    pthread_rwlock_unlock(&stream->layout);
    put_free(p);
}

/* Keeps what was prepared, and answers. */
static bool keep_all(kn_op_call *call, kn_stream *stream, put *p, kn_err *err) {
    size_t failures = p->throttled;
    kn_kinesis *kinesis = kn_lake_kinesis(call->lake);
    if (!append(kinesis, stream, p, err))
        return false;
    for (size_t i = 0; i < p->n; i++)
        failures += !is_throttled(p, i) && p->failed[p->shard_of[i]];
    kn_buf_reserve(call->text, p->n * RESULT_BYTES);
    if (p->raw) {
        write_count(call->text, KN_CBOR_MAP, 2);
        write_name(call->text, KN_SLICE("FailedRecordCount"));
        write_count(call->text, KN_CBOR_UINT, failures);
        write_name(call->text, KN_SLICE("Records"));
        write_count(call->text, KN_CBOR_ARRAY, p->n);
        for (size_t i = 0; i < p->n; i++)
            write_result_cbor(call->text, kinesis, stream, p, i);
        return kn_buf_check(call->text, "the reply", err);
    }
    kn_json j = kn_json_to(call->text);
    kn_json_begin(&j, '{');
    kn_json_key(&j, "FailedRecordCount");
    kn_json_int(&j, (int64_t)failures);
    kn_json_key(&j, "Records");
    kn_json_begin(&j, '[');
    for (size_t i = 0; i < p->n; i++)
        write_result(&j, kinesis, stream, p, i);
    kn_json_end(&j, ']');
    kn_json_end(&j, '}');
    return kn_buf_check(call->text, "the reply", err);
}

bool kn_kinesis_put_records(kn_op_call *call, kn_err *err) {
    const json_t *list = json_object_get(call->input, "Records");
    size_t n = json_array_size(list);
    kn_stream *stream;
    put p = {0};
    if (!kn_stream_hold_input(call, &stream, err))
        return false;
    kn_put_entry *entries = malloc((n + 1) * sizeof *entries);
    for (size_t i = 0; entries && i < n; i++)
        entries[i] = entry_of(json_array_get(list, i));
    bool ok = (entries || kn_fail_memory(err)) &&
              prepare(kn_lake_kinesis(call->lake), stream, &p, entries, n, err) &&
              keep_all(call, stream, &p, err);
    if (entries)
        finish(stream, &p);
    free(entries);
    kn_stream_release(stream);
    return ok;
}

bool kn_kinesis_put_records_body(kn_op_call *call, bool *taken, kn_err *err) {
    kn_kinesis *kinesis = kn_lake_kinesis(call->lake);
    kn_put_entry entries[KN_PUT_RECORDS_MAX];
    char name[KN_STREAM_NAME_MAX + 1];
    kn_slice given;
    kn_stream *stream;
    size_t n;
    put p = {.raw = call->cbor};
    if (!(call->cbor ? kn_put_body_read_cbor : kn_put_body_read)(call->request->body, &given,
                                                                 entries, &n))
        return true;
    snprintf(name, sizeof name, "%.*s", (int)given.n, given.p);
    if (!kn_stream_hold(kinesis, name, &stream, err))
        return true;
    *taken = prepare(kinesis, stream, &p, entries, n, err);
    bool ok = !*taken || keep_all(call, stream, &p, err);
    finish(stream, &p);
    kn_stream_release(stream);
    return ok;
}

/* Records that follow one another already have increasing numbers: the member is only checked. */
static bool check_ordering(kn_op_call *call, const kn_stream *stream, kn_err *err) {
    const char *text = kn_input_string(call, "SequenceNumberForOrdering");
    kn_sequence sequence;
    if (!text || (kn_sequence_parse(kn_slice_cstr(text), &sequence) &&
                  sequence.arrival_s <= kn_time_now_ms() / 1000))
        return true;
    return kn_fail_aws(err, 400, "InvalidArgumentException",
                       "ExclusiveMinimumSequenceNumber %s used in PutRecord on stream %s under "
                       "account %s is invalid.",
                       text, stream->name, kn_lake_account(call->lake));
}

static bool put_one(kn_op_call *call, kn_stream *stream, const kn_put_entry *entry, kn_err *err) {
    kn_kinesis *kinesis = kn_lake_kinesis(call->lake);
    put p = {0};
    bool ok = prepare(kinesis, stream, &p, entry, 1, err);
    if (ok && p.throttled)
        ok = kn_fail_rate(err, kinesis, stream, stream->shards.open[p.shard_of[0]]);
    ok = ok && append(kinesis, stream, &p, err);
    if (ok) {
        kn_json j = kn_json_to(call->text);
        write_result(&j, kinesis, stream, &p, 0);
        ok = kn_buf_check(call->text, "the reply", err);
    }
    finish(stream, &p);
    return ok;
}

bool kn_kinesis_put_record(kn_op_call *call, kn_err *err) {
    kn_stream *stream;
    if (!kn_stream_hold_input(call, &stream, err))
        return false;
    kn_put_entry entry = entry_of(call->input);
    bool ok = check_ordering(call, stream, err) && put_one(call, stream, &entry, err);
    kn_stream_release(stream);
    return ok;
}
