/* Digests: random multisets, damaged on purpose, and what is found of the damage. */
#include "run/verify/digest.h"

#include "../../tap.h"
#include "base/rng.h"
#include "base/time.h"

enum { RECORDS = 20000 };

static uint64_t seed, draws;

static uint64_t draw(uint64_t n) {
    return kn_rng_below(kn_rng_mix(kn_rng_seed_key(seed) + draws++), n);
}

static kn_digest *new_digest(const kn_digest_choice *choice) {
    kn_digest *d;
    kn_err err;
    if (!kn_digest_new(choice, RECORDS * 4, &d, &err)) {
        tap_ok(false, "%s", err.message);
        exit(1);
    }
    return d;
}

static void add(kn_digest *d, uint64_t number, const char *value, uint64_t place) {
    char key[32], row[64];
    kn_err err;
    snprintf(key, sizeof key, "key %llu", (unsigned long long)number);
    snprintf(row, sizeof row, "%s %s", key, value);
    if (!kn_digest_add(d, kn_slice_cstr(key), kn_slice_cstr(row), place, NULL, &err))
        tap_ok(false, "adding: %s", err.message);
}

typedef enum { KEPT, LOST, TWICE, ALTERED } fate;

/* The same for both passes. */
static void fill_found(kn_digest *d, const fate *fates, uint64_t strangers) {
    for (uint64_t i = RECORDS; i-- > 0;) { /* order does not count */
        if (fates[i] != LOST)
            add(d, i, fates[i] == ALTERED ? "other" : "value", i);
        if (fates[i] == TWICE)
            add(d, i, "value", i + RECORDS);
    }
    for (uint64_t i = 0; i < strangers; i++)
        add(d, RECORDS + i, "value", i);
}

static void fill_expected(kn_digest *d) {
    for (uint64_t i = 0; i < RECORDS; i++)
        add(d, i, "value", i);
}

static void test_damage(void) {
    static fate fates[RECORDS];
    size_t want[4] = {0}, got[4] = {0}, wrong = 0;
    for (uint64_t i = 0; i < RECORDS; i++)
        fates[i] = draw(100) ? KEPT : (fate)(1 + draw(3));
    for (uint64_t i = 0; i < RECORDS; i++)
        if (fates[i] != KEPT)
            want[fates[i] == LOST    ? KN_RECORD_LOST
                 : fates[i] == TWICE ? KN_RECORD_DUPLICATED
                                     : KN_RECORD_ALTERED]++;
    want[KN_RECORD_FOREIGN] = 17;
    kn_digest *expected = new_digest(NULL), *found = new_digest(NULL);
    fill_expected(expected);
    fill_found(found, fates, 17);
    unsigned passes = 0;
    for (uint32_t from = 0; from < KN_DIGEST_RANGES; passes++) {
        kn_digest_choice choice;
        kn_err err;
        kn_digest_finding *findings;
        size_t n;
        from = kn_digest_choose(expected, found, from, 100, &choice);
        kn_digest *a = new_digest(&choice), *b = new_digest(&choice);
        fill_expected(a);
        fill_found(b, fates, 17);
        tap_ok(kn_digest_compare(a, b, &findings, &n, &err), "pass %u", passes);
        for (size_t i = 0; i < n; i++) {
            const kn_digest_finding *f = &findings[i];
            got[f->verdict]++;
            fate expected_fate = f->verdict == KN_RECORD_LOST         ? LOST
                                 : f->verdict == KN_RECORD_DUPLICATED ? TWICE
                                                                      : ALTERED;
            wrong += f->verdict != KN_RECORD_FOREIGN && fates[f->expected] != expected_fate;
        }
        free(findings);
        kn_digest_destroy(a);
        kn_digest_destroy(b);
    }
    tap_ok(passes > 1, "in %u passes", passes);
    for (int v = 0; v < 4; v++)
        tap_is_int(got[v], want[v], "verdict %d", v);
    tap_is_int(wrong, 0, "each about the right record");
    kn_digest_destroy(expected);
    kn_digest_destroy(found);
}

static void test_sums(void) {
    kn_digest *whole = new_digest(NULL), *halves = new_digest(NULL), *other = new_digest(NULL);
    kn_digest_choice choice;
    kn_err err;
    fill_expected(whole);
    for (uint64_t i = 0; i < RECORDS; i++)
        add(i % 2 ? halves : other, i, "value", i);
    tap_ok(kn_digest_merge(halves, other, &err), "merging");
    kn_digest_total a = kn_digest_total_of(whole), b = kn_digest_total_of(halves);
    tap_ok(a.count == b.count && a.sum == b.sum, "parts add up to the whole");
    tap_is_int(b.distinct, RECORDS, "distinct keys");
    tap_is_int(kn_digest_choose(whole, halves, 0, 100, &choice), KN_DIGEST_RANGES, "no range");
    tap_is_int(choice.ranges, 0, "differs");
    add(whole, 3, "value", 3);
    tap_is_int(kn_digest_total_of(whole).distinct, RECORDS, "a duplicate is no new key");
    kn_digest_choose(whole, halves, 0, 100, &choice);
    tap_is_int(choice.ranges, 1, "but one range differs");
    kn_digest_destroy(whole);
    kn_digest_destroy(halves);
    kn_digest_destroy(other);
}

/* The figures that SQL makes too: md5("a") is 0cc175b9c0f1b6a831c399e269772661. */
static void test_figures(void) {
    kn_digest *d = new_digest(NULL), *same = new_digest(NULL);
    kn_err err;
    char sum[KN_HASH_TEXT];
    tap_ok(kn_digest_add(d, KN_SLICE("a"), KN_SLICE("a"), 0, NULL, &err), "one record");
    kn_hash_print(kn_digest_total_of(d).sum, sum);
    tap_is_str(sum, "57446577476672362", "the first 15 hexadecimal digits"); /* 0x0cc175b9c0f1b6a */
    kn_digest_add_range(same, 0x0cc1, 1, 57446577476672362u);
    kn_digest_choice choice;
    kn_digest_choose(d, same, 0, 100, &choice);
    tap_is_int(choice.ranges, 0, "and the range of the first four");
    kn_digest_destroy(d);
    kn_digest_destroy(same);
}

static void test_limit(void) {
    kn_digest_choice all;
    kn_err err;
    kn_digest *d;
    memset(&all, 0xFF, sizeof all);
    if (!kn_digest_new(&all, 2, &d, &err))
        exit(1);
    add(d, 1, "value", 1);
    add(d, 2, "value", 2);
    tap_ok(!kn_digest_add(d, KN_SLICE("k"), KN_SLICE("r"), 0, NULL, &err) && err.code == KN_ELIMIT,
           "more than the limit: %s", err.message);
    kn_digest_destroy(d);
}

int main(void) {
    seed = tap_seed();
    test_sums();
    test_figures();
    test_limit();
    test_damage();
    return tap_done();
}
