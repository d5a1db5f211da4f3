/* A record as a row of CSV (RFC 4180, but rows end with \n alone, which whoever writes the row
 * adds): a field with a comma, a quote or a line end is quoted, NULL is empty, the empty string is
 * "", objects and arrays are their JSON. */
#ifndef KN_GEN_CSV_H
#define KN_GEN_CSV_H

#include "gen/plan.h"

/* Appends the row of the record that the cursor has made last, and spoils the record. On failure
 * out is as it was. */
KN_MUST_CHECK bool kn_csv_write(const kn_cursor *cursor, kn_buf *record, kn_buf *out, kn_err *err);

#endif
