/* Parquet files from typed columns, by DuckDB: the rows of one file are collected in a table of the
 * database, by chunks, then copied out. Timestamps become INT64 microseconds without a zone (AWS
 * writes INT96). A table takes the memory of its values until the file is written. */
#ifndef KN_LAKE_SQL_PARQUET_H
#define KN_LAKE_SQL_PARQUET_H

#include "lake/firehose/convert.h"
#include "lake/sql/sql.h"

typedef struct kn_parquet kn_parquet;

/* row is borrowed and has at least one column; its names are those of the file. */
KN_MUST_CHECK bool kn_parquet_open(kn_sql *sql, const kn_type *row, kn_parquet **out, kn_err *err);
void kn_parquet_close(kn_parquet *parquet);

/* Appends rows: a struct column of the same type. After a failure only closing is left. */
KN_MUST_CHECK bool kn_parquet_append(kn_parquet *parquet, const kn_column *rows, kn_err *err);

/* Writes everything appended to the file (in a folder that the database may reach).
 * compression: "snappy", "gzip", "zstd" or "uncompressed". */
KN_MUST_CHECK bool kn_parquet_write(kn_parquet *parquet, const char *file, const char *compression,
                                    kn_err *err);

#endif
