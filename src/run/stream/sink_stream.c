/* See sink_stream.h: what takes records, lingers and drains. The requests are sender.h's. */
#include "run/stream/sink_stream.h"

#include "base/align.h"
#include "base/time.h"
#include "run/stream/sender.h"

#include <stdlib.h>

enum {
    IN_FLIGHT = 4,
    IN_FLIGHT_MAX = 64,
    LINGER_MS = 100,
    WAIT_MS = 100,              /* between two questions whether to stop */
    SHARED_WAIT_MS = 5,         /* the same, where the worker has other sinks */
    SETTLE_MS = 5000,           /* after a fatal error, for what is still on its way */
    SCRATCH_MAX = 32 << 20,     /* a record read back, with its keys */
    HELD_MOST = 20000,          /* pieces that wait, but for those of requests on their way */
    HELD_BYTES = 8 << 20,       /* the same */
    AGGREGATED_BYTES = 1 << 20, /* of a request of aggregates: so many are in memory at once */
    LISTINGS_MOST = 3,          /* that may fail before the first succeeded */
};

static bool is_abandoned(const kn_sender *s) {
    return kn_stop_asked(&s->sink.stop);
}

static bool is_stopped(void *context) {
    return is_abandoned(context);
}

/* ---- waiting ---- */

/* For replies, while the worker can do nothing else but look after its other sinks. */
static bool wait_for_replies(kn_sender *s, int timeout_ms, kn_err *err) {
    kn_err other;
    if (s->sink.idle) {
        if (!s->sink.idle(s->sink.worker, err ? err : &other) && err)
            return false;
        timeout_ms = timeout_ms < SHARED_WAIT_MS ? timeout_ms : SHARED_WAIT_MS;
    }
    if (!s->in_flight && !s->listing.call && timeout_ms > 0)
        kn_sleep_ms(timeout_ms);
    bool ok = kn_sender_progress(s, timeout_ms, err);
    s->now_ns = kn_time_monotonic_ns();
    return ok;
}

/* How long nothing will be ready to be sent again, at most most_ms. */
static int until_ready(const kn_sender *s, int most_ms) {
    uint64_t now = kn_time_monotonic_ns();
    if (s->hold.count == 0)
        return most_ms;
    if (s->hold.next_ns <= now)
        return kn_sender_has_room(s) ? 0 : most_ms;
    uint64_t ms = (s->hold.next_ns - now) / 1000000u + 1;
    return ms < (uint64_t)most_ms ? (int)ms : most_ms;
}

/* Waits until a request can be filled and not too much is held: that is the back-pressure. */
static bool wait_for_room(kn_sender *s, kn_err *err) {
    kn_sender_release(s);
    while (!kn_sender_has_room(s) || kn_hold_is_full(&s->hold)) {
        s->sink.waited = true;
        if (is_abandoned(s))
            return kn_fail(err, KN_ECANCEL, "stopped while waiting for replies");
        if (kn_hold_is_full(&s->hold))
            kn_sender_send_filling(s); /* nobody else comes */
        if (!wait_for_replies(s, until_ready(s, WAIT_MS), err))
            return false;
        kn_sender_release(s);
    }
    return true;
}

/* The map that aggregates are made by. */
static bool wait_for_map(kn_sender *s, kn_err *err) {
    kn_err why;
    for (kn_sender_refresh_map(s); !s->map; kn_sender_refresh_map(s)) {
        if (is_abandoned(s))
            return kn_fail(err, KN_ECANCEL, "stopped while waiting for the list of shards");
        uint32_t failures = kn_shards_failures(s->shards, &why);
        if (failures &&
            (!why.retryable || !kn_aws_client_reached(s->client) || failures >= LISTINGS_MOST)) {
            kn_fail_within(&why, "to aggregate records, the stream's shards must be known");
            kn_sender_break(s, &why);
        }
        s->sink.waited = true;
        if (!wait_for_replies(s, SHARED_WAIT_MS, err))
            return false;
    }
    return true;
}

/* ---- lingering ---- */

