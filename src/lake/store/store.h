/* The lake's metadata: JSON documents by (kind, key), in one SQLite file, in transactions.
 *
 * Kinds name what is stored: "kinesis.stream", "firehose.stream", "firehose.position", "s3.bucket",
 * "s3.object", "glue.database", "glue.table", "glue.partition", "athena.workgroup",
 * "athena.execution". Keys are text; scans go in byte order of the key. A key of several parts
 * joins them with '\x1f' unless the parts have a natural separator.
 *
 * Commits survive kill -9 (write-ahead log). Safe from any thread: calls are serialised; a
 * transaction holds the store until its end, so keep it short and never wait for another lock
 * inside. */
#ifndef KN_LAKE_STORE_STORE_H
#define KN_LAKE_STORE_STORE_H

#include "base/buf.h"

#include <jansson.h>

typedef struct kn_store kn_store;

KN_MUST_CHECK bool kn_store_open(const char *path, kn_store **out, kn_err *err);
void kn_store_close(kn_store *store);

/* *doc is a new reference, or NULL when there is none (that is not an error). */
KN_MUST_CHECK bool kn_store_get(kn_store *store, const char *kind, const char *key, json_t **doc,
                                kn_err *err);

/* Inserts or replaces. The document is borrowed. */
KN_MUST_CHECK bool kn_store_put(kn_store *store, const char *kind, const char *key,
                                const json_t *doc, kn_err *err);

/* Inserts; *inserted is false, and nothing changes, when the key exists. */
KN_MUST_CHECK bool kn_store_insert(kn_store *store, const char *kind, const char *key,
                                   const json_t *doc, bool *inserted, kn_err *err);

/* *existed may be NULL. */
KN_MUST_CHECK bool kn_store_delete(kn_store *store, const char *kind, const char *key,
                                   bool *existed, kn_err *err);

/* Deletes every key that starts with prefix. */
KN_MUST_CHECK bool kn_store_delete_prefix(kn_store *store, const char *kind, const char *prefix,
                                          kn_err *err);

/* Visits the documents whose key starts with prefix and is greater than after (NULL: from the
 * start), in key order, until the visitor returns false. The document is borrowed. The visitor must
 * not call the store, unless a transaction is open on this thread. */
typedef bool kn_store_visitor(void *context, const char *key, json_t *doc);
KN_MUST_CHECK bool kn_store_scan(kn_store *store, const char *kind, const char *prefix,
                                 const char *after, kn_store_visitor *visit, void *context,
                                 kn_err *err);

/* A transaction belongs to the thread that began it; they do not nest. */
KN_MUST_CHECK bool kn_store_begin(kn_store *store, kn_err *err);
KN_MUST_CHECK bool kn_store_commit(kn_store *store, kn_err *err); /* ended, also when it fails */
void kn_store_rollback(kn_store *store);
/* The one or the other: returns whether ok was true and the commit succeeded. */
KN_MUST_CHECK bool kn_store_end(kn_store *store, bool ok, kn_err *err);

/* Whether this thread has a transaction open. */
bool kn_store_in_transaction(kn_store *store);

#endif
