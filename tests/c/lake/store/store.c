/* The store: documents, order of scans, transactions, and what survives kill -9. */
#include "lake/store/store.h"

#include "base/file.h"
#include "tap.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/kinessis-test.XXXXXX";
static char path[64];
static kn_err err;

static kn_store *open_store(void) {
    kn_store *store = NULL;
    if (!kn_store_open(path, &store, &err)) {
        printf("Bail out! %s\n", err.message);
        exit(1);
    }
    return store;
}

static bool put(kn_store *store, const char *key, int value) {
    json_t *doc = json_pack("{si}", "v", value);
    bool ok = kn_store_put(store, "test", key, doc, &err);
    json_decref(doc);
    return ok;
}

/* The value at key, or -1. */
static int get(kn_store *store, const char *key) {
    json_t *doc = NULL;
    if (!kn_store_get(store, "test", key, &doc, &err))
        return -2;
    int v = doc ? (int)json_integer_value(json_object_get(doc, "v")) : -1;
    json_decref(doc);
    return v;
}

static bool gather(void *context, const char *key, json_t *doc) {
    (void)doc;
    kn_buf *out = context;
    kn_buf_printf(out, "%s ", key);
    return strcmp(key, "stop") != 0;
}

static const char *scan(kn_store *store, const char *prefix, const char *after) {
    static char text[sizeof err.message];
    kn_buf out;
    kn_buf_init(&out, 255);
    bool ok = kn_store_scan(store, "test", prefix, after, gather, &out, &err);
    snprintf(text, sizeof text, "%s", ok ? (out.p ? out.p : "") : err.message);
    kn_buf_free(&out);
    return text;
}

static void test_documents(void) {
    kn_store *store = open_store();
    tap_is_int(get(store, "a"), -1, "an absent key is no error");
    tap_ok(put(store, "a", 1) && get(store, "a") == 1, "put, get");
    tap_ok(put(store, "a", 2) && get(store, "a") == 2, "put replaces");
    json_t *doc = json_pack("{si}", "v", 3);
    bool inserted = true, existed = false;
    tap_ok(kn_store_insert(store, "test", "a", doc, &inserted, &err) && !inserted, "insert: taken");
    tap_is_int(get(store, "a"), 2, "and nothing changes");
    tap_ok(kn_store_insert(store, "test", "b", doc, &inserted, &err) && inserted, "insert: free");
    tap_ok(kn_store_insert(store, "other", "a", doc, &inserted, &err) && inserted,
           "kinds do not see one another");
    json_decref(doc);
    tap_ok(kn_store_delete(store, "test", "b", &existed, &err) && existed, "delete");
    tap_ok(kn_store_delete(store, "test", "b", &existed, &err) && !existed, "delete again");
    kn_store_close(store);
    store = open_store();
    tap_is_int(get(store, "a"), 2, "kept over a restart");
    tap_ok(kn_store_delete_prefix(store, "test", "", &err), "the empty prefix deletes a kind");
    tap_is_int(get(store, "a"), -1, "all of it");
    kn_store_close(store);
}

static void test_scans(void) {
    kn_store *store = open_store();
    static const char *const keys[] = {"a",  "a/b", "a/b/c",    "a/c",  "a0",
                                       "ab", "b",   "\xc3\xa9", "stop", "t"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!put(store, keys[i], 1))
            tap_ok(false, "put %s: %s", keys[i], err.message);
    tap_is_str(scan(store, "", NULL), "a a/b a/b/c a/c a0 ab b stop ",
               "byte order, until the visitor stops");
    tap_is_str(scan(store, "a/", NULL), "a/b a/b/c a/c ", "a prefix");
    tap_is_str(scan(store, "a/", "a/b"), "a/b/c a/c ", "after a key that exists");
    tap_is_str(scan(store, "a/", "a/bb"), "a/c ", "after a key that does not");
    tap_is_str(scan(store, "a/", "A"), "a/b a/b/c a/c ", "after one before the prefix");
    tap_is_str(scan(store, "a/", "b"), "", "after one behind the prefix");
    tap_is_str(scan(store, "t", NULL), "t ", "the last of ASCII");
    tap_is_str(scan(store, "\xc3", NULL), "\xc3\xa9 ", "a prefix that ends inside a character");
    tap_ok(kn_store_delete_prefix(store, "test", "a/", &err), "delete a prefix");
    tap_is_str(scan(store, "", "A"), "a a0 ab b stop ", "its neighbours stay");
    kn_store_close(store);
}

static bool count_inner(void *context, const char *key, json_t *doc) {
    (void)key, (void)doc;
    ++*(int *)context;
    return true;
}

typedef struct nested {
    kn_store *store;
    int inner, writes;
} nested;

static bool visit_nested(void *context, const char *key, json_t *doc) {
    (void)key, (void)doc;
    nested *n = context;
    n->writes += put(n->store, "written inside", 1);
    return kn_store_scan(n->store, "test", "", NULL, count_inner, &n->inner, &err);
}

