/* What a delivery stream has before it: its source journals and its positions in them. */
#include "lake/firehose/state.h"

#include "base/log.h"
#include "lake/kinesis/kinesis.h"

#include <stdlib.h>

/* --- positions ---------------------------------------------------------------------------- */

bool kn_positions_load(kn_store *store, const char *id, kn_positions *out, kn_err *err) {
    json_t *doc = NULL;
    *out = (kn_positions){0};
    if (!kn_store_get(store, KN_FIREHOSE_POSITION, id, &doc, err))
        return false;
    const json_t *next = json_object_get(doc, "Next");
    size_t n = json_array_size(next);
    out->source_ms = json_integer_value(json_object_get(doc, "Source"));
    out->next = n ? calloc(n, sizeof *out->next) : NULL;
    bool ok = !n || out->next || kn_fail(err, KN_ENOMEM, "out of memory");
    for (size_t i = 0; ok && i < n; i++)
        out->next[i] = (uint64_t)json_integer_value(json_array_get(next, i));
    out->count = ok ? n : 0;
    json_decref(doc);
    return ok;
}

bool kn_positions_save(kn_store *store, const char *id, const kn_positions *positions,
                       kn_err *err) {
    json_t *next = json_array();
    for (size_t i = 0; i < positions->count; i++)
        json_array_append_new(next, json_integer((json_int_t)positions->next[i]));
    json_t *doc = json_pack("{s:I, s:o}", "Source", (json_int_t)positions->source_ms, "Next", next);
    bool ok = doc && json_array_size(next) == positions->count
                  ? kn_store_put(store, KN_FIREHOSE_POSITION, id, doc, err)
                  : kn_fail(err, KN_ENOMEM, "out of memory");
    json_decref(doc);
    return ok;
}

typedef struct gathering {
    kn_positions *positions;
    bool ok;
} gathering;

static bool gather_end(void *context, const kn_shard_view *view, kn_journal *journal) {
    gathering *g = context;
    unsigned shard = view->number;
    uint64_t *grown = realloc(g->positions->next, (shard + 1) * sizeof *grown);
    g->ok = grown != NULL;
    if (!grown)
        return false;
    g->positions->next = grown;
    for (size_t i = g->positions->count; i < shard; i++)
        grown[i] = 0;
    grown[shard] = kn_journal_end(journal);
    g->positions->count = shard + 1;
    return true;
}

bool kn_positions_latest(kn_lake *lake, const char *stream, kn_positions *out, kn_err *err) {
    *out = (kn_positions){0};
    gathering g = {out, true};
    kn_kinesis *kinesis = kn_lake_kinesis(lake);
    if (!kn_kinesis_created(kinesis, stream, &out->source_ms, err) ||
        !kn_kinesis_each_shard(kinesis, stream, gather_end, &g, err))
        return false;
    return g.ok || kn_fail(err, KN_ENOMEM, "out of memory");
}

/* --- sources ------------------------------------------------------------------------------ */

bool kn_source_each(kn_firehose *f, const kn_delivery *d, kn_kinesis_shard_visitor *visit,
                    void *context, kn_err *err) {
    if (!d->journal)
        return kn_kinesis_each_shard(kn_lake_kinesis(f->lake), d->source, visit, context, err);
    static const kn_shard_view only = {.parent = UINT32_MAX, .adjacent = UINT32_MAX};
    visit(context, &only, d->journal);
    return true;
}

typedef struct measuring {
    const kn_positions *positions;
    kn_backlog *backlog;
    kn_err *err;
    bool ok;
} measuring;

static bool measure(void *context, const kn_shard_view *view, kn_journal *journal) {
    measuring *m = context;
    kn_backlog *b = m->backlog;
    unsigned shard = view->number;
    kn_source source = {.shard = shard};
    int64_t oldest;
    m->ok = false;
    if (shard < m->positions->count)
        source.next = m->positions->next[shard];
    source.end = kn_journal_end(journal);
    if (!kn_journal_backlog(journal, source.next, &source.bytes, &oldest, m->err))
        return false;
    kn_source *grown = realloc(b->sources, (b->count + 1) * sizeof *grown);
    if (!grown) {
        kn_fail(m->err, KN_ENOMEM, "out of memory");
        return false;
    }
    b->sources = grown;
    grown[b->count++] = source;
    b->bytes += source.bytes;
    if (source.next < source.end && (b->oldest_ms == 0 || oldest < b->oldest_ms))
        b->oldest_ms = oldest;
    m->ok = true;
    return true;
}

/* A stream of the same name made later is another one: it is delivered from its beginning. */
static bool follow_source(kn_firehose *f, kn_delivery *d, kn_err *err) {
    int64_t created;
    if (d->journal)
        return true;
    if (!kn_kinesis_created(kn_lake_kinesis(f->lake), d->source, &created, err))
        return false;
    if (created == d->positions.source_ms)
        return true;
    kn_log(KN_LOG_WARNING,
           "delivery stream %s: its source stream %s was made anew; delivering the new one from "
           "its beginning",
           d->name, d->source);
    d->positions.source_ms = created;
    d->positions.count = 0;
    return true;
}

bool kn_backlog_read(kn_firehose *f, kn_delivery *d, kn_backlog *out, kn_err *err) {
    *out = (kn_backlog){0};
    measuring m = {&d->positions, out, err, true};
    if (!follow_source(f, d, err))
        return false;
    out->source_ms = d->positions.source_ms;
    return kn_source_each(f, d, measure, &m, err) && m.ok;
}

void kn_backlog_free(kn_backlog *backlog) {
    free(backlog->sources);
    *backlog = (kn_backlog){0};
}
