/* See journal.h: opening, appending, trimming. Reading is in journal_read.c.
 *
 * Nothing is synced: the page cache survives the process, not the machine. Damage to the lengths of
 * a record in the last segment cannot be told from a torn tail, and is cut like one. */
#include "lake/store/journal_segment.h"

#include "base/file.h"
#include "base/time.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SEGMENT_BYTES (64u << 20)
#define BATCH_BYTES (64u << 20)
#define BATCH_KEPT (1u << 20) /* a larger buffer is given back after the append */

static bool add_segment(kn_journal *journal, const kn_segment *segment, kn_err *err) {
    kn_segment *grown =
        realloc(journal->segments, (journal->count + 1) * sizeof *journal->segments);
    if (!grown)
        return kn_fail(err, KN_ENOMEM, "out of memory opening journal %s", journal->folder);
    journal->segments = grown;
    journal->segments[journal->count++] = *segment;
    return true;
}

static int by_first(const void *a, const void *b) {
    const kn_segment *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* The segments of the folder by name; what a crash left half made is removed. */
static bool list_segments(kn_journal *journal, kn_err *err) {
    DIR *folder = opendir(journal->folder);
    if (!folder)
        return kn_fail_errno(err, "cannot read folder %s", journal->folder);
    bool ok = true;
    struct dirent *entry;
    while (ok && (entry = readdir(folder))) {
        kn_segment segment = {0};
        char expected[64];
        if (sscanf(entry->d_name, "%20" SCNu64, &segment.first) != 1)
            continue;
        snprintf(expected, sizeof expected, "%020" PRIu64 ".seg.new", segment.first);
        if (strcmp(entry->d_name, expected) == 0)
            unlinkat(dirfd(folder), entry->d_name, 0);
        expected[24] = '\0';
        if (strcmp(entry->d_name, expected) == 0)
            ok = add_segment(journal, &segment, err);
    }
    closedir(folder);
    if (ok && journal->count)
        qsort(journal->segments, journal->count, sizeof *journal->segments, by_first);
    return ok;
}

static bool read_headers(kn_journal *journal, kn_err *err) {
    for (size_t i = 0; i < journal->count; i++) {
        kn_segment *segment = &journal->segments[i];
        char path[PATH_MAX];
        bool cut;
        uint64_t named = segment->first;
        kn_segment_path(path, journal->folder, named);
        if (!kn_segment_read_header(path, segment, &cut, err))
            return false;
        if (cut && i + 1 < journal->count)
            return kn_fail(err, KN_EPARSE, "%s: shorter than its header", path);
        if (cut && i > 0) { /* the power failed after it was made: it never held a record */
            if (unlink(path) != 0)
                return kn_fail_errno(err, "cannot remove %s", path);
            journal->count--;
        } else if (cut) {
            int fd;
            segment->size = KN_SEGMENT_HEADER;
            if (!kn_segment_create(path, segment, &fd, err))
                return false;
            close(fd);
        } else if (segment->first != named) {
            return kn_fail(err, KN_EPARSE,
                           "%s: its header says that it starts at record %" PRIu64
                           "; was it renamed?",
                           path, segment->first);
        }
    }
    return true;
}

/* After a bad frame at `at`: is there a whole one behind it? */
static bool whole_frame_follows(kn_frames *frames, const kn_frame *bad) {
    kn_frame frame;
    kn_journal_record record;
    frames->offset = bad->offset + bad->length;
    return frames->offset < frames->limit && kn_frames_next(frames, &frame, NULL) &&
           kn_frames_load(frames, &frame, &record, NULL);
}

/* Checks every record of the last segment; *end is where the whole ones end. */
static bool scan_last(kn_journal *journal, kn_frames *frames, uint64_t *end, kn_err *err) {
    kn_segment *segment = &journal->segments[journal->count - 1];
    journal->end = segment->first;
    journal->bytes = segment->bytes_before;
    journal->last_ms = segment->arrival_before;
    kn_err why;
    kn_frame frame;
    kn_journal_record record;
    while (*end = frames->offset, frames->offset < frames->limit) {
        if (!kn_frames_next(frames, &frame, &why)) {
            if (why.code == KN_EPARSE)
                break;
            if (err)
                *err = why;
            return false;
        }
        if (!kn_frames_load(frames, &frame, &record, &why)) {
            if (why.code == KN_EPARSE && !whole_frame_follows(frames, &frame))
                break;
            if (err)
                *err = why;
            if (why.code == KN_EPARSE)
                kn_fail(err, KN_EPARSE,
                        "%.400s; whole records follow it: restore the file, or cut it to %" PRIu64
                        " bytes to lose them",
                        why.message, frame.offset);
            return false;
        }
        kn_mark mark = {journal->end, frame.offset, journal->bytes, frame.arrival_ms};
        if (!kn_segment_mark(segment, &mark))
            return kn_fail(err, KN_ENOMEM, "out of memory opening journal %s", journal->folder);
        journal->end++;
        journal->bytes += frame.data_length;
        if (frame.arrival_ms > journal->last_ms)
            journal->last_ms = frame.arrival_ms;
    }
    segment->marked = true;
    return true;
}

static bool open_last(kn_journal *journal, kn_err *err) {
    kn_segment *segment = &journal->segments[journal->count - 1];
    char path[PATH_MAX];
    kn_segment_path(path, journal->folder, segment->first);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return kn_fail_errno(err, "cannot open %s", path);
    kn_frames frames = {
        .fd = fd, .path = path, .offset = KN_SEGMENT_HEADER, .limit = segment->size};
    uint64_t end;
    bool ok = scan_last(journal, &frames, &end, err);
    kn_frames_free(&frames);
    if (ok && end < segment->size && ftruncate(fd, (off_t)end) != 0)
        ok = kn_fail_errno(err, "cannot cut the torn tail of %s", path);
    segment->size = end;
    close(fd);
    return ok;
}

bool kn_journal_open_sized(const char *folder, uint64_t segment_bytes, kn_journal **out,
                           kn_err *err) {
    *out = NULL;
    if (strlen(folder) + 64 > PATH_MAX)
        return kn_fail(err, KN_EINVAL, "folder name is too long: %s", folder);
    if (!kn_file_mkdirs(folder, err))
        return false;
    kn_journal *journal = calloc(1, sizeof *journal);
    if (!journal || !(journal->folder = strdup(folder))) {
        free(journal);
        return kn_fail(err, KN_ENOMEM, "out of memory opening journal %s", folder);
    }
    journal->segment_max = segment_bytes;
    journal->fd = -1;
    kn_buf_init(&journal->batch, BATCH_BYTES);
    pthread_mutex_init(&journal->writing, NULL);
    pthread_mutex_init(&journal->lock, NULL);
    bool ok = list_segments(journal, err) && read_headers(journal, err);
    if (ok && journal->count)
        ok = open_last(journal, err);
    else if (ok) {
        kn_segment segment = {.size = KN_SEGMENT_HEADER, .marked = true};
        char path[PATH_MAX];
        kn_segment_path(path, folder, 0);
        ok = kn_segment_create(path, &segment, &journal->fd, err) &&
             add_segment(journal, &segment, err);
    }
    if (!ok) {
        kn_journal_close(journal);
        return false;
    }
    *out = journal;
    return true;
}

bool kn_journal_open(const char *folder, kn_journal **out, kn_err *err) {
    return kn_journal_open_sized(folder, SEGMENT_BYTES, out, err);
}

void kn_journal_close(kn_journal *journal) {
    if (!journal)
        return;
    if (journal->fd >= 0)
        close(journal->fd);
    for (size_t i = 0; i < journal->count; i++)
        free(journal->segments[i].marks);
    free(journal->segments);
    kn_buf_free(&journal->batch);
    pthread_mutex_destroy(&journal->writing);
    pthread_mutex_destroy(&journal->lock);
    free(journal->folder);
    free(journal);
}

/* Seals the last segment and starts the next. The caller holds writing. */
static bool roll(kn_journal *journal, kn_err *err) {
    kn_segment segment = {.first = journal->end,
                          .size = KN_SEGMENT_HEADER,
                          .bytes_before = journal->bytes,
                          .arrival_before = journal->last_ms,
                          .marked = true};
    char path[PATH_MAX];
    int fd;
    kn_segment_path(path, journal->folder, segment.first);
    if (!kn_segment_create(path, &segment, &fd, err))
        return false;
    pthread_mutex_lock(&journal->lock);
    bool ok = add_segment(journal, &segment, err);
    pthread_mutex_unlock(&journal->lock);
    if (!ok) {
        close(fd);
        unlink(path);
        return false;
    }
    if (journal->fd >= 0)
        close(journal->fd);
    journal->fd = fd;
    return true;
}

/* The last segment, open for writing and without bytes after its end. */
static bool ready_last(kn_journal *journal, uint64_t incoming, kn_err *err) {
    kn_segment *last = &journal->segments[journal->count - 1];
    char path[PATH_MAX];
    kn_segment_path(path, journal->folder, last->first);
    if (journal->fd < 0 && (journal->fd = open(path, O_RDWR | O_CLOEXEC)) < 0)
        return kn_fail_errno(err, "cannot open %s", path);
    if (journal->untidy) {
        if (ftruncate(journal->fd, (off_t)last->size) != 0)
            return kn_fail_errno(err, "cannot cut what a failed write left in %s", path);
        journal->untidy = false;
    }
    if (journal->end > last->first && last->size + incoming > journal->segment_max)
        return roll(journal, err);
    return true;
}

/* Writes the batch at the end of the last segment, whole or not at all. */
static bool write_batch(kn_journal *journal, kn_err *err) {
    const kn_segment *last = &journal->segments[journal->count - 1];
    uint64_t done = 0;
    while (done < journal->batch.len) {
        ssize_t put = pwrite(journal->fd, journal->batch.p + done, journal->batch.len - done,
                             (off_t)(last->size + done));
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            kn_fail_errno(err, "cannot write %zu bytes to journal %s (no record was kept)",
                          journal->batch.len, journal->folder);
            journal->untidy = done > 0 && ftruncate(journal->fd, (off_t)last->size) != 0;
            return false;
        }
        done += (uint64_t)put;
    }
    return true;
}

