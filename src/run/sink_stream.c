/* See sink_stream.h. A batch is free, or being filled, or on its way (then it belongs to a call).
 */
#include "run/sink_stream.h"

#include "aws/batch.h"
#include "aws/call.h"
#include "aws/error.h"
#include "base/align.h"
#include "base/time.h"
#include "run/destination.h"

#include <stdlib.h>
#include <time.h>

enum {
    IN_FLIGHT = 4,
    IN_FLIGHT_MAX = 64,
    LINGER_MS = 100,
    WAIT_MS = 100,          /* between two looks at the abandon flag */
    SHARED_WAIT_MS = 5,     /* the same, where the worker has other sinks */
    SETTLE_MS = 5000,       /* after a fatal error, for what is still on its way */
    ATTEMPTS_UNREACHED = 4, /* of a request, while no server has ever answered: under 2 s */
    ATTEMPTS_REACHED = 12,  /* afterwards: about 40 s */
    SCRATCH_MAX = 32 << 20, /* a record read back, with its keys */
    ROUNDS = 20,            /* of sending a record that the service refuses for now */
};

typedef struct stream_sink stream_sink;

typedef struct parcel {
    kn_batch batch;
    stream_sink *sink;
    kn_aws_call *call; /* on its way */
    uint64_t since_ns; /* when its first record came */
    int round;         /* sends of a request with these records, less one */
    bool doubtful;     /* a send ended without saying whether the records arrived */
    struct parcel *next_free;
} parcel;

struct stream_sink {
    kn_sink sink;
    kn_aws_client *client;
    const kn_operation *operation;
    const kn_batch_rules *rules;
    int max_attempts; /* the user's; 0: ours */
    uint64_t linger_ns;
    parcel *filling; /* NULL: none */
    parcel *free;
    uint32_t in_flight;
    bool broken; /* a fatal error came; `fatal` says which */
    kn_err fatal;
    kn_pending pending;
    kn_buf scratch;
    uint32_t parcel_count;
    parcel parcels[];
};

/* A few milliseconds coarse and a few nanoseconds cheap: for lingering. */
static uint64_t coarse_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- giving up ---- */

static void give_up_record(stream_sink *s, const kn_record *record, const kn_err *why,
                           bool uncertain) {
    if (kn_sink_give_up(&s->sink, record, why, uncertain))
        kn_pending_settle(&s->pending, record->index);
}

/* The record is in no batch. */
static void refuse_record(stream_sink *s, const kn_record *record, const kn_err *why) {
    kn_pending_put(&s->pending, record->index);
    give_up_record(s, record, why, false);
}

/* What cannot be read back is counted all the same, and reported by its index alone. */
static void give_up_entry(stream_sink *s, const kn_batch *b, const kn_batch_entry *entry,
                          const kn_err *why, bool uncertain) {
    kn_batch_record content = {{"", 0}, {"", 0}, {"", 0}};
    kn_err err;
    if (!kn_batch_read(b, entry, &s->scratch, &content, &err))
        why = &err;
    kn_record record = {.index = entry->number,
                        .data = content.data,
                        .partition_key = content.key,
                        .explicit_hash_key = content.explicit_hash_key};
    give_up_record(s, &record, why, uncertain);
}

static void on_settled(void *context, const kn_batch *b, const kn_batch_entry *entry,
                       const kn_err *why) {
    stream_sink *s = context;
    const parcel *p = (const parcel *)b; /* its first member */
    if (why)
        give_up_entry(s, b, entry, why, p->doubtful);
    else
        kn_pending_settle(&s->pending, entry->number);
}

static void recycle(stream_sink *s, parcel *p) {
    kn_batch_clear(&p->batch);
    p->round = 0;
    p->doubtful = false;
    p->next_free = s->free;
    s->free = p;
}

static void give_up(stream_sink *s, parcel *p, const kn_err *why, bool uncertain) {
    for (uint32_t i = 0; i < p->batch.count; i++)
        give_up_entry(s, &p->batch, &p->batch.entries[i], why, uncertain);
    recycle(s, p);
}

