/* See aggregate.h. The message is kept as its three parts, each already encoded, and put together
 * at the end; so its size is the sum of theirs. */
#include "aws/aggregate.h"

#include "base/crc32c.h"
#include "base/md5_lanes.h"

#include <stdlib.h>

#define MAGIC (sizeof KN_AGGREGATE_MAGIC - 1)
#define TAG_VARINT(number) ((char)((number) << 3))
#define TAG_BYTES(number) ((char)((number) << 3 | 2))
#define FIRST_BITS 6
#define NOWHERE UINT32_MAX /* the number of a key that is not there */

static unsigned varint_size(uint64_t v) {
    unsigned n = 1;
    while (v >>= 7)
        n++;
    return n;
}

static char *put_varint(char *p, uint64_t v) {
    for (; v > 127; v >>= 7)
        *p++ = (char)(v | 128);
    *p++ = (char)v;
    return p;
}

/* ---- the tables of keys ---- */

static bool table_init(kn_aggregate_table *t, kn_err *err) {
    t->bits = FIRST_BITS;
    t->slots = calloc((size_t)1 << t->bits, sizeof *t->slots);
    t->keys = calloc((size_t)1 << (t->bits - 1), sizeof *t->keys);
    return (t->slots && t->keys) || kn_fail(err, KN_ENOMEM, "out of memory");
}

static void table_free(kn_aggregate_table *t) {
    kn_buf_free(&t->fields);
    free(t->slots);
    free(t->keys);
}

static void table_clear(kn_aggregate_table *t) {
    kn_buf_clear(&t->fields);
    t->count = 0;
}

/* Keys are often alike but for a digit: the multiplication spreads what differs over the bits that
 * choose the slot, the upper ones. */
static uint32_t hash_of(kn_slice key) {
    return kn_crc32c(0, key.p, key.n) * UINT32_C(0x9E3779B1);
}

static kn_slice key_at(const kn_aggregate_table *t, uint32_t number) {
    return (kn_slice){t->fields.p + t->keys[number].offset, t->keys[number].length};
}

/* The slot where the key is, or where it belongs (that of another round). */
static kn_aggregate_slot *slot_of(const kn_aggregate_table *t, uint32_t round, uint32_t hash,
                                  kn_slice key) {
    uint32_t mask = ((uint32_t)1 << t->bits) - 1;
    for (uint32_t i = hash >> (32 - t->bits);; i = (i + 1) & mask) {
        kn_aggregate_slot *slot = &t->slots[i];
        if (slot->round != round ||
            (slot->hash == hash && kn_slice_eq(key_at(t, slot->number), key)))
            return slot;
    }
}

static uint32_t table_find(const kn_aggregate_table *t, uint32_t round, kn_slice key) {
    const kn_aggregate_slot *slot = slot_of(t, round, hash_of(key), key);
    return slot->round == round ? slot->number : NOWHERE;
}

/* Room for one key more of n bytes; changes nothing that can be seen. */
static bool table_reserve(kn_aggregate_table *t, uint32_t round, size_t n, kn_err *err) {
    if (!kn_buf_reserve(&t->fields, 1 + varint_size(n) + n))
        return kn_buf_check(&t->fields, "the keys of an aggregated record", err);
    if (t->count < (uint32_t)1 << (t->bits - 1))
        return true;
    unsigned bits = t->bits + 1;
    kn_aggregate_span *keys = realloc(t->keys, ((size_t)1 << (bits - 1)) * sizeof *keys);
    if (keys)
        t->keys = keys;
    kn_aggregate_slot *slots = calloc((size_t)1 << bits, sizeof *slots);
    if (!keys || !slots) {
        free(slots);
        return kn_fail(err, KN_ENOMEM, "out of memory");
    }
    kn_aggregate_slot *old = t->slots;
    size_t old_count = (size_t)1 << t->bits;
    t->slots = slots;
    t->bits = bits;
    for (size_t i = 0; i < old_count; i++)
        if (old[i].round == round)
            *slot_of(t, round, old[i].hash, key_at(t, old[i].number)) = old[i];
    free(old);
    return true;
}

/* The key is not there, and there is room. */
static uint32_t table_add(kn_aggregate_table *t, uint32_t round, char tag, kn_slice key) {
    uint32_t hash = hash_of(key);
    kn_aggregate_slot *slot = slot_of(t, round, hash, key);
    char head[12];
    head[0] = tag;
    kn_buf_append(&t->fields, head, (size_t)(put_varint(head + 1, key.n) - head));
    t->keys[t->count] = (kn_aggregate_span){(uint32_t)t->fields.len, (uint32_t)key.n};
    kn_buf_slice(&t->fields, key);
    *slot = (kn_aggregate_slot){round, hash, t->count};
    return t->count++;
}

