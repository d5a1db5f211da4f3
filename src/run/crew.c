/* See crew.h. */
#include "run/crew.h"

#include "base/time.h"
#include "run/settled.h"

enum { CLOCK_EVERY = 64 }; /* records that share one look at the clocks, if any do */

/* ---- ending ---- */

void kn_crew_stop(kn_crew *crew) {
    kn_claims_end(&crew->claims, true);
    if (!crew->deadline_ns)
        crew->deadline_ns = kn_time_monotonic_ns() + (uint64_t)crew->drain_ms * 1000000;
}

/* Of several errors the one of the lowest record is kept, so that the message does not depend on
 * the number of workers. */
void kn_crew_fail(kn_crew *crew, uint64_t index, const kn_err *err) {
    pthread_mutex_lock(&crew->mutex);
    if (err->code == KN_ECANCEL) {
        crew->cancelled = true;
    } else if (!crew->failed || index < crew->error_index) {
        crew->failed = true;
        crew->error_index = index;
        crew->error = *err;
    }
    pthread_mutex_unlock(&crew->mutex);
    kn_crew_stop(crew);
}

bool kn_crew_wait(kn_crew *crew, unsigned workers, int64_t timeout_ms) {
    uint64_t end = kn_time_monotonic_ns() + (uint64_t)timeout_ms * 1000000;
    struct timespec until = {(time_t)(end / 1000000000), (long)(end % 1000000000)};
    pthread_mutex_lock(&crew->mutex);
    if (crew->finished_count < workers && timeout_ms > 0)
        pthread_cond_clockwait(&crew->done, &crew->mutex, CLOCK_MONOTONIC, &until);
    bool finished = crew->finished_count == workers;
    pthread_mutex_unlock(&crew->mutex);
    return finished;
}

/* ---- looking after requests ---- */

/* False: a sink ended the run. */
static bool poll_sinks(kn_worker *w, int timeout_ms, kn_err *err) {
    for (size_t i = 0; i < w->crew->sink_count; i++) {
        kn_sink *sink = w->sinks[i];
        if (sink->type->poll && !sink->type->poll(sink, timeout_ms, err))
            return false;
    }
    return true;
}

bool kn_worker_idle(void *worker, kn_err *err) {
    return poll_sinks(worker, 0, err);
}

static void look_after(void *worker, int timeout_ms) {
    kn_worker *w = worker;
    kn_err err;
    if (!poll_sinks(w, timeout_ms, &err))
        kn_crew_fail(w->crew, UINT64_MAX, &err);
}

/* A sink that polls has records that are neither delivered nor given up. */
static bool has_outstanding(void *worker) {
    const kn_worker *w = worker;
    for (size_t i = 0; i < w->crew->sink_count; i++) {
        const kn_stats *s = &w->stats[i];
        if (w->sinks[i]->type->poll &&
            kn_counted(&s->generated) > kn_counted(&s->delivered) + kn_counted(&s->failed))
            return true;
    }
    return false;
}

/* ---- records ---- */

static kn_slice kept(const kn_worker *w, uint32_t number) {
    return number ? kn_cursor_kept(w->cursor, number - 1) : (kn_slice){"", 0};
}

static bool make_record(kn_worker *w, uint64_t index, uint64_t due_ns, uint64_t now_ns,
                        kn_err *err) {
    kn_buf_clear(&w->record);
    if (!kn_cursor_record(w->cursor, index, &w->record, err) ||
        !kn_buf_check(&w->record, "a record", err))
        return false;
    kn_count(&w->made, 1);
    kn_record record = {index, due_ns, now_ns, kn_buf_view(&w->record), {0}, {0}};
    for (size_t i = 0; i < w->crew->sink_count; i++) {
        kn_sink *sink = w->sinks[i];
        if (sink->skip && kn_ranges_hold(sink->skip, index))
            continue;
        record.partition_key = kept(w, w->crew->keys[i].partition_key);
        record.explicit_hash_key = kept(w, w->crew->keys[i].explicit_hash_key);
        kn_count(&w->stats[i].generated, 1);
        if (!sink->type->put(sink, &record, err))
            return false;
    }
    return true;
}

