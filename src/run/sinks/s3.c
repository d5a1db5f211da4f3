/* See s3.h. */
#include "run/sinks/s3.h"

#include "aws/call.h"
#include "base/align.h"
#include "base/base64.h"
#include "base/md5.h"
#include "base/time.h"
#include "run/destination.h"
#include "run/sinks/gzip.h"
#include "run/sinks/turn.h"

enum {
    S3_OBJECTS = 3,        /* in memory: one being filled, the others on their way */
    FLUSH_AT = 2048 << 10, /* bytes collected before a block is added in parts */
    LINES_MAX = 512 << 20, /* one record above FLUSH_AT is allowed */
    KEY_MAX = 4096,
    ATTEMPTS_UNREACHED = 4, /* of an upload, while no server has ever answered: under 2 s, ... */
    ATTEMPTS_REACHED = 12,  /* ... afterwards about 40 s, and the time it takes */
    WAIT_MS = 100,
    SHARED_WAIT_MS = 5, /* where the worker has other sinks */
};

/* Records that come one after another, as bytes to be put. */
typedef struct object {
    kn_buf body;
    size_t raw; /* bytes of lines */
    uint64_t first, next;
    int64_t begun_ms;
    kn_due_span span;
} object;

struct kn_s3 {
    kn_s3_config config;
    kn_turn turn;
    object filling; /* the turn's */
    pthread_mutex_t mutex;
    pthread_cond_t landed;
    unsigned uploads, sinks, drained; /* guarded by mutex */
};

typedef struct s3_sink {
    kn_sink base;
    kn_s3 *s3;
    kn_aws_client *client;
    const kn_operation *operation;
    kn_md5 md5;
    uint64_t block;
    kn_buf lines, lengths; /* of the block so far; uint32_t a line */
    uint64_t first, next;
    kn_due_span span;
    kn_gzip *gzip; /* NULL: not compressed */
    kn_buf packed;
    object upload;
    uint64_t deadline_ns;
    bool answered, failed; /* the upload: there is an answer; it is `error` */
    kn_err error;
} s3_sink;

/* ---- names ---- */

static void write_time(kn_slice pattern, int64_t ms, kn_buf *out) {
    kn_civil t = kn_civil_from_ms(ms);
    const struct {
        char letter;
        int value;
    } parts[] = {{'y', t.year}, {'M', t.month},  {'d', t.day},
                 {'H', t.hour}, {'m', t.minute}, {'s', t.second}};
    for (size_t i = 0; i < pattern.n;) {
        size_t n = 1, k = 0;
        while (i + n < pattern.n && pattern.p[i + n] == pattern.p[i])
            n++;
        while (k < sizeof parts / sizeof *parts && parts[k].letter != pattern.p[i])
            k++;
        if (k < sizeof parts / sizeof *parts)
            kn_buf_printf(out, "%0*d", (int)n, parts[k].value);
        else
            kn_buf_append(out, pattern.p + i, n);
        i += n;
    }
}

/* Appends the key of the object whose first record is `first`, begun at now_ms. */
static void write_key(const kn_s3_config *config, uint64_t first, int64_t now_ms, kn_buf *out) {
    static const char open[] = "!{timestamp:";
    const char *p = config->prefix, *at, *end;
    int64_t ms = now_ms;
    if (config->clock_start_ms >= 0)
        ms = config->clock_start_ms + (int64_t)(first * config->clock_step_us / 1000);
    while ((at = strstr(p, open)) != NULL && (end = strchr(at, '}')) != NULL) {
        const char *pattern = at + sizeof open - 1;
        kn_buf_append(out, p, (size_t)(at - p));
        write_time((kn_slice){pattern, (size_t)(end - pattern)}, ms, out);
        p = end + 1;
    }
    kn_buf_printf(out, "%s%s%020llu.json%s", p, config->stem, (unsigned long long)first,
                  config->gzip ? ".gz" : "");
}

/* ---- uploading ---- */

static bool is_out_of_time(const s3_sink *s) {
    return kn_stop_asked(&s->base.stop) ||
           (s->deadline_ns && kn_time_monotonic_ns() > s->deadline_ns);
}

static bool is_stopped(void *context) {
    return is_out_of_time(context);
}

static void count_sends(s3_sink *s, const kn_aws_result *sends, bool failed) {
    kn_stats *stats = s->base.stats;
    uint64_t records = s->upload.span.records, throttles = (uint64_t)sends->throttles;
    kn_count(&stats->requests, (uint64_t)sends->attempts);
    if (sends->attempts > 1)
        kn_count(&stats->retried, records * (uint64_t)(sends->attempts - 1));
    kn_count(&stats->throttled, records * throttles);
    if (failed && (sends->doubtful || sends->doubts))
        kn_count(&stats->uncertain, records);
}