/* ---- the aggregate ---- */

bool kn_aggregate_init(kn_aggregate *a, uint32_t max_bytes, kn_err *err) {
    const size_t most = KN_AGGREGATE_ROOM;
    *a = (kn_aggregate){.max_bytes = max_bytes, .round = 1};
    kn_buf_init(&a->keys.fields, most);
    kn_buf_init(&a->hashes.fields, most);
    kn_buf_init(&a->records, most);
    kn_buf_init(&a->blob, most);
    if (max_bytes > KN_AGGREGATE_MOST)
        return kn_fail(err, KN_ELIMIT, "aggregates are at most %u bytes", KN_AGGREGATE_MOST);
    bool ok = table_init(&a->keys, err) && table_init(&a->hashes, err) && kn_md5_init(&a->md5, err);
    if (!ok)
        kn_aggregate_free(a);
    return ok;
}

void kn_aggregate_free(kn_aggregate *a) {
    table_free(&a->keys);
    table_free(&a->hashes);
    kn_buf_free(&a->records);
    kn_buf_free(&a->blob);
    kn_md5_free(&a->md5);
    *a = (kn_aggregate){.max_bytes = 0};
}

/* After the last round, slots that were never filled would look filled: they start again. */
static void next_round(kn_aggregate *a) {
    if (++a->round != 0)
        return;
    memset(a->keys.slots, 0, sizeof *a->keys.slots << a->keys.bits);
    memset(a->hashes.slots, 0, sizeof *a->hashes.slots << a->hashes.bits);
    a->round = 1;
}

void kn_aggregate_clear(kn_aggregate *a) {
    table_clear(&a->keys);
    table_clear(&a->hashes);
    kn_buf_clear(&a->records);
    kn_buf_clear(&a->blob);
    a->count = 0;
    a->data = 0;
    next_round(a);
}

uint64_t kn_aggregate_size(const kn_aggregate *a) {
    return KN_AGGREGATE_FRAME + a->keys.fields.len + a->hashes.fields.len + a->records.len;
}

/* A record on its way in. */
typedef struct entry {
    uint32_t key, hash; /* numbers in the tables; NOWHERE: new (or no hash key) */
    uint64_t inner;     /* bytes of the Record message */
    uint64_t size;      /* bytes that the aggregate would have */
} entry;

static uint64_t field_size(uint64_t n) {
    return 1 + varint_size(n) + n;
}

static entry entry_of(const kn_aggregate *a, const kn_user_record *record) {
    entry e = {.key = table_find(&a->keys, a->round, record->key), .hash = NOWHERE};
    e.size = kn_aggregate_size(a);
    if (e.key == NOWHERE)
        e.size += field_size(record->key.n);
    e.inner =
        1 + varint_size(e.key == NOWHERE ? a->keys.count : e.key) + field_size(record->data.n);
    if (record->hash.p) {
        e.hash = table_find(&a->hashes, a->round, record->hash);
        if (e.hash == NOWHERE)
            e.size += field_size(record->hash.n);
        e.inner += 1 + varint_size(e.hash == NOWHERE ? a->hashes.count : e.hash);
    }
    e.size += field_size(e.inner);
    return e;
}

static bool check(const kn_user_record *record, const entry *e, kn_err *err) {
    kn_hash_key hash;
    if (record->data.n + record->key.n > KN_AGGREGATE_MOST)
        return kn_fail(err, KN_ELIMIT, "a record of %zu bytes is over the limit of %u",
                       record->data.n + record->key.n, KN_AGGREGATE_MOST);
    return !record->hash.p || e->hash != NOWHERE ||
           kn_hash_of(NULL, record->key, record->hash, &hash, err);
}

static bool reserve(kn_aggregate *a, const kn_user_record *record, const entry *e, kn_err *err) {
    if (e->key == NOWHERE && !table_reserve(&a->keys, a->round, record->key.n, err))
        return false;
    if (record->hash.p && e->hash == NOWHERE &&
        !table_reserve(&a->hashes, a->round, record->hash.n, err))
        return false;
    return kn_buf_reserve(&a->records, field_size(e->inner)) ||
           kn_buf_check(&a->records, "an aggregated record", err);
}

