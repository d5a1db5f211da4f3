/* Aggregates: the reference vectors (KINESSIS_VECTORS/kpl.json) both ways, random ones there and
 * back, sizes and limits. */
#include "aws/aggregate.h"

#include "base/base64.h"
#include "base/rng.h"
#include "base/time.h"

#include "tap.h"

#include <jansson.h>

static kn_err err;
static kn_deaggregator d;

static bool same(kn_slice a, kn_slice b) {
    return !a.p == !b.p && (!a.p || kn_slice_eq(a, b));
}

static kn_slice member(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    return (kn_slice){json_string_value(value), json_string_length(value)};
}

/* ---- vectors ---- */

static void vector(const json_t *v, kn_aggregate *a) {
    const json_t *records = json_object_get(v, "records");
    kn_user_record got, out;
    kn_buf blob, data;
    size_t right = 0, n = 0;
    kn_buf_init(&blob, 1 << 20);
    kn_buf_init(&data, 1 << 20);
    kn_aggregate_clear(a);
    bool ok = kn_base64_decode(&blob, member(v, "aggregate_base64")) &&
              kn_deaggregate(&d, kn_buf_view(&blob), &err) && d.aggregated;
    for (; ok && kn_deaggregator_next(&d, &got); n++) {
        const json_t *r = json_array_get(records, n);
        kn_buf_clear(&data);
        right += kn_base64_decode(&data, member(r, "data_base64")) &&
                 kn_slice_eq(got.data, kn_buf_view(&data)) &&
                 kn_slice_eq(got.key, member(r, "partition_key")) &&
                 same(got.hash, member(r, "explicit_hash_key"));
        ok = kn_aggregate_add(a, &got, &err) == KN_AGGREGATE_ADDED;
    }
    tap_ok(ok && n > 1 && right == n && n == json_array_size(records) && n == d.count,
           "%zu bytes: %zu records are read", blob.len, n);
    ok = ok && kn_aggregate_finish(a, &out, &err);
    tap_ok(ok && kn_slice_eq(out.data, kn_buf_view(&blob)), "... and written, to the byte");
    kn_buf_free(&blob);
    kn_buf_free(&data);
}

static void vectors(void) {
    char path[4096];
    const char *folder = getenv("KINESSIS_VECTORS");
    snprintf(path, sizeof path, "%s/kpl.json", folder ? folder : ".");
    json_t *root = json_load_file(path, 0, NULL), *v;
    kn_aggregate a;
    size_t i;
    const char *ci = getenv("CI");
    if (!root && !(ci && *ci)) {
        printf("ok %d - the reference vectors # SKIP no %s\n", ++tap_count, path);
        return;
    }
    tap_ok(root && json_array_size(json_object_get(root, "vectors")) >= 4, "the vectors are there");
    if (kn_aggregate_init(&a, KN_AGGREGATE_BYTES, &err)) {
        json_array_foreach(json_object_get(root, "vectors"), i, v) {
            vector(v, &a);
        }
        kn_aggregate_free(&a);
    }
    json_decref(root);
}

/* ---- random ones ---- */

typedef struct made {
    char key[300], hash[KN_HASH_TEXT];
    char data[600];
    kn_user_record record;
} made;

static void make_record(made *m, kn_rng *rng, uint64_t distinct) {
    size_t n = (size_t)kn_rng_below(kn_rng_next(rng), sizeof m->data);
    for (size_t i = 0; i < n; i++)
        m->data[i] = (char)kn_rng_next(rng);
    uint64_t key = kn_rng_below(kn_rng_next(rng), distinct);
    int pad = (int)(key % 200); /* lengths of one and two varint bytes */
    int key_n = snprintf(m->key, sizeof m->key, "k%0*llu", pad, (unsigned long long)key);
    m->record = (kn_user_record){{m->data, n}, {m->key, (size_t)key_n}, {NULL, 0}};
    if (kn_rng_next(rng) % 3 == 0) {
        kn_hash_print((kn_hash_key)kn_rng_below(kn_rng_next(rng), distinct) << 70, m->hash);
        m->record.hash = kn_slice_cstr(m->hash);
    }
}

/* Bytes around a record's: tags and lengths of it, its data, key and hash key, two numbers. */
enum { MOST_AROUND = 30 };

