/* The lake's Kinesis beside the wire: what neighbours see, retention, and streams that are made,
 * used and deleted by several threads. */
#include "lake/kinesis/state.h"

#include "base/file.h"
#include "base/log.h"
#include "base/time.h"
#include "lake/store/journal_segment.h"
#include "lake/store/store.h"
#include "tap.h"

#include <limits.h>
#include <unistd.h>

static char folder[64];

static kn_lake *must_open(void) {
    kn_lake *lake;
    kn_err err;
    kn_lake_config config = {.folder = folder};
    if (kn_lake_open(&config, &lake, &err))
        return lake;
    printf("Bail out! %s\n", err.message);
    exit(1);
}

/* Runs an operation; the reply, or NULL and err. */
static json_t *call(kn_lake *lake, kn_op_function *run, json_t *input, kn_err *err) {
    kn_buf text;
    kn_buf_init(&text, 64 << 20);
    kn_op_call c = {.lake = lake, .input = input, .text = &text};
    json_t *reply = NULL;
    if (run(&c, err))
        reply = c.output ? json_incref(c.output) : json_loads(text.p ? text.p : "{}", 0, NULL);
    json_decref(c.output);
    json_decref(input);
    kn_buf_free(&text);
    return reply;
}

static bool put(kn_lake *lake, const char *stream, int n, kn_err *err) {
    json_t *records = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(records, json_pack("{s:s, s:s++}", "Data", "eHl6", "PartitionKey",
                                                 "key", i % 2 ? "-1" : "-2", i % 3 ? "a" : "b"));
    json_t *reply = call(lake, kn_kinesis_put_records,
                         json_pack("{s:s, s:o}", "StreamName", stream, "Records", records), err);
    bool ok = reply && json_integer_value(json_object_get(reply, "FailedRecordCount")) == 0;
    json_decref(reply);
    return ok;
}

typedef struct tally {
    unsigned shards, wrong;
    uint64_t records;
    char first[64];
    int64_t created_ms;
} tally;

static bool note_first(void *context, const kn_journal_record *record) {
    tally *t = context;
    kn_kinesis_sequence_number(t->created_ms / 1000, t->shards, record->index, record->arrival_ms,
                               t->first);
    return false;
}

static bool count_shard(void *context, const kn_shard_view *shard, kn_journal *journal) {
    tally *t = context;
    uint64_t next;
    kn_err err;
    t->wrong += shard->number != t->shards;
    t->wrong += !kn_journal_read(journal, 0, note_first, t, &next, &err);
    t->shards++;
    t->records += kn_journal_end(journal) - kn_journal_begin(journal);
    return true;
}

static void neighbours(kn_lake *lake) {
    kn_err err;
    kn_kinesis *kinesis = kn_lake_kinesis(lake);
    tally t = {0};
    tap_ok(!kn_kinesis_each_shard(kinesis, "none", count_shard, &t, &err) &&
               strcmp(err.aws_code, "ResourceNotFoundException") == 0,
           "each_shard of no stream");
    tap_ok(!kn_kinesis_created(kinesis, "none", &t.created_ms, &err), "when no stream was made");
    int64_t began = kn_time_now_ms();
    tap_ok(kn_stream_create(kinesis, "s", 4, false, NULL, &err), "a stream");
    tap_ok(put(lake, "s", 100, &err), "100 records");
    tap_ok(kn_kinesis_created(kinesis, "s", &t.created_ms, &err) && t.created_ms >= began &&
               t.created_ms <= kn_time_now_ms(),
           "when it was made");
    tap_ok(kn_kinesis_each_shard(kinesis, "s", count_shard, &t, &err) && t.wrong == 0,
           "each_shard");
    tap_ok(t.shards == 4 && t.records == 100, "... has the records of 4 shards");
    tap_is_int(strlen(t.first), 56, "... and their sequence numbers");
    int64_t before = t.created_ms;
    tap_ok(kn_stream_delete(kinesis, "s", &err) &&
               kn_stream_create(kinesis, "s", 1, false, NULL, &err) &&
               kn_kinesis_created(kinesis, "s", &t.created_ms, &err) && t.created_ms > before,
           "made again, it is another");
    t = (tally){0};
    tap_ok(kn_kinesis_each_shard(kinesis, "s", count_shard, &t, &err) && t.records == 0,
           "... without records");
}

