/* See objects.h.
 *
 * A document ("s3.object", "bucket/key") holds Size, ModifiedMs, ETag, File (the path below the
 * root), MtimeNs, and what the caller's meta held. Files move only under the store's lock, so a
 * reader that opens under it gets the bytes that the document describes. A process killed between
 * the rename and the commit of an overwrite leaves newer bytes than the document tells of: the
 * file's size and time differ, and the next reader brings the document up to date. */
#include "lake/store/objects.h"

#include "base/file.h"
#include "base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_MAX 1024 /* as in S3 */
#define PART_MAX 255 /* of a file name */
#define HASHED ".hashed"

struct kn_objects {
    kn_store *store;
    char *root, *spool;
};

/* ---- opening ---- */

static void empty_folder(const char *path) {
    kn_err ignored; /* leftovers of a killed process; a new one is made below in any case */
    if (!kn_file_remove_tree(path, &ignored))
        return;
}

bool kn_objects_open(const char *folder, kn_store *store, kn_objects **out, kn_err *err) {
    kn_objects *objects = calloc(1, sizeof *objects);
    char *absolute = NULL;
    bool ok = objects || kn_fail(err, KN_ENOMEM, "objects: out of memory");
    if (ok) {
        objects->store = store;
        absolute = realpath(folder, NULL);
        ok = absolute || kn_fail_errno(err, "cannot find folder %s", folder);
    }
    if (ok && (asprintf(&objects->root, "%s/s3", absolute) < 0 ||
               asprintf(&objects->spool, "%s/spool", absolute) < 0))
        ok = kn_fail(err, KN_ENOMEM, "objects: out of memory");
    if (ok)
        empty_folder(objects->spool);
    ok = ok && kn_file_mkdirs(objects->root, err) && kn_file_mkdirs(objects->spool, err);
    free(absolute);
    if (!ok) {
        kn_objects_close(objects);
        return false;
    }
    *out = objects;
    return true;
}

void kn_objects_close(kn_objects *objects) {
    if (!objects)
        return;
    free(objects->root);
    free(objects->spool);
    free(objects);
}

const char *kn_objects_spool(const kn_objects *objects) {
    return objects->spool;
}

const char *kn_objects_root(const kn_objects *objects) {
    return objects->root;
}

/* ---- names ---- */

typedef enum { NAME_PLAIN, NAME_ODD, NAME_CLIMBS } name_kind;

static name_kind classify(const char *key) {
    name_kind kind = strncmp(key, HASHED, strlen(HASHED)) == 0 ? NAME_ODD : NAME_PLAIN;
    if (strchr(key, '\\') && strpbrk(key, "*?["))
        kind = NAME_ODD; /* DuckDB has no pattern that matches just this */
    int depth = 0;
    for (const char *part = key;;) {
        size_t n = strcspn(part, "/");
        if (n == 2 && memcmp(part, "..", 2) == 0) {
            kind = NAME_ODD;
            if (--depth < 0)
                return NAME_CLIMBS;
        } else if (n == 0 || n > PART_MAX || (n == 1 && *part == '.')) {
            kind = NAME_ODD;
        } else {
            depth++;
        }
        if (!part[n])
            return kind;
        part += n + 1;
    }
}

static bool is_utf8(const char *text) {
    json_t *string = json_string(text);
    json_decref(string);
    return string != NULL;
}

static bool check_key(const char *key, kn_err *err) {
    size_t n = strlen(key);
    if (n == 0 || !is_utf8(key))
        return kn_fail_aws(err, 400, "InvalidArgument", "the key is not UTF-8 text");
    if (n > KEY_MAX)
        return kn_fail_aws(err, 400, "KeyTooLongError", "Your key is too long");
    if (classify(key) == NAME_CLIMBS)
        return kn_fail_aws(err, 400, "InvalidURI", "the key climbs out of its bucket: %s", key);
    return true;
}

static void hashed_file(const char *bucket, const char *key, char out[PATH_MAX]) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    EVP_Digest(key, strlen(key), digest, &n, EVP_sha256(), NULL);
    int at = snprintf(out, PATH_MAX, "%s/" HASHED "/", bucket);
    for (unsigned i = 0; i < n; i++)
        at += snprintf(out + at, 3, "%02x", digest[i]);
}

static bool doc_key(const char *bucket, const char *key, char out[PATH_MAX], kn_err *err) {
    if (snprintf(out, PATH_MAX, "%s/%s", bucket, key) >= PATH_MAX)
        return kn_fail_aws(err, 400, "KeyTooLongError", "Your key is too long");
    return true;
}

