/* When a delivery stream delivers: one thread looks at every backlog ten times a second and
 * delivers those whose size or age has reached the buffering hints; KinesisLake.Flush delivers at
 * once. After a failure a stream waits, twice as long each time, up to a minute; nothing is lost
 * meanwhile, since the position stays. */
#include "lake/firehose/state.h"

#include "base/log.h"
#include "base/time.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum { LOOK_EVERY_MS = 100, WAIT_FIRST_MS = 1000, WAIT_MOST_MS = 60000 };

#define BATCH_MAX (UINT64_C(128) << 20)
#define BATCH_LEAST (UINT64_C(64) << 10)

static uint64_t batch_limit(const kn_delivery *d, uint64_t wanted) {
    uint64_t limit = wanted < BATCH_MAX ? wanted : BATCH_MAX;
    return d->limit && d->limit < limit ? d->limit : limit;
}

/* A batch that memory did not suffice for is tried again with half of it. */
static void note_failure(kn_delivery *d, uint64_t limit, const kn_err *err) {
    if ((err->code == KN_ELIMIT || err->code == KN_ENOMEM) && limit > BATCH_LEAST)
        d->limit = limit / 2;
    d->wait_ms = d->wait_ms ? d->wait_ms * 2 : WAIT_FIRST_MS;
    if (d->wait_ms > WAIT_MOST_MS)
        d->wait_ms = WAIT_MOST_MS;
    d->retry_ms = kn_time_now_ms() + d->wait_ms;
    kn_log(KN_LOG_WARNING, "delivery stream %s: %s; its records wait, next attempt in %lld s",
           d->name, err->message, (long long)d->wait_ms / 1000);
}

static void note_success(kn_delivery *d) {
    if (d->retry_ms)
        kn_log(KN_LOG_INFO, "delivery stream %s: delivering again", d->name);
    d->retry_ms = d->wait_ms = 0;
    d->limit = d->limit < BATCH_MAX / 2 ? d->limit * 2 : 0;
}

static bool stopping(kn_firehose *f) {
    pthread_mutex_lock(&f->lock);
    bool stop = f->stopping;
    pthread_mutex_unlock(&f->lock);
    return stop;
}

/* Delivers one batch, if it is due, so that a busy stream does not keep the others waiting; true
 * when there is more than that. The caller holds delivering. */
static bool look(kn_firehose *f, kn_delivery *d) {
    int64_t now = kn_time_now_ms();
    if (d->deleted || (now < d->retry_ms && d->retry_ms - now <= WAIT_MOST_MS))
        return false;
    json_t *doc = kn_delivery_doc(f, d);
    const json_t *destination = json_object_get(doc, "Destination");
    uint64_t size = kn_firehose_buffer_bytes(destination), limit = batch_limit(d, size);
    int64_t age = kn_firehose_buffer_ms(destination);
    kn_backlog backlog;
    kn_delivered done = {0};
    kn_err err;
    bool ok = kn_backlog_read(f, d, &backlog, &err);
    bool due = ok && backlog.oldest_ms && (backlog.bytes >= size || backlog.oldest_ms + age <= now);
    if (due)
        ok = kn_firehose_deliver(f, d, &backlog, limit, &done, &err);
    bool more = ok && due && backlog.bytes > limit;
    kn_backlog_free(&backlog);
    json_decref(doc);
    if (!ok)
        note_failure(d, limit, &err);
    else if (due || d->retry_ms)
        note_success(d);
    return more;
}

/* Looks at every stream; true when one of them has more to deliver at once. */
static bool look_at_all(kn_firehose *f) {
    kn_delivery **streams;
    size_t n;
    kn_err err;
    bool more = false;
    if (!kn_delivery_hold_all(f, &streams, &n, &err)) {
        kn_log(KN_LOG_WARNING, "firehose: %s", err.message);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!stopping(f) && pthread_mutex_trylock(&streams[i]->delivering) == 0) {
            more = look(f, streams[i]) || more; /* one that cannot be locked is flushing */
            pthread_mutex_unlock(&streams[i]->delivering);
        }
        kn_delivery_release(f, streams[i]);
    }
    free(streams);
    return more;
}

static void *run(void *context) {
    kn_firehose *f = context;
    for (bool more = false;; more = look_at_all(f)) {
        pthread_mutex_lock(&f->lock);
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_EVERY_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        while (!f->stopping && f->count == 0)
            pthread_cond_wait(&f->wake, &f->lock);
        while (!more && !f->stopping &&
               pthread_cond_timedwait(&f->wake, &f->lock, &until) != ETIMEDOUT)
            continue;
        bool stop = f->stopping;
        pthread_mutex_unlock(&f->lock);
        if (stop)
            return NULL;
    }
}

bool kn_firehose_start(kn_firehose *f, kn_err *err) {
    errno = pthread_create(&f->thread, NULL, run, f);
    f->started = errno == 0;
    return f->started || kn_fail_errno(err, "cannot start the delivery thread");
}

void kn_firehose_stop(kn_firehose *f) {
    pthread_mutex_lock(&f->lock);
    f->stopping = true;
    pthread_cond_broadcast(&f->wake);
    pthread_mutex_unlock(&f->lock);
    if (f->started)
        pthread_join(f->thread, NULL);
    f->started = false;
}

/* True when a record that was there at the beginning is not delivered; the backlog's ends become
 * those of the beginning. */
static bool cut_backlog(kn_backlog *backlog, const kn_backlog *target) {
    bool left = false;
    for (size_t i = 0; i < backlog->count; i++) {
        kn_source *s = &backlog->sources[i];
        uint64_t end = s->next; /* of a shard that was not there: nothing */
        for (size_t k = 0; k < target->count; k++)
            if (target->sources[k].shard == s->shard)
                end = target->sources[k].end;
        if (end < s->end)
            s->end = end;
        left = left || s->next < s->end;
    }
    return left;
}

bool kn_firehose_flush(kn_firehose *f, kn_delivery *d, kn_delivered *total, kn_err *err) {
    kn_backlog target;
    pthread_mutex_lock(&d->delivering);
    if (d->deleted) {
        pthread_mutex_unlock(&d->delivering);
        return true;
    }
    json_t *doc = kn_delivery_doc(f, d);
    uint64_t size = kn_firehose_buffer_bytes(json_object_get(doc, "Destination"));
    json_decref(doc);
    bool ok = kn_backlog_read(f, d, &target, err), left = true;
    while (ok && left) {
        kn_backlog backlog;
        ok = kn_backlog_read(f, d, &backlog, err);
        left = ok && cut_backlog(&backlog, &target);
        if (left)
            ok = kn_firehose_deliver(f, d, &backlog, batch_limit(d, size), total, err);
        kn_backlog_free(&backlog);
    }
    if (ok)
        note_success(d);
    else
        kn_fail_within(err, "delivery stream %s", d->name);
    kn_backlog_free(&target);
    pthread_mutex_unlock(&d->delivering);
    return ok;
}
