/* Time: two clocks, civil dates (proleptic Gregorian, UTC) and the formats AWS uses.
 * Wall times are int64 milliseconds since 1970-01-01T00:00:00Z. */
#ifndef KN_BASE_TIME_H
#define KN_BASE_TIME_H

#include "base/buf.h"

typedef struct kn_civil {
    int year, month, day;             /* month and day from 1 */
    int hour, minute, second, millis; /* UTC */
    int weekday;                      /* 0 is Sunday */
} kn_civil;

int64_t kn_time_now_ms(void);        /* wall clock */
uint64_t kn_time_monotonic_ns(void); /* for intervals; never goes back */

kn_civil kn_civil_from_ms(int64_t ms);
int64_t kn_civil_to_ms(const kn_civil *c);

/* "20150830T123600Z" */
void kn_time_amz(char out[17], int64_t ms);
/* "2022-02-02T15:17:07", with ".123" when millis, with "Z" when zone; out holds 25 bytes. Returns
 * the length. Years 0 to 9999. */
size_t kn_time_iso(char out[32], int64_t ms, bool millis, bool zone);
/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110) */
void kn_time_http(char out[30], int64_t ms);

/* Reads "2022-02-02", "2022-02-02T15:17:07[.123][Z|+01:00]" (T or a space); no zone means UTC. */
KN_MUST_CHECK bool kn_time_parse_iso(kn_slice text, int64_t *ms);
/* Reads "Sun, 06 Nov 1994 08:49:37 GMT"; the day of the week may be any. */
KN_MUST_CHECK bool kn_time_parse_http(kn_slice text, int64_t *ms);

void kn_sleep_ms(int64_t ms);

#endif
