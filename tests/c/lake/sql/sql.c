/* DuckDB behind sql.h: types and text as Athena gives them, the sandbox, interruption. */
#include "lake/sql/sql.h"
#include "base/file.h"
#include "tap.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static kn_sql *sql;
static kn_sql_connection *connection;

/* Runs text and gives "type|value" of its first column's first row; "!code: message" on failure. */
static const char *first(const char *text) {
    static kn_buf out;
    static bool initialised;
    if (!initialised)
        kn_buf_init(&out, 1 << 20);
    initialised = true;
    kn_buf_clear(&out);
    kn_sql_result *result = NULL;
    kn_err err;
    bool row = false;
    bool ok = kn_sql_run(connection, text, &result, &err) && kn_sql_next(result, &row, &err);
    if (!ok) {
        kn_buf_printf(&out, "!%s: %s", kn_code_name(err.code), err.message);
    } else if (row) {
        kn_buf_printf(&out, "%s|", kn_sql_column_at(result, 0)->full_type);
        if (!kn_sql_render(result, 0, &out))
            kn_buf_cstr(&out, "(null)");
    }
    kn_sql_result_free(result);
    return out.p;
}

static void check_values(void) {
    static const char *const cases[][2] = {
        {"true", "boolean|true"},
        {"(-128)::tinyint", "tinyint|-128"},
        {"1::smallint", "smallint|1"},
        {"42", "integer|42"},
        {"-9223372036854775808", "bigint|-9223372036854775808"},
        {"18446744073709551615::ubigint", "bigint|18446744073709551615"},
        {"sum(9223372036854775807::bigint)", "bigint|9223372036854775807"},
        {"(-170141183460469231731687303715884105728)::hugeint",
         "bigint|-170141183460469231731687303715884105728"},
        {"1.5::double", "double|1.5"},
        {"1::double", "double|1.0"},
        {"0::double", "double|0.0"},
        {"-0.0::double", "double|-0.0"},
        {"1e10::double", "double|1.0E10"},
        {"1234567.0::double", "double|1234567.0"},
        {"12345678.9::double", "double|1.23456789E7"},
        {"0.001::double", "double|0.001"},
        {"0.00012::double", "double|1.2E-4"},
        {"-1e-300::double", "double|-1.0E-300"},
        {"0.1::double + 0.2::double", "double|0.30000000000000004"},
        {"100::double", "double|100.0"},
        {"'nan'::double", "double|NaN"},
        {"'-inf'::double", "double|-Infinity"},
        {"0.1::float", "float|0.1"},
        {"16777216::float", "float|1.6777216E7"},
        {"1.50::decimal(10,2)", "decimal(10,2)|1.50"},
        {"-0.05::decimal(4,2)", "decimal(4,2)|-0.05"},
        {"12345678901234567890.123::decimal(38,3)", "decimal(38,3)|12345678901234567890.123"},
        {"7::decimal(3,0)", "decimal(3,0)|7"},
        {"'it''s'", "varchar|it's"},
        {"repeat('long ', 4)", "varchar|long long long long "},
        {"'a'::enum_t", "varchar|a"},
        {"'\\x00\\xFFa'::blob", "varbinary|00 ff 61"},
        {"date '1969-12-31'", "date|1969-12-31"},
        {"timestamp '2022-02-02 15:17:07.1239'", "timestamp|2022-02-02 15:17:07.123"},
        {"timestamp '1969-12-31 23:59:59.999'", "timestamp|1969-12-31 23:59:59.999"},
        {"timestamptz '2022-02-02 15:17:07+01'",
         "timestamp with time zone|2022-02-02 14:17:07.000 UTC"},
        {"timestamp_ns '2022-02-02 15:17:07.123456789'", "timestamp|2022-02-02 15:17:07.123"},
        {"timestamp_s '2022-02-02 15:17:07'", "timestamp|2022-02-02 15:17:07.000"},
        {"timestamp 'infinity'", "timestamp|infinity"},
        {"time '01:02:03.5'", "time|01:02:03.500"},
        {"interval '26 hours 1 second'", "interval day to second|1 02:00:01.000"},
        {"uuid '018f3a5e-0000-7abc-8def-0123456789ab'",
         "uuid|018f3a5e-0000-7abc-8def-0123456789ab"},
        {"[1, NULL, 3]", "array(integer)|[1, null, 3]"},
        {"[[1.0::double], []]", "array(array(double))|[[1.0], []]"},
        {"[1, 2]::integer[2]", "array(integer)|[1, 2]"},
        {"{'a': 1, 'b': 'x'}", "row(a integer, b varchar)|{a=1, b=x}"},
        {"{'a': NULL::integer}", "row(a integer)|{a=null}"},
        {"map {'k': [1], 'l': NULL}", "map(varchar, array(integer))|{k=[1], l=null}"},
        {"'{\"a\": 1}'::json", "json|{\"a\": 1}"},
        {"NULL::varchar", "varchar|(null)"},
        {"NULL::integer[]", "array(integer)|(null)"},
    };
    char text[256];
    kn_err err;
    tap_ok(kn_sql_run(connection, "CREATE TYPE enum_t AS ENUM ('z', 'a')", NULL, &err),
           "a statement without a result");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text, "SELECT %s", cases[i][0]);
        tap_is_str(first(text), cases[i][1], "%s", cases[i][0]);
    }
}

