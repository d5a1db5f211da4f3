/* What descriptions of tables and deliveries hold: types, prefixes of objects, projected
 * partitions, formats of times, and the statements about them. The first byte chooses which. What
 * is accepted once is accepted again, and means the same. */
#include "base/json.h"
#include "lake/athena/parts.h"
#include "lake/athena/projection.h"
#include "lake/firehose/convert.h"
#include "lake/firehose/prefix.h"
#include "lake/sql/moment.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const int64_t DAY_US = 86400000000, YEAR_0_DAYS = -719528, DAYS = 3652425;

static kn_slice next_line(kn_slice *rest) {
    const char *end = memchr(rest->p, '\n', rest->n);
    kn_slice line = {rest->p, end ? (size_t)(end - rest->p) : rest->n};
    size_t used = line.n + (end != NULL);
    *rest = (kn_slice){rest->p + used, rest->n - used};
    return line;
}

/* A copy that ends in NUL. */
static char *text_of(kn_slice s) {
    char *text = malloc(s.n + 1);
    if (!text)
        abort();
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return text;
}

static void check_message(const kn_err *err) {
    size_t n = strnlen(err->message, sizeof err->message);
    if (n == 0 || n == sizeof err->message)
        abort();
}

/* ---- types ---- */

static void write_type(const kn_type *t, kn_buf *out) {
    static const char *const names[] = {"boolean", "tinyint", "smallint", "int",  "bigint",
                                        "float",   "double",  "decimal",  "date", "timestamp",
                                        "string",  "binary",  "array",    "map",  "struct"};
    kn_buf_cstr(out, names[t->kind]);
    if (t->kind == KN_KIND_DECIMAL)
        kn_buf_printf(out, "(%d,%d)", t->precision, t->scale);
    for (size_t i = 0; i < t->count; i++) {
        kn_buf_char(out, i ? ',' : '<');
        if (t->children[i].name)
            kn_buf_printf(out, "%s:", t->children[i].name);
        write_type(&t->children[i], out);
    }
    kn_buf_cstr(out, t->count ? ">" : "");
}

static void types(const char *text, size_t n) {
    kn_type type, again;
    kn_err err;
    kn_buf first, second;
    kn_buf_init(&first, 32 * n + 64);
    kn_buf_init(&second, 32 * n + 64);
    if (!kn_athena_type(text, &first, &err))
        check_message(&err);
    kn_buf_clear(&first);
    if (!kn_type_parse(text, &type, &err)) {
        check_message(&err);
    } else {
        write_type(&type, &first);
        if (!kn_buf_ok(&first) || !kn_type_parse(first.p, &again, &err))
            abort();
        write_type(&again, &second);
        if (!kn_slice_eq(kn_buf_view(&first), kn_buf_view(&second)))
            abort();
        kn_buf_clear(&second);
        if (!kn_athena_type(first.p, &second, &err)) /* what is delivered can be asked for */
            abort();
        kn_type_free(&type);
        kn_type_free(&again);
    }
    kn_buf_free(&first);
    kn_buf_free(&second);
}

/* ---- prefixes ---- */

/* A delivery stream that could be made can deliver, at any time. */
static void prefixes(kn_slice in, int64_t ms) {
    static const unsigned char id[16];
    char *prefix = text_of(next_line(&in)), *error_prefix = text_of(in);
    kn_prefix_key key = {.prefix = prefix,
                         .error_prefix = error_prefix,
                         .stream = "s",
                         .version = "1",
                         .extension = ".gz",
                         .id = id,
                         .arrival_ms = ms};
    kn_err err;
    kn_buf out;
    kn_buf_init(&out, 4096);
    if (!kn_prefix_check(prefix, error_prefix, &err)) {
        check_message(&err);
    } else {
        for (int i = 0; i < 2; i++) {
            kn_buf_clear(&out);
            key.error_type = i ? "format-conversion-failed" : NULL;
            if (!kn_prefix_write(&key, &out, &err) || out.len > KN_PREFIX_MAX + 200)
                abort();
        }
    }
    kn_buf_free(&out);
    free(prefix);
    free(error_prefix);
}

/* ---- formats of times ---- */

