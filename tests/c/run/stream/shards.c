/* What workers share of a stream's shards: the map and when it is asked for, rates, heat. */
#include "run/stream/shards.h"

#include "tap.h"

#include <pthread.h>

static kn_err err;
static const uint64_t second = 1000000000;

/* A map of n shards called prefix0, prefix1, ... */
static kn_shard_map *make_map(const char *prefix, int n) {
    char reply[4000];
    kn_shard_pages pages = {0};
    kn_shard_map *map = NULL;
    char last[KN_HASH_TEXT];
    size_t at = (size_t)sprintf(reply, "{\"Shards\":[");
    for (int i = n - 1; i >= 0; i--) { /* in no particular order */
        kn_hash_print(i == n - 1 ? KN_HASH_TOP : (kn_hash_key)(i + 1) * (KN_HASH_TOP / (unsigned)n),
                      last);
        at += (size_t)sprintf(
            reply + at, "%s{\"ShardId\":\"%s%d\",\"HashKeyRange\":{\"EndingHashKey\":\"%s\"}}",
            i < n - 1 ? "," : "", prefix, i, last);
    }
    sprintf(reply + at, "]}");
    if (!kn_shard_pages_add(&pages, kn_slice_cstr(reply), &err) ||
        !kn_shard_pages_finish(&pages, &map, &err))
        tap_ok(false, "a map: %s", err.message);
    kn_shard_pages_free(&pages);
    return map;
}

static void maps(void) {
    kn_shard_map *map = make_map("s", 7);
    bool right = true;
    for (int i = 0; i < 1000; i++) {
        kn_hash_key hash = (kn_hash_key)i * (KN_HASH_TOP / 999);
        const kn_shard_row *row = kn_shard_map_find(map, hash);
        right = right && hash <= row->last && (row == map->rows || row[-1].last < hash);
    }
    tap_ok(right, "each hash key has the first shard whose range does not end below it");
    tap_is_str(kn_shard_map_find(map, 0)->name, "s0", "the lowest");
    tap_is_str(kn_shard_map_find(map, KN_HASH_TOP)->name, "s6", "the highest");
    tap_is_str(kn_shard_map_find(map, map->rows[2].last)->name, "s2", "the last of a range");
    tap_is_str(kn_shard_map_find(map, map->rows[2].last + 1)->name, "s3", "and the next");
    kn_shard_map_release(map);
}

static bool lists(const char *reply) {
    kn_shard_pages pages = {0};
    kn_shard_map *map = NULL;
    bool ok = kn_shard_pages_add(&pages, kn_slice_cstr(reply), &err) &&
              kn_shard_pages_finish(&pages, &map, &err);
    kn_shard_pages_free(&pages);
    kn_shard_map_release(map);
    return ok;
}

#define TOP "340282366920938463463374607431768211455"

static void listings(void) {
    tap_ok(lists("{\"Shards\":[{\"ShardId\":\"a\",\"HashKeyRange\":{\"EndingHashKey\":\"" TOP
                 "\"}}]}"),
           "one shard");
    tap_ok(!lists("{\"Shards\":[]}"), "none is no stream: %s", err.message);
    tap_ok(!lists("[]") && !lists("<html>"), "what is no listing: %s", err.message);
    tap_ok(!lists("{\"Shards\":[{\"ShardId\":\"a\",\"HashKeyRange\":{\"EndingHashKey\":\"5\"}}]}"),
           "ranges must reach the top: %s", err.message);
    tap_ok(!lists("{\"Shards\":[{\"ShardId\":\"a\"}]}"), "a shard without a range: %s",
           err.message);
    tap_ok(!lists("{\"Shards\":[{\"ShardId\":\"a\",\"HashKeyRange\":{\"EndingHashKey\":\"" TOP
                  "\"},\"SequenceNumberRange\":{\"EndingSequenceNumber\":\"9\"}}]}"),
           "a closed one does not count");
    kn_shard_pages pages = {0};
    tap_ok(kn_shard_pages_add(&pages, KN_SLICE("{\"Shards\":[],\"NextToken\":\"t\"}"), &err) &&
               strcmp(pages.next, "t") == 0,
           "there is another page");
    tap_ok(!kn_shard_pages_add(&pages, KN_SLICE("{\"Shards\":[],\"NextToken\":\"t\"}"), &err),
           "which is not itself again: %s", err.message);
    bool more = true;
    for (uint32_t i = 0; more && i <= KN_SHARDS_MOST; i++) {
        char reply[64];
        snprintf(reply, sizeof reply, "{\"Shards\":[],\"NextToken\":\"%u\"}", i);
        more = kn_shard_pages_add(&pages, kn_slice_cstr(reply), &err);
    }
    tap_ok(!more, "nor are there pages without end: %s", err.message);
    tap_ok(kn_shard_pages_add(&pages, KN_SLICE("{\"Shards\":[]}"), &err) && !pages.next,
           "and then none");
    kn_shard_pages_free(&pages);
}

/* At most how many seconds pass until a refresh may begin. */
static int wait_of(kn_shards *s, uint64_t *now) {
    for (int seconds = 0; seconds < 100; seconds++, *now += second)
        if (kn_shards_begin_refresh(s, *now))
            return seconds;
    return -1;
}

