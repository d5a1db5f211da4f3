/* Private to src/lake/sql: DuckDB's C API as a table of functions found by dlopen, so that the
 * program starts without the library, and the types behind sql.h.
 * Reference: duckdb.h (the C API only grows: a newer library works with this header). */
#ifndef KN_LAKE_SQL_DUCKDB_H
#define KN_LAKE_SQL_DUCKDB_H

#include "lake/sql/sql.h"

#include <duckdb.h>

/* Every function used, by its own name; a user of one more adds it here. */
#define KN_DUCKDB_FUNCTIONS(X)                                                                     \
    X(duckdb_library_version)                                                                      \
    X(duckdb_create_config)                                                                        \
    X(duckdb_set_config)                                                                           \
    X(duckdb_destroy_config)                                                                       \
    X(duckdb_open_ext)                                                                             \
    X(duckdb_close)                                                                                \
    X(duckdb_connect)                                                                              \
    X(duckdb_disconnect)                                                                           \
    X(duckdb_interrupt)                                                                            \
    X(duckdb_free)                                                                                 \
    X(duckdb_query)                                                                                \
    X(duckdb_extract_statements)                                                                   \
    X(duckdb_extract_statements_error)                                                             \
    X(duckdb_prepare_extracted_statement)                                                          \
    X(duckdb_destroy_extracted)                                                                    \
    X(duckdb_prepare_error)                                                                        \
    X(duckdb_destroy_prepare)                                                                      \
    X(duckdb_bind_varchar_length)                                                                  \
    X(duckdb_execute_prepared)                                                                     \
    X(duckdb_execute_prepared_streaming)                                                           \
    X(duckdb_prepared_statement_type)                                                              \
    X(duckdb_destroy_result)                                                                       \
    X(duckdb_result_error)                                                                         \
    X(duckdb_result_error_type)                                                                    \
    X(duckdb_result_statement_type)                                                                \
    X(duckdb_rows_changed)                                                                         \
    X(duckdb_column_count)                                                                         \
    X(duckdb_column_name)                                                                          \
    X(duckdb_column_logical_type)                                                                  \
    X(duckdb_fetch_chunk)                                                                          \
    X(duckdb_create_data_chunk)                                                                    \
    X(duckdb_data_chunk_reset)                                                                     \
    X(duckdb_data_chunk_get_size)                                                                  \
    X(duckdb_data_chunk_set_size)                                                                  \
    X(duckdb_data_chunk_get_vector)                                                                \
    X(duckdb_destroy_data_chunk)                                                                   \
    X(duckdb_vector_size)                                                                          \
    X(duckdb_vector_get_data)                                                                      \
    X(duckdb_vector_get_validity)                                                                  \
    X(duckdb_vector_ensure_validity_writable)                                                      \
    X(duckdb_vector_assign_string_element_len)                                                     \
    X(duckdb_list_vector_get_child)                                                                \
    X(duckdb_list_vector_reserve)                                                                  \
    X(duckdb_list_vector_set_size)                                                                 \
    X(duckdb_struct_vector_get_child)                                                              \
    X(duckdb_array_vector_get_child)                                                               \
    X(duckdb_create_logical_type)                                                                  \
    X(duckdb_destroy_logical_type)                                                                 \
    X(duckdb_get_type_id)                                                                          \
    X(duckdb_logical_type_get_alias)                                                               \
    X(duckdb_decimal_width)                                                                        \
    X(duckdb_decimal_scale)                                                                        \
    X(duckdb_decimal_internal_type)                                                                \
    X(duckdb_enum_internal_type)                                                                   \
    X(duckdb_enum_dictionary_size)                                                                 \
    X(duckdb_enum_dictionary_value)                                                                \
    X(duckdb_list_type_child_type)                                                                 \
    X(duckdb_array_type_child_type)                                                                \
    X(duckdb_array_type_array_size)                                                                \
    X(duckdb_map_type_key_type)                                                                    \
    X(duckdb_map_type_value_type)                                                                  \
    X(duckdb_struct_type_child_count)                                                              \
    X(duckdb_struct_type_child_name)                                                               \
    X(duckdb_struct_type_child_type)                                                               \
    X(duckdb_create_scalar_function)                                                               \
    X(duckdb_destroy_scalar_function)                                                              \
    X(duckdb_scalar_function_set_name)                                                             \
    X(duckdb_scalar_function_add_parameter)                                                        \
    X(duckdb_scalar_function_set_return_type)                                                      \
    X(duckdb_scalar_function_set_extra_info)                                                       \
    X(duckdb_scalar_function_get_extra_info)                                                       \
    X(duckdb_scalar_function_set_function)                                                         \
    X(duckdb_scalar_function_set_error)                                                            \
    X(duckdb_create_scalar_function_set)                                                           \
    X(duckdb_destroy_scalar_function_set)                                                          \
    X(duckdb_add_scalar_function_to_set)                                                           \
    X(duckdb_register_scalar_function_set)                                                         \
    X(duckdb_appender_create)                                                                      \
    X(duckdb_appender_column_type)                                                                 \
    X(duckdb_appender_error)                                                                       \
    X(duckdb_appender_close)                                                                       \
    X(duckdb_appender_destroy)                                                                     \
    X(duckdb_append_data_chunk)

typedef struct kn_duckdb {
#define KN_DUCKDB_MEMBER(name) __typeof__(name) *name;
    KN_DUCKDB_FUNCTIONS(KN_DUCKDB_MEMBER)
#undef KN_DUCKDB_MEMBER
} kn_duckdb;

/* The library, opened at the first call; NULL with err when it is not to be found. */
const kn_duckdb *kn_duckdb_load(kn_err *err);

struct kn_sql {
    const kn_duckdb *api;
    duckdb_database database;
};

struct kn_sql_connection {
    const kn_duckdb *api;
    duckdb_connection connection;
};

/* A column's type, taken from DuckDB once per result. */
typedef struct kn_sql_type {
    duckdb_type id;
    duckdb_type storage; /* of a decimal or an enum */
    int width, scale;    /* of a decimal */
    size_t size;         /* of a fixed array */
    bool json;           /* a varchar that holds JSON */
    size_t child_count;
    struct kn_sql_type *children;
    char **names; /* of a struct's children; of an enum's values */
    size_t name_count;
} kn_sql_type;

struct kn_sql_result {
    const kn_duckdb *api;
    duckdb_result result;
    size_t column_count;
    kn_sql_column *columns;
    kn_sql_type *types;
    char **type_names; /* owned texts of columns[].type where they are not constant */
    duckdb_data_chunk chunk;
    size_t row, rows; /* in the chunk; row is the present one */
};

/* Fills err from a failed result; returns false. */
bool kn_sql_fail(const kn_duckdb *api, duckdb_result *result, kn_err *err);

/* Wraps result (which it owns from now on, also on failure). */
KN_MUST_CHECK bool kn_sql_result_new(const kn_duckdb *api, duckdb_result *result,
                                     kn_sql_result **out, kn_err *err);

/* Appends the text of a vector's value; false when it is NULL (nothing is appended). */
bool kn_sql_render_value(const kn_duckdb *api, const kn_sql_type *type, duckdb_vector vector,
                         size_t row, kn_buf *out);

#endif
