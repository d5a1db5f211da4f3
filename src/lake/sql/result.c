/* Results: columns typed as Athena types them, rows walked chunk by chunk. See sql.h.
 * References: Athena's ColumnInfo; the precisions are those that Athena reports. */
#include "lake/sql/duckdb.h"

#include <stdio.h>
#include <stdlib.h>

enum { TYPE_TEXT_MAX = 1 << 20, TYPE_DEPTH_MAX = 64 };

/* DuckDB's types with the name and precision that Athena gives; a type that is not here does not
 * exist there. Sums of bigint are hugeint here and bigint there. */
static const struct type_row {
    duckdb_type id;
    const char *name;
    int precision, scale;
} type_rows[] = {
    {DUCKDB_TYPE_BOOLEAN, "boolean", 0, 0},
    {DUCKDB_TYPE_TINYINT, "tinyint", 3, 0},
    {DUCKDB_TYPE_SMALLINT, "smallint", 5, 0},
    {DUCKDB_TYPE_INTEGER, "integer", 10, 0},
    {DUCKDB_TYPE_BIGINT, "bigint", 19, 0},
    {DUCKDB_TYPE_UTINYINT, "smallint", 5, 0},
    {DUCKDB_TYPE_USMALLINT, "integer", 10, 0},
    {DUCKDB_TYPE_UINTEGER, "bigint", 19, 0},
    {DUCKDB_TYPE_UBIGINT, "bigint", 19, 0},
    {DUCKDB_TYPE_HUGEINT, "bigint", 19, 0},
    {DUCKDB_TYPE_UHUGEINT, "bigint", 19, 0},
    {DUCKDB_TYPE_FLOAT, "float", 17, 0},
    {DUCKDB_TYPE_DOUBLE, "double", 17, 0},
    {DUCKDB_TYPE_DECIMAL, "decimal", 0, 0},
    {DUCKDB_TYPE_TIMESTAMP, "timestamp", 3, 0},
    {DUCKDB_TYPE_TIMESTAMP_S, "timestamp", 3, 0},
    {DUCKDB_TYPE_TIMESTAMP_MS, "timestamp", 3, 0},
    {DUCKDB_TYPE_TIMESTAMP_NS, "timestamp", 3, 0},
    {DUCKDB_TYPE_TIMESTAMP_TZ, "timestamp with time zone", 3, 0},
    {DUCKDB_TYPE_DATE, "date", 0, 0},
    {DUCKDB_TYPE_TIME, "time", 3, 0},
    {DUCKDB_TYPE_INTERVAL, "interval day to second", 0, 0},
    {DUCKDB_TYPE_VARCHAR, "varchar", 2147483647, 0},
    {DUCKDB_TYPE_ENUM, "varchar", 2147483647, 0},
    {DUCKDB_TYPE_BLOB, "varbinary", 1073741824, 0},
    {DUCKDB_TYPE_UUID, "uuid", 0, 0},
    {DUCKDB_TYPE_LIST, "array", 0, 0},
    {DUCKDB_TYPE_ARRAY, "array", 0, 0},
    {DUCKDB_TYPE_STRUCT, "row", 0, 0},
    {DUCKDB_TYPE_MAP, "map", 0, 0},
    {DUCKDB_TYPE_SQLNULL, "unknown", 0, 0},
};

static const struct type_row *find_row(duckdb_type id) {
    for (size_t i = 0; i < sizeof type_rows / sizeof *type_rows; i++) {
        if (type_rows[i].id == id)
            return &type_rows[i];
    }
    return NULL;
}

static void type_clear(const kn_duckdb *api, kn_sql_type *type) {
    for (size_t i = 0; i < type->child_count; i++)
        type_clear(api, &type->children[i]);
    for (size_t i = 0; i < type->name_count; i++)
        api->duckdb_free(type->names[i]);
    free(type->children);
    free(type->names);
    *type = (kn_sql_type){0};
}

static bool type_fill(const kn_duckdb *api, duckdb_logical_type logical, int depth,
                      kn_sql_type *type, kn_err *err);

