/* The sender against a stream with shards: aggregates land where they were predicted, a throttled
 * shard does not hold the others up, a resharding loses nothing, and what waits is bounded. */
#include "run/stream/sink_stream.h"

#include "aws/aggregate.h"
#include "base/base64.h"
#include "base/deaggregate.h"
#include "base/time.h"
#include "http_server.h"
#include "run/destination.h"
#include "tap.h"

#include <jansson.h>

enum { NUMBERS = 60000 };

/* A stream of shards; a reshard makes new ones. It remembers each record number. */
typedef struct stream {
    int shards, first_shard;    /* open: numbers first_shard up to, of equal ranges */
    int reshard_at, reshard_to; /* at that request to so many; 0: never */
    int throttled_shard;        /* of the first generation; -1: none */
    int throttle_until;         /* so many records are in other shards */
    int throttle_every;         /* of a shard's entries, every n-th is refused */
    const char *refuse_listing;
    int refuse_listings; /* so many of them; 0: all */
    bool quiet_messages; /* no shard in them */
    int answers;         /* so many answers are 500, after it acted */
    _Atomic int arrived[NUMBERS];
    _Atomic int came; /* different ones */
    int listings, puts, entries, refused, strays, aggregates, bad;
    int others; /* records in other shards than the throttled one */
} stream;

static kn_deaggregator deaggregator;
static kn_md5 md5;

static int shard_of(const stream *s, kn_slice key, kn_slice hash) {
    kn_hash_key at;
    kn_err err;
    if (!kn_hash_of(&md5, key, hash, &at, &err))
        return -1;
    return s->first_shard + (int)((at >> 120) * (unsigned)s->shards / 256);
}

static kn_hash_key range_end(const stream *s, int i) {
    int next = ((i + 1) * 256 + s->shards - 1) / s->shards; /* the first byte of the next shard's */
    return i == s->shards - 1 ? KN_HASH_TOP : ((kn_hash_key)next << 120) - 1;
}

static void take_record(stream *s, int shard, const kn_user_record *user, kn_slice outer) {
    int n = -1;
    if (sscanf(user->data.p, "{\"n\":%d,", &n) != 1 || n < 0 || n >= NUMBERS) {
        s->bad++;
        return;
    }
    s->came += s->arrived[n]++ == 0;
    s->others += shard != s->throttled_shard;
    s->strays += shard_of(s, user->key.p ? user->key : outer, user->hash) != shard;
}

static bool is_refused(stream *s, int shard) {
    if (shard != s->throttled_shard)
        return false;
    if (s->throttle_every)
        return ++s->refused % s->throttle_every != 0;
    return s->others < s->throttle_until;
}

static json_t *take_entry(stream *s, const json_t *entry, int *failed) {
    static kn_buf data;
    kn_buf_init(&data, 2 << 20);
    const char *key = json_string_value(json_object_get(entry, "PartitionKey"));
    const char *hash = json_string_value(json_object_get(entry, "ExplicitHashKey"));
    int shard = shard_of(s, kn_slice_cstr(key), kn_slice_cstr(hash));
    char name[40], message[200];
    snprintf(name, sizeof name, "shardId-%012d", shard);
    s->entries++;
    if (is_refused(s, shard)) {
        ++*failed;
        snprintf(message, sizeof message, "Rate exceeded for shard %s in stream s.",
                 s->quiet_messages ? "?" : name);
        return json_pack("{s:s,s:s}", "ErrorCode", "ProvisionedThroughputExceededException",
                         "ErrorMessage", message);
    }
    kn_err err;
    kn_user_record user;
    const char *text = json_string_value(json_object_get(entry, "Data"));
    if (!kn_base64_decode(&data, kn_slice_cstr(text)) ||
        !kn_deaggregate(&deaggregator, kn_buf_view(&data), &err))
        s->bad++;
    s->aggregates += deaggregator.aggregated;
    while (kn_deaggregator_next(&deaggregator, &user))
        take_record(s, shard, &user, kn_slice_cstr(key));
    kn_buf_free(&data);
    return json_pack("{s:s,s:s}", "SequenceNumber", "1", "ShardId", name);
}