static bool add_record(void *context, const kn_journal_record *record) {
    kn_buf *out = context;
    kn_buf_slice(out, record->key);
    kn_buf_char(out, '=');
    kn_buf_slice(out, record->data);
    kn_buf_char(out, ' ');
    return true;
}

static bool add_shard(void *context, const kn_shard_view *shard, kn_journal *journal) {
    kn_err err;
    uint64_t next;
    kn_buf_printf(context, "%u: ", shard->number);
    return kn_journal_read(journal, 0, add_record, context, &next, &err);
}

/* The shortcut on the bytes of a body; what it answers is appended to reply. */
static bool put_body(kn_lake *lake, const char *body, bool *taken, kn_buf *reply, kn_err *err) {
    kn_http_request request = {.body = kn_slice_cstr(body), .body_fd = -1};
    kn_op_call c = {.lake = lake, .request = &request, .text = reply};
    *taken = false;
    return kn_kinesis_put_records_body(&c, taken, err);
}

/* The shortcut keeps what the operation keeps, where it keeps it, and does nothing when it leaves a
 * body to it. */
static void shortcut(kn_lake *lake) {
    kn_err err = {0};
    kn_kinesis *kinesis = kn_lake_kinesis(lake);
    kn_buf body, reply, kept[2];
    kn_buf *const all[] = {&body, &reply, &kept[0], &kept[1]};
    bool taken, ok = true;
    for (int i = 0; i < 4; i++)
        kn_buf_init(all[i], 1 << 20);
    kn_buf_cstr(&body, "{\"StreamName\":\"short\",\"Records\":[");
    for (int i = 0; i < 500; i++)
        kn_buf_printf(&body, "%s{\"Data\":\"%s\",\"PartitionKey\":\"%d\"}", i ? "," : "",
                      i % 2 ? "eHl6" : "eA==", i);
    kn_buf_cstr(&body, "]}");
    tap_ok(kn_stream_create(kinesis, "short", 7, false, NULL, &err) &&
               kn_stream_create(kinesis, "long", 7, false, NULL, &err),
           "two streams");
    tap_ok(put_body(lake, body.p, &taken, &reply, &err) && taken, "the shortcut takes 500 records");
    json_t *input = json_loads(body.p, 0, NULL), *answer = json_loads(reply.p, 0, NULL);
    json_object_set_new(input, "StreamName", json_string("long"));
    json_t *other = call(lake, kn_kinesis_put_records, input, &err);
    for (size_t i = 0; i < 500; i++) {
        json_t *a = json_array_get(json_object_get(answer, "Records"), i);
        json_t *b = json_array_get(json_object_get(other, "Records"), i);
        ok = ok && json_equal(json_object_get(a, "ShardId"), json_object_get(b, "ShardId")) &&
             json_string_length(json_object_get(a, "SequenceNumber")) == 56;
    }
    tap_ok(ok && json_array_size(json_object_get(answer, "Records")) == 500 &&
               json_integer_value(json_object_get(answer, "FailedRecordCount")) == 0,
           "... and answers as the operation");
    tap_ok(kn_kinesis_each_shard(kinesis, "short", add_shard, &kept[0], &err) &&
               kn_kinesis_each_shard(kinesis, "long", add_shard, &kept[1], &err) &&
               kn_slice_eq(kn_buf_view(&kept[0]), kn_buf_view(&kept[1])) && kept[0].len > 3000,
           "... and keeps the same");
    kn_buf_clear(&reply);
    static const char *const left[] = {
        "{\"StreamName\":\"none\",\"Records\":[{\"Data\":\"eA==\",\"PartitionKey\":\"a\"}]}",
        "{\"StreamName\":\"short\",\"Records\":[{\"Data\":\"eA==\",\"PartitionKey\":\"a\"},"
        "{\"Data\":\"eA=\",\"PartitionKey\":\"a\"}]}",
    };
    for (size_t i = 0; i < sizeof left / sizeof *left; i++)
        tap_ok(put_body(lake, left[i], &taken, &reply, &err) && !taken && reply.len == 0,
               "it leaves %s", left[i]);
    kn_buf_clear(&kept[1]);
    tap_ok(kn_kinesis_each_shard(kinesis, "short", add_shard, &kept[1], &err) &&
               kn_slice_eq(kn_buf_view(&kept[0]), kn_buf_view(&kept[1])),
           "... and keeps nothing of those");
    json_decref(answer);
    json_decref(other);
    for (int i = 0; i < 4; i++)
        kn_buf_free(all[i]);
}

