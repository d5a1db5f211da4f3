/* Deliveries from the inside: a position moves with its object or not at all, batches keep to their
 * limit, and a reopened lake goes on where it was. The API is tested in tests/e2e/firehose*.t.py.
 */
#include "lake/firehose/state.h"
#include "tap.h"

#include "base/file.h"
#include "base/log.h"
#include "base/time.h"
#include "lake/store/objects.h"

#include <dirent.h>
#include <stdlib.h>

static kn_err err;
static kn_lake *lake;
static char folder[] = "/tmp/kinessis-test.XXXXXX";

static bool open_lake(void) {
    kn_lake_config config = {.folder = folder};
    return kn_lake_open(&config, &lake, &err);
}

static bool create_interval(const char *name, const char *bucket, int seconds) {
    kn_positions none = {0};
    json_t *doc = json_pack("{s:s, s:i, s:i, s:i, s:{s:s, s:s, s:{s:i, s:i}}, s:{}}", "Id", name,
                            "Created", 1, "Updated", 1, "Version", 7, "Destination", "RoleARN",
                            "arn:aws:iam::0:role/r", "BucketARN", bucket, "BufferingHints",
                            "SizeInMBs", 1, "IntervalInSeconds", seconds, "Tags");
    bool ok = doc && kn_delivery_create(kn_lake_firehose(lake), name, doc, &none, &err);
    json_decref(doc);
    return ok;
}

static bool create(const char *name, const char *bucket) {
    return create_interval(name, bucket, 900);
}

static bool put(kn_delivery *d, const char *data, size_t n) {
    kn_journal_record record = {.data = {data, n}};
    return kn_journal_append(d->journal, &record, 1, &err);
}

typedef struct found {
    size_t count;
    uint64_t bytes, largest;
    int64_t last_ms; /* when the last one was made */
} found;

static bool visit(void *context, const kn_object *object) {
    found *f = context;
    f->count++;
    f->bytes += object->size;
    if (object->size > f->largest)
        f->largest = object->size;
    if (object->modified_ms > f->last_ms)
        f->last_ms = object->modified_ms;
    return true;
}

static found objects(const char *bucket) {
    found f = {0};
    if (!kn_objects_list(kn_lake_objects(lake), bucket, "", NULL, visit, &f, &err))
        tap_ok(false, "list: %s", err.message);
    return f;
}

static int spooled(void) {
    int n = 0;
    DIR *spool = opendir(kn_objects_spool(kn_lake_objects(lake)));
    for (struct dirent *entry; spool && (entry = readdir(spool));)
        n += entry->d_name[0] != '.';
    closedir(spool);
    return n;
}

static kn_delivery *hold(const char *name) {
    kn_delivery *d = NULL;
    tap_ok(kn_delivery_hold(kn_lake_firehose(lake), name, &d, &err), "stream %s", name);
    return d;
}

static void test_failure(void) {
    kn_firehose *f = kn_lake_firehose(lake);
    kn_delivered done = {0};
    tap_ok(create("waits", "arn:aws:s3:::missing"), "a stream into a bucket that is not there");
    kn_delivery *d = hold("waits");
    tap_ok(put(d, "one", 3) && put(d, "two", 3), "two records");
    tap_ok(!kn_firehose_flush(f, d, &done, &err), "the delivery fails");
    tap_is_str(err.aws_code, "NoSuchBucket", "for want of the bucket");
    tap_is_int(done.objects, 0, "without an object");
    tap_is_int(d->positions.count, 0, "the position stays");
    tap_is_int(spooled(), 0, "and no file is left in the spool");
    tap_ok(kn_objects_bucket_make(kn_lake_objects(lake), "missing", &err), "with the bucket");
    tap_ok(kn_firehose_flush(f, d, &done, &err), "it is delivered");
    tap_is_int(done.records, 2, "both records");
    tap_is_int(objects("missing").bytes, 6, "in the object");
    kn_delivery_release(f, d);
}

static void test_batches(void) {
    kn_firehose *f = kn_lake_firehose(lake);
    kn_delivered done = {0};
    static char block[300 << 10];
    bool ok = kn_objects_bucket_make(kn_lake_objects(lake), "batches", &err) &&
              create("batches", "arn:aws:s3:::batches");
    tap_ok(ok, "a stream with a buffer of 1 MiB");
    kn_delivery *d = hold("batches");
    pthread_mutex_lock(&d->delivering); /* the delivery thread waits */
    for (int i = 0; ok && i < 10; i++)
        ok = put(d, block, sizeof block);
    pthread_mutex_unlock(&d->delivering);
    tap_ok(ok && kn_firehose_flush(f, d, &done, &err), "ten records of 300 KiB");
    found all = objects("batches");
    tap_is_int(all.bytes, 10 * sizeof block, "are there");
    tap_is_int(all.count, 3, "in objects of four, four and two");
    tap_is_int(all.largest, 4 * sizeof block, "that end once they reach the size");
    kn_delivery_release(f, d);
}

