/* See sender.h: requests on their way, and entries that wait.
 *
 * Entries that the service refused for now leave their request, so that it is free for others, and
 * wait in the hold: with full jitter, for their shard's rate (run/stream/shards.h) or, where that
 * has none, for the retry budget: one retry for two records that were taken, and 500 a second. An
 * empty budget makes them wait; nothing is lost by it. */
#include "run/stream/sender.h"

#include "aws/error.h"
#include "aws/put_reply.h"
#include "base/time.h"

#include <stdlib.h>
#include <time.h>

enum {
    ATTEMPTS_UNREACHED = 4, /* of a request, while no server has ever answered: under 2 s */
    ATTEMPTS_REACHED = 12,  /* afterwards: about 40 s */
    UNREACHED_MS = 10000,   /* of an attempt: a server that says nothing is given up in 40 s */
    REACHED_MS = 30000,
    ROUNDS = 20,         /* of sending a record that the service refuses for now */
    RETRIES_MOST = 2500, /* that may go at once */
    RETRIES_PER_SECOND = 500,
    LEARNED = 64, /* replies of which every one is looked at for where records went; then ... */
    LOOK_NS = 10000000,    /* ... one in so long */
    NO_ROOM_NS = 2000000,  /* until what waits is looked at again: for a request... */
    NO_RATE_NS = 10000000, /* ... and for the rate of a shard: it is a walk over all that waits */
};

static const double retries_per_record = 0.5;

void kn_sender_break(kn_sender *s, const kn_err *why) {
    if (s->broken)
        return;
    s->broken = true;
    s->fatal = *why;
}

/* ---- parcels ---- */

void kn_sender_recycle(kn_sender *s, kn_parcel *p) {
    kn_batch_clear(&p->batch);
    p->round = 0;
    p->doubtful = false;
    p->next_free = s->free;
    s->free = p;
}

static void give_up_parcel(kn_sender *s, kn_parcel *p, const kn_err *why, bool uncertain) {
    for (uint32_t i = 0; i < p->batch.count; i++) {
        kn_piece piece;
        kn_sender_read_entry(s, &p->batch, &p->batch.entries[i], &piece);
        kn_sender_give_up(s, &piece, why, uncertain);
    }
    kn_sender_recycle(s, p);
}

static uint64_t count_records(const kn_parcel *p) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < p->batch.count; i++) {
        const kn_riders *riders = p->batch.entries[i].riders;
        n += riders ? riders->count : 1;
    }
    return n;
}

static void on_answer(void *context, const kn_aws_result *result);

int kn_sender_timeout_ms(const kn_sender *s) {
    return kn_aws_client_reached(s->client) ? REACHED_MS : UNREACHED_MS;
}

static void send_parcel(kn_sender *s, kn_parcel *p, int delay_ms) {
    kn_aws_request request = {
        .operation = s->operation,
        .body = kn_batch_body(&p->batch),
        .wire = p->batch.wire,
        .max_attempts = s->max_attempts ? 0 : ATTEMPTS_REACHED,
        .max_unreached = s->max_attempts ? 0 : ATTEMPTS_UNREACHED,
        .busy = s->rules->busy,
        .delay_ms = delay_ms,
        .timeout_ms = kn_sender_timeout_ms(s),
    };
    kn_err err;
    if (kn_aws_submit(s->client, &request, on_answer, p, &p->call, &err)) {
        s->in_flight++;
        return;
    }
    kn_sender_break(s, &err);
    give_up_parcel(s, p, &err, p->doubtful);
}

void kn_sender_send_filling(kn_sender *s) {
    kn_parcel *p = s->filling;
    s->filling = NULL;
    if (p && p->batch.count)
        send_parcel(s, p, 0);
    else if (p) /* the records meant for it were refused */
        kn_sender_recycle(s, p);
}

bool kn_sender_has_room(const kn_sender *s) {
    return s->filling || s->free;
}

static void begin_filling(kn_sender *s) {
    s->filling = s->free;
    s->free = s->filling->next_free;
    kn_batch_begin(&s->filling->batch, kn_aws_client_wire(s->client));
    s->filling->since_ns = s->now_ns;
}

