/* Lists of shards: split, merged, evened out at random, written and read again; damaged documents.
 */
#include "lake/kinesis/layout.h"

#include "base/rng.h"
#include "base/time.h"
#include "lake/kinesis/id.h"

#include "tap.h"

static kn_err err;

/* The open shards cover all keys, each once, and children come after their parents. */
static bool sound(const kn_shard_list *list) {
    kn_hash_key begin = 0;
    for (unsigned open = kn_shard_list_open(list); open; open--) {
        unsigned i = 0;
        while (i < list->count && (list->rows[i].closed_ms || list->rows[i].begin != begin))
            i++;
        if (i == list->count || (open == 1) != (list->rows[i].end == KN_HASH_TOP))
            return false;
        begin = list->rows[i].end + 1;
    }
    for (unsigned i = 0; i < list->count; i++) {
        unsigned parents[] = {list->rows[i].parent, list->rows[i].adjacent};
        for (int k = 0; k < 2; k++)
            if (parents[k] != KN_NO_SHARD &&
                (parents[k] >= i || !list->rows[parents[k]].closed_ms ||
                 list->rows[parents[k]].created_s >= list->rows[i].created_s))
                return false;
    }
    return true;
}

static bool even_now(const kn_shard_list *list, unsigned count) {
    unsigned found = 0;
    for (unsigned i = 0; i < list->count; i++)
        for (unsigned k = 0; k < count && !list->rows[i].closed_ms; k++)
            found += list->rows[i].begin == kn_hash_begin(k, count);
    return sound(list) && found == count && kn_shard_list_open(list) == count;
}

static bool same(const kn_shard_list *a, const kn_shard_list *b) {
    for (unsigned i = 0; i < a->count && i < b->count; i++) {
        const kn_shard_facts *x = &a->rows[i], *y = &b->rows[i];
        if (x->begin != y->begin || x->end != y->end || x->parent != y->parent ||
            x->adjacent != y->adjacent || x->created_s != y->created_s ||
            x->opened_ms != y->opened_ms || x->closed_ms != y->closed_ms)
            return false;
    }
    return a->count == b->count;
}

static bool written_and_read(const kn_shard_list *list) {
    kn_shard_list again;
    json_t *doc = kn_shard_list_write(list);
    bool ok = doc && kn_shard_list_read(doc, 7, &again, &err);
    if (ok) {
        ok = same(list, &again);
        kn_shard_list_free(&again);
    }
    json_decref(doc);
    return ok;
}

static void random_changes(void) {
    uint64_t seed = tap_seed();
    kn_rng rng = kn_rng_at(kn_rng_seed_key(seed), 1);
    unsigned wrong = 0, uneven = 0, lost = 0;
    for (int round = 0; round < 40; round++) {
        json_t *doc = json_integer((json_int_t)(1 + kn_rng_next(&rng) % 9));
        kn_shard_list list;
        bool ok = kn_shard_list_read(doc, 5000, &list, &err) && sound(&list);
        for (int step = 0; ok && step < 10; step++) {
            unsigned number = (unsigned)(kn_rng_next(&rng) % list.count);
            kn_shard_facts f = list.rows[number];
            kn_hash_key at = (kn_hash_key)kn_rng_next(&rng) << 64;
            unsigned count = 1 + (unsigned)(kn_rng_next(&rng) % 12);
            if (!f.closed_ms && at > f.begin && at <= f.end)
                ok = kn_shard_list_split(&list, number, at, 6000 + step, &err);
            wrong += !ok || !sound(&list);
            ok = ok && kn_shard_list_even(&list, count, 6000 + step, &err);
            uneven += !ok || !even_now(&list, count);
        }
        lost += !ok || !written_and_read(&list);
        kn_shard_list_free(&list);
        json_decref(doc);
    }
    tap_is_int(wrong, 0, "split anywhere, the open shards cover all keys");
    tap_is_int(uneven, 0, "evened out, they are equal");
    tap_is_int(lost, 0, "what is written is read again");
}

static void most(void) {
    json_t *doc = json_integer(1);
    kn_shard_list list;
    unsigned n = 0;
    if (!tap_ok(kn_shard_list_read(doc, 5000, &list, &err), "one shard"))
        return;
    while (kn_shard_list_even(&list, 2, 6000, &err) && kn_shard_list_even(&list, 1, 6000, &err))
        n++;
    tap_ok(err.code == KN_ELIMIT && n == (KN_SHARDS_EVER - 1) / 3, "a stream has 10,000 shards");
    tap_ok(sound(&list), "... and then stays as it is");
    kn_shard_list_free(&list);
    json_decref(doc);
}

static void damaged(void) {
    static const char *const texts[] = {
        "[0]",
        "[10001]",
        "[-1]",
        "[\"2\"]",
        "[[]]",
        "[[{}]]",
        "[[{\"Begin\":\"0\",\"End\":\"5\",\"Closed\":1}]]",
        "[[{\"Begin\":\"6\",\"End\":\"5\"}]]",
        "[[{\"Begin\":\"0\",\"End\":\"5\",\"Parent\":0}]]",
        "[[{\"Begin\":\"0\",\"End\":\"5\",\"Parent\":-1}]]",
        "[[{\"Begin\":\"0\",\"End\":\"x\"}]]",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        json_t *doc = json_loads(texts[i], 0, NULL);
        kn_shard_list list;
        tap_ok(!kn_shard_list_read(json_array_get(doc, 0), 1, &list, &err) && err.code == KN_EPARSE,
               "damaged: %s", texts[i]);
        json_decref(doc);
    }
}

int main(void) {
    random_changes();
    most();
    damaged();
    return tap_done();
}
