/* The journal: what comes back, what a crash or a damaged file leaves, and reading beside writing.
 */
#include "lake/store/journal.h"

#include "base/file.h"
#include "base/time.h"
#include "tap.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER 36
#define FRAME 20

static char folder[64];

static void fresh(void) {
    kn_err err;
    if (folder[0] && !kn_file_remove_tree(folder, &err))
        printf("# %s\n", err.message);
    strcpy(folder, "/tmp/kn-journal-XXXXXX");
    if (!mkdtemp(folder))
        abort();
}

static kn_journal *must_open(uint64_t segment_bytes) {
    kn_journal *journal;
    kn_err err;
    if (kn_journal_open_sized(folder, segment_bytes, &journal, &err))
        return journal;
    printf("Bail out! %s\n", err.message);
    exit(1);
}

static const char *segment_path(uint64_t first) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%020llu.seg", folder, (unsigned long long)first);
    return path;
}

static off_t file_size(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 ? st.st_size : -1;
}

/* Record i: key "key-i", data of (i * 37) % 300 bytes that depend on i. */
static size_t data_of(uint64_t i, char data[300]) {
    size_t n = i * 37 % 300;
    for (size_t k = 0; k < n; k++)
        data[k] = (char)(i + k * 7);
    return n;
}

static bool append(kn_journal *journal, uint64_t first, size_t n, kn_err *err) {
    kn_journal_record records[64];
    static _Thread_local char data[64][300], keys[64][32];
    for (size_t i = 0; i < n; i++) {
        snprintf(keys[i], sizeof keys[i], "key-%llu", (unsigned long long)(first + i));
        records[i].key = kn_slice_cstr(keys[i]);
        records[i].data = (kn_slice){data[i], data_of(first + i, data[i])};
    }
    return kn_journal_append(journal, records, n, err) && records[n - 1].index == first + n - 1 &&
           records[0].arrival_ms > 0;
}

static void fill(kn_journal *journal, uint64_t n) {
    kn_err err = {0};
    for (uint64_t i = kn_journal_end(journal), size = 1; n; size = size % 7 + 1) {
        size_t now = size < n ? size : n;
        if (!append(journal, i, now, &err)) {
            printf("Bail out! append: %s\n", err.message);
            exit(1);
        }
        i += now;
        n -= now;
    }
}

typedef struct seen {
    uint64_t next, wrong, count, stop_after, bytes;
    int64_t last_ms;
} seen;

static bool check(void *context, const kn_journal_record *record) {
    seen *s = context;
    char key[32], data[300];
    snprintf(key, sizeof key, "key-%llu", (unsigned long long)record->index);
    s->wrong += record->index != s->next || !kn_slice_eq_cstr(record->key, key) ||
                !kn_slice_eq(record->data, (kn_slice){data, data_of(record->index, data)}) ||
                record->arrival_ms < s->last_ms;
    s->last_ms = record->arrival_ms;
    s->next = record->index + 1;
    s->count++;
    s->bytes += record->data.n;
    return s->count != s->stop_after;
}

static seen read_from(kn_journal *journal, uint64_t from, uint64_t first, bool *ok, kn_err *err) {
    seen s = {.next = first};
    uint64_t next;
    *ok = kn_journal_read(journal, from, check, &s, &next, err);
    if (s.count && next != s.next)
        s.wrong++;
    return s;
}

static void all_there(kn_journal *journal, uint64_t from, uint64_t end, const char *what) {
    bool ok;
    kn_err err = {0};
    seen s = read_from(journal, from, from, &ok, &err);
    tap_ok(ok && s.wrong == 0 && s.count == end - from && s.next == end,
           "%s: records %llu to %llu read back", what, (unsigned long long)from,
           (unsigned long long)end);
    if (!ok)
        printf("# %s\n", err.message);
}

