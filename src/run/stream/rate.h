/* The rate that one shard (or a whole stream) is sent at: additive increase, multiplicative
 * decrease. There is no limit until the service first throttles; then the rate is what it took in
 * the last second. A further throttle, of what was sent by the new rate, cuts it: a little below
 * what was taken lately, and at most by half. It grows in between, by a tenth of what it was cut to
 * (at least of a shard) in every second. After a minute without a throttle the limit is gone.
 *
 * A rate is in shares of what a standard shard takes (1,000 records and 1 MiB a second): what a
 * request entry costs is told by kn_rate_cost. Pure: time (of the monotonic clock) is a parameter.
 * https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html */
#ifndef KN_RUN_STREAM_RATE_H
#define KN_RUN_STREAM_RATE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct kn_rate { /* zeroed: no limit */
    bool limited;
    double rate, step;              /* per second; what it grows by in a second */
    double tokens;                  /* below 0: sent ahead of the rate */
    uint64_t now_ns;                /* the latest of all times: threads bring theirs late */
    uint64_t filled_ns, cut_ns;     /* when tokens was right, when the rate was cut */
    double accepted, accepted_rate; /* in this window; per second, in the one before */
    uint64_t window_ns;             /* when it began; 0: never */
} kn_rate;

double kn_rate_cost(uint64_t records, uint64_t bytes);

/* May something of that cost be sent now? Then it is counted as sent. */
bool kn_rate_take(kn_rate *rate, double cost, uint64_t now_ns);

/* What the service answered. */
void kn_rate_accepted(kn_rate *rate, double cost, uint64_t now_ns);
void kn_rate_throttled(kn_rate *rate, uint64_t since_ns, uint64_t now_ns); /* sent from then on */

#endif
