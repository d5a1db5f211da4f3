/* One query: a database of its own (opened in about 10 ms), so that queries cannot see one another;
 * in it the catalog awsdatacatalog with a schema for each database the query names and a view for
 * each table; the dialect's macros; then the query, its rows streamed into the result file. */
#include "base/time.h"
#include "lake/athena/parts.h"
#include "lake/glue/glue.h"
#include "lake/glue/parts.h"
#include "lake/store/objects.h"

#include <stdio.h>
#include <stdlib.h>

enum { SQL_MAX = 128 << 20, TEXT_MAX = 64 << 20 };

/* DuckDB's settings that differ from Trino's semantics. */
#define SETUP                                                                                      \
    "ATTACH ':memory:' AS awsdatacatalog; SET GLOBAL integer_division = true; "                    \
    "SET GLOBAL default_null_order = 'nulls_last'; SET GLOBAL preserve_insertion_order = true"

static bool run_words(kn_sql_connection *c, const char *before, const char *name, kn_err *err) {
    kn_buf sql;
    kn_buf_init(&sql, 4096);
    kn_buf_cstr(&sql, before);
    kn_sql_quote_name(&sql, kn_slice_cstr(name));
    bool ok = kn_buf_check(&sql, "a name", err) && kn_sql_run(c, sql.p, NULL, err);
    kn_buf_free(&sql);
    return ok;
}

static bool fail_at(const kn_athena_table_ref *ref, kn_err *err, const char *kind,
                    const char *what) {
    return ref->line ? kn_fail(err, KN_EINVAL, "%s_NOT_FOUND: line %d:%d: %s does not exist", kind,
                               ref->line, ref->column, what)
                     : kn_fail(err, KN_EINVAL, "%s_NOT_FOUND: %s does not exist", kind, what);
}

static bool fail_missing(const kn_athena_job *job, const kn_athena_table_ref *ref,
                         const char *database, kn_err *err) {
    char what[1200];
    kn_err unknown;
    if (!kn_glue_need_database(job->lake, database, &unknown)) {
        snprintf(what, sizeof what, "Schema '%.500s'", database);
        return fail_at(ref, err, "SCHEMA", what);
    }
    snprintf(what, sizeof what, "Table 'awsdatacatalog.%.500s.%.500s'", database, ref->table);
    return fail_at(ref, err, "TABLE", what);
}

static bool make_view(const kn_athena_job *job, kn_sql_connection *c, const kn_athena_query *query,
                      const kn_athena_table_ref *ref, uint64_t *bytes, kn_err *err) {
    const char *database = ref->database ? ref->database : job->database;
    json_t *table = NULL;
    char what[600];
    if (!ref->table || strcmp(database, "information_schema") == 0)
        return true; /* DuckDB's own */
    if (ref->catalog && strcmp(ref->catalog, "awsdatacatalog") != 0) {
        snprintf(what, sizeof what, "Catalog '%.500s'", ref->catalog);
        return fail_at(ref, err, "CATALOG", what);
    }
    if (!kn_glue_get_table(job->lake, database, ref->table, &table, err)) {
        bool unknown =
            err->code == KN_EAWS && strcmp(err->aws_code, "EntityNotFoundException") == 0;
        return unknown && (ref->optional || fail_missing(job, ref, database, err));
    }
    kn_buf sql;
    kn_buf_init(&sql, SQL_MAX);
    bool ok = run_words(c, "CREATE SCHEMA IF NOT EXISTS awsdatacatalog.", database, err) &&
              kn_athena_table_view(job->lake, table, query->wants_path, &sql, bytes, err) &&
              kn_sql_run(c, sql.p, NULL, err);
    kn_buf_free(&sql);
    json_decref(table);
    return ok;
}

