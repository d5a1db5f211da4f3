/* JSON records to typed columns: what Firehose does before it writes Parquet.
 *
 * A record is one or more JSON objects, concatenated; each is a row. Rows are kept by column, ready
 * to be handed to a Parquet writer. A record that cannot be converted leaves nothing behind and is
 * reported alone, so one bad record never spoils its batch.
 *
 * The OpenX rules (Firehose's usual deserialiser): keys are lower-cased first, those of maps too,
 * unless case matters; unknown keys are dropped, missing ones and null give NULL, of a key that
 * comes twice the last one counts. Numbers may stand in strings; anything goes into a string (a
 * nested value as its JSON text). Timestamps: yyyy-MM-dd'T'HH:mm:ss[.S{1,9}]'Z',
 * yyyy-[M]M-[d]d HH:mm:ss[.S{1,9}], or an epoch, below 1e12 in seconds, else in milliseconds.
 * The Hive rules take a value only in its own JSON type.
 *
 * Why not jansson: it reads the quickstart's record 0.33 million times a second and loses what this
 * needs (the text of numbers, integers above 64 bits); scan.c is a pull reader over the
 * record's bytes. It is fuzzed (tests/fuzz/convert.c).
 *
 * Limits: nesting of 128; 256 MiB for one buffer of a column. Microseconds: finer digits are cut.
 * varchar(n) and char(n) are strings of any length, uniontype is refused. */
#ifndef KN_LAKE_FIREHOSE_CONVERT_H
#define KN_LAKE_FIREHOSE_CONVERT_H

#include "base/buf.h"

/* --- types -------------------------------------------------------------------------------- */

typedef enum {
    KN_KIND_BOOLEAN,
    KN_KIND_TINYINT,
    KN_KIND_SMALLINT,
    KN_KIND_INT,
    KN_KIND_BIGINT,
    KN_KIND_FLOAT,
    KN_KIND_DOUBLE,
    KN_KIND_DECIMAL,
    KN_KIND_DATE,      /* int32: days since 1970-01-01 */
    KN_KIND_TIMESTAMP, /* int64: microseconds since 1970-01-01 */
    KN_KIND_STRING,
    KN_KIND_BINARY,
    KN_KIND_ARRAY,
    KN_KIND_MAP,
    KN_KIND_STRUCT,
} kn_kind;

typedef struct kn_type {
    kn_kind kind;
    int precision, scale; /* of a decimal */
    char *name;           /* of a column or a struct's field, in lower case; else NULL */
    char *key;            /* the JSON key it is read from */
    size_t key_length;
    struct kn_type *children; /* array: the element; map: key, value; struct: the fields */
    size_t count;
    uint32_t *slots; /* struct: hash table over the keys, field number + 1 */
    size_t slot_count;
} kn_type;

/* Reads a Hive type: "array<struct<a:int,b:decimal(9,2)>>". */
KN_MUST_CHECK bool kn_type_parse(const char *text, kn_type *out, kn_err *err);
void kn_type_free(kn_type *type);

/* A struct type without fields, and adding one (a column of the table). key may be NULL: the name.
 * KN_EINVAL names the column when its type is wrong or its name comes twice. */
void kn_type_row(kn_type *row);
KN_MUST_CHECK bool kn_type_add(kn_type *row, const char *name, const char *key, const char *text,
                               kn_err *err);

/* Bytes of one value in kn_column.data; a decimal takes 2, 4, 8 or 16 by its precision. */
size_t kn_type_width(const kn_type *type);

/* The field that a key (already lower-cased or not, as the options say) is read into, or NULL.
 * *hint is where the search begins; afterwards the field to try next. */
const kn_type *kn_type_field(const kn_type *type, kn_slice key, size_t *hint);

/* --- columns ------------------------------------------------------------------------------ */

typedef struct kn_span {
    uint64_t offset, length;
} kn_span;

typedef struct kn_column {
    const kn_type *type;
    size_t rows;
    kn_buf valid; /* a byte a row: 1, or 0 for NULL */
    kn_buf data;  /* the values; strings and lists are kn_span: into text, into the children */
    kn_buf text;  /* the bytes of the strings, one after another */
    struct kn_column *children; /* as type->children; those of a struct have as many rows as it */
} kn_column;

KN_MUST_CHECK bool kn_column_init(kn_column *column, const kn_type *type, kn_err *err);
void kn_column_free(kn_column *column);
void kn_column_truncate(kn_column *column, size_t rows); /* also forgets a failed append */
bool kn_column_ok(const kn_column *column);              /* no append has failed */

void kn_column_null(kn_column *column);
void kn_column_fixed(kn_column *column, const void *value); /* of kn_type_width bytes */
void kn_column_text(kn_column *column, kn_slice text);
void kn_column_list(kn_column *column, uint64_t length); /* its elements are appended before */
void kn_column_row(kn_column *column);                   /* a struct; the fields before */

/* --- records ------------------------------------------------------------------------------ */

typedef struct kn_convert_rules {
    bool hive;                /* Hive JSON SerDe; else OpenX */
    bool case_sensitive;      /* keys are compared as they are */
    bool dots_to_underscores; /* in keys */
} kn_convert_rules;

typedef struct kn_convert_failure {
    const char *code; /* "DataFormatConversion.ParseError" or ".MalformedData" */
    char message[512];
} kn_convert_failure;

typedef struct kn_convert kn_convert;

/* The row type is borrowed. */
KN_MUST_CHECK bool kn_convert_new(const kn_type *row, kn_convert_rules rules, kn_convert **out,
                                  kn_err *err);
void kn_convert_destroy(kn_convert *convert);

/* Adds the record's rows; false: nothing was added, failure says why. */
KN_MUST_CHECK bool kn_convert_record(kn_convert *convert, kn_slice record,
                                     kn_convert_failure *failure);

const kn_column *kn_convert_rows(const kn_convert *convert); /* a struct column */
void kn_convert_clear(kn_convert *convert);

#endif
