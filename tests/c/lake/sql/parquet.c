/* Typed columns to a Parquet file and back through DuckDB's reader. */
#include "lake/sql/parquet.h"
#include "tap.h"

#include "base/file.h"

#include <stdlib.h>
#include <unistd.h>

static kn_err err;
static kn_sql *sql;
static kn_sql_connection *connection;
static char folder[] = "/tmp/kinessis-test.XXXXXX";
static char file[64];
static kn_buf b;

/* The rows of a query, in which FILE stands for the file: values separated by "|", rows by
 * newlines. */
static const char *query(const char *text) {
    kn_sql_result *result = NULL;
    bool more = false;
    kn_buf_clear(&b);
    kn_buf full;
    kn_buf_init(&full, 1 << 16);
    const char *at = strstr(text, "FILE");
    kn_buf_printf(&full, "%.*s'%s'%s", (int)(at - text), text, file, at + 4);
    if (!kn_sql_run(connection, full.p, &result, &err)) {
        kn_buf_free(&full);
        return err.message;
    }
    while (kn_sql_next(result, &more, &err) && more) {
        kn_buf_cstr(&b, b.len ? "\n" : "");
        for (size_t i = 0; i < kn_sql_column_count(result); i++) {
            kn_buf_cstr(&b, i ? "|" : "");
            if (!kn_sql_render(result, i, &b))
                kn_buf_cstr(&b, "NULL");
        }
    }
    kn_sql_result_free(result);
    kn_buf_free(&full);
    return kn_buf_view(&b).p;
}

static const char *const columns[][2] = {
    {"a boolean", "boolean"},
    {"tiny", "tinyint"},
    {"small", "smallint"},
    {"whole", "int"},
    {"big", "bigint"},
    {"single", "float"},
    {"twice", "double"},
    {"d4", "decimal(4,2)"},
    {"d9", "decimal(9,2)"},
    {"d18", "decimal(18,2)"},
    {"d38", "decimal(38,2)"},
    {"day", "date"},
    {"moment", "timestamp"},
    {"text", "string"},
    {"bytes", "binary"},
    {"list", "array<string>"},
    {"pairs", "map<string,int>"},
    {"record", "struct<a:int,b:array<struct<c:double>>>"},
};

static const char first[] =
    "{\"a boolean\":true,\"tiny\":-128,\"small\":-32768,\"whole\":-2147483648,"
    "\"big\":-9223372036854775808,\"single\":0.5,\"twice\":0.1,\"d4\":-12.34,\"d9\":1234567.89,"
    "\"d18\":1234567890123456.78,\"d38\":-123456789012345678901234567890123456.78,"
    "\"day\":\"2024-02-29\",\"moment\":\"2022-02-02T15:17:07.123456Z\","
    "\"text\":\"longer than twelve bytes: Zo\\u00eb\",\"bytes\":\"b\",\"list\":[\"x\",null,"
    "\"a text of more than twelve bytes\"],\"pairs\":{\"k\":1,\"l\":null},"
    "\"record\":{\"a\":7,\"b\":[{\"c\":1.5},null]}}";

