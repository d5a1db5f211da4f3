/* See turn.h. */
#include "run/sinks/turn.h"

#include <time.h>

enum { WAIT_MS = 5 };

void kn_turn_init(kn_turn *t, const char *name) {
    *t = (kn_turn){.name = name};
    pthread_mutex_init(&t->mutex, NULL);
    pthread_cond_init(&t->turned, NULL);
}

void kn_turn_free(kn_turn *t) {
    pthread_cond_destroy(&t->turned);
    pthread_mutex_destroy(&t->mutex);
}

/* With the mutex held. */
static void await(kn_turn *t, int timeout_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += timeout_ms * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_clockwait(&t->turned, &t->mutex, CLOCK_MONOTONIC, &until);
}

bool kn_turn_wait(kn_turn *t, uint64_t block, kn_sink *sink, kn_err *err) {
    pthread_mutex_lock(&t->mutex);
    while (t->block != block && !t->cut && !kn_stop_asked(&sink->stop)) {
        await(t, WAIT_MS);
        pthread_mutex_unlock(&t->mutex);
        if (sink->idle && !sink->idle(sink->worker, err))
            return false;
        pthread_mutex_lock(&t->mutex);
    }
    bool mine = t->block == block && !t->cut;
    pthread_mutex_unlock(&t->mutex);
    return mine ? true : kn_fail(err, KN_ECANCEL, "%s takes no more records", t->name);
}

bool kn_turn_has_come(const kn_turn *t, uint64_t block) {
    return t->block == block;
}

void kn_turn_await(kn_turn *t, uint64_t block, int timeout_ms) {
    pthread_mutex_lock(&t->mutex);
    if (t->block != block && !t->cut)
        await(t, timeout_ms);
    pthread_mutex_unlock(&t->mutex);
}

void kn_turn_pass(kn_turn *t) {
    pthread_mutex_lock(&t->mutex);
    t->block++;
    pthread_cond_broadcast(&t->turned);
    pthread_mutex_unlock(&t->mutex);
}

void kn_turn_cut(kn_turn *t) {
    pthread_mutex_lock(&t->mutex);
    t->cut = true;
    pthread_cond_broadcast(&t->turned);
    pthread_mutex_unlock(&t->mutex);
}
