/* A run: worker threads that share nothing but the claim of record indices make records and put
 * them into their sinks, while the calling thread keeps the pace and listens for "stop".
 *
 * Open model: the pace says when each record is due, whatever the destination does; a sink that is
 * full makes its worker wait, and what is due meanwhile follows as fast as it can, its latency
 * counted from when it was due. Closed model: see claim.h.
 *
 * Ending: when every record is claimed, when the pace is over, at the first stop request, or at the
 * first error, workers finish the blocks they hold (so that what was sent is records first..n
 * without gaps) and drain. A second stop request, or the drain deadline, abandons: nothing waits
 * any longer, and what was not delivered counts as failed. */
#ifndef KN_RUN_RUN_H
#define KN_RUN_RUN_H

#include "gen/plan.h"
#include "run/sink.h"

enum { KN_RUN_SINKS = 4, KN_RUN_WORKERS = 64 };

typedef struct kn_run kn_run;

/* One sink's counters over all workers: as kn_stats. */
typedef struct kn_run_totals {
    uint64_t generated, delivered, retried, failed, uncertain, maybe_twice, throttled, requests,
        bytes;
    double lag_seconds; /* of the open model: since when the pace has asked for more records than
                           are settled; in the summary how late the last one was */
    kn_latency latency;
} kn_run_totals;

/* How a run fares. */
typedef struct kn_run_status {
    double seconds; /* since the start */
    uint64_t generated;
    uint64_t made; /* those included that a resumed run has settled, which no sink gets */
    bool paused, closed;
    bool paced;              /* otherwise everything is due at once, and these are 0: */
    uint64_t due;            /* records that the pace has asked for so far */
    double asked;            /* of them per second: lately; in the summary on the average */
    uint64_t behind_records; /* due, and not made; a resumed run makes what is settled, too */
    double behind_seconds;   /* for how long the next record has been due; in the summary how late
                                the last ones were made */
    double most_behind_seconds; /* the latest that any were made */
    double waited_seconds; /* of the closed model: for how long the pace waited for the sender */
    size_t sink_count;
    kn_run_totals sinks[KN_RUN_SINKS];
} kn_run_status;

/* Which of the plan's kept values (kn_cursor_kept) a sink gets as its keys, counted from 1; 0:
 * none. */
typedef struct kn_run_keys {
    uint32_t partition_key, explicit_hash_key;
} kn_run_keys;

/* What a pace says of a moment. */
typedef struct kn_due {
    double records; /* due so far, fractions included */
    double until; /* the next moment at which the curve bends or jumps; it is straight up to there.
                     0: not known */
    bool over;    /* no more will ever be due: the run ends with those */
} kn_due;

typedef struct kn_run_config {
    void *context;    /* first argument of the functions below */
    unsigned workers; /* at most; 0: one per processor. Fewer when there is little to do. */
    uint64_t first;   /* index of the first record */
    uint64_t amount;  /* UINT64_MAX: until stopped */
    int64_t drain_ms; /* how long a stopped run may take to deliver what it has */
    size_t sink_count;
    kn_run_keys keys[KN_RUN_SINKS];

    /* Opens worker number `worker`: its cursor, and its sinks, each counting in the stats at its
     * place. Called by the calling thread, one by one; what was opened is destroyed by the run. */
    bool (*open)(void *context, unsigned worker, kn_stats *stats, kn_cursor **cursor,
                 kn_sink **sinks, kn_err *err);
    /* Frees what open made besides, after the worker's end; NULL when nothing. */
    void (*close)(void *context, unsigned worker);
    /* Breaks a worker out of a script that does not return; called in a signal handler on that
     * worker's thread, and again until it ends. NULL when there are no scripts. */
    void (*interrupt)(void *context, unsigned worker);

    /* What is due so many seconds after the start, by a clock that stands still in a pause; both
     * never less than before. Called by the calling thread, up to ahead_ms ahead of time and about
     * every 10 ms, but 0.1 ms around where it bends. NULL: all at once. */
    bool (*due)(void *context, double seconds, kn_due *due, kn_err *err);
    int64_t ahead_ms; /* 0: 20; more when kn_run_step is not called every 10 ms */
    bool closed;
    /* Told every progress_ms; NULL: not. */
    bool (*progress)(void *context, const kn_run_status *status, kn_err *err);
    int64_t progress_ms;
    /* Called before each look at the pace: what the user wants changed, through the functions
     * below. NULL: nothing. */
    bool (*control)(void *context, kn_run *run, kn_err *err);
    /* Keeps the state file: called every 10 to 50 ms while the workers work, by a thread of its
     * own, so that nothing holds it up. NULL: not. */
    void (*look)(void *context, kn_run *run);
    /* How often a stop was asked for: 1 drains, 2 stops at once. Counted by a signal handler. */
    const _Atomic int *stop_requests;
} kn_run_config;

typedef struct kn_run_summary {
    kn_run_status status;
    unsigned workers;
    bool stopped;                     /* ended before its amount: asked to, or nobody wanted more */
    bool abandoned;                   /* did not wait for what was in flight */
    kn_err first_error[KN_RUN_SINKS]; /* why a record failed; code KN_OK when none did */
} kn_run_summary;

/* Opens the workers. The context and the stop counter must outlive the run. */
KN_MUST_CHECK bool kn_run_new(const kn_run_config *config, kn_run **out, kn_err *err);

/* Runs to the end: start, step while there is something to do, finish. False when an error ended
 * the run (a script, a callback, a sink); the summary holds what was delivered in any case. Records
 * that failed are no error here: they are counted. */
KN_MUST_CHECK bool kn_run_go(kn_run *run, kn_run_summary *summary, kn_err *err);

/* The same in steps, all by one thread. */
KN_MUST_CHECK bool kn_run_start(kn_run *run, kn_err *err);
/* Keeps the pace, calls the callbacks, waits at most so long. False once all workers have finished.
 * For an even pace it must be called again within 10 ms, or ahead_ms must be larger. */
bool kn_run_step(kn_run *run, int64_t timeout_ms);
/* Waits for the workers; as kn_run_go. */
KN_MUST_CHECK bool kn_run_finish(kn_run *run, kn_run_summary *summary, kn_err *err);

void kn_run_look(kn_run *run, kn_run_status *status);

/* No record is begun while it is paused, and the pace's clock stands still. */
void kn_run_pause(kn_run *run, bool paused);
/* From now on `due` answers for another pace, whose second 0 and record 0 are now; without `paced`
 * all is due at once. What was due already stays due. */
void kn_run_change_pace(kn_run *run, bool paced);

/* No record at or after this index is begun for now; the next that will be. */
void kn_run_limit(kn_run *run, uint64_t index);
uint64_t kn_run_claimed(kn_run *run);

/* Stops what is running, waits for the threads, closes the workers. */
void kn_run_destroy(kn_run *run);

#endif
