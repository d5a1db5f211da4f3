/* JSON to typed columns: each type's accepted, refused and boundary values; rows; failures. */
#include "lake/firehose/convert.h"
#include "lake/firehose/convert_value.h"
#include "tap.h"

#include "base/time.h"

#include <inttypes.h>

static kn_buf b;
static kn_err err;

/* --- a cell as text ------------------------------------------------------------------------- */

static void show_decimal(const kn_column *column, const char *p) {
    int scale = column->type->scale, n = 0;
    kn_int128 v = 0;
    size_t width = kn_type_width(column->type);
    bool negative = p[width - 1] & 0x80;
    if (negative)
        v = -1;
    memcpy(&v, p, width);
    char digits[48];
    for (kn_int128 rest = negative ? -v : v; rest || n <= scale + (scale > 0); rest /= 10) {
        digits[n++] = (char)('0' + (int)(rest % 10));
        if (n == scale)
            digits[n++] = '.';
    }
    if (negative)
        kn_buf_char(&b, '-');
    while (n)
        kn_buf_char(&b, digits[--n]);
}

static void show_micros(int64_t micros) {
    int64_t ms = micros / 1000 - (micros % 1000 < 0);
    char text[32];
    kn_time_iso(text, ms, true, false);
    kn_buf_printf(&b, "%s%03d", text, (int)(micros - ms * 1000));
}

static void show(const kn_column *column, size_t row);

static void show_nested(const kn_column *column, size_t row) {
    kn_kind kind = column->type->kind;
    kn_span span = {row, 1};
    if (kind != KN_KIND_STRUCT)
        memcpy(&span, column->data.p + row * sizeof span, sizeof span);
    kn_buf_char(&b, kind == KN_KIND_ARRAY ? '[' : '{');
    for (size_t i = 0; i < span.length; i++)
        for (size_t k = 0; k < column->type->count; k++) {
            kn_buf_cstr(&b, i + k == 0 ? "" : kind == KN_KIND_MAP && k == 1 ? "=" : ", ");
            if (kind == KN_KIND_STRUCT)
                kn_buf_printf(&b, "%s:", column->type->children[k].name);
            show(&column->children[k], span.offset + i);
        }
    kn_buf_char(&b, kind == KN_KIND_ARRAY ? ']' : '}');
}

static void show(const kn_column *column, size_t row) {
    union {
        int8_t i8;
        int16_t i16;
        int32_t i32;
        int64_t i64;
        float f;
        double d;
        kn_span span;
    } v;
    if (!column->valid.p[row]) {
        kn_buf_cstr(&b, "NULL");
        return;
    }
    const char *p = column->data.p + row * kn_type_width(column->type);
    if (column->type->kind < KN_KIND_ARRAY)
        memcpy(&v, p, kn_type_width(column->type));
    switch (column->type->kind) {
    case KN_KIND_BOOLEAN:
        kn_buf_cstr(&b, v.i8 ? "true" : "false");
        break;
    case KN_KIND_TINYINT:
        kn_buf_printf(&b, "%d", v.i8);
        break;
    case KN_KIND_SMALLINT:
        kn_buf_printf(&b, "%d", v.i16);
        break;
    case KN_KIND_INT:
    case KN_KIND_DATE:
        kn_buf_printf(&b, "%" PRId32, v.i32);
        break;
    case KN_KIND_BIGINT:
        kn_buf_printf(&b, "%" PRId64, v.i64);
        break;
    case KN_KIND_FLOAT:
        kn_buf_printf(&b, "%.9g", (double)v.f);
        break;
    case KN_KIND_DOUBLE:
        kn_buf_printf(&b, "%.17g", v.d);
        break;
    case KN_KIND_DECIMAL:
        show_decimal(column, p);
        break;
    case KN_KIND_TIMESTAMP:
        show_micros(v.i64);
        break;
    case KN_KIND_STRING:
    case KN_KIND_BINARY:
        kn_buf_append(&b, column->text.p + v.span.offset, v.span.length);
        break;
    default:
        show_nested(column, row);
    }
}

