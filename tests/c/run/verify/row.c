/* Rows: the text by which records are compared. */
#include "run/verify/row.h"

#include "../../tap.h"

static kn_buf text, key;
static bool is_json;

static const char *row_of(const kn_row *row, const char *record) {
    static kn_err err;
    if (!kn_row_text(row, kn_slice_cstr(record), &text, &key, &is_json, &err))
        return err.message;
    for (size_t i = 0; i < text.len; i++)
        if (text.p[i] == KN_ROW_DIVIDER)
            text.p[i] = '|';
    return text.len ? text.p : "";
}

static kn_row *make(const kn_row_field *fields, size_t n, bool whole, const kn_row_field *by) {
    kn_row *row;
    kn_err err;
    if (!kn_row_new(fields, n, whole, by, &row, &err)) {
        tap_ok(false, "a row: %s", err.message);
        exit(1);
    }
    return row;
}

static void test_whole(void) {
    const kn_row_field left_out[] = {{KN_SLICE("b"), KN_CELL_TEXT, 0},
                                     {KN_SLICE("c\0d"), KN_CELL_TEXT, 0}};
    const kn_row_field by = {KN_SLICE("a"), KN_CELL_TEXT, 0};
    kn_row *row = make(left_out, 2, true, &by);
    tap_is_str(row_of(row, "{\"a\":\"x\",\"b\":\"now\",\"c\":{\"d\":[1,2],\"e\":3}}"),
               "{\"a\":\"x\",\"b\":,\"c\":{\"d\":,\"e\":3}}", "values that are left out");
    tap_is_str(key.p, "x", "the key");
    tap_is_str(row_of(row, "{\"c\":{\"d\":1}, \"\\u0062\":2,\"a\":\"\\u00e9\"}"),
               "{\"c\":{\"d\":}, \"\\u0062\":,\"a\":\"\\u00e9\"}", "any order, escaped names");
    tap_is_str(key.p, "\xC3\xA9", "an escaped key is read");
    tap_is_str(row_of(row, "{\"c\":7}"), "{\"c\":7}", "what is no object where one was");
    tap_is_str(key.p, "\\N", "no key");
    tap_ok(is_json, "JSON");
    tap_is_str(row_of(row, "{\"a\":"), "{\"a\":", "what is no JSON is its bytes");
    tap_is_str(key.p, "{\"a\":", "and its key too");
    tap_ok(!is_json, "no JSON");
    tap_is_str(row_of(row, "[1]"), "[1]", "an array is no record");
    tap_ok(!is_json, "not one");
    kn_row_destroy(row);
}

static void test_columns(void) {
    const kn_row_field columns[] = {
        {KN_SLICE("s"), KN_CELL_TEXT, 0},    {KN_SLICE("i"), KN_CELL_INTEGER, 0},
        {KN_SLICE("b"), KN_CELL_BOOLEAN, 0}, {KN_SLICE("d"), KN_CELL_DOUBLE, 0},
        {KN_SLICE("f"), KN_CELL_FLOAT, 0},   {KN_SLICE("m"), KN_CELL_DECIMAL, 2},
        {KN_SLICE("y"), KN_CELL_DATE, 0},    {KN_SLICE("t"), KN_CELL_TIMESTAMP, 0},
        {KN_SLICE("o\0p"), KN_CELL_TEXT, 0},
    };
    kn_row *row = make(columns, 9, false, &columns[1]);
    tap_is_str(row_of(row,
                      "{\"i\":-5,\"s\":\"a\\nb\",\"b\":true,\"d\":1.5,\"f\":1.5,\"m\":7.5,"
                      "\"y\":\"2022-02-02\",\"t\":\"2022-02-02T15:17:07.123Z\","
                      "\"o\":{\"p\":\"q\"},\"else\":1}"),
               "a\nb|-5|true|3FF8000000000000|3FC00000|7.50|2022-02-02|1643815027123|q",
               "each by its type");
    tap_is_str(key.p, "-5", "the key's cell");
    tap_is_str(row_of(row, "{\"s\":null,\"m\":7,\"t\":1643815027,\"d\":2,\"o\":3}"),
               "\\N|\\N|\\N|4000000000000000|\\N|7.00|\\N|1643815027000|\\N",
               "nulls, what is absent, epoch seconds");
    tap_is_str(row_of(row, "{\"t\":1643815027123,\"m\":7.129}"),
               "\\N|\\N|\\N|\\N|\\N|7.129|\\N|1643815027123|\\N",
               "epoch milliseconds; digits are not dropped");
    tap_is_str(row_of(row, "{\"t\":-9223372036854775808}"),
               "\\N|\\N|\\N|\\N|\\N|\\N|\\N|-9223372036854775808|\\N",
               "what no timestamp can be is as it was written");
    kn_row_destroy(row);
}

static void test_many(void) {
    enum { MANY = 300 };
    static char names[MANY][8];
    kn_row_field fields[MANY];
    kn_row *row;
    kn_err err;
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "f%d", i);
        fields[i] = (kn_row_field){kn_slice_cstr(names[i]), KN_CELL_INTEGER, 0};
    }
    row = make(fields, MANY, true, NULL);
    tap_is_str(row_of(row, "{\"f299\":1,\"f0\":2,\"g\":3}"), "{\"f299\":,\"f0\":,\"g\":3}",
               "more fields than fit on the stack");
    kn_row_destroy(row);
    char deep[80];
    memset(deep, 'a', sizeof deep);
    for (size_t i = 1; i < sizeof deep; i += 2)
        deep[i] = '\0';
    kn_row_field field = {{deep, sizeof deep - 1}, KN_CELL_TEXT, 0};
    tap_ok(!kn_row_new(&field, 1, true, NULL, &row, &err) && strstr(err.message, "deep"),
           "too deep: %s", err.message);
}

int main(void) {
    kn_buf_init(&text, 1 << 20);
    kn_buf_init(&key, 1 << 20);
    test_whole();
    test_columns();
    test_many();
    kn_buf_free(&text);
    kn_buf_free(&key);
    return tap_done();
}