/* A shard whose journal cannot be opened fails its own records only. */
static void one_bad_shard(kn_lake *lake) {
    kn_err err = {0};
    char path[PATH_MAX];
    int64_t created = 0;
    json_t *records = json_array();
    for (int i = 0; i < 8; i++) {
        char key[40];
        kn_hash_print(kn_hash_begin(i % 4, 4), key);
        json_array_append_new(records, json_pack("{s:s, s:s, s:s}", "Data", "eHl6", "PartitionKey",
                                                 "p", "ExplicitHashKey", key));
    }
    tap_ok(kn_stream_create(kn_lake_kinesis(lake), "hurt", 4, false, NULL, &err) &&
               kn_kinesis_created(kn_lake_kinesis(lake), "hurt", &created, &err),
           "a stream");
    snprintf(path, sizeof path, "%s/kinesis/hurt-%lld", folder, (long long)created);
    tap_ok(kn_file_mkdirs(path, &err), "its folder");
    snprintf(path + strlen(path), sizeof path - strlen(path), "/shardId-%012d", 2);
    tap_ok(kn_file_write(path, KN_SLICE("not a folder"), &err), "a file where a shard should be");
    kn_log_set_level(KN_LOG_NONE);
    json_t *reply = call(lake, kn_kinesis_put_records,
                         json_pack("{s:s, s:o}", "StreamName", "hurt", "Records", records), &err);
    kn_log_set_level(KN_LOG_INFO);
    tap_is_int(json_integer_value(json_object_get(reply, "FailedRecordCount")), 2,
               "its records fail");
    unsigned wrong = 0;
    for (size_t i = 0; i < 8; i++) {
        json_t *result = json_array_get(json_object_get(reply, "Records"), i);
        const char *code = json_string_value(json_object_get(result, "ErrorCode"));
        const char *shard = json_string_value(json_object_get(result, "ShardId"));
        char expected[KN_SHARD_ID_SIZE];
        kn_shard_id_print(i % 4, expected);
        wrong += i % 4 == 2 ? !code || strcmp(code, "InternalFailure") != 0 || shard
                            : code || !shard || strcmp(shard, expected) != 0;
    }
    tap_is_int(wrong, 0, "... and only they");
    json_decref(reply);
    tap_ok(kn_stream_delete(kn_lake_kinesis(lake), "hurt", &err), "it can be deleted");
}

/* A stream made 3 days ago with one record in each of its first hours. */
static void make_old(kn_lake *lake, const char *name, int hours) {
    kn_err err;
    int64_t now = kn_time_now_ms(), created = now - 72 * 3600000ll;
    char path[PATH_MAX];
    json_t *doc = json_pack("{s:I, s:i, s:i, s:b, s:{}}", "Created", (json_int_t)created, "Shards",
                            1, "RetentionPeriodHours", 24, "OnDemand", 0, "Tags");
    snprintf(path, sizeof path, "%s/kinesis/%s-%lld/shardId-000000000000", folder, name,
             (long long)created);
    kn_buf frames;
    kn_buf_init(&frames, 1 << 20);
    for (int hour = 0; hour < hours; hour++) {
        kn_journal_record record = {.arrival_ms = created + hour * 3600000ll + 1800000,
                                    .key = KN_SLICE("k"),
                                    .data = KN_SLICE("hour")};
        kn_frame_encode(&frames, &record);
    }
    kn_segment segment = {0};
    int fd;
    bool ok = kn_store_put(kn_lake_store(lake), "kinesis.stream", name, doc, &err) &&
              kn_file_mkdirs(path, &err);
    snprintf(path + strlen(path), sizeof path - strlen(path), "/%020d.seg", 0);
    ok = ok && kn_segment_create(path, &segment, &fd, &err);
    if (!ok) {
        printf("Bail out! %s\n", err.message);
        exit(1);
    }
    tap_ok(kn_file_write_all(fd, frames.p, frames.len, &err), "%d hours of old records", hours);
    close(fd);
    json_decref(doc);
    kn_buf_free(&frames);
}

static size_t readable(kn_lake *lake, const char *stream) {
    kn_err err = {0};
    json_t *reply = call(lake, kn_kinesis_get_shard_iterator,
                         json_pack("{s:s, s:s, s:s}", "StreamName", stream, "ShardId",
                                   "shardId-000000000000", "ShardIteratorType", "TRIM_HORIZON"),
                         &err);
    json_t *iterator = json_object_get(reply, "ShardIterator");
    json_t *records =
        call(lake, kn_kinesis_get_records, json_pack("{s:O}", "ShardIterator", iterator), &err);
    size_t n = json_array_size(json_object_get(records, "Records"));
    if (!records)
        printf("# %s\n", err.message);
    json_decref(reply);
    json_decref(records);
    return n;
}