/* Two references to one table need one view. */
static bool seen_before(const kn_athena_query *q, size_t i, const char *context) {
    const char *database = q->tables[i].database ? q->tables[i].database : context;
    for (size_t k = 0; k < i && q->tables[i].table; k++) {
        const char *other = q->tables[k].database ? q->tables[k].database : context;
        if (q->tables[k].table && strcmp(q->tables[k].table, q->tables[i].table) == 0 &&
            strcmp(other, database) == 0)
            return true;
    }
    return false;
}

static bool execute(const kn_athena_job *job, kn_sql_connection *c, const kn_athena_query *query,
                    const char *text, kn_athena_outcome *outcome, kn_err *err) {
    kn_sql_result *result = NULL;
    uint64_t start = kn_time_monotonic_ns();
    bool ok = kn_athena_dialect(c, text, err) &&
              run_words(c, "CREATE SCHEMA IF NOT EXISTS awsdatacatalog.", job->database, err) &&
              run_words(c, "USE awsdatacatalog.", job->database, err);
    for (size_t i = 0; ok && i < query->table_count; i++)
        ok = seen_before(query, i, job->database) ||
             make_view(job, c, query, &query->tables[i], &outcome->scanned, err);
    outcome->planning_ms = (kn_time_monotonic_ns() - start) / 1000000;
    if (ok && job->cancelled(job->context))
        ok = kn_fail(err, KN_ECANCEL, "Query cancelled");
    ok = ok && kn_sql_run(c, text, &result, err) &&
         kn_athena_result_write(job, query, result, &outcome->columns, err);
    kn_sql_result_free(result);
    return ok;
}

/* An object is s3://bucket/key to whoever asked, wherever its file may be. */
static void hide_folder(const char *root, kn_err *err) {
    char text[sizeof err->message];
    size_t n = strlen(root), at = 0;
    for (const char *p = err->message; *p && at + 6 < sizeof text;) {
        if (strncmp(p, root, n) == 0 && p[n] == '/') {
            memcpy(text + at, "s3://", 5);
            at += 5;
            p += n + 1;
        } else {
            text[at++] = *p++;
        }
    }
    text[at] = '\0';
    memcpy(err->message, text, at + 1);
}

static bool run_query(const kn_athena_job *job, kn_athena_outcome *outcome, kn_err *err) {
    char temporary[4096];
    snprintf(temporary, sizeof temporary, "%s/athena.%s",
             kn_objects_spool(kn_lake_objects(job->lake)), job->id);
    kn_sql_options options = {.folder = kn_objects_root(kn_lake_objects(job->lake)),
                              .temporary = temporary,
                              .setup = SETUP};
    kn_athena_query query = {0};
    kn_sql *sql = NULL;
    kn_sql_connection *c = NULL;
    kn_buf text;
    kn_buf_init(&text, TEXT_MAX);
    bool ok = kn_athena_substitute(job->text, job->parameters, &text, err) &&
              kn_sql_open(&options, &sql, err) && kn_sql_connect(sql, &c, err);
    if (ok) {
        ok = job->attach(job->context, c) ? kn_athena_parse(c, text.p, &query, err) &&
                                                execute(job, c, &query, text.p, outcome, err)
                                          : kn_fail(err, KN_ECANCEL, "Query cancelled");
        job->attach(job->context, NULL);
    }
    kn_athena_query_free(&query);
    kn_sql_disconnect(c);
    kn_sql_close(sql);
    kn_buf_free(&text);
    if (!ok) {
        kn_athena_reason(err);
        hide_folder(options.folder, err);
    }
    return ok;
}

bool kn_athena_run(const kn_athena_job *job, kn_athena_outcome *outcome, kn_err *err) {
    *outcome = (kn_athena_outcome){0};
    if (!kn_athena_is_ddl(job->text))
        return run_query(job, outcome, err);
    kn_buf text;
    kn_buf_init(&text, TEXT_MAX);
    bool ok = kn_athena_ddl(job->lake, job->text, job->database, &text, &outcome->columns, err) &&
              kn_athena_result_write_text(job, kn_buf_view(&text), err);
    kn_buf_free(&text);
    return ok;
}
