/* One stream: made from the store's document, following its changes; its shards and their journals.
 */
#include "lake/kinesis/state.h"

#include "base/log.h"
#include "base/time.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define TRIM_EVERY_MS 60000

/* ---- its shards ---- */

/* Frees the shards from number `from` on, and the lists. */
static void shards_free(kn_shards *shards, unsigned from) {
    for (unsigned i = from; i < shards->count; i++) {
        kn_journal_close(shards->all[i]->journal);
        free(shards->all[i]);
    }
    free(shards->all);
    free(shards->open);
    *shards = (kn_shards){0};
}

static int by_range(const void *a, const void *b) {
    const kn_shard *const *x = a, *const *y = b;
    return (*x)->facts.begin < (*y)->facts.begin ? -1 : 1;
}

/* The shards of the list: those that exist, and new ones. */
static bool shards_make(const kn_shards *present, const kn_shard_list *list, kn_shards *next,
                        kn_err *err) {
    *next = (kn_shards){
        .all = calloc(list->count, sizeof *next->all),
        .open = calloc(list->count, sizeof *next->open),
    };
    for (unsigned i = 0; next->all && next->open && i < list->count; i++) {
        kn_shard *shard = i < present->count ? present->all[i] : calloc(1, sizeof *shard);
        if (!shard)
            break;
        if (i >= present->count) {
            shard->number = i;
            shard->facts = list->rows[i];
        }
        next->all[next->count++] = shard;
        if (list->rows[i].closed_ms == 0)
            next->open[next->open_count++] = shard;
    }
    if (next->count < list->count) {
        shards_free(next, present->count);
        return kn_fail_memory(err);
    }
    qsort(next->open, next->open_count, sizeof *next->open, by_range);
    return true;
}

static bool read_list(const char *name, const json_t *doc, kn_shard_list *list, kn_err *err) {
    int64_t created_ms = json_integer_value(json_object_get(doc, "Created"));
    return kn_shard_list_read(json_object_get(doc, "Shards"), created_ms, list, err) ||
           kn_fail_within(err, "the store's document of stream %s", name);
}

bool kn_stream_prepare(const kn_stream *stream, const json_t *doc, kn_shards *next, kn_err *err) {
    kn_shard_list list;
    if (!read_list(stream->name, doc, &list, err))
        return false;
    bool ok = shards_make(&stream->shards, &list, next, err);
    kn_shard_list_free(&list);
    return ok;
}

void kn_stream_forget(const kn_stream *stream, kn_shards *next) {
    shards_free(next, stream->shards.count);
}

/* What is open in the one and not in the other has been closed. */
static void note_closed(kn_shards *present, const kn_shards *next, const json_t *stored) {
    for (unsigned i = 0; i < present->open_count; i++) {
        kn_shard *shard = present->open[i];
        const json_t *row = json_array_get(stored, shard->number);
        shard->facts.closed_ms = json_integer_value(json_object_get(row, "Closed"));
    }
    free(present->all);
    free(present->open);
    *present = *next;
}

void kn_stream_follow(kn_stream *stream, const json_t *doc, kn_shards *next) {
    pthread_rwlock_wrlock(&stream->layout);
    pthread_mutex_lock(&stream->lock);
    json_decref(stream->stored);
    json_decref(stream->tags);
    stream->stored = json_incref(json_object_get(doc, "Shards"));
    stream->tags = json_incref(json_object_get(doc, "Tags"));
    stream->retention_hours = json_integer_value(json_object_get(doc, "RetentionPeriodHours"));
    stream->on_demand = json_is_true(json_object_get(doc, "OnDemand"));
    note_closed(&stream->shards, next, stream->stored);
    pthread_mutex_unlock(&stream->lock);
    pthread_rwlock_unlock(&stream->layout);
}

kn_shard *kn_stream_shard(kn_stream *stream, uint64_t number) {
    pthread_mutex_lock(&stream->lock);
    kn_shard *shard = number < stream->shards.count ? stream->shards.all[number] : NULL;
    pthread_mutex_unlock(&stream->lock);
    return shard;
}

kn_shard_facts kn_shard_now(kn_stream *stream, const kn_shard *shard) {
    pthread_mutex_lock(&stream->lock);
    kn_shard_facts facts = shard->facts;
    pthread_mutex_unlock(&stream->lock);
    return facts;
}

