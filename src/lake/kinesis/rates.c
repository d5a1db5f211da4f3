/* See rates.h. */
#include "lake/kinesis/rates.h"

#define PUT_RECORDS 1000.0
#define PUT_BYTES 1048576.0
#define GET_CALLS 5.0
#define GET_BYTES 2097152.0

static void fill(double *allowance, double rate, double seconds) {
    *allowance += rate * seconds;
    if (*allowance > rate)
        *allowance = rate;
}

static void refill(kn_rates *rates, int64_t now_ms) {
    double seconds = rates->started ? (double)(now_ms - rates->then_ms) / 1000 : 1;
    rates->started = true;
    rates->then_ms = now_ms;
    if (seconds <= 0) /* or the clock was set back */
        return;
    fill(&rates->put_records, PUT_RECORDS, seconds);
    fill(&rates->put_bytes, PUT_BYTES, seconds);
    fill(&rates->get_calls, GET_CALLS, seconds);
    fill(&rates->get_bytes, GET_BYTES, seconds);
}

bool kn_rates_put(kn_rates *rates, int64_t now_ms, size_t bytes) {
    refill(rates, now_ms);
    if (rates->put_records < 1 || rates->put_bytes < (double)bytes)
        return false;
    rates->put_records -= 1;
    rates->put_bytes -= (double)bytes;
    return true;
}

bool kn_rates_get(kn_rates *rates, int64_t now_ms) {
    refill(rates, now_ms);
    if (rates->get_calls < 1 || rates->get_bytes < 0)
        return false;
    rates->get_calls -= 1;
    return true;
}

void kn_rates_gave(kn_rates *rates, size_t bytes) {
    rates->get_bytes -= (double)bytes;
}
