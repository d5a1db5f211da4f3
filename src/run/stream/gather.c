/* See sender.h: aggregation. Records that the map puts into one shard share an aggregate, so that
 * it is in that shard with all of its records, as consumers expect: those drop a record whose hash
 * key is not of the shard. After a resharding what has not been sent is gathered anew. What was on
 * its way meanwhile cannot be: a success is a success, wherever it landed. */
#include "base/time.h"
#include "run/stream/sender.h"

#include <stdlib.h>

static kn_user_record single(const kn_piece *p) {
    return (kn_user_record){p->data, p->key, {p->hash.n ? p->hash.p : NULL, p->hash.n}};
}

static bool find_shard(kn_sender *s, const kn_user_record *record, uint32_t *shard, kn_err *err) {
    kn_hash_key hash;
    if (s->map->count == 1 && !record->hash.p) { /* whatever the key's hash is */
        *shard = s->map->rows[0].shard;
        return true;
    }
    if (!kn_hash_of(&s->md5, record->key, record->hash, &hash, err))
        return false;
    *shard = kn_shard_map_find(s->map, hash)->shard;
    return true;
}

/* ---- lanes ---- */

/* When even that is not possible: its records are counted, without their data. */
static void lose_lane(kn_sender *s, uint32_t shard, const kn_err *why) {
    kn_lane *lane = &s->lanes.list[shard];
    kn_piece piece = {.riders = lane->riders, .shard = shard};
    lane->riders = NULL;
    s->lanes.filled--;
    kn_sender_give_up(s, &piece, why, false);
}

static bool close_lane(kn_sender *s, uint32_t shard, kn_piece *piece) {
    kn_err err;
    if (kn_lanes_close(&s->lanes, shard, piece, &err)) {
        piece->map_version = s->lanes_version;
        return true;
    }
    lose_lane(s, shard, &err);
    kn_lanes_clear(&s->lanes, shard);
    return false;
}

/* why NULL: it is sent. */
static void dispose(kn_sender *s, kn_piece *piece, const kn_err *why) {
    if (why)
        kn_sender_give_up(s, piece, why, false);
    else if (kn_sender_is_outdated(s, piece))
        kn_sender_hold(s, piece, 0);
    else
        kn_sender_place(s, piece);
}

static void dispose_of_sealed(kn_sender *s, const kn_err *why) {
    kn_seals *seals = &s->seals;
    kn_buf *blobs[KN_AGGREGATE_SEALS];
    kn_err err;
    if (seals->count == 0)
        return;
    for (uint32_t i = 0; i < seals->count; i++)
        blobs[i] = &seals->list[i].blob;
    if (!kn_aggregate_seal(&s->md5, blobs, seals->count, &err))
        why = &err;
    for (uint32_t i = 0; i < seals->count; i++) {
        struct kn_unsealed *one = &seals->list[i];
        one->piece.data = kn_buf_view(&one->blob);
        one->piece.hash = kn_slice_cstr(one->hash);
        dispose(s, &one->piece, why);
    }
    seals->count = 0;
    seals->bytes = 0;
}

/* The blob changes places with the one of an aggregate that was sealed before. */
static void keep_unsealed(kn_sender *s, kn_lane *lane, const kn_piece *piece) {
    kn_seals *seals = &s->seals;
    if (seals->count == 0 || lane->since_ns < seals->since_ns)
        seals->since_ns = lane->since_ns;
    struct kn_unsealed *one = &seals->list[seals->count++];
    kn_buf blob = one->blob;
    one->blob = lane->aggregate.blob;
    lane->aggregate.blob = blob;
    one->piece = *piece;
    memcpy(one->hash, lane->aggregate.hash, sizeof one->hash);
    seals->bytes += one->blob.len;
}

static void dispose_of_lane(kn_sender *s, uint32_t shard, const kn_err *why) {
    kn_piece piece;
    if (!close_lane(s, shard, &piece))
        return;
    if (piece.riders)
        keep_unsealed(s, &s->lanes.list[shard], &piece);
    else
        dispose(s, &piece, why);
    kn_lanes_clear(&s->lanes, shard);
    if (s->seals.count == KN_AGGREGATE_SEALS || s->seals.bytes >= KN_SEALS_BYTES)
        dispose_of_sealed(s, why);
}

uint64_t kn_sender_gathered_ns(const kn_sender *s) {
    uint64_t lanes = s->lanes.filled ? s->lanes.first_ns : UINT64_MAX;
    uint64_t seals = s->seals.count ? s->seals.since_ns : UINT64_MAX;
    return lanes < seals ? lanes : seals;
}

