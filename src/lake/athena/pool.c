/* The query threads and the life of an execution: QUEUED, RUNNING, then SUCCEEDED, FAILED or
 * CANCELLED, each step in the store before anyone can see it. A fixed number of threads and a
 * bounded queue; what a crash left unfinished is FAILED when the lake opens again.
 *
 * An interrupt that comes before DuckDB has begun is lost, so a thread of its own repeats it until
 * the cancelled query has ended. */
#include "base/log.h"
#include "base/time.h"
#include "lake/athena/parts.h"

#include <pthread.h>
#include <stdlib.h>

enum { THREADS = 2, QUEUE_MAX = 100, CANCEL_WAIT_MS = 2000, RETRY_MS = 10 };

typedef struct job {
    struct job *next;
    kn_athena_pool *pool;
    kn_sql_connection *connection; /* while a query runs on it */
    bool running, cancelled;
    int64_t queued_ms;
    char id[40];
} job;

struct kn_athena_pool {
    kn_lake *lake;
    pthread_mutex_t mutex;
    pthread_cond_t work, done, cancel;
    job *jobs; /* queued and running, in order of arrival */
    size_t queued;
    bool stopping;
    pthread_t threads[THREADS + 1]; /* the last one interrupts */
    size_t thread_count;
};

/* --- documents --- */

static bool finished(const json_t *doc) {
    const char *state = json_string_value(
        json_object_get(json_object_get(json_object_get(doc, "execution"), "Status"), "State"));
    return state && strcmp(state, "QUEUED") != 0 && strcmp(state, "RUNNING") != 0;
}

static void set_state(json_t *doc, const char *state, const char *reason) {
    json_t *status = json_object_get(json_object_get(doc, "execution"), "Status");
    json_object_set_new(status, "State", json_string(state));
    if (strcmp(state, "RUNNING") != 0)
        json_object_set_new(status, "CompletionDateTime",
                            json_real((double)kn_time_now_ms() / 1000));
    if (!reason)
        return;
    json_t *text = json_string(reason);
    if (!text)
        text = json_string("the reason is not valid UTF-8");
    json_object_set(status, "StateChangeReason", text);
    if (strcmp(state, "FAILED") == 0)
        json_object_set_new(status, "AthenaError",
                            json_pack("{s:i, s:i, s:b, s:O}", "ErrorCategory", 2, "ErrorType", 1006,
                                      "Retryable", 0, "ErrorMessage", text));
    json_decref(text);
}

static bool save(kn_lake *lake, const char *id, const json_t *doc, kn_err *err) {
    return kn_store_put(kn_lake_store(lake), KN_ATHENA_EXECUTION, id, doc, err);
}

/* --- running --- */

static bool attach(void *context, kn_sql_connection *connection) {
    job *j = context;
    pthread_mutex_lock(&j->pool->mutex);
    j->connection = connection;
    bool go = !j->cancelled;
    pthread_mutex_unlock(&j->pool->mutex);
    return go;
}

static bool cancelled(void *context) {
    job *j = context;
    pthread_mutex_lock(&j->pool->mutex);
    bool yes = j->cancelled;
    pthread_mutex_unlock(&j->pool->mutex);
    return yes;
}

static bool stopping(kn_athena_pool *pool) {
    pthread_mutex_lock(&pool->mutex);
    bool yes = pool->stopping;
    pthread_mutex_unlock(&pool->mutex);
    return yes;
}

static void set_statistics(json_t *doc, const job *j, const kn_athena_outcome *outcome,
                           int64_t started_ms) {
    int64_t now = kn_time_now_ms(), engine = now - started_ms;
    json_t *statistics = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I}", "EngineExecutionTimeInMillis", (json_int_t)engine,
        "DataScannedInBytes", (json_int_t)outcome->scanned, "TotalExecutionTimeInMillis",
        (json_int_t)(now - j->queued_ms), "QueryQueueTimeInMillis",
        (json_int_t)(started_ms - j->queued_ms), "QueryPlanningTimeInMillis",
        (json_int_t)outcome->planning_ms, "ServiceProcessingTimeInMillis", (json_int_t)0);
    json_object_set_new(json_object_get(doc, "execution"), "Statistics", statistics);
}

static const char *member(const json_t *doc, const char *object, const char *name) {
    return json_string_value(json_object_get(json_object_get(doc, object), name));
}

