/* Listing shards of a stream with a past: those that closed before its retention period are gone,
 * and what each filter finds at the edges. The API is tested in tests/e2e/kinesis_reshard.t.py. */
#include "lake/kinesis/state.h"

#include "base/file.h"
#include "base/log.h"
#include "base/time.h"
#include "lake/store/store.h"

#include "tap.h"

#define HOUR INT64_C(3600000)

static char folder[] = "/tmp/kn-shards-XXXXXX";
static kn_err err;
static kn_lake *lake;

static bool open_lake(void) {
    kn_lake_config config = {.folder = folder};
    return kn_lake_open(&config, &lake, &err);
}

static json_t *row(const char *begin, const char *end, int parent, int64_t opened, int64_t closed) {
    json_t *shard = json_pack("{s:s, s:s, s:I, s:I}", "Begin", begin, "End", end, "Created",
                              (json_int_t)(opened / 1000), "Opened", (json_int_t)opened);
    if (parent >= 0)
        json_object_set_new(shard, "Parent", json_integer(parent));
    if (closed)
        json_object_set_new(shard, "Closed", json_integer((json_int_t)closed));
    return shard;
}

/* Three days old: shard 0 was split 30 hours ago into 1 and 2, and 2 an hour ago into 3 and 4. */
static bool make(int64_t now) {
    static const char top[] = "340282366920938463463374607431768211455";
    int64_t made = now - 72 * HOUR, first = now - 30 * HOUR, second = now - HOUR;
    bool inserted = false;
    json_t *doc =
        json_pack("{s:I, s:[o,o,o,o,o], s:i, s:b, s:{}}", "Created", (json_int_t)made, "Shards",
                  row("0", top, -1, made, first), row("0", "99", 0, first, 0),
                  row("100", top, 0, first, second), row("100", "199", 2, second, 0),
                  row("200", top, 2, second, 0), "RetentionPeriodHours", 24, "OnDemand", 0, "Tags");
    bool ok =
        doc && kn_store_insert(kn_lake_store(lake), "kinesis.stream", "past", doc, &inserted, &err);
    json_decref(doc);
    return ok && inserted;
}

/* The numbers of the shards that the filter finds: "1 2 3". */
static void lists(const char *type, int64_t ms, const char *expected, const char *name) {
    char found[64] = "";
    kn_op_call call = {.lake = lake};
    call.input = json_pack("{s:s, s:{s:s, s:f}}", "StreamName", "past", "ShardFilter", "Type", type,
                           "Timestamp", (double)ms / 1000);
    bool ok = kn_kinesis_list_shards(&call, &err);
    const json_t *shard;
    size_t i;
    json_array_foreach(json_object_get(call.output, "Shards"), i, shard) {
        const char *id = json_string_value(json_object_get(shard, "ShardId"));
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%c", i ? " " : "",
                 id[strlen(id) - 1]);
    }
    tap_is_str(ok ? found : err.message, expected, "%s: %s", type, name);
    json_decref(call.input);
    json_decref(call.output);
}

static void filters(int64_t now) {
    lists("FROM_TRIM_HORIZON", 0, "1 2 3 4", "what closed before the retention period is gone");
    lists("AT_TRIM_HORIZON", 0, "1 2", "those open when it began");
    lists("AT_LATEST", 0, "1 3 4", "those open now");
    lists("FROM_TIMESTAMP", now - 48 * HOUR, "1 2 3 4", "a time before the retention period");
    lists("AT_TIMESTAMP", now - 48 * HOUR, "1 2", "... is its beginning");
    lists("AT_TIMESTAMP", now - HOUR - 1, "1 2", "just before the second split");
    lists("AT_TIMESTAMP", now - HOUR, "1 3 4", "at it");
    lists("FROM_TIMESTAMP", now - HOUR, "1 2 3 4", "from it on");
    lists("FROM_TIMESTAMP", now - HOUR + 1, "1 3 4", "from just after it on");
    lists("AT_TIMESTAMP", now + HOUR, "1 3 4", "a time to come");
}

static void summary(void) {
    kn_op_call call = {.lake = lake, .input = json_pack("{s:s}", "StreamName", "past")};
    bool ok = kn_kinesis_describe_stream_summary(&call, &err);
    const json_t *found = json_object_get(call.output, "StreamDescriptionSummary");
    tap_ok(ok && json_integer_value(json_object_get(found, "OpenShardCount")) == 3,
           "three shards are open");
    json_decref(call.output);
    call.output = NULL;
    ok = kn_kinesis_describe_stream(&call, &err);
    found = json_object_get(json_object_get(call.output, "StreamDescription"), "Shards");
    tap_ok(ok && json_array_size(found) == 4, "DescribeStream has the closed one too");
    json_decref(call.output);
    json_decref(call.input);
}

/* A document that is damaged is no reason to serve something else. */
static void damaged(void) {
    json_t *doc = NULL;
    bool ok = kn_store_get(kn_lake_store(lake), "kinesis.stream", "past", &doc, &err) && doc;
    json_object_set_new(json_array_get(json_object_get(doc, "Shards"), 3), "Parent",
                        json_integer(9));
    ok = ok && kn_store_put(kn_lake_store(lake), "kinesis.stream", "past", doc, &err);
    json_decref(doc);
    kn_lake_close(lake);
    if (!tap_ok(ok, "a stream's document is damaged"))
        return;
    kn_log_set_level(KN_LOG_NONE);
    if (!tap_ok(!open_lake(), "the lake does not open"))
        kn_lake_close(lake);
    tap_ok(strstr(err.message, "the store's document of stream past: shard 3 is damaged") != NULL,
           "... and says where");
}

int main(void) {
    int64_t now = kn_time_now_ms();
    if (!mkdtemp(folder) || !tap_ok(open_lake() && make(now), "a stream with a past"))
        return tap_done() || 1;
    kn_lake_close(lake);
    if (tap_ok(open_lake(), "a lake opened again")) {
        filters(now);
        summary();
        damaged();
    }
    return kn_file_remove_tree(folder, &err) ? tap_done() : 1;
}
