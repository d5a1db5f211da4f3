/* A shard's allowances, by a clock of the test's own. */
#include "lake/kinesis/rates.h"

#include "tap.h"

static int puts_at(kn_rates *rates, int64_t ms, size_t bytes) {
    int n = 0;
    while (n < 100000 && kn_rates_put(rates, ms, bytes))
        n++;
    return n;
}

static int gets_at(kn_rates *rates, int64_t ms) {
    int n = 0;
    while (n < 100 && kn_rates_get(rates, ms))
        n++;
    return n;
}

int main(void) {
    kn_rates r = {0};
    tap_is_int(puts_at(&r, 1000000, 10), 1000, "1,000 records at once");
    tap_is_int(puts_at(&r, 1000000, 10), 0, "then none");
    tap_is_int(puts_at(&r, 1000100, 10), 100, "a tenth of a second later a tenth of them");
    tap_is_int(puts_at(&r, 9000000, 10), 1000, "a long time later no more than a second's");
    tap_is_int(puts_at(&r, 8000000, 10), 0, "a clock that was set back gives nothing");
    tap_is_int(puts_at(&r, 8001000, 10), 1000, "... and goes on from there");

    r = (kn_rates){0};
    tap_is_int(puts_at(&r, 1000, 1 << 20), 1, "1 MiB at once");
    tap_is_int(puts_at(&r, 1500, 1 << 20), 0, "not again after half a second");
    tap_is_int(puts_at(&r, 1500, 1 << 19), 1, "but half of it");

    r = (kn_rates){0};
    tap_is_int(gets_at(&r, 1000), 5, "five reads at once");
    tap_is_int(gets_at(&r, 1200), 1, "another each 200 ms");
    r = (kn_rates){0};
    tap_ok(kn_rates_get(&r, 1000), "a read");
    kn_rates_gave(&r, 10 << 20);
    tap_is_int(gets_at(&r, 4900), 0, "... of 10 MiB: none for four seconds");
    tap_is_int(gets_at(&r, 5001), 5, "... then again");
    return tap_done();
}