/* The value of {"c": json} in a column of the type; or "ParseError" or "MalformedData". */
static const char *convert(const char *type, const char *json, kn_convert_rules rules) {
    kn_type row;
    kn_convert *c = NULL;
    kn_convert_failure failure = {0};
    char record[2048];
    kn_buf_clear(&b);
    kn_type_row(&row);
    snprintf(record, sizeof record, "{\"c\":%s}", json);
    if (!kn_type_add(&row, "c", NULL, type, &err) || !kn_convert_new(&row, rules, &c, &err))
        kn_buf_cstr(&b, err.message);
    else if (!kn_convert_record(c, kn_slice_cstr(record), &failure))
        kn_buf_cstr(&b, strchr(failure.code, '.') + 1);
    else
        show(&kn_convert_rows(c)->children[0], 0);
    kn_convert_destroy(c);
    kn_type_free(&row);
    return kn_buf_view(&b).p;
}

#define BAD "MalformedData"

static const struct {
    const char *type, *json, *expected;
} values[] = {
    {"boolean", "true", "true"},
    {"boolean", "\"FALSE\"", "false"},
    {"boolean", "1", BAD},
    {"boolean", "\"yes\"", BAD},
    {"boolean", "null", "NULL"},
    {"tinyint", "127", "127"},
    {"tinyint", "-128", "-128"},
    {"tinyint", "128", BAD},
    {"tinyint", "-129", BAD},
    {"smallint", "32767", "32767"},
    {"smallint", "32768", BAD},
    {"int", "2147483647", "2147483647"},
    {"int", "-2147483648", "-2147483648"},
    {"int", "2147483648", BAD},
    {"int", "\"+12\"", "12"},
    {"int", "\"12 \"", BAD},
    {"int", "\"\"", BAD},
    {"int", "\"-\"", BAD},
    {"int", "1.0", BAD},
    {"int", "1e3", BAD},
    {"int", "true", BAD},
    {"int", "{}", BAD},
    {"int", "[1]", BAD},
    {"bigint", "9223372036854775807", "9223372036854775807"},
    {"bigint", "-9223372036854775808", "-9223372036854775808"},
    {"bigint", "9223372036854775808", BAD},
    {"bigint", "-9223372036854775809", BAD},
    {"float", "0.1", "0.100000001"},
    {"float", "3.4028235e38", "3.40282347e+38"},
    {"float", "3.5e38", BAD},
    {"double", "0.1", "0.10000000000000001"},
    {"double", "-1.7976931348623157e308", "-1.7976931348623157e+308"},
    {"double", "1e309", BAD},
    {"double", "5e-324", "4.9406564584124654e-324"},
    {"double", "123456789012345678901234567890", "1.2345678901234568e+29"},
    {"double", "\"1.5E2\"", "150"},
    {"double", "\"0x10\"", BAD},
    {"double", "\"NaN\"", BAD},
    {"double", "\"1.\"", BAD},
    {"decimal", "1234567890", "1234567890"},
    {"decimal(4,2)", "12.34", "12.34"},
    {"decimal(4,2)", "-12.345", "-12.35"},
    {"decimal(4,2)", "12.344999", "12.34"},
    {"decimal(4,2)", "99.995", BAD},
    {"decimal(4,2)", "99.994", "99.99"},
    {"decimal(4,2)", "100", BAD},
    {"decimal(4,2)", "1e1", "10.00"},
    {"decimal(4,2)", "1234e-3", "1.23"},
    {"decimal(4,2)", "0.005", "0.01"},
    {"decimal(4,2)", "0.004", "0.00"},
    {"decimal(4,2)", "0e99999999", "0.00"},
    {"decimal(4,2)", "5e-4", "0.00"},
    {"decimal(4,2)", "\"7\"", "7.00"},
    {"decimal(4,2)", "\"7x\"", BAD},
    {"decimal(9,0)", "999999999", "999999999"},
    {"decimal(18,9)", "123456789.123456789", "123456789.123456789"},
    {"decimal(38,2)", "-123456789012345678901234567890123456.78",
     "-123456789012345678901234567890123456.78"},
    {"decimal(38,38)", "0.00000000000000000000000000000000000001",
     "0.00000000000000000000000000000000000001"},
    {"decimal(38,0)", "100000000000000000000000000000000000000", BAD},
    {"decimal(38,0)", "99999999999999999999999999999999999999",
     "99999999999999999999999999999999999999"},
    {"decimal(38,0)", "200000000000000000000000000000000000000", BAD},
    {"decimal(38,0)", "690000000000000000000000000000000000001", BAD},
    {"decimal(38,0)", "69000000000000000000000000000000000000e1", BAD},
    {"date", "\"1970-01-02\"", "1"},
    {"date", "\"2024-02-29\"", "19782"},
    {"date", "\"2023-02-29\"", BAD},
    {"date", "\"1969-12-31\"", "-1"},
    {"date", "\"2023-1-5\"", "19362"},
    {"date", "\"2023-01-05T00:00:00Z\"", BAD},
    {"date", "19362", BAD},
    {"timestamp", "\"2022-02-02T15:17:07Z\"", "2022-02-02T15:17:07.000000"},
    {"timestamp", "\"2022-02-02T15:17:07.1234567Z\"", "2022-02-02T15:17:07.123456"},
    {"timestamp", "\"2022-02-02T15:17:07.123456789Z\"", "2022-02-02T15:17:07.123456"},
    {"timestamp", "\"2022-02-02T15:17:07.1234567890Z\"", BAD},
    {"timestamp", "\"2022-02-02T15:17:07\"", BAD},
    {"timestamp", "\"2022-02-02T15:17:07+00:00\"", BAD},
    {"timestamp", "\"2022-2-02T15:17:07Z\"", BAD},
    {"timestamp", "\"2022-2-2 15:17:07.5\"", "2022-02-02T15:17:07.500000"},
    {"timestamp", "\"2022-02-02 15:17:07\"", "2022-02-02T15:17:07.000000"},
    {"timestamp", "\"2022-02-02 24:00:00\"", BAD},
    {"timestamp", "\"2022-02-02\"", BAD},
    {"timestamp", "1643815027", "2022-02-02T15:17:07.000000"},
    {"timestamp", "1643815027123", "2022-02-02T15:17:07.123000"},
    {"timestamp", "999999999999", BAD}, /* seconds: the year 33658 */
    {"timestamp", "253402300799", "9999-12-31T23:59:59.000000"},
    {"timestamp", "253402300800", BAD},
    {"timestamp", "1643815027.25", "2022-02-02T15:17:07.250000"},
    {"timestamp", "1643815027123.5", "2022-02-02T15:17:07.123500"},
    {"timestamp", "\"1643815027\"", "2022-02-02T15:17:07.000000"},
    {"timestamp", "-1", "1969-12-31T23:59:59.000000"},
    {"timestamp", "1643815027123456", BAD}, /* microseconds are taken for milliseconds: too late */
    {"timestamp", "true", BAD},
    {"string", "\"a\\u00e9\\n\\ud83d\\ude00\\\"\"", "aé\n😀\""},
    {"string", "\"\\ud83d!\"", "\uFFFD!"},
    {"string", "1.10", "1.10"},
    {"string", "true", "true"},
    {"string", "{\"a\": [1, 2]}", "{\"a\": [1, 2]}"},
    {"string", "[]", "[]"},
    {"string", "\"\"", ""},
    {"varchar(3)", "\"abcd\"", "abcd"},
    {"binary", "\"abc\"", "abc"},
    {"array<int>", "[1, null, \"3\"]", "[1, NULL, 3]"},
    {"array<int>", "[]", "[]"},
    {"array<int>", "[1, \"x\"]", BAD},
    {"array<int>", "5", BAD},
    {"map<string,int>", "{\"a\":1,\"B\":2}", "{a=1, b=2}"},
    {"map<int,string>", "{\"7\":\"x\"}", "{7=x}"},
    {"map<int,string>", "{\"x\":\"x\"}", BAD},
    {"map<string,int>", "{\"a\":1,\"b\":2,\"A\":3}", BAD},
    {"map<string,int>", "[]", BAD},
    {"struct<a:int,b:string>", "{\"B\":\"x\",\"c\":[{}]}", "{a:NULL, b:x}"},
    {"struct<a:int,b:string>", "{}", "{a:NULL, b:NULL}"},
    {"struct<a:int>", "\"{}\"", BAD},
    {"array<struct<k:string,v:array<double>>>", "[{\"k\":\"a\",\"v\":[1.5]},null,{\"v\":[]}]",
     "[{k:a, v:[1.5]}, NULL, {k:NULL, v:[]}]"},
    {"int", "01", "ParseError"},
    {"int", "tru", "ParseError"},
    {"int", "1.", "ParseError"},
    {"int", "-", "ParseError"},
    {"string", "\"\\x\"", "ParseError"},
    {"string", "\"\\u12g4\"", "ParseError"},
    {"string", "\"tab\there\"", "ParseError"},
    {"string", "\"\xff\"", "ParseError"},
    {"string", "\"\xed\xa0\x80\"", "ParseError"},
    {"string", "\"open", "ParseError"},
    {"array<int>", "[1,]", "ParseError"},
    {"array<int>", "[1 2]", "ParseError"},
    {"struct<a:int>", "{\"a\" 1}", "ParseError"},
    {"struct<a:int>", "{a:1}", "ParseError"},
};

