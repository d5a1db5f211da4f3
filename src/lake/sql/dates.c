/* Trino's functions of dates that DuckDB has not, as native functions: date_format and date_parse
 * (MySQL's patterns), format_datetime and parse_datetime (Joda's), date_add by a unit's name (as
 * kn_date_add). What they do is moment.c's.
 *
 * Each is a row of a table: its types and a function of one row; one adapter walks the vectors.
 * Reference: Trino's "Date and time functions". */
#include "lake/sql/duckdb.h"
#include "lake/sql/moment.h"

enum { ARGUMENTS_MAX = 3, TEXT_MAX = 1 << 16 };

typedef union value {
    int64_t i; /* also microseconds, and days of a DATE */
    kn_slice s;
} value;

typedef struct date_function {
    const char *name;
    duckdb_type arguments[ARGUMENTS_MAX + 1]; /* ended by INVALID */
    duckdb_type returned;
    /* One row; text is the result where that is a string. */
    bool (*run)(const value *in, value *out, kn_buf *text, kn_err *err);
} date_function;

/* --- the functions --- */

static bool date_format(const value *in, value *out, kn_buf *text, kn_err *err) {
    bool ok = kn_moment_format(in[1].s, in[0].i, text, err);
    out->s = kn_buf_view(text);
    return ok;
}

static bool date_parse(const value *in, value *out, kn_buf *text, kn_err *err) {
    (void)text;
    return kn_moment_parse(in[0].s, in[1].s, &out->i, err);
}

static bool format_datetime(const value *in, value *out, kn_buf *text, kn_err *err) {
    kn_buf pattern;
    kn_buf_init(&pattern, TEXT_MAX);
    bool ok = kn_moment_from_joda(in[1].s, &pattern, err) &&
              kn_moment_format(kn_buf_view(&pattern), in[0].i, text, err);
    out->s = kn_buf_view(text);
    kn_buf_free(&pattern);
    return ok;
}

static bool parse_datetime(const value *in, value *out, kn_buf *text, kn_err *err) {
    (void)text;
    kn_buf pattern;
    kn_buf_init(&pattern, TEXT_MAX);
    bool ok = kn_moment_from_joda(in[1].s, &pattern, err) &&
              kn_moment_parse(in[0].s, kn_buf_view(&pattern), &out->i, err);
    kn_buf_free(&pattern);
    return ok;
}

static bool add_to_timestamp(const value *in, value *out, kn_buf *text, kn_err *err) {
    (void)text;
    return kn_moment_add(in[0].s, in[1].i, in[2].i, &out->i, err);
}

static bool add_to_date(const value *in, value *out, kn_buf *text, kn_err *err) {
    (void)text;
    int64_t day = 0, us = 0;
    bool ok = (!__builtin_mul_overflow(in[2].i, INT64_C(86400000000), &day) ||
               kn_fail(err, KN_EINVAL, "the date is out of range")) &&
              kn_moment_add(in[0].s, in[1].i, day, &us, err);
    out->i = us / 86400000000 - (us % 86400000000 < 0);
    return ok;
}

/* date_add has a namesake in DuckDB, which a macro of the dialect hides. */
#define TEXT DUCKDB_TYPE_VARCHAR
#define PLAIN DUCKDB_TYPE_TIMESTAMP
#define ZONED DUCKDB_TYPE_TIMESTAMP_TZ
#define COUNT DUCKDB_TYPE_BIGINT
#define DAY DUCKDB_TYPE_DATE

static const date_function functions[] = {
    {"date_format", {PLAIN, TEXT}, TEXT, date_format},
    {"date_format", {ZONED, TEXT}, TEXT, date_format},
    {"date_parse", {TEXT, TEXT}, PLAIN, date_parse},
    {"format_datetime", {PLAIN, TEXT}, TEXT, format_datetime},
    {"format_datetime", {ZONED, TEXT}, TEXT, format_datetime},
    {"parse_datetime", {TEXT, TEXT}, ZONED, parse_datetime},
    {"kn_date_add", {TEXT, COUNT, DAY}, DAY, add_to_date},
    {"kn_date_add", {TEXT, COUNT, PLAIN}, PLAIN, add_to_timestamp},
    {"kn_date_add", {TEXT, COUNT, ZONED}, ZONED, add_to_timestamp},
};

/* --- the adapter --- */