static void on_answer(void *context, const kn_aws_result *result) {
    s3_sink *s = context;
    s->answered = true;
    s->failed = result->err != NULL;
    count_sends(s, result, s->failed);
    if (result->err)
        s->error = *result->err;
}

static void give_up(s3_sink *s, kn_aws_call *call) {
    kn_aws_result sends = kn_aws_call_sends(call);
    count_sends(s, &sends, true);
    kn_aws_cancel(call);
    s->failed = true;
}

/* Waits for the answer to the request that is on its way. */
static void wait_for_answer(s3_sink *s, kn_aws_call *call) {
    kn_err other;
    while (!s->answered) {
        if (is_out_of_time(s)) {
            give_up(s, call);
            kn_fail(&s->error, KN_ETIMEOUT, "s3 PutObject: no answer when the run ended");
            return;
        }
        /* What the others report they will report again. */
        if (s->base.idle && !s->base.idle(s->base.worker, &other))
            s->base.idle = NULL;
        if (!kn_aws_poll(s->client, s->base.idle ? SHARED_WAIT_MS : WAIT_MS, &s->error)) {
            give_up(s, call);
            return;
        }
    }
}

static bool send_object(s3_sink *s, kn_err *err) {
    const kn_s3_config *config = &s->s3->config;
    kn_slice body = kn_buf_view(&s->upload.body);
    unsigned char digest[16];
    kn_buf key, md5;
    kn_buf_init(&key, KEY_MAX);
    kn_buf_init(&md5, 64);
    write_key(config, s->upload.first, s->upload.begun_ms, &key);
    kn_buf_cstr(&md5, "Content-MD5: ");
    bool ok = kn_buf_check(&key, "the key of an object", err) &&
              kn_md5_digest(&s->md5, body, digest, err);
    if (ok)
        kn_base64_encode(&md5, (kn_slice){(const char *)digest, sizeof digest});
    const char *headers[] = {config->gzip ? "Content-Type: application/gzip"
                                          : "Content-Type: application/x-ndjson",
                             md5.p};
    bool own = kn_aws_client_attempts(s->client) > 0;
    kn_aws_request request = {.operation = s->operation,
                              .body = body,
                              .bucket = config->bucket,
                              .key = kn_buf_view(&key),
                              .headers = headers,
                              .header_count = 2,
                              .max_attempts = own ? 0 : ATTEMPTS_REACHED,
                              .max_unreached = own ? 0 : ATTEMPTS_UNREACHED};
    kn_aws_call *call = NULL;
    s->answered = s->failed = false;
    ok = ok && kn_buf_check(&md5, "a checksum", err) &&
         kn_aws_submit(s->client, &request, on_answer, s, &call, err);
    if (ok)
        wait_for_answer(s, call);
    if (ok && s->failed) {
        *err = s->error;
        if (!kn_aws_client_reached(s->client) && err->retryable)
            kn_fail_within(err, "no server answers at %s", kn_aws_client_url(s->client));
        ok = kn_fail_within(err, "s3://%s/%s", config->bucket, key.p);
    }
    kn_buf_free(&key);
    kn_buf_free(&md5);
    return ok;
}

/* Sends s->upload, and is done with it. */
static bool upload(s3_sink *s, kn_err *err) {
    object *o = &s->upload;
    kn_stats *stats = s->base.stats;
    kn_s3 *s3 = s->s3;
    if (o->span.records == 0)
        return true;
    bool ok = send_object(s, err);
    if (ok) {
        kn_count(&stats->delivered, o->span.records);
        kn_count(&stats->bytes, o->raw - o->span.records); /* less the newlines */
        kn_sink_settle(&s->base, o->first, o->next);
        kn_due_span_count(&o->span, stats, kn_time_monotonic_ns());
    } else {
        kn_count(&stats->failed, o->span.records);
        if (stats->first_error.code == KN_OK)
            stats->first_error = *err;
        kn_turn_cut(&s3->turn);
    }
    kn_buf_free(&o->body);
    o->raw = 0;
    o->span.records = 0;
    pthread_mutex_lock(&s3->mutex);
    s3->uploads--;
    pthread_cond_broadcast(&s3->landed);
    pthread_mutex_unlock(&s3->mutex);
    return ok;
}

