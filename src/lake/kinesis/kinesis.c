/* The table of streams: made, found, held, changed, deleted, and loaded when the lake opens.
 *
 * Store, kind "kinesis.stream", by name: {"Created": ms, "Shards": n, "RetentionPeriodHours": n,
 * "OnDemand": bool, "Tags": {...}}. Journals: kinesis/<name>-<created>/shardId-<number>/.
 * A new stream is ACTIVE at once. Left out on purpose: splitting and merging shards. */
#include "lake/kinesis/state.h"

#include "base/file.h"
#include "base/log.h"
#include "base/time.h"
#include "lake/store/store.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define KIND "kinesis.stream"
#define DOOMED ".deleted-" /* what folders of deleted streams are called until they are gone */
#define TRIM_EVERY_MS 60000

bool kn_fail_memory(kn_err *err) {
    return kn_fail(err, KN_ENOMEM, "kinesis: out of memory");
}

/* ---- streams ---- */

static void stream_destroy(kn_stream *stream) {
    if (!stream)
        return;
    for (unsigned i = 0; stream->shards && i < stream->shard_count; i++)
        kn_journal_close(stream->shards[i].journal);
    free(stream->shards);
    json_decref(stream->tags);
    pthread_mutex_destroy(&stream->lock);
    pthread_cond_destroy(&stream->idle);
    free(stream);
}

/* What can change; the caller holds the stream's lock or owns it alone. */
static void stream_follow(kn_stream *stream, const json_t *doc) {
    stream->retention_hours = json_integer_value(json_object_get(doc, "RetentionPeriodHours"));
    stream->on_demand = json_is_true(json_object_get(doc, "OnDemand"));
    json_decref(stream->tags);
    stream->tags = json_incref(json_object_get(doc, "Tags"));
}

static bool stream_new(const char *name, const json_t *doc, kn_stream **out, kn_err *err) {
    json_int_t shards = json_integer_value(json_object_get(doc, "Shards"));
    if (shards < 1 || shards > KN_SHARDS_MAX || strlen(name) > KN_STREAM_NAME_MAX ||
        !json_is_object(json_object_get(doc, "Tags")))
        return kn_fail(err, KN_EPARSE, "the store's document of stream %s is damaged", name);
    kn_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return kn_fail_memory(err);
    pthread_mutex_init(&stream->lock, NULL);
    pthread_cond_init(&stream->idle, NULL);
    stream->shard_count = (unsigned)shards;
    stream->created_ms = json_integer_value(json_object_get(doc, "Created"));
    snprintf(stream->name, sizeof stream->name, "%s", name);
    snprintf(stream->id, sizeof stream->id, "%s-%" PRId64, name, stream->created_ms);
    stream_follow(stream, doc);
    stream->shards = calloc(stream->shard_count, sizeof *stream->shards);
    if (!stream->shards) {
        stream_destroy(stream);
        return kn_fail_memory(err);
    }
    for (unsigned i = 0; i < stream->shard_count; i++) {
        stream->shards[i].begin = kn_hash_begin(i, stream->shard_count);
        stream->shards[i].end = i + 1 < stream->shard_count
                                    ? kn_hash_begin(i + 1, stream->shard_count) - 1
                                    : KN_HASH_TOP;
    }
    *out = stream;
    return true;
}

static json_t *stream_document(const kn_stream *stream) {
    return json_pack("{s:I, s:i, s:I, s:b, s:O}", "Created", (json_int_t)stream->created_ms,
                     "Shards", (int)stream->shard_count, "RetentionPeriodHours",
                     (json_int_t)stream->retention_hours, "OnDemand", (int)stream->on_demand,
                     "Tags", stream->tags);
}

/* ---- the table ---- */

