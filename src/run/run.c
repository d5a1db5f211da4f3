/* See run.h: the calling thread's part, the keeper's, and opening and closing. The workers' is
 * crew.c. */
#include "run/run.h"

#include "base/time.h"
#include "run/crew.h"
#include "run/trail.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    RECORD_MAX = 256 << 20, /* bytes of one record */
    TICK_PACED_MS = 10,     /* how often the pace is asked */
    TICK_MS = 50,           /* how often a stop is noticed otherwise */
    AHEAD_MS = 20,
    WAKE_SIGNAL = SIGURG, /* gets an abandoned worker out of system calls and scripts */
};

static const double STRIDE = 0.01; /* seconds between two questions to a pace that may bend */
static const double GRAIN = 1e-4;  /* at least so much, where it says that it bends */
static const double FAR = 3600;    /* so far, where it is straight and nobody may come to ask */
static const double EDGE = 1e-6;   /* a jump is asked for so much before it, and at it */

struct kn_run {
    kn_run_config config;
    kn_crew crew;
    kn_worker *workers;
    unsigned worker_count;
    pthread_t keeper; /* calls look */
    bool kept;        /* it was started */
    uint64_t started_ns, progress_ns;
    bool paced, over;
    kn_schedule_point base; /* where the present pace began */
    double drawn, until;    /* the present pace was asked up to there, is straight up to there */
    uint64_t asked_due;     /* of the last progress: what was due ... */
    double asked_seconds;   /* ... by the pace's clock */
    kn_histogram merged;    /* of one sink, while its counters are added up */
    kn_trail trail;
    uint64_t settled[KN_RUN_SINKS];
    double lag_seconds[KN_RUN_SINKS];
    bool all_settled[KN_RUN_SINKS]; /* and nothing more will be made: the lag is the last one's */
};

/* ---- how it fares ---- */

static uint64_t made_by_all(const kn_run *run) {
    uint64_t made = 0;
    for (unsigned i = 0; i < run->worker_count; i++)
        made += kn_counted(&run->workers[i].made);
    return made;
}

static uint64_t outstanding_of(const kn_run *run, size_t sink) {
    uint64_t put = 0, settled = 0;
    for (unsigned i = 0; i < run->worker_count; i++) {
        const kn_stats *s = &run->workers[i].stats[sink];
        settled += kn_counted(&s->delivered) + kn_counted(&s->failed);
        put += kn_counted(&s->generated);
    }
    return put > settled ? put - settled : 0;
}

static void follow_sink(kn_run *run, size_t i, const kn_claims_status *pace, uint64_t made) {
    uint64_t outstanding = outstanding_of(run, i);
    uint64_t settled = made > outstanding ? made - outstanding : 0;
    double now = pace->seconds + pace->ended_seconds;
    if (settled > run->settled[i]) /* counters are not read all at once */
        run->settled[i] = settled;
    if (run->all_settled[i])
        return;
    uint64_t next = pace->ended ? made : run->settled[i] + 1;
    bool lags = pace->ended ? made > 0 : next <= pace->due;
    double lag = lags ? now - kn_trail_when(&run->trail, next) : 0;
    run->lag_seconds[i] = lag > 0 ? lag : 0;
    run->all_settled[i] = pace->ended && outstanding == 0 &&
                          made == kn_claims_next(&run->crew.claims) - run->config.first;
}

/* How far the destinations trail the pace. */
static void follow(kn_run *run) {
    kn_claims_status pace = kn_claims_look(&run->crew.claims);
    if (!pace.paced || run->config.closed)
        return;
    uint64_t least = UINT64_MAX, made = made_by_all(run);
    for (size_t i = 0; i < run->config.sink_count; i++)
        least = run->settled[i] < least ? run->settled[i] : least;
    kn_trail_draw(&run->trail, pace.seconds, pace.due, least);
    for (size_t i = 0; i < run->config.sink_count; i++)
        follow_sink(run, i, &pace, made);
}

