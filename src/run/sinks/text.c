/* See text.h. */
#include "run/sinks/text.h"

#include "base/align.h"
#include "base/time.h"
#include "run/destination.h"
#include "run/sinks/gzip.h"
#include "run/sinks/turn.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    FLUSH_AT = 2048 << 10, /* bytes collected before a block is written in parts */
    LINES_MAX = 512 << 20, /* one record above FLUSH_AT is allowed */
    KEPT_MOST = 4,         /* blocks that wait for their turn, while they are ... */
    KEPT_BYTES = 4 << 20,  /* ... not more than that */
};

struct kn_text {
    int fd;
    bool gzip;
    char *name;
    kn_turn turn;     /* guards the descriptor, and: */
    uint64_t written; /* bytes of the file */
};

/* Lines of one block that are not written yet. */
typedef struct text_lines {
    uint64_t block;
    kn_buf lines, packed; /* packed: compressed, where that is asked for */
    kn_due_span span;     /* of the records */
    uint64_t first, next; /* their indices */
    bool broken;          /* nothing may follow */
} text_lines;

typedef struct text_sink {
    kn_sink base;
    kn_text *text;
    kn_gzip *gzip;                  /* NULL: not compressed */
    text_lines ring[KEPT_MOST + 1]; /* whole blocks that wait, then the one that is made */
    unsigned oldest, kept;
    size_t kept_bytes;
    uint64_t looked_ns; /* for the turn of what is kept */
    bool waiting;       /* for a turn, looking after the worker's other sinks */
    bool inside;        /* a block is begun: then what fails ... */
    bool failed;        /* ... is kept, and told at its end, so that other sinks get it whole */
    kn_err error;
} text_sink;

static text_lines *oldest(text_sink *s) {
    return &s->ring[s->oldest];
}

static text_lines *current(text_sink *s) {
    return &s->ring[(s->oldest + s->kept) % (KEPT_MOST + 1)];
}

/* write(2) over short writes; a signal ends it when stop (may be NULL) is asked. */
static bool write_all(const kn_text *text, const char *p, size_t n, const kn_stop *stop,
                      kn_err *err) {
    while (n) {
        ssize_t written = write(text->fd, p, n);
        if (written < 0 && errno == EINTR && !kn_stop_asked(stop))
            continue;
        if (written < 0 && (errno == EPIPE || errno == EINTR))
            return kn_fail(err, KN_ECANCEL, "%s was closed", text->name);
        if (written < 0)
            return kn_fail_errno(err, "cannot write to %s", text->name);
        p += written;
        n -= (size_t)written;
    }
    return true;
}

/* A reader that left is told at the first record. */
static bool write_header(kn_text *text, const char *header, kn_err *err) {
    kn_gzip *gzip = NULL;
    kn_buf line, packed;
    kn_buf_init(&line, LINES_MAX);
    kn_buf_init(&packed, LINES_MAX);
    kn_buf_cstr(&line, header);
    kn_buf_char(&line, '\n');
    kn_slice bytes = kn_buf_view(&line);
    bool ok = kn_buf_check(&line, "the names of the columns", err);
    if (ok && text->gzip) {
        ok = kn_gzip_new(&gzip, err) && kn_gzip_member(gzip, bytes, &packed, err);
        bytes = kn_buf_view(&packed);
    }
    ok = ok && write_all(text, bytes.p, bytes.n, NULL, err);
    text->written += bytes.n;
    kn_gzip_destroy(gzip);
    kn_buf_free(&line);
    kn_buf_free(&packed);
    if (!ok)
        kn_turn_cut(&text->turn);
    return ok || err->code == KN_ECANCEL;
}

bool kn_text_new(const kn_text_config *config, kn_text **out, kn_err *err) {
    kn_text *text = calloc(1, sizeof *text);
    char *copy = strdup(config->name);
    *out = NULL;
    if (!text || !copy) {
        free(text);
        free(copy);
        return kn_fail(err, KN_ENOMEM, "out of memory");
    }
    text->fd = config->fd;
    text->gzip = config->gzip;
    text->written = config->position;
    text->name = copy;
    kn_turn_init(&text->turn, copy);
    *out = text;
    return !config->header || write_header(text, config->header, err);
}