static void moments(kn_slice in, int64_t us) {
    static const kn_slice whole = {"%Y-%m-%d %T.%f", 14};
    kn_slice pattern = next_line(&in), unit = next_line(&in);
    kn_err err;
    kn_buf mysql, text;
    int64_t back, moved;
    kn_buf_init(&mysql, 16 * pattern.n + 64);
    kn_buf_init(&text, 64 * pattern.n + 64);
    if (!kn_moment_format(whole, us, &text, &err) ||
        !kn_moment_parse(kn_buf_view(&text), whole, &back, &err) || back != us)
        abort();
    kn_buf_clear(&text);
    if (kn_moment_format(pattern, us, &text, &err) &&
        kn_moment_parse(kn_buf_view(&text), pattern, &back, &err)) {
        kn_buf_clear(&mysql); /* it may have lost some of the moment, once */
        if (!kn_moment_format(pattern, back, &mysql, &err))
            abort();
    }
    if (kn_moment_parse(in, pattern, &back, &err)) {
        kn_buf_clear(&text);
        if (!kn_moment_format(pattern, back, &text, &err) && err.code != KN_EINVAL)
            abort();
    }
    kn_buf_clear(&mysql);
    kn_buf_clear(&text);
    if (kn_moment_from_joda(pattern, &mysql, &err) &&
        !kn_moment_format(kn_buf_view(&mysql), us, &text, &err))
        abort();
    if (kn_moment_add(unit, us % 1000, us, &moved, &err) && us % 1000 > 0 && moved <= us)
        abort();
    kn_buf_clear(&text);
    if (!kn_prefix_format_time(pattern, us / 1000, &text, &err))
        check_message(&err);
    kn_buf_free(&mysql);
    kn_buf_free(&text);
}

/* ---- projections ---- */

/* Lines "name=value" are the table's parameters; the last line without "=" is an object. */
static json_t *read_table(kn_slice in, unsigned style, char *uri, size_t size) {
    json_t *parameters = json_object();
    json_object_set_new(parameters, "projection.enabled", json_string("true"));
    snprintf(uri, size, "s3://b/a=1/c=2/k");
    while (in.n) {
        char *line = text_of(next_line(&in)), *equals = strchr(line, '=');
        if (equals && strncmp(line, "s3:", 3) != 0) {
            *equals = '\0';
            json_object_set_new(parameters, line, json_string(equals + 1));
        } else {
            snprintf(uri, size, "%s", line);
        }
        free(line);
    }
    json_t *keys = json_array();
    for (unsigned i = 0; i < style % 3; i++)
        json_array_append_new(keys, json_pack("{ss ss}", "Name", i ? "c" : "a", "Type", "string"));
    return json_pack("{so so s{ss*}}", "Parameters", parameters, "PartitionKeys", keys,
                     "StorageDescriptor", "Location", style & 4 ? "s3://b" : NULL);
}

static void projections(kn_slice in, unsigned style, int64_t ms) {
    char uri[2048];
    json_t *table = read_table(in, style, uri, sizeof uri);
    kn_projection *p = NULL;
    kn_err err;
    kn_buf sql;
    kn_buf_init(&sql, 1 << 20);
    if (!kn_projection_open(table, ms, &p, &err)) {
        check_message(&err);
    } else {
        const char *prefix = kn_projection_prefix(p);
        if (kn_projection_match(p, uri) && strncmp(uri, prefix, strlen(prefix)) != 0)
            abort();
        for (size_t i = 0; i < style % 3; i++) {
            kn_projection_sql(p, i, "uri", &sql);
            kn_projection_format(p, i);
        }
    }
    kn_projection_close(p);
    json_decref(table);
    kn_buf_free(&sql);
}

/* ---- statements ---- */

static void statements(kn_slice in) {
    char word[32], bucket[256];
    const char *key = NULL;
    kn_err err;
    char *text = text_of(in);
    kn_athena_keyword(text, word);
    if (strlen(word) >= sizeof word)
        abort();
    kn_athena_is_ddl(text);
    if (kn_athena_split(text, bucket, &key) && (!bucket[0] || strchr(bucket, '/')))
        abort();
    kn_buf out;
    kn_buf_init(&out, 16 * in.n + 64);
    json_t *none = json_array(), *one = json_pack("[s]", "'1'");
    if (kn_athena_substitute(text, none, &out, &err) && !kn_slice_eq_cstr(kn_buf_view(&out), text))
        abort();
    kn_buf_clear(&out);
    if (kn_athena_substitute(text, one, &out, &err) && out.len != strlen(text) + 4)
        abort();
    json_decref(none);
    json_decref(one);
    kn_fail(&err, KN_EINVAL, "%s", text); /* what DuckDB says quotes the statement */
    kn_athena_reason(&err);
    if (strnlen(err.message, sizeof err.message) == sizeof err.message)
        abort();
    kn_buf_free(&out);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    int64_t us;
    if (n < 1 + sizeof us)
        return 0;
    unsigned style = data[0] >> 3;
    memcpy(&us, data + 1, sizeof us);
    us = us % (DAYS * DAY_US) + (us < 0 ? DAYS * DAY_US : 0) + YEAR_0_DAYS * DAY_US;
    kn_slice in = {(const char *)data + 9, n - 9};
    char *text = text_of(in);
    switch (data[0] & 7) {
    case 0:
    case 1:
        types(text, in.n);
        break;
    case 2:
        prefixes(in, us / 1000);
        break;
    case 3:
    case 4:
        moments(in, us);
        break;
    case 5:
    case 6:
        projections(in, style, us / 1000);
        break;
    default:
        statements(in);
        break;
    }
    free(text);
    return 0;
}
