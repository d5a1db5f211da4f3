/* Objects: where their bytes lie, what is listed, what a rolled back transaction leaves. */
#include "lake/store/objects.h"

#include "base/file.h"
#include "tap.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/kinessis-test.XXXXXX";
static kn_err err;
static kn_store *store;
static kn_objects *objects;

static void reopen(void) {
    char path[64];
    kn_objects_close(objects);
    kn_store_close(store);
    snprintf(path, sizeof path, "%s/lake.db", folder);
    if (!kn_store_open(path, &store, &err) || !kn_objects_open(folder, store, &objects, &err)) {
        printf("Bail out! %s\n", err.message);
        exit(1);
    }
}

static bool put(const char *key, const char *content) {
    return kn_objects_put(objects, "bucket", key, kn_slice_cstr(content), NULL, &err);
}

/* The object's content, or the error's code. */
static const char *get(const char *key) {
    static char text[256];
    json_t *doc;
    int fd;
    if (!kn_objects_get(objects, "bucket", key, &doc, &fd, &err)) {
        snprintf(text, sizeof text, "%s", err.aws_code);
        return text;
    }
    ssize_t n = read(fd, text, sizeof text - 1);
    text[n < 0 ? 0 : n] = '\0';
    bool size_right = json_integer_value(json_object_get(doc, "Size")) == n;
    json_decref(doc);
    close(fd);
    return size_right ? text : "wrong size";
}

static bool gather(void *context, const kn_object *object) {
    kn_buf *out = context;
    struct stat st;
    bool right = stat(object->path, &st) == 0 && (uint64_t)st.st_size == object->size;
    kn_buf_printf(out, "%s%s ", object->key, right ? "" : "(wrong)");
    return true;
}

static const char *list(const char *prefix, const char *after) {
    static char text[4096];
    kn_buf out;
    kn_buf_init(&out, sizeof text - 1);
    bool ok = kn_objects_list(objects, "bucket", prefix, after, gather, &out, &err);
    snprintf(text, sizeof text, "%s", ok ? (out.p ? out.p : "") : err.aws_code);
    kn_buf_free(&out);
    return text;
}