static void write_and_read(void) {
    fresh();
    kn_journal *journal = must_open(1 << 20);
    bool ok;
    kn_err err;
    tap_is_int(kn_journal_end(journal), 0, "a new journal is empty");
    tap_is_int(read_from(journal, 0, 0, &ok, &err).count, 0, "... and has nothing to read");
    fill(journal, 1000);
    all_there(journal, 0, 1000, "one segment");
    all_there(journal, 999, 1000, "the last");
    tap_is_int(read_from(journal, 1000, 0, &ok, &err).count, 0, "nothing at the end");
    tap_is_int(read_from(journal, 5000, 0, &ok, &err).count, 0, "nothing beyond it");
    seen s = {.next = 10, .stop_after = 5};
    uint64_t next;
    ok = kn_journal_read(journal, 10, check, &s, &next, &err);
    tap_ok(ok && s.count == 5 && next == 15, "the visitor stops the reading");
    kn_journal_close(journal);
    journal = must_open(1 << 20);
    tap_is_int(kn_journal_end(journal), 1000, "opened again: the end is known");
    fill(journal, 10);
    all_there(journal, 0, 1010, "opened again");
    kn_journal_record empty = {.key = {"", 0}, .data = {"", 0}};
    tap_ok(kn_journal_append(journal, &empty, 1, &err) && empty.index == 1010,
           "a record may be empty");
    static const char zeros[1];
    kn_journal_record huge = {.data = {zeros, (size_t)65 << 20}};
    tap_ok(!kn_journal_append(journal, &huge, 1, &err) && err.code == KN_ELIMIT,
           "a record over the limit is refused");
    tap_is_int(kn_journal_end(journal), 1011, "... and not kept");
    kn_journal_close(journal);
}

static void rolling(void) {
    fresh();
    kn_journal *journal = must_open(4096);
    fill(journal, 2000);
    all_there(journal, 0, 2000, "small segments");
    for (uint64_t from = 0; from < 2000; from += 331)
        all_there(journal, from, 2000, "small segments");
    kn_journal_close(journal);
    journal = must_open(4096);
    tap_is_int(kn_journal_end(journal), 2000, "small segments, opened again: the end is known");
    all_there(journal, 1500, 2000, "small segments, opened again");
    all_there(journal, 0, 2000, "small segments, opened again");
    kn_err err = {0};
    tap_ok(kn_journal_trim(journal, 1000, &err), "trim");
    uint64_t begin = kn_journal_begin(journal);
    tap_ok(begin > 900 && begin <= 1000, "... whole segments below the index");
    bool ok;
    seen s = read_from(journal, 0, begin, &ok, &err);
    tap_ok(ok && s.wrong == 0 && s.next == 2000, "reading starts with the oldest kept");
    tap_ok(kn_journal_trim(journal, 2000, &err), "trim everything");
    tap_ok(kn_journal_begin(journal) == 2000 && kn_journal_end(journal) == 2000,
           "... the numbers go on");
    fill(journal, 5);
    kn_journal_close(journal);
    journal = must_open(4096);
    all_there(journal, 2000, 2005, "after trimming everything, opened again");
    kn_journal_close(journal);
}

static void sums(uint64_t step_bytes) {
    fresh();
    kn_journal *journal = must_open(step_bytes);
    kn_err err = {0};
    uint64_t sizes = 0, wrong = 0, n = 3000;
    char data[300];
    int64_t times[12], began = kn_time_now_ms();
    for (int i = 0; i < 12; i++) {
        fill(journal, n / 12);
        seen s = {.next = kn_journal_end(journal) - 1};
        uint64_t next;
        if (kn_journal_read(journal, s.next, check, &s, &next, &err))
            times[i] = s.last_ms;
        kn_sleep_ms(3);
    }
    for (int pass = 0; pass < 2; pass++) {
        sizes = 0;
        for (uint64_t from = n; from-- > 0;) {
            sizes += data_of(from, data);
            uint64_t bytes;
            int64_t oldest;
            if (from % 7 == 0)
                wrong += !kn_journal_backlog(journal, from, &bytes, &oldest, &err) ||
                         bytes != sizes || oldest < began || oldest > times[11];
        }
        kn_journal_close(journal);
        journal = must_open(step_bytes);
    }
    tap_is_int(wrong, 0, "segments of %llu: backlog from every index",
               (unsigned long long)step_bytes);
    uint64_t bytes, index;
    int64_t oldest;
    tap_ok(kn_journal_backlog(journal, n, &bytes, &oldest, &err) && bytes == 0 && oldest == 0,
           "no backlog at the end");
    wrong = 0;
    for (int i = 0; i < 12; i++) { /* the round after times[i] began later than it */
        uint64_t round = (uint64_t)(i + 1) * (n / 12);
        wrong += !kn_journal_seek_time(journal, times[i] + 1, &index, &err) || index != round;
        wrong += !kn_journal_seek_time(journal, times[i], &index, &err) || index >= round;
    }
    tap_is_int(wrong, 0, "seek_time finds the rounds");
    tap_ok(kn_journal_seek_time(journal, 0, &index, &err) && index == 0, "... the first");
    tap_ok(kn_journal_seek_time(journal, INT64_MIN, &index, &err) && index == 0, "... before all");
    tap_ok(kn_journal_seek_time(journal, INT64_MAX, &index, &err) && index == n, "... the future");
    kn_journal_close(journal);
}