static void *begin_and_commit(void *context) {
    kn_store *store = context;
    kn_err mine;
    bool ok = kn_store_begin(store, &mine) && put(store, "other thread", 1) &&
              kn_store_commit(store, &mine);
    return ok ? store : NULL;
}

static void test_transactions(void) {
    kn_store *store = open_store();
    tap_ok(!kn_store_in_transaction(store), "no transaction at first");
    tap_ok(kn_store_begin(store, &err) && kn_store_in_transaction(store), "begin");
    tap_ok(put(store, "x", 1) && get(store, "x") == 1, "a transaction sees its own writes");
    tap_ok(!kn_store_begin(store, &err) && err.code == KN_ESTATE, "they do not nest");
    kn_store_rollback(store);
    tap_is_int(get(store, "x"), -1, "rollback");
    tap_ok(kn_store_begin(store, &err) && put(store, "x", 1) && kn_store_commit(store, &err) &&
               get(store, "x") == 1,
           "commit");
    tap_ok(!kn_store_in_transaction(store), "and it is over");

    if (!kn_store_begin(store, &err))
        tap_ok(false, "%s", err.message);
    pthread_t thread;
    pthread_create(&thread, NULL, begin_and_commit, store);
    usleep(20000);
    tap_is_int(get(store, "other thread"), -1, "another thread's transaction waits");
    nested n = {.store = store};
    tap_ok(kn_store_scan(store, "test", "x", NULL, visit_nested, &n, &err) && n.writes == 1 &&
               n.inner > 1,
           "inside a transaction a visitor may read and write");
    tap_ok(kn_store_commit(store, &err), "commit");
    void *result;
    pthread_join(thread, &result);
    tap_ok(result && get(store, "other thread") == 1, "then it runs");
    kn_store_close(store);
}

/* A child commits numbers and tells each through a pipe; it is killed while it does. */
static void test_kill(void) {
    int ends[2];
    if (pipe(ends) != 0)
        exit(1);
    pid_t child = fork();
    if (child == 0) {
        kn_store *store = open_store();
        for (int i = 0;; i++) {
            bool ok = kn_store_begin(store, &err) && put(store, "count", i) &&
                      put(store, "twin", i) && kn_store_commit(store, &err);
            if (!ok || write(ends[1], &i, sizeof i) != sizeof i)
                _exit(1);
        }
    }
    close(ends[1]);
    int told = -1, last = -1;
    while (told < 50 && read(ends[0], &told, sizeof told) == sizeof told)
        last = told;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    while (read(ends[0], &told, sizeof told) == sizeof told)
        last = told;
    close(ends[0]);
    kn_store *store = open_store();
    int kept = get(store, "count");
    tap_ok(last >= 50 && kept >= last && kept <= last + 1,
           "every commit that returned survives kill -9 (told %d, kept %d)", last, kept);
    tap_is_int(get(store, "twin"), kept, "and each whole");
    kn_store_close(store);
}

static void test_version(void) {
    char command[256];
    kn_store *store = NULL;
    /* user_version is at offset 60 of the file, big-endian (sqlite.org/fileformat2.html) */
    snprintf(command, sizeof command, "printf '\\377' | dd of=%s bs=1 seek=63 conv=notrunc 2>&1",
             path);
    FILE *dd = popen(command, "r");
    pclose(dd);
    tap_ok(!kn_store_open(path, &store, &err) && strstr(err.message, "newer"),
           "a store of a newer version is refused: %s", err.message);
}

/* A full disk, by the limit on the size of files: a commit is written when it is made. */
static void test_failing_commit(void) {
    kn_store *store = open_store();
    struct rlimit limit, before;
    getrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_IGN);
    tap_ok(put(store, "kept", 1) && kn_store_begin(store, &err) && put(store, "lost", 1),
           "a transaction begins");
    limit = before;
    limit.rlim_cur = 64;
    setrlimit(RLIMIT_FSIZE, &limit);
    bool ended = kn_store_end(store, true, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    tap_ok(!ended && err.code == KN_EIO, "its commit fails: %s", err.message);
    tap_ok(!kn_store_in_transaction(store), "and has ended it");
    tap_is_int(get(store, "lost"), -1, "without a trace");
    tap_is_int(get(store, "kept"), 1, "what was there is");
    tap_ok(kn_store_begin(store, &err) && put(store, "again", 2) &&
               kn_store_end(store, true, &err) && get(store, "again") == 2,
           "the next one succeeds once there is room");
    tap_ok(kn_store_begin(store, &err) && put(store, "again", 3) &&
               !kn_store_end(store, false, &err) && get(store, "again") == 2,
           "ended without success it is rolled back");
    kn_store_close(store);
}

int main(void) {
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/lake.db", folder);
    test_documents();
    test_scans();
    test_transactions();
    test_kill();
    test_failing_commit();
    test_version();
    if (!kn_file_remove_tree(folder, &err))
        printf("# %s\n", err.message);
    return tap_done();
}
