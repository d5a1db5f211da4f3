/* The sink of S3 objects, against a server that keeps what it is sent. How runs use it:
 * tests/e2e/s3_sink.t.py. */
#include "run/sinks/s3.h"

#include "../../http_server.h"
#include "../../tap.h"

#include <sys/mman.h>

typedef struct fixture {
    http_server server;
    kn_aws_config aws;
    kn_s3 *s3;
    kn_sink *sink;
    kn_stats stats;
    _Atomic bool abandon;
    char stored[4096];
    kn_err err;
} fixture;

static size_t store(void *context, int n, const char *request, const char *body, size_t length,
                    char *out, size_t room, bool *close) {
    fixture *f = context;
    (void)n, (void)close, (void)request;
    snprintf(f->stored, sizeof f->stored, "%.*s", (int)length, body);
    return http_answer(out, room, 200, "", "");
}

static void begin(fixture *f) {
    memset(f, 0, sizeof *f);
    http_start(&f->server, store, f);
    strcpy(f->aws.endpoint, f->server.url);
    strcpy(f->aws.access_key, "AKID");
    strcpy(f->aws.secret_key, "secret");
    const kn_s3_config config = {.aws = &f->aws,
                                 .bucket = "b",
                                 .prefix = "",
                                 .stem = "s-",
                                 .size = KN_S3_SIZE_LEAST,
                                 .clock_start_ms = -1};
    bool ok =
        kn_s3_new(&config, &f->s3, &f->err) && kn_sink_s3_open(f->s3, &f->stats, &f->sink, &f->err);
    if (!tap_ok(ok, "a sink"))
        exit(1);
    f->sink->stop = kn_stop_at(&f->abandon);
}

static void end(fixture *f) {
    f->sink->type->destroy(f->sink);
    kn_s3_destroy(f->s3);
    http_stop(&f->server);
}

/* A record that no memory holds ends the block, and is not one of those that are delivered. */
static void test_too_large(void) {
    const size_t large = (size_t)600 << 20; /* never touched */
    static fixture f;
    begin(&f);
    kn_sink *s = f.sink;
    kn_record first = {.index = 0, .data = KN_SLICE("one")};
    kn_record second = {
        .index = 1,
        .data = {mmap(NULL, large, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
                 large}};
    tap_ok(s->type->begin_block(s, 0, &f.err) && s->type->put(s, &first, &f.err), "a record");
    tap_ok(!s->type->put(s, &second, &f.err), "one that is too large: %s", f.err.message);
    tap_ok(s->type->end_block(s, true, &f.err), "the block's end");
    tap_ok(s->type->drain(s, 0, &f.err), "the end");
    tap_is_str(f.stored, "one\n", "what was made of it is stored");
    tap_is_int(kn_counted(&f.stats.delivered), 1, "and that alone is delivered");
    munmap((void *)(uintptr_t)second.data.p, large);
    end(&f);
}

int main(void) {
    test_too_large();
    return tap_done();
}
