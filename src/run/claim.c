/* See claim.h. */
#include "run/claim.h"

#include "base/time.h"

#include <time.h>

enum {
    BLOCK_MAX = 1000,
    POLL_MS = 5,               /* a waiting worker looks after its requests this often */
    FOLLOW_NS = 1000000000,    /* a worker that has nothing to wait for looks up */
    NAP_NS = 500000,           /* shorter waits are not worth waking up for */
    RECHECK_NS = 1000000,      /* of a busy worker whose requests had news at once */
    CLOSED_SLACK_NS = 20000000 /* lateness that the closed model makes up for */
};

static const double ENDLESS = 0x1p52; /* a curve that is so high asked for everything at once */

void kn_claims_init(kn_claims *c, uint64_t first, uint64_t amount, unsigned workers, bool paced,
                    bool closed) {
    *c = (kn_claims){.first = first,
                     .next = first,
                     .limit = UINT64_MAX,
                     .end = amount > UINT64_MAX - first ? UINT64_MAX : first + amount,
                     .workers = workers,
                     .paced = paced,
                     .closed = closed};
    pthread_mutex_init(&c->mutex, NULL);
    pthread_cond_init(&c->work, NULL);
    kn_claims_start(c);
}

void kn_claims_free(kn_claims *c) {
    pthread_cond_destroy(&c->work);
    pthread_mutex_destroy(&c->mutex);
}

void kn_claims_start(kn_claims *c) {
    kn_schedule_init(&c->schedule, kn_time_monotonic_ns(), 0);
}

/* ---- claiming; with the mutex held ---- */

static uint64_t share_of(const kn_claims *c, uint64_t due) {
    uint64_t share = due / c->workers;
    share = share < KN_BLOCK_MIN ? KN_BLOCK_MIN : share > BLOCK_MAX ? BLOCK_MAX : share;
    return due < share ? due : share;
}

static void keep_lateness(kn_claims *c, uint64_t late_ns) {
    c->late_ns = late_ns;
    if (late_ns > c->most_late_ns)
        c->most_late_ns = late_ns;
}

/* The closed model: what is late is due now, and what follows as much later. */
static void wait_for_sender(kn_claims *c, uint64_t now) {
    uint64_t when = kn_schedule_when(&c->schedule, c->next - c->first);
    if (when >= now || now - when < CLOSED_SLACK_NS)
        return;
    kn_schedule_delay(&c->schedule, now - when);
    c->waited_ns += now - when;
}

static bool take_due(kn_claims *c, kn_block *b) {
    kn_schedule *s = &c->schedule;
    uint64_t now = kn_time_monotonic_ns(), next = c->next - c->first, left = c->end - c->next;
    if (c->closed)
        wait_for_sender(c, now);
    if (left > c->limit - c->next)
        left = c->limit - c->next;
    uint64_t due = kn_schedule_due(s, now);
    if (due <= next)
        return false;
    due = due - next < left ? due - next : left;
    kn_schedule_part part = kn_schedule_take(s, now, next, share_of(c, due));
    if (part.count == 0)
        return false;
    *b = (kn_block){c->next_block, c->next, part.count, part.first_ns, part.step_ns};
    c->last_seconds =
        ((double)(part.first_ns - s->origin_ns) + (double)(part.count - 1) * part.step_ns) / 1e9;
    if (c->closed)
        b->due_ns = 0;
    else
        keep_lateness(c, now > part.first_ns ? now - part.first_ns : 0);
    return true;
}

static bool take(kn_claims *c, kn_block *b) {
    if (c->paused || c->next >= c->limit)
        return false;
    uint64_t most = (c->limit < c->end ? c->limit : c->end) - c->next;
    if (!c->paced)
        *b = (kn_block){.number = c->next_block, .first = c->next, .count = share_of(c, most)};
    else if (!take_due(c, b))
        return false;
    c->next_block++;
    c->next += b->count;
    return true;
}

/* What is due, and that nobody came for: all may wait for a sink. */
static void keep_what_is_left(kn_claims *c) {
    if (c->paused)
        kn_schedule_delay(&c->schedule, c->ended_ns - c->paused_ns);
    uint64_t when = kn_schedule_when(&c->schedule, c->next - c->first);
    if (!c->closed && c->next < c->end && when < c->ended_ns)
        keep_lateness(c, c->ended_ns - when);
}

static void end_claims(kn_claims *c, bool early) {
    if (early && c->next < c->end)
        c->stopped = true;
    if (c->ending)
        return;
    c->ending = true;
    c->ended_ns = kn_time_monotonic_ns();
    if (c->paced)
        keep_what_is_left(c);
    pthread_cond_broadcast(&c->work);
}

void kn_claims_limit(kn_claims *c, uint64_t limit) {
    pthread_mutex_lock(&c->mutex);
    c->limit = limit;
    pthread_cond_broadcast(&c->work);
    pthread_mutex_unlock(&c->mutex);
}

uint64_t kn_claims_next(kn_claims *c) {
    pthread_mutex_lock(&c->mutex);
    uint64_t next = c->next;
    pthread_mutex_unlock(&c->mutex);
    return next;
}

void kn_claims_end(kn_claims *c, bool early) {
    pthread_mutex_lock(&c->mutex);
    end_claims(c, early);
    pthread_mutex_unlock(&c->mutex);
}

/* ---- waiting; with the mutex held, but while requests are looked after ---- */

static bool knows_when(const kn_claims *c) {
    return c->paced && !c->paused &&
           kn_schedule_when(&c->schedule, c->next - c->first) != UINT64_MAX;
}

