/* See store.h. One connection behind one recursive mutex: the lake's metadata is small, and its
 * writers are rare beside the journals. Write-ahead log with synchronous=NORMAL: a commit is in the
 * operating system's hands when it returns, so it survives the death of the process; a power cut
 * may take the last commits, whole. */
#include "lake/store/store.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>

#define SCHEMA_VERSION 1
#define DOCUMENT_MAX ((size_t)64 << 20)

enum { GET, PUT, INSERT, DELETE, DELETE_RANGE, SCAN, BEGIN, COMMIT, STATEMENTS };

static const char *const statement_text[STATEMENTS] = {
    [GET] = "SELECT doc FROM document WHERE kind = ?1 AND key = ?2",
    [PUT] =
        "INSERT INTO document(kind, key, doc) VALUES (?1, ?2, ?3) "
        "ON CONFLICT DO UPDATE SET doc = excluded.doc",
    [INSERT] = "INSERT INTO document(kind, key, doc) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    [DELETE] = "DELETE FROM document WHERE kind = ?1 AND key = ?2",
    [DELETE_RANGE] = "DELETE FROM document WHERE kind = ?1 AND key >= ?2 AND key < ?3",
    [SCAN] =
        "SELECT key, doc FROM document WHERE kind = ?1 AND key >= ?2 AND key < ?3 "
        "ORDER BY key",
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
};

struct kn_store {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    pthread_mutex_t lock; /* recursive: a transaction holds it from begin to its end */
    bool in_transaction;
};

static bool fail_sqlite(kn_store *store, const char *what, kn_err *err) {
    return kn_fail(err, KN_EIO, "cannot %s: %s", what, sqlite3_errmsg(store->db));
}

/* ---- opening ---- */

static bool execute(kn_store *store, const char *sql, kn_err *err) {
    if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return fail_sqlite(store, "prepare the store", err);
    return true;
}

static bool read_schema_version(kn_store *store, int *version, kn_err *err) {
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &s, NULL) != SQLITE_OK)
        return fail_sqlite(store, "read the store's version", err);
    bool ok = sqlite3_step(s) == SQLITE_ROW;
    *version = ok ? sqlite3_column_int(s, 0) : 0;
    sqlite3_finalize(s);
    return ok ? true : fail_sqlite(store, "read the store's version", err);
}

static bool make_schema(kn_store *store, kn_err *err) {
    char sql[512];
    snprintf(sql, sizeof sql,
             "BEGIN; CREATE TABLE IF NOT EXISTS document(kind TEXT NOT NULL, key TEXT NOT NULL, "
             "doc TEXT NOT NULL, PRIMARY KEY(kind, key)) WITHOUT ROWID; "
             "PRAGMA user_version = %d; COMMIT",
             SCHEMA_VERSION);
    return execute(store, sql, err);
}