/* ---- placing ---- */

void kn_sender_hold(kn_sender *s, const kn_piece *p, uint64_t ready_ns) {
    kn_err err;
    if (!kn_hold_add(&s->hold, p, ready_ns, &err))
        kn_sender_give_up(s, p, &err, false);
}

/* False: no request has room now. Otherwise the piece is in one, or refused for good. */
static bool fill_in(kn_sender *s, const kn_piece *p) {
    for (;;) {
        if (!s->filling && !s->free)
            return false;
        if (!s->filling)
            begin_filling(s);
        kn_err why;
        kn_batch *b = &s->filling->batch;
        kn_batch_entry *e;
        switch (kn_batch_add(b, p->data, p->key, p->hash, &why)) {
        case KN_BATCH_ADDED:
            e = &b->entries[b->count - 1];
            e->number = p->number;
            e->due_ns = p->due_ns;
            e->riders = p->riders;
            e->user_bytes = p->user_bytes;
            e->shard = p->shard;
            e->sends = p->sends + 1;
            e->map_version = p->map_version;
            e->doubtful = p->doubtful;
            if (p->sends)
                kn_count(&s->sink.stats->retried, kn_piece_records(p));
            if (b->count == b->limits.records)
                kn_sender_send_filling(s);
            return true;
        case KN_BATCH_FULL:
            kn_sender_send_filling(s);
            break;
        case KN_BATCH_REFUSED:
            kn_fail_within(&why, "record %llu", (unsigned long long)p->number);
            kn_sender_give_up(s, p, &why, false);
            return true;
        }
    }
}

static double cost_of(const kn_piece *p) {
    return kn_rate_cost(1, p->data.n + p->key.n);
}

void kn_sender_place(kn_sender *s, const kn_piece *p) {
    uint64_t now = 0;
    if (kn_shards_throttling(s->shards)) {
        now = kn_time_monotonic_ns();
        if (!kn_shards_take(s->shards, p->shard, cost_of(p), now)) {
            kn_sender_hold(s, p, now);
            return;
        }
    }
    if (!fill_in(s, p))
        kn_sender_hold(s, p, now);
}

/* ---- what waits ---- */

static void refill_retries(kn_sender *s, uint64_t now) {
    s->retries += (double)(now - s->retries_ns) / 1e9 * RETRIES_PER_SECOND;
    s->retries = s->retries < RETRIES_MOST ? s->retries : RETRIES_MOST;
    s->retries_ns = now;
}

/* Sent again, and nothing but the budget says how often. */
static bool needs_budget(kn_sender *s, const kn_piece *p) {
    return p->sends && !kn_shards_limited(s->shards, p->shard);
}

static bool is_refused(const uint32_t *shards, uint32_t n, uint32_t shard) {
    while (n-- > 0)
        if (shards[n] == shard)
            return true;
    return false;
}

void kn_sender_release(kn_sender *s) {
    enum { REMEMBERED = 32 };
    uint32_t refused[REMEMBERED], refused_count = 0; /* shards whose rate is used up */
    if (s->hold.count == 0 || s->broken)
        return;
    uint64_t now = kn_time_monotonic_ns(), next = UINT64_MAX;
    if (now < s->hold.next_ns)
        return;
    refill_retries(s, now);
    kn_held *before = NULL, *held = s->hold.first;
    while (held && kn_sender_has_room(s)) {
        kn_piece *p = &held->piece;
        if (kn_sender_is_outdated(s, p)) {
            held = kn_hold_take(&s->hold, before);
            kn_sender_reroute(s, &held->piece);
            kn_held_free(held);
            held = before ? before->next : s->hold.first;
            continue;
        }
        bool ready = held->ready_ns <= now && !is_refused(refused, refused_count, p->shard);
        bool paid = ready && needs_budget(s, p);
        ready = ready && (!paid || s->retries >= 1);
        if (ready && kn_shards_take(s->shards, p->shard, cost_of(p), now)) {
            s->retries -= paid;
            held = kn_hold_take(&s->hold, before);
            if (!fill_in(s, p)) /* the last request was full */
                kn_sender_hold(s, p, now);
            kn_held_free(held);
            held = before ? before->next : s->hold.first;
            continue;
        }
        if (ready && refused_count < REMEMBERED)
            refused[refused_count++] = p->shard;
        uint64_t then = held->ready_ns > now ? held->ready_ns : now + NO_RATE_NS;
        next = then < next ? then : next;
        before = held;
        held = held->next;
    }
    s->hold.next_ns = held ? now + NO_ROOM_NS : next; /* held: there was none for it */
}

