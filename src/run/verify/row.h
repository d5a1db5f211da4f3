/* What of a record is compared when it is verified, as one text that is the same wherever the
 * record is found.
 *
 *   whole      the record's bytes without the values that cannot be made again (the wall clock's)
 *   columns    the values of some fields as a table holds them, each after its column's type,
 * divided by U+001F; a null, and a field that is not there, is \N. In SQL the same text is made
 * from the columns (lua/kinessis/verify/table.lua: change both).
 *
 * Left out: arrays and maps as columns. */
#ifndef KN_RUN_VERIFY_ROW_H
#define KN_RUN_VERIFY_ROW_H

#include "base/buf.h"

#define KN_ROW_DIVIDER '\x1f'
#define KN_ROW_NULL "\\N"

enum { KN_ROW_FIELDS = 2048, KN_ROW_DEPTH = 32 };

typedef enum {
    KN_CELL_TEXT,
    KN_CELL_INTEGER,
    KN_CELL_BOOLEAN,
    KN_CELL_DOUBLE,    /* hexadecimal digits of its IEEE 754 bits */
    KN_CELL_FLOAT,     /* the same of the single-precision value */
    KN_CELL_DECIMAL,   /* with exactly `scale` digits after the point */
    KN_CELL_DATE,      /* yyyy-MM-dd */
    KN_CELL_TIMESTAMP, /* milliseconds since 1970 */
} kn_cell_kind;

typedef struct kn_row_field {
    kn_slice path; /* names of the objects and of the field, divided by NUL bytes */
    kn_cell_kind kind;
    int scale;
} kn_row_field;

typedef struct kn_row kn_row; /* immutable: threads may share it */

/* whole: the fields are those to leave out; else those that are compared, in order. key (its kind
 * counts, may be NULL): the field that tells records apart. Everything is copied. */
KN_MUST_CHECK bool kn_row_new(const kn_row_field *fields, size_t n, bool whole,
                              const kn_row_field *key, kn_row **out, kn_err *err);
void kn_row_destroy(kn_row *row);
bool kn_row_is_whole(const kn_row *row);
bool kn_row_has_key(const kn_row *row);

/* Replaces text by the record's, and key by the cell of the key field (its content is left where
 * the row has none). What is no JSON object (a corrupted record) is its bytes, and its key too:
 * then *is_json is false. */
KN_MUST_CHECK bool kn_row_text(const kn_row *row, kn_slice record, kn_buf *text, kn_buf *key,
                               bool *is_json, kn_err *err);

#endif