static bool prepare(kn_store *store, const char *path, kn_err *err) {
    if (sqlite3_open_v2(path, &store->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        return fail_sqlite(store, "open the file", err);
    sqlite3_busy_timeout(store->db, 5000);
    if (!execute(store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL", err))
        return false;
    int version = 0;
    if (!read_schema_version(store, &version, err))
        return false;
    if (version > SCHEMA_VERSION)
        return kn_fail(err, KN_ESTATE,
                       "it was written by a newer kinessis (store version %d; this one knows %d)",
                       version, SCHEMA_VERSION);
    return version == SCHEMA_VERSION || make_schema(store, err);
}

bool kn_store_open(const char *path, kn_store **out, kn_err *err) {
    kn_store *store = calloc(1, sizeof *store);
    if (!store)
        return kn_fail(err, KN_ENOMEM, "store %s: out of memory", path);
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&store->lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    if (!prepare(store, path, err)) {
        kn_store_close(store);
        return kn_fail_within(err, "store %s", path);
    }
    *out = store;
    return true;
}

void kn_store_close(kn_store *store) {
    if (!store)
        return;
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(store->statements[i]);
    sqlite3_close_v2(store->db);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

/* ---- statements ---- */

/* The cached statement, or a fresh one while the cached one is being stepped (a scan whose visitor
 * scans). release() tells them apart. */
static sqlite3_stmt *acquire(kn_store *store, int which, kn_err *err) {
    sqlite3_stmt *cached = store->statements[which];
    if (cached && !sqlite3_stmt_busy(cached))
        return cached;
    sqlite3_stmt *s;
    if (sqlite3_prepare_v3(store->db, statement_text[which], -1, SQLITE_PREPARE_PERSISTENT, &s,
                           NULL) != SQLITE_OK) {
        fail_sqlite(store, "prepare a statement", err);
        return NULL;
    }
    if (!cached)
        store->statements[which] = s;
    return s;
}

static void release(kn_store *store, int which, sqlite3_stmt *s) {
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    if (s != store->statements[which])
        sqlite3_finalize(s);
}

static void bind(sqlite3_stmt *s, int i, kn_slice text) {
    sqlite3_bind_text64(s, i, text.p ? text.p : "", text.n, SQLITE_STATIC, SQLITE_UTF8);
}

/* Runs a statement that returns no rows, with up to three texts bound; *changed may be NULL. */
static bool run(kn_store *store, int which, const kn_slice *texts, int n, bool *changed,
                kn_err *err) {
    sqlite3_stmt *s = acquire(store, which, err);
    if (!s)
        return false;
    for (int i = 0; i < n; i++)
        bind(s, i + 1, texts[i]);
    bool ok = sqlite3_step(s) == SQLITE_DONE || fail_sqlite(store, "write to the store", err);
    if (ok && changed)
        *changed = sqlite3_changes(store->db) > 0;
    release(store, which, s);
    return ok;
}

static json_t *column_document(sqlite3_stmt *s, int column, kn_err *err) {
    const char *text = (const char *)sqlite3_column_text(s, column);
    size_t n = (size_t)sqlite3_column_bytes(s, column);
    json_error_t why;
    json_t *doc = text ? json_loadb(text, n, JSON_DECODE_ANY, &why) : NULL;
    if (!doc)
        kn_fail(err, KN_EPARSE, "the store holds a malformed document: %s",
                text ? why.text : "empty");
    return doc;
}

/* The smallest key above all that start with prefix; "\xff" is above every UTF-8 key. */
static bool range_end(const char *prefix, kn_buf *end, kn_err *err) {
    kn_buf_cstr(end, prefix);
    while (kn_buf_ok(end) && end->len && (unsigned char)end->p[end->len - 1] == 0xff)
        end->len--;
    if (end->len)
        end->p[end->len - 1]++;
    else
        kn_buf_char(end, (char)0xff);
    return kn_buf_check(end, "store key", err);
}

/* ---- documents ---- */

static bool get(kn_store *store, const char *kind, const char *key, json_t **doc, kn_err *err) {
    sqlite3_stmt *s = acquire(store, GET, err);
    if (!s)
        return false;
    bind(s, 1, kn_slice_cstr(kind));
    bind(s, 2, kn_slice_cstr(key));
    bool ok = true;
    int step = sqlite3_step(s);
    if (step == SQLITE_ROW)
        ok = (*doc = column_document(s, 0, err)) != NULL;
    else if (step != SQLITE_DONE)
        ok = fail_sqlite(store, "read the store", err);
    release(store, GET, s);
    return ok;
}

bool kn_store_get(kn_store *store, const char *kind, const char *key, json_t **doc, kn_err *err) {
    *doc = NULL;
    pthread_mutex_lock(&store->lock);
    bool ok = get(store, kind, key, doc, err);
    pthread_mutex_unlock(&store->lock);
    return ok ? true : kn_fail_within(err, "%s %s", kind, key);
}

static int dump_into(const char *p, size_t n, void *buf) {
    kn_buf_append(buf, p, n);
    return kn_buf_ok(buf) ? 0 : -1;
}

static bool write_document(kn_store *store, int which, const char *kind, const char *key,
                           const json_t *doc, bool *changed, kn_err *err) {
    kn_buf text;
    kn_buf_init(&text, DOCUMENT_MAX);
    bool ok = json_dump_callback(doc, dump_into, &text, JSON_COMPACT | JSON_ENCODE_ANY) == 0;
    if (!ok && kn_buf_check(&text, "document", err))
        kn_fail(err, KN_EINVAL, "the document cannot be written as JSON");
    if (ok) {
        kn_slice texts[] = {kn_slice_cstr(kind), kn_slice_cstr(key), kn_buf_view(&text)};
        pthread_mutex_lock(&store->lock);
        ok = run(store, which, texts, 3, changed, err);
        pthread_mutex_unlock(&store->lock);
    }
    kn_buf_free(&text);
    return ok ? true : kn_fail_within(err, "%s %s", kind, key);
}

bool kn_store_put(kn_store *store, const char *kind, const char *key, const json_t *doc,
                  kn_err *err) {
    return write_document(store, PUT, kind, key, doc, NULL, err);
}

bool kn_store_insert(kn_store *store, const char *kind, const char *key, const json_t *doc,
                     bool *inserted, kn_err *err) {
    return write_document(store, INSERT, kind, key, doc, inserted, err);
}

bool kn_store_delete(kn_store *store, const char *kind, const char *key, bool *existed,
                     kn_err *err) {
    kn_slice texts[] = {kn_slice_cstr(kind), kn_slice_cstr(key)};
    pthread_mutex_lock(&store->lock);
    bool ok = run(store, DELETE, texts, 2, existed, err);
    pthread_mutex_unlock(&store->lock);
    return ok ? true : kn_fail_within(err, "%s %s", kind, key);
}

bool kn_store_delete_prefix(kn_store *store, const char *kind, const char *prefix, kn_err *err) {
    kn_buf end;
    kn_buf_init(&end, 1 << 16);
    bool ok = range_end(prefix, &end, err);
    if (ok) {
        kn_slice texts[] = {kn_slice_cstr(kind), kn_slice_cstr(prefix), kn_buf_view(&end)};
        pthread_mutex_lock(&store->lock);
        ok = run(store, DELETE_RANGE, texts, 3, NULL, err);
        pthread_mutex_unlock(&store->lock);
    }
    kn_buf_free(&end);
    return ok ? true : kn_fail_within(err, "%s %s", kind, prefix);
}

static bool visit_rows(kn_store *store, sqlite3_stmt *s, kn_store_visitor *visit, void *context,
                       kn_err *err) {
    int step;
    while ((step = sqlite3_step(s)) == SQLITE_ROW) {
        json_t *doc = column_document(s, 1, err);
        if (!doc)
            return false;
        bool more = visit(context, (const char *)sqlite3_column_text(s, 0), doc);
        json_decref(doc);
        if (!more)
            return true;
    }
    return step == SQLITE_DONE || fail_sqlite(store, "read the store", err);
}

bool kn_store_scan(kn_store *store, const char *kind, const char *prefix, const char *after,
                   kn_store_visitor *visit, void *context, kn_err *err) {
    kn_buf end;
    kn_buf_init(&end, 1 << 16);
    bool ok = range_end(prefix, &end, err);
    /* With its NUL counted, `after` is the smallest key above itself. */
    kn_slice start = after && strcmp(after, prefix) >= 0 ? (kn_slice){after, strlen(after) + 1}
                                                         : kn_slice_cstr(prefix);
    if (ok) {
        pthread_mutex_lock(&store->lock);
        sqlite3_stmt *s = acquire(store, SCAN, err);
        ok = s != NULL;
        if (s) {
            bind(s, 1, kn_slice_cstr(kind));
            bind(s, 2, start);
            bind(s, 3, kn_buf_view(&end));
            ok = visit_rows(store, s, visit, context, err);
            release(store, SCAN, s);
        }
        pthread_mutex_unlock(&store->lock);
    }
    kn_buf_free(&end);
    return ok ? true : kn_fail_within(err, "%s %s", kind, prefix);
}

/* ---- transactions ---- */

bool kn_store_begin(kn_store *store, kn_err *err) {
    pthread_mutex_lock(&store->lock);
    bool ok = !store->in_transaction || kn_fail(err, KN_ESTATE, "transactions do not nest");
    if (ok)
        ok = store->in_transaction = run(store, BEGIN, NULL, 0, NULL, err);
    if (!ok)
        pthread_mutex_unlock(&store->lock);
    return ok;
}

static void end_transaction(kn_store *store) {
    store->in_transaction = false;
    pthread_mutex_unlock(&store->lock);
}

/* After an error SQLite may have rolled back by itself. */
static void undo(kn_store *store) {
    if (!sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

bool kn_store_commit(kn_store *store, kn_err *err) {
    bool ok = run(store, COMMIT, NULL, 0, NULL, err);
    if (!ok)
        undo(store);
    end_transaction(store);
    return ok;
}

void kn_store_rollback(kn_store *store) {
    undo(store);
    end_transaction(store);
}

bool kn_store_end(kn_store *store, bool ok, kn_err *err) {
    if (ok)
        return kn_store_commit(store, err);
    kn_store_rollback(store);
    return false;
}

bool kn_store_in_transaction(kn_store *store) {
    pthread_mutex_lock(&store->lock); /* waits for another thread's transaction to end */
    bool mine = store->in_transaction;
    pthread_mutex_unlock(&store->lock);
    return mine;
}