/* Sends what has lingered; returns for how long what is there still may, at most most_ms. */
static int look_at_linger(kn_sender *s, int most_ms) {
    uint64_t then = s->now_ns > s->linger_ns ? s->now_ns - s->linger_ns : 0;
    bool closed = kn_sender_gathered_ns(s) <= then;
    kn_sender_close_lanes(s, then);
    uint64_t since = kn_sender_gathered_ns(s);
    if (s->filling && s->filling->batch.count) {
        if (closed || s->filling->since_ns <= then) /* its aggregates have waited before */
            kn_sender_send_filling(s);
        else if (s->filling->since_ns < since)
            since = s->filling->since_ns;
    }
    if (since == UINT64_MAX)
        return most_ms;
    uint64_t left = since > then ? (since - then) / 1000000u + 1 : 0;
    return left < (uint64_t)most_ms ? (int)left : most_ms;
}

/* ---- the sink ---- */

static void place_record(kn_sender *s, const kn_record *r) {
    kn_piece piece = {.data = r->data,
                      .key = r->partition_key,
                      .hash = r->explicit_hash_key,
                      .number = r->index,
                      .due_ns = r->due_ns,
                      .user_bytes = r->data.n};
    kn_err err;
    kn_hash_key hash;
    if (s->rules->keyed && kn_shards_throttling(s->shards)) {
        kn_sender_refresh_map(s);
        kn_slice explicit = {r->explicit_hash_key.n ? r->explicit_hash_key.p : NULL,
                             r->explicit_hash_key.n};
        /* A hash key that is none is refused when it is encoded. */
        if (s->map && kn_hash_of(&s->md5, r->partition_key, explicit, &hash, &err))
            piece.shard = kn_shard_map_find(s->map, hash)->shard;
    }
    kn_sender_place(s, &piece);
}

static void gather_record(kn_sender *s, const kn_record *r) {
    kn_slice hash = r->explicit_hash_key;
    kn_user_record user = {r->data, r->partition_key, {hash.n ? hash.p : NULL, hash.n}};
    kn_rider rider = {r->index, r->due_ns};
    kn_err why;
    kn_sender_refresh_map(s);
    if (kn_batch_check(&s->parcels[0].batch, r->data, r->partition_key, hash, &why)) {
        kn_sender_gather(s, &user, &rider);
        return;
    }
    kn_fail_within(&why, "record %llu", (unsigned long long)r->index);
    kn_piece piece = {.data = r->data, .key = r->partition_key, .hash = hash, .number = r->index};
    kn_sender_give_up(s, &piece, &why, false);
}

/* The run must stop. */
static bool lose(kn_sender *s, const kn_record *r, const kn_err *why) {
    kn_piece piece = {
        .data = r->data, .key = r->partition_key, .hash = r->explicit_hash_key, .number = r->index};
    kn_sender_give_up(s, &piece, why, false);
    return false;
}

static bool put(kn_sender *s, const kn_record *record, kn_err *err) {
    kn_pending_put(&s->pending, record->index);
    if (s->broken) {
        *err = s->fatal;
        return lose(s, record, err);
    }
    if (!wait_for_room(s, err) || (s->aggregate && !s->map && !wait_for_map(s, err)))
        return lose(s, record, err);
    uint32_t before = s->in_flight;
    if (s->aggregate)
        gather_record(s, record);
    else
        place_record(s, record);
    if (s->now_ns != s->lingered_ns)
        look_at_linger(s, 0);
    s->lingered_ns = s->now_ns;
    return s->in_flight == before || kn_sender_progress(s, 0, err);
}

static bool stream_put(kn_sink *sink, const kn_record *record, kn_err *err) {
    kn_sender *s = (kn_sender *)sink;
    s->now_ns = record->now_ns;
    s->inside = true;
    bool ok = put(s, record, err);
    s->inside = false;
    return ok;
}

static bool stream_poll(kn_sink *sink, int timeout_ms, kn_err *err) {
    kn_sender *s = (kn_sender *)sink;
    s->now_ns = kn_time_monotonic_ns();
    if (s->inside) /* it waits, and its worker looks after all of its sinks */
        return kn_sender_progress(s, 0, err);
    kn_sender_release(s);
    int wait = until_ready(s, look_at_linger(s, timeout_ms));
    bool ok = kn_sender_progress(s, wait, err);
    if (ok) {
        kn_sender_release(s);
        s->now_ns = kn_time_monotonic_ns();
        look_at_linger(s, 0);
    }
    return ok;
}