static size_t put_records(stream *s, const char *body, size_t length, char *out, size_t room) {
    if (s->reshard_at && ++s->puts == s->reshard_at) {
        s->first_shard += s->shards;
        s->shards = s->reshard_to;
    }
    json_t *root = json_loadb(body, length, 0, NULL);
    const json_t *records = json_object_get(root, "Records");
    json_t *results = json_array();
    int failed = 0;
    s->bad += json_array_size(records) == 0;
    for (size_t i = 0; i < json_array_size(records); i++)
        json_array_append_new(results, take_entry(s, json_array_get(records, i), &failed));
    json_t *reply = json_pack("{s:i,s:o}", "FailedRecordCount", failed, "Records", results);
    char *text = json_dumps(reply, JSON_COMPACT);
    size_t n = s->answers-- > 0 ? http_answer(out, room, 500, "", "{}")
                                : http_answer(out, room, 200, "", text);
    free(text);
    json_decref(reply);
    json_decref(root);
    return n;
}

static size_t list_shards(stream *s, char *out, size_t room) {
    s->listings++;
    if (s->refuse_listing && (!s->refuse_listings || s->listings <= s->refuse_listings))
        return http_answer(out, room, 400, "", s->refuse_listing);
    json_t *list = json_array();
    for (int i = -1; i < s->shards; i++) { /* and one that is closed */
        char name[40], end[KN_HASH_TEXT];
        snprintf(name, sizeof name, "shardId-%012d", i < 0 ? 200 : s->first_shard + i);
        kn_hash_print(i < 0 ? KN_HASH_TOP : range_end(s, i), end);
        json_array_append_new(list, json_pack("{s:s,s:{s:s},s:{s:s,s:s*}}", "ShardId", name,
                                              "HashKeyRange", "EndingHashKey", end,
                                              "SequenceNumberRange", "StartingSequenceNumber", "1",
                                              "EndingSequenceNumber", i < 0 ? "2" : NULL));
    }
    json_t *reply = json_pack("{s:o}", "Shards", list);
    char *text = json_dumps(reply, 0);
    size_t n = http_answer(out, room, 200, "", text);
    free(text);
    json_decref(reply);
    return n;
}

static size_t serve(void *context, int n, const char *request, const char *body, size_t length,
                    char *out, size_t room, bool *close) {
    (void)n, (void)close;
    if (strcasestr(request, "\r\nx-amz-target: Kinesis_20131202.ListShards\r\n"))
        return list_shards(context, out, room);
    return put_records(context, body, length, out, room);
}

typedef struct run {
    http_server server;
    stream stream;
    kn_stats stats;
    kn_sink *sink;
    kn_aws_config aws;
    kn_err err;
    _Atomic bool abandon;
    kn_shards *shards;
} run;

static run *start(stream s, kn_sink_stream_config config) {
    run *r = calloc(1, sizeof *r);
    r->stream = s;
    http_start(&r->server, serve, &r->stream);
    strcpy(r->aws.endpoint, r->server.url);
    strcpy(r->aws.access_key, "AKID");
    strcpy(r->aws.secret_key, "secret");
    strcpy(r->aws.region, "us-east-1");
    config.aws = &r->aws;
    config.stream = "s";
    if (!config.linger_ms)
        config.linger_ms = 60000; /* a slow machine sends no request before it is full */
    if (!kn_shards_new(&r->shards, &r->err))
        exit(1);
    config.shards = r->shards;
    if (!tap_ok(kn_sink_stream_open(&config, &r->stats, &r->sink, &r->err), "open: %s",
                r->err.message))
        exit(1);
    r->sink->stop = kn_stop_at(&r->abandon);
    return r;
}

static bool put(run *r, int n) {
    char data[400], key[16];
    int length = snprintf(data, sizeof data, "{\"n\":%d,\"text\":\"", n);
    memset(data + length, 'x', 200);
    strcpy(data + length + 200, "\"}");
    snprintf(key, sizeof key, "%d", n);
    kn_record record = {.index = (uint64_t)n,
                        .due_ns = kn_time_monotonic_ns(),
                        .now_ns = kn_time_monotonic_ns(),
                        .data = kn_slice_cstr(data),
                        .partition_key = kn_slice_cstr(key)};
    return r->sink->type->put(r->sink, &record, &r->err);
}

