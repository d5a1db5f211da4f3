/* Additive increase, multiplicative decrease, on a clock of our own. */
#include "run/stream/rate.h"

#include "tap.h"

static const uint64_t second = 1000000000;

/* How much is let through in so many seconds by asking every millisecond. */
static double let_through(kn_rate *r, uint64_t *now, double for_seconds, double cost) {
    double sum = 0;
    for (int i = 0; i < (int)(for_seconds * 1000); i++, *now += second / 1000)
        while (kn_rate_take(r, cost, *now))
            sum += cost;
    return sum;
}

int main(void) {
    kn_rate r = {0};
    uint64_t now = 5 * second;
    bool free = true;
    for (int i = 0; i < 100000; i++)
        free = free && kn_rate_take(&r, 1, now);
    tap_ok(free, "no limit at first");
    tap_ok(kn_rate_cost(500, 1000) == 0.5 && kn_rate_cost(1, 1 << 20) == 1, "by records or bytes");

    for (int i = 0; i < 20; i++, now += second / 20)
        kn_rate_accepted(&r, 0.05, now); /* one shard's worth a second */
    kn_rate_throttled(&r, now);
    tap_ok(r.limited && r.rate > 0.8 && r.rate < 1.3, "a throttle sets what was taken (%.2f)",
           r.rate);
    double first = r.rate;
    kn_rate_throttled(&r, now + second / 100);
    tap_ok(r.rate == first, "throttles that come together count once");

    uint64_t asked = now;
    double sum = let_through(&r, &asked, 1, 0.001);
    tap_ok(sum > 0.95 * first && sum < 1.2 * first, "the rate is kept (%.2f)", sum);
    double grown = r.rate;
    tap_ok(grown > first * 1.08 && grown < first * 1.12, "it grows by a tenth a second");
    kn_rate_throttled(&r, asked);
    tap_ok(r.rate > grown * 0.69 && r.rate < grown * 0.71, "a throttle cuts it by three tenths");

    for (int i = 0; i < 100; i++, asked += second)
        kn_rate_throttled(&r, asked);
    tap_ok(r.rate >= 0.1, "never to nothing");
    tap_ok(let_through(&r, &asked, 2, 0.001) > 0, "something goes always");
    tap_ok(kn_rate_take(&r, 50, asked + second) && !kn_rate_take(&r, 0.001, asked + second),
           "what is larger than the bucket goes, and is waited for");
    tap_ok(kn_rate_take(&r, 50, asked + 120 * second) && !r.limited,
           "a minute later all is forgotten");

    kn_rate unknown = {0};
    kn_rate_throttled(&unknown, now);
    tap_ok(unknown.limited && unknown.rate == 1, "a throttle before anything was taken");
    return tap_done();
}