/* ---- answers ---- */

static bool may_send_again(const kn_sender *s, uint32_t sends) {
    return !s->broken && sends < (uint32_t)(s->max_attempts ? s->max_attempts : ROUNDS);
}

/* The shard that refused it: as the message says, else as it was meant for, else by its key. */
static uint32_t find_shard(kn_sender *s, kn_piece *p, const kn_put_result *result) {
    kn_err err;
    kn_hash_key hash;
    uint32_t told = kn_sender_shard_number(s, kn_put_shard_in(result->message));
    if (told != KN_SHARD_ANY || p->shard != KN_SHARD_ANY || !s->map)
        return told != KN_SHARD_ANY ? told : p->shard;
    kn_slice explicit = {p->hash.n ? p->hash.p : NULL, p->hash.n};
    return kn_hash_of(&s->md5, p->key, explicit, &hash, &err)
               ? kn_shard_map_find(s->map, hash)->shard
               : KN_SHARD_ANY;
}

static void on_failed(kn_sender *s, kn_parcel *p, kn_batch_entry *e, const kn_put_result *result) {
    kn_piece piece;
    bool readable = kn_sender_read_entry(s, &p->batch, e, &piece);
    bool transient = kn_put_is_transient(s->rules, result->code);
    uint64_t records = kn_piece_records(&piece);
    piece.doubtful = piece.doubtful || p->doubtful;
    if (kn_put_is_throttle(s->rules, result->code)) {
        kn_count(&s->sink.stats->throttled, records);
        piece.shard = find_shard(s, &piece, result);
        kn_sender_tally(s, piece.shard, &(kn_shard_answer){.throttled = records});
    }
    if (transient && readable && may_send_again(s, piece.sends)) {
        uint64_t wait = 1u + (uint64_t)kn_aws_backoff_ms(s->client, (int)piece.sends - 1);
        kn_sender_hold(s, &piece, kn_time_monotonic_ns() + wait * 1000000u);
        return;
    }
    kn_err err;
    kn_fail_aws(&err, 200, result->code, "%s %s: a record failed: %s: %s", s->rules->api,
                s->rules->operation, result->code,
                result->message ? result->message : "no reason given");
    err.retryable = transient;
    kn_sender_give_up(s, &piece, &err, false);
}

typedef struct reading {
    kn_parcel *parcel;
    kn_delivery delivery;
    uint64_t weight; /* of what is told of shards */
} reading;

static void on_result(void *context, uint32_t i, const kn_put_result *result) {
    reading *r = context;
    kn_parcel *p = r->parcel;
    kn_sender *s = p->sender;
    kn_batch_entry *e = &p->batch.entries[i];
    if (result->code) {
        on_failed(s, p, e, result);
        return;
    }
    uint32_t shard = kn_sender_shard_number(s, result->shard);
    if (shard != KN_SHARD_ANY && e->shard != KN_SHARD_ANY && shard != e->shard && s->map)
        kn_shards_distrust(s->shards, s->map->version);
    s->retries += retries_per_record;
    if (r->weight) {
        const kn_riders *riders = e->riders;
        kn_shard_answer answer = {
            .records = (riders ? riders->count : 1) * r->weight,
            .bytes = e->size * r->weight,
            .cost = kn_rate_cost(1, e->size) * (double)r->weight,
        };
        kn_sender_tally(s, shard != KN_SHARD_ANY ? shard : e->shard, &answer);
    }
    kn_sender_delivered(s, &r->delivery, e);
    free(e->riders);
}

/* Firehose answers 503 where a delivery stream takes no more: that does not end the run either. */
static bool is_throttle(const kn_sender *s, const kn_err *err) {
    return kn_put_is_throttle(s->rules, err->aws_code) || err->http_status == 429;
}

