/* run/run.c and run/sinks/text.c: order, errors, stopping. The cursor is a stand-in that can fail
 * at a record and be slow; the plan's own tests are gen's. */
#include "run/run.h"

#include "base/time.h"
#include "run/sinks/text.h"
#include "tap.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

/* ---- the stand-in cursor ---- */

/* A script that does not return, and where it was told to. */
typedef struct script {
    pthread_t thread;
    _Atomic bool entered, broken, elsewhere;
} script;

struct kn_cursor {
    script *endless; /* or NULL */
    uint64_t fail_at;
    int sleep_every; /* a millisecond's sleep at every so many records; 0: never */
    bool big;        /* records of 64 KiB */
    bool scripts;    /* as if it had script functions */
    int told;        /* the time, so often */
};

bool kn_cursor_record(kn_cursor *c, uint64_t index, kn_buf *out, kn_err *err) {
    if (c->endless) {
        c->endless->thread = pthread_self();
        c->endless->entered = true;
        while (!c->endless->broken)
            kn_sleep_ms(1);
        return kn_fail(err, KN_ESCRIPT, "interrupted");
    }
    if (index == c->fail_at)
        return kn_fail(err, KN_ESCRIPT, "record %llu raised", (unsigned long long)index);
    if (c->sleep_every && index % (uint64_t)c->sleep_every == 0)
        kn_sleep_ms(1);
    kn_buf_printf(out, "%llu ", (unsigned long long)index);
    for (int i = 0; c->big && i < 4096; i++)
        kn_buf_cstr(out, "0123456789abcdef");
    return kn_buf_check(out, "a record", err);
}

bool kn_cursor_guard(kn_cursor *c, kn_guarded *body, void *argument, kn_err *err) {
    (void)c;
    return body(argument, err);
}

kn_slice kn_cursor_kept(const kn_cursor *c, uint32_t n) {
    (void)c;
    return n == 0 ? KN_SLICE("key") : n == 1 ? KN_SLICE("17") : KN_SLICE("?");
}

bool kn_cursor_tell_now(kn_cursor *c, int64_t now_ms) {
    (void)now_ms;
    c->told++;
    return !c->scripts;
}

void kn_cursor_destroy(kn_cursor *c) {
    free(c);
}

/* ---- a sink that never finishes until abandoned ---- */

static bool stuck_put(kn_sink *sink, const kn_record *record, kn_err *err) {
    (void)sink, (void)record, (void)err;
    return true;
}

static bool stuck_drain(kn_sink *sink, uint64_t deadline_ns, kn_err *err) {
    (void)err;
    while (!kn_stop_asked(&sink->stop) && (!deadline_ns || kn_time_monotonic_ns() < deadline_ns))
        kn_sleep_ms(1);
    kn_count(&sink->stats->failed, sink->stats->generated);
    return true;
}

static void stuck_destroy(kn_sink *sink) {
    free(sink);
}

static const kn_sink_type stuck = {
    .name = "stuck", .put = stuck_put, .drain = stuck_drain, .destroy = stuck_destroy};

/* ---- a sink that notes its keys ---- */

typedef struct noting_sink {
    kn_sink sink;
    char *keys;      /* "partition/explicit " of the last record, 40 bytes */
    uint64_t now_ns; /* of the last record */
    int looks;       /* times at which it changed */
} noting_sink;

static bool noting_put(kn_sink *sink, const kn_record *record, kn_err *err) {
    noting_sink *s = (noting_sink *)sink;
    s->looks += record->now_ns != s->now_ns;
    s->now_ns = record->now_ns;
    (void)err;
    snprintf(s->keys, 40, "%.*s/%.*s", (int)record->partition_key.n, record->partition_key.p,
             (int)record->explicit_hash_key.n, record->explicit_hash_key.p);
    kn_count(&sink->stats->delivered, 1);
    return true;
}

static bool noting_drain(kn_sink *sink, uint64_t deadline_ns, kn_err *err) {
    (void)sink, (void)deadline_ns, (void)err;
    return true;
}

static const kn_sink_type noting = {
    .name = "noting", .put = noting_put, .drain = noting_drain, .destroy = stuck_destroy};

static bool open_noting(void *context, unsigned worker, kn_stats *stats, kn_cursor **cursor,
                        kn_sink **sinks, kn_err *err) {
    char(*keys)[40] = context;
    (void)worker, (void)err;
    *cursor = calloc(1, sizeof **cursor);
    (*cursor)->fail_at = UINT64_MAX;
    for (size_t i = 0; i < 3; i++) {
        noting_sink *s = calloc(1, sizeof *s);
        *s = (noting_sink){.sink = {.type = &noting, .stats = &stats[i]}, .keys = keys[i]};
        sinks[i] = &s->sink;
    }
    return true;
}