/* The i-th part of a nested type; the caller destroys it. */
static duckdb_logical_type type_part(const kn_duckdb *api, duckdb_type id,
                                     duckdb_logical_type logical, size_t i) {
    switch (id) {
    case DUCKDB_TYPE_LIST:
        return api->duckdb_list_type_child_type(logical);
    case DUCKDB_TYPE_ARRAY:
        return api->duckdb_array_type_child_type(logical);
    case DUCKDB_TYPE_MAP:
        return i ? api->duckdb_map_type_value_type(logical)
                 : api->duckdb_map_type_key_type(logical);
    default:
        return api->duckdb_struct_type_child_type(logical, i);
    }
}

static bool type_fill_children(const kn_duckdb *api, duckdb_logical_type logical, size_t n,
                               int depth, kn_sql_type *type, kn_err *err) {
    type->children = calloc(n ? n : 1, sizeof *type->children);
    if (!type->children)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    type->child_count = n;
    for (size_t i = 0; i < n; i++) {
        duckdb_logical_type part = type_part(api, type->id, logical, i);
        bool ok = type_fill(api, part, depth + 1, &type->children[i], err);
        api->duckdb_destroy_logical_type(&part);
        if (!ok)
            return false;
    }
    return true;
}

static bool type_fill_names(const kn_duckdb *api, duckdb_logical_type logical, size_t n,
                            kn_sql_type *type, kn_err *err) {
    type->names = calloc(n ? n : 1, sizeof *type->names);
    if (!type->names)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    for (; type->name_count < n; type->name_count++)
        type->names[type->name_count] =
            type->id == DUCKDB_TYPE_ENUM
                ? api->duckdb_enum_dictionary_value(logical, type->name_count)
                : api->duckdb_struct_type_child_name(logical, type->name_count);
    return true;
}

static bool type_fill(const kn_duckdb *api, duckdb_logical_type logical, int depth,
                      kn_sql_type *type, kn_err *err) {
    type->id = api->duckdb_get_type_id(logical);
    if (depth > TYPE_DEPTH_MAX)
        return kn_fail(err, KN_ELIMIT, "a type is nested deeper than %d", TYPE_DEPTH_MAX);
    switch (type->id) {
    case DUCKDB_TYPE_DECIMAL:
        type->width = api->duckdb_decimal_width(logical);
        type->scale = api->duckdb_decimal_scale(logical);
        type->storage = api->duckdb_decimal_internal_type(logical);
        return true;
    case DUCKDB_TYPE_ENUM:
        type->storage = api->duckdb_enum_internal_type(logical);
        return type_fill_names(api, logical, api->duckdb_enum_dictionary_size(logical), type, err);
    case DUCKDB_TYPE_ARRAY:
        type->size = api->duckdb_array_type_array_size(logical);
        return type_fill_children(api, logical, 1, depth, type, err);
    case DUCKDB_TYPE_LIST:
        return type_fill_children(api, logical, 1, depth, type, err);
    case DUCKDB_TYPE_MAP:
        return type_fill_children(api, logical, 2, depth, type, err);
    case DUCKDB_TYPE_STRUCT: {
        size_t n = api->duckdb_struct_type_child_count(logical);
        return type_fill_names(api, logical, n, type, err) &&
               type_fill_children(api, logical, n, depth, type, err);
    }
    case DUCKDB_TYPE_VARCHAR: {
        char *alias = api->duckdb_logical_type_get_alias(logical);
        type->json = alias && strcmp(alias, "JSON") == 0;
        api->duckdb_free(alias);
        return true;
    }
    default:
        if (!find_row(type->id))
            return kn_fail(err, KN_EINVAL, "DuckDB's type %d has no counterpart in Athena: cast it",
                           (int)type->id);
        return true;
    }
}

static const char *type_name(const kn_sql_type *type) {
    return type->json ? "json" : find_row(type->id)->name;
}

static void type_print(kn_buf *out, const kn_sql_type *type) {
    if (type->id == DUCKDB_TYPE_DECIMAL) {
        kn_buf_printf(out, "decimal(%d,%d)", type->width, type->scale);
        return;
    }
    kn_buf_cstr(out, type_name(type));
    if (!type->child_count)
        return;
    for (size_t i = 0; i < type->child_count; i++) {
        kn_buf_cstr(out, i ? ", " : "(");
        if (type->name_count)
            kn_buf_printf(out, "%s ", type->names[i]);
        type_print(out, &type->children[i]);
    }
    kn_buf_char(out, ')');
}