/* One sink's counters, over all workers. */
static void add_up(kn_run *run, size_t sink, kn_run_totals *t) {
    *t = (kn_run_totals){0};
    memset(&run->merged, 0, sizeof run->merged);
    for (unsigned i = 0; i < run->worker_count; i++) {
        const kn_stats *s = &run->workers[i].stats[sink];
        t->generated += kn_counted(&s->generated);
        t->delivered += kn_counted(&s->delivered);
        t->retried += kn_counted(&s->retried);
        t->failed += kn_counted(&s->failed);
        t->uncertain += kn_counted(&s->uncertain);
        t->maybe_twice += kn_counted(&s->maybe_twice);
        t->throttled += kn_counted(&s->throttled);
        t->requests += kn_counted(&s->requests);
        t->bytes += kn_counted(&s->bytes);
        kn_histogram_merge(&run->merged, &s->latency);
    }
    t->lag_seconds = run->lag_seconds[sink];
    t->latency = kn_histogram_latency(&run->merged);
}

void kn_run_look(kn_run *run, kn_run_status *s) {
    follow(run);
    kn_claims_status pace = kn_claims_look(&run->crew.claims);
    double span = pace.seconds - run->asked_seconds;
    *s = (kn_run_status){
        .seconds = (double)(kn_time_monotonic_ns() - run->started_ns) / 1e9,
        .paused = pace.paused,
        .closed = run->config.closed,
        .paced = pace.paced,
        .due = pace.due,
        .asked = span > 0 ? (double)(pace.due - run->asked_due) / span : 0,
        .behind_seconds = pace.behind_seconds,
        .most_behind_seconds = pace.most_behind_seconds,
        .waited_seconds = pace.waited_seconds,
        .sink_count = run->config.sink_count,
    };
    for (size_t i = 0; i < s->sink_count; i++)
        add_up(run, i, &s->sinks[i]);
    s->generated = s->sinks[0].generated;
    s->made = made_by_all(run);
    s->behind_records = s->due > s->made ? s->due - s->made : 0;
}

static void look_finally(kn_run *run, kn_run_status *s) {
    kn_claims_status pace = kn_claims_look(&run->crew.claims);
    kn_run_look(run, s);
    s->asked = pace.due_seconds > 0 ? (double)pace.due / pace.due_seconds : 0;
}

static bool tell_progress(kn_run *run, kn_err *err) {
    const kn_run_config *c = &run->config;
    uint64_t now = kn_time_monotonic_ns();
    if (!c->progress || now - run->progress_ns < (uint64_t)c->progress_ms * 1000000)
        return true;
    kn_run_status status;
    kn_run_look(run, &status);
    run->progress_ns = now;
    run->asked_due = status.due;
    run->asked_seconds = kn_claims_look(&run->crew.claims).seconds;
    return c->progress(c->context, &status, err);
}

/* ---- the pace ---- */

static bool ask(kn_run *run, double seconds, kn_err *err) {
    kn_due due = {0};
    if (!run->config.due(run->config.context, seconds - run->base.seconds, &due, err))
        return false;
    kn_claims_draw(&run->crew.claims, seconds, run->base.records + due.records);
    run->drawn = seconds;
    run->until = due.until > 0 ? run->base.seconds + due.until : 0;
    run->over = due.over;
    return true;
}

/* Up to where it is asked at once, of a piece that is straight for longer than needed. */
static double straight_to(const kn_run *run, double end) {
    double far = end + FAR;
    if (!run->config.ahead_ms)
        return end;
    return run->until - EDGE < far ? fmax(run->until - EDGE, end) : far;
}

/* Asks the pace up to a little ahead of its clock. */
static bool draw(kn_run *run, kn_err *err) {
    int64_t ahead_ms = run->config.ahead_ms ? run->config.ahead_ms : AHEAD_MS;
    double end = kn_claims_seconds(&run->crew.claims) + (double)ahead_ms / 1000;
    bool was_over = run->over;
    if (run->drawn < run->base.seconds && !ask(run, run->base.seconds, err))
        return false;
    while (!run->over && run->drawn < end) {
        double from = run->drawn, next = from + STRIDE, most = end;
        if (run->until > end) {
            next = most = straight_to(run, end);
        } else if (run->until > from + GRAIN) {
            next = run->until;
            if (!ask(run, next - EDGE, err))
                return false;
        } else if (run->until > from) {
            next = from + GRAIN;
        }
        if (!run->over && !ask(run, next < most ? next : most, err))
            return false;
    }
    if (run->over && !was_over)
        kn_claims_draw_end(&run->crew.claims);
    return true;
}

