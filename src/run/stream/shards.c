/* See shards.h. One mutex: it is taken once for each shard of an answer, and by those who wait for
 * a limited shard. */
#include "run/stream/shards.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct shard {
    char name[KN_SHARD_NAME];
    uint32_t chain; /* the next of its bucket; 0: none */
    kn_rate rate;
    uint64_t records, bytes, throttled;
} shard;

enum { BUCKETS = 1024 };

static const uint64_t shortest_wait = 1000000000, longest_wait = 30000000000;

struct kn_shards {
    _Atomic bool throttling;
    _Atomic uint32_t version; /* of the map */
    _Atomic bool wanted;      /* a newer map */
    pthread_mutex_t mutex;    /* guards what follows */
    kn_shard_map *map;
    bool refreshing;
    uint64_t next_refresh_ns, wait_ns;
    uint32_t failures; /* refreshes, one after another */
    kn_err failure;    /* of the last */
    shard *list;
    uint32_t count, capacity;
    uint32_t buckets[BUCKETS];
};

bool kn_shards_new(kn_shards **out, kn_err *err) {
    kn_shards *s = calloc(1, sizeof *s);
    if (s)
        s->list = calloc(16, sizeof *s->list);
    if (!s || !s->list) {
        free(s);
        return kn_fail(err, KN_ENOMEM, "out of memory for a stream's shards");
    }
    s->capacity = 16;
    s->count = 1; /* the stream as a whole */
    s->wanted = true;
    pthread_mutex_init(&s->mutex, NULL);
    *out = s;
    return true;
}

void kn_shards_destroy(kn_shards *s) {
    if (!s)
        return;
    kn_shard_map_release(s->map);
    pthread_mutex_destroy(&s->mutex);
    free(s->list);
    free(s);
}

/* FNV-1a */
static uint32_t bucket_of(kn_slice name) {
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < name.n; i++)
        h = (h ^ (unsigned char)name.p[i]) * 16777619u;
    return h % BUCKETS;
}

/* With the mutex held. */
static uint32_t number_of(kn_shards *s, kn_slice name) {
    if (name.n == 0 || name.n >= KN_SHARD_NAME)
        return KN_SHARD_ANY;
    uint32_t bucket = bucket_of(name);
    for (uint32_t i = s->buckets[bucket]; i; i = s->list[i].chain)
        if (kn_slice_eq_cstr(name, s->list[i].name))
            return i;
    if (s->count == s->capacity) {
        shard *list =
            s->count < KN_SHARDS_MOST ? realloc(s->list, 2 * s->capacity * sizeof *list) : NULL;
        if (!list)
            return KN_SHARD_ANY;
        s->list = list;
        s->capacity *= 2;
    }
    shard *added = &s->list[s->count];
    *added = (shard){.chain = s->buckets[bucket]};
    memcpy(added->name, name.p, name.n);
    s->buckets[bucket] = s->count;
    return s->count++;
}

uint32_t kn_shards_number(kn_shards *s, kn_slice name) {
    pthread_mutex_lock(&s->mutex);
    uint32_t number = number_of(s, name);
    pthread_mutex_unlock(&s->mutex);
    return number;
}

/* ---- the map ---- */

bool kn_shards_update(kn_shards *s, kn_shard_map **map) {
    if (s->version == (*map ? (*map)->version : 0))
        return false;
    pthread_mutex_lock(&s->mutex);
    kn_shard_map *newer = s->map;
    newer->users++;
    pthread_mutex_unlock(&s->mutex);
    kn_shard_map_release(*map);
    *map = newer;
    return true;
}

void kn_shards_distrust(kn_shards *s, uint32_t version) {
    if (version == s->version)
        s->wanted = true;
}

bool kn_shards_begin_refresh(kn_shards *s, uint64_t now) {
    if (!s->wanted)
        return false;
    pthread_mutex_lock(&s->mutex);
    bool mine = s->wanted && !s->refreshing && now >= s->next_refresh_ns;
    s->refreshing = s->refreshing || mine;
    pthread_mutex_unlock(&s->mutex);
    return mine;
}

static bool is_same(const kn_shard_map *a, const kn_shard_map *b) {
    if (!a || !b || a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (a->rows[i].last != b->rows[i].last || strcmp(a->rows[i].name, b->rows[i].name) != 0)
            return false;
    return true;
}

void kn_shards_end_refresh(kn_shards *s, kn_shard_map *map, const kn_err *why, uint64_t now) {
    pthread_mutex_lock(&s->mutex);
    bool news = map && !is_same(map, s->map);
    s->failures = map ? 0 : s->failures + 1;
    if (!map)
        s->failure = *why;
    s->wait_ns = news || !s->wait_ns ? shortest_wait : 2 * s->wait_ns;
    s->wait_ns = s->wait_ns < longest_wait ? s->wait_ns : longest_wait;
    s->next_refresh_ns = now + s->wait_ns;
    s->refreshing = false;
    if (map)
        s->wanted = false;
    if (news) {
        for (uint32_t i = 0; i < map->count; i++)
            map->rows[i].shard = number_of(s, kn_slice_cstr(map->rows[i].name));
        map->version = s->version + 1;
        kn_shard_map *older = s->map;
        s->map = map;
        s->version = map->version;
        map = older;
    }
    pthread_mutex_unlock(&s->mutex);
    kn_shard_map_release(map);
}

uint32_t kn_shards_failures(kn_shards *s, kn_err *why) {
    pthread_mutex_lock(&s->mutex);
    uint32_t failures = s->failures;
    if (failures)
        *why = s->failure;
    pthread_mutex_unlock(&s->mutex);
    return failures;
}

/* ---- rates ---- */

bool kn_shards_throttling(const kn_shards *s) {
    return s->throttling;
}

bool kn_shards_take(kn_shards *s, uint32_t number, double cost, uint64_t now) {
    if (!s->throttling)
        return true;
    pthread_mutex_lock(&s->mutex);
    bool may = kn_rate_take(&s->list[number].rate, cost, now);
    pthread_mutex_unlock(&s->mutex);
    return may;
}

bool kn_shards_limited(kn_shards *s, uint32_t number) {
    if (!s->throttling)
        return false;
    pthread_mutex_lock(&s->mutex);
    bool limited = s->list[number].rate.limited;
    pthread_mutex_unlock(&s->mutex);
    return limited;
}

void kn_shards_answered(kn_shards *s, uint32_t number, const kn_shard_answer *answer,
                        uint64_t since, uint64_t now) {
    pthread_mutex_lock(&s->mutex);
    shard *of = &s->list[number];
    of->records += answer->records;
    of->bytes += answer->bytes;
    of->throttled += answer->throttled;
    if (answer->records)
        kn_rate_accepted(&of->rate, answer->cost, now);
    if (answer->throttled) {
        kn_rate_throttled(&of->rate, since, now);
        s->throttling = true;
    }
    pthread_mutex_unlock(&s->mutex);
}

/* ---- heat ---- */

bool kn_shards_heat(kn_shards *s, uint32_t i, kn_heat *out) {
    pthread_mutex_lock(&s->mutex);
    bool there = i < s->count;
    if (there) {
        const shard *of = &s->list[i];
        *out = (kn_heat){.records = of->records,
                         .bytes = of->bytes,
                         .throttled = of->throttled,
                         .rate = of->rate.limited ? of->rate.rate : 0};
        strcpy(out->shard, of->name);
    }
    pthread_mutex_unlock(&s->mutex);
    return there;
}