/* Where the name is, or belongs; the caller holds the table. */
static size_t table_find(const kn_kinesis *kinesis, const char *name, bool *found) {
    size_t low = 0, high = kinesis->count;
    *found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(kinesis->streams[middle]->name, name);
        *found = *found || order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool table_reserve(kn_kinesis *kinesis, kn_err *err) {
    if (kinesis->count < kinesis->cap)
        return true;
    size_t cap = kinesis->cap ? kinesis->cap * 2 : 16;
    kn_stream **grown = realloc(kinesis->streams, cap * sizeof *grown);
    if (!grown)
        return kn_fail_memory(err);
    kinesis->streams = grown;
    kinesis->cap = cap;
    return true;
}

/* Takes the stream; room has been reserved. */
static void table_insert(kn_kinesis *kinesis, kn_stream *stream) {
    bool found;
    size_t at = table_find(kinesis, stream->name, &found);
    memmove(kinesis->streams + at + 1, kinesis->streams + at,
            (kinesis->count - at) * sizeof *kinesis->streams);
    kinesis->streams[at] = stream;
    kinesis->count++;
}

bool kn_stream_hold(kn_kinesis *kinesis, const char *name, kn_stream **out, kn_err *err) {
    bool found;
    pthread_rwlock_rdlock(&kinesis->table);
    size_t at = table_find(kinesis, name, &found);
    if (found) {
        *out = kinesis->streams[at];
        pthread_mutex_lock(&(*out)->lock);
        (*out)->users++;
        pthread_mutex_unlock(&(*out)->lock);
    }
    pthread_rwlock_unlock(&kinesis->table);
    return found || kn_fail_aws(err, 400, "ResourceNotFoundException",
                                "Stream %s under account %s not found.", name,
                                kn_lake_account(kinesis->lake));
}

void kn_stream_release(kn_stream *stream) {
    pthread_mutex_lock(&stream->lock);
    if (--stream->users == 0)
        pthread_cond_broadcast(&stream->idle);
    pthread_mutex_unlock(&stream->lock);
}

void kn_stream_each(kn_kinesis *kinesis, const char *after, kn_stream_visitor *visit,
                    void *context) {
    pthread_rwlock_rdlock(&kinesis->table);
    bool found = false;
    size_t at = after ? table_find(kinesis, after, &found) : 0;
    bool go_on = true;
    for (at += found; go_on && at < kinesis->count; at++) {
        kn_stream *stream = kinesis->streams[at];
        pthread_mutex_lock(&stream->lock);
        go_on = visit(context, stream);
        pthread_mutex_unlock(&stream->lock);
    }
    pthread_rwlock_unlock(&kinesis->table);
}

/* ---- changes ---- */

static bool count_shards(void *context, const kn_stream *stream) {
    *(unsigned *)context += stream->shard_count;
    return true;
}

static bool create_locked(kn_kinesis *kinesis, const char *name, unsigned shards, bool on_demand,
                          const json_t *tags, kn_err *err) {
    bool found, inserted;
    unsigned present = 0;
    const char *account = kn_lake_account(kinesis->lake);
    table_find(kinesis, name, &found); /* only changers write to the table */
    if (found)
        return kn_fail_aws(err, 400, "ResourceInUseException",
                           "Stream %s under account %s already exists.", name, account);
    kn_stream_each(kinesis, NULL, count_shards, &present);
    if (shards > KN_SHARDS_MAX - present)
        return kn_fail_aws(err, 400, "LimitExceededException",
                           "This request would exceed the shard limit for the account %s in %s. "
                           "Current shard count for the account: %u. Limit: %u. Number of "
                           "additional shards that would have resulted from this request: %u.",
                           account, kn_lake_region(kinesis->lake), present, KN_SHARDS_MAX, shards);
    int64_t now = kn_time_now_ms();
    kinesis->last_created_ms = now > kinesis->last_created_ms ? now : kinesis->last_created_ms + 1;
    json_t *doc =
        json_pack("{s:I, s:i, s:i, s:b, s:o}", "Created", (json_int_t)kinesis->last_created_ms,
                  "Shards", (int)shards, "RetentionPeriodHours", 24, "OnDemand", (int)on_demand,
                  "Tags", tags ? json_deep_copy(tags) : json_object());
    kn_stream *stream = NULL;
    pthread_rwlock_wrlock(&kinesis->table);
    bool ok = doc ? table_reserve(kinesis, err) : kn_fail_memory(err);
    pthread_rwlock_unlock(&kinesis->table);
    ok = ok && stream_new(name, doc, &stream, err) &&
         kn_store_insert(kn_lake_store(kinesis->lake), KIND, name, doc, &inserted, err);
    json_decref(doc);
    if (ok && !inserted)
        ok = kn_fail(err, KN_ESTATE, "stream %s is in the store but was not loaded", name);
    if (!ok) {
        stream_destroy(stream);
        return false;
    }
    pthread_rwlock_wrlock(&kinesis->table);
    table_insert(kinesis, stream);
    pthread_rwlock_unlock(&kinesis->table);
    return true;
}

bool kn_stream_create(kn_kinesis *kinesis, const char *name, unsigned shards, bool on_demand,
                      const json_t *tags, kn_err *err) {
    pthread_mutex_lock(&kinesis->changing);
    bool ok = create_locked(kinesis, name, shards, on_demand, tags, err);
    pthread_mutex_unlock(&kinesis->changing);
    return ok;
}

/* Its files go under a name that is cleaned up when the lake opens, then for good. */
static bool remove_files(kn_kinesis *kinesis, const char *id, kn_err *err) {
    char from[PATH_MAX], to[PATH_MAX];
    if ((size_t)snprintf(from, sizeof from, "%s/%s", kinesis->folder, id) >= sizeof from ||
        (size_t)snprintf(to, sizeof to, "%s/" DOOMED "%s", kinesis->folder, id) >= sizeof to)
        return kn_fail(err, KN_EINVAL, "folder name is too long: %s", kinesis->folder);
    if (rename(from, to) != 0)
        return errno == ENOENT || kn_fail_errno(err, "cannot remove folder %s", from);
    return kn_file_remove_tree(to, err);
}

bool kn_stream_delete(kn_kinesis *kinesis, const char *name, kn_err *err) {
    kn_stream *stream = NULL;
    bool existed;
    pthread_mutex_lock(&kinesis->changing);
    bool ok = kn_stream_hold(kinesis, name, &stream, err) &&
              kn_store_delete(kn_lake_store(kinesis->lake), KIND, name, &existed, err);
    if (ok) {
        bool found;
        pthread_rwlock_wrlock(&kinesis->table);
        size_t at = table_find(kinesis, name, &found);
        kinesis->count--;
        memmove(kinesis->streams + at, kinesis->streams + at + 1,
                (kinesis->count - at) * sizeof *kinesis->streams);
        pthread_rwlock_unlock(&kinesis->table);
    }
    pthread_mutex_unlock(&kinesis->changing);
    if (stream)
        kn_stream_release(stream);
    if (!ok)
        return false;
    pthread_mutex_lock(&stream->lock);
    while (stream->users)
        pthread_cond_wait(&stream->idle, &stream->lock);
    pthread_mutex_unlock(&stream->lock);
    ok = remove_files(kinesis, stream->id, err);
    stream_destroy(stream);
    return ok;
}

bool kn_stream_change(kn_op_call *call, kn_stream_changer *change, void *context, kn_err *err) {
    kn_kinesis *kinesis = kn_lake_kinesis(call->lake);
    kn_stream *stream = NULL;
    json_t *doc = NULL;
    pthread_mutex_lock(&kinesis->changing);
    bool ok = kn_stream_hold_input(call, &stream, err);
    if (ok) { /* nothing changes while `changing` is held, so the stream's lock is not needed */
        json_t *document = stream_document(stream);
        doc = json_deep_copy(document);
        json_decref(document);
        ok = (doc || kn_fail_memory(err)) && change(stream, doc, context, err) &&
             kn_store_put(kn_lake_store(call->lake), KIND, stream->name, doc, err);
    }
    if (ok) {
        pthread_mutex_lock(&stream->lock);
        stream_follow(stream, doc);
        pthread_mutex_unlock(&stream->lock);
    }
    json_decref(doc);
    if (stream)
        kn_stream_release(stream);
    pthread_mutex_unlock(&kinesis->changing);
    return ok;
}

/* ---- journals ---- */

bool kn_stream_horizon(kn_stream *stream, kn_journal *journal, uint64_t *index, kn_err *err) {
    pthread_mutex_lock(&stream->lock);
    int64_t retention_ms = stream->retention_hours * 3600000;
    pthread_mutex_unlock(&stream->lock);
    int64_t horizon_ms = kn_time_now_ms() - retention_ms;
    *index = 0;
    return horizon_ms <= stream->created_ms ||
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

bool kn_stream_journal(kn_kinesis *kinesis, kn_stream *stream, unsigned number, kn_journal **out,
                       kn_err *err) {
    kn_shard *shard = &stream->shards[number];
    bool ok = true;
    pthread_mutex_lock(&stream->lock);
    if (!shard->journal) {
        char path[PATH_MAX];
        if ((size_t)snprintf(path, sizeof path, "%s/%s/shardId-%012u", kinesis->folder, stream->id,
                             number) >= sizeof path)
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

/* ---- the service's state ---- */

static bool load_stream(void *context, const char *name, json_t *doc) {
    void **args = context;
    kn_kinesis *kinesis = args[0];
    kn_stream *stream;
    if (!table_reserve(kinesis, args[1]) || !stream_new(name, doc, &stream, args[1])) {
        args[2] = NULL;
        return false;
    }
    table_insert(kinesis, stream);
    if (stream->created_ms > kinesis->last_created_ms)
        kinesis->last_created_ms = stream->created_ms;
    return true;
}

/* Finishes deletions that a crash interrupted. */
static bool remove_doomed(kn_kinesis *kinesis, kn_err *err) {
    DIR *folder = opendir(kinesis->folder);
    if (!folder)
        return kn_fail_errno(err, "cannot read folder %s", kinesis->folder);
    bool ok = true;
    struct dirent *entry;
    while (ok && (entry = readdir(folder))) {
        char path[PATH_MAX];
        if (strncmp(entry->d_name, DOOMED, sizeof DOOMED - 1) != 0)
            continue;
        ok = (size_t)snprintf(path, sizeof path, "%s/%s", kinesis->folder, entry->d_name) <
                 sizeof path &&
             kn_file_remove_tree(path, err);
    }
    closedir(folder);
    return ok;
}

/* A shard that is written to keeps a file open; the usual soft limit is 1024 files. */
static void allow_files(void) {
    struct rlimit limit;
    rlim_t wanted = 8 * KN_SHARDS_MAX;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
        limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
        setrlimit(RLIMIT_NOFILE, &limit); /* when refused, writing says what is missing */
    }
}

bool kn_kinesis_open(kn_lake *lake, kn_kinesis **out, kn_err *err) {
    *out = NULL;
    kn_kinesis *kinesis = calloc(1, sizeof *kinesis);
    if (!kinesis)
        return kn_fail_memory(err);
    kinesis->lake = lake;
    allow_files();
    pthread_mutex_init(&kinesis->changing, NULL);
    pthread_rwlock_init(&kinesis->table, NULL);
    bool ok = asprintf(&kinesis->folder, "%s/kinesis", kn_lake_folder(lake)) > 0;
    if (!ok) {
        kinesis->folder = NULL;
        kn_fail_memory(err);
    }
    void *args[3] = {kinesis, err, kinesis};
    ok = ok && kn_md5_init(&kinesis->md5, err) && kn_file_mkdirs(kinesis->folder, err) &&
         remove_doomed(kinesis, err) &&
         kn_store_scan(kn_lake_store(lake), KIND, "", NULL, load_stream, args, err) && args[2];
    if (!ok) {
        kn_kinesis_close(kinesis);
        return false;
    }
    *out = kinesis;
    return true;
}

void kn_kinesis_close(kn_kinesis *kinesis) {
    if (!kinesis)
        return;
    for (size_t i = 0; i < kinesis->count; i++)
        stream_destroy(kinesis->streams[i]);
    free(kinesis->streams);
    free(kinesis->folder);
    kn_md5_free(&kinesis->md5);
    pthread_mutex_destroy(&kinesis->changing);
    pthread_rwlock_destroy(&kinesis->table);
    free(kinesis);
}

/* ---- for the neighbours ---- */

bool kn_kinesis_each_shard(kn_kinesis *kinesis, const char *name, kn_kinesis_shard_visitor *visit,
                           void *context, kn_err *err) {
    kn_stream *stream;
    if (!kn_stream_hold(kinesis, name, &stream, err))
        return false;
    bool ok = true, go_on = true;
    for (unsigned i = 0; ok && go_on && i < stream->shard_count; i++) {
        kn_journal *journal;
        ok = kn_stream_journal(kinesis, stream, i, &journal, err);
        go_on = ok && visit(context, i, journal);
    }
    kn_stream_release(stream);
    return ok;
}

bool kn_kinesis_created(kn_kinesis *kinesis, const char *name, int64_t *created_ms, kn_err *err) {
    kn_stream *stream;
    if (!kn_stream_hold(kinesis, name, &stream, err))
        return false;
    *created_ms = stream->created_ms;
    kn_stream_release(stream);
    return true;
}

void kn_kinesis_sequence_number(int64_t created_ms, unsigned shard, uint64_t index,
                                int64_t arrival_ms, char out[64]) {
    kn_sequence sequence = {created_ms / 1000, index + 1, arrival_ms / 1000, shard};
    kn_sequence_print(&sequence, out);
}