static void refreshes(void) {
    kn_shards *s;
    kn_shard_map *mine = NULL;
    uint64_t now = 5 * second;
    if (!kn_shards_new(&s, &err))
        exit(1);
    tap_ok(!kn_shards_update(s, &mine), "there is no map at first");
    tap_ok(kn_shards_begin_refresh(s, now), "one is wanted");
    tap_ok(!kn_shards_begin_refresh(s, now), "one worker asks for it");
    kn_shards_end_refresh(s, make_map("s", 2), NULL, now);
    tap_ok(kn_shards_update(s, &mine) && mine->count == 2 && mine->version == 1, "all have it");
    tap_ok(!kn_shards_update(s, &mine), "once");
    tap_ok(wait_of(s, &now) == -1, "it is good until somebody says otherwise");

    kn_shards_distrust(s, 1);
    tap_ok(wait_of(s, &now) == 0, "then it is listed again");
    kn_shards_end_refresh(s, make_map("t", 3), NULL, now);
    tap_ok(kn_shards_update(s, &mine) && mine->count == 3 && mine->version == 2, "with news");
    kn_shards_distrust(s, 1);
    tap_ok(wait_of(s, &now) == -1, "who has the older map says nothing about the newer");

    int expected[] = {0, 2, 4, 8, 16, 30, 30};
    bool right = true;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        kn_shards_distrust(s, 2);
        int waited = wait_of(s, &now);
        right = right && waited == expected[i];
        if (waited != expected[i])
            printf("# %d is %d\n", (int)i, waited);
        kn_shards_end_refresh(s, make_map("t", 3), NULL, now);
    }
    tap_ok(right, "without news the next one waits, twice as long each time, 30 s at most");
    tap_ok(!kn_shards_update(s, &mine), "the map is the same");

    kn_shards_distrust(s, 2);
    wait_of(s, &now);
    kn_err why, told;
    kn_fail(&why, KN_ENET, "no route");
    kn_shards_end_refresh(s, NULL, &why, now);
    tap_ok(kn_shards_failures(s, &told) == 1 && strcmp(told.message, "no route") == 0,
           "a failure is told");
    tap_ok(wait_of(s, &now) > 0, "and tried again");
    kn_shards_end_refresh(s, make_map("u", 1), NULL, now);
    tap_ok(kn_shards_failures(s, &told) == 0, "until it succeeds");
    kn_shard_map_release(mine);
    kn_shards_destroy(s);
}

static void rates(void) {
    kn_shards *s;
    kn_heat heat;
    if (!kn_shards_new(&s, &err))
        exit(1);
    uint32_t a = kn_shards_number(s, KN_SLICE("a")), b = kn_shards_number(s, KN_SLICE("b"));
    tap_ok(a == 1 && b == 2 && kn_shards_number(s, KN_SLICE("a")) == a, "shards have numbers");
    tap_is_int(kn_shards_number(s, KN_SLICE("")), KN_SHARD_ANY, "no name, no number");
    tap_ok(!kn_shards_throttling(s) && kn_shards_take(s, a, 1000, 1), "no limits at first");
    kn_shards_answered(s, a, &(kn_shard_answer){10, 1000, 0.01, 5}, second, second);
    kn_shards_answered(s, b, &(kn_shard_answer){30, 3000, 0.03, 0}, second, second);
    tap_ok(kn_shards_throttling(s), "a throttle is noticed by all");
    bool refused = false;
    for (int i = 0; i < 100; i++)
        refused = refused || !kn_shards_take(s, a, 0.1, second);
    tap_ok(refused, "it limits its shard");
    tap_ok(kn_shards_take(s, b, 1000, second), "and no other");
    tap_ok(kn_shards_heat(s, a, &heat) && strcmp(heat.shard, "a") == 0 && heat.records == 10 &&
               heat.bytes == 1000 && heat.throttled == 5 && heat.rate > 0,
           "its heat");
    tap_ok(kn_shards_heat(s, b, &heat) && heat.records == 30 && heat.rate == 0, "another's");
    tap_ok(!kn_shards_heat(s, 3, &heat), "there is no third");
    bool all = true;
    for (int i = 0; i < 3000; i++) {
        char name[20];
        kn_slice text = {name, (size_t)sprintf(name, "n%d", i)};
        all = all && kn_shards_number(s, text) == (uint32_t)(i + 3);
    }
    tap_ok(all && kn_shards_number(s, KN_SLICE("n1234")) == 1237, "thousands of shards");
    kn_shards_destroy(s);
}

static void *work(void *argument) {
    kn_shards *s = argument;
    kn_shard_map *map = NULL;
    for (uint64_t i = 1; i < 3000; i++) {
        uint64_t now = i * second;
        if (kn_shards_begin_refresh(s, now))
            kn_shards_end_refresh(s, make_map(i % 2 ? "x" : "y", 1 + (int)(i % 5)), NULL, now);
        kn_shards_update(s, &map);
        if (map)
            kn_shards_distrust(s, map->version);
        kn_shards_answered(s, kn_shards_number(s, KN_SLICE("x0")),
                           &(kn_shard_answer){1, 1, 0.001, i % 7 == 0}, now, now);
    }
    kn_shard_map_release(map);
    return NULL;
}

static void threads(void) {
    kn_shards *s;
    pthread_t t[3];
    kn_heat heat;
    if (!kn_shards_new(&s, &err))
        exit(1);
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, work, s);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    tap_ok(kn_shards_heat(s, kn_shards_number(s, KN_SLICE("x0")), &heat) &&
               heat.records == 3 * 2999,
           "three threads at once");
    kn_shards_destroy(s);
}

int main(void) {
    maps();
    listings();
    refreshes();
    rates();
    threads();
    return tap_done();
}