/* The whole request, by all attempts of the call. */
static void on_refused(kn_sender *s, kn_parcel *p, const kn_err *why) {
    kn_err err = *why;
    if (is_throttle(s, &err)) {
        if (!may_send_again(s, (uint32_t)p->round + 1)) {
            give_up_parcel(s, p, &err, p->doubtful);
            return;
        }
        kn_count(&s->sink.stats->retried, count_records(p));
        /* At least 1 ms, so that it is sent from poll and not from within the callback. */
        send_parcel(s, p, 1 + kn_aws_backoff_ms(s->client, p->round++));
        return;
    }
    if (!kn_aws_client_reached(s->client) && err.retryable)
        kn_fail_within(&err, "no server answers at %s", kn_aws_client_url(s->client));
    kn_sender_break(s, &err);
    give_up_parcel(s, p, &err, p->doubtful);
}

static void count_sends(kn_sender *s, kn_parcel *p, const kn_aws_result *result) {
    kn_stats *stats = s->sink.stats;
    kn_count(&stats->requests, (uint64_t)result->attempts);
    if (result->attempts > 1 || result->throttles || result->doubts) {
        uint64_t records = count_records(p), again = (uint64_t)result->attempts;
        kn_count(&stats->retried, records * (again ? again - 1 : 0));
        kn_count(&stats->throttled, records * (uint64_t)result->throttles);
        kn_count(&stats->maybe_twice, records * (uint64_t)result->doubts);
    }
    p->doubtful = p->doubtful || result->doubts > 0 || result->doubtful;
}

static void on_answer(void *context, const kn_aws_result *result) {
    kn_parcel *p = context;
    kn_sender *s = p->sender;
    p->call = NULL;
    s->in_flight--;
    count_sends(s, p, result);
    if (result->err) {
        on_refused(s, p, result->err);
        return;
    }
    bool all = s->aggregate || kn_shards_throttling(s->shards) || s->replies < LEARNED;
    uint64_t now = kn_time_monotonic_ns();
    bool look = all || now - s->looked_ns >= LOOK_NS;
    s->replies++;
    s->unlooked++;
    reading r = {p, {.now_ns = now}, look ? s->unlooked : 0};
    if (look) {
        s->looked_ns = now;
        s->unlooked = 0;
    }
    kn_put_reply reply = {.rules = s->rules,
                          .wire = p->batch.wire,
                          .body = result->reply->body,
                          .count = p->batch.count,
                          .shards = s->rules->keyed && look};
    kn_err err;
    if (!kn_put_reply_read(&reply, on_result, &r, &err)) {
        p->doubtful = true;
        on_refused(s, p, &err);
        return;
    }
    kn_sender_count_delivery(s, &r.delivery);
    kn_sender_tell_tally(s, p->since_ns, now);
    kn_sender_recycle(s, p);
}

bool kn_sender_progress(kn_sender *s, int timeout_ms, kn_err *err) {
    kn_err trouble;
    if ((s->in_flight || s->listing.call) && !kn_aws_poll(s->client, timeout_ms, &trouble))
        kn_sender_break(s, &trouble);
    if (s->broken && err)
        *err = s->fatal;
    return !s->broken;
}

/* ---- the end ---- */

void kn_sender_abandon(kn_sender *s, const kn_err *why) {
    for (uint32_t i = 0; i < s->parcel_count; i++) {
        kn_parcel *p = &s->parcels[i];
        if (!p->call)
            continue;
        kn_aws_result sends = kn_aws_call_sends(p->call);
        count_sends(s, p, &sends);
        kn_aws_cancel(p->call);
        p->call = NULL;
        s->in_flight--;
        give_up_parcel(s, p, why, p->doubtful);
    }
    if (s->filling)
        give_up_parcel(s, s->filling, why, false);
    s->filling = NULL;
    while (s->hold.count) {
        kn_held *held = kn_hold_take(&s->hold, NULL);
        kn_sender_give_up(s, &held->piece, why, false);
        kn_held_free(held);
    }
    kn_sender_give_up_lanes(s, why);
}