/* ---- its life ---- */

void kn_stream_destroy(kn_stream *stream) {
    if (!stream)
        return;
    shards_free(&stream->shards, 0);
    json_decref(stream->tags);
    json_decref(stream->stored);
    pthread_rwlock_destroy(&stream->layout);
    pthread_mutex_destroy(&stream->lock);
    pthread_cond_destroy(&stream->idle);
    free(stream);
}

static void init_locks(kn_stream *stream) {
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr); /* puts one after another must not keep a change out */
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&stream->layout, &attr);
    pthread_rwlockattr_destroy(&attr);
    pthread_mutex_init(&stream->lock, NULL);
    pthread_cond_init(&stream->idle, NULL);
}

bool kn_stream_new(const char *name, const json_t *doc, kn_stream **out, kn_err *err) {
    kn_shards shards;
    if (strlen(name) > KN_STREAM_NAME_MAX || !json_is_object(json_object_get(doc, "Tags")))
        return kn_fail(err, KN_EPARSE, "the store's document of stream %s is damaged", name);
    kn_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return kn_fail_memory(err);
    init_locks(stream);
    stream->created_ms = json_integer_value(json_object_get(doc, "Created"));
    snprintf(stream->name, sizeof stream->name, "%s", name);
    snprintf(stream->id, sizeof stream->id, "%s-%" PRId64, name, stream->created_ms);
    if (!kn_stream_prepare(stream, doc, &shards, err)) {
        kn_stream_destroy(stream);
        return false;
    }
    kn_stream_follow(stream, doc, &shards);
    *out = stream;
    return true;
}

json_t *kn_stream_document(const kn_stream *stream) {
    return json_pack("{s:I, s:O, s:I, s:b, s:O}", "Created", (json_int_t)stream->created_ms,
                     "Shards", stream->stored, "RetentionPeriodHours",
                     (json_int_t)stream->retention_hours, "OnDemand", (int)stream->on_demand,
                     "Tags", stream->tags);
}

/* ---- journals ---- */

int64_t kn_stream_horizon_ms(kn_stream *stream) {
    pthread_mutex_lock(&stream->lock);
    int64_t retention_ms = stream->retention_hours * 3600000;
    pthread_mutex_unlock(&stream->lock);
    int64_t horizon_ms = kn_time_now_ms() - retention_ms;
    return horizon_ms > stream->created_ms ? horizon_ms : stream->created_ms;
}

bool kn_stream_horizon(kn_stream *stream, kn_journal *journal, uint64_t *index, kn_err *err) {
    int64_t horizon_ms = kn_stream_horizon_ms(stream);
    *index = 0;
    return horizon_ms == stream->created_ms ||
           kn_journal_seek_time(journal, horizon_ms, index, err);
}

/* Looks for old records at most once a minute. That it cannot is no reason to refuse new ones. */
static void forget_old(kn_stream *stream, kn_shard *shard) {
    int64_t now = kn_time_now_ms(), last = shard->trimmed_ms;
    uint64_t index;
    kn_err err;
    if (now - last < TRIM_EVERY_MS && now >= last)
        return;
    if (!atomic_compare_exchange_strong(&shard->trimmed_ms, &last, now))
        return; /* another thread does it */
    if (!kn_stream_horizon(stream, shard->journal, &index, &err) ||
        !kn_journal_trim(shard->journal, index, &err))
        kn_log(KN_LOG_ERROR, "stream %s: old records cannot be removed: %s", stream->name,
               err.message);
}

bool kn_stream_journal(kn_kinesis *kinesis, kn_stream *stream, kn_shard *shard, kn_journal **out,
                       kn_err *err) {
    bool ok = true;
    pthread_mutex_lock(&stream->lock);
    if (!shard->journal) {
        char path[PATH_MAX];
        if ((size_t)snprintf(path, sizeof path, "%s/%s/shardId-%012u", kinesis->folder, stream->id,
                             shard->number) >= sizeof path)
            ok = kn_fail(err, KN_EINVAL, "folder name is too long: %s", kinesis->folder);
        else
            ok = kn_journal_open(path, &shard->journal, err);
    }
    *out = shard->journal;
    pthread_mutex_unlock(&stream->lock);
    if (ok)
        forget_old(stream, shard);
    return ok;
}
