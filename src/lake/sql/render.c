/* Values as the text that Athena puts into results: Trino's for scalars, Java's for floating
 * numbers, `[1, 2]` for arrays, `{a=1, b=x}` for rows and maps, `null` for NULL inside of them.
 *
 * Limits: years outside 0 to 9999 are printed with as many digits as they have. */
#include "base/time.h"
#include "lake/sql/duckdb.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Decimal digits of a 128-bit number, without sign, at the end of text; returns their start. */
static char *print_digits(unsigned __int128 v, char *end) {
    *end = '\0';
    do {
        *--end = (char)('0' + (int)(v % 10));
        v /= 10;
    } while (v);
    return end;
}

/* v / 10^scale. */
static void print_decimal(kn_buf *out, __int128 v, int scale) {
    char text[48];
    unsigned __int128 magnitude = v < 0 ? -(unsigned __int128)v : (unsigned __int128)v;
    char *digits = print_digits(magnitude, text + sizeof text - 1);
    int n = (int)strlen(digits);
    if (v < 0)
        kn_buf_char(out, '-');
    if (n <= scale)
        kn_buf_cstr(out, "0");
    else
        kn_buf_append(out, digits, (size_t)(n - scale));
    if (scale == 0)
        return;
    kn_buf_char(out, '.');
    for (int i = n; i < scale; i++)
        kn_buf_char(out, '0');
    kn_buf_cstr(out, n > scale ? digits + n - scale : digits);
}

static __int128 huge(duckdb_hugeint v) {
    return (__int128)(((unsigned __int128)(uint64_t)v.upper << 64) | v.lower);
}

/* Double.toString of Java: at least one digit after the point; an exponent below 10^-3 and from
 * 10^7 on. shortest: the shortest digits that read back, as "%.*e" writes them. */
static void print_java(kn_buf *out, double v, const char *shortest) {
    char digits[32];
    int n = 0, exponent = 0;
    if (isnan(v)) {
        kn_buf_cstr(out, "NaN");
        return;
    }
    if (signbit(v))
        kn_buf_char(out, '-');
    if (isinf(v) || v == 0) {
        kn_buf_cstr(out, v == 0 ? "0.0" : "Infinity");
        return;
    }
    for (const char *p = shortest; *p; p++) {
        if (*p == 'e') {
            exponent = atoi(p + 1);
            break;
        }
        if (*p >= '0' && *p <= '9')
            digits[n++] = *p;
    }
    while (n > 1 && digits[n - 1] == '0')
        n--;
    bool scientific = exponent < -3 || exponent >= 7;
    int point = scientific ? 1 : exponent + 1; /* digits before the point */
    for (int i = point; i < 1; i++)
        kn_buf_cstr(out, i == point ? "0." : "0");
    for (int i = 0; i < n || i < point; i++) {
        if (i == point && point > 0)
            kn_buf_char(out, '.');
        kn_buf_char(out, i < n ? digits[i] : '0');
    }
    if (n <= point)
        kn_buf_cstr(out, ".0");
    if (scientific)
        kn_buf_printf(out, "E%d", exponent);
}

static void print_double(kn_buf *out, double v) {
    char text[40] = "";
    for (int precision = 0; isfinite(v) && precision < 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, v);
        if (strtod(text, NULL) == v)
            break;
    }
    print_java(out, v, text);
}

static void print_float(kn_buf *out, float v) {
    char text[40] = "";
    for (int precision = 0; isfinite(v) && precision < 9; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, (double)v);
        if (strtof(text, NULL) == v)
            break;
    }
    print_java(out, (double)v, text);
}

static void print_date(kn_buf *out, int64_t days) {
    kn_civil c = kn_civil_from_ms(days * 86400000);
    kn_buf_printf(out, "%04d-%02d-%02d", c.year, c.month, c.day);
}

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

static void print_timestamp(kn_buf *out, int64_t ms, const char *zone) {
    if (ms < -377705116800000 || ms > 253402300799999) { /* also DuckDB's infinities */
        kn_buf_cstr(out, ms < 0 ? "-infinity" : "infinity");
        return;
    }
    kn_civil c = kn_civil_from_ms(ms);
    kn_buf_printf(out, "%04d-%02d-%02d %02d:%02d:%02d.%03d%s", c.year, c.month, c.day, c.hour,
                  c.minute, c.second, c.millis, zone);
}

static void print_time(kn_buf *out, int64_t us) {
    int64_t ms = us / 1000;
    kn_buf_printf(out, "%02d:%02d:%02d.%03d", (int)(ms / 3600000), (int)(ms / 60000 % 60),
                  (int)(ms / 1000 % 60), (int)(ms % 1000));
}