static void test_keys(void) {
    static char keys[3][40];
    kn_err err;
    kn_run *run;
    kn_run_summary summary;
    kn_run_config config = {.context = keys,
                            .workers = 1,
                            .amount = 3,
                            .sink_count = 3,
                            .keys = {{1, 0}, {0, 0}, {1, 2}},
                            .open = open_noting};
    tap_ok(kn_run_new(&config, &run, &err) && kn_run_go(run, &summary, &err), "three sinks");
    tap_is_str(keys[0], "key/", "one gets the first value as partition key");
    tap_is_str(keys[1], "/", "one gets none");
    tap_is_str(keys[2], "key/17", "one gets both");
    kn_run_destroy(run);
}

typedef struct clocked {
    kn_cursor *cursor;
    noting_sink *sink;
    bool scripts;
    char keys[40];
} clocked;

static bool open_clocked(void *context, unsigned worker, kn_stats *stats, kn_cursor **cursor,
                         kn_sink **sinks, kn_err *err) {
    clocked *c = context;
    (void)worker, (void)err;
    *cursor = c->cursor = calloc(1, sizeof **cursor);
    **cursor = (kn_cursor){.fail_at = UINT64_MAX, .scripts = c->scripts};
    noting_sink *s = calloc(1, sizeof *s);
    *s = (noting_sink){.sink = {.type = &noting, .stats = stats}, .keys = c->keys};
    sinks[0] = &s->sink;
    c->sink = s;
    return true;
}

static void test_clock(void) {
    for (int scripts = 0; scripts <= 1; scripts++) {
        clocked c = {.scripts = scripts};
        kn_err err;
        kn_run *run;
        kn_run_summary summary;
        kn_run_config config = {
            .context = &c, .workers = 1, .amount = 1000, .sink_count = 1, .open = open_clocked};
        tap_ok(kn_run_new(&config, &run, &err) && kn_run_go(run, &summary, &err), "1000 records");
        if (scripts)
            tap_ok(c.sink->looks > 500, "one that takes any time has a look of its own (%d)",
                   c.sink->looks); /* a clock may be too coarse to tell all apart */
        else
            tap_ok(c.sink->looks > 1 && c.sink->looks < 100, "share looks at the clocks (%d)",
                   c.sink->looks);
        tap_is_int(c.cursor->told, scripts ? 1 : c.sink->looks, "told to a cursor that shares it");
        kn_run_destroy(run);
    }
}

/* ---- a run for tests ---- */

typedef struct setup {
    kn_run_config config;
    kn_cursor cursor;
    kn_text *text; /* NULL: stuck sinks */
    double rate;
    int asked, fail_ask, ticks, opened, fail_open;
    _Atomic int stops;
    int stop_at_tick, stop_twice_at_tick;
} setup;

static bool open_parts(void *context, unsigned worker, kn_stats *stats, kn_cursor **cursor,
                       kn_sink **sinks, kn_err *err) {
    setup *s = context;
    (void)worker;
    if (++s->opened == s->fail_open)
        return kn_fail(err, KN_EINVAL, "cannot open");
    *cursor = malloc(sizeof **cursor);
    **cursor = s->cursor;
    if (s->text)
        return kn_sink_text_open(s->text, &stats[0], &sinks[0], err);
    sinks[0] = calloc(1, sizeof *sinks[0]);
    sinks[0]->type = &stuck;
    sinks[0]->stats = &stats[0];
    return true;
}

static bool due(void *context, double seconds, kn_due *out, kn_err *err) {
    setup *s = context;
    if (++s->asked == s->fail_ask)
        return kn_fail(err, KN_ESCRIPT, "the pace raised");
    out->records = s->rate * seconds;
    return true;
}

/* Counts ticks once the records are made: of an endless run some. */
static bool stop_on_progress(void *context, const kn_run_status *status, kn_err *err) {
    setup *s = context;
    (void)err;
    bool endless = s->config.amount == UINT64_MAX;
    if (status->generated < (endless ? 1 : s->config.amount))
        return true;
    s->ticks++;
    if (s->ticks == s->stop_at_tick || s->ticks == s->stop_twice_at_tick)
        s->stops++;
    return true;
}

static setup of(unsigned workers, uint64_t amount) {
    setup s = {.config = {.workers = workers,
                          .amount = amount,
                          .drain_ms = 60000,
                          .sink_count = 1,
                          .open = open_parts,
                          .progress_ms = 10},
               .cursor = {.fail_at = UINT64_MAX}};
    return s;
}

static bool go(setup *s, kn_run_summary *summary, kn_err *err) {
    kn_run *run = NULL;
    s->config.context = s;
    s->config.stop_requests = &s->stops;
    bool ok = kn_run_new(&s->config, &run, err) && kn_run_go(run, summary, err);
    kn_run_destroy(run);
    return ok;
}

