/* Any bytes as a record of a table with every type: no crash, and a record that fails leaves the
 * columns as they were. The first byte chooses the rules. */
#include "lake/firehose/convert.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const columns[][2] = {
    {"s", "string"},
    {"i", "int"},
    {"b", "boolean"},
    {"t", "tinyint"},
    {"l", "bigint"},
    {"f", "float"},
    {"d", "double"},
    {"n", "decimal(12,3)"},
    {"w", "decimal(38,10)"},
    {"day", "date"},
    {"ts", "timestamp"},
    {"raw", "binary"},
    {"a", "array<int>"},
    {"m", "map<string,double>"},
    {"o", "struct<x:int,y:array<struct<z:string,k:map<int,date>>>>"},
};

static void check(const kn_column *column, size_t rows) {
    size_t width = kn_type_width(column->type);
    if (column->rows != rows || column->valid.len != rows || column->data.len != rows * width)
        abort();
    size_t inner = rows;
    if (width == sizeof(kn_span) && column->type->kind >= KN_KIND_STRING) {
        const kn_span *spans = (const kn_span *)(const void *)column->data.p;
        inner = 0;
        for (size_t i = 0; i < rows; i++) {
            if (spans[i].offset != inner)
                abort();
            inner += spans[i].length;
        }
        if (column->type->kind <= KN_KIND_BINARY && column->text.len != inner)
            abort();
    }
    for (size_t i = 0; i < column->type->count; i++)
        check(&column->children[i], inner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static kn_type row;
    static kn_convert *converters[8];
    kn_err err;
    if (!row.count) {
        kn_type_row(&row);
        for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
            if (!kn_type_add(&row, columns[i][0], NULL, columns[i][1], &err))
                abort();
        for (unsigned i = 0; i < 8; i++)
            if (!kn_convert_new(&row, (kn_convert_rules){i & 1, i & 2, i & 4}, &converters[i],
                                &err))
                abort();
    }
    if (size == 0)
        return 0;
    kn_convert *c = converters[data[0] & 7];
    kn_slice record = {(const char *)data + 1, size - 1};
    const kn_column *rows = kn_convert_rows(c);
    kn_convert_failure failure = {0};
    size_t before = rows->rows;
    bool ok = kn_convert_record(c, record, &failure);
    if (ok ? rows->rows == before : rows->rows != before || !failure.code || !failure.message[0])
        abort();
    check(rows, rows->rows);
    if (rows->rows > 100)
        kn_convert_clear(c);
    return 0;
}