/* Bucket names are file names: the rules of S3 keep them harmless. */
static bool bucket_name_valid(const char *name) {
    size_t n = strlen(name);
    if (n < 3 || n > 63 || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") != n)
        return false;
    return name[0] != '.' && name[0] != '-' && name[n - 1] != '.' && name[n - 1] != '-' &&
           !strstr(name, "..");
}

/* ---- buckets ---- */

bool kn_objects_bucket_exists(kn_objects *objects, const char *bucket, bool *exists, kn_err *err) {
    json_t *doc = NULL;
    if (!kn_store_get(objects->store, "s3.bucket", bucket, &doc, err))
        return false;
    *exists = doc != NULL;
    json_decref(doc);
    return true;
}

static bool need_bucket(kn_objects *objects, const char *bucket, kn_err *err) {
    bool exists;
    if (!kn_objects_bucket_exists(objects, bucket, &exists, err))
        return false;
    return exists ||
           kn_fail_aws(err, 404, "NoSuchBucket", "The specified bucket does not exist: %s", bucket);
}

bool kn_objects_bucket_make(kn_objects *objects, const char *bucket, kn_err *err) {
    if (!bucket_name_valid(bucket))
        return kn_fail_aws(err, 400, "InvalidBucketName", "The specified bucket is not valid: %s",
                           bucket);
    json_t *doc = json_pack("{sI}", "CreatedMs", (json_int_t)kn_time_now_ms());
    bool inserted = false;
    bool ok = kn_store_insert(objects->store, "s3.bucket", bucket, doc, &inserted, err);
    json_decref(doc);
    if (ok && !inserted)
        ok = kn_fail_aws(err, 409, "BucketAlreadyOwnedByYou",
                         "Your previous request to create the named bucket succeeded and you "
                         "already own it.");
    return ok;
}

static bool saw_one(void *context, const char *key, json_t *doc) {
    (void)key, (void)doc;
    *(bool *)context = true;
    return false;
}

static bool remove_empty_bucket(kn_objects *objects, const char *bucket, kn_err *err) {
    char prefix[128], path[PATH_MAX];
    snprintf(prefix, sizeof prefix, "%s/", bucket);
    bool used = false;
    if (!need_bucket(objects, bucket, err) ||
        !kn_store_scan(objects->store, "s3.object", prefix, NULL, saw_one, &used, err))
        return false;
    if (used)
        return kn_fail_aws(err, 409, "BucketNotEmpty",
                           "The bucket you tried to delete is not empty");
    snprintf(path, sizeof path, "%s/%s", objects->root, bucket);
    return kn_store_delete(objects->store, "s3.bucket", bucket, NULL, err) &&
           kn_file_remove_tree(path, err);
}

/* Begins a transaction unless this thread has one; end() ends what enter() began. */
static bool enter(kn_objects *objects, bool *mine, kn_err *err) {
    *mine = !kn_store_in_transaction(objects->store);
    return !*mine || kn_store_begin(objects->store, err);
}

static bool end(kn_objects *objects, bool mine, bool ok, kn_err *err) {
    return mine ? kn_store_end(objects->store, ok, err) : ok;
}

bool kn_objects_bucket_remove(kn_objects *objects, const char *bucket, kn_err *err) {
    bool mine;
    return enter(objects, &mine, err) &&
           end(objects, mine, remove_empty_bucket(objects, bucket, err), err);
}

/* ---- content ---- */

bool kn_objects_digest(int fd, char etag[33], kn_err *err) {
    EVP_MD_CTX *md5 = EVP_MD_CTX_new();
    unsigned char bytes[64 << 10], digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    bool ok = md5 && EVP_DigestInit_ex(md5, EVP_md5(), NULL) == 1;
    off_t at = 0;
    for (ssize_t got; ok && (got = pread(fd, bytes, sizeof bytes, at)) != 0; at += got) {
        if (got < 0)
            ok = kn_fail_errno(err, "cannot read an object's file");
        else
            EVP_DigestUpdate(md5, bytes, (size_t)got);
    }
    if (ok) {
        EVP_DigestFinal_ex(md5, digest, &n);
        for (unsigned i = 0; i < 16; i++)
            snprintf(etag + 2 * i, 3, "%02x", digest[i]);
    }
    EVP_MD_CTX_free(md5);
    return ok;
}

static json_int_t mtime_ns(const struct stat *st) {
    return (json_int_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* Fills Size, ModifiedMs, MtimeNs and, unless it is there, ETag of an object's document. */
static bool describe(int fd, json_t *doc, kn_err *err) {
    struct stat st;
    if (fstat(fd, &st) != 0)
        return kn_fail_errno(err, "cannot read an object's file");
    char etag[33];
    if (!json_object_get(doc, "ETag")) {
        if (!kn_objects_digest(fd, etag, err))
            return false;
        json_object_set_new(doc, "ETag", json_string(etag));
    }
    json_object_set_new(doc, "Size", json_integer(st.st_size));
    json_object_set_new(doc, "ModifiedMs", json_integer(kn_time_now_ms()));
    json_object_set_new(doc, "MtimeNs", json_integer(mtime_ns(&st)));
    return true;
}

/* Renames the file to root/name, making the folders above. False with errno. */
static bool move_to(kn_objects *objects, const char *file, const char *name) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", objects->root, name) >= (int)sizeof path)
        return errno = ENAMETOOLONG, false;
    for (char *c = path + strlen(objects->root) + 1; (c = strchr(c, '/')); c++) {
        *c = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return false;
        *c = '/';
    }
    return rename(file, path) == 0;
}

/* Removes root/name and the folders above it that are empty now, up to the bucket's. */
static void remove_file(kn_objects *objects, const char *name) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", objects->root, name);
    unlink(path);
    char *bucket_end = strchr(path + strlen(objects->root) + 1, '/');
    for (char *c; (c = strrchr(path, '/')) && c > bucket_end;) {
        *c = '\0';
        if (rmdir(path) != 0)
            return;
    }
}

static bool place(kn_objects *objects, const char *bucket, const char *key, const char *file,
                  char name[PATH_MAX], kn_err *err) {
    if (classify(key) == NAME_PLAIN) {
        if (!doc_key(bucket, key, name, err))
            return false;
        if (move_to(objects, file, name))
            return true;
        /* A file where a folder is, or the reverse, or too long: under a hashed name instead. */
        if (errno != EISDIR && errno != ENOTDIR && errno != EEXIST && errno != ENOTEMPTY &&
            errno != ENAMETOOLONG)
            return kn_fail_errno(err, "cannot store object %s/%s", bucket, key);
    }
    hashed_file(bucket, key, name);
    return move_to(objects, file, name) ||
           kn_fail_errno(err, "cannot store object %s/%s", bucket, key);
}

static bool adopt(kn_objects *objects, const char *bucket, const char *key, const char *file,
                  json_t *doc, kn_err *err) {
    char id[PATH_MAX], name[PATH_MAX];
    json_t *old = NULL;
    if (!need_bucket(objects, bucket, err) || !doc_key(bucket, key, id, err) ||
        !kn_store_get(objects->store, "s3.object", id, &old, err) ||
        !place(objects, bucket, key, file, name, err)) {
        json_decref(old);
        return false;
    }
    const char *old_name = json_string_value(json_object_get(old, "File"));
    if (old_name && strcmp(old_name, name) != 0)
        remove_file(objects, old_name);
    json_decref(old);
    json_object_set_new(doc, "File", json_string(name));
    return kn_store_put(objects->store, "s3.object", id, doc, err);
}

bool kn_objects_adopt(kn_objects *objects, const char *bucket, const char *key, const char *file,
                      const json_t *meta, kn_err *err) {
    if (!check_key(key, err))
        return false;
    json_t *doc = meta ? json_deep_copy(meta) : json_object();
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    bool ok = doc != NULL || kn_fail(err, KN_ENOMEM, "object %s: out of memory", key);
    ok = ok && (fd >= 0 || kn_fail_errno(err, "cannot open %s", file));
    ok = ok && describe(fd, doc, err);
    if (fd >= 0)
        close(fd);
    bool mine = false;
    if (ok && (ok = enter(objects, &mine, err)))
        ok = end(objects, mine, adopt(objects, bucket, key, file, doc, err), err);
    json_decref(doc);
    return ok;
}

bool kn_objects_put(kn_objects *objects, const char *bucket, const char *key, kn_slice bytes,
                    const json_t *meta, kn_err *err) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/put.XXXXXX", objects->spool);
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return kn_fail_errno(err, "cannot make a file in %s", objects->spool);
    bool ok = kn_file_write_all(fd, bytes.p, bytes.n, err);
    close(fd);
    ok = ok && kn_objects_adopt(objects, bucket, key, path, meta, err);
    if (!ok)
        unlink(path);
    return ok;
}

