/* Moments, in microseconds since 1970, as Trino's functions write, read and move them.
 *
 * Patterns are MySQL's (DATE_FORMAT); Joda's are translated. References: Trino's "Date and time
 * functions"; MySQL's DATE_FORMAT.
 * Limits: English names, UTC; week-based fields (%U %u %V %v %X %x, w, x, e) are refused. */
#ifndef KN_LAKE_SQL_MOMENT_H
#define KN_LAKE_SQL_MOMENT_H

#include "base/buf.h"

KN_MUST_CHECK bool kn_moment_format(kn_slice pattern, int64_t us, kn_buf *out, kn_err *err);
KN_MUST_CHECK bool kn_moment_parse(kn_slice text, kn_slice pattern, int64_t *us, kn_err *err);

/* Appends a Joda pattern in MySQL's letters. */
KN_MUST_CHECK bool kn_moment_from_joda(kn_slice joda, kn_buf *out, kn_err *err);

/* n units (by their names: "day", "month") after us; months end where the month ends, as in Trino.
 */
KN_MUST_CHECK bool kn_moment_add(kn_slice unit, int64_t n, int64_t us, int64_t *out, kn_err *err);

#endif