static bool is_file(const char *name) {
    char path[256];
    struct stat st;
    snprintf(path, sizeof path, "%s/s3/%s", folder, name);
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static void test_buckets(void) {
    static const char *const bad[] = {"",      "ab",     "Upper", "under_score", "../x",
                                      ".dots", "dots..", "a/b/c", "-dash"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        tap_ok(!kn_objects_bucket_make(objects, bad[i], &err) &&
                   strcmp(err.aws_code, "InvalidBucketName") == 0,
               "bucket '%s' is refused", bad[i]);
    tap_is_str(list("", NULL), "NoSuchBucket", "no bucket yet");
    tap_ok(!put("a", "x") && strcmp(err.aws_code, "NoSuchBucket") == 0, "nowhere to put");
    tap_ok(kn_objects_bucket_make(objects, "bucket", &err), "made");
    tap_ok(!kn_objects_bucket_make(objects, "bucket", &err) &&
               strcmp(err.aws_code, "BucketAlreadyOwnedByYou") == 0,
           "made twice");
}

static void test_names(void) {
    tap_ok(put("plain/name.txt", "1") && is_file("bucket/plain/name.txt"), "a plain file");
    tap_ok(put("plain", "2"), "a file where a folder is");
    tap_ok(put("plain/name.txt/below", "3"), "a folder where a file is");
    tap_ok(put("plain/", "4"), "a key that ends with a slash");
    static const char *const odd[] = {"a//b", "./a", "a/./b", "a/../b", "/a", ".hashed/x", "a/.."};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        tap_ok(put(odd[i], odd[i]), "odd key %s", odd[i]);
    char part[400];
    memset(part, 'p', sizeof part - 1);
    part[sizeof part - 1] = '\0';
    tap_ok(put(part, "long"), "a part that is longer than file names may be");
    tap_is_str(get(part), "long", "and comes back");
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        tap_is_str(get(odd[i]), odd[i], "%s keeps its own content", odd[i]);
    tap_is_str(get("plain/name.txt"), "1", "collisions: the first");
    tap_is_str(get("plain"), "2", "the second");
    tap_is_str(get("plain/name.txt/below"), "3", "the third");
    static const char *const climbing[] = {"..", "../x", "a/../../x", "a/b/../../../x", "./../x"};
    for (size_t i = 0; i < sizeof climbing / sizeof *climbing; i++)
        tap_ok(!put(climbing[i], "x") && strcmp(err.aws_code, "InvalidURI") == 0,
               "%s climbs out: refused", climbing[i]);
    tap_ok(!put("\xff\xfe", "x") && strcmp(err.aws_code, "InvalidArgument") == 0, "not UTF-8");
    char huge[1100];
    memset(huge, 'k', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    tap_ok(!put(huge, "x") && strcmp(err.aws_code, "KeyTooLongError") == 0, "over 1024 bytes");
    tap_is_str(list("plain", NULL), "plain plain/ plain/name.txt plain/name.txt/below ",
               "all are listed in byte order, with their files");
    tap_is_str(list("plain", "plain/"), "plain/name.txt plain/name.txt/below ", "after a key");
}

static void test_replacing(void) {
    tap_ok(put("r", "old") && put("r", "newer") && strcmp(get("r"), "newer") == 0, "replaced");
    json_t *meta = json_pack("{ss}", "ContentType", "text/x"), *doc;
    int fd;
    tap_ok(kn_objects_put(objects, "bucket", "r", KN_SLICE("abc"), meta, &err), "with metadata");
    json_decref(meta);
    if (tap_ok(kn_objects_get(objects, "bucket", "r", &doc, &fd, &err), "opened")) {
        tap_is_str(json_string_value(json_object_get(doc, "ContentType")), "text/x", "kept");
        tap_is_str(json_string_value(json_object_get(doc, "ETag")),
                   "900150983cd24fb0d6963f7d28e17f72", "the ETag is the MD5 of the content");
        json_decref(doc);
        close(fd);
    }
    /* As after a kill between the rename and the commit: the file is newer than its document. */
    char path[256];
    snprintf(path, sizeof path, "%s/s3/bucket/r", folder);
    tap_ok(kn_file_write(path, KN_SLICE("abcdef"), &err), "a newer file");
    tap_is_str(get("r"), "abcdef", "its document is brought up to date");
    meta = json_pack("{ss, ss}", "ChecksumCRC32", "F5+1sQ==", "ContentType", "text/x");
    tap_ok(kn_objects_put(objects, "bucket", "r", KN_SLICE("abc"), meta, &err) &&
               kn_file_write(path, KN_SLICE("abcdef"), &err) &&
               kn_objects_get(objects, "bucket", "r", &doc, &fd, &err),
           "a newer file than its document with a checksum");
    tap_ok(!json_object_get(doc, "ChecksumCRC32"), "does not keep the checksum of other bytes");
    tap_is_str(json_string_value(json_object_get(doc, "ContentType")), "text/x", "but the rest");
    json_decref(meta);
    json_decref(doc);
    close(fd);
    unlink(path);
    tap_is_str(get("r"), "NoSuchKey", "a document without a file is no object");
}

static void test_transactions(void) {
    char file[256];
    snprintf(file, sizeof file, "%s/made", kn_objects_spool(objects));
    tap_ok(kn_file_write(file, KN_SLICE("delivered"), &err) && kn_store_begin(store, &err) &&
               kn_objects_adopt(objects, "bucket", "t/object", file, NULL, &err),
           "adopted in a transaction");
    kn_store_rollback(store);
    tap_is_str(list("t/", NULL), "", "rolled back: nothing is listed");
    tap_is_str(get("t/object"), "NoSuchKey", "nor found");
    tap_ok(kn_file_write(file, KN_SLICE("delivered"), &err) && kn_store_begin(store, &err) &&
               kn_objects_adopt(objects, "bucket", "t/object", file, NULL, &err) &&
               kn_store_commit(store, &err),
           "adopted again, and committed");
    tap_is_str(get("t/object"), "delivered", "it is there");
    tap_ok(access(file, F_OK) != 0, "the file was moved");
    tap_ok(!kn_objects_adopt(objects, "none", "k", "/nonexistent", NULL, &err), "no file");
    reopen();
    tap_is_str(get("t/object"), "delivered", "kept over a restart");
}

static void test_deleting(void) {
    char path[256];
    tap_ok(put("d/e/f", "x") && kn_objects_delete(objects, "bucket", "d/e/f", &err), "deleted");
    tap_is_str(get("d/e/f"), "NoSuchKey", "gone");
    snprintf(path, sizeof path, "%s/s3/bucket/d", folder);
    tap_ok(access(path, F_OK) != 0, "with its folders");
    tap_ok(kn_objects_delete(objects, "bucket", "d/e/f", &err), "deleting again is no error");
    struct rlimit limit, before; /* a full disk: the commit cannot be written */
    getrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_IGN);
    tap_ok(put("d/stays", "x"), "an object");
    limit = before;
    limit.rlim_cur = 64;
    setrlimit(RLIMIT_FSIZE, &limit);
    bool deleted = kn_objects_delete(objects, "bucket", "d/stays", &err);
    setrlimit(RLIMIT_FSIZE, &before);
    tap_ok(!deleted && strcmp(get("d/stays"), "x") == 0,
           "that cannot be deleted keeps its content");
    tap_ok(kn_objects_delete(objects, "bucket", "d/stays", &err), "until it is");
    tap_ok(!kn_objects_bucket_remove(objects, "bucket", &err) &&
               strcmp(err.aws_code, "BucketNotEmpty") == 0,
           "a bucket with objects stays");
    tap_ok(kn_objects_bucket_make(objects, "empty", &err) &&
               kn_objects_bucket_remove(objects, "empty", &err),
           "an empty one goes");
}

int main(void) {
    if (!mkdtemp(folder))
        return 1;
    reopen();
    test_buckets();
    test_names();
    test_replacing();
    test_transactions();
    test_deleting();
    kn_objects_close(objects);
    kn_store_close(store);
    if (!kn_file_remove_tree(folder, &err))
        printf("# %s\n", err.message);
    return tap_done();
}