static const struct {
    const char *type, *json, *expected;
} hive_values[] = {
    {"string", "1", BAD},
    {"string", "\"x\"", "x"},
    {"int", "\"1\"", BAD},
    {"int", "1", "1"},
    {"boolean", "\"true\"", BAD},
    {"double", "\"1\"", BAD},
    {"timestamp", "\"2022-02-02 15:17:07.25\"", "2022-02-02T15:17:07.250000"},
    {"timestamp", "\"2022-02-02T15:17:07Z\"", BAD},
    {"timestamp", "1643815027", "1970-01-20T00:36:55.027000"}, /* always milliseconds */
    {"map<int,int>", "{\"1\":2}", "{1=2}"},
};

static const char *const bad_types[] = {
    "",
    "text",
    "array",
    "array<>",
    "array<int",
    "map<int>",
    "map<array<int>,int>",
    "struct<a>",
    "struct<a:int,A:int>",
    "decimal(39,1)",
    "decimal(3,4)",
    "decimal(x)",
    "int)",
    "uniontype<int>",
};

/* --- rows and records ----------------------------------------------------------------------- */

static kn_type table;
static kn_convert *rows;
static kn_convert_failure failure;

static bool add(const char *record) {
    return kn_convert_record(rows, kn_slice_cstr(record), &failure);
}

