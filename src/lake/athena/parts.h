/* Private to src/lake/athena: what the parts of Athena share.
 *
 *     athena.c     the operations on executions
 *     workgroup.c  the operations on workgroups and catalogs
 *     pool.c       the query threads and the life of an execution
 *     run.c        one query: its database, its views, its result
 *     parse.c      what a query is and which tables it names
 *     table.c      a Glue table as a view
 *     ddl.c        statements about the catalog
 *     dialect.c    Trino's functions as DuckDB macros
 *     result.c     result files, written and read by pages */
#ifndef KN_LAKE_ATHENA_PARTS_H
#define KN_LAKE_ATHENA_PARTS_H

#include "lake/service.h"
#include "lake/sql/sql.h"
#include "lake/store/store.h"

#define KN_ATHENA_EXECUTION "athena.execution"
#define KN_ATHENA_WORKGROUP "athena.workgroup"
#define KN_ATHENA_TOKEN "athena.token"
#define KN_ATHENA_TAGS "athena.tags"
#define KN_ATHENA_CATALOG "AwsDataCatalog"

/* --- parse.c --- */

typedef struct kn_athena_table_ref {
    char *catalog, *database, *table; /* lower case; NULL: not given */
    int line, column;                 /* from 1; 0: unknown */
    bool optional;                    /* it may be a WITH query's name */
} kn_athena_table_ref;

typedef struct kn_athena_query {
    kn_athena_table_ref *tables;
    size_t table_count;
    bool wants_path; /* it names "$path" */
    /* The names of the select list, for columns that Trino calls _col0, _col1, ...: unnamed[i]
     * tells for item i; star is the index of the first item that is a star, last_star of the last
     * one. */
    bool *unnamed;
    size_t item_count, star, last_star;
    bool has_star;
} kn_athena_query;

/* Splits a query into what the lake needs to know. KN_EPARSE for a syntax error, as "line 1:8: ..."
 */
KN_MUST_CHECK bool kn_athena_parse(kn_sql_connection *connection, const char *text,
                                   kn_athena_query *out, kn_err *err);
void kn_athena_query_free(kn_athena_query *query);

/* The name of result column i of n, or NULL when DuckDB's is right; text holds it. */
const char *kn_athena_column_name(const kn_athena_query *query, size_t i, size_t n, char text[24]);

/* The first word of a statement after comments, in upper case: "SELECT"; "" when there is none. */
void kn_athena_keyword(const char *text, char out[32]);

/* Appends the query with its positional parameters (?) replaced. KN_EINVAL when their number is not
 * that of the list. */
KN_MUST_CHECK bool kn_athena_substitute(const char *text, const json_t *parameters, kn_buf *out,
                                        kn_err *err);

/* --- table.c --- */

/* Appends the statement that creates a view for a Glue table; *bytes grows by the size of its
 * objects. */
KN_MUST_CHECK bool kn_athena_table_view(kn_lake *lake, const json_t *table, bool wants_path,
                                        kn_buf *sql, uint64_t *bytes, kn_err *err);

/* Appends DuckDB's name of a Glue type: "array<int>" is "INTEGER[]". */
KN_MUST_CHECK bool kn_athena_type(const char *glue, kn_buf *out, kn_err *err);

/* --- ddl.c --- */

/* Whether the text is a statement about the catalog. */
bool kn_athena_is_ddl(const char *text);

/* Runs it: lines of text into out, descriptions of columns into *columns (may stay NULL). */
KN_MUST_CHECK bool kn_athena_ddl(kn_lake *lake, const char *text, const char *database, kn_buf *out,
                                 json_t **columns, kn_err *err);

/* --- dialect.c --- */

/* Makes those of Trino's functions that the query may call known to the connection. */
KN_MUST_CHECK bool kn_athena_dialect(kn_sql_connection *connection, const char *query, kn_err *err);

/* Rewrites DuckDB's message into Athena's words ("COLUMN_NOT_FOUND: line 1:8: ..."). */
void kn_athena_reason(kn_err *err);

/* --- run.c --- */

typedef struct kn_athena_job {
    kn_lake *lake;
    const char *id, *text, *database;
    const json_t *parameters;
    const char *output; /* "s3://bucket/prefix/" with a slash at the end */
    /* Told the connection that runs the query (NULL: none any more); false: do not start. */
    bool (*attach)(void *context, kn_sql_connection *connection);
    bool (*cancelled)(void *context);
    void *context;
} kn_athena_job;

typedef struct kn_athena_outcome {
    json_t *columns; /* ColumnInfo list, NULL: no result set */
    uint64_t scanned;
    uint64_t planning_ms;
} kn_athena_outcome;

/* Runs the query and stores its result. The message of an error is what Athena shows. */
KN_MUST_CHECK bool kn_athena_run(const kn_athena_job *job, kn_athena_outcome *outcome, kn_err *err);

/* --- pool.c --- */

typedef struct kn_athena_pool kn_athena_pool;

KN_MUST_CHECK bool kn_athena_pool_open(kn_lake *lake, kn_athena_pool **out, kn_err *err);
void kn_athena_pool_close(kn_athena_pool *pool);

/* Queues an execution that is in the store. */
KN_MUST_CHECK bool kn_athena_pool_submit(kn_athena_pool *pool, const char *id, kn_err *err);

/* Whether the queue has no room for one more. */
bool kn_athena_pool_full(kn_athena_pool *pool);

/* Cancels an execution, if it has not ended, and waits a moment for its end. */
void kn_athena_pool_cancel(kn_athena_pool *pool, const char *id);

/* --- result.c --- */

/* Splits "s3://bucket/key"; false when it is no such URI. bucket holds 256 bytes. */
bool kn_athena_split(const char *uri, char bucket[256], const char **key);

/* Where an execution's result is: output + id + ".csv" (".txt"). */
void kn_athena_location(const char *output, const char *id, bool ddl, kn_buf *out);

/* Walks the result and stores it as CSV (with its metadata beside it); *columns is the ColumnInfo
 * list. */
KN_MUST_CHECK bool kn_athena_result_write(const kn_athena_job *job, const kn_athena_query *query,
                                          kn_sql_result *result, json_t **columns, kn_err *err);

/* Stores the text of a statement about the catalog. */
KN_MUST_CHECK bool kn_athena_result_write_text(const kn_athena_job *job, kn_slice text,
                                               kn_err *err);

/* Appends the reply to GetQueryResults: a page of at most limit rows from the token on. */
KN_MUST_CHECK bool kn_athena_result_page(kn_lake *lake, const json_t *execution, const char *token,
                                         size_t limit, kn_buf *out, kn_err *err);

/* --- workgroup.c --- */

/* The workgroup's document, a new reference; InvalidRequestException when it is unknown. */
KN_MUST_CHECK bool kn_athena_workgroup(kn_lake *lake, const char *name, json_t **out, kn_err *err);

/* Makes the workgroup `primary` when it is absent. */
KN_MUST_CHECK bool kn_athena_primary(kn_lake *lake, kn_err *err);

kn_op_function kn_athena_create_workgroup, kn_athena_get_workgroup, kn_athena_list_workgroups,
    kn_athena_update_workgroup, kn_athena_delete_workgroup, kn_athena_list_catalogs,
    kn_athena_get_catalog, kn_athena_list_databases, kn_athena_get_database,
    kn_athena_list_table_metadata, kn_athena_get_table_metadata, kn_athena_list_tags,
    kn_athena_change_tags, kn_athena_list_engines;

#endif
