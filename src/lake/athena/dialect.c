/* Trino's functions that DuckDB lacks or defines otherwise, as macros private to a connection, and
 * DuckDB's error messages in Athena's words. What a macro cannot express (lambdas, UNNEST of maps,
 * IGNORE NULLS, interval arithmetic on dates) is left out here on purpose: it needs the tree.
 * References: Trino's functions and operators; DuckDB's functions. */
#include "lake/athena/parts.h"

#include <stdio.h>
#include <stdlib.h>

/* Each defines one function. */
static const char *const macros[] = {
    "from_iso8601_timestamp(s) AS s::TIMESTAMPTZ",
    "from_iso8601_date(s) AS s::DATE",
    "to_iso8601(t) AS strftime(t::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%gZ')",
    "from_unixtime(n) AS to_timestamp(n)",
    "to_unixtime(t) AS epoch(t)",
    "date_add(u, n, d) AS kn_date_add(u, n, d)",
    "date_diff(u, a, b) AS system.main.date_sub(u, a::TIMESTAMP, b::TIMESTAMP)",
    "at_timezone(t, z) AS timezone(z, t)",
    "day_of_week(d) AS isodow(d)",
    "day_of_month(d) AS day(d)",
    "day_of_year(d) AS dayofyear(d)",
    "week_of_year(d) AS week(d)",
    "last_day_of_month(d) AS last_day(d)",
    "approx_distinct(x) AS approx_count_distinct(x)",
    "approx_percentile(x, p) AS approx_quantile(x, p)",
    "json_extract_scalar(j, p) AS CASE WHEN json_type(j, p) IN ('OBJECT', 'ARRAY') THEN NULL ELSE "
    "json_extract_string(j, p) END",
    "json_parse(s) AS s::JSON",
    "json_format(j) AS j::VARCHAR",
    "json_size(j, p) AS CASE json_type(j, p) WHEN 'OBJECT' THEN len(json_keys(j, p)) WHEN 'ARRAY' "
    "THEN json_array_length(j, p) ELSE 0 END",
    "regexp_like(s, p) AS regexp_matches(s, p)",
    "element_at(x, i) AS x[i]",
    "array_max(a) AS list_max(a)",
    "array_min(a) AS list_min(a)",
    "sequence(a, b) AS generate_series(a, b)",
    "slice(a, i, n) AS list_slice(a, i, i + n - 1)",
    "map_agg(k, v) AS map(list(k), list(v))",
    "arrays_overlap(a, b) AS list_has_any(a, b)",
    "strpos(s, t) AS instr(s, t)",
    "codepoint(s) AS unicode(s)",
    "to_utf8(s) AS encode(s)",
    "from_utf8(b) AS decode(b)",
    "to_hex(b) AS hex(b)",
    "from_hex(s) AS unhex(s)",
    "to_base64(b) AS base64(b)",
    "md5(b) AS unhex(system.main.md5(b))",
    "sha1(b) AS unhex(system.main.sha1(b))",
    "sha256(b) AS unhex(system.main.sha256(b))",
    "to_ieee754_64(x) AS x::DOUBLE::BIT::BLOB",
    "to_ieee754_32(x) AS x::FLOAT::BIT::BLOB",
    "from_base(s, r) AS CASE r WHEN 16 THEN ('0x' || s)::BIGINT WHEN 10 THEN s::BIGINT WHEN 2 THEN "
    "('0b' || s)::BIGINT ELSE error('from_base: the lake knows the bases 2, 10 and 16') END",
    "truncate(x) AS trunc(x)",
    "is_nan(x) AS isnan(x)",
    "bitwise_and(a, b) AS a & b",
    "bitwise_or(a, b) AS a | b",
    "bitwise_xor(a, b) AS xor(a, b)",
};

bool kn_athena_dialect(kn_sql_connection *connection, const char *query, kn_err *err) {
    char text[2048], name[64];
    if (!kn_sql_date_functions(connection, err))
        return false;
    for (size_t i = 0; i < sizeof macros / sizeof *macros; i++) {
        snprintf(name, sizeof name, "%.*s", (int)strcspn(macros[i], "("), macros[i]);
        if (!strcasestr(query, name)) /* each takes half a millisecond */
            continue;
        snprintf(text, sizeof text, "CREATE TEMP MACRO %s", macros[i]);
        if (!kn_sql_run(connection, text, NULL, err))
            return kn_fail_within(err, "%s", name);
    }
    return true;
}

/* --- messages --- */

/* "LINE 2: ..." and the caret below it, after a blank line: DuckDB's way to tell where. A line cut
 * short ("...") does not tell. */
static bool find_position(const char *message, int *line, int *column) {
    const char *mark = strstr(message, "\n\nLINE ");
    char *end;
    if (!mark)
        return false;
    *line = (int)strtol(mark + 7, &end, 10);
    if (strncmp(end, ": ", 2) != 0) /* a long message is cut anywhere */
        return false;
    const char *text = end + 2, *caret = strchr(mark, '^'), *start = strchr(text, '\n');
    if (strncmp(text, "...", 3) == 0 || !caret || !start || caret < start)
        return false;
    *column = (int)((caret - start) - (text - (mark + 2)));
    return *column > 0;
}

void kn_athena_reason(kn_err *err) {
    static const struct {
        const char *prefix, *name;
    } kinds[] = {
        {"Binder Error: Referenced column", "COLUMN_NOT_FOUND"},
        {"Catalog Error: Scalar Function", "FUNCTION_NOT_FOUND"},
        {"Catalog Error: Table Function", "FUNCTION_NOT_FOUND"},
        {"Catalog Error: Table with name", "TABLE_NOT_FOUND"},
        {"Conversion Error", "INVALID_CAST_ARGUMENT"},
        {"Out of Range Error", "NUMERIC_VALUE_OUT_OF_RANGE"},
        {"Permission Error", "PERMISSION_DENIED"},
        {"Out of Memory Error", "EXCEEDED_LOCAL_MEMORY_LIMIT"},
        {"IO Error", "HIVE_CANNOT_OPEN_SPLIT"},
        {"Invalid Input Error: No magic bytes", "HIVE_BAD_DATA"},
        {"Binder Error", "SYNTAX_ERROR"},
        {"Catalog Error", "SYNTAX_ERROR"},
        {"Parser Error", "SYNTAX_ERROR"},
    };
    const char *colon = strstr(err->message, "Error: ");
    char text[sizeof err->message], where[40] = "";
    int line, column;
    if (!colon)
        return;
    const char *name = "GENERIC_USER_ERROR";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strncmp(err->message, kinds[i].prefix, strlen(kinds[i].prefix)) == 0) {
            name = kinds[i].name;
            break;
        }
    }
    if (find_position(err->message, &line, &column))
        snprintf(where, sizeof where, "line %d:%d: ", line, column);
    const char *end = strstr(colon, "\n\nLINE ");
    size_t n = end ? (size_t)(end - colon - 7) : strlen(colon + 7);
    snprintf(text, sizeof text, "%s: %s%.*s", name, where, (int)n, colon + 7);
    memcpy(err->message, text, sizeof err->message);
}