static void print_interval(kn_buf *out, duckdb_interval v) {
    if (v.months && !v.days && !v.micros) {
        kn_buf_printf(out, "%s%d-%d", v.months < 0 ? "-" : "", abs(v.months / 12),
                      abs(v.months % 12));
        return;
    }
    int64_t ms = v.months * (30 * INT64_C(86400000)) + v.days * INT64_C(86400000) + v.micros / 1000;
    uint64_t m = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
    kn_buf_printf(out, "%s%" PRIu64 " %02d:%02d:%02d.%03d", ms < 0 ? "-" : "", m / 86400000,
                  (int)(m / 3600000 % 24), (int)(m / 60000 % 60), (int)(m / 1000 % 60),
                  (int)(m % 1000));
}

static kn_slice string_at(const duckdb_string_t *s) {
    uint32_t n = s->value.inlined.length;
    return (kn_slice){n <= 12 ? s->value.inlined.inlined : s->value.pointer.ptr, n};
}

static void print_blob(kn_buf *out, kn_slice bytes) {
    for (size_t i = 0; i < bytes.n; i++)
        kn_buf_printf(out, "%s%02x", i ? " " : "", (unsigned char)bytes.p[i]);
}

/* DuckDB keeps a UUID as a number whose highest bit is flipped, so that it sorts. */
static void print_uuid(kn_buf *out, duckdb_hugeint v) {
    uint64_t high = (uint64_t)v.upper ^ (UINT64_C(1) << 63);
    kn_buf_printf(out, "%08x-%04x-%04x-%04x-%012" PRIx64, (unsigned)(high >> 32),
                  (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xffff),
                  (unsigned)(v.lower >> 48), v.lower & UINT64_C(0xffffffffffff));
}

static int64_t integer_at(duckdb_type id, const void *data, size_t row) {
    switch (id) {
    case DUCKDB_TYPE_TINYINT:
        return ((const int8_t *)data)[row];
    case DUCKDB_TYPE_UTINYINT:
        return ((const uint8_t *)data)[row];
    case DUCKDB_TYPE_SMALLINT:
        return ((const int16_t *)data)[row];
    case DUCKDB_TYPE_USMALLINT:
        return ((const uint16_t *)data)[row];
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_DATE:
        return ((const int32_t *)data)[row];
    case DUCKDB_TYPE_UINTEGER:
        return ((const uint32_t *)data)[row];
    default:
        return ((const int64_t *)data)[row];
    }
}

static void render_item(const kn_duckdb *api, const kn_sql_type *type, duckdb_vector vector,
                        size_t row, kn_buf *out) {
    if (!kn_sql_render_value(api, type, vector, row, out))
        kn_buf_cstr(out, "null");
}

static void render_list(const kn_duckdb *api, const kn_sql_type *type, duckdb_vector child,
                        uint64_t offset, uint64_t n, kn_buf *out) {
    kn_buf_char(out, '[');
    for (uint64_t i = 0; i < n && kn_buf_ok(out); i++) {
        if (i)
            kn_buf_cstr(out, ", ");
        render_item(api, &type->children[0], child, offset + i, out);
    }
    kn_buf_char(out, ']');
}

static void render_struct(const kn_duckdb *api, const kn_sql_type *type, duckdb_vector vector,
                          size_t row, kn_buf *out) {
    kn_buf_char(out, '{');
    for (size_t i = 0; i < type->child_count; i++) {
        kn_buf_printf(out, "%s%s=", i ? ", " : "", type->names[i]);
        render_item(api, &type->children[i], api->duckdb_struct_vector_get_child(vector, i), row,
                    out);
    }
    kn_buf_char(out, '}');
}

/* A map is a list of rows of key and value. */
static void render_map(const kn_duckdb *api, const kn_sql_type *type, duckdb_vector vector,
                       duckdb_list_entry entry, kn_buf *out) {
    duckdb_vector pairs = api->duckdb_list_vector_get_child(vector);
    duckdb_vector keys = api->duckdb_struct_vector_get_child(pairs, 0);
    duckdb_vector values = api->duckdb_struct_vector_get_child(pairs, 1);
    kn_buf_char(out, '{');
    for (uint64_t i = 0; i < entry.length && kn_buf_ok(out); i++) {
        if (i)
            kn_buf_cstr(out, ", ");
        render_item(api, &type->children[0], keys, entry.offset + i, out);
        kn_buf_char(out, '=');
        render_item(api, &type->children[1], values, entry.offset + i, out);
    }
    kn_buf_char(out, '}');
}