static void test_reopened(void) {
    kn_delivered done = {0};
    kn_delivery *d = hold("batches");
    tap_ok(put(d, "kept", 4), "a record that is not delivered yet");
    kn_delivery_release(kn_lake_firehose(lake), d);
    kn_lake_close(lake);
    if (!tap_ok(open_lake(), "the lake is opened again"))
        return;
    kn_firehose *f = kn_lake_firehose(lake);
    d = hold("batches");
    tap_is_int(d->positions.next ? d->positions.next[0] : 0, 10, "at its position");
    tap_ok(kn_firehose_flush(f, d, &done, &err), "a flush");
    tap_is_int(done.records, 1, "delivers what was left, and nothing again");
    kn_delivery_release(f, d);
    tap_ok(kn_delivery_delete(f, "batches", &err), "a stream is deleted");
    tap_ok(!kn_delivery_hold(f, "batches", &d, &err), "and is gone");
    tap_ok(create("batches", "arn:aws:s3:::batches"), "its name can be used again");
    d = hold("batches");
    tap_ok(d && kn_journal_end(d->journal) == 0, "with a journal of its own");
    kn_delivery_release(f, d);
}

static void *delete_stream(void *name) {
    kn_err failure;
    return kn_delivery_delete(kn_lake_firehose(lake), name, &failure) ? name : NULL;
}

/* Who still holds a stream while it is deleted must not deliver for it: that would leave its
 * position in the store for ever. */
static void test_deleted_in_use(void) {
    kn_firehose *f = kn_lake_firehose(lake);
    kn_delivered done = {0};
    pthread_t thread;
    void *deleted = NULL;
    json_t *position = NULL;
    tap_ok(create("going", "arn:aws:s3:::batches"), "a stream");
    kn_delivery *d = hold("going"), *other;
    bool ok = put(d, "one", 3) &&
              pthread_create(&thread, NULL, delete_stream, (void *)(uintptr_t) "going") == 0;
    if (!tap_ok(ok, "is held while it is deleted"))
        return;
    while (kn_delivery_hold(f, "going", &other, &err)) {
        kn_delivery_release(f, other);
        kn_sleep_ms(1);
    }
    tap_ok(kn_firehose_flush(f, d, &done, &err) && done.records == 0, "it delivers no more");
    tap_ok(kn_store_get(kn_lake_store(lake), KN_FIREHOSE_POSITION, "going", &position, &err) &&
               !position,
           "and leaves no position");
    json_decref(position);
    kn_delivery_release(f, d);
    pthread_join(thread, &deleted);
    tap_ok(deleted != NULL, "it goes with its last user");
}

/* A stream with much to deliver does not keep the others waiting until it is done. */
static void test_fair(void) {
    kn_firehose *f = kn_lake_firehose(lake);
    static char block[1 << 20];
    size_t before = objects("batches").count;
    bool ok = kn_objects_bucket_make(kn_lake_objects(lake), "quiet", &err) &&
              create_interval("busy", "arn:aws:s3:::batches", 0) &&
              create_interval("quiet", "arn:aws:s3:::quiet", 0);
    if (!tap_ok(ok, "two streams that buffer for no time"))
        return;
    kn_delivery *busy = hold("busy"), *quiet = hold("quiet");
    pthread_mutex_lock(&busy->delivering); /* the delivery thread waits */
    pthread_mutex_lock(&quiet->delivering);
    for (int i = 0; ok && i < 60; i++)
        ok = put(busy, block, sizeof block);
    tap_ok(ok && put(quiet, "one", 3), "one gets sixty batches, the other a record");
    pthread_mutex_unlock(&quiet->delivering);
    pthread_mutex_unlock(&busy->delivering);
    found all = objects("batches"), one = objects("quiet");
    for (int i = 0; i < 100000 && (all.count < before + 60 || one.count < 1); i++) {
        kn_sleep_ms(1);
        all = objects("batches");
        one = objects("quiet");
    }
    tap_ok(one.count == 1 && all.count == before + 60 && one.last_ms < all.last_ms,
           "which is delivered before the sixty are");
    kn_delivery_release(f, busy);
    kn_delivery_release(f, quiet);
}

int main(void) {
    if (!mkdtemp(folder))
        return 1;
    kn_log_set_level(KN_LOG_NONE);
    if (tap_ok(open_lake(), "a lake")) {
        test_failure();
        test_batches();
        test_reopened();
        test_deleted_in_use();
        test_fair();
        kn_lake_close(lake);
    }
    return kn_file_remove_tree(folder, &err) ? tap_done() : 1;
}