/* Every length that a crash could leave. */
static void torn_tail(void) {
    fresh();
    kn_journal *journal = must_open(1 << 20);
    fill(journal, 20);
    const char *path = segment_path(0);
    off_t before = file_size(path);
    kn_err err = {0};
    if (!append(journal, 20, 1, &err))
        abort();
    kn_journal_close(journal);
    kn_buf whole;
    kn_buf_init(&whole, 1 << 20);
    if (!kn_file_read(path, &whole, &err))
        abort();
    unsigned wrong = 0;
    for (off_t size = before; size < (off_t)whole.len; size++) {
        if (!kn_file_write(path, (kn_slice){whole.p, (size_t)size}, &err))
            abort();
        journal = must_open(1 << 20);
        bool ok;
        seen s = read_from(journal, 0, 0, &ok, &err);
        wrong += !ok || s.count != 20 || s.wrong || file_size(path) != before;
        wrong += !append(journal, 20, 1, &err) || read_from(journal, 0, 0, &ok, &err).count != 21;
        kn_journal_close(journal);
        wrong += file_size(path) != (off_t)whole.len;
    }
    tap_is_int(wrong, 0, "a record torn at any of its %d bytes is cut, and written anew",
               (int)((off_t)whole.len - before));
    for (size_t i = (size_t)before; i < whole.len; i++) { /* damaged, nothing behind it */
        whole.p[i] ^= 0x40;
        if (!kn_file_write(path, kn_buf_view(&whole), &err))
            abort();
        whole.p[i] ^= 0x40;
        journal = must_open(1 << 20);
        wrong += kn_journal_end(journal) != 20;
        kn_journal_close(journal);
    }
    tap_is_int(wrong, 0, "any wrong byte of the last record is noticed");
    kn_buf_free(&whole);
}

static void flip(const char *path, off_t at) {
    char c;
    int fd = open(path, O_RDWR);
    if (fd < 0 || pread(fd, &c, 1, at) != 1)
        abort();
    c ^= 1;
    if (pwrite(fd, &c, 1, at) != 1)
        abort();
    close(fd);
}

static void damage(void) {
    fresh();
    kn_journal *journal = must_open(1 << 20);
    fill(journal, 50);
    kn_journal_close(journal);
    kn_err err = {0};
    flip(segment_path(0), HEADER + FRAME + 5 + FRAME + 5 + 10); /* the data of record 1 */
    bool opened = kn_journal_open_sized(folder, 1 << 20, &journal, &err);
    tap_ok(!opened && err.code == KN_EPARSE && strstr(err.message, "offset 61") &&
               strstr(err.message, "00000.seg"),
           "damage with whole records behind it is not taken for a torn tail: %s", err.message);

    fresh();
    journal = must_open(4096);
    fill(journal, 200);
    kn_journal_close(journal);
    flip(segment_path(0), HEADER + FRAME + 5 + FRAME + 5 + 10);
    journal = must_open(4096);
    bool ok;
    seen s = read_from(journal, 0, 0, &ok, &err);
    tap_ok(!ok && err.code == KN_EPARSE && strstr(err.message, "offset 61") && s.count == 1,
           "a damaged record in a sealed segment is reported: %s", err.message);
    all_there(journal, 2, 200, "behind the damage");
    kn_journal_close(journal);

    flip(segment_path(0), HEADER + 4 + 3); /* the data length of record 0 */
    journal = must_open(4096);
    s = read_from(journal, 0, 0, &ok, &err);
    tap_ok(!ok && err.code == KN_EPARSE && s.count == 0, "a wrong length too: %s", err.message);
    all_there(journal, 150, 200, "in later segments");
    kn_journal_close(journal);

    flip(segment_path(0), 9);
    tap_ok(!kn_journal_open(folder, &journal, &err) && err.code == KN_EPARSE && !journal,
           "a damaged header: %s", err.message);
}

