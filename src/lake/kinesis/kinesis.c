/* The table of streams: made, found, held, changed, deleted, and loaded when the lake opens.
 *
 * Store, kind "kinesis.stream", by name: {"Created": ms, "Shards": n or [...] (layout.h),
 * "RetentionPeriodHours": n, "OnDemand": bool, "Tags": {...}}. Journals:
 * kinesis/<name>-<created>/shardId-<number>/. A stream is ACTIVE at once, when it is made and when
 * its shards change. */
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
/* What folders of deleted streams are called until they are gone: a name that no stream can have.
 */
#define DOOMED "~deleted-"

bool kn_fail_memory(kn_err *err) {
    return kn_fail(err, KN_ENOMEM, "kinesis: out of memory");
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
    *(unsigned *)context += stream->shards.open_count;
    return true;
}

bool kn_kinesis_allow_shards(kn_kinesis *kinesis, unsigned more, kn_err *err) {
    unsigned present = 0;
    kn_stream_each(kinesis, NULL, count_shards, &present);
    return (present <= KN_SHARDS_MAX && more <= KN_SHARDS_MAX - present) ||
           kn_fail_aws(err, 400, "LimitExceededException",
                       "This request would exceed the shard limit for the account %s in %s. "
                       "Current shard count for the account: %u. Limit: %u. Number of additional "
                       "shards that would have resulted from this request: %u.",
                       kn_lake_account(kinesis->lake), kn_lake_region(kinesis->lake), present,
                       KN_SHARDS_MAX, more);
}

static bool create_locked(kn_kinesis *kinesis, const char *name, unsigned shards, bool on_demand,
                          const json_t *tags, kn_err *err) {
    bool found, inserted;
    const char *account = kn_lake_account(kinesis->lake);
    table_find(kinesis, name, &found); /* only changers write to the table */
    if (found)
        return kn_fail_aws(err, 400, "ResourceInUseException",
                           "Stream %s under account %s already exists.", name, account);
    if (!kn_kinesis_allow_shards(kinesis, shards, err))
        return false;
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
    ok = ok && kn_stream_new(name, doc, &stream, err) &&
         kn_store_insert(kn_lake_store(kinesis->lake), KIND, name, doc, &inserted, err);
    json_decref(doc);
    if (ok && !inserted)
        ok = kn_fail(err, KN_ESTATE, "stream %s is in the store but was not loaded", name);
    if (!ok) {
        kn_stream_destroy(stream);
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
    kn_stream_destroy(stream);
    return ok;
}

bool kn_stream_change(kn_op_call *call, kn_stream_changer *change, void *context, kn_err *err) {
    kn_kinesis *kinesis = kn_lake_kinesis(call->lake);
    kn_stream *stream = NULL;
    json_t *doc = NULL;
    kn_shards next = {0};
    pthread_mutex_lock(&kinesis->changing);
    bool ok = kn_stream_hold_input(call, &stream, err);
    if (ok) { /* nothing changes while `changing` is held, so the stream's lock is not needed */
        json_t *document = kn_stream_document(stream);
        doc = json_deep_copy(document);
        json_decref(document);
        ok = (doc || kn_fail_memory(err)) && change(stream, doc, context, err) &&
             kn_stream_prepare(stream, doc, &next, err);
        if (ok && !kn_store_put(kn_lake_store(call->lake), KIND, stream->name, doc, err)) {
            kn_stream_forget(stream, &next);
            ok = false;
        }
        if (ok)
            kn_stream_follow(stream, doc, &next);
        kn_stream_release(stream);
    }
    json_decref(doc);
    pthread_mutex_unlock(&kinesis->changing);
    return ok;
}

/* ---- the service's state ---- */

static bool load_stream(void *context, const char *name, json_t *doc) {
    void **args = context;
    kn_kinesis *kinesis = args[0];
    kn_stream *stream;
    if (!table_reserve(kinesis, args[1]) || !kn_stream_new(name, doc, &stream, args[1])) {
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
        kn_stream_destroy(kinesis->streams[i]);
    free(kinesis->streams);
    free(kinesis->folder);
    kn_md5_free(&kinesis->md5);
    pthread_mutex_destroy(&kinesis->changing);
    pthread_rwlock_destroy(&kinesis->table);
    free(kinesis);
}

/* ---- for the neighbours ---- */

/* The shards of now: those that come during the visits are the next one's. */
static kn_shard **present_shards(kn_stream *stream, unsigned *count, kn_err *err) {
    pthread_mutex_lock(&stream->lock);
    *count = stream->shards.count;
    kn_shard **shards = malloc(*count * sizeof *shards);
    if (shards)
        memcpy(shards, stream->shards.all, *count * sizeof *shards);
    else
        kn_fail_memory(err);
    pthread_mutex_unlock(&stream->lock);
    return shards;
}

bool kn_kinesis_each_shard(kn_kinesis *kinesis, const char *name, kn_kinesis_shard_visitor *visit,
                           void *context, kn_err *err) {
    kn_stream *stream;
    unsigned count;
    if (!kn_stream_hold(kinesis, name, &stream, err))
        return false;
    kn_shard **shards = present_shards(stream, &count, err);
    bool ok = shards != NULL, go_on = true;
    for (unsigned i = 0; ok && go_on && i < count; i++) {
        const kn_shard_facts *f = &shards[i]->facts;
        kn_shard_view view = {i, f->created_s, f->parent, f->adjacent};
        kn_journal *journal;
        ok = kn_stream_journal(kinesis, stream, shards[i], &journal, err);
        go_on = ok && visit(context, &view, journal);
    }
    free(shards);
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

void kn_kinesis_sequence_number(int64_t created_s, unsigned shard, uint64_t index,
                                int64_t arrival_ms, char out[64]) {
    kn_sequence sequence = {created_s, index + 1, arrival_ms / 1000, shard};
    kn_sequence_print(&sequence, out);
}
