/* The lake's Firehose: its delivery streams, made, found, changed, deleted, and loaded when the
 * lake opens. The buffer is the log: records put directly go to a journal of the stream's own
 * (firehose/<id>/), those of a Kinesis source stay in its shards' journals, and a delivery stream
 * is a position in them. See state.h. A new stream is ACTIVE at once. */
#include "lake/firehose/state.h"

#include "base/file.h"
#include "base/log.h"
#include "lake/store/objects.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { STREAMS_MAX = 5000 };

static void delivery_destroy(kn_delivery *d) {
    if (!d)
        return;
    kn_journal_close(d->journal);
    json_decref(d->doc);
    free(d->source);
    free(d->positions.next);
    pthread_mutex_destroy(&d->delivering);
    free(d);
}

static bool journal_folder(const kn_firehose *f, const char *id, char out[PATH_MAX], kn_err *err) {
    return snprintf(out, PATH_MAX, "%s/%s", f->folder, id) < PATH_MAX ||
           kn_fail(err, KN_EINVAL, "folder name is too long: %s", f->folder);
}

static bool delivery_new(kn_firehose *f, const char *name, const json_t *doc, kn_delivery **out,
                         kn_err *err) {
    const char *id = json_string_value(json_object_get(doc, "Id"));
    const json_t *source = json_object_get(doc, "Source");
    const char *arn = json_string_value(json_object_get(source, "KinesisStreamARN"));
    char folder[PATH_MAX];
    *out = NULL;
    if (!id || (source && !arn) || strlen(name) > KN_FIREHOSE_NAME_MAX)
        return kn_fail(err, KN_EPARSE, "the store's document of delivery stream %s is damaged",
                       name);
    kn_delivery *d = calloc(1, sizeof *d);
    if (!d)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    pthread_mutex_init(&d->delivering, NULL);
    snprintf(d->name, sizeof d->name, "%s", name);
    snprintf(d->id, sizeof d->id, "%s", id);
    d->doc = json_deep_copy(doc);
    bool ok = d->doc || kn_fail(err, KN_ENOMEM, "out of memory");
    if (ok && source) {
        d->source = strdup(kn_firehose_arn_name(arn, '/'));
        ok = d->source || kn_fail(err, KN_ENOMEM, "out of memory");
    } else if (ok) {
        ok = journal_folder(f, id, folder, err) && kn_journal_open(folder, &d->journal, err);
    }
    ok = ok && kn_positions_load(kn_lake_store(f->lake), id, &d->positions, err);
    if (!ok) {
        delivery_destroy(d);
        return false;
    }
    *out = d;
    return true;
}

/* --- the table ---------------------------------------------------------------------------- */

