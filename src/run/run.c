/* See run.h. The claim is a mutex and a few integers, taken once per block of records: it hands out
 * what is due, so a slow pace flows record by record and a fast one in blocks. */
#include "run/run.h"

#include "base/align.h"
#include "base/time.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    BLOCK_MAX = 1000,       /* records of one claim */
    BLOCK_SHARE = 250,      /* fewer than this are not split between workers */
    RECORD_MAX = 256 << 20, /* bytes of one record */
    TICK_PACED_MS = 10,     /* how often the pace is asked */
    CLOCK_EVERY = 64,       /* records without a pace that share one look at the clock */
    TICK_MS = 50,           /* how often a stop is noticed otherwise */
    POLL_MS = 5,            /* a waiting worker looks after its requests this often */
    WAKE_SIGNAL = SIGURG,   /* interrupts a system call of an abandoned worker */
};

typedef struct block {
    uint64_t number, first, count;
} block;

typedef struct worker {
    _Alignas(KN_CACHE_LINE) kn_run *run;
    unsigned number;
    pthread_t thread;
    bool opened, started;
    _Atomic bool finished;
    kn_cursor *cursor;
    kn_sink *sinks[KN_RUN_SINKS];
    kn_stats stats[KN_RUN_SINKS];
    uint64_t due_ns; /* of the record being made */
    kn_buf record;
} worker;

struct kn_run {
    kn_run_config config;
    uint64_t started_ns;
    _Atomic bool abandon;
    _Atomic uint64_t deadline_ns; /* of draining; 0 while none is set */
    worker *workers;
    unsigned worker_count;
    bool paced;
    kn_histogram merged; /* of one sink, while its counters are added up */

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t work;   /* more records are due, or the run is ending */
    pthread_cond_t done;   /* a worker has finished, or the run is ending */
    uint64_t next, end;    /* records of indices next <= i < released are to be claimed */
    uint64_t released;     /* never above end */
    uint64_t next_block;
    unsigned finished_count;
    bool ending; /* nothing more is claimed */
    bool stopped;
    bool failed; /* error holds why, of the lowest record that failed so */
    uint64_t error_index;
    kn_err error;
};

static struct timespec after_ms(int64_t ms) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_nsec -= 1000000000;
        t.tv_sec++;
    }
    return t;
}

/* ---- ending ---- */

/* With the mutex held. */
static void end_claims(kn_run *run) {
    if (run->ending)
        return;
    run->ending = true;
    pthread_cond_broadcast(&run->work);
    pthread_cond_signal(&run->done);
}

static void stop(kn_run *run) {
    pthread_mutex_lock(&run->mutex);
    if (run->next < run->end)
        run->stopped = true;
    end_claims(run);
    pthread_mutex_unlock(&run->mutex);
    if (!run->deadline_ns)
        run->deadline_ns = kn_time_monotonic_ns() + (uint64_t)run->config.drain_ms * 1000000;
}

/* Ends the run; of several errors the one of the lowest record is kept, so that the message does
 * not depend on the number of workers. */
static void end_with(kn_run *run, uint64_t index, const kn_err *err) {
    pthread_mutex_lock(&run->mutex);
    if (err->code == KN_ECANCEL) {
        run->stopped = true;
    } else if (!run->failed || index < run->error_index) {
        run->failed = true;
        run->error_index = index;
        run->error = *err;
    }
    pthread_mutex_unlock(&run->mutex);
    stop(run);
}

/* ---- a worker ---- */

/* Looks after requests. False: a sink ended the run. */
static bool poll_sinks_for(worker *w, int timeout_ms, kn_err *err) {
    for (size_t i = 0; i < w->run->config.sink_count; i++) {
        kn_sink *sink = w->sinks[i];
        if (sink->type->poll && !sink->type->poll(sink, timeout_ms, err))
            return false;
    }
    return true;
}

static bool poll_sinks(void *argument, kn_err *err) {
    return poll_sinks_for(argument, 0, err);
}