/* Reads numbers, one at the start of each line: how many follow each other from `first`; -1 when
 * something else is found. */
static long long sequence(int fd, uint64_t first) {
    lseek(fd, 0, SEEK_SET);
    FILE *f = fdopen(dup(fd), "r");
    char *line = NULL;
    size_t size = 0;
    long long n = 0;
    while (getline(&line, &size, f) > 0) {
        if (strtoull(line, NULL, 10) != first + (uint64_t)n) {
            n = -1;
            break;
        }
        n++;
    }
    free(line);
    fclose(f);
    return n;
}

static int temporary(void) {
    char name[] = "/tmp/kn-run-XXXXXX";
    int fd = mkstemp(name);
    unlink(name);
    return fd;
}

static bool go_to_file(setup *s, int fd, kn_run_summary *summary, kn_err *err) {
    kn_text_config config = {.fd = fd, .name = "a file"};
    if (!kn_text_new(&config, &s->text, err))
        return false;
    bool ok = go(s, summary, err);
    kn_text_destroy(s->text);
    return ok;
}

/* ---- tests ---- */

static void test_order(void) {
    static const struct {
        unsigned workers;
        uint64_t first, amount;
        bool big;
    } cases[] = {{1, 0, 0, false},        {1, 0, 1, false},   {4, 0, 100000, false},
                 {7, 12345, 9999, false}, {4, 0, 2000, true}, {3, UINT64_MAX - 2000, 5000, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        setup s = of(cases[i].workers, cases[i].amount);
        s.config.first = cases[i].first;
        s.cursor.sleep_every = 997;
        s.cursor.big = cases[i].big;
        kn_run_summary summary;
        kn_err err;
        int fd = temporary();
        bool ok = go_to_file(&s, fd, &summary, &err);
        tap_ok(ok, "%u workers make %llu records from %llu", cases[i].workers,
               (unsigned long long)cases[i].amount, (unsigned long long)cases[i].first);
        uint64_t expected = cases[i].amount;
        if (expected > UINT64_MAX - cases[i].first)
            expected = UINT64_MAX - cases[i].first;
        tap_is_int(sequence(fd, cases[i].first), expected, "all in order");
        tap_is_int(summary.status.sinks[0].delivered, expected, "all counted");
        tap_ok(!summary.stopped, "not stopped");
        close(fd);
    }
}

static void test_pace(void) {
    setup s = of(3, 30);
    s.config.due = due;
    s.rate = 100;
    kn_run_summary summary;
    kn_err err;
    int fd = temporary();
    bool ok = go_to_file(&s, fd, &summary, &err);
    tap_ok(ok, "30 records at 100 a second");
    tap_is_int(sequence(fd, 0), 30, "all in order");
    tap_ok(summary.status.seconds >= 0.3, "took 0.3 s (%.3f)", summary.status.seconds);
    close(fd);
}

static void test_script_error(void) {
    for (unsigned workers = 1; workers <= 4; workers += 3) {
        setup s = of(workers, 100000);
        s.cursor.fail_at = 5007;
        kn_run_summary summary;
        kn_err err;
        int fd = temporary();
        bool ok = go_to_file(&s, fd, &summary, &err);
        tap_ok(!ok, "a record that raises ends the run (%u workers)", workers);
        tap_is_str(err.message, "record 5007 raised", "its error is the run's");
        tap_is_int(sequence(fd, 0), 5007, "the records before it are written, none after");
        tap_is_int(summary.status.sinks[0].delivered, 5007, "and counted");
        close(fd);
    }
}

static void test_callback_error(void) {
    setup s = of(2, UINT64_MAX);
    s.config.due = due;
    s.rate = 1000;
    s.fail_ask = 5;
    kn_run_summary summary;
    kn_err err;
    int fd = temporary();
    bool ok = go_to_file(&s, fd, &summary, &err);
    tap_ok(!ok, "a pace that raises ends the run");
    tap_is_str(err.message, "the pace raised", "its error is the run's");
    tap_is_int(sequence(fd, 0), summary.status.sinks[0].delivered, "what was delivered is counted");
    close(fd);
}

static void test_open_error(void) {
    setup s = of(4, 100000);
    s.fail_open = 3;
    kn_run_summary summary;
    kn_err err;
    int fd = temporary();
    bool ok = go_to_file(&s, fd, &summary, &err);
    tap_ok(!ok, "a worker that cannot open fails the run");
    tap_is_str(err.message, "cannot open", "its error is the run's");
    close(fd);
}

static void test_full_disk(void) {
    setup s = of(4, 100000);
    kn_run_summary summary;
    kn_err err;
    int fd = open("/dev/full", O_WRONLY);
    bool ok = go_to_file(&s, fd, &summary, &err);
    tap_ok(!ok, "a full disk ends the run");
    tap_is_str(err.message, "cannot write to a file: No space left on device", "and says so");
    tap_is_int(summary.status.sinks[0].delivered, 0, "nothing is said to be delivered");
    tap_ok(summary.status.sinks[0].failed > 0, "what could not be written failed");
    close(fd);
}

static void test_closed_pipe(void) {
    setup s = of(4, UINT64_MAX);
    kn_run_summary summary;
    kn_err err;
    int fds[2];
    if (pipe(fds) < 0)
        return;
    close(fds[0]);
    bool ok = go_to_file(&s, fds[1], &summary, &err);
    tap_ok(ok, "a reader that left ends an endless run without an error");
    tap_ok(summary.stopped, "as stopped");
    tap_is_int(summary.status.sinks[0].failed, 0, "no record failed");
    close(fds[1]);
}

/* Nobody reads the pipe: the worker sits in write(2), and leaves it when abandoned. */
static void test_stuck_pipe(void) {
    setup s = of(2, UINT64_MAX);
    s.config.progress = stop_on_progress;
    s.stop_at_tick = 3;
    s.stop_twice_at_tick = 6;
    kn_run_summary summary;
    kn_err err;
    int fds[2];
    if (pipe(fds) < 0)
        return;
    bool ok = go_to_file(&s, fds[1], &summary, &err);
    tap_ok(ok, "a second stop gets out of a pipe that nobody reads");
    tap_ok(summary.abandoned, "before the time to drain is over");
    close(fds[0]);
    close(fds[1]);
}

static void test_stop(void) {
    setup s = of(3, UINT64_MAX);
    s.config.due = due;
    s.rate = 20000;
    s.config.progress = stop_on_progress;
    s.stop_at_tick = 1;
    kn_run_summary summary;
    kn_err err;
    int fd = temporary();
    bool ok = go_to_file(&s, fd, &summary, &err);
    tap_ok(ok, "a stop ends an endless run without an error");
    tap_ok(summary.stopped && !summary.abandoned, "as stopped, having drained");
    long long n = sequence(fd, 0);
    tap_ok(n > 0, "what was written has no gap (%lld)", n);
    tap_is_int(n, summary.status.generated, "everything generated was written");
    close(fd);
}

static void test_stuck_sink(void) {
    kn_run_summary summary;
    kn_err err;
    setup twice = of(2, 10);
    twice.config.progress = stop_on_progress;
    twice.stop_at_tick = 2;
    twice.stop_twice_at_tick = 4;
    tap_ok(go(&twice, &summary, &err), "a second stop does not wait for what is in flight");
    tap_is_int(summary.status.sinks[0].failed, 10, "which counts as failed");
    tap_ok(summary.abandoned, "nor for the time to drain");

    setup once = of(2, 10);
    once.config.progress = stop_on_progress;
    once.config.drain_ms = 100;
    once.stop_at_tick = 2;
    tap_ok(go(&once, &summary, &err), "one stop waits for the deadline");
    tap_is_int(summary.status.sinks[0].failed, 10, "what is left then counts as failed");
    tap_ok(summary.status.seconds >= 0.1, "not before (%.3f s)", summary.status.seconds);
}

/* ---- a script that does not return ---- */

static void interrupt(void *context, unsigned worker) {
    script *e = ((setup *)context)->cursor.endless;
    (void)worker;
    if (!pthread_equal(pthread_self(), e->thread))
        e->elsewhere = true;
    e->broken = true;
}

static bool stop_once_entered(void *context, const kn_run_status *status, kn_err *err) {
    setup *s = context;
    (void)status, (void)err;
    if (s->cursor.endless->entered && s->stops < 2)
        s->stops++;
    return true;
}

static void test_interrupt(void) {
    script stuck_in = {.broken = false};
    setup s = of(1, UINT64_MAX);
    s.cursor.endless = &stuck_in;
    s.config.interrupt = interrupt;
    s.config.progress = stop_once_entered;
    kn_run_summary summary;
    kn_err err = {0};
    tap_ok(!go(&s, &summary, &err) && err.code == KN_ESCRIPT && summary.abandoned,
           "a second stop breaks a worker out of its script: %s", err.message);
    tap_ok(stuck_in.broken && !stuck_in.elsewhere, "on its own thread");
}

int main(void) {
    test_keys();
    test_clock();
    signal(SIGPIPE, SIG_IGN);
    test_order();
    test_pace();
    test_script_error();
    test_callback_error();
    test_open_error();
    test_full_disk();
    test_closed_pipe();
    test_stuck_pipe();
    test_stop();
    test_stuck_sink();
    test_interrupt();
    return tap_done();
}
