/* See rate.h. */
#include "run/stream/rate.h"

static const double cut = 0.7;        /* of the rate is left by a throttle */
static const double growth = 0.1;     /* of the rate, in a second */
static const double burst_s = 0.2;    /* so much of a second may go at once */
static const double least = 0.1;      /* a hundred small records a second: a limit that ends */
static const double at_first = 1;     /* where nothing was taken yet */
static const double least_step = 0.1; /* in a second */

static const uint64_t window_ns = 250000000;      /* what is accepted is measured over */
static const uint64_t reaction_ns = 250000000;    /* throttles of one cause come together */
static const uint64_t forgotten_ns = 60000000000; /* without a throttle: no limit */

double kn_rate_cost(uint64_t records, uint64_t bytes) {
    double by_records = (double)records / 1000, by_bytes = (double)bytes / (1 << 20);
    return by_records > by_bytes ? by_records : by_bytes;
}

static double seconds(uint64_t from, uint64_t to) {
    return to > from ? (double)(to - from) / 1e9 : 0;
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
    turn_window(r, now);
    r->accepted += cost;
}

/* By the last whole window or, at the start, by what there is. */
static double measure(kn_rate *r, uint64_t now) {
    turn_window(r, now);
    double length = seconds(r->window_ns, now);
    double current = r->accepted / (length > 0.1 ? length : 0.1);
    return r->accepted_rate > current ? r->accepted_rate : current;
}

void kn_rate_throttled(kn_rate *r, uint64_t now) {
    double taken = measure(r, now);
    if (!r->limited) {
        *r = (kn_rate){.limited = true,
                       .rate = taken > least ? taken : at_first,
                       .filled_ns = now,
                       .accepted = r->accepted,
                       .accepted_rate = r->accepted_rate,
                       .window_ns = r->window_ns};
    } else if (now - r->cut_ns < reaction_ns) {
        return;
    } else {
        fill(r, now);
        r->rate *= cut;
    }
    r->rate = r->rate > least ? r->rate : least;
    r->step = r->rate * growth > least_step ? r->rate * growth : least_step;
    r->cut_ns = now;
    if (r->tokens > 0)
        r->tokens = 0;
}
