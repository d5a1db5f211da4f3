/* The workers of a run, and the little that they share: the claims, how the run ends, who has
 * finished. A worker makes the records of the blocks it claims and puts them into its sinks.
 * Internal to run.c. */
#ifndef KN_RUN_CREW_H
#define KN_RUN_CREW_H

#include "base/align.h"
#include "run/claim.h"
#include "run/run.h"

typedef struct kn_crew kn_crew;

typedef struct kn_worker {
    _Alignas(KN_CACHE_LINE) kn_crew *crew;
    unsigned number;
    pthread_t thread;
    bool opened, started;
    _Atomic bool finished;
    kn_cursor *cursor;
    kn_sink *sinks[KN_RUN_SINKS];
    kn_stats stats[KN_RUN_SINKS];
    _Atomic uint64_t made; /* records, those included that no sink is put */
    kn_buf record;
} kn_worker;

struct kn_crew {
    kn_claims claims;
    size_t sink_count;
    kn_run_keys keys[KN_RUN_SINKS];
    int64_t drain_ms;
    void (*interrupt)(void *context, unsigned worker); /* of the configuration, as is its context */
    void *context;
    _Atomic bool abandon;         /* nothing waits any longer */
    _Atomic uint64_t deadline_ns; /* of draining; 0 while none is set */

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t done;   /* a worker has finished */
    unsigned finished_count;
    bool cancelled; /* nobody wants more records */
    bool failed;    /* error holds why, of the lowest record that failed so */
    uint64_t error_index;
    kn_err error;
};

/* The thread of a worker. */
void *kn_worker_main(void *worker);

/* A signal handler: on the thread of a worker that is abandoned, breaks it out of its script. On
 * any thread it ends a system call. */
void kn_worker_wake(int signal_number);

/* Lets the worker's requests progress without waiting: of kn_sink.idle. */
bool kn_worker_idle(void *worker, kn_err *err);

/* Nothing more is claimed, and a deadline is set for what is on its way. */
void kn_crew_stop(kn_crew *crew);

/* Stops because of an error at that record (UINT64_MAX: of none). */
void kn_crew_fail(kn_crew *crew, uint64_t index, const kn_err *err);

/* Waits at most timeout_ms for all of `workers` to finish; whether they have. */
bool kn_crew_wait(kn_crew *crew, unsigned workers, int64_t timeout_ms);

#endif
