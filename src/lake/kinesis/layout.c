/* See layout.h. */
#include "lake/kinesis/layout.h"

#include "lake/kinesis/id.h"

#include <stdlib.h>

void kn_shard_list_free(kn_shard_list *list) {
    free(list->rows);
    *list = (kn_shard_list){0};
}

unsigned kn_shard_list_open(const kn_shard_list *list) {
    unsigned n = 0;
    for (unsigned i = 0; i < list->count; i++)
        n += list->rows[i].closed_ms == 0;
    return n;
}

static bool append(kn_shard_list *list, kn_shard_facts facts, kn_err *err) {
    if (list->count == KN_SHARDS_EVER)
        return kn_fail(err, KN_ELIMIT, "a stream has at most %d shards, closed ones included",
                       KN_SHARDS_EVER);
    if (list->count == list->cap) {
        unsigned cap = list->cap ? 2 * list->cap : 16;
        kn_shard_facts *rows = realloc(list->rows, cap * sizeof *rows);
        if (!rows)
            return kn_fail(err, KN_ENOMEM, "kinesis: out of memory");
        list->rows = rows;
        list->cap = cap;
    }
    list->rows[list->count++] = facts;
    return true;
}

/* ---- the store's document ---- */

static bool even_shards(unsigned count, int64_t created_ms, kn_shard_list *out, kn_err *err) {
    for (unsigned i = 0; i < count; i++) {
        kn_shard_facts facts = {
            .begin = kn_hash_begin(i, count),
            .end = i + 1 < count ? kn_hash_begin(i + 1, count) - 1 : KN_HASH_TOP,
            .parent = KN_NO_SHARD,
            .adjacent = KN_NO_SHARD,
            .created_s = created_ms / 1000,
            .opened_ms = created_ms,
        };
        if (!append(out, facts, err))
            return false;
    }
    return true;
}

static kn_slice text_of(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    return (kn_slice){json_string_value(value), json_string_length(value)};
}

static int64_t number_of(const json_t *object, const char *name) {
    return json_integer_value(json_object_get(object, name));
}

/* A parent has a lower number than its children. */
static bool read_parent(const json_t *row, const char *name, unsigned count, unsigned *parent) {
    const json_t *value = json_object_get(row, name);
    *parent = KN_NO_SHARD;
    if (!value)
        return true;
    *parent = (unsigned)json_integer_value(value);
    return json_is_integer(value) && json_integer_value(value) >= 0 && *parent < count;
}

static bool read_row(const json_t *row, unsigned count, kn_shard_facts *facts) {
    *facts = (kn_shard_facts){
        .created_s = number_of(row, "Created"),
        .opened_ms = number_of(row, "Opened"),
        .closed_ms = number_of(row, "Closed"),
    };
    return kn_hash_parse(text_of(row, "Begin"), &facts->begin) &&
           kn_hash_parse(text_of(row, "End"), &facts->end) && facts->begin <= facts->end &&
           read_parent(row, "Parent", count, &facts->parent) &&
           read_parent(row, "Adjacent", count, &facts->adjacent);
}

bool kn_shard_list_read(const json_t *doc, int64_t created_ms, kn_shard_list *out, kn_err *err) {
    const json_t *row;
    size_t i;
    json_int_t count = json_integer_value(doc);
    bool ok = true;
    *out = (kn_shard_list){0};
    if (count > 0 && count <= KN_SHARDS_EVER)
        ok = even_shards((unsigned)count, created_ms, out, err);
    json_array_foreach(doc, i, row) {
        kn_shard_facts facts;
        ok = ok &&
             (read_row(row, out->count, &facts) ||
              kn_fail(err, KN_EPARSE, "shard %u is damaged", out->count)) &&
             append(out, facts, err);
    }
    if (ok && kn_shard_list_open(out) == 0)
        ok = kn_fail(err, KN_EPARSE, "there is no open shard");
    if (!ok)
        kn_shard_list_free(out);
    return ok;
}

