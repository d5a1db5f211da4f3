/* What a shard takes and gives a second, imitated when the lake runs with --shard-limits: 1,000
 * records and 1 MiB in; 5 calls and 2 MiB out. Each is an allowance that fills up steadily, to no
 * more than a second's worth; the bytes of a read may overdraw it, and then reads wait until that
 * is made up (a reply of 10 MiB: five seconds).
 * https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html */
#ifndef KN_LAKE_KINESIS_RATES_H
#define KN_LAKE_KINESIS_RATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed: full allowances. The owner sees to it that one thread uses it at a time. */
typedef struct kn_rates {
    bool started;
    int64_t then_ms;
    double put_records, put_bytes, get_calls, get_bytes;
} kn_rates;

/* Whether the shard takes the record now. */
bool kn_rates_put(kn_rates *rates, int64_t now_ms, size_t bytes);
/* Whether it answers a read now; and then what it gave. */
bool kn_rates_get(kn_rates *rates, int64_t now_ms);
void kn_rates_gave(kn_rates *rates, size_t bytes);

#endif