void kn_text_destroy(kn_text *text) {
    if (!text)
        return;
    kn_turn_free(&text->turn);
    free(text->name);
    free(text);
}

/* Compresses what is collected, where that is asked for; needs no turn. What was packed for a turn
 * that did not come is in it again. */
static bool pack(text_sink *s, text_lines *l, kn_err *err) {
    kn_buf_clear(&l->packed);
    return !s->gzip || kn_gzip_member(s->gzip, kn_buf_view(&l->lines), &l->packed, err);
}

/* Writes what is collected and packed; the turn must be its block's. */
static bool flush(text_sink *s, text_lines *l, kn_err *err) {
    kn_stats *stats = s->base.stats;
    const kn_buf *bytes = s->gzip ? &l->packed : &l->lines;
    bool ok = write_all(s->text, bytes->p, bytes->len, &s->base.stop, err);
    if (ok) {
        kn_count(&stats->delivered, l->span.records);
        kn_count(&stats->bytes, l->lines.len - l->span.records); /* less the newlines */
        s->text->written += bytes->len;
        if (l->span.records)
            kn_sink_settle_at(&s->base, l->first, l->next, s->text->written);
        kn_due_span_count(&l->span, stats, kn_time_monotonic_ns());
    } else {
        if (err->code != KN_ECANCEL) {
            kn_count(&stats->failed, l->span.records);
            if (stats->first_error.code == KN_OK)
                stats->first_error = *err;
        }
        kn_turn_cut(&s->text->turn);
    }
    kn_buf_clear(&l->lines);
    kn_buf_clear(&l->packed);
    l->span.records = 0;
    return ok;
}

/* Waits until the lines may be written, and writes them. */
static bool flush_in_turn(text_sink *s, text_lines *l, kn_err *err) {
    s->waiting = true;
    bool ok = kn_turn_wait(&s->text->turn, l->block, &s->base, err);
    s->waiting = false;
    s->base.waited = true;
    return ok && flush(s, l, err);
}

/* ---- blocks that wait ---- */

static bool flush_oldest(text_sink *s, kn_err *err) {
    text_lines *l = oldest(s);
    size_t bytes = l->lines.len + l->packed.len;
    bool ok = flush_in_turn(s, l, err);
    if (ok && !l->broken)
        kn_turn_pass(&s->text->turn);
    else
        kn_turn_cut(&s->text->turn);
    s->oldest = (s->oldest + 1) % (KEPT_MOST + 1);
    s->kept--;
    s->kept_bytes -= bytes;
    return ok;
}

/* Waits for the turns of all but `most`; of those, writes what may be. */
static bool flush_kept(text_sink *s, unsigned most, kn_err *err) {
    while (s->kept > most || (s->kept && kn_turn_has_come(&s->text->turn, oldest(s)->block)))
        if (!flush_oldest(s, err))
            return false;
    return true;
}

/* Within a block. */
static void flush_meanwhile(text_sink *s) {
    if (!s->failed)
        s->failed = !flush_kept(s, KEPT_MOST, &s->error);
}

/* ---- the sink ---- */

static bool text_begin_block(kn_sink *sink, uint64_t block, kn_err *err) {
    text_sink *s = (text_sink *)sink;
    (void)err;
    text_lines *l = current(s);
    l->block = block;
    l->broken = false;
    s->inside = true;
    return true;
}

static bool text_put(kn_sink *sink, const kn_record *record, kn_err *err) {
    text_sink *s = (text_sink *)sink;
    if (s->kept && record->now_ns != s->looked_ns) {
        s->looked_ns = record->now_ns;
        flush_meanwhile(s);
    }
    text_lines *l = current(s);
    if (l->lines.len >= FLUSH_AT &&
        (!flush_kept(s, 0, err) || !pack(s, l, err) || !flush_in_turn(s, l, err)))
        return false;
    if (!kn_buf_reserve(&l->lines, record->data.n + 1))
        return kn_buf_check(&l->lines, "a record", err);
    kn_buf_slice(&l->lines, record->data);
    kn_buf_char(&l->lines, '\n');
    if (l->span.records == 0)
        l->first = record->index;
    l->next = record->index + 1;
    kn_due_span_add(&l->span, record->due_ns);
    return true;
}