json_t *kn_shard_list_write(const kn_shard_list *list) {
    json_t *all = json_array();
    for (unsigned i = 0; all && i < list->count; i++) {
        const kn_shard_facts *f = &list->rows[i];
        char begin[KN_HASH_TEXT], end[KN_HASH_TEXT];
        kn_hash_print(f->begin, begin);
        kn_hash_print(f->end, end);
        json_t *row = json_pack("{s:s, s:s, s:I, s:I}", "Begin", begin, "End", end, "Created",
                                (json_int_t)f->created_s, "Opened", (json_int_t)f->opened_ms);
        bool ok = row != NULL;
        if (ok && f->parent != KN_NO_SHARD)
            ok = json_object_set_new(row, "Parent", json_integer(f->parent)) == 0;
        if (ok && f->adjacent != KN_NO_SHARD)
            ok = json_object_set_new(row, "Adjacent", json_integer(f->adjacent)) == 0;
        if (ok && f->closed_ms)
            ok = json_object_set_new(row, "Closed", json_integer((json_int_t)f->closed_ms)) == 0;
        if (!ok || json_array_append(all, row) != 0) {
            json_decref(all);
            all = NULL;
        }
        json_decref(row);
    }
    return all;
}

/* ---- splitting and merging ---- */

static int64_t later_second(const kn_shard_facts *parent, int64_t now_ms) {
    int64_t s = now_ms / 1000;
    return (s > parent->created_s ? s : parent->created_s) + 1;
}

bool kn_shard_list_split(kn_shard_list *list, unsigned number, kn_hash_key at, int64_t now_ms,
                         kn_err *err) {
    const kn_shard_facts parent = list->rows[number];
    kn_shard_facts child = {
        .begin = parent.begin,
        .end = at - 1,
        .parent = number,
        .adjacent = KN_NO_SHARD,
        .created_s = later_second(&parent, now_ms),
        .opened_ms = now_ms,
    };
    if (!append(list, child, err))
        return false;
    child.begin = at;
    child.end = parent.end;
    if (!append(list, child, err)) {
        list->count--;
        return false;
    }
    list->rows[number].closed_ms = now_ms;
    return true;
}

bool kn_shard_list_merge(kn_shard_list *list, unsigned number, unsigned adjacent, int64_t now_ms,
                         kn_err *err) {
    const kn_shard_facts a = list->rows[number], b = list->rows[adjacent];
    int64_t after_a = later_second(&a, now_ms), after_b = later_second(&b, now_ms);
    kn_shard_facts child = {
        .begin = a.begin < b.begin ? a.begin : b.begin,
        .end = a.end > b.end ? a.end : b.end,
        .parent = number,
        .adjacent = adjacent,
        .created_s = after_a > after_b ? after_a : after_b,
        .opened_ms = now_ms,
    };
    if (!append(list, child, err))
        return false;
    list->rows[number].closed_ms = list->rows[adjacent].closed_ms = now_ms;
    return true;
}

/* The open shard that holds the hash key. */
static unsigned holder_of(const kn_shard_list *list, kn_hash_key hash) {
    unsigned i = 0;
    while (list->rows[i].closed_ms || hash < list->rows[i].begin || hash > list->rows[i].end)
        i++; /* the open ones cover all keys */
    return i;
}

bool kn_shard_list_even(kn_shard_list *list, unsigned count, int64_t now_ms, kn_err *err) {
    bool ok = true;
    for (unsigned i = 1; ok && i < count; i++) { /* a shard begins where one is to begin */
        kn_hash_key at = kn_hash_begin(i, count);
        unsigned number = holder_of(list, at);
        if (list->rows[number].begin < at)
            ok = kn_shard_list_split(list, number, at, now_ms, err);
    }
    for (unsigned i = 0; ok && i < count; i++) { /* and none between */
        kn_hash_key begin = kn_hash_begin(i, count);
        kn_hash_key end = i + 1 < count ? kn_hash_begin(i + 1, count) - 1 : KN_HASH_TOP;
        unsigned number;
        while (ok && list->rows[number = holder_of(list, begin)].end < end)
            ok = kn_shard_list_merge(list, number, holder_of(list, list->rows[number].end + 1),
                                     now_ms, err);
    }
    return ok;
}