static bool describe_column(kn_sql_result *r, size_t i, kn_err *err) {
    duckdb_logical_type logical = r->api->duckdb_column_logical_type(&r->result, i);
    kn_sql_type *type = &r->types[i];
    kn_sql_column *column = &r->columns[i];
    column->name = r->api->duckdb_column_name(&r->result, i);
    bool ok = type_fill(r->api, logical, 0, type, err);
    r->api->duckdb_destroy_logical_type(&logical);
    if (!ok)
        return kn_fail_within(err, "column %s", column->name);
    const struct type_row *row = find_row(type->id);
    bool decimal = type->id == DUCKDB_TYPE_DECIMAL;
    column->type = type_name(type);
    column->precision = decimal ? type->width : row->precision;
    column->scale = decimal ? type->scale : row->scale;
    column->case_sensitive = strcmp(row->name, "varchar") == 0;
    kn_buf text;
    kn_buf_init(&text, TYPE_TEXT_MAX);
    type_print(&text, type);
    r->type_names[i] = kn_buf_take(&text, NULL);
    column->full_type = r->type_names[i];
    if (!column->full_type)
        return kn_fail(err, KN_ENOMEM, "column %s: its type is too large", column->name);
    return true;
}

bool kn_sql_result_new(const kn_duckdb *api, duckdb_result *result, kn_sql_result **out,
                       kn_err *err) {
    size_t n = api->duckdb_column_count(result);
    kn_sql_result *r = calloc(1, sizeof *r);
    if (!r) {
        api->duckdb_destroy_result(result);
        return kn_fail(err, KN_ENOMEM, "out of memory");
    }
    r->api = api;
    r->result = *result;
    r->columns = calloc(n + 1, sizeof *r->columns);
    r->types = calloc(n + 1, sizeof *r->types);
    r->type_names = calloc(n + 1, sizeof *r->type_names);
    bool ok = r->columns && r->types && r->type_names;
    if (ok)
        r->column_count = n;
    else
        kn_fail(err, KN_ENOMEM, "out of memory");
    for (size_t i = 0; ok && i < n; i++)
        ok = describe_column(r, i, err);
    if (!ok) {
        kn_sql_result_free(r);
        r = NULL;
    }
    *out = r;
    return ok;
}

void kn_sql_result_free(kn_sql_result *r) {
    if (!r)
        return;
    for (size_t i = 0; i < r->column_count; i++) {
        type_clear(r->api, &r->types[i]);
        free(r->type_names[i]);
    }
    free(r->columns);
    free(r->types);
    free(r->type_names);
    if (r->chunk)
        r->api->duckdb_destroy_data_chunk(&r->chunk);
    r->api->duckdb_destroy_result(&r->result);
    free(r);
}

size_t kn_sql_column_count(const kn_sql_result *r) {
    return r->column_count;
}

const kn_sql_column *kn_sql_column_at(const kn_sql_result *r, size_t column) {
    return &r->columns[column];
}

bool kn_sql_next(kn_sql_result *r, bool *row, kn_err *err) {
    *row = true;
    if (++r->row < r->rows)
        return true;
    do {
        if (r->chunk)
            r->api->duckdb_destroy_data_chunk(&r->chunk);
        r->chunk = r->api->duckdb_fetch_chunk(r->result);
        r->row = 0;
        r->rows = r->chunk ? r->api->duckdb_data_chunk_get_size(r->chunk) : 0;
    } while (r->chunk && r->rows == 0);
    if (r->chunk)
        return true;
    *row = false;
    const char *reason = r->api->duckdb_result_error(&r->result);
    return !(reason && *reason) || kn_sql_fail(r->api, &r->result, err);
}

bool kn_sql_render(const kn_sql_result *r, size_t column, kn_buf *out) {
    duckdb_vector vector = r->api->duckdb_data_chunk_get_vector(r->chunk, column);
    return kn_sql_render_value(r->api, &r->types[column], vector, r->row, out);
}
