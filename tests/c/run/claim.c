/* run/claim.c, driven by a run: what a stalled sender does to latencies in the open and the closed
 * model, pauses, changes, a pace that is over. Times have lower bounds only: a busy machine is
 * slow.
 */
#include "run/claim.h"

#include "base/time.h"
#include "run/run.h"
#include "tap.h"

/* ---- records of nothing, and a sink that stalls once ---- */

struct kn_cursor {
    int unused;
};

bool kn_cursor_record(kn_cursor *c, uint64_t index, kn_buf *out, kn_err *err) {
    (void)c, (void)index;
    kn_buf_cstr(out, "{}");
    return kn_buf_check(out, "a record", err);
}

bool kn_cursor_guard(kn_cursor *c, kn_guarded *body, void *argument, kn_err *err) {
    (void)c;
    return body(argument, err);
}

kn_slice kn_cursor_kept(const kn_cursor *c, uint32_t n) {
    (void)c, (void)n;
    return KN_SLICE("key");
}

bool kn_cursor_tell_now(kn_cursor *c, int64_t now_ms) {
    (void)c, (void)now_ms;
    return true;
}

void kn_cursor_destroy(kn_cursor *c) {
    free(c);
}

typedef struct stalling_sink {
    kn_sink sink;
    uint64_t stall_at; /* waits a second before this record */
} stalling_sink;

static bool stalling_put(kn_sink *sink, const kn_record *record, kn_err *err) {
    (void)err;
    if (record->index == ((stalling_sink *)sink)->stall_at)
        kn_sleep_ms(1000);
    uint64_t now = kn_time_monotonic_ns();
    kn_histogram_add(&sink->stats->latency, now > record->due_ns ? now - record->due_ns : 0, 1);
    kn_count(&sink->stats->delivered, 1);
    return true;
}

static bool nothing_to_drain(kn_sink *sink, uint64_t deadline_ns, kn_err *err) {
    (void)sink, (void)deadline_ns, (void)err;
    return true;
}

static void stalling_destroy(kn_sink *sink) {
    free(sink);
}

static const kn_sink_type stalling = {.name = "stalling",
                                      .put = stalling_put,
                                      .drain = nothing_to_drain,
                                      .destroy = stalling_destroy};

/* ---- a run ---- */

typedef struct setup {
    double rate, over_after; /* seconds; 0: never */
    uint64_t stall_at;
    kn_run_config config;
} setup;

static bool open_worker(void *context, unsigned worker, kn_stats *stats, kn_cursor **cursor,
                        kn_sink **sinks, kn_err *err) {
    const setup *s = context;
    stalling_sink *sink = calloc(1, sizeof *sink);
    (void)worker, (void)err;
    *sink = (stalling_sink){{.type = &stalling, .stats = stats}, s->stall_at};
    *cursor = calloc(1, sizeof **cursor);
    *sinks = &sink->sink;
    return true;
}

static bool due(void *context, double seconds, kn_due *out, kn_err *err) {
    const setup *s = context;
    (void)err;
    *out = (kn_due){s->rate * seconds, s->over_after > seconds ? s->over_after : 1e9, false};
    if (s->over_after && seconds >= s->over_after)
        *out = (kn_due){s->rate * s->over_after, 1e9, true};
    return true;
}

static kn_run *begin(setup *s) {
    kn_run *run = NULL;
    kn_err err;
    s->config.context = s;
    s->config.workers = s->config.workers ? s->config.workers : 2;
    s->config.sink_count = 1;
    s->config.open = open_worker;
    s->config.due = due;
    if (!tap_ok(kn_run_new(&s->config, &run, &err) && kn_run_start(run, &err), "a run starts"))
        exit(1);
    return run;
}

static kn_run_summary end(kn_run *run) {
    kn_run_summary summary;
    kn_err err;
    while (kn_run_step(run, 10))
        continue;
    tap_ok(kn_run_finish(run, &summary, &err), "and ends without an error");
    kn_run_destroy(run);
    return summary;
}

/* Steps until so many records were made. */
static kn_run_status reach(kn_run *run, uint64_t records) {
    kn_run_status status;
    do {
        kn_run_step(run, 5);
        kn_run_look(run, &status);
    } while (status.generated < records);
    return status;
}

/* ---- tests ---- */