/* Where the name is, or belongs; the caller holds the lock. */
static size_t table_find(const kn_firehose *f, const char *name, bool *found) {
    size_t low = 0, high = f->count;
    *found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(f->streams[middle]->name, name);
        *found = *found || order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool table_insert(kn_firehose *f, kn_delivery *d, kn_err *err) {
    bool found;
    if (f->count == f->cap) {
        size_t cap = f->cap ? f->cap * 2 : 16;
        kn_delivery **grown = realloc(f->streams, cap * sizeof *grown);
        if (!grown)
            return kn_fail(err, KN_ENOMEM, "out of memory");
        f->streams = grown;
        f->cap = cap;
    }
    size_t at = table_find(f, d->name, &found);
    memmove(f->streams + at + 1, f->streams + at, (f->count - at) * sizeof *f->streams);
    f->streams[at] = d;
    f->count++;
    return true;
}

bool kn_delivery_hold(kn_firehose *f, const char *name, kn_delivery **out, kn_err *err) {
    bool found;
    pthread_mutex_lock(&f->lock);
    size_t at = table_find(f, name, &found);
    *out = found ? f->streams[at] : NULL;
    if (found)
        f->streams[at]->users++;
    pthread_mutex_unlock(&f->lock);
    return found ||
           kn_fail_aws(err, 400, "ResourceNotFoundException",
                       "Firehose %s under account %s not found.", name, kn_lake_account(f->lake));
}

void kn_delivery_release(kn_firehose *f, kn_delivery *d) {
    pthread_mutex_lock(&f->lock);
    if (--d->users == 0)
        pthread_cond_broadcast(&f->idle);
    pthread_mutex_unlock(&f->lock);
}

json_t *kn_delivery_doc(kn_firehose *f, const kn_delivery *d) {
    pthread_mutex_lock(&f->lock);
    json_t *doc = json_incref(d->doc);
    pthread_mutex_unlock(&f->lock);
    return doc;
}

bool kn_delivery_hold_all(kn_firehose *f, kn_delivery ***out, size_t *count, kn_err *err) {
    pthread_mutex_lock(&f->lock);
    kn_delivery **list = malloc((f->count + 1) * sizeof *list);
    *count = list ? f->count : 0;
    for (size_t i = 0; i < *count; i++) {
        list[i] = f->streams[i];
        list[i]->users++;
    }
    pthread_mutex_unlock(&f->lock);
    *out = list;
    return list || kn_fail(err, KN_ENOMEM, "out of memory");
}

/* --- changes ------------------------------------------------------------------------------ */

/* The stream's document and where it begins, or neither. */
static bool insert_rows(kn_store *store, const char *name, const json_t *doc,
                        const kn_positions *positions, kn_err *err) {
    bool inserted = false;
    if (!kn_store_begin(store, err))
        return false;
    bool ok =
        kn_store_insert(store, KN_FIREHOSE_STREAM, name, doc, &inserted, err) &&
        (inserted || kn_fail(err, KN_ESTATE, "delivery stream %s was not loaded", name)) &&
        kn_positions_save(store, json_string_value(json_object_get(doc, "Id")), positions, err);
    return kn_store_end(store, ok, err);
}

bool kn_delivery_create(kn_firehose *f, const char *name, const json_t *doc,
                        const kn_positions *positions, kn_err *err) {
    kn_delivery *d = NULL;
    bool found, ok = false;
    pthread_mutex_lock(&f->changing);
    table_find(f, name, &found); /* only changers write to the table */
    if (found)
        kn_fail_aws(err, 400, "ResourceInUseException",
                    "Firehose %s under accountId %s already exists", name,
                    kn_lake_account(f->lake));
    else if (f->count >= STREAMS_MAX)
        kn_fail_aws(err, 400, "LimitExceededException",
                    "You have already consumed your firehose quota of %d hoses.", STREAMS_MAX);
    else
        ok = delivery_new(f, name, doc, &d, err) &&
             insert_rows(kn_lake_store(f->lake), name, doc, positions, err) &&
             kn_positions_load(kn_lake_store(f->lake), d->id, &d->positions, err);
    if (ok) {
        pthread_mutex_lock(&f->lock);
        ok = table_insert(f, d, err);
        pthread_cond_signal(&f->wake);
        pthread_mutex_unlock(&f->lock);
    }
    if (!ok)
        delivery_destroy(d);
    pthread_mutex_unlock(&f->changing);
    return ok;
}

static bool delete_rows(kn_store *store, const kn_delivery *d, kn_err *err) {
    if (!kn_store_begin(store, err))
        return false;
    bool ok = kn_store_delete(store, KN_FIREHOSE_STREAM, d->name, NULL, err) &&
              kn_store_delete(store, KN_FIREHOSE_POSITION, d->id, NULL, err);
    return kn_store_end(store, ok, err);
}

/* A delivery under way ends first; records that are still buffered go, as on AWS they may. */
bool kn_delivery_delete(kn_firehose *f, const char *name, kn_err *err) {
    kn_delivery *d = NULL;
    char folder[PATH_MAX];
    bool found;
    pthread_mutex_lock(&f->changing);
    if (!kn_delivery_hold(f, name, &d, err)) {
        pthread_mutex_unlock(&f->changing);
        return false;
    }
    pthread_mutex_lock(&d->delivering);
    bool ok = d->deleted = delete_rows(kn_lake_store(f->lake), d, err);
    pthread_mutex_unlock(&d->delivering);
    pthread_mutex_lock(&f->lock);
    if (ok) {
        size_t at = table_find(f, name, &found);
        f->count--;
        memmove(f->streams + at, f->streams + at + 1, (f->count - at) * sizeof *f->streams);
    }
    d->users--;
    while (ok && d->users)
        pthread_cond_wait(&f->idle, &f->lock);
    pthread_mutex_unlock(&f->lock);
    if (ok) {
        ok = !d->journal ||
             (journal_folder(f, d->id, folder, err) && kn_file_remove_tree(folder, err));
        delivery_destroy(d);
    }
    pthread_mutex_unlock(&f->changing);
    return ok;
}

bool kn_delivery_change(kn_firehose *f, const char *name, kn_delivery_changer *change,
                        void *context, kn_err *err) {
    kn_delivery *d = NULL;
    json_t *doc = NULL;
    pthread_mutex_lock(&f->changing);
    bool ok = kn_delivery_hold(f, name, &d, err);
    if (ok) { /* nothing replaces the document while `changing` is held */
        doc = json_deep_copy(d->doc);
        ok = (doc || kn_fail(err, KN_ENOMEM, "out of memory")) && change(doc, context, err) &&
             kn_store_put(kn_lake_store(f->lake), KN_FIREHOSE_STREAM, name, doc, err);
    }
    if (ok) {
        pthread_mutex_lock(&f->lock);
        json_decref(d->doc);
        d->doc = json_incref(doc);
        pthread_mutex_unlock(&f->lock);
    }
    json_decref(doc);
    if (d)
        kn_delivery_release(f, d);
    pthread_mutex_unlock(&f->changing);
    return ok;
}

bool kn_firehose_sql(kn_firehose *f, kn_sql **out, kn_err *err) {
    /* On two threads a COPY is no sooner done beside the puts, and the one that waits for the other
     * spins. */
    kn_sql_options options = {.folder = kn_objects_spool(kn_lake_objects(f->lake)),
                              .single_thread = true};
    pthread_mutex_lock(&f->lock);
    bool ok = f->sql || kn_sql_open(&options, &f->sql, err);
    *out = f->sql;
    pthread_mutex_unlock(&f->lock);
    return ok;
}

/* --- opening and closing ------------------------------------------------------------------ */

typedef struct loading {
    kn_firehose *firehose;
    json_t *docs; /* by name */
} loading;

static bool load_doc(void *context, const char *key, json_t *doc) {
    loading *l = context;
    return json_object_set(l->docs, key, doc) == 0;
}

/* Folders that no stream owns: what a crash in the middle of a create or a delete left. */
static bool remove_strays(kn_firehose *f, kn_err *err) {
    DIR *folder = opendir(f->folder);
    if (!folder)
        return kn_fail_errno(err, "cannot read folder %s", f->folder);
    bool ok = true;
    struct dirent *entry;
    while (ok && (entry = readdir(folder))) {
        bool owned = entry->d_name[0] == '.';
        for (size_t i = 0; i < f->count && !owned; i++)
            owned = strcmp(f->streams[i]->id, entry->d_name) == 0;
        char path[PATH_MAX];
        if (!owned)
            ok = journal_folder(f, entry->d_name, path, err) && kn_file_remove_tree(path, err);
    }
    closedir(folder);
    return ok;
}

static bool load_streams(kn_firehose *f, kn_err *err) {
    loading l = {f, json_object()};
    if (!l.docs)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    bool ok =
        kn_store_scan(kn_lake_store(f->lake), KN_FIREHOSE_STREAM, "", NULL, load_doc, &l, err);
    const char *name;
    json_t *doc;
    json_object_foreach(l.docs, name, doc) {
        kn_delivery *d = NULL;
        ok = ok && delivery_new(f, name, doc, &d, err);
        if (ok && !table_insert(f, d, err)) {
            delivery_destroy(d);
            ok = false;
        }
    }
    json_decref(l.docs);
    return ok && remove_strays(f, err);
}

bool kn_firehose_open(kn_lake *lake, kn_firehose **out, kn_err *err) {
    char folder[PATH_MAX];
    *out = NULL;
    if (snprintf(folder, sizeof folder, "%s/firehose", kn_lake_folder(lake)) >= PATH_MAX)
        return kn_fail(err, KN_EINVAL, "folder name is too long: %s", kn_lake_folder(lake));
    kn_firehose *f = calloc(1, sizeof *f);
    if (!f)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&f->wake, &attr);
    pthread_cond_init(&f->idle, NULL);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&f->changing, NULL);
    pthread_mutex_init(&f->lock, NULL);
    f->lake = lake;
    f->folder = strdup(folder);
    bool ok = (f->folder || kn_fail(err, KN_ENOMEM, "out of memory")) &&
              kn_file_mkdirs(folder, err) && load_streams(f, err) && kn_firehose_start(f, err);
    if (!ok) {
        kn_firehose_close(f);
        return false;
    }
    *out = f;
    return true;
}

void kn_firehose_close(kn_firehose *f) {
    if (!f)
        return;
    kn_firehose_stop(f);
    for (size_t i = 0; i < f->count; i++)
        delivery_destroy(f->streams[i]);
    free(f->streams);
    kn_sql_close(f->sql);
    free(f->folder);
    pthread_cond_destroy(&f->wake);
    pthread_cond_destroy(&f->idle);
    pthread_mutex_destroy(&f->changing);
    pthread_mutex_destroy(&f->lock);
    free(f);
}
