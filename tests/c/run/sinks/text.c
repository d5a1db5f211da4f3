/* Two workers' sinks on one file: blocks are written in their order, whoever ends first. */
#include "run/sinks/text.h"

#include "base/time.h"
#include "tap.h"

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct fixture {
    int fd;
    kn_text *text;
    kn_stats stats[2];
    kn_sink *sinks[2];
    _Atomic bool abandon;
    kn_err err;
} fixture;

static void begin(fixture *f, bool gzip) {
    char path[] = "/tmp/kinessis-text.XXXXXX";
    memset(f, 0, sizeof *f);
    f->fd = mkstemp(path);
    unlink(path);
    kn_text_config config = {.fd = f->fd, .name = "lines", .gzip = gzip};
    bool ok = f->fd >= 0 && kn_text_new(&config, &f->text, &f->err);
    for (int i = 0; ok && i < 2; i++) {
        ok = kn_sink_text_open(f->text, &f->stats[i], &f->sinks[i], &f->err);
        if (ok)
            f->sinks[i]->stop = kn_stop_at(&f->abandon);
    }
    if (!tap_ok(ok, "two sinks on a file"))
        exit(1);
}

static void end(fixture *f) {
    for (int i = 0; i < 2; i++)
        f->sinks[i]->type->destroy(f->sinks[i]);
    kn_text_destroy(f->text);
    close(f->fd);
}

static bool put(fixture *f, int worker, uint64_t index, size_t bytes) {
    kn_buf data;
    kn_buf_init(&data, 8 << 20);
    kn_buf_printf(&data, "%0*llu", (int)bytes, (unsigned long long)index);
    kn_record record = {.index = index,
                        .due_ns = kn_time_monotonic_ns(),
                        .now_ns = kn_time_monotonic_ns(),
                        .data = kn_buf_view(&data)};
    kn_sink *s = f->sinks[worker];
    bool ok = s->type->put(s, &record, &f->err);
    kn_buf_free(&data);
    return ok;
}

/* One record, of its block's number. */
static bool block(fixture *f, int worker, uint64_t number, bool broken) {
    kn_sink *s = f->sinks[worker];
    bool ok = s->type->begin_block(s, number, &f->err) && put(f, worker, number, 1);
    return s->type->end_block(s, broken, &f->err) && ok;
}

static bool poll_sink(fixture *f, int worker) {
    return f->sinks[worker]->type->poll(f->sinks[worker], 0, &f->err);
}

static bool drain(fixture *f, int worker) {
    return f->sinks[worker]->type->drain(f->sinks[worker], 0, &f->err);
}

static const char *written(const fixture *f) {
    static char text[256];
    ssize_t n = pread(f->fd, text, sizeof text - 1, 0);
    text[n < 0 ? 0 : n] = '\0';
    for (char *p = text; *p; p++)
        if (*p == '\n')
            *p = ' ';
    return text;
}

static void test_order(void) {
    fixture f;
    begin(&f, false);
    tap_ok(block(&f, 1, 1, false) && block(&f, 1, 2, false), "blocks 1 and 2 end before block 0");
    tap_is_str(written(&f), "", "they wait");
    tap_is_int(kn_counted(&f.stats[1].delivered), 0, "and are not delivered");
    tap_ok(block(&f, 0, 0, false), "block 0 ends");
    tap_is_str(written(&f), "0 ", "and is written by its worker");
    tap_ok(block(&f, 0, 4, false), "block 4, before block 3");
    tap_ok(poll_sink(&f, 1), "the other worker looks");
    tap_is_str(written(&f), "0 1 2 ", "and writes what has waited");
    tap_is_int(kn_counted(&f.stats[1].delivered), 2, "which is delivered now");
    f.sinks[1]->type->begin_block(f.sinks[1], 3, &f.err);
    tap_ok(put(&f, 1, 3, 1) && f.sinks[1]->type->end_block(f.sinks[1], false, &f.err), "block 3");
    tap_ok(f.sinks[0]->type->begin_block(f.sinks[0], 5, &f.err) && put(&f, 0, 5, 1),
           "a record of block 5");
    tap_is_str(written(&f), "0 1 2 3 4 ", "putting it was a look, too");
    tap_ok(f.sinks[0]->type->end_block(f.sinks[0], false, &f.err) && drain(&f, 0) && drain(&f, 1),
           "the end");
    tap_is_str(written(&f), "0 1 2 3 4 5 ", "all in order");
    end(&f);
}

static void test_broken(void) {
    fixture f;
    begin(&f, false);
    tap_ok(block(&f, 1, 1, false) && block(&f, 1, 3, false), "blocks 1 and 3 wait");
    tap_ok(block(&f, 0, 0, false), "block 0");
    tap_ok(poll_sink(&f, 1) && block(&f, 0, 2, true), "block 2 is cut short");
    tap_is_str(written(&f), "0 1 2 ", "what was made of it is written");
    tap_ok(!drain(&f, 1) && f.err.code == KN_ECANCEL, "nothing after it is: %s", f.err.message);
    tap_is_str(written(&f), "0 1 2 ", "... whoever waited");
    end(&f);
}