static uint64_t read_counter(const _Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* A sink that polls has records that are neither delivered nor given up. */
static bool has_outstanding(const worker *w) {
    for (size_t i = 0; i < w->run->config.sink_count; i++) {
        const kn_stats *s = &w->stats[i];
        if (w->sinks[i]->type->poll &&
            read_counter(&s->generated) > read_counter(&s->delivered) + read_counter(&s->failed))
            return true;
    }
    return false;
}

/* With the mutex held: waits until there may be something to claim, looking after requests. */
static void wait_for_work(worker *w) {
    kn_run *run = w->run;
    kn_err err;
    int64_t wait_ms = 1000;
    if (has_outstanding(w)) {
        pthread_mutex_unlock(&run->mutex);
        uint64_t before = kn_time_monotonic_ns();
        if (!poll_sinks_for(w, POLL_MS, &err))
            end_with(run, UINT64_MAX, &err);
        bool waited = kn_time_monotonic_ns() - before > 1000000;
        pthread_mutex_lock(&run->mutex);
        if (waited)
            return;
        wait_ms = 1;
    }
    struct timespec until = after_ms(wait_ms);
    if (!run->ending && run->released == run->next)
        pthread_cond_clockwait(&run->work, &run->mutex, CLOCK_MONOTONIC, &until);
}

/* Takes the next block of what is due, waiting for it. False at the end of the run. */
static bool claim(worker *w, block *b) {
    kn_run *run = w->run;
    bool taken = false;
    pthread_mutex_lock(&run->mutex);
    while (!run->ending && run->next < run->end) {
        uint64_t due = run->released - run->next;
        if (due) {
            uint64_t share = due / run->worker_count;
            share = share < BLOCK_SHARE ? BLOCK_SHARE : share > BLOCK_MAX ? BLOCK_MAX : share;
            *b = (block){run->next_block++, run->next, due < share ? due : share};
            run->next += b->count;
            if (run->next == run->end)
                end_claims(run);
            taken = true;
            break;
        }
        wait_for_work(w);
    }
    pthread_mutex_unlock(&run->mutex);
    return taken;
}

static kn_slice kept(const worker *w, uint32_t number) {
    return number ? kn_cursor_kept(w->cursor, number - 1) : (kn_slice){"", 0};
}

static bool make_record(worker *w, uint64_t index, kn_err *err) {
    kn_run *run = w->run;
    kn_buf_clear(&w->record);
    if (!kn_cursor_record(w->cursor, index, &w->record, err) ||
        !kn_buf_check(&w->record, "a record", err))
        return false;
    kn_record record = {.index = index, .due_ns = w->due_ns, .data = kn_buf_view(&w->record)};
    for (size_t i = 0; i < run->config.sink_count; i++) {
        kn_sink *sink = w->sinks[i];
        record.partition_key = kept(w, run->config.keys[i].partition_key);
        record.explicit_hash_key = kept(w, run->config.keys[i].explicit_hash_key);
        kn_count(&w->stats[i].generated, 1);
        if (!sink->type->put(sink, &record, err))
            return false;
    }
    return true;
}

/* Every sink's block is begun and ended, whatever happens in between. */
static bool run_block(worker *w, const block *b, uint64_t *index, kn_err *err) {
    kn_run *run = w->run;
    bool ok = true;
    size_t begun = 0;
    *index = b->first;
    for (; ok && begun < run->config.sink_count; begun++) {
        kn_sink *sink = w->sinks[begun];
        ok = !sink->type->begin_block || sink->type->begin_block(sink, b->number, err);
    }
    for (; ok && *index < b->first + b->count; ++*index) {
        if ((*index - b->first) % CLOCK_EVERY == 0)
            w->due_ns = kn_time_monotonic_ns();
        if (run->abandon)
            ok = kn_fail(err, KN_ECANCEL, "the run was stopped");
        else
            ok = make_record(w, *index, err);
        if (!ok)
            break;
    }
    bool broken = !ok;
    for (size_t i = 0; i < begun; i++) {
        kn_sink *sink = w->sinks[i];
        kn_err later;
        if (sink->type->end_block && !sink->type->end_block(sink, broken, ok ? err : &later))
            ok = false;
    }
    return ok && poll_sinks(w, err);
}

static void drain(worker *w) {
    kn_run *run = w->run;
    for (size_t i = 0; i < run->config.sink_count; i++) {
        kn_sink *sink = w->sinks[i];
        kn_err err;
        /* A deadline in the past: give up at once. */
        uint64_t deadline = run->abandon ? 1 : (uint64_t)run->deadline_ns;
        if (!sink->type->drain(sink, deadline, &err))
            end_with(run, UINT64_MAX, &err);
    }
}

static void *worker_main(void *argument) {
    worker *w = argument;
    kn_run *run = w->run;
    block b;
    while (claim(w, &b)) {
        uint64_t index;
        kn_err err;
        if (!run_block(w, &b, &index, &err)) {
            end_with(run, index, &err);
            break;
        }
    }
    drain(w);
    pthread_mutex_lock(&run->mutex);
    run->finished_count++;
    w->finished = true;
    pthread_cond_signal(&run->done);
    pthread_mutex_unlock(&run->mutex);
    return NULL;
}

/* ---- the calling thread ---- */

static void wake_nothing(int number) {
    (void)number;
}

/* From now on nothing waits: not for a reply, not in a system call, not in a script. */
static void abandon(kn_run *run) {
    run->abandon = true;
    stop(run);
    for (unsigned i = 0; i < run->worker_count; i++) {
        worker *w = &run->workers[i];
        if (!w->started || w->finished)
            continue;
        if (run->config.interrupt)
            run->config.interrupt(run->config.context, i);
        pthread_kill(w->thread, WAKE_SIGNAL);
    }
}

static void release(kn_run *run, double records) {
    pthread_mutex_lock(&run->mutex);
    uint64_t all = run->end - run->config.first;
    uint64_t due = records >= (double)all ? all : records > 0 ? (uint64_t)records : 0;
    if (run->config.first + due > run->released) {
        run->released = run->config.first + due;
        pthread_cond_broadcast(&run->work);
    }
    pthread_mutex_unlock(&run->mutex);
}

/* One sink's counters, over all workers. */
static void add_up(kn_run *run, size_t sink, kn_run_totals *t) {
    *t = (kn_run_totals){0};
    memset(&run->merged, 0, sizeof run->merged);
    for (unsigned i = 0; i < run->worker_count; i++) {
        const kn_stats *s = &run->workers[i].stats[sink];
        t->generated += read_counter(&s->generated);
        t->delivered += read_counter(&s->delivered);
        t->retried += read_counter(&s->retried);
        t->failed += read_counter(&s->failed);
        t->uncertain += read_counter(&s->uncertain);
        t->throttled += read_counter(&s->throttled);
        t->requests += read_counter(&s->requests);
        t->bytes += read_counter(&s->bytes);
        kn_histogram_merge(&run->merged, &s->latency);
    }
    t->latency = kn_histogram_latency(&run->merged);
}

static double seconds_of(const kn_run *run) {
    return (double)(kn_time_monotonic_ns() - run->started_ns) / 1e9;
}

static void look(kn_run *run, kn_run_status *s) {
    *s = (kn_run_status){
        .seconds = seconds_of(run), .paced = run->paced, .sink_count = run->config.sink_count};
    pthread_mutex_lock(&run->mutex);
    s->due = run->paced ? run->released - run->config.first : 0;
    pthread_mutex_unlock(&run->mutex);
    for (size_t i = 0; i < s->sink_count; i++)
        add_up(run, i, &s->sinks[i]);
    s->generated = s->sinks[0].generated;
    s->behind_records = s->due > s->generated ? s->due - s->generated : 0;
}

/* One look at the pace, the stop requests and the progress. False: a callback failed. */
static bool tick(kn_run *run, uint64_t *progress_ns, kn_err *err) {
    const kn_run_config *c = &run->config;
    uint64_t now = kn_time_monotonic_ns();
    int requests = c->stop_requests ? *c->stop_requests : 0;
    if (requests == 1 && !run->deadline_ns)
        stop(run);
    if (requests > 1 || (run->deadline_ns && now > run->deadline_ns))
        abandon(run);
    if (c->due && !run->deadline_ns) {
        double records;
        if (!c->due(c->context, seconds_of(run), &records, err))
            return false;
        release(run, records);
    }
    if (c->progress && now - *progress_ns >= (uint64_t)c->progress_ms * 1000000) {
        *progress_ns = now;
        kn_run_status status;
        look(run, &status);
        return c->progress(c->context, &status, err);
    }
    return true;
}

static void supervise(kn_run *run) {
    uint64_t progress_ns = run->started_ns;
    int64_t tick_ms = run->config.due ? TICK_PACED_MS : TICK_MS;
    for (;;) {
        kn_err err;
        if (!tick(run, &progress_ns, &err)) {
            end_with(run, UINT64_MAX, &err);
            run->config.due = NULL;
            run->config.progress = NULL;
        }
        struct timespec until = after_ms(tick_ms);
        pthread_mutex_lock(&run->mutex);
        if (run->finished_count < run->worker_count)
            pthread_cond_clockwait(&run->done, &run->mutex, CLOCK_MONOTONIC, &until);
        bool finished = run->finished_count == run->worker_count;
        pthread_mutex_unlock(&run->mutex);
        if (finished)
            return;
    }
}

/* Workers take no signals: those are for the calling thread. */
static bool start_workers(kn_run *run, kn_err *err) {
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, WAKE_SIGNAL);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = 0;
    for (unsigned i = 0; i < run->worker_count && !failure; i++) {
        worker *w = &run->workers[i];
        failure = pthread_create(&w->thread, NULL, worker_main, w);
        w->started = !failure;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failure;
    return failure ? kn_fail_errno(err, "cannot start a worker thread") : true;
}

static void join_workers(kn_run *run) {
    for (unsigned i = 0; i < run->worker_count; i++) {
        worker *w = &run->workers[i];
        if (w->started)
            pthread_join(w->thread, NULL);
        w->started = false;
    }
}

static void summarize(kn_run *run, kn_run_summary *s) {
    *s = (kn_run_summary){
        .workers = run->worker_count, .stopped = run->stopped, .abandoned = run->abandon};
    look(run, &s->status);
    for (size_t i = 0; i < run->config.sink_count; i++)
        for (unsigned k = 0; k < run->worker_count; k++) {
            const kn_err *first = &run->workers[k].stats[i].first_error;
            if (first->code != KN_OK && s->first_error[i].code == KN_OK)
                s->first_error[i] = *first;
        }
}

bool kn_run_go(kn_run *run, kn_run_summary *summary, kn_err *err) {
    struct sigaction wake = {.sa_handler = wake_nothing}, before;
    sigaction(WAKE_SIGNAL, &wake, &before);
    run->started_ns = kn_time_monotonic_ns();
    if (!run->paced)
        run->released = run->end;
    bool ok = start_workers(run, err);
    if (ok) {
        supervise(run);
    } else {
        run->failed = true;
        run->error = *err;
        abandon(run);
    }
    join_workers(run);
    sigaction(WAKE_SIGNAL, &before, NULL);
    summarize(run, summary);
    if (run->failed)
        *err = run->error;
    return !run->failed;
}

/* ---- opening and closing ---- */

/* Workers that would find nothing to do are not opened. */
static unsigned choose_workers(const kn_run_config *config) {
    long n = config->workers ? (long)config->workers : sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t blocks = (config->amount - 1) / BLOCK_SHARE + 1;
    if (n < 1 || config->amount == 0)
        n = 1;
    if (n > KN_RUN_WORKERS)
        n = KN_RUN_WORKERS;
    return (uint64_t)n > blocks && config->amount ? (unsigned)blocks : (unsigned)n;
}

static bool open_worker(kn_run *run, worker *w, kn_err *err) {
    const kn_run_config *c = &run->config;
    w->opened = true;
    if (!c->open(c->context, w->number, w->stats, &w->cursor, w->sinks, err))
        return false;
    for (size_t i = 0; i < c->sink_count; i++) {
        w->sinks[i]->abandon = &run->abandon;
        w->sinks[i]->idle = c->sink_count > 1 ? poll_sinks : NULL;
        w->sinks[i]->worker = w;
    }
    return true;
}

bool kn_run_new(const kn_run_config *config, kn_run **out, kn_err *err) {
    *out = NULL;
    if (config->sink_count < 1 || config->sink_count > KN_RUN_SINKS)
        return kn_fail(err, KN_EINVAL, "a run has 1 to %d destinations", KN_RUN_SINKS);
    kn_run *run = calloc(1, sizeof *run);
    if (!run)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    run->config = *config;
    run->paced = config->due != NULL;
    run->worker_count = choose_workers(config);
    run->next = run->released = config->first;
    run->end =
        config->amount > UINT64_MAX - config->first ? UINT64_MAX : config->first + config->amount;
    pthread_mutex_init(&run->mutex, NULL);
    pthread_cond_init(&run->work, NULL);
    pthread_cond_init(&run->done, NULL);
    run->workers = kn_align_alloc(run->worker_count * sizeof *run->workers);
    bool ok = run->workers != NULL;
    if (!ok)
        kn_fail(err, KN_ENOMEM, "out of memory");
    for (unsigned i = 0; ok && i < run->worker_count; i++) {
        worker *w = &run->workers[i];
        w->run = run;
        w->number = i;
        kn_buf_init(&w->record, RECORD_MAX);
        ok = open_worker(run, w, err);
    }
    if (!ok) {
        kn_run_destroy(run);
        return false;
    }
    *out = run;
    return true;
}

void kn_run_destroy(kn_run *run) {
    if (!run)
        return;
    if (run->workers) {
        abandon(run);
        join_workers(run);
    }
    for (unsigned i = 0; run->workers && i < run->worker_count; i++) {
        worker *w = &run->workers[i];
        for (size_t k = 0; k < run->config.sink_count; k++)
            if (w->sinks[k])
                w->sinks[k]->type->destroy(w->sinks[k]);
        kn_cursor_destroy(w->cursor);
        kn_buf_free(&w->record);
        if (w->opened && run->config.close)
            run->config.close(run->config.context, i);
    }
    free(run->workers);
    pthread_cond_destroy(&run->work);
    pthread_cond_destroy(&run->done);
    pthread_mutex_destroy(&run->mutex);
    free(run);
}
