/* See rate.h. */
#include "run/stream/rate.h"

static const double cut = 0.95;       /* of what was taken is left by a throttle, ... */
static const double deepest = 0.5;    /* ... and at least so much of the rate */
static const double growth = 0.1;     /* of the rate, in a second */
static const double burst_s = 0.2;    /* so much of a second may go at once */
static const double least = 0.1;      /* a hundred small records a second: a limit that ends */
static const double at_first = 1;     /* where nothing was taken yet */
static const double least_step = 0.1; /* in a second */

static const uint64_t window_ns = 1000000000;     /* what is accepted is measured over */
static const uint64_t reaction_ns = 250000000;    /* throttles of one cause come together */
static const uint64_t forgotten_ns = 60000000000; /* without a throttle: no limit */

double kn_rate_cost(uint64_t records, uint64_t bytes) {
    double by_records = (double)records / 1000, by_bytes = (double)bytes / (1 << 20);
    return by_records > by_bytes ? by_records : by_bytes;
}

static double seconds(uint64_t from, uint64_t to) {
    return to > from ? (double)(to - from) / 1e9 : 0;
}

static uint64_t latest(kn_rate *r, uint64_t now) {
    if (now > r->now_ns)
        r->now_ns = now;
    return r->now_ns;
}

static void fill(kn_rate *r, uint64_t now) {
    double passed = seconds(r->filled_ns, now);
    r->rate += r->step * passed;
    r->tokens += r->rate * passed;
    if (r->tokens > r->rate * burst_s)
        r->tokens = r->rate * burst_s;
    r->filled_ns = now;
}

bool kn_rate_take(kn_rate *r, double cost, uint64_t now) {
    if (!r->limited)
        return true;
    now = latest(r, now);
    if (now > r->cut_ns + forgotten_ns) {
        r->limited = false;
        return true;
    }
    fill(r, now);
    if (r->tokens <= 0)
        return false;
    r->tokens -= cost; /* one that is larger than the bucket goes, and is waited for afterwards */
    return true;
}

static void turn_window(kn_rate *r, uint64_t now) {
    double length = seconds(r->window_ns, now);
    if (r->window_ns && now - r->window_ns < window_ns)
        return;
    r->accepted_rate = r->window_ns && length < 4 ? r->accepted / length : 0;
    r->accepted = 0;
    r->window_ns = now;
}

void kn_rate_accepted(kn_rate *r, double cost, uint64_t now) {
    turn_window(r, latest(r, now));
    r->accepted += cost;
}

/* By the last whole window or, at the start, by what there is: services count by the second. */
static double measure(kn_rate *r, uint64_t now) {
    turn_window(r, now);
    double length = seconds(r->window_ns, now);
    double current = r->accepted / (length > 1 ? length : 1);
    return r->accepted_rate > current ? r->accepted_rate : current;
}

static void decrease(kn_rate *r, double taken) {
    double next = cut * (taken < r->rate ? taken : r->rate), least_next = deepest * r->rate;
    r->rate = next > least_next ? next : least_next;
}

void kn_rate_throttled(kn_rate *r, uint64_t since, uint64_t now) {
    now = latest(r, now);
    double taken = measure(r, now);
    if (!r->limited) {
        *r = (kn_rate){.limited = true,
                       .now_ns = now,
                       .rate = taken > least ? taken : at_first,
                       .filled_ns = now,
                       .accepted = r->accepted,
                       .accepted_rate = r->accepted_rate,
                       .window_ns = r->window_ns};
    } else if (since < r->cut_ns || now - r->cut_ns < reaction_ns) {
        return;
    } else {
        fill(r, now);
        decrease(r, taken);
    }
    r->rate = r->rate > least ? r->rate : least;
    r->step = r->rate * growth > least_step ? r->rate * growth : least_step;
    r->cut_ns = now;
    if (r->tokens > 0)
        r->tokens = 0;
}
