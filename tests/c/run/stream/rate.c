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

/* Threads look at the clock, and then come one after another. */
static void late_times(void) {
    kn_rate r = {0};
    uint64_t now = 5 * second;
    double sum = 0;
    for (int i = 0; i < 10; i++)
        kn_rate_accepted(&r, 0.1, now + (i % 2 ? 0 : second / 10));
    kn_rate_throttled(&r, now, now + second);
    tap_ok(r.rate > 0.9 && r.rate <= 1.1, "what was taken, by times out of order (%.2f)", r.rate);
    double first = r.rate;
    kn_rate_throttled(&r, now + second, now);
    tap_ok(r.rate == first, "a time before the last cut is not long after it");
    for (int i = 0; i < 1000; i++, now += second / 1000) {
        while (kn_rate_take(&r, 0.001, now + 2 * second))
            sum += 0.001;
        while (kn_rate_take(&r, 0.001, now + 2 * second - second / 20))
            sum += 0.001;
    }
    tap_ok(sum < 1.5 * first, "nothing is let through twice (%.2f)", sum);
}

enum { IN_FLIGHT = 8, REQUEST = 500, LATENCY_MS = 25, TEN_MS = 10 };

/* A shard that takes 1,000 records a second, and somebody who always has more for it. */
typedef struct shard {
    bool by_window; /* so many in each second of the clock; else a bucket that fills */
    double allowance;
    struct {
        uint64_t since, answered;
        int records;
    } requests[IN_FLIGHT];
    uint64_t taken, refused;
} shard;

static void answer(shard *s, kn_rate *r, int i, uint64_t now) {
    int room = (int)s->allowance, records = s->requests[i].records;
    int taken = records < room ? records : room;
    s->allowance -= taken;
    s->taken += (uint64_t)taken;
    s->refused += (uint64_t)(records - taken);
    if (taken)
        kn_rate_accepted(r, taken / 1000.0, now);
    if (taken < records)
        kn_rate_throttled(r, s->requests[i].since, now);
    s->requests[i].records = 0;
}

static void keep_shard(shard *s, int for_seconds) {
    kn_rate r = {0};
    uint64_t start = 5 * second;
    s->allowance = 1000;
    for (int ms = 0; ms < for_seconds * 1000; ms++) {
        uint64_t now = start + (uint64_t)ms * second / 1000;
        s->allowance += s->by_window ? 0 : 1;
        if (s->allowance > 1000 || (s->by_window && ms % 1000 == 0))
            s->allowance = 1000;
        for (int i = 0; i < IN_FLIGHT; i++)
            if (s->requests[i].records && s->requests[i].answered <= now)
                answer(s, &r, i, now);
        for (int i = 0; ms % TEN_MS == 0 && i < IN_FLIGHT; i++) {
            if (s->requests[i].records)
                continue;
            while (s->requests[i].records < REQUEST && kn_rate_take(&r, 0.001, now))
                s->requests[i].records++;
            s->requests[i].since = now;
            s->requests[i].answered = now + LATENCY_MS * second / 1000;
        }
    }
}

static void uses_the_shard(void) {
    for (int by_window = 0; by_window < 2; by_window++) {
        static shard s;
        s = (shard){.by_window = by_window};
        keep_shard(&s, 60);
        tap_ok(s.taken > 57000 && s.refused < 8000,
               "a shard that counts %s is used: took %llu of 60,000, refused %llu",
               by_window ? "by the second" : "as a bucket", (unsigned long long)s.taken,
               (unsigned long long)s.refused);
    }
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
    kn_rate_throttled(&r, now, now);
    tap_ok(r.limited && r.rate > 0.8 && r.rate < 1.3, "a throttle sets what was taken (%.2f)",
           r.rate);
    double first = r.rate;
    kn_rate_throttled(&r, now, now + second / 100);
    tap_ok(r.rate == first, "throttles that come together count once");

    uint64_t asked = now;
    double sum = let_through(&r, &asked, 1, 0.001);
    tap_ok(sum > 0.95 * first && sum < 1.2 * first, "the rate is kept (%.2f)", sum);
    double grown = r.rate;
    tap_ok(grown > first * 1.08 && grown < first * 1.12, "it grows by a tenth a second");
    kn_rate_throttled(&r, now - 1, asked);
    tap_ok(r.rate == grown, "what was sent before a cut says nothing of the new rate");
    kn_rate_accepted(&r, grown, asked - 1);
    kn_rate_accepted(&r, 0, asked + second);
    kn_rate_throttled(&r, asked, asked + second);
    tap_ok(r.rate > grown * 0.94 && r.rate < grown * 0.96,
           "a throttle cuts it below what is taken");
    asked += 4 * second;
    grown = r.rate;
    kn_rate_throttled(&r, asked, asked);
    tap_ok(r.rate > grown * 0.5 && r.rate < grown * 0.8,
           "much when nothing was, and not to nothing");

    for (int i = 0; i < 100; i++, asked += second)
        kn_rate_throttled(&r, asked, asked);
    tap_ok(r.rate >= 0.1, "never to nothing");
    tap_ok(let_through(&r, &asked, 2, 0.001) > 0, "something goes always");
    tap_ok(kn_rate_take(&r, 50, asked + second) && !kn_rate_take(&r, 0.001, asked + second),
           "what is larger than the bucket goes, and is waited for");
    tap_ok(kn_rate_take(&r, 50, asked + 120 * second) && !r.limited,
           "a minute later all is forgotten");

    kn_rate unknown = {0};
    kn_rate_throttled(&unknown, now, now);
    tap_ok(unknown.limited && unknown.rate == 1, "a throttle before anything was taken");
    late_times();
    uses_the_shard();
    return tap_done();
}
