/* The retry quota, the rate limit of the adaptive mode against figures of botocore's (its
 * ClientRateLimiter with the same answers on a simulated clock), and where the settings come from.
 */
#include "aws/retry.h"

#include "tap.h"

#include <math.h>

static bool init(kn_retry *retry, const kn_aws_config *config, kn_err *err) {
    return kn_retry_init(retry, config, err);
}

static void settings(void) {
    kn_retry r;
    kn_err err;
    kn_aws_config none = {.region = ""}, given = {.max_attempts = 2, .retry_mode = "legacy"};
    setenv("AWS_CONFIG_FILE", "/dev/null", 1);
    unsetenv("AWS_MAX_ATTEMPTS");
    unsetenv("AWS_RETRY_MODE");
    tap_ok(init(&r, &none, &err) && r.mode == KN_RETRY_STANDARD && r.max_attempts == 0,
           "nobody says anything");
    setenv("AWS_MAX_ATTEMPTS", "7", 1);
    setenv("AWS_RETRY_MODE", "adaptive", 1);
    tap_ok(init(&r, &none, &err) && r.mode == KN_RETRY_ADAPTIVE && r.max_attempts == 7,
           "the environment");
    tap_ok(init(&r, &given, &err) && r.mode == KN_RETRY_LEGACY && r.max_attempts == 2,
           "what is given wins");
    static const char *const bad[] = {"0", "-1", "3x", "many", "1001"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        setenv("AWS_MAX_ATTEMPTS", bad[i], 1);
        tap_ok(!init(&r, &none, &err) && strstr(err.message, "AWS_MAX_ATTEMPTS is '"), "%s",
               err.message);
    }
    unsetenv("AWS_MAX_ATTEMPTS");
    setenv("AWS_RETRY_MODE", "eager", 1);
    tap_ok(!init(&r, &none, &err) && strstr(err.message, "'eager': it can be standard"), "%s",
           err.message);
    unsetenv("AWS_RETRY_MODE");
}

static void quota(void) {
    kn_retry r;
    kn_err err;
    kn_aws_config config = {.region = ""};
    tap_ok(init(&r, &config, &err), "standard mode");
    int retries = 0;
    while (kn_retry_take(&r, false) == 5)
        retries++;
    tap_is_int(retries, 100, "a hundred retries in a row, then no more");
    tap_is_int(kn_retry_take(&r, true), -1, "... after a time-out neither");
    kn_retry_give(&r, 5);
    tap_is_int(kn_retry_take(&r, true), -1, "a success after a retry gives back 5");
    tap_is_int(kn_retry_take(&r, false), 5, "... which is one retry");
    for (int i = 0; i < 10; i++)
        kn_retry_give(&r, 0);
    tap_is_int(kn_retry_take(&r, true), 10, "ten successes are one time-out's retry");
    for (int i = 0; i < 2000; i++)
        kn_retry_give(&r, 0);
    for (retries = 0; kn_retry_take(&r, true) == 10;)
        retries++;
    tap_is_int(retries, 50, "never more than 500 tokens");
    strcpy(config.retry_mode, "legacy");
    tap_ok(init(&r, &config, &err), "legacy mode");
    for (retries = 0; retries < 1000 && kn_retry_take(&r, false) == 0;)
        retries++;
    tap_is_int(retries, 1000, "has no quota");
}

static void pace(void) {
    static const struct {
        int step;
        double rate;
    } expected[] = {{35, 6.9999104},   {36, 7.4366030}, {49, 9.9305900}, {50, 6.9514130},
                    {51, 4.8659891},   {52, 5.2063849}, {60, 6.7193899}, {80, 7.5855380},
                    {100, 19.6454512}, {139, 20.0}};
    kn_retry r;
    kn_err err;
    kn_aws_config config = {.retry_mode = "adaptive"};
    tap_ok(init(&r, &config, &err), "adaptive mode");
    size_t next = 0;
    bool waited = false;
    for (int i = 1; i < 140; i++) { /* ten answers a second, throttled three times */
        uint64_t now = 1000000000000u + (uint64_t)i * 100000000u + 10000000u;
        kn_retry_answered(&r, i == 35 || i == 50 || i == 51, now);
        waited = waited || (i < 35 && kn_retry_wait_ns(&r, now) > 0);
        if (i == expected[next].step) {
            tap_ok(fabs(r.pace.fill_rate - expected[next].rate) < 1e-5,
                   "rate %.6f at step %d is %.6f", r.pace.fill_rate, i, expected[next].rate);
            next++;
        }
    }
    tap_ok(!waited, "no waiting before the first throttle");
    uint64_t now = 2000000000000u; /* long after: the bucket holds one second's sends */
    int at_once = 0;
    while (kn_retry_wait_ns(&r, now) == 0)
        at_once++;
    tap_is_int(at_once, 20, "a second's worth at once");
    tap_is_int((int)(kn_retry_wait_ns(&r, now) / 1000000), 100, "then each after the other");
    tap_is_int((int)(kn_retry_wait_ns(&r, now) / 1000000), 150,
               "... a twentieth of a second apart");
}

int main(void) {
    settings();
    quota();
    pace();
    return tap_done();
}
