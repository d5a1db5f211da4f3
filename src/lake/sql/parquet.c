/* See parquet.h. Strings are handed to DuckDB as pointers into the columns' text, and copied
 * once, by the append. */
#include "lake/sql/parquet.h"

#include "lake/sql/duckdb.h"

#include <stdio.h>
#include <stdlib.h>

enum { STATEMENT_MAX = 1 << 20, NAME_MAX_BYTES = 48 };

struct kn_parquet {
    const kn_duckdb *api;
    const kn_type *row;
    kn_sql_connection *connection;
    char table[NAME_MAX_BYTES];
    bool created;
    duckdb_appender appender;
    duckdb_data_chunk chunk;
};

/* --- the table ---------------------------------------------------------------------------- */

static void put_type(kn_buf *out, const kn_type *type) {
    static const char *const names[] = {
        [KN_KIND_BOOLEAN] = "BOOLEAN",
        [KN_KIND_TINYINT] = "TINYINT",
        [KN_KIND_SMALLINT] = "SMALLINT",
        [KN_KIND_INT] = "INTEGER",
        [KN_KIND_BIGINT] = "BIGINT",
        [KN_KIND_FLOAT] = "FLOAT",
        [KN_KIND_DOUBLE] = "DOUBLE",
        [KN_KIND_DATE] = "DATE",
        [KN_KIND_DECIMAL] = "DECIMAL",
        [KN_KIND_TIMESTAMP] = "TIMESTAMP",
        [KN_KIND_STRING] = "VARCHAR",
        [KN_KIND_BINARY] = "BLOB",
        [KN_KIND_ARRAY] = "",
        [KN_KIND_MAP] = "MAP",
        [KN_KIND_STRUCT] = "STRUCT",
    };
    kn_buf_cstr(out, names[type->kind]);
    if (type->kind == KN_KIND_DECIMAL)
        kn_buf_printf(out, "(%d, %d)", type->precision, type->scale);
    if (type->kind == KN_KIND_ARRAY) {
        put_type(out, &type->children[0]);
        kn_buf_cstr(out, "[]");
        return;
    }
    for (size_t i = 0; i < type->count; i++) {
        kn_buf_cstr(out, i ? ", " : "(");
        if (type->children[i].name) {
            kn_sql_quote_name(out, kn_slice_cstr(type->children[i].name));
            kn_buf_char(out, ' ');
        }
        put_type(out, &type->children[i]);
    }
    if (type->count)
        kn_buf_char(out, ')');
}

static bool create_table(kn_parquet *p, kn_err *err) {
    kn_buf text;
    kn_buf_init(&text, STATEMENT_MAX);
    kn_buf_printf(&text, "CREATE TABLE %s ", p->table);
    for (size_t i = 0; i < p->row->count; i++) {
        kn_buf_cstr(&text, i ? ", " : "(");
        kn_sql_quote_name(&text, kn_slice_cstr(p->row->children[i].name));
        kn_buf_char(&text, ' ');
        put_type(&text, &p->row->children[i]);
    }
    kn_buf_char(&text, ')');
    bool ok = kn_buf_check(&text, "the table of a delivery", err) &&
              kn_sql_run(p->connection, text.p, NULL, err);
    kn_buf_free(&text);
    p->created = ok;
    return ok;
}

static bool create_chunk(kn_parquet *p, kn_err *err) {
    size_t n = p->row->count;
    duckdb_logical_type *types = calloc(n, sizeof *types);
    if (!types)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++)
        types[i] = p->api->duckdb_appender_column_type(p->appender, i);
    p->chunk = p->api->duckdb_create_data_chunk(types, n);
    for (size_t i = 0; i < n; i++)
        p->api->duckdb_destroy_logical_type(&types[i]);
    free(types);
    return p->chunk || kn_fail(err, KN_ENOMEM, "DuckDB makes no data chunk");
}

bool kn_parquet_open(kn_sql *sql, const kn_type *row, kn_parquet **out, kn_err *err) {
    *out = NULL;
    if (row->count == 0)
        return kn_fail(err, KN_EINVAL, "the table has no columns");
    kn_parquet *p = calloc(1, sizeof *p);
    if (!p)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    p->api = sql->api;
    p->row = row;
    /* no two live ones share an address */
    snprintf(p->table, sizeof p->table, "delivery_%llx", (unsigned long long)(uintptr_t)p);
    bool ok = kn_sql_connect(sql, &p->connection, err) && create_table(p, err);
    if (ok && p->api->duckdb_appender_create(p->connection->connection, NULL, p->table,
                                             &p->appender) == DuckDBError) {
        const char *why = p->api->duckdb_appender_error(p->appender);
        ok = kn_fail(err, KN_EINVAL, "DuckDB makes no appender: %s", why ? why : "");
    }
    if (!ok || !create_chunk(p, err)) {
        kn_parquet_close(p);
        return false;
    }
    *out = p;
    return true;
}

void kn_parquet_close(kn_parquet *p) {
    if (!p)
        return;
    if (p->chunk)
        p->api->duckdb_destroy_data_chunk(&p->chunk);
    if (p->appender)
        p->api->duckdb_appender_destroy(&p->appender);
    if (p->created) {
        char text[NAME_MAX_BYTES + 16];
        kn_err err;
        snprintf(text, sizeof text, "DROP TABLE %s", p->table);
        /* It can fail only where the database is unusable, which the next delivery will report. */
        if (!kn_sql_run(p->connection, text, NULL, &err))
            p->created = false;
    }
    kn_sql_disconnect(p->connection);
    free(p);
}

