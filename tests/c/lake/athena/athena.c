/* The parts of Athena that need no server: Glue's types, what a query is, statements' words. */
#include "lake/athena/parts.h"
#include "tap.h"

static kn_sql_connection *connection;

static void check_types(void) {
    static const char *const cases[][2] = {
        {"string", "VARCHAR"},
        {"varchar(20)", "VARCHAR"},
        {"INT", "INTEGER"},
        {"decimal", "DECIMAL(10,0)"},
        {"decimal(10, 2)", "DECIMAL(10, 2)"},
        {"array<int>", "INTEGER[]"},
        {"map<string,array<double>>", "MAP(VARCHAR, DOUBLE[])"},
        {"struct<a:int,b:struct<c:string>>", "STRUCT(\"a\" INTEGER, \"b\" STRUCT(\"c\" VARCHAR))"},
        {"array<struct<q\"x: timestamp, y:binary>>", "STRUCT(\"q\"\"x\" TIMESTAMP, \"y\" BLOB)[]"},
    };
    static const char *const wrong[] = {
        "",          "strin",    "array<int",    "array<int>>",     "map<int>",
        "struct<a>", "set<int>", "decimal(1;2)", "int) FROM x; --", "struct<:int>"};
    kn_buf out;
    kn_err err;
    kn_buf_init(&out, 1024);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kn_buf_clear(&out);
        bool ok = kn_athena_type(cases[i][0], &out, &err);
        tap_is_str(ok ? out.p : err.message, cases[i][1], "%s", cases[i][0]);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        tap_ok(!kn_athena_type(wrong[i], &out, &err), "no type: %s", wrong[i]);
    kn_buf_free(&out);
}

static void check_words(void) {
    char word[32];
    kn_athena_keyword("  -- SELECT\n /* x */ (with a as (select 1))", word);
    tap_is_str(word, "WITH", "the first word, past comments");
    kn_athena_keyword("", word);
    tap_is_str(word, "", "no word");
    tap_ok(kn_athena_is_ddl("show tables") && kn_athena_is_ddl("/* */ DROP TABLE x"),
           "statements about the catalog");
    tap_ok(!kn_athena_is_ddl("SELECT 'show tables'") && !kn_athena_is_ddl("showx"), "and others");
}

static void check_parameters(void) {
    kn_buf out;
    kn_err err;
    kn_buf_init(&out, 1024);
    json_t *two = json_pack("[s, s]", "1", "'x?'");
    bool ok = kn_athena_substitute("SELECT ? -- ?\n, '?', \"?\", ?/* ? */", two, &out, &err);
    tap_is_str(ok ? out.p : err.message, "SELECT (1) -- ?\n, '?', \"?\", ('x?')/* ? */",
               "parameters, and question marks that are none");
    kn_buf_clear(&out);
    tap_ok(!kn_athena_substitute("SELECT ?", two, &out, &err) &&
               strstr(err.message, "expected 1 but found 2"),
           "a wrong number of parameters");
    json_decref(two);
    kn_buf_free(&out);
}

/* The tables a query names: "catalog.database.table@line:column", "?" before optional ones. */
static const char *tables(const char *text) {
    static char out[4096];
    kn_athena_query query;
    kn_err err;
    if (!kn_athena_parse(connection, text, &query, &err)) {
        snprintf(out, sizeof out, "!%s", err.message);
        return out;
    }
    out[0] = '\0';
    for (size_t i = 0; i < query.table_count; i++) {
        const kn_athena_table_ref *t = &query.tables[i];
        size_t n = strlen(out);
        snprintf(out + n, sizeof out - n, "%s%s%s.%s.%s@%d:%d", i ? " " : "",
                 t->optional ? "?" : "", t->catalog ? t->catalog : "",
                 t->database ? t->database : "", t->table, t->line, t->column);
    }
    if (query.wants_path)
        strcat(out, " $path");
    kn_athena_query_free(&query);
    return out;
}