static bool run_job(job *j, json_t *doc, kn_err *err) {
    kn_lake *lake = j->pool->lake;
    json_t *execution = json_object_get(doc, "execution");
    const char *database = member(execution, "QueryExecutionContext", "Database");
    kn_athena_job work = {
        .lake = lake,
        .id = j->id,
        .text = json_string_value(json_object_get(execution, "Query")),
        .database = database && *database ? database : "default",
        .parameters = json_object_get(execution, "ExecutionParameters"),
        .output = json_string_value(json_object_get(doc, "output")),
        .attach = attach,
        .cancelled = cancelled,
        .context = j,
    };
    kn_athena_outcome outcome;
    kn_err reason = {0};
    int64_t started_ms = kn_time_now_ms();
    set_state(doc, "RUNNING", NULL);
    if (!save(lake, j->id, doc, err))
        return false;
    bool ok = kn_athena_run(&work, &outcome, &reason);
    set_statistics(doc, j, &outcome, started_ms);
    if (outcome.columns)
        json_object_set_new(doc, "columns", outcome.columns);
    if (ok)
        set_state(doc, "SUCCEEDED", NULL);
    else if (stopping(j->pool))
        set_state(doc, "FAILED", "GENERIC_INTERNAL_ERROR: the lake was stopped");
    else if (cancelled(j) || reason.code == KN_ECANCEL)
        set_state(doc, "CANCELLED", "Query cancelled by user");
    else
        set_state(doc, "FAILED", reason.message);
    return save(lake, j->id, doc, err);
}

static void perform(job *j) {
    json_t *doc = NULL;
    kn_err err = {0};
    bool ok = kn_store_get(kn_lake_store(j->pool->lake), KN_ATHENA_EXECUTION, j->id, &doc, &err);
    if (ok && doc && !finished(doc))
        ok = run_job(j, doc, &err);
    if (!ok)
        kn_log(KN_LOG_ERROR, "athena: execution %s: %s", j->id, err.message);
    json_decref(doc);
}

static void unlink_job(kn_athena_pool *pool, const job *j) {
    for (job **p = &pool->jobs; *p; p = &(*p)->next) {
        if (*p == j) {
            *p = j->next;
            return;
        }
    }
}