/* With the turn: takes the object that is full, waiting until there is room for another. */
static bool take_object(s3_sink *s, kn_err *err) {
    kn_s3 *s3 = s->s3;
    if (s3->filling.span.records == 0)
        return true;
    if (!upload(s, err)) /* this worker's last one */
        return false;
    pthread_mutex_lock(&s3->mutex);
    while (s3->uploads == S3_OBJECTS - 1 && !is_out_of_time(s)) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += (until.tv_nsec + SHARED_WAIT_MS * 1000000) / 1000000000;
        until.tv_nsec = (until.tv_nsec + SHARED_WAIT_MS * 1000000) % 1000000000;
        pthread_cond_clockwait(&s3->landed, &s3->mutex, CLOCK_MONOTONIC, &until);
        pthread_mutex_unlock(&s3->mutex);
        if (s->base.idle && !s->base.idle(s->base.worker, err))
            return false;
        pthread_mutex_lock(&s3->mutex);
    }
    s3->uploads++;
    pthread_mutex_unlock(&s3->mutex);
    s->upload = s3->filling;
    s3->filling = (object){.raw = 0};
    kn_buf_init(&s3->filling.body, 2 * (size_t)LINES_MAX);
    return true;
}

/* ---- filling ---- */

/* With the turn: puts n lines, of so many bytes, into the object. The bytes may be compressed. */
static bool add_lines(s3_sink *s, kn_slice bytes, size_t raw, uint64_t first, uint64_t n,
                      kn_err *err) {
    object *o = &s->s3->filling;
    if (!kn_buf_reserve(&o->body, bytes.n))
        return kn_buf_check(&o->body, "an object", err);
    if (o->span.records == 0) {
        o->first = first;
        o->begun_ms = kn_time_now_ms();
        o->span.first_ns = s->span.first_ns;
    }
    kn_buf_slice(&o->body, bytes);
    o->next = first + n;
    o->raw += raw;
    o->span.records += n;
    o->span.last_ns = s->span.last_ns;
    return true;
}

/* With the turn: where objects end within the lines, each part is compressed by itself. */
static bool add_in_parts(s3_sink *s, kn_err *err) {
    const uint32_t *lengths = (const uint32_t *)(const void *)s->lengths.p;
    uint64_t count = s->span.records, from = 0;
    size_t at = 0;
    while (from < count) {
        size_t raw = 0, filled = s->s3->filling.raw;
        uint64_t to = from;
        while (to < count &&
               (filled + raw + lengths[to] <= s->s3->config.size || raw + filled == 0))
            raw += lengths[to++];
        kn_slice part = {s->lines.p + at, raw};
        kn_buf_clear(&s->packed);
        if (s->gzip && !kn_gzip_member(s->gzip, part, &s->packed, err))
            return false;
        if (to > from && !add_lines(s, s->gzip ? kn_buf_view(&s->packed) : part, raw,
                                    s->first + from, to - from, err))
            return false;
        if (to < count && !take_object(s, err))
            return false;
        from = to;
        at += raw;
    }
    return true;
}

/* With the turn: adds what is collected, packed where it fits whole. */
static bool add_block(s3_sink *s, kn_err *err) {
    const object *o = &s->s3->filling;
    if (s->span.records == 0)
        return true;
    if (o->span.records && o->next != s->first && !take_object(s, err)) /* some were settled */
        return false;
    bool ok;
    if (o->raw + s->lines.len <= s->s3->config.size)
        ok = add_lines(s, kn_buf_view(s->gzip ? &s->packed : &s->lines), s->lines.len, s->first,
                       s->span.records, err);
    else
        ok = add_in_parts(s, err);
    kn_buf_clear(&s->lines);
    kn_buf_clear(&s->lengths);
    kn_buf_clear(&s->packed);
    s->span.records = 0;
    return ok;
}

static bool pack(s3_sink *s, kn_err *err) {
    return !s->gzip || kn_gzip_member(s->gzip, kn_buf_view(&s->lines), &s->packed, err);
}

static bool add_in_turn(s3_sink *s, kn_err *err) {
    return pack(s, err) && kn_turn_wait(&s->s3->turn, s->block, &s->base, err) && add_block(s, err);
}

/* ---- the sink ---- */

static bool s3_begin_block(kn_sink *sink, uint64_t block, kn_err *err) {
    (void)err;
    ((s3_sink *)sink)->block = block;
    return true;
}

static bool s3_put(kn_sink *sink, const kn_record *record, kn_err *err) {
    s3_sink *s = (s3_sink *)sink;
    bool gap = s->span.records && s->next != record->index;
    if ((s->lines.len >= FLUSH_AT || gap) && !add_in_turn(s, err))
        return false;
    uint32_t length = (uint32_t)record->data.n + 1;
    if (!kn_buf_reserve(&s->lines, length) || !kn_buf_reserve(&s->lengths, sizeof length))
        return kn_buf_check(&s->lines, "a record", err) &&
               kn_buf_check(&s->lengths, "a block", err);
    if (s->span.records == 0)
        s->first = record->index;
    s->next = record->index + 1;
    kn_buf_slice(&s->lines, record->data);
    kn_buf_char(&s->lines, '\n');
    kn_buf_append(&s->lengths, &length, sizeof length);
    kn_due_span_add(&s->span, record->due_ns);
    return true;
}