static void check_tables(void) {
    static const char *const cases[][2] = {
        {"SELECT 1", ""},
        {"SELECT * FROM T", "..t@1:15"},
        {"SELECT *\nFROM db.t JOIN \"AwsDataCatalog\".\"Db\".\"U\" ON true",
         ".db.t@2:6 awsdatacatalog.db.u@2:16"},
        {"SELECT é FROM t", "..t@1:15"},
        {"WITH w AS (SELECT * FROM a) SELECT * FROM w WHERE x IN (SELECT y FROM b)",
         "..a@1:26 ?..w@1:43 ..b@1:71"},
        {"SELECT \"$path\" FROM t UNION SELECT 'x' FROM u", "..t@1:21 ..u@1:45 $path"},
        {"SELECT 1 FORM t", "!line 1:15: syntax error at or near \"t\""},
        {"SELECT 1;\nSELECT 2", "!line 1:1: Only one sql statement is allowed. Got: 2"},
        {"COPY t TO 'x'", "!NOT_SUPPORTED: the statement COPY is not supported"},
        {"SET threads = 9", "!NOT_SUPPORTED: the statement SET is not supported"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        tap_is_str(tables(cases[i][0]), cases[i][1], "tables of query %zu", i);
}

/* The names of n result columns, "-" where DuckDB's stands. */
static const char *names(const char *text, size_t n) {
    static char out[256];
    char name[24];
    kn_athena_query query;
    kn_err err;
    if (!kn_athena_parse(connection, text, &query, &err))
        return "!";
    out[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        const char *found = kn_athena_column_name(&query, i, n, name);
        snprintf(out + strlen(out), sizeof out - strlen(out), "%s%s", i ? " " : "",
                 found ? found : "-");
    }
    kn_athena_query_free(&query);
    return out;
}

static void check_names(void) {
    tap_is_str(names("SELECT a, count(*), b AS c, 1", 4), "- _col1 - _col3", "unnamed columns");
    tap_is_str(names("SELECT 1, *, 2 FROM t", 5), "_col0 - - - _col4", "around a star");
    tap_is_str(names("SELECT *, 2, t.* FROM t", 5), "- - - - -", "between stars");
    tap_is_str(names("SELECT 1 UNION SELECT 2", 1), "_col0", "of a union");
    tap_is_str(names("WITH w AS (SELECT 1 AS x) SELECT x, x + 1 FROM w", 2), "- _col1", "of WITH");
}

static void check_reasons(void) {
    static const char *const cases[][2] = {
        {"SELECT\n  nope FROM (SELECT 1 AS a)",
         "COLUMN_NOT_FOUND: line 2:3: Referenced column \"nope\" not found"},
        {"SELECT cast('x' AS integer)", "INVALID_CAST_ARGUMENT: line 1:8: Could not convert"},
        {"SELECT nofunction(1)", "FUNCTION_NOT_FOUND: line 1:8: Scalar Function"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kn_sql_result *result = NULL;
        kn_err err = {0};
        bool row, ok = kn_sql_run(connection, cases[i][0], &result, &err) &&
                       kn_sql_next(result, &row, &err);
        kn_athena_reason(&err);
        tap_ok(!ok && strncmp(err.message, cases[i][1], strlen(cases[i][1])) == 0,
               "reason of query %zu", i);
        if (strncmp(err.message, cases[i][1], strlen(cases[i][1])) != 0)
            printf("# %s\n", err.message);
        kn_sql_result_free(result);
    }
}

/* A message that is cut within the place that it tells. */
static void check_cut_reason(void) {
    kn_err *err = calloc(1, sizeof *err); /* so that a sanitizer sees its end */
    const char end[] = "\n\nLINE 1";
    kn_fail(err, KN_EINVAL, "Binder Error: %*s", (int)sizeof err->message, "");
    memcpy(err->message + sizeof err->message - sizeof end, end, sizeof end);
    kn_athena_reason(err);
    tap_ok(strncmp(err->message, "SYNTAX_ERROR: ", 14) == 0, "a reason that is cut");
    free(err);
}

int main(void) {
    kn_sql *sql = NULL;
    kn_err err = {0};
    check_types();
    check_words();
    check_parameters();
    check_cut_reason();
    bool ok = kn_sql_open(NULL, &sql, &err) && kn_sql_connect(sql, &connection, &err);
    if (tap_ok(ok, "a database opens%s%s", ok ? "" : ": ", err.message)) {
        check_tables();
        check_names();
        check_reasons();
    }
    kn_sql_disconnect(connection);
    kn_sql_close(sql);
    return tap_done();
}