static bool put_many(run *r, int from, int to) {
    for (int i = from; i < to; i++)
        if (!put(r, i))
            return false;
    return true;
}

static bool drain(run *r) {
    return r->sink->type->drain(r->sink, 0, &r->err);
}

static void end(run *r, uint64_t generated) {
    r->sink->type->destroy(r->sink);
    http_stop(&r->server);
    tap_is_int(r->stats.delivered + r->stats.failed, generated, "every record is accounted for");
    tap_is_int(r->stream.bad, 0, "every entry was well-formed");
    kn_shards_destroy(r->shards);
    free(r);
}

static int arrived_once(const run *r, int n) {
    int once = 0;
    for (int i = 0; i < n; i++)
        once += r->stream.arrived[i] == 1;
    return once;
}

static const stream calm = {.shards = 4, .throttled_shard = -1};

static void aggregates(void) {
    run *r = start(calm, (kn_sink_stream_config){.aggregate = true});
    tap_ok(put_many(r, 0, 20000) && drain(r), "20,000 records: %s", r->err.message);
    tap_is_int(arrived_once(r, 20000), 20000, "each arrived once");
    tap_is_int(r->stream.strays, 0, "each in the shard that its own key belongs to");
    tap_ok(r->stream.entries < 150 && r->stream.aggregates > 0, "in %d entries", r->stream.entries);
    tap_is_int(r->stream.listings, 1, "the shards were listed once");
    tap_is_int(r->stats.delivered, 20000, "user records are counted");
    tap_is_int(kn_histogram_latency(&r->stats.latency).count, 20000, "each with its latency");
    tap_is_int(r->stats.retried, 0, "nothing was sent twice");
    uint64_t heat = 0;
    kn_heat row;
    for (uint32_t i = 1; kn_shards_heat(r->shards, i, &row); i++)
        heat += row.records;
    tap_is_int(heat, 20000, "the shards' heat is theirs");
    end(r, 20000);

    r = start(calm, (kn_sink_stream_config){.aggregate = true});
    kn_record large = {.data = {calloc(1, 300000), 300000}, .partition_key = KN_SLICE("0")};
    tap_ok(put(r, 0) && r->sink->waited, "one record, told to have waited for the list of shards");
    tap_ok(drain(r), "drained");
    tap_ok(r->stream.aggregates == 0 && arrived_once(r, 1) == 1, "goes as it is");
    memcpy((char *)large.data.p, "{\"n\":1,", 7);
    large.index = 1;
    tap_ok(r->sink->type->put(r->sink, &large, &r->err) && drain(r),
           "one that is larger than an aggregate");
    tap_ok(r->stream.aggregates == 0 && arrived_once(r, 2) == 2, "does, too");
    kn_record keyless = {.index = 2, .data = KN_SLICE("{\"n\":2,")};
    tap_ok(put(r, 3) && r->sink->type->put(r->sink, &keyless, &r->err) && put(r, 4) && drain(r),
           "one without a key");
    tap_is_int(r->stats.failed, 1, "fails alone");
    tap_ok(strstr(r->stats.first_error.message, "record 2: a record has an empty partition key") !=
               NULL,
           "and is named: %s", r->stats.first_error.message);
    free((char *)large.data.p);
    end(r, 5);
}

static void lingers(void) {
    run *r = start(calm, (kn_sink_stream_config){.aggregate = true, .linger_ms = 30});
    put_many(r, 0, 10);
    uint64_t stop = kn_time_monotonic_ns() + 60000000000u;
    while (r->stats.delivered < 10 && kn_time_monotonic_ns() < stop &&
           r->sink->type->poll(r->sink, 10, &r->err))
        kn_sleep_ms(1);
    tap_is_int(r->stats.delivered, 10, "what has lingered in aggregates is sent by poll");
    drain(r);
    end(r, 10);
}