void kn_run_pause(kn_run *run, bool paused) {
    kn_claims_pause(&run->crew.claims, paused);
}

void kn_run_change_pace(kn_run *run, bool paced) {
    run->base = kn_claims_change(&run->crew.claims, paced, run->config.amount);
    run->paced = paced;
    run->over = false;
    run->drawn = run->base.seconds - 1;
    run->asked_seconds = run->base.seconds;
    run->asked_due = kn_claims_look(&run->crew.claims).due;
}

/* ---- the calling thread ---- */

/* From now on nothing waits: not for a reply, not in a system call, not in a script. */
static void abandon(kn_run *run) {
    run->crew.abandon = true;
    kn_crew_stop(&run->crew);
    for (unsigned i = 0; i < run->worker_count; i++) {
        kn_worker *w = &run->workers[i];
        if (w->started && !w->finished)
            pthread_kill(w->thread, WAKE_SIGNAL);
    }
}

/* One look at the stop requests, the pace and the progress. False: a callback failed. */
static bool tick(kn_run *run, kn_err *err) {
    const kn_run_config *c = &run->config;
    kn_crew *crew = &run->crew;
    int requests = c->stop_requests ? *c->stop_requests : 0;
    if (requests == 1 && !crew->deadline_ns)
        kn_crew_stop(crew);
    if (requests > 1 || (crew->deadline_ns && kn_time_monotonic_ns() > crew->deadline_ns))
        abandon(run);
    if (c->control && !c->control(c->context, run, err))
        return false;
    if (run->paced && !crew->deadline_ns && !draw(run, err))
        return false;
    if (run->paced)
        follow(run);
    return tell_progress(run, err);
}

void kn_run_limit(kn_run *run, uint64_t index) {
    kn_claims_limit(&run->crew.claims, index);
}

uint64_t kn_run_claimed(kn_run *run) {
    return kn_claims_next(&run->crew.claims);
}

bool kn_run_step(kn_run *run, int64_t timeout_ms) {
    kn_err err;
    if (!tick(run, &err)) {
        kn_crew_fail(&run->crew, UINT64_MAX, &err);
        run->paced = false;
        run->config.control = NULL;
        run->config.progress = NULL;
    }
    int64_t tick_ms = run->paced ? TICK_PACED_MS : TICK_MS;
    return !kn_crew_wait(&run->crew, run->worker_count,
                         timeout_ms < tick_ms ? timeout_ms : tick_ms);
}

/* Whatever the calling thread is busy with. */
static void *keeper_main(void *argument) {
    kn_run *run = argument;
    int64_t tick_ms = run->config.due ? TICK_PACED_MS : TICK_MS;
    while (!kn_crew_wait(&run->crew, run->worker_count, tick_ms))
        run->config.look(run->config.context, run);
    return NULL;
}

/* Workers take no signals: those are for the calling thread. */
static bool start_workers(kn_run *run, kn_err *err) {
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, WAKE_SIGNAL);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = 0;
    for (unsigned i = 0; i < run->worker_count && !failure; i++) {
        kn_worker *w = &run->workers[i];
        failure = pthread_create(&w->thread, NULL, kn_worker_main, w);
        w->started = !failure;
    }
    if (!failure && run->config.look) {
        failure = pthread_create(&run->keeper, NULL, keeper_main, run);
        run->kept = !failure;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failure;
    return failure ? kn_fail_errno(err, "cannot start a worker thread") : true;
}

static void join_workers(kn_run *run) {
    for (unsigned i = 0; i < run->worker_count; i++) {
        kn_worker *w = &run->workers[i];
        if (w->started)
            pthread_join(w->thread, NULL);
        w->started = false;
    }
    if (run->kept)
        pthread_join(run->keeper, NULL);
    run->kept = false;
}

bool kn_run_start(kn_run *run, kn_err *err) {
    struct sigaction wake = {.sa_handler = kn_worker_wake}; /* stays, for workers alone */
    sigaction(WAKE_SIGNAL, &wake, NULL);
    run->started_ns = run->progress_ns = kn_time_monotonic_ns();
    kn_claims_start(&run->crew.claims);
    if (start_workers(run, err))
        return true;
    kn_crew_fail(&run->crew, UINT64_MAX, err);
    abandon(run);
    return false;
}