/* --- rows --------------------------------------------------------------------------------- */

static void fill_validity(kn_parquet *p, duckdb_vector vector, const char *valid, size_t n) {
    if (n == 0 || !memchr(valid, 0, n))
        return;
    p->api->duckdb_vector_ensure_validity_writable(vector);
    uint64_t *bits = p->api->duckdb_vector_get_validity(vector);
    for (size_t i = 0; i < n; i++)
        if (!valid[i])
            bits[i / 64] &= ~(UINT64_C(1) << i % 64);
}

static void fill_strings(duckdb_string_t *out, const kn_column *column, const kn_span *spans,
                         size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char *text = column->text.p + spans[i].offset;
        uint32_t length = (uint32_t)spans[i].length; /* a column's text is below 256 MiB */
        memset(&out[i], 0, sizeof out[i]);
        out[i].value.inlined.length = length;
        if (length <= sizeof out[i].value.inlined.inlined) {
            if (length)
                memcpy(out[i].value.inlined.inlined, text, length);
        } else {
            memcpy(out[i].value.pointer.prefix, text, sizeof out[i].value.pointer.prefix);
            out[i].value.pointer.ptr = (char *)(uintptr_t)text; /* only read */
        }
    }
}

static bool fill(kn_parquet *p, duckdb_vector vector, const kn_column *column, size_t from,
                 size_t n);

static bool fill_list(kn_parquet *p, duckdb_vector vector, const kn_column *column,
                      const kn_span *spans, size_t n) {
    duckdb_list_entry *entries = p->api->duckdb_vector_get_data(vector);
    size_t base = spans[0].offset, size = spans[n - 1].offset + spans[n - 1].length - base;
    for (size_t i = 0; i < n; i++)
        entries[i] = (duckdb_list_entry){spans[i].offset - base, spans[i].length};
    if (p->api->duckdb_list_vector_reserve(vector, size) == DuckDBError ||
        p->api->duckdb_list_vector_set_size(vector, size) == DuckDBError)
        return false;
    duckdb_vector child = p->api->duckdb_list_vector_get_child(vector);
    if (column->type->kind == KN_KIND_ARRAY)
        return fill(p, child, &column->children[0], base, size);
    for (size_t i = 0; i < 2; i++) /* a map is a list of pairs */
        if (!fill(p, p->api->duckdb_struct_vector_get_child(child, i), &column->children[i], base,
                  size))
            return false;
    return true;
}

/* Copies the rows [from, from + n) of a column into a vector. */
static bool fill(kn_parquet *p, duckdb_vector vector, const kn_column *column, size_t from,
                 size_t n) {
    if (n == 0)
        return true;
    fill_validity(p, vector, column->valid.p + from, n);
    kn_kind kind = column->type->kind;
    if (kind == KN_KIND_STRUCT) {
        for (size_t i = 0; i < column->type->count; i++)
            if (!fill(p, p->api->duckdb_struct_vector_get_child(vector, i), &column->children[i],
                      from, n))
                return false;
        return true;
    }
    size_t width = kn_type_width(column->type);
    const void *values = column->data.p + from * width;
    if (kind == KN_KIND_ARRAY || kind == KN_KIND_MAP)
        return fill_list(p, vector, column, values, n);
    void *data = p->api->duckdb_vector_get_data(vector);
    if (kind == KN_KIND_STRING || kind == KN_KIND_BINARY)
        fill_strings(data, column, values, n);
    else
        memcpy(data, values, n * width);
    return true;
}

static bool append_chunk(kn_parquet *p, const kn_column *rows, size_t from, size_t n, kn_err *err) {
    p->api->duckdb_data_chunk_reset(p->chunk);
    for (size_t i = 0; i < rows->type->count; i++)
        if (!fill(p, p->api->duckdb_data_chunk_get_vector(p->chunk, i), &rows->children[i], from,
                  n))
            return kn_fail(err, KN_ENOMEM, "out of memory for a list of column %s",
                           rows->type->children[i].name);
    p->api->duckdb_data_chunk_set_size(p->chunk, n);
    if (p->api->duckdb_append_data_chunk(p->appender, p->chunk) == DuckDBError) {
        const char *why = p->api->duckdb_appender_error(p->appender);
        return kn_fail(err, KN_EINVAL, "DuckDB does not take rows: %s", why ? why : "");
    }
    return true;
}

bool kn_parquet_append(kn_parquet *p, const kn_column *rows, kn_err *err) {
    size_t most = p->api->duckdb_vector_size();
    for (size_t from = 0; from < rows->rows; from += most) {
        size_t n = rows->rows - from;
        if (!append_chunk(p, rows, from, n < most ? n : most, err))
            return false;
    }
    return true;
}

bool kn_parquet_write(kn_parquet *p, const char *file, const char *compression, kn_err *err) {
    if (p->api->duckdb_appender_close(p->appender) == DuckDBError) {
        const char *why = p->api->duckdb_appender_error(p->appender);
        return kn_fail(err, KN_EINVAL, "DuckDB does not take the rows: %s", why ? why : "");
    }
    kn_buf text;
    kn_buf_init(&text, STATEMENT_MAX);
    kn_buf_printf(&text, "COPY %s TO ", p->table);
    kn_sql_quote_string(&text, kn_slice_cstr(file));
    kn_buf_printf(&text, " (FORMAT parquet, COMPRESSION %s)", compression);
    bool ok =
        kn_buf_check(&text, "a file name", err) && kn_sql_run(p->connection, text.p, NULL, err);
    kn_buf_free(&text);
    return ok;
}
