/* See lanes.h. */
#include "run/stream/lanes.h"

#include <stdlib.h>

enum { LEAST_BYTES = 1024, FIRST_RIDERS = 64 };

static bool make_room(kn_lanes *l, uint32_t shard, kn_err *err) {
    if (shard < l->count)
        return true;
    uint32_t count = l->count ? l->count : 8;
    while (count <= shard)
        count *= 2;
    kn_lane *list = realloc(l->list, count * sizeof *list);
    if (!list)
        return kn_fail(err, KN_ENOMEM, "out of memory for the aggregates of %u shards", shard + 1);
    memset(list + l->count, 0, (count - l->count) * sizeof *list);
    l->list = list;
    l->count = count;
    return true;
}

/* For one more. */
static bool reserve_rider(kn_lane *lane, kn_err *err) {
    uint32_t count = lane->riders ? lane->riders->count : 0;
    if (lane->riders && count < lane->capacity)
        return true;
    uint32_t capacity = lane->riders ? 2 * lane->capacity : FIRST_RIDERS;
    kn_riders *riders = realloc(lane->riders, sizeof *riders + capacity * sizeof *riders->list);
    if (!riders)
        return kn_fail(err, KN_ENOMEM, "out of memory for an aggregate");
    riders->count = count;
    lane->riders = riders;
    lane->capacity = capacity;
    return true;
}

/* Aggregates of many shards share the room. */
static uint32_t bytes_of(const kn_lanes *l, uint32_t shards) {
    uint32_t share = KN_LANES_BYTES / (shards ? shards : 1);
    share = share > LEAST_BYTES ? share : LEAST_BYTES;
    return share < l->max_bytes ? share : l->max_bytes;
}

kn_aggregate_answer kn_lanes_add(kn_lanes *l, uint32_t shard, uint32_t shards,
                                 const kn_user_record *record, const kn_rider *rider, uint64_t now,
                                 kn_err *err) {
    if (!make_room(l, shard, err))
        return KN_AGGREGATE_REFUSED;
    kn_lane *lane = &l->list[shard];
    if (!lane->open && !kn_aggregate_init(&lane->aggregate, bytes_of(l, shards), err))
        return KN_AGGREGATE_REFUSED;
    lane->open = true;
    if (!reserve_rider(lane, err))
        return KN_AGGREGATE_REFUSED;
    bool first = lane->aggregate.count == 0;
    if (first)
        lane->aggregate.max_bytes = bytes_of(l, shards);
    kn_aggregate_answer answer = kn_aggregate_add(&lane->aggregate, record, err);
    if (answer != KN_AGGREGATE_ADDED)
        return answer;
    lane->riders->list[lane->riders->count++] = *rider;
    if (first) {
        lane->since_ns = now;
        if (l->filled++ == 0 || now < l->first_ns)
            l->first_ns = now;
    }
    return KN_AGGREGATE_ADDED;
}

bool kn_lanes_holds(const kn_lanes *l, uint32_t shard) {
    return shard < l->count && l->list[shard].open && l->list[shard].aggregate.count > 0;
}

bool kn_lanes_close(kn_lanes *l, uint32_t shard, kn_piece *piece, kn_err *err) {
    kn_lane *lane = &l->list[shard];
    kn_user_record whole;
    if (!kn_aggregate_finish_unsealed(&lane->aggregate, &whole, err))
        return false;
    *piece = (kn_piece){.data = whole.data,
                        .key = whole.key,
                        .hash = whole.hash.p ? whole.hash : (kn_slice){"", 0},
                        .number = lane->riders->list[0].number,
                        .due_ns = lane->riders->list[0].due_ns,
                        .user_bytes = lane->aggregate.data,
                        .shard = shard};
    if (lane->riders->count > 1) {
        piece->riders = lane->riders;
        lane->riders = NULL;
    } else {
        lane->riders->count = 0;
    }
    l->filled--;
    return true;
}

void kn_lanes_clear(kn_lanes *l, uint32_t shard) {
    kn_aggregate_clear(&l->list[shard].aggregate);
}

uint32_t kn_lanes_due(const kn_lanes *l, uint32_t shard, uint64_t then) {
    while (shard < l->count && !(kn_lanes_holds(l, shard) && l->list[shard].since_ns <= then))
        shard++;
    return shard;
}

void kn_lanes_free(kn_lanes *l) {
    for (uint32_t i = 0; i < l->count; i++) {
        if (l->list[i].open)
            kn_aggregate_free(&l->list[i].aggregate);
        free(l->list[i].riders);
    }
    free(l->list);
    *l = (kn_lanes){0};
}
