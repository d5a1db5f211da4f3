/* See retry.h. */
#include "aws/retry.h"

#include "aws/settings.h"

#include <math.h>
#include <string.h>

enum {
    TOKENS = 500,
    RETRY_COST = 5,
    TIME_OUT_COST = 10,
    SUCCESS_GAIN = 1,
    ATTEMPTS_MOST = 1000,
};

static const double half_second = 0.5;
static const double smoothing = 0.8; /* of the measured rate: what the last half second weighs */
static const double cut = 0.7, curvature = 0.4;
static const double least_rate = 0.5, least_capacity = 1;

static bool read_mode(const char *text, kn_retry_mode *mode) {
    static const char *const names[] = {[KN_RETRY_STANDARD] = "standard",
                                        [KN_RETRY_ADAPTIVE] = "adaptive",
                                        [KN_RETRY_LEGACY] = "legacy"};
    for (int i = KN_RETRY_STANDARD; i <= KN_RETRY_LEGACY; i++)
        if (strcmp(text, names[i]) == 0) {
            *mode = (kn_retry_mode)i;
            return true;
        }
    return false;
}

bool kn_retry_init(kn_retry *retry, const kn_aws_config *config, kn_err *err) {
    char mode[32];
    *retry = (kn_retry){.mode = KN_RETRY_STANDARD, .tokens = TOKENS};
    if (!kn_setting_number(config, config->max_attempts, "AWS_MAX_ATTEMPTS", "max_attempts",
                           ATTEMPTS_MOST, &retry->max_attempts, err) ||
        !kn_setting_text(config, config->retry_mode, "AWS_RETRY_MODE", "retry_mode", mode,
                         sizeof mode, err))
        return false;
    if (mode[0] && !read_mode(mode, &retry->mode))
        return kn_fail(err, KN_EINVAL,
                       "the retry mode is '%s': it can be standard, adaptive or legacy "
                       "(AWS_RETRY_MODE, or retry_mode of the profile)",
                       mode);
    return true;
}

/* ---- the quota ---- */

int kn_retry_take(kn_retry *retry, bool timed_out) {
    int cost = timed_out ? TIME_OUT_COST : RETRY_COST;
    if (retry->mode == KN_RETRY_LEGACY)
        return 0;
    if (cost > retry->tokens)
        return -1;
    retry->tokens -= cost;
    return cost;
}

void kn_retry_give(kn_retry *retry, int cost) {
    retry->tokens += cost ? cost : SUCCESS_GAIN;
    if (retry->tokens > TOKENS)
        retry->tokens = TOKENS;
}

/* ---- the rate limit ---- */

static void refill(kn_retry_pace *p, double now) {
    p->tokens += (now - p->filled_at) * p->fill_rate;
    if (p->tokens > p->capacity)
        p->tokens = p->capacity;
    p->filled_at = now;
}

static void set_rate(kn_retry_pace *p, double rate, double now) {
    refill(p, now);
    p->fill_rate = fmax(rate, least_rate);
    p->capacity = fmax(rate, least_capacity);
    p->tokens = fmin(p->tokens, p->capacity);
}

static void measure(kn_retry_pace *p, double now) {
    double start = floor(now / half_second) * half_second;
    p->sends++;
    if (p->bucket == 0)
        p->bucket = floor(now);
    if (start <= p->bucket)
        return;
    p->measured = smoothing * p->sends / (start - p->bucket) + (1 - smoothing) * p->measured;
    p->sends = 0;
    p->bucket = start;
}

static double curve(const kn_retry_pace *p, double now) {
    double dt = now - p->throttled_at - cbrt(p->last_rate * (1 - cut) / curvature);
    return curvature * dt * dt * dt + p->last_rate;
}

uint64_t kn_retry_wait_ns(kn_retry *retry, uint64_t now_ns) {
    kn_retry_pace *p = &retry->pace;
    if (!p->enabled)
        return 0;
    refill(p, (double)now_ns / 1e9);
    p->tokens--; /* below zero: others wait already */
    return p->tokens >= 0 ? 0 : (uint64_t)(-p->tokens / p->fill_rate * 1e9);
}

void kn_retry_answered(kn_retry *retry, bool throttled, uint64_t now_ns) {
    kn_retry_pace *p = &retry->pace;
    double now = (double)now_ns / 1e9, rate;
    if (retry->mode != KN_RETRY_ADAPTIVE)
        return;
    measure(p, now);
    if (throttled) {
        p->last_rate = p->enabled ? fmin(p->measured, p->fill_rate) : p->measured;
        p->throttled_at = now;
        rate = p->last_rate * cut;
        if (!p->enabled)
            p->filled_at = now;
        p->enabled = true;
    } else {
        rate = curve(p, now);
    }
    if (p->enabled)
        set_rate(p, fmin(rate, 2 * p->measured), now);
}
