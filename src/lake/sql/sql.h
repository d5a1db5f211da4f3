/* DuckDB, behind the few things the lake needs: run a query, walk a typed result, write Parquet.
 * The library is opened (dlopen) at the first kn_sql_open, from DUCKDB_PREFIX, beside the installed
 * binary (../lib/kinessis), or where the build found it.
 *
 * A database is in memory; several connections may use it at once, each on one thread at a time,
 * except kn_sql_interrupt, which may come from any thread. */
#ifndef KN_LAKE_SQL_SQL_H
#define KN_LAKE_SQL_SQL_H

#include "base/buf.h"

typedef struct kn_sql kn_sql; /* a database */
typedef struct kn_sql_connection kn_sql_connection;
typedef struct kn_sql_result kn_sql_result;

typedef struct kn_sql_options {
    const char *folder;    /* the only one that SQL text may read and write; NULL: none */
    const char *temporary; /* where big sorts and joins spill; NULL: they fail instead */
    const char *setup;     /* statements to run before the configuration is locked, or NULL */
    bool single_thread;    /* each statement on its caller's thread alone, instead of two */
} kn_sql_options;

/* No file, folder, network or extension is within reach of SQL text but options->folder (and what
 * is below options->temporary); the configuration is locked. options may be NULL. */
KN_MUST_CHECK bool kn_sql_open(const kn_sql_options *options, kn_sql **out, kn_err *err);
void kn_sql_close(kn_sql *sql);

KN_MUST_CHECK bool kn_sql_connect(kn_sql *sql, kn_sql_connection **out, kn_err *err);
void kn_sql_disconnect(kn_sql_connection *connection);
void kn_sql_interrupt(kn_sql_connection *connection);

/* Runs one statement; more than one is refused. result may be NULL when the caller does not need
 * it; else rows are computed while they are walked, so free the result before the next statement on
 * the connection. KN_EPARSE: a syntax error. KN_EINVAL: any other error of the statement.
 * KN_ECANCEL: interrupted. KN_ELIMIT: memory. The message is DuckDB's. */
KN_MUST_CHECK bool kn_sql_run(kn_sql_connection *connection, const char *text,
                              kn_sql_result **result, kn_err *err);
void kn_sql_result_free(kn_sql_result *result);

/* A column as Athena describes it. */
typedef struct kn_sql_column {
    const char *name;
    const char *type;      /* "varchar", "bigint", "timestamp with time zone", "array", ... */
    const char *full_type; /* "decimal(10,2)", "array(row(a integer))", ... */
    int precision, scale;
    bool case_sensitive;
} kn_sql_column;

size_t kn_sql_column_count(const kn_sql_result *result);
const kn_sql_column *kn_sql_column_at(const kn_sql_result *result, size_t column);

/* Moves to the next row (to the first, when it is new); *row is false at the end. */
KN_MUST_CHECK bool kn_sql_next(kn_sql_result *result, bool *row, kn_err *err);

/* Appends the present row's value as Athena prints it; false, and nothing appended, for NULL. */
bool kn_sql_render(const kn_sql_result *result, size_t column, kn_buf *out);

/* Makes Trino's date_format, date_parse, format_datetime, parse_datetime and date_add (as
 * kn_date_add) known to the connection's database, once. No result may be unfinished on the
 * connection: its end would undo them. */
KN_MUST_CHECK bool kn_sql_date_functions(kn_sql_connection *connection, kn_err *err);

/* Quoting for building statements: 'it''s' and "na""me". */
void kn_sql_quote_string(kn_buf *out, kn_slice text);
void kn_sql_quote_name(kn_buf *out, kn_slice name);

#endif