static void break_with(stream_sink *s, const kn_err *why) {
    if (s->broken)
        return;
    s->broken = true;
    s->fatal = *why;
}

/* ---- sending ---- */

static void on_answer(void *context, const kn_aws_result *result);

static void send_parcel(stream_sink *s, parcel *p, int delay_ms) {
    bool reached = kn_aws_client_reached(s->client);
    kn_aws_request request = {
        .operation = s->operation,
        .body = kn_batch_body(&p->batch),
        .wire = p->batch.wire,
        .max_attempts = s->max_attempts ? 0
                        : reached       ? ATTEMPTS_REACHED
                                        : ATTEMPTS_UNREACHED,
        .delay_ms = delay_ms,
    };
    kn_err err;
    if (kn_aws_submit(s->client, &request, on_answer, p, &p->call, &err)) {
        s->in_flight++;
        return;
    }
    break_with(s, &err);
    give_up(s, p, &err, p->doubtful);
}

static void send_filling(stream_sink *s) {
    parcel *p = s->filling;
    s->filling = NULL;
    if (p && p->batch.count)
        send_parcel(s, p, 0);
    else if (p) /* the records meant for it were refused */
        recycle(s, p);
}

static bool may_send_again(const stream_sink *s, const parcel *p) {
    return !s->broken && p->round + 1 < (s->max_attempts ? s->max_attempts : ROUNDS);
}

static void send_again(stream_sink *s, parcel *p) {
    kn_count(&s->sink.stats->retried, p->batch.count);
    /* At least 1 ms, so that it is sent from poll and not from within the callback. */
    send_parcel(s, p, 1 + kn_aws_backoff_ms(s->client, p->round++));
}

/* Whether the server may have acted upon an attempt of the call nevertheless. */
static bool leaves_doubt(const stream_sink *s, const kn_aws_result *result, const kn_err *why) {
    if (result->attempts - result->throttles > 1)
        return true;
    bool answered = why->http_status > 0 && why->http_status < 500 && why->code != KN_EPARSE;
    return !answered && kn_aws_client_reached(s->client);
}

/* By all attempts of the call. */
static void on_refused(stream_sink *s, parcel *p, const kn_err *why) {
    kn_err err = *why;
    if (kn_aws_is_throttle(err.aws_code) || err.http_status == 429) {
        if (may_send_again(s, p))
            send_again(s, p);
        else
            give_up(s, p, &err, p->doubtful);
        return;
    }
    if (!kn_aws_client_reached(s->client))
        kn_fail_within(&err, "no server answers at %s", kn_aws_client_url(s->client));
    break_with(s, &err);
    give_up(s, p, &err, p->doubtful);
}

static void on_answer(void *context, const kn_aws_result *result) {
    parcel *p = context;
    stream_sink *s = p->sink;
    kn_stats *stats = s->sink.stats;
    uint64_t sent = p->batch.count;
    p->call = NULL;
    s->in_flight--;
    kn_count(&stats->requests, (uint64_t)result->attempts);
    if (result->attempts > 1)
        kn_count(&stats->retried, sent * (uint64_t)(result->attempts - 1));
    kn_count(&stats->throttled, sent * (uint64_t)result->throttles);
    if (result->err) {
        p->doubtful = p->doubtful || leaves_doubt(s, result, result->err);
        on_refused(s, p, result->err);
        return;
    }
    p->doubtful = p->doubtful || result->attempts - result->throttles > 1;
    kn_batch_outcome outcome;
    kn_err err;
    if (!kn_batch_settle(&p->batch, result->reply->body, may_send_again(s, p), &outcome, &err)) {
        p->doubtful = true;
        on_refused(s, p, &err);
        return;
    }
    kn_count(&stats->delivered, outcome.delivered);
    kn_count(&stats->bytes, outcome.bytes);
    kn_count(&stats->throttled, outcome.throttled);
    if (p->batch.count == 0)
        recycle(s, p);
    else
        send_again(s, p);
}

