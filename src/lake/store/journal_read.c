/* See journal.h: reading beside the writer. A reader takes from under the lock where to look and
 * where the whole records end, opens the file itself, and reads without the lock. */
#include "lake/store/journal_segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define MARKED_MAX 32 /* sealed segments whose marks stay in memory: about 1 MiB */

/* What is looked for: a record by its index, or the first that arrived at or after a time. */
typedef struct target {
    bool by_time;
    uint64_t index;
    int64_t ms;
} target;

/* A segment as it was while the lock was held, and its open file. */
typedef struct view {
    kn_mark from;     /* where to start walking */
    uint64_t last;    /* index after its last record */
    uint64_t bytes;   /* data bytes of the whole journal */
    kn_frames frames; /* owns the open file */
    char path[PATH_MAX];
} view;

static void view_close(view *v) {
    kn_frames_free(&v->frames);
    if (v->frames.fd >= 0)
        close(v->frames.fd);
    v->frames.fd = -1;
}

/* The segment that the target is in; the caller holds the lock. */
static size_t find_segment(const kn_journal *journal, const target *t) {
    size_t low = 0, high = journal->count - 1;
    while (low < high) { /* the last one that begins at or before the index, or before the time */
        size_t middle = low + (high - low + 1) / 2;
        const kn_segment *segment = &journal->segments[middle];
        bool begun = t->by_time ? segment->arrival_before < t->ms : segment->first <= t->index;
        if (begun)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static kn_mark find_mark(const kn_segment *segment, const target *t) {
    size_t low = 0, high = segment->mark_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const kn_mark *mark = &segment->marks[middle];
        bool before = t->by_time ? mark->arrival_ms < t->ms : mark->index <= t->index;
        if (before)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? segment->marks[low - 1] : kn_segment_start(segment);
}

/* Keeps the marks of at most MARKED_MAX sealed segments; the caller holds the lock. */
static void forget_marks(kn_journal *journal) {
    size_t marked = 0, oldest = 0;
    for (size_t i = 0; i + 1 < journal->count; i++) {
        if (!journal->segments[i].marked)
            continue;
        if (marked++ == 0 || journal->segments[i].used < journal->segments[oldest].used)
            oldest = i;
    }
    if (marked <= MARKED_MAX)
        return;
    kn_segment *segment = &journal->segments[oldest];
    free(segment->marks);
    segment->marks = NULL;
    segment->mark_count = segment->mark_cap = 0;
    segment->marked = false;
}

/* Walks a segment whose marks are not known and keeps them. A damaged frame ends the walk: whoever
 * reads there reports it. */
static bool mark_segment(kn_journal *journal, view *v, kn_err *err) {
    kn_segment found = {0};
    kn_mark at = v->from;
    bool ok = true;
    while (ok && v->frames.offset < v->frames.limit) {
        kn_frame frame;
        kn_err why;
        if (!kn_frames_next(&v->frames, &frame, &why)) {
            ok = why.code == KN_EPARSE;
            if (!ok && err)
                *err = why;
            break;
        }
        at.offset = frame.offset;
        at.arrival_ms = frame.arrival_ms;
        ok = kn_segment_mark(&found, &at) ||
             kn_fail(err, KN_ENOMEM, "out of memory reading %s", v->path);
        at.index++;
        at.bytes += frame.data_length;
    }
    pthread_mutex_lock(&journal->lock);
    target t = {.index = v->from.index};
    kn_segment *segment = &journal->segments[find_segment(journal, &t)];
    if (ok && segment->first == v->from.index && !segment->marked) {
        free(segment->marks);
        segment->marks = found.marks;
        segment->mark_count = found.mark_count;
        segment->mark_cap = found.mark_cap;
        segment->marked = true;
        segment->used = ++journal->clock;
        found.marks = NULL;
        forget_marks(journal);
    }
    pthread_mutex_unlock(&journal->lock);
    free(found.marks);
    return ok;
}

/* Opens the segment of the target at the mark before it; *marked is false when it has no marks, and
 * the view is then at its start. */
static bool view_locate(kn_journal *journal, const target *t, view *v, bool *marked, kn_err *err) {
    pthread_mutex_lock(&journal->lock);
    size_t i = find_segment(journal, t);
    kn_segment *segment = &journal->segments[i];
    *marked = segment->marked;
    v->from = *marked ? find_mark(segment, t) : kn_segment_start(segment);
    v->last = i + 1 < journal->count ? segment[1].first : journal->end;
    v->bytes = journal->bytes;
    segment->used = ++journal->clock;
    kn_segment_path(v->path, journal->folder, segment->first);
    int fd = open(v->path, O_RDONLY | O_CLOEXEC);
    int failure = errno;
    v->frames =
        (kn_frames){.fd = fd, .path = v->path, .offset = v->from.offset, .limit = segment->size};
    pthread_mutex_unlock(&journal->lock);
    errno = failure;
    return fd >= 0 || kn_fail_errno(err, "cannot open %s", v->path);
}

static bool view_open(kn_journal *journal, const target *t, view *v, kn_err *err) {
    for (;;) {
        bool marked;
        if (!view_locate(journal, t, v, &marked, err))
            return false;
        if (marked)
            return true;
        bool ok = mark_segment(journal, v, err);
        view_close(v);
        if (!ok)
            return false;
    }
}

/* The frame after v->from, which moves past it. */
static bool view_next(view *v, kn_frame *frame, kn_err *err) {
    if (v->frames.offset >= v->frames.limit)
        return kn_fail(err, KN_EPARSE,
                       "%s, offset %" PRIu64 ": the segment ends before record %" PRIu64
                       "; it should hold those below %" PRIu64,
                       v->path, v->frames.offset, v->from.index, v->last);
    if (!kn_frames_next(&v->frames, frame, err))
        return false;
    v->from.index++;
    v->from.bytes += frame->data_length;
    return true;
}

uint64_t kn_journal_begin(kn_journal *journal) {
    pthread_mutex_lock(&journal->lock);
    uint64_t begin = journal->segments[0].first;
    pthread_mutex_unlock(&journal->lock);
    return begin;
}

uint64_t kn_journal_end(kn_journal *journal) {
    pthread_mutex_lock(&journal->lock);
    uint64_t end = journal->end;
    pthread_mutex_unlock(&journal->lock);
    return end;
}

/* Visits the records [*next, end) of the view's segment. */
static bool read_view(view *v, uint64_t end, kn_journal_visitor *visit, void *context,
                      uint64_t *next, bool *go_on, kn_err *err) {
    while (*go_on && v->from.index < v->last && v->from.index < end) {
        kn_frame frame;
        kn_journal_record record = {.index = v->from.index};
        if (!view_next(v, &frame, err))
            return false;
        if (record.index < *next)
            continue;
        if (!kn_frames_load(&v->frames, &frame, &record, err))
            return false;
        *go_on = visit(context, &record);
        *next = record.index + 1;
    }
    return true;
}

bool kn_journal_read(kn_journal *journal, uint64_t from, kn_journal_visitor *visit, void *context,
                     uint64_t *next, kn_err *err) {
    uint64_t end = kn_journal_end(journal);
    bool ok = true, go_on = true;
    *next = from;
    while (ok && go_on) {
        uint64_t begin = kn_journal_begin(journal); /* it moves when trimmed meanwhile */
        if (*next < begin)
            *next = begin;
        if (*next >= end)
            break;
        target t = {.index = *next};
        view v;
        if (!view_open(journal, &t, &v, err))
            return false;
        ok = read_view(&v, end, visit, context, next, &go_on, err);
        view_close(&v);
    }
    return ok;
}

bool kn_journal_backlog(kn_journal *journal, uint64_t from, uint64_t *bytes, int64_t *oldest_ms,
                        kn_err *err) {
    *bytes = 0;
    *oldest_ms = 0;
    uint64_t begin = kn_journal_begin(journal);
    target t = {.index = from < begin ? begin : from};
    if (t.index >= kn_journal_end(journal))
        return true;
    view v;
    if (!view_open(journal, &t, &v, err))
        return false;
    bool ok = true;
    kn_frame frame = {0};
    while (ok && v.from.index <= t.index && v.from.index < v.last)
        ok = view_next(&v, &frame, err);
    view_close(&v);
    if (ok) {
        *bytes = v.bytes - v.from.bytes + frame.data_length;
        *oldest_ms = frame.arrival_ms;
    }
    return ok;
}

bool kn_journal_seek_time(kn_journal *journal, int64_t ms, uint64_t *index, kn_err *err) {
    pthread_mutex_lock(&journal->lock);
    *index = journal->end;
    bool none = journal->segments[0].first == journal->end || journal->last_ms < ms;
    pthread_mutex_unlock(&journal->lock);
    if (none)
        return true;
    target t = {.by_time = true, .ms = ms};
    view v;
    if (!view_open(journal, &t, &v, err))
        return false;
    bool ok = true;
    *index = v.last;
    while (v.from.index < v.last) {
        kn_frame frame;
        uint64_t at = v.from.index;
        ok = view_next(&v, &frame, err);
        if (!ok || frame.arrival_ms >= ms) {
            *index = at;
            break;
        }
    }
    view_close(&v);
    return ok;
}