/* A sink has waited since it was last asked: the clocks have moved on. */
static bool has_waited(kn_worker *w) {
    bool waited = false;
    for (size_t i = 0; i < w->crew->sink_count; i++) {
        waited |= w->sinks[i]->waited;
        w->sinks[i]->waited = false;
    }
    return waited;
}

typedef struct block_run {
    kn_worker *worker;
    const kn_block *block;
    uint64_t *index; /* of the record that is made */
} block_run;

/* Under the cursor's guard: a script's function that fails ends it from within. */
static bool make_records(void *argument, kn_err *err) {
    const block_run *run = argument;
    kn_worker *w = run->worker;
    const kn_block *b = run->block;
    uint64_t now_ns = 0;
    bool share = false;
    for (uint64_t i = 0; i < b->count; i++) {
        uint64_t index = *run->index = b->first + i;
        if (w->crew->abandon)
            return kn_fail(err, KN_ECANCEL, "the run was stopped");
        if (!share || i % CLOCK_EVERY == 0 || has_waited(w)) {
            now_ns = kn_time_monotonic_ns();
            if (share || i == 0)
                share = kn_cursor_tell_now(w->cursor, kn_time_now_ms());
        }
        uint64_t due_ns = b->due_ns ? b->due_ns + (uint64_t)((double)i * b->step_ns) : now_ns;
        if (!make_record(w, index, due_ns, now_ns, err))
            return false;
    }
    return true;
}

/* Every sink's block is begun and ended, whatever happens in between. */
static bool run_block(kn_worker *w, const kn_block *b, uint64_t *index, kn_err *err) {
    bool ok = true;
    size_t begun = 0;
    *index = b->first;
    for (; ok && begun < w->crew->sink_count; begun++) {
        kn_sink *sink = w->sinks[begun];
        ok = !sink->type->begin_block || sink->type->begin_block(sink, b->number, err);
    }
    ok = ok && kn_cursor_guard(w->cursor, make_records, &(block_run){w, b, index}, err);
    bool broken = !ok;
    for (size_t i = 0; i < begun; i++) {
        kn_sink *sink = w->sinks[i];
        kn_err later;
        if (sink->type->end_block && !sink->type->end_block(sink, broken, ok ? err : &later))
            ok = false;
    }
    return ok && poll_sinks(w, 0, err);
}

static void drain(kn_worker *w) {
    kn_crew *crew = w->crew;
    for (size_t i = 0; i < crew->sink_count; i++) {
        kn_sink *sink = w->sinks[i];
        kn_err err;
        /* A deadline in the past: give up at once. */
        uint64_t deadline = crew->abandon ? 1 : (uint64_t)crew->deadline_ns;
        if (!sink->type->drain(sink, deadline, &err))
            kn_crew_fail(crew, UINT64_MAX, &err);
    }
}

/* Whose thread this is; NULL: no worker's. For the signal handler. */
static _Thread_local kn_worker *_Atomic here;

void kn_worker_wake(int signal_number) {
    const kn_worker *w = here;
    (void)signal_number;
    if (w && w->crew->abandon && w->crew->interrupt)
        w->crew->interrupt(w->crew->context, w->number);
}

void *kn_worker_main(void *argument) {
    kn_worker *w = argument;
    kn_crew *crew = w->crew;
    here = w;
    kn_claimant who = {w, has_outstanding, look_after};
    kn_block b;
    while (kn_claims_take(&crew->claims, &who, &b)) {
        uint64_t index;
        kn_err err;
        if (!run_block(w, &b, &index, &err)) {
            kn_crew_fail(crew, index, &err);
            break;
        }
    }
    drain(w);
    pthread_mutex_lock(&crew->mutex);
    crew->finished_count++;
    w->finished = true;
    pthread_cond_broadcast(&crew->done);
    pthread_mutex_unlock(&crew->mutex);
    return NULL;
}