/* ---- reading ---- */

typedef struct lister {
    kn_objects *objects;
    size_t skip; /* "bucket/" */
    kn_objects_visitor *visit;
    void *context;
} lister;

static bool visit_document(void *context, const char *key, json_t *doc) {
    lister *l = context;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", l->objects->root,
             json_string_value(json_object_get(doc, "File")));
    kn_object object = {
        .key = key + l->skip,
        .path = path,
        .size = (uint64_t)json_integer_value(json_object_get(doc, "Size")),
        .modified_ms = json_integer_value(json_object_get(doc, "ModifiedMs")),
        .etag = json_string_value(json_object_get(doc, "ETag")),
        .meta = doc,
    };
    return l->visit(l->context, &object);
}

bool kn_objects_list(kn_objects *objects, const char *bucket, const char *prefix, const char *after,
                     kn_objects_visitor *visit, void *context, kn_err *err) {
    if (!need_bucket(objects, bucket, err))
        return false;
    lister l = {objects, strlen(bucket) + 1, visit, context};
    kn_buf from, beyond;
    kn_buf_init(&from, PATH_MAX);
    kn_buf_init(&beyond, PATH_MAX);
    kn_buf_printf(&from, "%s/%s", bucket, prefix ? prefix : "");
    kn_buf_printf(&beyond, "%s/%s", bucket, after ? after : "");
    bool ok = kn_buf_check(&from, "prefix", err) && kn_buf_check(&beyond, "start of the list", err);
    ok = ok && kn_store_scan(objects->store, "s3.object", from.p, after ? beyond.p : NULL,
                             visit_document, &l, err);
    kn_buf_free(&from);
    kn_buf_free(&beyond);
    return ok;
}