static void check_columns(void) {
    kn_sql_result *result = NULL;
    kn_err err;
    bool ok =
        kn_sql_run(connection, "SELECT 1 AS a, 'x' AS b, 1.25::decimal(5,2) AS c", &result, &err);
    tap_ok(ok, "a query of three columns");
    if (!ok)
        return;
    tap_is_int(kn_sql_column_count(result), 3, "count");
    tap_is_str(kn_sql_column_at(result, 1)->name, "b", "name");
    tap_is_int(kn_sql_column_at(result, 0)->precision, 10, "precision of integer");
    tap_is_int(kn_sql_column_at(result, 1)->precision, 2147483647, "precision of varchar");
    tap_ok(kn_sql_column_at(result, 1)->case_sensitive, "varchar is case sensitive");
    tap_is_int(kn_sql_column_at(result, 2)->precision, 5, "precision of decimal");
    tap_is_int(kn_sql_column_at(result, 2)->scale, 2, "scale of decimal");
    kn_sql_result_free(result);
}

static void check_rows(void) {
    kn_sql_result *result = NULL;
    kn_err err;
    bool row = true;
    long long n = 0;
    bool ok = kn_sql_run(connection, "SELECT * FROM range(10000)", &result, &err);
    while (ok && (ok = kn_sql_next(result, &row, &err)) && row)
        n++;
    tap_ok(ok, "walking over several chunks");
    tap_is_int(n, 10000, "every row");
    kn_sql_result_free(result);

    result = NULL;
    ok = kn_sql_run(connection,
                    "SELECT CASE WHEN range < 9000 THEN 1 ELSE error('late') END "
                    "FROM range(10000)",
                    &result, &err);
    while (ok && (ok = kn_sql_next(result, &row, &err)) && row)
        ;
    tap_ok(!ok && strstr(err.message, "late"), "an error among the rows is reported");
    kn_sql_result_free(result);
}

static void check_refusals(const char *folder) {
    static const char *const refused[] = {
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_blob('/proc/self/environ')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM '/etc/passwd.csv'",
        "COPY (SELECT 1) TO '/tmp/kinessis-must-not-exist.csv'",
        "ATTACH '/tmp/kinessis-must-not-exist.db' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "LOAD '/tmp/x.duckdb_extension'",
        "SELECT * FROM read_csv('https://127.0.0.1:1/x.csv')",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET threads = 64",
        "SET allowed_directories = ['/']",
        "EXPORT DATABASE '/tmp/kinessis-must-not-exist'",
    };
    char text[512];
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const char *got = first(refused[i]);
        tap_ok(*got == '!', "refused: %s", refused[i]);
    }
    snprintf(text, sizeof text, "SELECT * FROM read_csv('%s/../outside.csv')", folder);
    tap_ok(strstr(first(text), "!invalid: Permission Error"), "climbing out of the folder");
    snprintf(text, sizeof text, "SELECT * FROM read_csv('%s/inside.csv')", folder);
    tap_is_str(first(text), "bigint|7", "a file inside the folder is read");

    tap_ok(strncmp(first("SELECT * FORM t"), "!malformed: ", 12) == 0, "a syntax error");
    tap_ok(strstr(first("SELECT 1; SELECT 2"), "only one SQL statement"), "two statements");
    tap_ok(*first("  ") == '!', "no statement");
    tap_ok(strncmp(first("SELECT nowhere"), "!invalid: ", 10) == 0, "a semantic error");
}

static atomic_bool interrupted;

static void *interrupt_soon(void *unused) {
    (void)unused;
    while (!interrupted) { /* again and again: an interrupt before the start is lost */
        usleep(20000);
        kn_sql_interrupt(connection);
    }
    return NULL;
}

static void check_interrupt(void) {
    pthread_t thread;
    kn_sql_result *result = NULL;
    kn_err err = {0};
    bool row;
    if (pthread_create(&thread, NULL, interrupt_soon, NULL) != 0)
        return;
    bool ok = kn_sql_run(connection,
                         "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b",
                         &result, &err) &&
              kn_sql_next(result, &row, &err);
    interrupted = true;
    tap_ok(!ok && err.code == KN_ECANCEL, "an endless query is interrupted");
    kn_sql_result_free(result);
    pthread_join(thread, NULL);
    tap_is_str(first("SELECT 1"), "integer|1", "and the connection lives");
}

static void check_quotes(void) {
    kn_buf out;
    kn_buf_init(&out, 100);
    kn_sql_quote_string(&out, KN_SLICE("it's"));
    kn_sql_quote_name(&out, KN_SLICE("a\"b"));
    tap_is_str(out.p, "'it''s'\"a\"\"b\"", "quoting");
    kn_buf_free(&out);
}

int main(void) {
    char root[] = "/tmp/kinessis-sql-XXXXXX", folder[64], file[128];
    kn_err err = {0};
    if (!mkdtemp(root))
        return 1;
    snprintf(folder, sizeof folder, "%s/in", root);
    snprintf(file, sizeof file, "%s/inside.csv", folder);
    bool ok = kn_file_mkdirs(folder, &err) && kn_file_write(file, KN_SLICE("a\n7\n"), &err);
    snprintf(file, sizeof file, "%s/outside.csv", root);
    ok = ok && kn_file_write(file, KN_SLICE("a\n8\n"), &err);
    snprintf(file, sizeof file, "%s/spill", root);
    kn_sql_options options = {.folder = folder, .temporary = file};
    ok = ok && kn_sql_open(&options, &sql, &err) && kn_sql_connect(sql, &connection, &err);
    if (!tap_ok(ok, "a database opens%s%s", ok ? "" : ": ", err.message))
        return tap_done();
    check_values();
    check_columns();
    check_rows();
    check_refusals(folder);
    check_interrupt();
    check_quotes();
    kn_sql_disconnect(connection);
    kn_sql_close(sql);
    ok = kn_file_remove_tree(root, &err);
    return tap_done() || !ok;
}