static void leftovers(void) {
    fresh();
    kn_journal *journal = must_open(4096);
    fill(journal, 200);
    kn_journal_close(journal);
    kn_err err = {0};
    char path[160];
    snprintf(path, sizeof path, "%s.new", segment_path(200));
    if (!kn_file_write(path, KN_SLICE("half"), &err) ||
        !kn_file_write(segment_path(200), KN_SLICE("KNJRNL1"), &err))
        abort();
    journal = must_open(4096);
    tap_ok(file_size(path) < 0 && file_size(segment_path(200)) < 0,
           "half-made segments are removed");
    all_there(journal, 0, 200, "beside half-made segments");
    kn_journal_close(journal);
    fresh();
    if (!kn_file_write(segment_path(7), KN_SLICE(""), &err))
        abort();
    journal = must_open(4096);
    tap_is_int(kn_journal_end(journal), 7, "an empty only segment keeps its number");
    kn_journal_close(journal);
    snprintf(path, sizeof path, "%s", segment_path(7));
    if (rename(path, segment_path(8)) != 0)
        abort();
    tap_ok(!kn_journal_open(folder, &journal, &err) && strstr(err.message, "renamed"),
           "a renamed segment: %s", err.message);
    tap_ok(!kn_journal_open("/proc/nothing/here", &journal, &err) && err.code == KN_EIO,
           "no folder: %s", err.message);
}

/* A limit on the size of files stands for a full disk: the write comes up short, then fails. */
static void full_disk(void) {
    fresh();
    kn_journal *journal = must_open(1 << 20);
    fill(journal, 100);
    off_t before = file_size(segment_path(0));
    struct rlimit old, tight;
    getrlimit(RLIMIT_FSIZE, &old);
    tight = (struct rlimit){(rlim_t)before + 500, old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &tight);
    kn_err err = {0};
    bool first = append(journal, 100, 40, &err);
    off_t after = file_size(segment_path(0));
    setrlimit(RLIMIT_FSIZE, &old);
    tap_ok(!first && err.code == KN_EIO && err.sys_errno != 0, "a full disk: %s", err.message);
    tap_ok(after == before, "what was written of the batch is taken back");
    tap_is_int(kn_journal_end(journal), 100, "no record of it is kept");
    fill(journal, 40);
    all_there(journal, 0, 140, "with room again");
    kn_journal_close(journal);
    journal = must_open(1 << 20);
    all_there(journal, 0, 140, "with room again, opened again");
    kn_journal_close(journal);
}

typedef struct race {
    kn_journal *journal;
    _Atomic bool done;
    _Atomic unsigned wrong;
} race;

static void *reader(void *context) {
    race *r = context;
    uint64_t next = 0;
    bool last = false;
    do {
        last = r->done;
        seen s = {.next = next};
        kn_err err;
        uint64_t from = next, bytes, index;
        int64_t oldest;
        if (!kn_journal_read(r->journal, from, check, &s, &next, &err) || s.wrong ||
            !kn_journal_backlog(r->journal, from / 2, &bytes, &oldest, &err) ||
            !kn_journal_seek_time(r->journal, oldest, &index, &err))
            r->wrong++;
    } while (!last);
    r->wrong += next != 20000;
    return NULL;
}

static void together(void) {
    fresh();
    race r = {.journal = must_open(64 << 10)};
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, reader, &r);
    fill(r.journal, 20000);
    r.done = true;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    tap_is_int(r.wrong, 0, "three readers beside the writer");
    kn_journal_close(r.journal);
}

static void *writer(void *context) {
    race *r = context;
    for (int i = 0; i < 500; i++) {
        char data[1] = {'x'};
        kn_journal_record records[3] = {
            {.data = {data, 1}}, {.data = {data, 1}}, {.data = {data, 1}}};
        kn_err err;
        if (!kn_journal_append(r->journal, records, 3, &err) ||
            records[2].index != records[0].index + 2)
            r->wrong++;
    }
    return NULL;
}

static void writers(void) {
    fresh();
    race r = {.journal = must_open(4096)};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, writer, &r);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    tap_ok(r.wrong == 0 && kn_journal_end(r.journal) == 6000, "four writers: no number twice");
    kn_journal_close(r.journal);
}

int main(void) {
    write_and_read();
    rolling();
    sums(1 << 20);
    sums(4096);
    torn_tail();
    damage();
    leftovers();
    full_disk();
    together();
    writers();
    kn_err err;
    tap_ok(kn_file_remove_tree(folder, &err), "clean up");
    return tap_done();
}