static void fails_whole(void) {
    stream s = calm;
    s.throttled_shard = 2;
    s.throttle_every = 2;
    run *r = start(s, (kn_sink_stream_config){.aggregate = true, .aggregate_bytes = 2048});
    tap_ok(put_many(r, 0, 400) && drain(r), "aggregates that are refused");
    tap_is_int(arrived_once(r, 400), 400, "are sent again whole");
    tap_ok(r->stats.retried > 10 && r->stats.throttled == r->stats.retried,
           "their records are counted (%d)", (int)r->stats.retried);
    tap_is_int(r->stream.strays, 0, "and belong where they are");
    end(r, 400);
}

static void reshards(int from, int to) {
    stream s = calm;
    s.shards = from;
    s.reshard_at = 3;
    s.reshard_to = to;
    run *r = start(
        s, (kn_sink_stream_config){
               .aggregate = true, .max_bytes = 1 << 20, .requests_in_flight = 2, .linger_ms = 20});
    tap_ok(put_many(r, 0, 20000), "a stream of %d shards that becomes one of %d", from, to);
    uint64_t stop = kn_time_monotonic_ns() + 60000000000u;
    kn_shard_map *map = NULL;
    kn_shards_update(r->shards, &map);
    for (int n = 0; !kn_shards_update(r->shards, &map) && kn_time_monotonic_ns() < stop; n++) {
        put(r, 20000 + n % 2);
        r->sink->type->poll(r->sink, 5, &r->err);
    }
    kn_shard_map_release(map);
    tap_ok(r->stream.listings >= 2, "its shards are listed again");
    drain(r);
    int strays = r->stream.strays;
    tap_ok(put_many(r, 30000, 40000) && drain(r), "more records");
    tap_is_int(r->stream.strays, strays, "of these all are where they belong");
    tap_is_int(arrived_once(r, 20000), 20000, "each record arrived once: none was sent again");
    tap_is_int(r->stats.retried, 0, "a success elsewhere is a success");
    end(r, r->stats.delivered);
}

static int count_others(const stream *s, int n) {
    int others = 0;
    for (int i = 0; i < n; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        others += shard_of(s, kn_slice_cstr(key), (kn_slice){NULL, 0}) != s->throttled_shard;
    }
    return others;
}

/* One shard refuses until the others have all of theirs: they must not wait for it. */
static void one_shard(bool aggregate, bool quiet) {
    stream s = calm;
    s.throttled_shard = 1;
    s.quiet_messages = quiet;
    s.throttle_until = count_others(&s, 6000);
    run *r = start(s, (kn_sink_stream_config){.aggregate = aggregate, .linger_ms = 20});
    tap_ok(put_many(r, 0, 6000), "%s, a throttled shard%s", aggregate ? "aggregated" : "plain",
           quiet ? ", unnamed" : "");
    tap_ok(drain(r), "drained");
    tap_is_int(arrived_once(r, 6000), 6000, "each record arrived once");
    kn_heat row, hot = {.throttled = 0};
    for (uint32_t i = 1; kn_shards_heat(r->shards, i, &row); i++)
        if (row.throttled > hot.throttled)
            hot = row;
    tap_is_str(hot.shard, "shardId-000000000001", "it is named");
    tap_ok(quiet ? hot.throttled > 0 : hot.throttled == r->stats.throttled,
           "with how often it refused");
    tap_ok(r->stream.entries < 6000 * 4, "it was not stormed (%d entries)", r->stream.entries);
    end(r, 6000);
}

/* What waits does not grow with what is put. */
static void bounded(void) {
    stream s = calm;
    s.throttled_shard = 0;
    s.shards = 1;
    s.throttle_until = 1;
    run *r = start(s, (kn_sink_stream_config){.requests_in_flight = 2});
    kn_record record = {.data = {calloc(1, 100000), 100000}, .partition_key = KN_SLICE("k")};
    int n = 0;
    while (n < 400) {
        record.index = (uint64_t)n++;
        if (n == 380)
            r->abandon = true;
        if (!r->sink->type->put(r->sink, &record, &r->err))
            break;
        if (n > 80 && r->sink->waited)
            r->abandon = true;
    }
    tap_ok(n < 300 && r->err.code == KN_ECANCEL, "put waits after %d records of 100 kB", n);
    r->abandon = true;
    r->sink->type->drain(r->sink, 1, &r->err);
    free((char *)record.data.p);
    end(r, (uint64_t)n);
}