static const char *row(size_t i) {
    kn_buf_clear(&b);
    for (size_t k = 0; k < table.count; k++) {
        kn_buf_cstr(&b, k ? "|" : "");
        show(&kn_convert_rows(rows)->children[k], i);
    }
    return b.p;
}

static void open_table(kn_convert_rules rules) {
    kn_type_row(&table);
    bool ok = kn_type_add(&table, "Id", NULL, "int", &err) &&
              kn_type_add(&table, "ts", "timestamp", "string", &err) &&
              kn_type_add(&table, "tags", NULL, "array<string>", &err) &&
              kn_type_add(&table, "a_b", NULL, "string", &err) &&
              kn_convert_new(&table, rules, &rows, &err);
    tap_ok(ok, "a table of four columns");
}

static void close_table(void) {
    kn_convert_destroy(rows);
    kn_type_free(&table);
}

static void test_records(void) {
    open_table((kn_convert_rules){0});
    tap_ok(add("{\"ID\":1,\"Timestamp\":\"x\",\"other\":{\"deep\":[1,{}]},\"tags\":[\"a\"]}\n"),
           "keys in any case, an unknown one, a mapped one");
    tap_is_str(row(0), "1|x|[a]|NULL", "are found");
    tap_ok(add("{\"id\":2}{\"id\":3} {\"tags\":[\"p\",\"q\"],\"id\":4,\"id\":5,\"tags\":[\"r\"]}"),
           "objects one after another");
    tap_is_int(kn_convert_rows(rows)->rows, 4, "are rows of their own");
    tap_is_str(row(3), "5|NULL|[r]|NULL", "of a key that comes twice the last one counts");
    tap_ok(!add("{\"id\":6,\"tags\":[\"s\"],\"timestamp\":\"y\"}{\"id\":\"seven\"}"),
           "a bad second object");
    tap_is_str(failure.code, "DataFormatConversion.MalformedData", "fails the record");
    tap_is_str(failure.message,
               "Data does not match the schema. Column id: type int does not take seven",
               "with column, type and value");
    tap_is_int(kn_convert_rows(rows)->rows, 4, "and adds no row");
    tap_ok(!add("{\"id\":8,\"tags\":[\"t\"],\"timestamp\":\"z\"} nonsense"), "text after a row");
    tap_is_str(failure.code, "DataFormatConversion.ParseError", "is a parse error");
    tap_ok(strstr(failure.message, "at byte 38 of the record"), "with its place: %s",
           failure.message);
    tap_ok(add("{\"id\":9,\"tags\":[\"u\"]}"), "the next record");
    tap_is_int(kn_convert_rows(rows)->rows, 5, "is the fifth row");
    tap_is_str(row(4), "9|NULL|[u]|NULL", "with its own list");
    static const char *const wrong[] = {"",     "  \n", "[{\"id\":1}]", "7",           "\"x\"",
                                        "null", "{",    "{\"id\":1",    "{\"id\":1,}", "{\"id\"}",
                                        "}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        tap_ok(!add(wrong[i]) && kn_convert_rows(rows)->rows == 5, "refused: '%s'", wrong[i]);
    tap_ok(add("{\"unknown\":\"\\\"\\\\\",\"a.b\":1}"), "an object without known keys");
    tap_is_str(row(5), "NULL|NULL|NULL|NULL", "is a row of NULLs");
    kn_convert_clear(rows);
    tap_ok(add("{\"id\":10}"), "after clearing");
    tap_is_str(row(0), "10|NULL|NULL|NULL", "rows begin again");

    char deep[400] = "{\"id\":1,\"u\":";
    size_t n = strlen(deep);
    memset(deep + n, '[', 127);
    memset(deep + n + 127, ']', 127);
    memcpy(deep + n + 254, "}", 2);
    tap_ok(add(deep), "128 levels");
    memmove(deep + n + 1, deep + n, strlen(deep + n) + 1);
    memcpy(strchr(deep, ']'), "]]", 2);
    tap_ok(!add(deep) && strstr(failure.message, "Nested too deeply"), "129 are too many");
    close_table();

    open_table((kn_convert_rules){.case_sensitive = true, .dots_to_underscores = true});
    tap_ok(add("{\"ID\":1,\"id\":2,\"a.b\":\"dot\",\"timestamp\":\"t\"}"), "when case matters");
    tap_is_str(row(0), "2|t|NULL|dot", "keys are compared as they are, dots as underscores");
    close_table();
}

int main(void) {
    kn_buf_init(&b, 1 << 20);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        tap_is_str(convert(values[i].type, values[i].json, (kn_convert_rules){0}),
                   values[i].expected, "%s from %s", values[i].type, values[i].json);
    for (size_t i = 0; i < sizeof hive_values / sizeof *hive_values; i++)
        tap_is_str(
            convert(hive_values[i].type, hive_values[i].json, (kn_convert_rules){.hive = true}),
            hive_values[i].expected, "Hive: %s from %s", hive_values[i].type, hive_values[i].json);
    for (size_t i = 0; i < sizeof bad_types / sizeof *bad_types; i++) {
        kn_type type;
        tap_ok(!kn_type_parse(bad_types[i], &type, &err), "type '%s' is refused", bad_types[i]);
    }
    kn_type twice;
    kn_type_row(&twice);
    tap_ok(kn_type_add(&twice, "a", NULL, "int", &err) &&
               !kn_type_add(&twice, "A", NULL, "int", &err) && strstr(err.message, "twice"),
           "a column that is there twice is refused");
    kn_type_free(&twice);
    test_records();
    kn_buf_free(&b);
    return tap_done();
}