/* One aggregate, filled until it is full; the generator gives the same records once more to compare
 * what is read. */
static bool round_trip(kn_aggregate *a, uint64_t seed, uint64_t distinct) {
    made m;
    kn_user_record out, got;
    kn_rng rng = kn_rng_at(kn_rng_record_key(kn_rng_seed_key(seed), distinct), 0), again = rng;
    kn_aggregate_clear(a);
    for (;;) {
        make_record(&m, &rng, distinct);
        uint64_t before = kn_aggregate_size(a);
        uint64_t at_most =
            before + MOST_AROUND + m.record.data.n + m.record.key.n + m.record.hash.n;
        kn_aggregate_answer answer = kn_aggregate_add(a, &m.record, &err);
        if (answer == KN_AGGREGATE_FULL && a->count > 0 && at_most > a->max_bytes &&
            kn_aggregate_size(a) == before)
            break;
        if (answer != KN_AGGREGATE_ADDED || kn_aggregate_size(a) > at_most ||
            (a->count > 1 && kn_aggregate_size(a) > a->max_bytes))
            return false;
    }
    if (!kn_aggregate_finish(a, &out, &err) || !kn_deaggregate(&d, out.data, &err))
        return false;
    if (a->count > 1 && (!d.aggregated || out.data.n != kn_aggregate_size(a)))
        return false;
    uint32_t n = 0;
    for (; kn_deaggregator_next(&d, &got); n++) {
        make_record(&m, &again, distinct);
        if (a->count == 1)
            got.key = out.key, got.hash = out.hash;
        if (!same(got.data, m.record.data) || !kn_slice_eq(got.key, m.record.key) ||
            !same(got.hash, m.record.hash))
            return false;
    }
    return n == a->count && d.count == n;
}

static void random_ones(void) {
    uint64_t seed = tap_seed();
    static const uint64_t keys[] = {1, 3, 200, 100000};
    static const uint32_t sizes[] = {100, 2000, 51200, 1 << 20};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        kn_aggregate a;
        if (!tap_ok(kn_aggregate_init(&a, sizes[s], &err), "aggregates of %u bytes", sizes[s]))
            continue;
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
            int right = 0, of = sizes[s] > 100000 ? 2 : 50;
            for (int i = 0; i < of; i++)
                right += round_trip(&a, seed + (uint64_t)i, keys[k]);
            tap_is_int(right, of, "%llu keys: there and back", (unsigned long long)keys[k]);
        }
        a.round = UINT32_MAX;
        tap_ok(round_trip(&a, seed, 200) && round_trip(&a, seed, 200), "... when the rounds wrap");
        kn_aggregate_free(&a);
    }
}

/* ---- limits ---- */

