/* The objects of S3: bytes in plain files under s3/<bucket>/<key>, everything else in the store. An
 * object exists when its document does; so a delivery commits its object and its position in one
 * transaction.
 *
 * A key that cannot be a path (too long a part, a part "..", a file where a folder is) is stored
 * under a hashed name inside the bucket's folder, unless it would climb out: such keys are refused.
 */
#ifndef KN_LAKE_STORE_OBJECTS_H
#define KN_LAKE_STORE_OBJECTS_H

#include "lake/store/store.h"

typedef struct kn_objects kn_objects;

KN_MUST_CHECK bool kn_objects_open(const char *folder, kn_store *store, kn_objects **out,
                                   kn_err *err);
void kn_objects_close(kn_objects *objects);

/* The folder in which temporary files must be made to be adopted (same file system). */
const char *kn_objects_spool(const kn_objects *objects);

/* The folder above all buckets, absolute: what SQL is allowed to read. */
const char *kn_objects_root(const kn_objects *objects);

/* Buckets. Making one that exists is BucketAlreadyOwnedByYou; removing one that holds objects is
 * BucketNotEmpty. */
KN_MUST_CHECK bool kn_objects_bucket_make(kn_objects *objects, const char *bucket, kn_err *err);
KN_MUST_CHECK bool kn_objects_bucket_remove(kn_objects *objects, const char *bucket, kn_err *err);
KN_MUST_CHECK bool kn_objects_bucket_exists(kn_objects *objects, const char *bucket, bool *exists,
                                            kn_err *err);

/* Makes the file (made under kn_objects_spool) the object's content and registers it; replaces what
 * was there. meta: an object with any of "ContentType", "ContentEncoding", "Metadata", ... kept and
 * returned by S3 as headers; borrowed, may be NULL. With "ETag" the content is not read again to
 * compute it. NoSuchBucket when there is no such bucket. With a transaction open on this thread it
 * becomes part of it. The file stays the caller's when this fails. */
KN_MUST_CHECK bool kn_objects_adopt(kn_objects *objects, const char *bucket, const char *key,
                                    const char *file, const json_t *meta, kn_err *err);

/* The same for bytes in memory. */
KN_MUST_CHECK bool kn_objects_put(kn_objects *objects, const char *bucket, const char *key,
                                  kn_slice bytes, const json_t *meta, kn_err *err);

/* The ETag of a whole file: the MD5 of its bytes, in hexadecimal. */
KN_MUST_CHECK bool kn_objects_digest(int fd, char etag[33], kn_err *err);

typedef struct kn_object {
    const char *key;
    const char *path; /* absolute */
    uint64_t size;
    int64_t modified_ms;
    const char *etag; /* 32 hex digits, without quotes */
    const json_t *meta;
} kn_object;

/* Visits the objects whose key starts with prefix and is greater than after (NULL: all), in byte
 * order of keys, until the visitor returns false. NoSuchBucket. The visitor must not call the
 * store. */
typedef bool kn_objects_visitor(void *context, const kn_object *object);
KN_MUST_CHECK bool kn_objects_list(kn_objects *objects, const char *bucket, const char *prefix,
                                   const char *after, kn_objects_visitor *visit, void *context,
                                   kn_err *err);

/* Opens an object for reading: its document (a new reference: "Size", "ModifiedMs", "ETag", and
 * what meta held) and a descriptor of exactly that content. NoSuchBucket, NoSuchKey. */
KN_MUST_CHECK bool kn_objects_get(kn_objects *objects, const char *bucket, const char *key,
                                  json_t **doc, int *fd, kn_err *err);

/* One that does not exist is no error. Not within a transaction. */
KN_MUST_CHECK bool kn_objects_delete(kn_objects *objects, const char *bucket, const char *key,
                                     kn_err *err);

#endif
