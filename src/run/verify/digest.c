/* See digest.h. */
#include "run/verify/digest.h"

#include <stdlib.h>

typedef struct range {
    uint64_t count;
    kn_sum sum;
} range;

/* A set of hashes that are not 0, with linear probing. */
typedef struct key_set {
    uint64_t *slots;
    size_t count, cap; /* cap: a power of two */
    bool full;         /* more than KN_DIGEST_KEYS: no longer counted */
} key_set;

struct kn_digest {
    kn_md5 md5;
    const kn_digest_choice *choice;
    size_t limit;
    range *ranges; /* NULL when there is a choice */
    key_set keys;
    kn_digest_entry *entries;
    size_t entry_count, entry_cap;
};

/* ---- distinct keys ---- */

static void set_free(key_set *set) {
    free(set->slots);
    *set = (key_set){.full = true};
}

static void set_insert(key_set *set, uint64_t hash) {
    size_t mask = set->cap - 1, at = hash * 0x9E3779B97F4A7C15u & mask;
    while (set->slots[at] && set->slots[at] != hash)
        at = (at + 1) & mask;
    set->count += !set->slots[at];
    set->slots[at] = hash;
}

static bool set_grow(key_set *set) {
    key_set larger = {.cap = set->cap ? set->cap * 2 : 1024};
    larger.slots = calloc(larger.cap, sizeof *larger.slots);
    if (!larger.slots)
        return false;
    for (size_t i = 0; i < set->cap; i++)
        if (set->slots[i])
            set_insert(&larger, set->slots[i]);
    free(set->slots);
    *set = larger;
    return true;
}

/* Out of memory is as good as too many. */
static void set_add(key_set *set, uint64_t hash) {
    if (set->full)
        return;
    if (set->count >= KN_DIGEST_KEYS || (set->count * 2 >= set->cap && !set_grow(set)))
        set_free(set);
    else
        set_insert(set, hash ? hash : 1);
}

/* ---- life ---- */

bool kn_digest_new(const kn_digest_choice *choice, size_t limit, kn_digest **out, kn_err *err) {
    kn_digest *d = calloc(1, sizeof *d);
    if (!d)
        return kn_fail(err, KN_ENOMEM, "out of memory for a digest");
    d->choice = choice;
    d->limit = limit;
    if (!kn_md5_init(&d->md5, err)) {
        kn_digest_destroy(d);
        return false;
    }
    if (!choice && !(d->ranges = calloc(KN_DIGEST_RANGES, sizeof *d->ranges))) {
        kn_digest_destroy(d);
        return kn_fail(err, KN_ENOMEM, "out of memory for a digest");
    }
    *out = d;
    return true;
}

void kn_digest_destroy(kn_digest *d) {
    if (!d)
        return;
    kn_md5_free(&d->md5);
    set_free(&d->keys);
    free(d->ranges);
    free(d->entries);
    free(d);
}

/* ---- adding ---- */

static bool is_chosen(const kn_digest_choice *choice, uint32_t number) {
    return choice->bits[number / 8] >> number % 8 & 1;
}

static bool add_entry(kn_digest *d, const kn_digest_entry *entry, kn_err *err) {
    if (d->entry_count == d->limit)
        return kn_fail(err, KN_ELIMIT, "more than %zu records differ in the ranges looked at",
                       d->limit);
    if (d->entry_count == d->entry_cap) {
        size_t cap = d->entry_cap ? d->entry_cap * 2 : 256;
        kn_digest_entry *entries = realloc(d->entries, cap * sizeof *entries);
        if (!entries)
            return kn_fail(err, KN_ENOMEM, "out of memory for records that differ");
        d->entries = entries;
        d->entry_cap = cap;
    }
    d->entries[d->entry_count++] = *entry;
    return true;
}

static uint64_t first_8(const unsigned char hash[16]) {
    return (uint64_t)(kn_hash_from_md5(hash) >> 64);
}

bool kn_digest_add(kn_digest *d, kn_slice key, kn_slice row, uint64_t place, bool *taken,
                   kn_err *err) {
    unsigned char hash[16];
    if (taken)
        *taken = false;
    if (!kn_md5_digest(&d->md5, key, hash, err))
        return false;
    uint64_t key_hash = first_8(hash);
    uint32_t number = (uint32_t)(key_hash >> 48);
    if (d->choice && !is_chosen(d->choice, number))
        return true;
    if (!kn_md5_digest(&d->md5, row, hash, err))
        return false;
    uint64_t row_hash = first_8(hash) >> 4;
    if (d->choice) {
        if (taken)
            *taken = true;
        return add_entry(d, &(kn_digest_entry){row_hash, key_hash, place}, err);
    }
    d->ranges[number].count++;
    d->ranges[number].sum += row_hash;
    set_add(&d->keys, key_hash);
    return true;
}

void kn_digest_add_range(kn_digest *d, uint32_t number, uint64_t count, kn_sum sum) {
    d->ranges[number].count += count;
    d->ranges[number].sum += sum;
    d->keys.full = true; /* nobody told which keys */
}

bool kn_digest_merge(kn_digest *d, const kn_digest *other, kn_err *err) {
    for (size_t i = 0; i < other->entry_count; i++)
        if (!add_entry(d, &other->entries[i], err))
            return false;
    if (!d->ranges)
        return true;
    for (uint32_t i = 0; i < KN_DIGEST_RANGES; i++) {
        d->ranges[i].count += other->ranges[i].count;
        d->ranges[i].sum += other->ranges[i].sum;
    }
    if (other->keys.full)
        set_free(&d->keys);
    for (size_t i = 0; i < other->keys.cap; i++)
        if (other->keys.slots[i])
            set_add(&d->keys, other->keys.slots[i]);
    return true;
}