static bool text_end_block(kn_sink *sink, bool broken, kn_err *err) {
    text_sink *s = (text_sink *)sink;
    text_lines *l = current(s);
    s->inside = false;
    if (s->failed) /* the turn is cut */
        *err = s->error;
    if (s->failed || !pack(s, l, err)) {
        kn_turn_cut(&s->text->turn);
        return false;
    }
    l->broken = broken;
    s->kept++;
    s->kept_bytes += l->lines.len + l->packed.len;
    return flush_kept(s, broken || s->kept_bytes > KEPT_BYTES ? 0 : KEPT_MOST, err);
}

/* What is kept is written when its turn comes: waits for that at most so long. */
static bool text_poll(kn_sink *sink, int timeout_ms, kn_err *err) {
    text_sink *s = (text_sink *)sink;
    if (s->inside && !s->waiting)
        flush_meanwhile(s);
    if (s->inside || s->waiting)
        return true;
    if (s->kept && timeout_ms > 0)
        kn_turn_await(&s->text->turn, oldest(s)->block, timeout_ms);
    return flush_kept(s, KEPT_MOST, err);
}

static bool text_drain(kn_sink *sink, uint64_t deadline_ns, kn_err *err) {
    (void)deadline_ns;
    return flush_kept((text_sink *)sink, 0, err);
}

static void text_destroy(kn_sink *sink) {
    text_sink *s = (text_sink *)sink;
    kn_gzip_destroy(s->gzip);
    for (int i = 0; i <= KEPT_MOST; i++) {
        kn_buf_free(&s->ring[i].lines);
        kn_buf_free(&s->ring[i].packed);
    }
    free(s);
}

bool kn_sink_text_open(kn_text *text, kn_stats *stats, kn_sink **out, kn_err *err) {
    static const kn_sink_type type = {.name = "text",
                                      .put = text_put,
                                      .begin_block = text_begin_block,
                                      .end_block = text_end_block,
                                      .poll = text_poll,
                                      .drain = text_drain,
                                      .destroy = text_destroy};
    text_sink *s = kn_align_alloc(sizeof *s);
    *out = NULL;
    if (!s)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    s->base.type = &type;
    s->base.stats = stats;
    s->text = text;
    for (int i = 0; i <= KEPT_MOST; i++) {
        kn_buf_init(&s->ring[i].lines, LINES_MAX);
        kn_buf_init(&s->ring[i].packed, LINES_MAX);
    }
    if (text->gzip && !kn_gzip_new(&s->gzip, err)) {
        text_destroy(&s->base);
        return false;
    }
    *out = &s->base;
    return true;
}

/* ---- null ---- */

typedef struct null_sink {
    kn_sink base;
    kn_due_span span; /* of the block */
    uint64_t first, next;
} null_sink;

static bool null_put(kn_sink *sink, const kn_record *record, kn_err *err) {
    null_sink *s = (null_sink *)sink;
    (void)err;
    if (s->span.records == 0)
        s->first = record->index;
    s->next = record->index + 1;
    kn_due_span_add(&s->span, record->due_ns);
    kn_count(&sink->stats->delivered, 1);
    kn_count(&sink->stats->bytes, record->data.n);
    return true;
}

static bool null_end_block(kn_sink *sink, bool broken, kn_err *err) {
    null_sink *s = (null_sink *)sink;
    (void)broken, (void)err;
    if (s->span.records)
        kn_sink_settle(sink, s->first, s->next);
    kn_due_span_count(&s->span, sink->stats, kn_time_monotonic_ns());
    return true;
}

static bool null_drain(kn_sink *sink, uint64_t deadline_ns, kn_err *err) {
    (void)sink, (void)deadline_ns, (void)err; /* nothing waits */
    return true;
}

static void null_destroy(kn_sink *sink) {
    free(sink);
}

bool kn_sink_null_open(kn_stats *stats, kn_sink **out, kn_err *err) {
    static const kn_sink_type type = {.name = "null",
                                      .put = null_put,
                                      .end_block = null_end_block,
                                      .drain = null_drain,
                                      .destroy = null_destroy};
    null_sink *s = kn_align_alloc(sizeof *s);
    *out = NULL;
    if (!s)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    s->base.type = &type;
    s->base.stats = stats;
    *out = &s->base;
    return true;
}