static bool has_records(const kn_sender *s) {
    return s->in_flight || s->hold.count || s->lanes.filled || s->seals.count ||
           (s->filling && s->filling->batch.count);
}

/* Sends what can be; returns for how long there will be no more, at most most_ms. */
static int push(kn_sender *s, int most_ms) {
    if (s->broken)
        return most_ms;
    if (s->rules->keyed && kn_shards_throttling(s->shards))
        kn_sender_refresh_map(s); /* of shards that are refused without being named */
    kn_sender_release(s);
    kn_sender_close_lanes(s, UINT64_MAX);
    kn_sender_send_filling(s);
    return until_ready(s, most_ms);
}

static void wait_for_all(kn_sender *s, uint64_t deadline_ns) {
    bool settling = false;
    while (s->broken ? s->in_flight > 0 : has_records(s)) {
        int wait = push(s, WAIT_MS);
        uint64_t now = kn_time_monotonic_ns();
        if (s->broken && !settling) {
            uint64_t soon = now + SETTLE_MS * 1000000ull;
            deadline_ns = deadline_ns && deadline_ns < soon ? deadline_ns : soon;
            settling = true;
        }
        bool over = is_abandoned(s) || (deadline_ns && deadline_ns <= now);
        if (over)
            wait = 0;
        else if (deadline_ns && deadline_ns - now < (uint64_t)wait * 1000000u)
            wait = (int)((deadline_ns - now) / 1000000u) + 1;
        wait_for_replies(s, wait, NULL);
        if (over || is_abandoned(s))
            break;
    }
}

static bool stream_drain(kn_sink *sink, uint64_t deadline_ns, kn_err *err) {
    kn_sender *s = (kn_sender *)sink;
    s->inside = true;
    wait_for_all(s, deadline_ns);
    kn_err late;
    kn_fail(&late, KN_ETIMEOUT, "%s %s: no answer when the run ended", s->rules->api,
            s->rules->operation);
    bool reason = s->broken && s->fatal.code != KN_ECANCEL;
    kn_sender_abandon(s, reason ? &s->fatal : &late);
    kn_sender_cancel_listing(s);
    s->inside = false;
    return kn_sender_progress(s, 0, err);
}

static void stream_destroy(kn_sink *sink) {
    kn_sender *s = (kn_sender *)sink;
    kn_err closed;
    kn_fail(&closed, KN_ECANCEL, "closed before it was sent");
    if (s->client)
        kn_sender_cancel_listing(s);
    kn_sender_abandon(s, &closed);
    for (uint32_t i = 0; i < s->parcel_count; i++)
        kn_batch_free(&s->parcels[i].batch);
    kn_lanes_free(&s->lanes);
    for (int i = 0; i < KN_AGGREGATE_SEALS; i++)
        kn_buf_free(&s->seals.list[i].blob);
    kn_md5_free(&s->md5);
    kn_deaggregator_free(&s->deaggregator);
    kn_deaggregator_free(&s->rerouting);
    kn_shard_map_release(s->map);
    if (s->own_shards)
        kn_shards_destroy(s->shards);
    kn_aws_client_destroy(s->client);
    kn_pending_free(&s->pending);
    kn_buf_free(&s->scratch);
    kn_buf_free(&s->listing.body);
    free(s->tally.list);
    free(s->stream);
    free(s);
}

static const kn_sink_type kinesis_type = {
    .name = "kinesis",
    .put = stream_put,
    .poll = stream_poll,
    .drain = stream_drain,
    .destroy = stream_destroy,
};

static const kn_sink_type firehose_type = {
    .name = "firehose",
    .put = stream_put,
    .poll = stream_poll,
    .drain = stream_drain,
    .destroy = stream_destroy,
};

/* ---- opening ---- */