static bool s3_end_block(kn_sink *sink, bool broken, kn_err *err) {
    s3_sink *s = (s3_sink *)sink;
    bool ok = add_in_turn(s, err);
    if (!ok || broken)
        kn_turn_cut(&s->s3->turn);
    kn_turn_pass(&s->s3->turn);
    return ok && upload(s, err); /* while the others go on */
}

static void give_up_filling(s3_sink *s, const kn_err *why) {
    object *o = &s->s3->filling;
    kn_count(&s->base.stats->failed, o->span.records);
    if (o->span.records && s->base.stats->first_error.code == KN_OK)
        s->base.stats->first_error = *why;
    o->span.records = 0;
}

/* The last worker puts the object that is not full. */
static bool s3_drain(kn_sink *sink, uint64_t deadline_ns, kn_err *err) {
    s3_sink *s = (s3_sink *)sink;
    kn_s3 *s3 = s->s3;
    s->deadline_ns = deadline_ns;
    bool ok = upload(s, err);
    pthread_mutex_lock(&s3->mutex);
    bool last = ++s3->drained == s3->sinks;
    pthread_mutex_unlock(&s3->mutex);
    if (!last)
        return ok;
    if (is_out_of_time(s)) {
        kn_err late;
        kn_fail(&late, KN_ETIMEOUT, "s3 PutObject: not begun when the run ended");
        give_up_filling(s, &late);
        return ok;
    }
    return (take_object(s, err) && upload(s, err)) && ok;
}

static void free_object(object *o) {
    kn_buf_free(&o->body);
}

static void s3_destroy(kn_sink *sink) {
    s3_sink *s = (s3_sink *)sink;
    kn_aws_client_destroy(s->client);
    kn_gzip_destroy(s->gzip);
    kn_md5_free(&s->md5);
    kn_buf_free(&s->lines);
    kn_buf_free(&s->lengths);
    kn_buf_free(&s->packed);
    free_object(&s->upload);
    free(s);
}

bool kn_sink_s3_open(kn_s3 *s3, kn_stats *stats, kn_sink **out, kn_err *err) {
    static const kn_sink_type type = {.name = "s3",
                                      .put = s3_put,
                                      .begin_block = s3_begin_block,
                                      .end_block = s3_end_block,
                                      .drain = s3_drain,
                                      .destroy = s3_destroy};
    const kn_api *api = kn_api_find("s3");
    s3_sink *s = kn_align_alloc(sizeof *s);
    *out = NULL;
    if (!s)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    s->base = (kn_sink){.type = &type, .stats = stats, .destination = s3->config.destination};
    s->s3 = s3;
    s->operation = kn_operation_find(api, "PutObject");
    kn_buf_init(&s->lines, LINES_MAX);
    kn_buf_init(&s->lengths, LINES_MAX);
    kn_buf_init(&s->packed, LINES_MAX);
    if (!kn_aws_client_new(s3->config.aws, api, &s->client, err) || !kn_md5_init(&s->md5, err) ||
        (s3->config.gzip && !kn_gzip_new(&s->gzip, err))) {
        s3_destroy(&s->base);
        return false;
    }
    kn_aws_client_heed(s->client, (kn_stop){is_stopped, s});
    s3->sinks++;
    *out = &s->base;
    return true;
}

bool kn_s3_new(const kn_s3_config *config, kn_s3 **out, kn_err *err) {
    *out = NULL;
    if (config->size < KN_S3_SIZE_LEAST || config->size > KN_S3_SIZE_MOST)
        return kn_fail(err, KN_EINVAL, "an object has %u to %u bytes of lines, not %zu",
                       KN_S3_SIZE_LEAST, KN_S3_SIZE_MOST, config->size);
    kn_s3 *s3 = calloc(1, sizeof *s3);
    if (!s3)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    s3->config = *config;
    kn_turn_init(&s3->turn, "S3");
    pthread_mutex_init(&s3->mutex, NULL);
    pthread_cond_init(&s3->landed, NULL);
    kn_buf_init(&s3->filling.body, 2 * (size_t)LINES_MAX);
    *out = s3;
    return true;
}

void kn_s3_destroy(kn_s3 *s3) {
    if (!s3)
        return;
    free_object(&s3->filling);
    kn_turn_free(&s3->turn);
    pthread_mutex_destroy(&s3->mutex);
    pthread_cond_destroy(&s3->landed);
    free(s3);
}