/* Makes what write_batch wrote known to readers. */
static void publish(kn_journal *journal, const kn_journal_record *records, size_t n) {
    pthread_mutex_lock(&journal->lock);
    kn_segment *last = &journal->segments[journal->count - 1];
    for (size_t i = 0; i < n; i++) {
        kn_mark mark = {journal->end, last->size, journal->bytes, records[i].arrival_ms};
        if (last->marked && !kn_segment_mark(last, &mark)) {
            last->marked = false; /* they are found again when they are needed */
            last->mark_count = 0;
        }
        last->size += KN_FRAME_HEADER + records[i].key.n + records[i].data.n;
        journal->end++;
        journal->bytes += records[i].data.n;
    }
    journal->last_ms = records[n - 1].arrival_ms;
    pthread_mutex_unlock(&journal->lock);
}

bool kn_journal_append(kn_journal *journal, kn_journal_record *records, size_t n, kn_err *err) {
    if (n == 0)
        return true;
    for (size_t i = 0; i < n; i++)
        if (records[i].key.n > BATCH_BYTES || records[i].data.n > BATCH_BYTES)
            return kn_fail(err, KN_ELIMIT, "journal %s: a record is larger than %u bytes",
                           journal->folder, BATCH_BYTES);
    pthread_mutex_lock(&journal->writing);
    int64_t now = kn_time_now_ms();
    if (now < journal->last_ms)
        now = journal->last_ms;
    kn_buf_clear(&journal->batch);
    for (size_t i = 0; i < n; i++) {
        records[i].index = journal->end + i;
        records[i].arrival_ms = now;
        kn_frame_encode(&journal->batch, &records[i]);
    }
    bool ok = kn_buf_check(&journal->batch, "the records appended at once", err) &&
              ready_last(journal, journal->batch.len, err) && write_batch(journal, err);
    if (ok)
        publish(journal, records, n);
    if (journal->batch.cap > BATCH_KEPT)
        kn_buf_free(&journal->batch);
    pthread_mutex_unlock(&journal->writing);
    return ok;
}

bool kn_journal_trim(kn_journal *journal, uint64_t index, kn_err *err) {
    pthread_mutex_lock(&journal->writing);
    bool ok = true;
    /* The last segment can go once there is another to remember where the journal stands. */
    const kn_segment *last = &journal->segments[journal->count - 1];
    if (index >= journal->end && journal->end > last->first)
        ok = roll(journal, err);
    pthread_mutex_lock(&journal->lock);
    size_t gone = 0;
    while (ok && gone + 1 < journal->count && journal->segments[gone + 1].first <= index) {
        char path[PATH_MAX];
        kn_segment_path(path, journal->folder, journal->segments[gone].first);
        if (unlink(path) != 0 && errno != ENOENT) {
            ok = kn_fail_errno(err, "cannot remove %s", path);
            break;
        }
        free(journal->segments[gone++].marks);
    }
    journal->count -= gone;
    memmove(journal->segments, journal->segments + gone,
            journal->count * sizeof *journal->segments);
    pthread_mutex_unlock(&journal->lock);
    pthread_mutex_unlock(&journal->writing);
    return ok;
}