kn_aggregate_answer kn_aggregate_add(kn_aggregate *a, const kn_user_record *record, kn_err *err) {
    entry e = entry_of(a, record);
    char head[48], *p = head;
    if (a->count > 0 && e.size > a->max_bytes)
        return KN_AGGREGATE_FULL;
    if (!check(record, &e, err) || !reserve(a, record, &e, err))
        return KN_AGGREGATE_REFUSED;
    if (e.key == NOWHERE)
        e.key = table_add(&a->keys, a->round, TAG_BYTES(KN_AGGREGATE_KEYS), record->key);
    if (record->hash.p && e.hash == NOWHERE)
        e.hash = table_add(&a->hashes, a->round, TAG_BYTES(KN_AGGREGATE_HASHES), record->hash);
    *p++ = TAG_BYTES(KN_AGGREGATE_RECORDS);
    p = put_varint(p, e.inner);
    *p++ = TAG_VARINT(KN_RECORD_KEY);
    p = put_varint(p, e.key);
    if (record->hash.p) {
        *p++ = TAG_VARINT(KN_RECORD_HASH);
        p = put_varint(p, e.hash);
    }
    *p++ = TAG_BYTES(KN_RECORD_DATA);
    p = put_varint(p, record->data.n);
    kn_buf_append(&a->records, head, (size_t)(p - head));
    kn_buf_slice(&a->records, record->data);
    if (a->count++ == 0)
        a->first_hashed = record->hash.p != NULL;
    a->data += record->data.n;
    return KN_AGGREGATE_ADDED;
}

static bool outer_hash(kn_aggregate *a, kn_err *err) {
    kn_slice explicit_hash = a->first_hashed ? key_at(&a->hashes, 0) : (kn_slice){NULL, 0};
    kn_hash_key hash;
    if (!kn_hash_of(&a->md5, key_at(&a->keys, 0), explicit_hash, &hash, err))
        return false;
    kn_hash_print(hash, a->hash);
    return true;
}

bool kn_aggregate_finish_unsealed(kn_aggregate *a, kn_user_record *out, kn_err *err) {
    if (a->count == 0)
        return kn_fail(err, KN_ESTATE, "an aggregate without records");
    if (a->count == 1) { /* its data is the end of its message */
        *out = (kn_user_record){
            .data = {a->records.p + a->records.len - a->data, (size_t)a->data},
            .key = key_at(&a->keys, 0),
            .hash = a->first_hashed ? key_at(&a->hashes, 0) : (kn_slice){NULL, 0},
        };
        return true;
    }
    kn_buf_clear(&a->blob);
    kn_buf_reserve(&a->blob, kn_aggregate_size(a));
    kn_buf_append(&a->blob, KN_AGGREGATE_MAGIC, MAGIC);
    kn_buf_slice(&a->blob, kn_buf_view(&a->keys.fields));
    kn_buf_slice(&a->blob, kn_buf_view(&a->hashes.fields));
    kn_buf_slice(&a->blob, kn_buf_view(&a->records));
    if (!kn_buf_check(&a->blob, "an aggregated record", err) || !outer_hash(a, err))
        return false;
    *out = (kn_user_record){
        .data = kn_buf_view(&a->blob),
        .key = KN_SLICE(KN_AGGREGATE_KEY),
        .hash = kn_slice_cstr(a->hash),
    };
    return true;
}

bool kn_aggregate_seal(kn_md5 *md5, kn_buf *const *blobs, size_t count, kn_err *err) {
    kn_slice messages[KN_AGGREGATE_SEALS] = {{NULL, 0}};
    unsigned char digests[KN_AGGREGATE_SEALS][16];
    for (size_t i = 0; i < count; i++)
        messages[i] = (kn_slice){blobs[i]->p + MAGIC, blobs[i]->len - MAGIC};
    if (!kn_md5_lanes(md5, messages, count, digests, err))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        kn_buf_append(blobs[i], digests[i], sizeof digests[i]);
        ok = kn_buf_check(blobs[i], "an aggregated record", err);
    }
    return ok;
}

bool kn_aggregate_finish(kn_aggregate *a, kn_user_record *out, kn_err *err) {
    if (!kn_aggregate_finish_unsealed(a, out, err))
        return false;
    if (a->count == 1)
        return true;
    if (!kn_aggregate_seal(&a->md5, &(kn_buf *){&a->blob}, 1, err))
        return false;
    out->data = kn_buf_view(&a->blob);
    return true;
}