static bool fail_no_key(const char *key, kn_err *err) {
    return kn_fail_aws(err, 404, "NoSuchKey", "The specified key does not exist: %s", key);
}

/* What the document tells of bytes that are no longer there. */
static void forget_digests(json_t *doc) {
    const char *name;
    json_t *value;
    void *next;
    json_object_foreach_safe(doc, next, name, value) if (strcmp(name, "ETag") == 0 ||
                                                         strncmp(name, "Checksum", 8) == 0)
        json_object_del(doc, name);
}

/* Under the store's lock: the document and a descriptor of the same content. */
static bool open_object(kn_objects *objects, const char *bucket, const char *key, const char *id,
                        json_t **doc, int *fd, kn_err *err) {
    if (!need_bucket(objects, bucket, err) ||
        !kn_store_get(objects->store, "s3.object", id, doc, err))
        return false;
    if (!*doc)
        return fail_no_key(key, err);
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", objects->root,
             json_string_value(json_object_get(*doc, "File")));
    struct stat st;
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0 && errno == ENOENT)
        return fail_no_key(key, err); /* killed while deleting it */
    if (*fd < 0 || fstat(*fd, &st) != 0)
        return kn_fail_errno(err, "cannot open object %s/%s", bucket, key);
    if (st.st_size == json_integer_value(json_object_get(*doc, "Size")) &&
        mtime_ns(&st) == json_integer_value(json_object_get(*doc, "MtimeNs")))
        return true;
    forget_digests(*doc); /* killed while replacing it */
    return describe(*fd, *doc, err) && kn_store_put(objects->store, "s3.object", id, *doc, err);
}

bool kn_objects_get(kn_objects *objects, const char *bucket, const char *key, json_t **doc, int *fd,
                    kn_err *err) {
    *doc = NULL;
    *fd = -1;
    char id[PATH_MAX];
    bool mine;
    if (!doc_key(bucket, key, id, err) || !enter(objects, &mine, err))
        return false;
    if (end(objects, mine, open_object(objects, bucket, key, id, doc, fd, err), err))
        return true;
    if (*fd >= 0)
        close(*fd);
    json_decref(*doc);
    return false;
}

/* Takes the document away; *file becomes the name of its file (to be freed), or NULL. */
static bool delete_document(kn_objects *objects, const char *bucket, const char *id, char **file,
                            kn_err *err) {
    json_t *doc = NULL;
    if (!need_bucket(objects, bucket, err) ||
        !kn_store_get(objects->store, "s3.object", id, &doc, err))
        return false;
    const char *name = json_string_value(json_object_get(doc, "File"));
    *file = name ? strdup(name) : NULL;
    json_decref(doc);
    return !*file || kn_store_delete(objects->store, "s3.object", id, NULL, err);
}

/* Removes the file of a deleted object, unless the object was put again since. A file that stays,
 * since the process is killed before, is seen by nobody. */
static void remove_deleted(kn_objects *objects, const char *id, const char *file) {
    json_t *doc = NULL;
    if (!kn_store_begin(objects->store, NULL))
        return;
    if (kn_store_get(objects->store, "s3.object", id, &doc, NULL) && !doc)
        remove_file(objects, file);
    json_decref(doc);
    kn_store_rollback(objects->store);
}

bool kn_objects_delete(kn_objects *objects, const char *bucket, const char *key, kn_err *err) {
    char id[PATH_MAX], *file = NULL;
    if (!doc_key(bucket, key, id, err) || !kn_store_begin(objects->store, err))
        return false;
    bool ok = kn_store_end(objects->store, delete_document(objects, bucket, id, &file, err), err);
    if (ok && file) /* only now: a document without its file would be listed, and queried */
        remove_deleted(objects, id, file);
    free(file);
    return ok;
}