static uint64_t wake_time(const kn_claims *c, uint64_t now) {
    if (!knows_when(c))
        return now + FOLLOW_NS;
    uint64_t when = kn_schedule_when(&c->schedule, c->next - c->first);
    return when > now + NAP_NS ? when : now + NAP_NS;
}

static void wait_until(kn_claims *c, uint64_t ns) {
    struct timespec until = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
    pthread_cond_clockwait(&c->work, &c->mutex, CLOCK_MONOTONIC, &until);
}

static void wait_busily(kn_claims *c, const kn_claimant *who) {
    uint64_t before = kn_time_monotonic_ns(), wake = wake_time(c, before);
    uint64_t ms = (wake - before) / 1000000;
    pthread_mutex_unlock(&c->mutex);
    who->look_after(who->worker, ms < POLL_MS ? (int)ms : POLL_MS);
    uint64_t now = kn_time_monotonic_ns();
    pthread_mutex_lock(&c->mutex);
    if (now - before > RECHECK_NS || c->ending)
        return;
    wait_until(c, wake < now + RECHECK_NS ? wake : now + RECHECK_NS);
}

static void wait_idly(kn_claims *c) {
    uint64_t now = kn_time_monotonic_ns();
    bool watches = !c->watching;
    c->idle++;
    c->watching = true;
    wait_until(c, watches ? wake_time(c, now) : now + FOLLOW_NS);
    c->idle--;
    if (watches)
        c->watching = false;
}

bool kn_claims_take(kn_claims *c, const kn_claimant *who, kn_block *out) {
    bool taken = false;
    pthread_mutex_lock(&c->mutex);
    while (!c->ending && c->next < c->end && !(taken = take(c, out))) {
        if (who->busy(who->worker))
            wait_busily(c, who);
        else
            wait_idly(c);
    }
    if (c->next >= c->end)
        end_claims(c, false);
    else if (c->idle && !c->watching)
        pthread_cond_signal(&c->work); /* another watches for the next record */
    pthread_mutex_unlock(&c->mutex);
    return taken;
}

/* ---- the pace ---- */

static uint64_t clock_of(const kn_claims *c) {
    return c->ending ? c->ended_ns : c->paused ? c->paused_ns : kn_time_monotonic_ns();
}

static double since_origin(const kn_claims *c, uint64_t ns) {
    uint64_t origin = c->schedule.origin_ns;
    return ns > origin ? (double)(ns - origin) / 1e9 : 0;
}

double kn_claims_seconds(kn_claims *c) {
    pthread_mutex_lock(&c->mutex);
    double seconds = since_origin(c, clock_of(c));
    pthread_mutex_unlock(&c->mutex);
    return seconds;
}

void kn_claims_draw(kn_claims *c, double seconds, double records) {
    pthread_mutex_lock(&c->mutex);
    bool knew = knows_when(c);
    kn_schedule_draw(&c->schedule, seconds, records);
    if (!knew && knows_when(c))
        pthread_cond_broadcast(&c->work);
    pthread_mutex_unlock(&c->mutex);
}

void kn_claims_draw_end(kn_claims *c) {
    pthread_mutex_lock(&c->mutex);
    uint64_t all = kn_schedule_due(&c->schedule, UINT64_MAX);
    if (all < c->end - c->first)
        c->end = c->first + all;
    if (c->next >= c->end)
        end_claims(c, false);
    pthread_mutex_unlock(&c->mutex);
}

void kn_claims_pause(kn_claims *c, bool paused) {
    pthread_mutex_lock(&c->mutex);
    uint64_t now = kn_time_monotonic_ns();
    if (paused && !c->paused)
        c->paused_ns = now;
    else if (!paused && c->paused && !c->ending)
        kn_schedule_delay(&c->schedule, now - c->paused_ns);
    c->paused = paused;
    pthread_cond_broadcast(&c->work);
    pthread_mutex_unlock(&c->mutex);
}

kn_schedule_point kn_claims_change(kn_claims *c, bool paced, uint64_t amount) {
    pthread_mutex_lock(&c->mutex);
    uint64_t now = clock_of(c), next = c->next - c->first;
    if (c->paced)
        kn_schedule_cut(&c->schedule, now);
    if (!c->paced || kn_schedule_end(&c->schedule).records >= ENDLESS)
        kn_schedule_init(&c->schedule, now, next);
    if (!c->ending)
        c->end = amount > UINT64_MAX - c->first ? UINT64_MAX : c->first + amount;
    c->paced = paced;
    pthread_cond_broadcast(&c->work);
    kn_schedule_point end = kn_schedule_end(&c->schedule);
    pthread_mutex_unlock(&c->mutex);
    return end;
}

kn_claims_status kn_claims_look(kn_claims *c) {
    pthread_mutex_lock(&c->mutex);
    kn_claims_status out = {.paced = c->paced, .paused = c->paused};
    if (c->paced) {
        uint64_t now = clock_of(c), next = c->next - c->first, all = c->end - c->first;
        uint64_t when = kn_schedule_when(&c->schedule, next);
        uint64_t due = kn_schedule_due(&c->schedule, now);
        out.seconds = since_origin(c, now);
        out.due = due < all ? due : all;
        out.due_seconds = next >= out.due ? c->last_seconds : out.seconds;
        out.behind_seconds = c->ending                        ? (double)c->late_ns / 1e9
                             : when < now && c->next < c->end ? (double)(now - when) / 1e9
                                                              : 0;
        out.most_behind_seconds = (double)c->most_late_ns / 1e9;
        out.waited_seconds = (double)c->waited_ns / 1e9;
        out.ended = c->ending;
        if (c->ending)
            out.ended_seconds = (double)(kn_time_monotonic_ns() - c->ended_ns) / 1e9;
    }
    pthread_mutex_unlock(&c->mutex);
    return out;
}
