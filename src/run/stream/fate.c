/* See sender.h: what became of records. An aggregate's records are counted one by one. */
#include "base/time.h"
#include "run/stream/sender.h"

#include <stdlib.h>

/* ---- delivered ---- */

static void count_due(kn_sender *s, kn_delivery *d) {
    uint64_t latency = d->now_ns > d->due_ns ? d->now_ns - d->due_ns : 0;
    if (d->due_count)
        kn_histogram_add(&s->sink.stats->latency, latency, d->due_count);
    d->due_count = 0;
}

static void settle(kn_sender *s, kn_delivery *d) {
    if (d->number_count)
        kn_pending_settle(&s->pending, d->number, d->number_count);
    d->number_count = 0;
}

static void add_record(kn_sender *s, kn_delivery *d, uint64_t number, uint64_t due_ns) {
    if (due_ns != d->due_ns)
        count_due(s, d);
    if (number != d->number + d->number_count)
        settle(s, d);
    if (d->number_count == 0)
        d->number = number;
    d->due_ns = due_ns;
    d->due_count++;
    d->number_count++;
    d->records++;
}

void kn_sender_delivered(kn_sender *s, kn_delivery *d, const kn_batch_entry *e) {
    const kn_riders *riders = e->riders;
    d->bytes += e->user_bytes;
    if (!riders)
        add_record(s, d, e->number, e->due_ns);
    for (uint32_t i = 0; riders && i < riders->count; i++)
        add_record(s, d, riders->list[i].number, riders->list[i].due_ns);
}

void kn_sender_count_delivery(kn_sender *s, kn_delivery *d) {
    count_due(s, d);
    settle(s, d);
    kn_count(&s->sink.stats->delivered, d->records);
    kn_count(&s->sink.stats->bytes, d->bytes);
}

/* ---- given up ---- */

static void give_up_record(kn_sender *s, const kn_record *record, const kn_err *why,
                           bool uncertain) {
    if (kn_sink_give_up(&s->sink, record, why, uncertain))
        kn_pending_settle(&s->pending, record->index, 1);
}

/* What cannot be read back is counted all the same. */
static void give_up_riders(kn_sender *s, const kn_piece *p, const kn_err *why, bool uncertain) {
    kn_err err;
    kn_user_record user;
    bool readable = kn_deaggregate(&s->deaggregator, p->data, &err) &&
                    s->deaggregator.count == p->riders->count;
    for (uint32_t i = 0; i < p->riders->count; i++) {
        kn_record record = {.index = p->riders->list[i].number};
        if (readable && kn_deaggregator_next(&s->deaggregator, &user)) {
            record.data = user.data;
            record.partition_key = user.key;
            record.explicit_hash_key = user.hash.p ? user.hash : (kn_slice){"", 0};
        }
        give_up_record(s, &record, why, uncertain);
    }
}

void kn_sender_give_up(kn_sender *s, const kn_piece *p, const kn_err *why, bool uncertain) {
    uncertain = uncertain || p->doubtful;
    if (p->riders) {
        give_up_riders(s, p, why, uncertain);
        free(p->riders);
        return;
    }
    kn_record record = {
        .index = p->number, .data = p->data, .partition_key = p->key, .explicit_hash_key = p->hash};
    give_up_record(s, &record, why, uncertain);
}

bool kn_sender_read_entry(kn_sender *s, const kn_batch *b, const kn_batch_entry *e,
                          kn_piece *piece) {
    kn_batch_record content;
    kn_err err;
    bool ok = kn_batch_read(b, e, &s->scratch, &content, &err);
    if (!ok)
        content = (kn_batch_record){{NULL, 0}, {"", 0}, {"", 0}};
    *piece = (kn_piece){.data = content.data,
                        .key = content.key,
                        .hash = content.explicit_hash_key,
                        .number = e->number,
                        .due_ns = e->due_ns,
                        .riders = e->riders,
                        .user_bytes = e->user_bytes,
                        .shard = e->shard,
                        .sends = e->sends,
                        .map_version = e->map_version,
                        .doubtful = e->doubtful};
    return ok;
}

/* ---- by shard ---- */

uint32_t kn_sender_shard_number(kn_sender *s, kn_slice name) {
    if (name.n == 0 || name.n >= KN_SHARD_NAME)
        return KN_SHARD_ANY;
    unsigned place = (unsigned char)name.p[name.n - 1];
    if (name.n > 1)
        place += 10u * (unsigned char)name.p[name.n - 2];
    place %= KN_SHARD_CACHE;
    if (!kn_slice_eq_cstr(name, s->tally.cache[place].name)) {
        memcpy(s->tally.cache[place].name, name.p, name.n);
        s->tally.cache[place].name[name.n] = '\0';
        s->tally.cache[place].number = kn_shards_number(s->shards, name);
    }
    return s->tally.cache[place].number;
}

static bool make_room(kn_tally *t, uint32_t shard) {
    if (shard < t->capacity)
        return true;
    uint32_t capacity = t->capacity ? t->capacity : 16;
    while (capacity <= shard)
        capacity *= 2;
    kn_shard_answer *list = realloc(t->list, capacity * sizeof *list);
    if (!list)
        return false; /* heat is lost, no record is */
    memset(list + t->capacity, 0, (capacity - t->capacity) * sizeof *list);
    t->list = list;
    t->capacity = capacity;
    return true;
}

void kn_sender_tally(kn_sender *s, uint32_t shard, const kn_shard_answer *answer) {
    kn_tally *t = &s->tally;
    if (!make_room(t, shard))
        return;
    kn_shard_answer *of = &t->list[shard];
    if (of->records == 0 && of->throttled == 0)
        t->touched[t->count++] = shard;
    of->records += answer->records;
    of->bytes += answer->bytes;
    of->cost += answer->cost;
    of->throttled += answer->throttled;
}

void kn_sender_tell_tally(kn_sender *s, uint64_t since, uint64_t now) {
    kn_tally *t = &s->tally;
    for (uint32_t i = 0; i < t->count; i++) {
        kn_shard_answer *of = &t->list[t->touched[i]];
        kn_shards_answered(s->shards, t->touched[i], of, since, now);
        *of = (kn_shard_answer){0};
    }
    t->count = 0;
}