/* Lets requests progress. False once a fatal error came: the run must stop. */
static bool progress(stream_sink *s, int timeout_ms, kn_err *err) {
    kn_err trouble;
    if (s->in_flight && !kn_aws_poll(s->client, timeout_ms, &trouble))
        break_with(s, &trouble);
    if (s->broken && err)
        *err = s->fatal;
    return !s->broken;
}

/* The same, while the worker can do nothing else but look after its other sinks. */
static bool wait_for_replies(stream_sink *s, int timeout_ms, kn_err *err) {
    kn_err other;
    if (!s->sink.idle)
        return progress(s, timeout_ms, err);
    if (!s->sink.idle(s->sink.worker, err ? err : &other) && err)
        return false;
    return progress(s, timeout_ms < SHARED_WAIT_MS ? timeout_ms : SHARED_WAIT_MS, err);
}

static bool is_abandoned(const stream_sink *s) {
    return s->sink.abandon && *s->sink.abandon;
}

/* ---- the sink ---- */

/* Waits for a free parcel. */
static bool begin_filling(stream_sink *s, kn_err *err) {
    while (!s->free) {
        s->sink.waited = true;
        if (is_abandoned(s))
            return kn_fail(err, KN_ECANCEL, "stopped while waiting for replies");
        if (!wait_for_replies(s, WAIT_MS, err))
            return false;
    }
    s->filling = s->free;
    s->free = s->filling->next_free;
    kn_batch_begin(&s->filling->batch, kn_aws_client_wire(s->client));
    s->filling->since_ns = coarse_ns();
    return true;
}

/* The run must stop. */
static bool lose(stream_sink *s, const kn_record *record, const kn_err *err) {
    refuse_record(s, record, err);
    return false;
}

static bool stream_put(kn_sink *sink, const kn_record *record, kn_err *err) {
    stream_sink *s = (stream_sink *)sink;
    if (s->broken) {
        *err = s->fatal;
        return lose(s, record, err);
    }
    for (;;) {
        if (!s->filling && !begin_filling(s, err))
            return lose(s, record, err);
        kn_err why;
        kn_batch *b = &s->filling->batch;
        switch (
            kn_batch_add(b, record->data, record->partition_key, record->explicit_hash_key, &why)) {
        case KN_BATCH_ADDED:
            b->entries[b->count - 1].due_ns = record->due_ns;
            b->entries[b->count - 1].number = record->index;
            kn_pending_put(&s->pending, record->index);
            if (b->count < b->limits.records && coarse_ns() - s->filling->since_ns < s->linger_ns)
                return true;
            send_filling(s);
            return progress(s, 0, err);
        case KN_BATCH_FULL:
            send_filling(s);
            if (!progress(s, 0, err))
                return lose(s, record, err);
            break;
        case KN_BATCH_REFUSED:
            kn_fail_within(&why, "record %llu", (unsigned long long)record->index);
            refuse_record(s, record, &why);
            return true;
        }
    }
}

/* Sends what has lingered; returns for how long what is being filled still may, in ms. */
static int look_at_linger(stream_sink *s, int timeout_ms) {
    if (!s->filling || s->filling->batch.count == 0)
        return timeout_ms;
    uint64_t age = coarse_ns() - s->filling->since_ns;
    if (age >= s->linger_ns) {
        send_filling(s);
        return timeout_ms;
    }
    uint64_t left = (s->linger_ns - age) / 1000000u + 1;
    return left < (uint64_t)timeout_ms ? (int)left : timeout_ms;
}

static bool stream_poll(kn_sink *sink, int timeout_ms, kn_err *err) {
    stream_sink *s = (stream_sink *)sink;
    bool ok = progress(s, look_at_linger(s, timeout_ms), err);
    if (ok)
        look_at_linger(s, 0);
    return ok;
}

/* Cancels what is on its way and counts it as failed. */
static void abandon_all(stream_sink *s, const kn_err *why) {
    for (uint32_t i = 0; i < s->parcel_count; i++) {
        parcel *p = &s->parcels[i];
        if (!p->call)
            continue;
        kn_aws_cancel(p->call);
        p->call = NULL;
        s->in_flight--;
        give_up(s, p, why, true);
    }
}