/* Each aggregate must fit a record, and each record a request. */
static bool open_aggregation(kn_sender *s, const kn_sink_stream_config *config,
                             const kn_batch_limits *limits, kn_err *err) {
    uint32_t most = limits->record_bytes - (uint32_t)strlen(KN_AGGREGATE_KEY);
    uint32_t bytes = config->aggregate_bytes ? config->aggregate_bytes : KN_AGGREGATE_BYTES;
    s->lanes.max_bytes = bytes < most ? bytes : most;
    for (int i = 0; i < KN_AGGREGATE_SEALS; i++)
        kn_buf_init(&s->seals.list[i].blob, KN_AGGREGATE_ROOM);
    if (config->service == KN_STREAM_FIREHOSE)
        return kn_fail(err, KN_EINVAL,
                       "records for Firehose cannot be aggregated: a delivery stream that is "
                       "written to directly does not take aggregates apart");
    return kn_deaggregator_init(&s->deaggregator, err) && kn_deaggregator_init(&s->rerouting, err);
}

static bool open_parcels(kn_sender *s, const kn_sink_stream_config *config, uint32_t parcels,
                         kn_err *err) {
    kn_batch_limits limits = {config->max_records, config->max_bytes, config->max_record_bytes};
    bool newline = config->service == KN_STREAM_FIREHOSE && !config->no_newline;
    if (config->aggregate && !limits.bytes)
        limits.bytes =
            limits.record_bytes > AGGREGATED_BYTES ? limits.record_bytes : AGGREGATED_BYTES;
    bool ok = true;
    for (; ok && s->parcel_count < parcels; s->parcel_count += ok) {
        kn_parcel *p = &s->parcels[s->parcel_count];
        p->sender = s;
        ok = kn_batch_init(&p->batch, s->rules, config->stream, &limits, newline, err);
        if (ok)
            kn_sender_recycle(s, p);
    }
    return ok &&
           (!config->aggregate || open_aggregation(s, config, &s->parcels[0].batch.limits, err));
}

static bool open_sender(kn_sender *s, const kn_sink_stream_config *config, uint32_t parcels,
                        kn_err *err) {
    const kn_api *api = kn_api_find(s->rules->api);
    s->operation = kn_operation_find(api, s->rules->operation);
    s->aggregate = config->aggregate;
    s->linger_ns = (config->linger_ms ? config->linger_ms : LINGER_MS) * 1000000ull;
    s->hold.most_pieces = HELD_MOST;
    s->hold.most_bytes = HELD_BYTES;
    s->retries_ns = kn_time_monotonic_ns();
    s->retries = 1e9; /* cut to what is allowed when first looked at */
    kn_buf_init(&s->scratch, SCRATCH_MAX);
    kn_buf_init(&s->listing.body, 1 << 20);
    s->shards = config->shards;
    s->own_shards = !config->shards;
    s->stream = strdup(config->stream);
    if (!s->stream)
        return kn_fail(err, KN_ENOMEM, "out of memory for a sender");
    if (!kn_aws_client_new(config->aws, api, &s->client, err) || !kn_md5_init(&s->md5, err) ||
        (s->own_shards && !kn_shards_new(&s->shards, err)))
        return false;
    kn_aws_client_heed(s->client, (kn_stop){is_stopped, s});
    s->max_attempts = kn_aws_client_attempts(s->client);
    return open_parcels(s, config, parcels, err);
}

bool kn_sink_stream_open(const kn_sink_stream_config *config, kn_stats *stats, kn_sink **out,
                         kn_err *err) {
    bool firehose = config->service == KN_STREAM_FIREHOSE;
    uint32_t in_flight = config->requests_in_flight ? config->requests_in_flight : IN_FLIGHT;
    if (in_flight > IN_FLIGHT_MAX)
        return kn_fail(err, KN_EINVAL, "at most %d requests in flight, not %u", IN_FLIGHT_MAX,
                       in_flight);
    kn_sender *s = kn_align_alloc(sizeof *s + in_flight * sizeof *s->parcels);
    if (!s)
        return kn_fail(err, KN_ENOMEM, "out of memory for a sender");
    s->sink = (kn_sink){.type = firehose ? &firehose_type : &kinesis_type,
                        .stats = stats,
                        .destination = config->destination};
    s->rules = firehose ? &kn_batch_firehose : &kn_batch_kinesis;
    if (config->destination)
        s->pending.settled = config->destination->settled;
    if (!open_sender(s, config, in_flight, err)) {
        stream_destroy(&s->sink);
        return false;
    }
    *out = &s->sink;
    return true;
}