static void limits(void) {
    static char big[KN_AGGREGATE_MOST + 1];
    kn_aggregate a;
    kn_user_record out;
    kn_user_record x = {KN_SLICE("x"), KN_SLICE("abcd"), {NULL, 0}};
    kn_user_record hashed = {KN_SLICE("y"), KN_SLICE("abcd"), KN_SLICE("12")};
    kn_user_record wrong = {KN_SLICE("y"), KN_SLICE("abcd"), KN_SLICE("0x12")};
    kn_user_record large = {{big, KN_AGGREGATE_MOST - 4}, KN_SLICE("abcd"), {NULL, 0}};
    tap_ok(!kn_aggregate_init(&a, KN_AGGREGATE_MOST + 1, &err) && err.code == KN_ELIMIT,
           "an aggregate over the limit is refused");
    if (!kn_aggregate_init(&a, 100, &err))
        return;
    tap_is_int(kn_aggregate_size(&a), 20, "an empty one is 20 bytes");
    tap_ok(!kn_aggregate_finish(&a, &out, &err) && err.code == KN_ESTATE, "... and cannot be sent");
    tap_ok(kn_aggregate_add(&a, &large, &err) == KN_AGGREGATE_ADDED &&
               kn_aggregate_finish(&a, &out, &err) && out.data.n == large.data.n &&
               kn_slice_eq(out.key, large.key) && !out.hash.p,
           "a record over the size goes alone, as it is");
    tap_ok(kn_aggregate_add(&a, &x, &err) == KN_AGGREGATE_FULL, "... with no other");
    kn_aggregate_clear(&a);
    large.data.n++;
    tap_ok(kn_aggregate_add(&a, &large, &err) == KN_AGGREGATE_REFUSED && err.code == KN_ELIMIT,
           "one that no stream takes is refused");
    tap_ok(kn_aggregate_add(&a, &wrong, &err) == KN_AGGREGATE_REFUSED && err.code == KN_EINVAL,
           "... and so is a hash key that is not one");
    tap_is_int(kn_aggregate_size(&a), 20, "... leaving nothing");
    tap_ok(kn_aggregate_add(&a, &x, &err) == KN_AGGREGATE_ADDED &&
               kn_aggregate_add(&a, &hashed, &err) == KN_AGGREGATE_ADDED &&
               kn_aggregate_finish(&a, &out, &err) && kn_slice_eq_cstr(out.key, "a"),
           "of two, the partition key is 'a'");
    tap_is_str(out.hash.p, "301716283811389038011477436469853762335",
               "... the hash key the first one's: MD5 of its key");
    kn_aggregate_clear(&a);
    tap_ok(kn_aggregate_add(&a, &hashed, &err) == KN_AGGREGATE_ADDED &&
               kn_aggregate_finish(&a, &out, &err) && kn_slice_eq_cstr(out.hash, "12") &&
               kn_slice_eq_cstr(out.key, "abcd") && kn_slice_eq_cstr(out.data, "y"),
           "one alone keeps its explicit hash key");
    tap_ok(kn_aggregate_add(&a, &x, &err) == KN_AGGREGATE_ADDED &&
               kn_aggregate_finish(&a, &out, &err),
           "two again");
    tap_is_str(out.hash.p, "12", "... or its explicit one");
    kn_aggregate_free(&a);
    kn_aggregate_free(&a);
}

/* Of different lengths: aggregates of 2 to 2 + count - 1 records. */
static void sealed_together(void) {
    kn_aggregate a[KN_AGGREGATE_SEALS];
    kn_buf *blobs[KN_AGGREGATE_SEALS], expected;
    kn_md5 md5;
    kn_user_record out;
    static char text[2000];
    size_t filled = 0, same_blobs = 0;
    bool ok = true;
    memset(text, 't', sizeof text);
    kn_buf_init(&expected, 1 << 20);
    if (!kn_md5_init(&md5, &err))
        return;
    for (; filled < KN_AGGREGATE_SEALS && kn_aggregate_init(&a[filled], 50000, &err); filled++) {
        kn_user_record x = {{text, 1000 + 77 * filled}, KN_SLICE("k"), {NULL, 0}};
        for (size_t k = 0; k < 2 + filled; k++)
            ok = ok && kn_aggregate_add(&a[filled], &x, &err) == KN_AGGREGATE_ADDED;
        blobs[filled] = &a[filled].blob;
    }
    for (size_t count = 1; count <= filled; count++) {
        for (size_t i = 0; i < count; i++)
            ok = ok && kn_aggregate_finish_unsealed(&a[i], &out, &err);
        ok = ok && kn_aggregate_seal(&md5, blobs, count, &err);
        for (size_t i = 0; i < count; i++) {
            kn_buf_clear(&expected);
            kn_buf_slice(&expected, kn_buf_view(blobs[i]));
            same_blobs += kn_aggregate_finish(&a[i], &out, &err) &&
                          kn_slice_eq(out.data, kn_buf_view(&expected)) &&
                          out.data.n == kn_aggregate_size(&a[i]);
        }
    }
    tap_ok(ok, "aggregates of different lengths");
    tap_is_int((long long)same_blobs, KN_AGGREGATE_SEALS * (KN_AGGREGATE_SEALS + 1) / 2,
               "sealed together, each is as sealed alone");
    for (size_t i = 0; i < filled; i++)
        kn_aggregate_free(&a[i]);
    kn_md5_free(&md5);
    kn_buf_free(&expected);
}

int main(void) {
    if (!kn_deaggregator_init(&d, &err))
        return 1;
    vectors();
    random_ones();
    limits();
    sealed_together();
    kn_deaggregator_free(&d);
    return tap_done();
}
