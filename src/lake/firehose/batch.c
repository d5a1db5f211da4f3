/* One delivery: reads records from the positions on, makes the objects' files, then adopts them and
 * moves the positions in one transaction. So each record is in an object once, whenever the process
 * ends. The objects are named after the positions where they begin: a process killed after a file
 * was put in its place and before the commit leaves a file that the next attempt replaces. */
#include "lake/firehose/state.h"

#include "base/log.h"
#include "lake/kinesis/kinesis.h"

#include <openssl/evp.h>
#include <stdlib.h>

enum { ROWS_MAX = 2000000 }; /* of one object: what many tiny records may take in memory */

typedef struct batch {
    const kn_delivery *delivery;
    const kn_backlog *backlog;
    uint64_t limit;
    kn_output *output;
    uint64_t *next; /* by shard: where the positions go */
    bool *left;     /* by shard: it, or one that it comes of, has more than this batch takes */
    size_t count;
    uint64_t bytes;
    /* of the journal being read */
    const kn_source *source;
    const kn_shard_view *origin;
    uint64_t quota, taken;
    bool ok;
    kn_err *err;
} batch;

static bool take_record(void *context, const kn_journal_record *record) {
    batch *b = context;
    b->ok = kn_output_record(b->output, record, b->origin, b->err);
    if (!b->ok)
        return false;
    b->next[b->source->shard] = record->index + 1;
    b->taken += record->data.n;
    return b->taken < b->quota && record->index + 1 < b->source->end &&
           kn_output_rows(b->output) < ROWS_MAX;
}

static const kn_source *find_source(const batch *b, unsigned shard) {
    for (size_t i = 0; i < b->backlog->count; i++)
        if (b->backlog->sources[i].shard == shard)
            return &b->backlog->sources[i];
    return NULL;
}

/* Each shard gives its share of the limit, so that a busy one does not keep the others waiting. */
static bool take_records(batch *b, const kn_shard_view *view, kn_journal *journal) {
    unsigned shard = view->number;
    uint64_t after;
    b->source = find_source(b, shard);
    b->origin = b->delivery->source ? view : NULL;
    if (!b->source || b->source->next >= b->source->end || kn_output_rows(b->output) >= ROWS_MAX)
        return true;
    uint64_t oldest = kn_journal_begin(journal);
    if (oldest > b->source->next) { /* the source's retention has taken records away */
        kn_log(KN_LOG_WARNING,
               "delivery stream %s: %llu records of shard %u passed their retention period before "
               "they were delivered",
               b->delivery->name, (unsigned long long)(oldest - b->source->next), shard);
        b->next[shard] = oldest;
    }
    b->taken = 0;
    b->quota = UINT64_MAX;
    if (b->backlog->bytes > b->limit)
        b->quota =
            (uint64_t)((double)b->limit * (double)b->source->bytes / (double)b->backlog->bytes);
    if (!kn_journal_read(journal, b->source->next, take_record, b, &after, b->err))
        b->ok = false;
    b->bytes += b->taken;
    return b->ok;
}

static bool is_left(const batch *b, unsigned shard) {
    return shard < b->count && b->left[shard];
}

/* A shard that was split off or merged comes after all the records of those before it, also where
 * one in between had none. */
static bool take_shard(void *context, const kn_shard_view *view, kn_journal *journal) {
    batch *b = context;
    unsigned shard = view->number;
    if (shard >= b->count) /* it came after the backlog was read */
        return true;
    bool waits = is_left(b, view->parent) || is_left(b, view->adjacent);
    if (!waits && !take_records(b, view, journal))
        return false;
    const kn_source *source = find_source(b, shard);
    b->left[shard] = waits || (source && b->next[shard] < source->end);
    return true;
}

static bool commit(kn_firehose *f, const batch *b, uint64_t *objects, kn_err *err) {
    kn_store *store = kn_lake_store(f->lake);
    kn_positions moved = {b->backlog->source_ms, b->next, b->count};
    if (!kn_store_begin(store, err))
        return false;
    bool ok = kn_output_adopt(b->output, objects, err) &&
              kn_positions_save(store, b->delivery->id, &moved, err);
    return kn_store_end(store, ok, err);
}

static bool prepare(batch *b, const kn_positions *positions, kn_err *err) {
    b->count = positions->count;
    for (size_t i = 0; i < b->backlog->count; i++)
        if (b->backlog->sources[i].shard >= b->count)
            b->count = b->backlog->sources[i].shard + 1;
    b->next = calloc(b->count + 1, sizeof *b->next);
    b->left = calloc(b->count + 1, sizeof *b->left);
    if (!b->next || !b->left)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    if (positions->count)
        memcpy(b->next, positions->next, positions->count * sizeof *b->next);
    return true;
}

/* 16 bytes of a digest over the stream and its positions. */
static bool name_batch(const kn_delivery *d, const kn_backlog *backlog, unsigned char id[16],
                       kn_err *err) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    kn_buf text;
    kn_buf_init(&text, 1 << 20);
    kn_buf_printf(&text, "%s %lld", d->id, (long long)backlog->source_ms);
    for (size_t i = 0; i < backlog->count; i++)
        kn_buf_printf(&text, " %u:%llu", backlog->sources[i].shard,
                      (unsigned long long)backlog->sources[i].next);
    bool ok = kn_buf_check(&text, "the positions", err) &&
              (EVP_Digest(text.p, text.len, digest, NULL, EVP_sha256(), NULL) == 1 ||
               kn_fail(err, KN_ENOMEM, "cannot compute a SHA-256"));
    if (ok)
        memcpy(id, digest, 16);
    kn_buf_free(&text);
    return ok;
}

/* The delivered part of the stream's own journal is no longer needed. That it stays is no failure
 * of the delivery: the next one tries again. */
static void trim(const kn_delivery *d) {
    kn_err err;
    if (d->journal && !kn_journal_trim(d->journal, d->positions.next[0], &err))
        kn_log(KN_LOG_WARNING, "delivery stream %s: delivered records cannot be removed: %s",
               d->name, err.message);
}

bool kn_firehose_deliver(kn_firehose *f, kn_delivery *d, const kn_backlog *backlog, uint64_t limit,
                         kn_delivered *total, kn_err *err) {
    batch b = {.delivery = d, .backlog = backlog, .limit = limit, .ok = true, .err = err};
    json_t *doc = kn_delivery_doc(f, d);
    uint64_t objects = 0;
    unsigned char id[16];
    bool ok = false;
    if (!prepare(&b, &d->positions, err) || !name_batch(d, backlog, id, err) ||
        !kn_output_open(f, d, doc, id, &b.output, err))
        goto out;
    if (!kn_source_each(f, d, take_shard, &b, err) || !b.ok)
        goto out;
    if (!kn_output_finish(b.output, err) || !commit(f, &b, &objects, err))
        goto out;
    total->objects += objects;
    total->records += kn_output_records(b.output);
    total->failed += kn_output_failed(b.output);
    total->bytes += b.bytes;
    free(d->positions.next);
    d->positions.next = b.next;
    d->positions.count = b.count;
    b.next = NULL;
    trim(d);
    ok = true;
out:
    kn_output_close(b.output);
    free(b.next);
    free(b.left);
    json_decref(doc);
    return ok;
}
