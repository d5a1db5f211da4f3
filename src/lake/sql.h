/* DuckDB, behind the few things the lake needs: run a query, walk a typed result, write Parquet.
 * The library is opened (dlopen) at the first kn_sql_open, from DUCKDB_PREFIX, beside the installed
 * binary (../lib/kinessis), or where the build found it.
 *
 * A database is in memory; several connections may use it at once, each on one thread at a time,
 * except kn_sql_interrupt, which may come from any thread. */
#ifndef KN_LAKE_SQL_H
#define KN_LAKE_SQL_H

#include "base/buf.h"

typedef struct kn_sql kn_sql; /* a database */
typedef struct kn_sql_connection kn_sql_connection;
typedef struct kn_sql_result kn_sql_result;

/* folder: the only one that SQL text may read; NULL: none. The configuration is locked afterwards.
 */
KN_MUST_CHECK bool kn_sql_open(const char *folder, kn_sql **out, kn_err *err);
void kn_sql_close(kn_sql *sql);

KN_MUST_CHECK bool kn_sql_connect(kn_sql *sql, kn_sql_connection **out, kn_err *err);
void kn_sql_disconnect(kn_sql_connection *connection);
void kn_sql_interrupt(kn_sql_connection *connection);

/* Runs one statement; *result may be NULL when the caller does not need it. KN_EPARSE: a syntax
 * error. KN_EINVAL: any other error of the statement. KN_ECANCEL: interrupted. The message is
 * DuckDB's. */
KN_MUST_CHECK bool kn_sql_run(kn_sql_connection *connection, const char *text,
                              kn_sql_result **result, kn_err *err);
void kn_sql_result_free(kn_sql_result *result);

/* Quoting for building statements: 'it''s' and "na""me". */
void kn_sql_quote_string(kn_buf *out, kn_slice text);
void kn_sql_quote_name(kn_buf *out, kn_slice name);

#endif