static value read_value(duckdb_type type, const void *data, idx_t row) {
    value v;
    if (type == TEXT) {
        const duckdb_string_t *s = (const duckdb_string_t *)data + row;
        uint32_t n = s->value.inlined.length;
        v.s = (kn_slice){n <= 12 ? s->value.inlined.inlined : s->value.pointer.ptr, n};
    } else {
        v.i = type == DAY ? ((const int32_t *)data)[row] : ((const int64_t *)data)[row];
    }
    return v;
}

static void write_value(const kn_duckdb *api, duckdb_type type, duckdb_vector vector, idx_t row,
                        value v) {
    if (type == TEXT)
        api->duckdb_vector_assign_string_element_len(vector, row, v.s.p, v.s.n);
    else if (type == DAY)
        ((int32_t *)api->duckdb_vector_get_data(vector))[row] = (int32_t)v.i;
    else
        ((int64_t *)api->duckdb_vector_get_data(vector))[row] = v.i;
}

/* One row; NULL in, NULL out. */
static bool run_row(const kn_duckdb *api, const date_function *f, duckdb_data_chunk input,
                    duckdb_vector output, idx_t row, kn_buf *text, kn_err *err) {
    value in[ARGUMENTS_MAX], out;
    for (int i = 0; f->arguments[i] != DUCKDB_TYPE_INVALID; i++) {
        duckdb_vector vector = api->duckdb_data_chunk_get_vector(input, (idx_t)i);
        const uint64_t *valid = api->duckdb_vector_get_validity(vector);
        if (valid && !(valid[row / 64] >> row % 64 & 1)) {
            api->duckdb_vector_ensure_validity_writable(output);
            api->duckdb_vector_get_validity(output)[row / 64] &= ~(UINT64_C(1) << row % 64);
            return true;
        }
        in[i] = read_value(f->arguments[i], api->duckdb_vector_get_data(vector), row);
    }
    kn_buf_clear(text);
    if (!f->run(in, &out, text, err))
        return false;
    write_value(api, f->returned, output, row, out);
    return true;
}

static void run_chunk(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
    kn_err err;
    const kn_duckdb *api = kn_duckdb_load(&err);
    const date_function *f = api->duckdb_scalar_function_get_extra_info(info);
    idx_t n = api->duckdb_data_chunk_get_size(input);
    kn_buf text;
    kn_buf_init(&text, TEXT_MAX);
    for (idx_t row = 0; row < n; row++) {
        if (!run_row(api, f, input, output, row, &text, &err)) {
            api->duckdb_scalar_function_set_error(info, err.message);
            break;
        }
    }
    kn_buf_free(&text);
}

static void add_parameter(const kn_duckdb *api, duckdb_scalar_function function, duckdb_type type,
                          bool returned) {
    duckdb_logical_type logical = api->duckdb_create_logical_type(type);
    if (returned)
        api->duckdb_scalar_function_set_return_type(function, logical);
    else
        api->duckdb_scalar_function_add_parameter(function, logical);
    api->duckdb_destroy_logical_type(&logical);
}

static duckdb_scalar_function make_function(const kn_duckdb *api, const date_function *f) {
    duckdb_scalar_function function = api->duckdb_create_scalar_function();
    api->duckdb_scalar_function_set_name(function, f->name);
    for (int k = 0; f->arguments[k] != DUCKDB_TYPE_INVALID; k++)
        add_parameter(api, function, f->arguments[k], false);
    add_parameter(api, function, f->returned, true);
    api->duckdb_scalar_function_set_extra_info(function, (void *)f, NULL);
    api->duckdb_scalar_function_set_function(function, run_chunk);
    return function;
}

/* A name's overloads are registered together, as DuckDB wants them. */
bool kn_sql_date_functions(kn_sql_connection *c, kn_err *err) {
    const kn_duckdb *api = c->api;
    size_t i = 0, n = sizeof functions / sizeof *functions;
    while (i < n) {
        const char *name = functions[i].name;
        duckdb_scalar_function_set set = api->duckdb_create_scalar_function_set(name);
        for (; i < n && strcmp(functions[i].name, name) == 0; i++) {
            duckdb_scalar_function function = make_function(api, &functions[i]);
            api->duckdb_add_scalar_function_to_set(set, function);
            api->duckdb_destroy_scalar_function(&function);
        }
        bool ok = api->duckdb_register_scalar_function_set(c->connection, set) == DuckDBSuccess;
        api->duckdb_destroy_scalar_function_set(&set);
        if (!ok)
            return kn_fail(err, KN_EINVAL, "DuckDB does not take the function %s", name);
    }
    return true;
}
