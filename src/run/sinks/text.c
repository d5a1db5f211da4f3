/* See sink_text.h. */
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
};

struct kn_text {
    int fd;
    bool gzip;
    char *name;
    kn_turn turn;     /* guards the descriptor, and: */
    uint64_t written; /* bytes of the file */
};

typedef struct text_sink {
    kn_sink base;
    kn_text *text;
    uint64_t block;
    kn_buf lines;
    kn_due_span span;     /* of the records in lines */
    uint64_t first, next; /* their indices */
    kn_gzip *gzip;        /* NULL: not compressed */
    kn_buf packed;        /* lines, compressed */
} text_sink;

/* write(2) over short writes; a signal ends it when *abandon. */
static bool write_all(const kn_text *text, const char *p, size_t n, const _Atomic bool *abandon,
                      kn_err *err) {
    while (n) {
        ssize_t written = write(text->fd, p, n);
        if (written < 0 && errno == EINTR && !*abandon)
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
    static const _Atomic bool never;
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
    ok = ok && write_all(text, bytes.p, bytes.n, &never, err);
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

/* Waits until the sink's block may write. */
static bool wait_turn(text_sink *s, kn_err *err) {
    return kn_turn_wait(&s->text->turn, s->block, &s->base, err);
}

/* Compresses what is collected, where that is asked for; needs no turn. */
static bool pack(text_sink *s, kn_err *err) {
    return !s->gzip || kn_gzip_member(s->gzip, kn_buf_view(&s->lines), &s->packed, err);
}

/* Writes what is collected and packed; the turn must be the sink's. */
static bool flush(text_sink *s, kn_err *err) {
    kn_stats *stats = s->base.stats;
    const kn_buf *bytes = s->gzip ? &s->packed : &s->lines;
    bool ok = write_all(s->text, bytes->p, bytes->len, s->base.abandon, err);
    if (ok) {
        kn_count(&stats->delivered, s->span.records);
        kn_count(&stats->bytes, s->lines.len - s->span.records); /* less the newlines */
        s->text->written += bytes->len;
        if (s->span.records)
            kn_sink_settle_at(&s->base, s->first, s->next, s->text->written);
        kn_due_span_count(&s->span, stats, kn_time_monotonic_ns());
    } else {
        if (err->code != KN_ECANCEL) {
            kn_count(&stats->failed, s->span.records);
            if (stats->first_error.code == KN_OK)
                stats->first_error = *err;
        }
        kn_turn_cut(&s->text->turn);
    }
    kn_buf_clear(&s->lines);
    kn_buf_clear(&s->packed);
    s->span.records = 0;
    return ok;
}

static bool text_begin_block(kn_sink *sink, uint64_t block, kn_err *err) {
    text_sink *s = (text_sink *)sink;
    (void)err;
    s->block = block;
    return true;
}

static bool text_put(kn_sink *sink, const kn_record *record, kn_err *err) {
    text_sink *s = (text_sink *)sink;
    if (s->lines.len >= FLUSH_AT && (!pack(s, err) || !wait_turn(s, err) || !flush(s, err)))
        return false;
    kn_buf_slice(&s->lines, record->data);
    kn_buf_char(&s->lines, '\n');
    if (s->span.records == 0)
        s->first = record->index;
    s->next = record->index + 1;
    kn_due_span_add(&s->span, record->due_ns);
    return kn_buf_check(&s->lines, "a record", err);
}

static bool text_end_block(kn_sink *sink, bool broken, kn_err *err) {
    text_sink *s = (text_sink *)sink;
    kn_text *text = s->text;
    bool ok = pack(s, err) && wait_turn(s, err) && flush(s, err);
    if (!ok || broken)
        kn_turn_cut(&text->turn);
    kn_turn_pass(&text->turn);
    return ok;
}

static bool text_drain(kn_sink *sink, uint64_t deadline_ns, kn_err *err) {
    (void)sink, (void)deadline_ns, (void)err; /* every block was written when it ended */
    return true;
}

static void text_destroy(kn_sink *sink) {
    text_sink *s = (text_sink *)sink;
    kn_gzip_destroy(s->gzip);
    kn_buf_free(&s->lines);
    kn_buf_free(&s->packed);
    free(s);
}

bool kn_sink_text_open(kn_text *text, kn_stats *stats, kn_sink **out, kn_err *err) {
    static const kn_sink_type type = {.name = "text",
                                      .put = text_put,
                                      .begin_block = text_begin_block,
                                      .end_block = text_end_block,
                                      .drain = text_drain,
                                      .destroy = text_destroy};
    text_sink *s = kn_align_alloc(sizeof *s);
    *out = NULL;
    if (!s)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    s->base.type = &type;
    s->base.stats = stats;
    s->text = text;
    kn_buf_init(&s->lines, LINES_MAX);
    kn_buf_init(&s->packed, LINES_MAX);
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

static void null_destroy(kn_sink *sink) {
    free(sink);
}

bool kn_sink_null_open(kn_stats *stats, kn_sink **out, kn_err *err) {
    static const kn_sink_type type = {.name = "null",
                                      .put = null_put,
                                      .end_block = null_end_block,
                                      .drain = text_drain,
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