static bool stream_drain(kn_sink *sink, uint64_t deadline_ns, kn_err *err) {
    stream_sink *s = (stream_sink *)sink;
    bool settling = false;
    if (s->broken && s->filling) {
        give_up(s, s->filling, &s->fatal, false);
        s->filling = NULL;
    }
    send_filling(s);
    while (s->in_flight) {
        uint64_t now = kn_time_monotonic_ns();
        if (s->broken && !settling) {
            uint64_t soon = now + SETTLE_MS * 1000000ull;
            deadline_ns = deadline_ns && deadline_ns < soon ? deadline_ns : soon;
            settling = true;
        }
        int wait = WAIT_MS;
        if (deadline_ns && (deadline_ns <= now || is_abandoned(s)))
            wait = 0;
        else if (deadline_ns && deadline_ns - now < WAIT_MS * 1000000ull)
            wait = (int)((deadline_ns - now) / 1000000u) + 1;
        wait_for_replies(s, wait, NULL);
        if (wait == 0 || is_abandoned(s))
            break;
    }
    kn_err late;
    kn_fail(&late, KN_ETIMEOUT, "%s %s: no answer when the run ended", s->rules->api,
            s->rules->operation);
    abandon_all(s, s->broken ? &s->fatal : &late);
    return progress(s, 0, err);
}

static void stream_destroy(kn_sink *sink) {
    stream_sink *s = (stream_sink *)sink;
    kn_err closed;
    kn_fail(&closed, KN_ECANCEL, "closed before it was sent");
    abandon_all(s, &closed);
    if (s->filling)
        give_up(s, s->filling, &closed, false);
    for (uint32_t i = 0; i < s->parcel_count; i++)
        kn_batch_free(&s->parcels[i].batch);
    kn_aws_client_destroy(s->client);
    kn_pending_free(&s->pending);
    kn_buf_free(&s->scratch);
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

bool kn_sink_stream_open(const kn_sink_stream_config *config, kn_stats *stats, kn_sink **out,
                         kn_err *err) {
    bool firehose = config->service == KN_STREAM_FIREHOSE;
    uint32_t in_flight = config->requests_in_flight ? config->requests_in_flight : IN_FLIGHT;
    if (in_flight > IN_FLIGHT_MAX)
        return kn_fail(err, KN_EINVAL, "at most %d requests in flight, not %u", IN_FLIGHT_MAX,
                       in_flight);
    kn_batch_limits limits = {config->max_records, config->max_bytes, config->max_record_bytes};
    uint32_t parcels = in_flight + 1; /* one more to fill meanwhile */
    stream_sink *s = kn_align_alloc(sizeof *s + parcels * sizeof *s->parcels);
    if (!s)
        return kn_fail(err, KN_ENOMEM, "out of memory for a sender");
    s->sink = (kn_sink){.type = firehose ? &firehose_type : &kinesis_type,
                        .stats = stats,
                        .destination = config->destination};
    if (config->destination)
        s->pending.settled = config->destination->settled;
    kn_buf_init(&s->scratch, SCRATCH_MAX);
    s->rules = firehose ? &kn_batch_firehose : &kn_batch_kinesis;
    s->linger_ns = (config->linger_ms ? config->linger_ms : LINGER_MS) * 1000000ull;
    const kn_api *api = kn_api_find(s->rules->api);
    s->operation = kn_operation_find(api, s->rules->operation);
    bool ok = kn_aws_client_new(config->aws, api, &s->client, err);
    s->max_attempts = ok ? kn_aws_client_attempts(s->client) : 0;
    for (; ok && s->parcel_count < parcels; s->parcel_count += ok) {
        parcel *p = &s->parcels[s->parcel_count];
        p->sink = s;
        ok = kn_batch_init(&p->batch, s->rules, config->stream, &limits,
                           firehose && !config->no_newline, err);
        p->batch.ages = &stats->latency;
        p->batch.settled = on_settled;
        p->batch.context = s;
        if (ok)
            recycle(s, p);
    }
    if (!ok) {
        stream_destroy(&s->sink);
        return false;
    }
    *out = &s->sink;
    return true;
}