kn_digest_total kn_digest_total_of(const kn_digest *d) {
    kn_digest_total t = {.distinct = d->keys.full ? UINT64_MAX : d->keys.count};
    for (uint32_t i = 0; i < KN_DIGEST_RANGES; i++) {
        t.count += d->ranges[i].count;
        t.sum += d->ranges[i].sum;
    }
    return t;
}

size_t kn_digest_size(const kn_digest *d) {
    return d->entry_count;
}

/* ---- comparing ---- */

uint32_t kn_digest_choose(const kn_digest *a, const kn_digest *b, uint32_t from, size_t limit,
                          kn_digest_choice *choice) {
    uint64_t in_a = 0, in_b = 0;
    *choice = (kn_digest_choice){.ranges = 0};
    for (uint32_t i = from; i < KN_DIGEST_RANGES; i++) {
        const range *x = &a->ranges[i], *y = &b->ranges[i];
        if (x->count == y->count && x->sum == y->sum)
            continue;
        in_a += x->count;
        in_b += y->count;
        if (choice->ranges && (in_a > limit || in_b > limit))
            return i;
        choice->bits[i / 8] |= (uint8_t)(1u << i % 8);
        choice->ranges++;
    }
    return KN_DIGEST_RANGES;
}

static int compare_numbers(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

/* By key, then by value. */
static int compare_records(const kn_digest_entry *a, const kn_digest_entry *b) {
    int order = compare_numbers(a->key, b->key);
    return order ? order : compare_numbers(a->row, b->row);
}

static int by_record(const void *x, const void *y) {
    const kn_digest_entry *a = x, *b = y;
    int order = compare_records(a, b);
    return order ? order : compare_numbers(a->place, b->place);
}

static int by_verdict(const void *x, const void *y) {
    const kn_digest_finding *a = x, *b = y;
    int order = compare_numbers(a->verdict, b->verdict);
    order = order ? order : compare_numbers(a->expected, b->expected);
    return order ? order : compare_numbers(a->found, b->found);
}

/* How many entries from e on are one record, all equal to `record`. */
static size_t count_equal(const kn_digest_entry *e, size_t left, const kn_digest_entry *record) {
    size_t n = 0;
    while (n < left && compare_records(&e[n], record) == 0)
        n++;
    return n;
}

/* What is left on one side goes to the front of that side; what is there too often is a finding. */
static void cancel_equal(kn_digest *expected, kn_digest *found, size_t *missing, size_t *strange,
                         kn_digest_finding *out, size_t *n) {
    kn_digest_entry *e = expected->entries, *f = found->entries;
    size_t e_left = expected->entry_count, f_left = found->entry_count;
    *missing = *strange = 0;
    while (e_left || f_left) {
        bool from_e = e_left && (!f_left || compare_records(e, f) <= 0);
        kn_digest_entry record = from_e ? *e : *f;
        size_t in_e = count_equal(e, e_left, &record), in_f = count_equal(f, f_left, &record);
        for (size_t k = in_f; k < in_e; k++)
            expected->entries[(*missing)++] = e[k];
        for (size_t k = in_e; k < in_f; k++) {
            if (in_e)
                out[(*n)++] = (kn_digest_finding){KN_RECORD_DUPLICATED, record.place, f[k].place};
            else
                found->entries[(*strange)++] = f[k];
        }
        e += in_e;
        e_left -= in_e;
        f += in_f;
        f_left -= in_f;
    }
}

/* A record that is missing and a strange one with its key are one that was altered; both lists are
 * in the order of their keys. */
static void pair_by_key(const kn_digest_entry *missing, size_t n_missing,
                        const kn_digest_entry *strange, size_t n_strange, kn_digest_finding *out,
                        size_t *n) {
    size_t i = 0, j = 0;
    while (i < n_missing || j < n_strange) {
        int order = i == n_missing   ? 1
                    : j == n_strange ? -1
                                     : compare_numbers(missing[i].key, strange[j].key);
        kn_digest_finding f = {.verdict = order < 0   ? KN_RECORD_LOST
                                          : order > 0 ? KN_RECORD_FOREIGN
                                                      : KN_RECORD_ALTERED};
        if (order <= 0)
            f.expected = missing[i++].place;
        if (order >= 0)
            f.found = strange[j++].place;
        out[(*n)++] = f;
    }
}

static void sort_entries(kn_digest *d) {
    if (d->entry_count)
        qsort(d->entries, d->entry_count, sizeof *d->entries, by_record);
}

bool kn_digest_compare(kn_digest *expected, kn_digest *found, kn_digest_finding **findings,
                       size_t *n, kn_err *err) {
    size_t missing, strange, most = expected->entry_count + found->entry_count;
    *n = 0;
    *findings = malloc((most + 1) * sizeof **findings);
    if (!*findings)
        return kn_fail(err, KN_ENOMEM, "out of memory for what differs");
    sort_entries(expected);
    sort_entries(found);
    cancel_equal(expected, found, &missing, &strange, *findings, n);
    pair_by_key(expected->entries, missing, found->entries, strange, *findings, n);
    qsort(*findings, *n, sizeof **findings, by_verdict);
    return true;
}
