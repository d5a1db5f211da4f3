/* How often and how fast a client sends again: the three retry modes of the SDKs (AWS_RETRY_MODE,
 * the profile's retry_mode).
 *
 *   standard  (ours unless another is asked for) a quota of 500 tokens: a retry takes 5, one after
 *             a time-out 10; a success gives back what its last retry took, or 1. Without tokens
 *             nothing is sent again: clients do not make an outage worse.
 *   adaptive  standard, and a rate limit that comes into force with the first throttle, is cut by
 *             three tenths by each further one and then grows along a cubic curve.
 *   legacy    no quota.
 *
 * Attempts (AWS_MAX_ATTEMPTS, the profile's max_attempts) are sends of one request, the first
 * included. When nobody says how many: 4 for a call. The sender of records has its own patience
 * then, which the quota does not touch (run/stream/sink_stream.h: ten attempts and many rounds for
 * records that are throttled); a number that the user gives bounds that, too.
 *
 * Pure but for the settings: time is a parameter. One thread's.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html */
#ifndef KN_AWS_RETRY_H
#define KN_AWS_RETRY_H

#include "aws/config.h"
#include "base/err.h"

#include <stdint.h>

typedef enum { KN_RETRY_STANDARD, KN_RETRY_ADAPTIVE, KN_RETRY_LEGACY } kn_retry_mode;

/* The rate limit of the adaptive mode. Times in seconds. */
typedef struct kn_retry_pace {
    bool enabled;
    double fill_rate, capacity, tokens, filled_at; /* a token is a send */
    double measured, bucket;                       /* sends per second; start of the half second */
    double sends;                                  /* in the half second */
    double last_rate, throttled_at;                /* when it was throttled the last time */
} kn_retry_pace;

typedef struct kn_retry {
    kn_retry_mode mode;
    int max_attempts; /* what the user asks for; 0: nothing */
    int tokens;
    kn_retry_pace pace;
} kn_retry;

KN_MUST_CHECK bool kn_retry_init(kn_retry *retry, const kn_aws_config *config, kn_err *err);

/* What the retry takes from the quota; -1 when there is not enough left. */
int kn_retry_take(kn_retry *retry, bool timed_out);

/* After a success: cost is what the call's last retry took, 0 when there was none. */
void kn_retry_give(kn_retry *retry, int cost);

/* Nanoseconds that the next send has to wait for the rate limit; it is counted as sent. */
uint64_t kn_retry_wait_ns(kn_retry *retry, uint64_t now_ns);

/* An answer, whatever it says. */
void kn_retry_answered(kn_retry *retry, bool throttled, uint64_t now_ns);

#endif