void kn_sender_close_lanes(kn_sender *s, uint64_t then) {
    kn_lanes *l = &s->lanes;
    if (kn_sender_gathered_ns(s) > then)
        return;
    for (uint32_t i = kn_lanes_due(l, 0, then); i < l->count; i = kn_lanes_due(l, i + 1, then))
        dispose_of_lane(s, i, NULL);
    l->first_ns = UINT64_MAX;
    for (uint32_t i = 0; l->filled && i < l->count; i++)
        if (kn_lanes_holds(l, i) && l->list[i].since_ns < l->first_ns)
            l->first_ns = l->list[i].since_ns;
    dispose_of_sealed(s, NULL);
}

void kn_sender_give_up_lanes(kn_sender *s, const kn_err *why) {
    for (uint32_t i = 0; i < s->lanes.count; i++)
        if (kn_lanes_holds(&s->lanes, i))
            dispose_of_lane(s, i, why);
    dispose_of_sealed(s, why);
}

void kn_sender_gather(kn_sender *s, const kn_user_record *record, const kn_rider *rider) {
    kn_err err;
    uint32_t shard = KN_SHARD_ANY;
    kn_aggregate_answer answer = KN_AGGREGATE_REFUSED;
    if (s->map->version != s->lanes_version) {
        kn_sender_close_lanes(s, UINT64_MAX); /* they were begun by the older map */
        s->lanes_version = s->map->version;
    }
    if (find_shard(s, record, &shard, &err)) {
        uint64_t now = s->now_ns;
        answer = kn_lanes_add(&s->lanes, shard, s->map->count, record, rider, now, &err);
        if (answer == KN_AGGREGATE_FULL) {
            dispose_of_lane(s, shard, NULL);
            answer = kn_lanes_add(&s->lanes, shard, s->map->count, record, rider, now, &err);
        }
    }
    if (answer == KN_AGGREGATE_ADDED)
        return;
    kn_piece piece = {.data = record->data,
                      .key = record->key,
                      .hash = record->hash.p ? record->hash : (kn_slice){"", 0},
                      .number = rider->number};
    kn_sender_give_up(s, &piece, &err, false);
}

/* ---- after a resharding ---- */

bool kn_sender_is_outdated(const kn_sender *s, const kn_piece *p) {
    return p->map_version && s->map && p->map_version != s->map->version;
}

/* All records of the aggregate are of one shard, by the map of now. */
static bool is_of_one_shard(kn_sender *s, const kn_piece *p, uint32_t *shard) {
    kn_err err;
    kn_user_record user;
    uint32_t of;
    if (!kn_deaggregate(&s->rerouting, p->data, &err))
        return false;
    for (bool first = true; kn_deaggregator_next(&s->rerouting, &user); first = false) {
        if (!find_shard(s, &user, &of, &err) || (!first && of != *shard))
            return false;
        *shard = of;
    }
    return true;
}

/* A record that may have arrived does not share an aggregate with those that have not. */
static void hold_alone(kn_sender *s, const kn_user_record *record, const kn_rider *rider) {
    kn_err err;
    kn_piece piece = {.data = record->data,
                      .key = record->key,
                      .hash = record->hash.p ? record->hash : (kn_slice){"", 0},
                      .number = rider->number,
                      .due_ns = rider->due_ns,
                      .user_bytes = record->data.n,
                      .shard = KN_SHARD_ANY,
                      .sends = 1,
                      .doubtful = true};
    if (!find_shard(s, record, &piece.shard, &err))
        piece.shard = KN_SHARD_ANY;
    kn_sender_hold(s, &piece, 0);
}

void kn_sender_reroute(kn_sender *s, kn_piece *p) {
    kn_err err;
    kn_user_record user = single(p);
    uint32_t shard = p->shard;
    if (p->riders ? is_of_one_shard(s, p, &shard) : find_shard(s, &user, &shard, &err)) {
        p->shard = shard;
        p->map_version = s->map->version;
        kn_sender_hold(s, p, 0);
        return;
    }
    if (!p->riders || !kn_deaggregate(&s->rerouting, p->data, &err) ||
        s->rerouting.count != p->riders->count) {
        kn_fail(&err, KN_ENOMEM, "out of memory to take an aggregate apart");
        kn_sender_give_up(s, p, &err, false);
        return;
    }
    for (uint32_t i = 0; i < p->riders->count; i++) {
        if (!kn_deaggregator_next(&s->rerouting, &user))
            continue;
        if (p->doubtful)
            hold_alone(s, &user, &p->riders->list[i]);
        else
            kn_sender_gather(s, &user, &p->riders->list[i]);
    }
    free(p->riders);
}