static void test_types(void) {
    kn_type row;
    kn_convert *c = NULL;
    kn_parquet *parquet = NULL;
    kn_convert_failure failure;
    kn_type_row(&row);
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof columns / sizeof *columns; i++)
        ok = kn_type_add(&row, columns[i][0], NULL, columns[i][1], &err);
    ok = ok && kn_convert_new(&row, (kn_convert_rules){0}, &c, &err) &&
         kn_convert_record(c, KN_SLICE(first), &failure) &&
         kn_convert_record(c, KN_SLICE("{}{\"list\":[],\"pairs\":{},\"record\":{}}"), &failure) &&
         kn_parquet_open(sql, &row, &parquet, &err) &&
         kn_parquet_append(parquet, kn_convert_rows(c), &err) &&
         kn_parquet_write(parquet, file, "snappy", &err);
    tap_ok(ok, "three rows of every type: %s", ok ? "written" : err.message);
    kn_parquet_close(parquet);
    kn_convert_destroy(c);
    kn_type_free(&row);

    tap_is_str(query("SELECT * EXCLUDE (bytes, list, pairs, record) FROM FILE LIMIT 1"),
               "true|-128|-32768|-2147483648|-9223372036854775808|0.5|0.1|-12.34|1234567.89|"
               "1234567890123456.78|-123456789012345678901234567890123456.78|2024-02-29|"
               "2022-02-02 15:17:07.123|longer than twelve bytes: Zoë",
               "plain values come back");
    tap_is_str(query("SELECT decode(bytes), list, pairs, record FROM FILE LIMIT 1"),
               "b|[x, null, a text of more than twelve bytes]|{k=1, l=null}|"
               "{a=7, b=[{c=1.5}, null]}",
               "and nested ones");
    tap_is_str(query("SELECT epoch_us(moment) FROM FILE LIMIT 1"), "1643815027123456",
               "a timestamp keeps its microseconds");
    tap_is_str(query("SELECT list, pairs, record, \"a boolean\", text FROM FILE OFFSET 1"),
               "NULL|NULL|NULL|NULL|NULL\n[]|{}|{a=null, b=null}|NULL|NULL",
               "NULL and empty are different");
    tap_is_str(query("SELECT DISTINCT compression FROM parquet_metadata(FILE)"), "SNAPPY",
               "Snappy as asked");
    tap_is_str(query("SELECT string_agg(type || ':' || coalesce(converted_type, ''), ' ') FROM "
                     "parquet_schema(FILE) WHERE name IN ('d4', 'd38', 'moment', 'text', 'day')"),
               "INT32:DECIMAL FIXED_LEN_BYTE_ARRAY:DECIMAL INT32:DATE INT64:TIMESTAMP_MICROS "
               "BYTE_ARRAY:UTF8",
               "Parquet's own types");
    tap_is_str(query("SELECT count(*) FROM duckdb_tables() WHERE FILE <> ''"), "0",
               "nothing is left in the database");
}

/* More rows than chunks and appends hold, with lists across their borders. */
static void test_many(void) {
    kn_type row;
    kn_convert *c = NULL;
    kn_parquet *parquet = NULL;
    kn_convert_failure failure;
    kn_type_row(&row);
    bool ok = kn_type_add(&row, "n", NULL, "int", &err) &&
              kn_type_add(&row, "t", NULL, "array<string>", &err) &&
              kn_convert_new(&row, (kn_convert_rules){0}, &c, &err) &&
              kn_parquet_open(sql, &row, &parquet, &err);
    char record[128];
    for (int i = 0; ok && i < 20000; i++) {
        snprintf(record, sizeof record,
                 i % 3 ? "{\"n\":%d,\"t\":[\"value number %d\",\"%d\"]}" : "{\"n\":%d}", i, i, i);
        ok = kn_convert_record(c, kn_slice_cstr(record), &failure);
        if (ok && i % 5001 == 5000) {
            ok = kn_parquet_append(parquet, kn_convert_rows(c), &err);
            kn_convert_clear(c);
        }
    }
    ok = ok && kn_parquet_append(parquet, kn_convert_rows(c), &err) &&
         kn_parquet_write(parquet, file, "gzip", &err);
    tap_ok(ok, "twenty thousand rows: %s", ok ? "written" : err.message);
    kn_parquet_close(parquet);
    tap_is_str(query("SELECT count(*), count(DISTINCT n), count(t), sum(n) FROM FILE"),
               "20000|20000|13333|199990000", "are all there, once");
    tap_is_str(query("SELECT count(*) FROM FILE WHERE (t IS NULL) <> (n % 3 = 0) OR "
                     "(t IS NOT NULL AND t <> ['value number ' || n, '' || n])"),
               "0", "each list with its own row");
    ok = kn_parquet_open(sql, &row, &parquet, &err) &&
         kn_parquet_append(parquet, kn_convert_rows(c), &err);
    tap_ok(ok && !kn_parquet_write(parquet, "/nowhere/x.parquet", "snappy", &err),
           "a file outside of the folder is refused");
    kn_parquet_close(parquet);
    kn_convert_destroy(c);
    kn_type_free(&row);
}

int main(void) {
    kn_buf_init(&b, 1 << 20);
    if (!mkdtemp(folder))
        return 1;
    snprintf(file, sizeof file, "%s/a.parquet", folder);
    kn_sql_options options = {.folder = folder};
    if (!tap_ok(kn_sql_open(&options, &sql, &err) && kn_sql_connect(sql, &connection, &err),
                "a database"))
        return tap_done();
    test_types();
    test_many();
    kn_type nothing;
    kn_parquet *none;
    kn_type_row(&nothing);
    tap_ok(!kn_parquet_open(sql, &nothing, &none, &err), "a table without columns is refused");
    kn_sql_disconnect(connection);
    kn_sql_close(sql);
    kn_buf_free(&b);
    return kn_file_remove_tree(folder, &err) ? tap_done() : 1;
}
