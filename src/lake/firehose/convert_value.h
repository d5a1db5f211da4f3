/* Scalars: from the text of a JSON value to the value of a column's type. Pure. */
#ifndef KN_LAKE_FIREHOSE_CONVERT_VALUE_H
#define KN_LAKE_FIREHOSE_CONVERT_VALUE_H

#include "base/buf.h"

__extension__ typedef __int128 kn_int128;

/* [+-]digits. False: not that, or outside of [min, max]. */
KN_MUST_CHECK bool kn_value_integer(kn_slice text, int64_t min, int64_t max, int64_t *out);

/* A number as JSON writes it, also with '+' in front. False: not that, or larger than a double. */
KN_MUST_CHECK bool kn_value_double(kn_slice text, double *out);

/* The same as digits of a decimal: value * 10^scale, rounded half away from zero. False: not a
 * number, or it has more than precision - scale digits before the point. */
KN_MUST_CHECK bool kn_value_decimal(kn_slice text, int precision, int scale, kn_int128 *out);

/* yyyy-[M]M-[d]d, years 1 to 9999. */
KN_MUST_CHECK bool kn_value_date(kn_slice text, int32_t *days);

/* yyyy-MM-dd'T'HH:mm:ss[.S{1,9}]'Z' (not when hive), yyyy-[M]M-[d]d HH:mm:ss[.S{1,9}]. */
KN_MUST_CHECK bool kn_value_timestamp(kn_slice text, bool hive, int64_t *micros);

/* Epoch seconds (below 1e12) or milliseconds; always_millis takes it as milliseconds. */
KN_MUST_CHECK bool kn_value_epoch(kn_slice text, bool always_millis, int64_t *micros);

#endif