static void render_nested(const kn_duckdb *api, const kn_sql_type *type, duckdb_vector vector,
                          size_t row, kn_buf *out) {
    const duckdb_list_entry *entries = api->duckdb_vector_get_data(vector);
    switch (type->id) {
    case DUCKDB_TYPE_LIST:
        render_list(api, type, api->duckdb_list_vector_get_child(vector), entries[row].offset,
                    entries[row].length, out);
        return;
    case DUCKDB_TYPE_ARRAY:
        render_list(api, type, api->duckdb_array_vector_get_child(vector), row * type->size,
                    type->size, out);
        return;
    case DUCKDB_TYPE_MAP:
        render_map(api, type, vector, entries[row], out);
        return;
    default:
        render_struct(api, type, vector, row, out);
    }
}

/* Infinities stay beyond what is printed as a date. */
static int64_t seconds_to_ms(int64_t s) {
    int64_t ms;
    return __builtin_mul_overflow(s, 1000, &ms) ? (s < 0 ? INT64_MIN : INT64_MAX) : ms;
}

static void render_time(const kn_sql_type *type, const int64_t *data, size_t row, kn_buf *out) {
    switch (type->id) {
    case DUCKDB_TYPE_TIMESTAMP:
        print_timestamp(out, floor_div(data[row], 1000), "");
        return;
    case DUCKDB_TYPE_TIMESTAMP_TZ:
        print_timestamp(out, floor_div(data[row], 1000), " UTC");
        return;
    case DUCKDB_TYPE_TIMESTAMP_S:
        print_timestamp(out, seconds_to_ms(data[row]), "");
        return;
    case DUCKDB_TYPE_TIMESTAMP_MS:
        print_timestamp(out, data[row], "");
        return;
    case DUCKDB_TYPE_TIMESTAMP_NS:
        print_timestamp(out, floor_div(data[row], 1000000), "");
        return;
    default:
        print_time(out, data[row]);
    }
}

static bool is_nested(duckdb_type id) {
    return id == DUCKDB_TYPE_LIST || id == DUCKDB_TYPE_ARRAY || id == DUCKDB_TYPE_MAP ||
           id == DUCKDB_TYPE_STRUCT;
}

static void render_scalar(const kn_sql_type *type, const void *data, size_t row, kn_buf *out) {
    switch (type->id) {
    case DUCKDB_TYPE_BOOLEAN:
        kn_buf_cstr(out, ((const bool *)data)[row] ? "true" : "false");
        return;
    case DUCKDB_TYPE_UBIGINT:
        kn_buf_printf(out, "%" PRIu64, ((const uint64_t *)data)[row]);
        return;
    case DUCKDB_TYPE_HUGEINT:
        print_decimal(out, huge(((const duckdb_hugeint *)data)[row]), 0);
        return;
    case DUCKDB_TYPE_UHUGEINT: {
        duckdb_uhugeint v = ((const duckdb_uhugeint *)data)[row];
        char text[48];
        kn_buf_cstr(
            out, print_digits((unsigned __int128)v.upper << 64 | v.lower, text + sizeof text - 1));
        return;
    }
    case DUCKDB_TYPE_FLOAT:
        print_float(out, ((const float *)data)[row]);
        return;
    case DUCKDB_TYPE_DOUBLE:
        print_double(out, ((const double *)data)[row]);
        return;
    case DUCKDB_TYPE_DECIMAL:
        print_decimal(out,
                      type->storage == DUCKDB_TYPE_HUGEINT
                          ? huge(((const duckdb_hugeint *)data)[row])
                          : (__int128)integer_at(type->storage, data, row),
                      type->scale);
        return;
    case DUCKDB_TYPE_VARCHAR:
        kn_buf_slice(out, string_at(&((const duckdb_string_t *)data)[row]));
        return;
    case DUCKDB_TYPE_ENUM:
        kn_buf_cstr(out, type->names[integer_at(type->storage, data, row)]);
        return;
    case DUCKDB_TYPE_BLOB:
        print_blob(out, string_at(&((const duckdb_string_t *)data)[row]));
        return;
    case DUCKDB_TYPE_UUID:
        print_uuid(out, ((const duckdb_hugeint *)data)[row]);
        return;
    case DUCKDB_TYPE_DATE:
        print_date(out, integer_at(type->id, data, row));
        return;
    case DUCKDB_TYPE_INTERVAL:
        print_interval(out, ((const duckdb_interval *)data)[row]);
        return;
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
        kn_buf_printf(out, "%" PRId64, integer_at(type->id, data, row));
        return;
    default:
        render_time(type, data, row, out);
    }
}

bool kn_sql_render_value(const kn_duckdb *api, const kn_sql_type *type, duckdb_vector vector,
                         size_t row, kn_buf *out) {
    const uint64_t *validity = api->duckdb_vector_get_validity(vector);
    if (type->id == DUCKDB_TYPE_SQLNULL || (validity && !(validity[row / 64] >> row % 64 & 1)))
        return false;
    if (is_nested(type->id))
        render_nested(api, type, vector, row, out);
    else
        render_scalar(type, api->duckdb_vector_get_data(vector), row, out);
    return true;
}