static void refuses_to_aggregate(void) {
    stream s = calm;
    s.refuse_listing = "{\"__type\":\"AccessDeniedException\",\"message\":\"no ListShards\"}";
    run *r = start(s, (kn_sink_stream_config){.aggregate = true});
    tap_ok(!put(r, 0), "a stream whose shards may not be listed");
    tap_ok(strstr(r->err.message, "to aggregate records, the stream's shards must be known: ") &&
               strstr(r->err.message, "AccessDeniedException"),
           "%s", r->err.message);
    tap_ok(!drain(r), "drain says so, too");
    end(r, 1);

    s.refuse_listing = "{\"__type\":\"LimitExceededException\",\"message\":\"too often\"}";
    s.refuse_listings = 5;
    r = start(s, (kn_sink_stream_config){.aggregate = true});
    tap_ok(put_many(r, 0, 100) && drain(r), "a listing that is throttled is waited for");
    tap_is_int(r->stats.delivered, 100, "and the records arrive");
    end(r, 100);

    kn_sink_stream_config firehose = {
        .service = KN_STREAM_FIREHOSE, .aggregate = true, .stream = "s"};
    kn_aws_config aws = {.access_key = "a", .secret_key = "s", .region = "us-east-1"};
    kn_stats stats;
    kn_sink *sink;
    kn_err err;
    firehose.aws = &aws;
    memset(&stats, 0, sizeof stats);
    tap_ok(!kn_sink_stream_open(&firehose, &stats, &sink, &err) &&
               strstr(err.message, "Firehose cannot be aggregated"),
           "nothing is aggregated for Firehose");
}

/* A 500 after the server acted: the records come twice, and that is said. */
static void doubts(bool aggregate) {
    stream s = calm;
    s.answers = 2;
    run *r = start(s, (kn_sink_stream_config){.aggregate = aggregate, .requests_in_flight = 1});
    tap_ok(put_many(r, 0, 1000) && drain(r), "two answers are lost");
    int twice = 0;
    for (int i = 0; i < 1000; i++)
        twice += r->stream.arrived[i] - 1;
    tap_ok(twice > 0, "%d records came once more", twice);
    tap_is_int(r->stats.maybe_twice, twice, "at most so many are told of");
    tap_is_int(r->stats.delivered, 1000, "each is delivered once");
    end(r, 1000);
}

/* The same, and the run is stopped before an answer comes. */
static void doubts_when_stopped(void) {
    stream s = calm;
    s.answers = 1000;
    run *r = start(s, (kn_sink_stream_config){.requests_in_flight = 1, .linger_ms = 1});
    tap_ok(put_many(r, 0, 100), "records that nobody confirms");
    uint64_t end_ns = kn_time_monotonic_ns() + 60000000000u;
    while ((r->stream.came < 100 || r->server.requests < 3) && kn_time_monotonic_ns() < end_ns)
        if (!r->sink->type->poll(r->sink, 10, &r->err))
            break;
    tap_ok(r->sink->type->drain(r->sink, 1, &r->err), "stopped: %s", r->err.message);
    int twice = 0;
    for (int i = 0; i < 100; i++)
        twice += r->stream.arrived[i] - 1;
    tap_ok(twice > 0 && r->stats.maybe_twice >= (uint64_t)twice,
           "%d came once more, %llu are told of", twice, (unsigned long long)r->stats.maybe_twice);
    tap_is_int(r->stats.uncertain, 100, "all may have arrived");
    end(r, 100);
}

int main(void) {
    kn_err err;
    if (!kn_md5_init(&md5, &err) || !kn_deaggregator_init(&deaggregator, &err))
        return 1;
    aggregates();
    lingers();
    fails_whole();
    reshards(2, 5);
    reshards(6, 2);
    one_shard(false, false);
    one_shard(false, true);
    one_shard(true, false);
    bounded();
    refuses_to_aggregate();
    doubts(false);
    doubts(true);
    doubts_when_stopped();
    kn_deaggregator_free(&deaggregator);
    kn_md5_free(&md5);
    return tap_done();
}
