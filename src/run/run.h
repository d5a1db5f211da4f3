/* A run: worker threads that share nothing but the claim of record indices make records and put
 * them into their sinks, while the calling thread keeps the pace and listens for "stop".
 *
 * Open model: the pace says how many records are due, whatever the destination does; a sink that is
 * full makes its worker wait, and what is due meanwhile follows as fast as it can.
 *
 * Ending: when every record is claimed, at the first stop request, or at the first error, workers
 * finish the blocks they hold (so that what was sent is records first..n without gaps) and drain.
 * A second stop request, or the drain deadline, abandons: nothing waits any longer, and what was
 * not delivered counts as failed. */
#ifndef KN_RUN_RUN_H
#define KN_RUN_RUN_H

#include "gen/plan.h"
#include "run/sink.h"

enum { KN_RUN_SINKS = 4, KN_RUN_WORKERS = 64 };

typedef struct kn_run kn_run;

/* One sink's counters over all workers: as kn_stats. */
typedef struct kn_run_totals {
    uint64_t generated, delivered, retried, failed, uncertain, throttled, requests, bytes;
    kn_latency latency;
} kn_run_totals;

/* How a run fares. */
typedef struct kn_run_status {
    double seconds; /* since the start */
    uint64_t generated;
    bool paced;              /* otherwise everything is due at once, and these are 0: */
    uint64_t due;            /* records that the pace has asked for so far */
    uint64_t behind_records; /* due, and not generated */
    double behind_seconds;   /* for how long the next record has been due */
    size_t sink_count;
    kn_run_totals sinks[KN_RUN_SINKS];
} kn_run_status;

/* Which of the plan's kept values (kn_cursor_kept) a sink gets as its keys, counted from 1; 0:
 * none.
 */
typedef struct kn_run_keys {
    uint32_t partition_key, explicit_hash_key;
} kn_run_keys;

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
    /* Breaks a worker out of a script that does not return; called by the calling thread while the
     * worker runs. NULL when there are no scripts. */
    void (*interrupt)(void *context, unsigned worker);

    /* How many records are due after so many seconds (fractions are dropped); never less than
     * before. Called by the calling thread about every 10 ms. NULL: all at once. */
    bool (*due)(void *context, double seconds, double *records, kn_err *err);
    /* Told every progress_ms; NULL: not. */
    bool (*progress)(void *context, const kn_run_status *status, kn_err *err);
    int64_t progress_ms;
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

/* Runs to the end. False when an error ended the run (a script, a callback, a sink); the summary
 * holds what was delivered in any case. Records that failed are no error here: they are counted. */
KN_MUST_CHECK bool kn_run_go(kn_run *run, kn_run_summary *summary, kn_err *err);

/* Stops what is running, waits for the threads, closes the workers. */
void kn_run_destroy(kn_run *run);

#endif
