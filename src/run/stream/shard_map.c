/* See shard_map.h. */
#include "run/stream/shard_map.h"

#include <jansson.h>
#include <stdlib.h>

const kn_shard_row *kn_shard_map_find(const kn_shard_map *map, kn_hash_key hash) {
    uint32_t low = 0, high = map->count - 1; /* the last range ends at the top */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (map->rows[middle].last < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return &map->rows[low];
}

void kn_shard_map_release(kn_shard_map *map) {
    if (map && atomic_fetch_sub(&map->users, 1) == 1)
        free(map);
}

/* ---- listing ---- */

static bool add_row(kn_shard_pages *p, const json_t *shard, kn_err *err) {
    const char *name = json_string_value(json_object_get(shard, "ShardId"));
    const json_t *range = json_object_get(shard, "HashKeyRange");
    const char *last = json_string_value(json_object_get(range, "EndingHashKey"));
    const json_t *sequence = json_object_get(shard, "SequenceNumberRange");
    kn_shard_row row = {.shard = 0};
    if (!name || strlen(name) >= sizeof row.name || !last ||
        !kn_hash_parse(kn_slice_cstr(last), &row.last))
        return kn_fail(err, KN_EPARSE, "kinesis ListShards: a shard without name or range");
    if (json_is_string(json_object_get(sequence, "EndingSequenceNumber")))
        return true;
    strcpy(row.name, name);
    if (p->count == p->capacity) {
        size_t capacity = p->capacity ? p->capacity * 2 : 64;
        kn_shard_row *rows =
            p->count < KN_SHARDS_MOST ? realloc(p->rows, capacity * sizeof *rows) : NULL;
        if (!rows)
            return kn_fail(err, KN_ENOMEM, "no room for %zu shards", p->count + 1);
        p->rows = rows;
        p->capacity = capacity;
    }
    p->rows[p->count++] = row;
    return true;
}

/* A listing that goes round in a circle would never end. */
static bool take_token(kn_shard_pages *p, const char *next, kn_err *err) {
    if (next && (++p->pages > KN_SHARDS_MOST || (p->next && strcmp(p->next, next) == 0)))
        return kn_fail(err, KN_EPARSE, "kinesis ListShards: its pages do not end");
    free(p->next);
    p->next = next ? strdup(next) : NULL;
    return !next || p->next || kn_fail(err, KN_ENOMEM, "out of memory for a listing of shards");
}

bool kn_shard_pages_add(kn_shard_pages *p, kn_slice reply, kn_err *err) {
    json_t *root = json_loadb(reply.p, reply.n, 0, NULL);
    const json_t *shards = json_object_get(root, "Shards");
    const char *next = json_string_value(json_object_get(root, "NextToken"));
    bool ok = json_is_array(shards) ||
              kn_fail(err, KN_EPARSE, "kinesis ListShards: the reply has no list of shards");
    for (size_t i = 0; ok && i < json_array_size(shards); i++)
        ok = add_row(p, json_array_get(shards, i), err);
    ok = ok && take_token(p, next, err);
    json_decref(root);
    return ok;
}

static int by_range(const void *a, const void *b) {
    const kn_shard_row *left = a, *right = b;
    return left->last < right->last ? -1 : left->last > right->last;
}

bool kn_shard_pages_finish(kn_shard_pages *p, kn_shard_map **out, kn_err *err) {
    if (p->count == 0)
        return kn_fail(err, KN_EPARSE, "kinesis ListShards: the stream has no open shard");
    qsort(p->rows, p->count, sizeof *p->rows, by_range);
    if (p->rows[p->count - 1].last != KN_HASH_TOP)
        return kn_fail(err, KN_EPARSE, "kinesis ListShards: no shard has the highest hash keys");
    kn_shard_map *map = malloc(sizeof *map + p->count * sizeof *map->rows);
    if (!map)
        return kn_fail(err, KN_ENOMEM, "out of memory for a map of %zu shards", p->count);
    map->users = 1;
    map->version = 0;
    map->count = (uint32_t)p->count;
    memcpy(map->rows, p->rows, p->count * sizeof *map->rows);
    *out = map;
    return true;
}

void kn_shard_pages_free(kn_shard_pages *p) {
    free(p->rows);
    free(p->next);
    *p = (kn_shard_pages){0};
}