/* A record that no memory holds ends the block, and is not one of those that are delivered. */
static void test_too_large(void) {
    const size_t large = (size_t)600 << 20; /* never touched */
    fixture f;
    begin(&f, false);
    kn_sink *s = f.sinks[0];
    kn_record record = {
        .index = 1,
        .data = {mmap(NULL, large, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
                 large}};
    tap_ok(s->type->begin_block(s, 0, &f.err) && put(&f, 0, 0, 1), "a record");
    tap_ok(!s->type->put(s, &record, &f.err), "one that is too large: %s", f.err.message);
    tap_ok(s->type->end_block(s, true, &f.err) || f.err.code == KN_ECANCEL, "the block's end");
    tap_is_str(written(&f), "0 ", "what was made of it is written");
    tap_is_int(kn_counted(&f.stats[0].delivered), 1, "and that alone is delivered");
    munmap((void *)(uintptr_t)record.data.p, large);
    end(&f);
}

/* What waits is bounded: a worker that is far ahead waits, here until the run is abandoned. */
static void test_ahead(void) {
    fixture f;
    uint64_t ahead = 1;
    begin(&f, false);
    while (ahead < 5 && block(&f, 1, ahead, false))
        ahead++;
    tap_is_int(ahead, 5, "four blocks wait");
    f.abandon = true;
    tap_ok(!block(&f, 1, 5, false) && f.err.code == KN_ECANCEL, "a fifth does not");
    end(&f);
    begin(&f, false);
    f.abandon = true;
    f.sinks[1]->type->begin_block(f.sinks[1], 1, &f.err);
    bool ok = put(&f, 1, 1, 3 << 20);
    tap_ok(ok && !put(&f, 1, 2, 1) && f.err.code == KN_ECANCEL, "nor does a large one");
    end(&f);
}

static int gzip_members(const fixture *f) {
    static unsigned char bytes[1 << 16];
    ssize_t n = pread(f->fd, bytes, sizeof bytes, 0);
    int members = 0;
    for (ssize_t i = 0; i + 2 < n; i++)
        members += bytes[i] == 0x1f && bytes[i + 1] == 0x8b && bytes[i + 2] == 8;
    return members;
}

static void test_gzip(void) {
    fixture f;
    begin(&f, true);
    bool ok = block(&f, 1, 1, false) && block(&f, 0, 0, false) && drain(&f, 1);
    int members = gzip_members(&f);
    tap_ok(ok && members == 2, "a block is a gzip member of its own (%d)", members);
    end(&f);
}

/* The turn comes between the put that gave up waiting for it and the end of the block. */
static void test_late_turn(void) {
    fixture f;
    begin(&f, true);
    f.sinks[1]->type->begin_block(f.sinks[1], 1, &f.err);
    bool ok = put(&f, 1, 1, 3 << 20);
    f.abandon = true;
    tap_ok(ok && !put(&f, 1, 2, 1), "a large block, abandoned while it waits");
    tap_ok(block(&f, 0, 0, false), "the block before it ends");
    tap_ok(f.sinks[1]->type->end_block(f.sinks[1], true, &f.err), "then the large one");
    tap_is_int(gzip_members(&f), 2, "each is written once");
    tap_is_int(kn_counted(&f.stats[1].delivered), 1, "and counted so");
    end(&f);
}

/* Where a reader left, the worker's other destinations get the block whole: put does not fail. */
static void begin_pipe(fixture *f, int *reader) {
    int ends[2];
    begin(f, false);
    if (!tap_ok(pipe(ends) == 0 && dup2(ends[1], f->fd) == f->fd, "a pipe"))
        exit(1);
    close(ends[1]);
    *reader = ends[0];
}

static void test_reader_left(void) {
    fixture f;
    int reader;
    begin_pipe(&f, &reader);
    kn_sink *s = f.sinks[1];
    tap_ok(block(&f, 1, 1, false), "block 1 waits");
    tap_ok(s->type->begin_block(s, 2, &f.err) && put(&f, 1, 2, 1), "a record of block 2");
    close(reader);
    tap_ok(!block(&f, 0, 0, false) && f.err.code == KN_ECANCEL, "block 0: %s", f.err.message);
    tap_ok(poll_sink(&f, 1) && put(&f, 1, 3, 1) && s->type->end_block(s, false, &f.err),
           "block 2 is made whole");
    tap_ok(!drain(&f, 1) && f.err.code == KN_ECANCEL, "and not written");
    end(&f);
    begin_pipe(&f, &reader);
    s = f.sinks[1];
    tap_ok(block(&f, 1, 1, false) && block(&f, 0, 0, false), "block 1 could be written");
    close(reader);
    tap_ok(s->type->begin_block(s, 2, &f.err) && put(&f, 1, 2, 1) && poll_sink(&f, 1),
           "it cannot any more, and block 2 goes on");
    tap_ok(!s->type->end_block(s, false, &f.err) && f.err.code == KN_ECANCEL,
           "and fails at its end");
    end(&f);
}

int main(void) {
    test_order();
    test_broken();
    test_too_large();
    test_ahead();
    test_gzip();
    test_late_turn();
    signal(SIGPIPE, SIG_IGN);
    test_reader_left();
    return tap_done();
}