bool kn_run_finish(kn_run *run, kn_run_summary *summary, kn_err *err) {
    join_workers(run);
    kn_crew *crew = &run->crew;
    *summary = (kn_run_summary){.workers = run->worker_count,
                                .stopped = crew->cancelled || crew->claims.stopped,
                                .abandoned = crew->abandon};
    look_finally(run, &summary->status);
    for (size_t i = 0; i < run->config.sink_count; i++)
        for (unsigned k = 0; k < run->worker_count; k++) {
            const kn_err *first = &run->workers[k].stats[i].first_error;
            if (first->code != KN_OK && summary->first_error[i].code == KN_OK)
                summary->first_error[i] = *first;
        }
    if (crew->failed)
        *err = crew->error;
    return !crew->failed;
}

bool kn_run_go(kn_run *run, kn_run_summary *summary, kn_err *err) {
    if (kn_run_start(run, err))
        while (kn_run_step(run, INT64_MAX))
            continue;
    return kn_run_finish(run, summary, err);
}

/* ---- opening and closing ---- */

/* Workers that would find nothing to do are not opened. */
static unsigned choose_workers(const kn_run_config *config) {
    long n = config->workers ? (long)config->workers : sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t blocks = (config->amount - 1) / KN_BLOCK_MIN + 1;
    if (n < 1 || config->amount == 0)
        n = 1;
    if (n > KN_RUN_WORKERS)
        n = KN_RUN_WORKERS;
    return (uint64_t)n > blocks && config->amount ? (unsigned)blocks : (unsigned)n;
}

static bool open_worker(kn_run *run, kn_worker *w, kn_err *err) {
    const kn_run_config *c = &run->config;
    w->opened = true;
    if (!c->open(c->context, w->number, w->stats, &w->cursor, w->sinks, err))
        return false;
    for (size_t i = 0; i < c->sink_count; i++) {
        w->sinks[i]->stop = kn_stop_at(&run->crew.abandon);
        w->sinks[i]->idle = c->sink_count > 1 ? kn_worker_idle : NULL;
        w->sinks[i]->worker = w;
    }
    return true;
}

static void init_crew(kn_run *run) {
    const kn_run_config *c = &run->config;
    kn_crew *crew = &run->crew;
    kn_claims_init(&crew->claims, c->first, c->amount, run->worker_count, run->paced, c->closed);
    crew->sink_count = c->sink_count;
    memcpy(crew->keys, c->keys, sizeof crew->keys);
    crew->drain_ms = c->drain_ms;
    crew->interrupt = c->interrupt;
    crew->context = c->context;
    pthread_mutex_init(&crew->mutex, NULL);
    pthread_cond_init(&crew->done, NULL);
}

bool kn_run_new(const kn_run_config *config, kn_run **out, kn_err *err) {
    *out = NULL;
    if (config->sink_count < 1 || config->sink_count > KN_RUN_SINKS)
        return kn_fail(err, KN_EINVAL, "a run has 1 to %d destinations", KN_RUN_SINKS);
    kn_run *run = kn_align_alloc(sizeof *run);
    if (!run)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    run->config = *config;
    run->paced = config->due != NULL;
    run->drawn = -1;
    run->worker_count = choose_workers(config);
    init_crew(run);
    run->workers = kn_align_alloc(run->worker_count * sizeof *run->workers);
    bool ok = run->workers != NULL;
    if (!ok)
        kn_fail(err, KN_ENOMEM, "out of memory");
    for (unsigned i = 0; ok && i < run->worker_count; i++) {
        kn_worker *w = &run->workers[i];
        w->crew = &run->crew;
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
        kn_worker *w = &run->workers[i];
        for (size_t k = 0; k < run->config.sink_count; k++)
            if (w->sinks[k])
                w->sinks[k]->type->destroy(w->sinks[k]);
        kn_cursor_destroy(w->cursor);
        kn_buf_free(&w->record);
        if (w->opened && run->config.close)
            run->config.close(run->config.context, i);
    }
    free(run->workers);
    pthread_cond_destroy(&run->crew.done);
    pthread_mutex_destroy(&run->crew.mutex);
    kn_claims_free(&run->crew.claims);
    free(run);
}