/* 100 a second for a second; the sender stalls for the whole second after the 20th. */
static void test_open_model(void) {
    setup s = {.rate = 100, .stall_at = 20, .config = {.workers = 1, .amount = 100}};
    kn_run_status status = end(begin(&s)).status;
    kn_latency l = status.sinks[0].latency;
    tap_is_int(l.count, 100, "all records are delivered");
    tap_ok(l.max >= 0.99, "the record that met the stall was late by all of it (%.3f s)", l.max);
    tap_ok(l.p50 >= 0.45, "and those that were due meanwhile by what was left of it (%.3f s)",
           l.p50);
    tap_ok(status.most_behind_seconds >= 0.95, "which is how far the run was behind (%.3f s)",
           status.most_behind_seconds);
    tap_ok(status.seconds >= 1.2, "nothing was sent before it was due (%.3f s)", status.seconds);
    tap_ok(status.due == 100 && status.asked > 99 && status.asked < 101, "%.1f a second were asked",
           status.asked);
}

static void test_closed_model(void) {
    setup s = {
        .rate = 100, .stall_at = 20, .config = {.workers = 1, .amount = 100, .closed = true}};
    kn_run_status status = end(begin(&s)).status;
    tap_is_int(status.generated, 100, "closed: all records are made");
    tap_ok(status.seconds >= 1.97, "the stall is not made up for (%.3f s)", status.seconds);
    tap_ok(status.waited_seconds >= 0.95, "the pace waited for it (%.3f s)", status.waited_seconds);
    tap_ok(status.behind_seconds == 0 && status.behind_records == 0, "nothing is called late");
}

static void test_pause(void) {
    setup s = {.rate = 100, .stall_at = UINT64_MAX, .config = {.amount = 40}};
    kn_run *run = begin(&s);
    reach(run, 10);
    kn_run_pause(run, true);
    kn_run_status before, after;
    do { /* what was claimed before is still made */
        kn_run_look(run, &before);
        for (int i = 0; i < 30; i++)
            kn_run_step(run, 10);
        kn_run_look(run, &after);
    } while (after.generated != before.generated);
    tap_ok(after.paused, "a pause stops the run (at %llu records)",
           (unsigned long long)after.generated);
    kn_run_pause(run, false);
    kn_run_status status = end(run).status;
    tap_is_int(status.generated, 40, "which goes on afterwards");
    tap_ok(status.seconds >= 0.7, "as if the time between had not been (%.3f s)", status.seconds);
}

static void test_change(void) {
    setup s = {.rate = 1e-3, .stall_at = UINT64_MAX, .config = {.amount = 60000}};
    kn_run *run = begin(&s);
    for (int i = 0; i < 5; i++)
        kn_run_step(run, 10);
    kn_run_status status;
    kn_run_look(run, &status);
    tap_is_int(status.generated, 0, "a rate of one in 1,000 seconds");
    s.rate = 1000;
    kn_run_change_pace(run, true);
    status = reach(run, 50);
    tap_ok(status.paced, "changed to 1,000 a second");
    s.rate = 1e-3;
    kn_run_change_pace(run, true);
    kn_run_look(run, &status);
    tap_ok(status.due < 60000, "and back");
    kn_run_change_pace(run, false);
    kn_run_summary summary = end(run);
    tap_is_int(summary.status.generated, 60000, "without a pace all the rest follows at once");
    tap_ok(!summary.stopped, "which is no stop");
}

static void test_over(void) {
    setup s = {.rate = 200, .over_after = 0.1, .stall_at = UINT64_MAX, .config = {.amount = 1000}};
    kn_run_summary summary = end(begin(&s));
    tap_is_int(summary.status.generated, 20, "a pace that is over ends the run");
    tap_is_int(summary.status.due, 20, "with all that was due");
    tap_ok(!summary.stopped, "which is no stop");
}

/* Stopped while nobody claims: every worker waits for its sink. */
static void test_stop_when_late(void) {
    kn_claims c;
    kn_claims_init(&c, 0, 1000, 1, true, false);
    kn_claims_draw(&c, 0.01, 100);
    kn_sleep_ms(200);
    kn_claims_end(&c, true);
    kn_claims_status status = kn_claims_look(&c);
    tap_ok(status.behind_seconds >= 0.19 && status.most_behind_seconds >= 0.19,
           "what nobody could make in time is late (%.3f s)", status.behind_seconds);
    tap_is_int(status.due, 100, "all of it");
    kn_claims_free(&c);

    kn_claims_init(&c, 0, 1000, 1, true, false);
    kn_claims_draw(&c, 1000, 1e6);
    kn_claims_pause(&c, true);
    kn_claims_status before = kn_claims_look(&c);
    kn_sleep_ms(200);
    kn_claims_end(&c, true);
    status = kn_claims_look(&c);
    tap_ok(status.due == before.due && status.seconds < before.seconds + 0.001,
           "nothing is due in a pause that ends with the run (%llu)",
           (unsigned long long)status.due);
    tap_ok(status.behind_seconds < before.behind_seconds + 0.001, "nor late");
    kn_claims_free(&c);
}

int main(void) {
    test_stop_when_late();
    test_open_model();
    test_closed_model();
    test_pause();
    test_change();
    test_over();
    return tap_done();
}