static void retention(kn_lake *lake) {
    kn_err err;
    tap_is_int(readable(lake, "old"), 24, "the records of the last 24 hours can be read");
    json_t *reply =
        call(lake, kn_kinesis_increase_retention,
             json_pack("{s:s, s:i}", "StreamName", "old", "RetentionPeriodHours", 48), &err);
    tap_ok(reply != NULL, "kept for 48 hours");
    json_decref(reply);
    tap_is_int(readable(lake, "old"), 48, "... then those of 48 hours, while their segment lasts");
}

static bool bounds(void *context, const kn_shard_view *shard, kn_journal *journal) {
    uint64_t *out = context;
    (void)shard;
    out[0] = kn_journal_begin(journal);
    out[1] = kn_journal_end(journal);
    return true;
}

static void expiry(kn_lake *lake) {
    kn_err err;
    uint64_t at[2] = {0};
    tap_is_int(readable(lake, "ancient"), 0, "no record is within the retention period");
    tap_ok(kn_kinesis_each_shard(kn_lake_kinesis(lake), "ancient", bounds, at, &err) &&
               at[0] == 24 && at[1] == 24,
           "... and none is kept");
    tap_ok(put(lake, "ancient", 1, &err), "a new one");
    tap_is_int(readable(lake, "ancient"), 1, "... can be read");
}

typedef struct turmoil {
    kn_lake *lake;
    _Atomic bool done;
    _Atomic unsigned wrong, puts;
} turmoil;

static bool may_fail(const kn_err *err) {
    return strcmp(err->aws_code, "ResourceNotFoundException") == 0;
}

static void *putter(void *context) {
    turmoil *t = context;
    while (!t->done) {
        kn_err err = {0};
        if (put(t->lake, "busy", 20, &err))
            t->puts++;
        else if (!may_fail(&err))
            t->wrong++;
    }
    return NULL;
}

static void *reader(void *context) {
    turmoil *t = context;
    while (!t->done) {
        kn_err err = {0};
        tally sum = {0};
        if (!kn_kinesis_each_shard(kn_lake_kinesis(t->lake), "busy", count_shard, &sum, &err) &&
            !may_fail(&err))
            t->wrong++;
        t->wrong += sum.wrong;
        json_decref(call(t->lake, kn_kinesis_list_streams, json_object(), &err));
        json_decref(call(t->lake, kn_kinesis_add_tags,
                         json_pack("{s:s, s:{s:s}}", "StreamName", "busy", "Tags", "a", "b"),
                         &err));
    }
    return NULL;
}

static void several_threads(kn_lake *lake) {
    turmoil t = {.lake = lake};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, i % 2 ? reader : putter, &t);
    for (int i = 0; i < 30; i++) {
        kn_err err = {0};
        kn_kinesis *kinesis = kn_lake_kinesis(lake);
        unsigned before = t.puts;
        t.wrong += !kn_stream_create(kinesis, "busy", 3, false, NULL, &err);
        for (int ms = 0; t.puts == before && ms < 10000; ms++)
            kn_sleep_ms(1);
        t.wrong += !kn_stream_delete(kinesis, "busy", &err);
    }
    t.done = true;
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    tap_ok(t.wrong == 0 && t.puts >= 30, "a stream made and deleted 30 times while it is used");
}

int main(void) {
    kn_err err;
    strcpy(folder, "/tmp/kn-kinesis-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    kn_lake *lake = must_open();
    neighbours(lake);
    shortcut(lake);
    one_bad_shard(lake);
    make_old(lake, "old", 72);
    make_old(lake, "ancient", 24);
    kn_lake_close(lake);
    lake = must_open(); /* which loads the old stream */
    retention(lake);
    expiry(lake);
    several_threads(lake);
    kn_lake_close(lake);
    lake = must_open();
    tally t = {0};
    tap_ok(!kn_kinesis_each_shard(kn_lake_kinesis(lake), "busy", count_shard, &t, &err),
           "a deleted stream stays deleted");
    tap_is_int(readable(lake, "old"), 48, "an old one is there");
    kn_lake_close(lake);
    tap_ok(kn_file_remove_tree(folder, &err), "clean up");
    return tap_done();
}