static void *run_thread(void *context) {
    kn_athena_pool *pool = context;
    pthread_mutex_lock(&pool->mutex);
    while (!pool->stopping) {
        job *j = pool->jobs;
        while (j && j->running)
            j = j->next;
        if (!j) {
            pthread_cond_wait(&pool->work, &pool->mutex);
            continue;
        }
        j->running = true;
        pool->queued--;
        pthread_mutex_unlock(&pool->mutex);
        perform(j);
        pthread_mutex_lock(&pool->mutex);
        unlink_job(pool, j);
        free(j);
        pthread_cond_broadcast(&pool->done);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

/* --- cancelling --- */

/* With the mutex held: waits for the condition, at most so long. */
static void wait_ms(pthread_cond_t *condition, pthread_mutex_t *mutex, long ms) {
    uint64_t end = kn_time_monotonic_ns() + (uint64_t)ms * 1000000;
    struct timespec until = {(time_t)(end / 1000000000), (long)(end % 1000000000)};
    pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &until);
}

static void *interrupt_thread(void *context) {
    kn_athena_pool *pool = context;
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        bool pending = false, running = false;
        for (job *j = pool->jobs; j; j = j->next) {
            running = running || j->running;
            pending = pending || (j->running && j->cancelled);
            if (j->running && j->cancelled && j->connection)
                kn_sql_interrupt(j->connection);
        }
        if (pool->stopping && !running)
            break;
        if (pending)
            wait_ms(&pool->cancel, &pool->mutex, RETRY_MS);
        else
            pthread_cond_wait(&pool->cancel, &pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

/* --- opening and closing --- */

static bool collect_unfinished(void *list, const char *key, json_t *doc) {
    return finished(doc) || json_array_append_new(list, json_pack("[s, O]", key, doc)) == 0;
}

/* What was queued or running when the lake ended. */
static bool fail_unfinished(kn_lake *lake, kn_err *err) {
    json_t *list = json_array(), *pair;
    size_t i;
    bool ok = kn_store_scan(kn_lake_store(lake), KN_ATHENA_EXECUTION, "", NULL, collect_unfinished,
                            list, err);
    json_array_foreach(list, i, pair) {
        json_t *doc = json_array_get(pair, 1);
        if (!ok)
            break;
        set_state(doc, "FAILED", "GENERIC_INTERNAL_ERROR: the lake ended while the query ran");
        ok = save(lake, json_string_value(json_array_get(pair, 0)), doc, err);
    }
    json_decref(list);
    return ok;
}

bool kn_athena_pool_open(kn_lake *lake, kn_athena_pool **out, kn_err *err) {
    *out = NULL;
    if (!fail_unfinished(lake, err))
        return false;
    kn_athena_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    pool->lake = lake;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, NULL);
    pthread_cond_init(&pool->cancel, NULL);
    for (; pool->thread_count <= THREADS; pool->thread_count++) {
        if (pthread_create(&pool->threads[pool->thread_count], NULL,
                           pool->thread_count < THREADS ? run_thread : interrupt_thread,
                           pool) != 0) {
            kn_athena_pool_close(pool);
            return kn_fail(err, KN_ENOMEM, "cannot start a query thread");
        }
    }
    *out = pool;
    return true;
}

void kn_athena_pool_close(kn_athena_pool *pool) {
    if (!pool)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->stopping = true;
    for (job *j = pool->jobs; j; j = j->next)
        j->cancelled = true;
    pthread_cond_broadcast(&pool->work);
    pthread_cond_broadcast(&pool->cancel);
    pthread_mutex_unlock(&pool->mutex);
    for (size_t i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    while (pool->jobs) { /* still queued: the next opening marks them as failed */
        job *j = pool->jobs;
        pool->jobs = j->next;
        free(j);
    }
    pthread_cond_destroy(&pool->cancel);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

bool kn_athena_pool_full(kn_athena_pool *pool) {
    pthread_mutex_lock(&pool->mutex);
    bool full = pool->queued >= QUEUE_MAX;
    pthread_mutex_unlock(&pool->mutex);
    return full;
}

bool kn_athena_pool_submit(kn_athena_pool *pool, const char *id, kn_err *err) {
    job *j = calloc(1, sizeof *j);
    if (!j || strlen(id) >= sizeof j->id) {
        free(j);
        return kn_fail(err, KN_ENOMEM, "out of memory");
    }
    j->pool = pool;
    j->queued_ms = kn_time_now_ms();
    memcpy(j->id, id, strlen(id) + 1);
    pthread_mutex_lock(&pool->mutex);
    job **end = &pool->jobs;
    while (*end)
        end = &(*end)->next;
    *end = j;
    pool->queued++;
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
    return true;
}

static job *find(kn_athena_pool *pool, const char *id) {
    for (job *j = pool->jobs; j; j = j->next) {
        if (strcmp(j->id, id) == 0)
            return j;
    }
    return NULL;
}

/* Takes a job that has not started out of the queue. */
static void cancel_queued(kn_athena_pool *pool, job *j) {
    kn_store *store = kn_lake_store(pool->lake);
    json_t *doc = NULL;
    kn_err err = {0};
    unlink_job(pool, j);
    pool->queued--;
    if (kn_store_get(store, KN_ATHENA_EXECUTION, j->id, &doc, &err) && doc) {
        set_state(doc, "CANCELLED", "Query cancelled by user");
        if (!save(pool->lake, j->id, doc, &err))
            kn_log(KN_LOG_ERROR, "athena: execution %s: %s", j->id, err.message);
    }
    json_decref(doc);
    free(j);
}

void kn_athena_pool_cancel(kn_athena_pool *pool, const char *id) {
    uint64_t deadline = kn_time_monotonic_ns() + CANCEL_WAIT_MS * UINT64_C(1000000);
    pthread_mutex_lock(&pool->mutex);
    job *j = find(pool, id);
    if (j && !j->running) {
        cancel_queued(pool, j);
    } else if (j) {
        j->cancelled = true;
        pthread_cond_broadcast(&pool->cancel);
        while (find(pool, id) && kn_time_monotonic_ns() < deadline)
            wait_ms(&pool->done, &pool->mutex, CANCEL_WAIT_MS);
    }
    pthread_mutex_unlock(&pool->mutex);
}
