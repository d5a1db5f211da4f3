/* Rows from records; see convert.h. */
#include "lake/firehose/convert.h"

#include "base/scan.h"
#include "lake/firehose/convert_value.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

struct kn_convert {
    kn_convert_rules rules;
    kn_column rows;
    kn_buf key;  /* scratch: an unescaped, lower-cased key */
    kn_buf text; /* scratch: an unescaped string */
    /* of the record being converted */
    kn_scan scan;
    kn_convert_failure *failure;
};

static const char parse_error[] = "DataFormatConversion.ParseError";
static const char malformed_data[] = "DataFormatConversion.MalformedData";

/* A name for messages: of the field, or of the nearest one around it. */
static const char *const kind_names[] = {
    [KN_KIND_BOOLEAN] = "boolean",   [KN_KIND_TINYINT] = "tinyint",
    [KN_KIND_SMALLINT] = "smallint", [KN_KIND_INT] = "int",
    [KN_KIND_BIGINT] = "bigint",     [KN_KIND_FLOAT] = "float",
    [KN_KIND_DOUBLE] = "double",     [KN_KIND_DECIMAL] = "decimal",
    [KN_KIND_DATE] = "date",         [KN_KIND_TIMESTAMP] = "timestamp",
    [KN_KIND_STRING] = "string",     [KN_KIND_BINARY] = "binary",
    [KN_KIND_ARRAY] = "array",       [KN_KIND_MAP] = "map",
    [KN_KIND_STRUCT] = "struct",
};

static bool fail_parse(kn_convert *c) {
    kn_convert_failure *f = c->failure;
    f->code = parse_error;
    snprintf(f->message, sizeof f->message,
             "Encountered malformed JSON. %s, at byte %zu of the "
             "record",
             c->scan.problem, (size_t)(c->scan.p - c->scan.start));
    return false;
}

static bool fail_value(kn_convert *c, const kn_type *type, kn_slice text) {
    kn_convert_failure *f = c->failure;
    f->code = malformed_data;
    int shown = text.n > 100 ? 100 : (int)text.n;
    while (shown > 0 && text.n > 100 && ((unsigned char)text.p[shown] & 0xC0) == 0x80)
        shown--; /* not in the middle of a character */
    char of[48];
    if (type->kind == KN_KIND_DECIMAL)
        snprintf(of, sizeof of, "decimal(%d,%d)", type->precision, type->scale);
    else
        snprintf(of, sizeof of, "%s", kind_names[type->kind]);
    snprintf(f->message, sizeof f->message,
             "Data does not match the schema. %s%s%stype %s does not take %.*s%s",
             type->name ? "Column " : "", type->name ? type->name : "", type->name ? ": " : "", of,
             shown, text.p, text.n > 100 ? "..." : "");
    return false;
}

/* --- scalars ------------------------------------------------------------------------------ */

static bool put_integer(kn_convert *c, kn_column *column, kn_slice text) {
    static const int64_t greatest[] = {[KN_KIND_TINYINT] = INT8_MAX,
                                       [KN_KIND_SMALLINT] = INT16_MAX,
                                       [KN_KIND_INT] = INT32_MAX,
                                       [KN_KIND_BIGINT] = INT64_MAX};
    int64_t max = greatest[column->type->kind], v;
    (void)c;
    if (!kn_value_integer(text, -max - 1, max, &v))
        return false;
    switch (column->type->kind) {
    case KN_KIND_TINYINT:
        kn_column_fixed(column, &(int8_t){(int8_t)v});
        return true;
    case KN_KIND_SMALLINT:
        kn_column_fixed(column, &(int16_t){(int16_t)v});
        return true;
    case KN_KIND_INT:
        kn_column_fixed(column, &(int32_t){(int32_t)v});
        return true;
    default:
        kn_column_fixed(column, &v);
        return true;
    }
}

static bool put_float(kn_convert *c, kn_column *column, kn_slice text) {
    double v;
    (void)c;
    if (!kn_value_double(text, &v))
        return false;
    if (column->type->kind == KN_KIND_DOUBLE) {
        kn_column_fixed(column, &v);
        return true;
    }
    float narrow = (float)v;
    kn_column_fixed(column, &narrow);
    return isfinite(narrow);
}

static bool put_decimal(kn_convert *c, kn_column *column, kn_slice text) {
    const kn_type *type = column->type;
    kn_int128 v;
    (void)c;
    if (!kn_value_decimal(text, type->precision, type->scale, &v))
        return false;
    /* little-endian: the low bytes of the wide value are the narrow one */
    kn_column_fixed(column, &v);
    return true;
}

static bool put_date(kn_convert *c, kn_column *column, kn_slice text) {
    int32_t days;
    (void)c;
    if (!kn_value_date(text, &days))
        return false;
    kn_column_fixed(column, &days);
    return true;
}

static bool put_timestamp(kn_convert *c, kn_column *column, kn_slice text) {
    int64_t micros;
    bool hive = c->rules.hive;
    if (!kn_value_timestamp(text, hive, &micros) && !kn_value_epoch(text, hive, &micros))
        return false;
    kn_column_fixed(column, &micros);
    return true;
}

static bool put_boolean(kn_convert *c, kn_column *column, kn_slice text) {
    (void)c;
    bool yes = text.n == 4 && strncasecmp(text.p, "true", 4) == 0;
    bool no = text.n == 5 && strncasecmp(text.p, "false", 5) == 0;
    kn_column_fixed(column, &(int8_t){yes});
    return yes || no;
}

enum {
    N = 1 << KN_TOKEN_INTEGER,
    F = 1 << KN_TOKEN_NUMBER,
    S = 1 << KN_TOKEN_STRING,
    B = 1 << KN_TOKEN_TRUE | 1 << KN_TOKEN_FALSE
};

/* What a column takes: which tokens under which rules, and how their text is read. */
static const struct {
    bool (*put)(kn_convert *c, kn_column *column, kn_slice text);
    unsigned openx, hive;
} scalars[] = {
    [KN_KIND_BOOLEAN] = {put_boolean, B | S, B},
    [KN_KIND_TINYINT] = {put_integer, N | S, N},
    [KN_KIND_SMALLINT] = {put_integer, N | S, N},
    [KN_KIND_INT] = {put_integer, N | S, N},
    [KN_KIND_BIGINT] = {put_integer, N | S, N},
    [KN_KIND_FLOAT] = {put_float, N | F | S, N | F},
    [KN_KIND_DOUBLE] = {put_float, N | F | S, N | F},
    [KN_KIND_DECIMAL] = {put_decimal, N | F | S, N | F},
    [KN_KIND_DATE] = {put_date, S, S},
    [KN_KIND_TIMESTAMP] = {put_timestamp, N | F | S, N | S},
};

static bool put_string(kn_convert *c, kn_column *column, const kn_token *token) {
    kn_slice text = token->text;
    if (c->rules.hive && token->kind != KN_TOKEN_STRING)
        return fail_value(c, column->type, text);
    if (token->kind == KN_TOKEN_STRING && token->escaped) {
        kn_buf_clear(&c->text);
        kn_scan_unescape(text, &c->text);
        text = kn_buf_view(&c->text);
    }
    if (token->kind >= KN_TOKEN_OBJECT && !kn_scan_rest(&c->scan, token, &text))
        return fail_parse(c);
    kn_column_text(column, text);
    return true;
}

static bool put_scalar(kn_convert *c, kn_column *column, const kn_token *token) {
    kn_kind kind = column->type->kind;
    if (kind == KN_KIND_STRING || kind == KN_KIND_BINARY)
        return put_string(c, column, token);
    kn_slice text = token->text;
    unsigned taken = c->rules.hive ? scalars[kind].hive : scalars[kind].openx;
    if (token->kind == KN_TOKEN_STRING && token->escaped) {
        kn_buf_clear(&c->text);
        kn_scan_unescape(text, &c->text);
        text = kn_buf_view(&c->text);
    }
    if (!(taken & 1u << token->kind) || !scalars[kind].put(c, column, text))
        return fail_value(c, column->type, text);
    return true;
}

/* --- nested values ------------------------------------------------------------------------ */

static bool put_value(kn_convert *c, kn_column *column, const kn_token *token);

/* The key as it is compared. */
static kn_slice plain_key(kn_convert *c, const kn_token *key) {
    bool lower = !c->rules.case_sensitive, dots = c->rules.dots_to_underscores;
    bool change = key->escaped;
    for (size_t i = 0; i < key->text.n && !change; i++) {
        char b = key->text.p[i];
        change = (lower && b >= 'A' && b <= 'Z') || (dots && b == '.');
    }
    if (!change)
        return key->text;
    kn_buf_clear(&c->key);
    kn_scan_unescape(key->text, &c->key);
    for (size_t i = 0; i < c->key.len; i++) {
        char b = c->key.p[i];
        if (lower && b >= 'A' && b <= 'Z')
            c->key.p[i] = (char)(b - 'A' + 'a');
        else if (dots && b == '.')
            c->key.p[i] = '_';
    }
    return kn_buf_view(&c->key);
}

static bool put_struct(kn_convert *c, kn_column *column) {
    const kn_type *type = column->type;
    size_t row = column->rows, hint = 0;
    bool first = true, done;
    for (;;) {
        kn_token key, value;
        kn_slice rest;
        if (!kn_scan_member(&c->scan, &first, &key, &done))
            return fail_parse(c);
        if (done)
            break;
        const kn_type *field = kn_type_field(type, plain_key(c, &key), &hint);
        if (!kn_scan_value(&c->scan, &value))
            return fail_parse(c);
        if (!field) {
            if (!kn_scan_rest(&c->scan, &value, &rest))
                return fail_parse(c);
            continue;
        }
        kn_column *child = &column->children[field - type->children];
        if (child->rows > row && kn_column_ok(child))
            kn_column_truncate(child, row); /* the key came before: the last one counts */
        else if (child->rows > row)
            return fail_value(c, field, KN_SLICE("so much data at once"));
        if (!put_value(c, child, &value))
            return false;
    }
    for (size_t i = 0; i < type->count; i++)
        if (column->children[i].rows == row)
            kn_column_null(&column->children[i]);
    kn_column_row(column);
    return true;
}

static bool put_array(kn_convert *c, kn_column *column) {
    bool first = true, done;
    uint64_t length = 0;
    for (;; length++) {
        kn_token value;
        if (!kn_scan_element(&c->scan, &first, &done))
            return fail_parse(c);
        if (done)
            break;
        if (!kn_scan_value(&c->scan, &value))
            return fail_parse(c);
        if (!put_value(c, &column->children[0], &value))
            return false;
    }
    kn_column_list(column, length);
    return true;
}

static int compare_keys(const void *a, const void *b) {
    const kn_slice *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int order = n ? memcmp(x->p, y->p, n) : 0;
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* Checks that the keys from the row `from` on are all different. */
static bool keys_differ(kn_convert *c, const kn_column *map, size_t from) {
    const kn_column *keys = &map->children[0];
    size_t n = keys->rows - from, width = kn_type_width(keys->type);
    if (n < 2 || !kn_column_ok(keys))
        return true;
    bool text = keys->type->kind == KN_KIND_STRING || keys->type->kind == KN_KIND_BINARY;
    const kn_span *spans = (const kn_span *)(const void *)keys->data.p + from;
    kn_slice *sorted = malloc(n * sizeof *sorted);
    bool ok = sorted || fail_value(c, map->type, KN_SLICE("so many keys"));
    for (size_t i = 0; ok && i < n; i++)
        sorted[i] = text ? (kn_slice){keys->text.p + spans[i].offset, spans[i].length}
                         : (kn_slice){keys->data.p + (from + i) * width, width};
    if (ok)
        qsort(sorted, n, sizeof *sorted, compare_keys);
    for (size_t i = 1; ok && i < n; i++)
        if (compare_keys(&sorted[i - 1], &sorted[i]) == 0)
            ok = fail_value(c, map->type, KN_SLICE("the same key twice"));
    free(sorted);
    return ok;
}

static bool put_map(kn_convert *c, kn_column *column) {
    kn_column *keys = &column->children[0], *values = &column->children[1];
    bool first = true, done;
    size_t from = keys->rows;
    for (;;) {
        kn_token key, value;
        if (!kn_scan_member(&c->scan, &first, &key, &done))
            return fail_parse(c);
        if (done)
            break;
        kn_token plain = {KN_TOKEN_STRING, false, plain_key(c, &key)};
        bool strict = c->rules.hive;
        c->rules.hive = false; /* a key is a string, whatever the type */
        bool ok = put_scalar(c, keys, &plain);
        c->rules.hive = strict;
        if (!ok)
            return false;
        if (!kn_scan_value(&c->scan, &value))
            return fail_parse(c);
        if (!put_value(c, values, &value))
            return false;
    }
    kn_column_list(column, keys->rows - from);
    return keys_differ(c, column, from);
}

static bool put_value(kn_convert *c, kn_column *column, const kn_token *token) {
    kn_kind kind = column->type->kind;
    if (token->kind == KN_TOKEN_NULL) {
        kn_column_null(column);
        return true;
    }
    if (kind == KN_KIND_STRUCT && token->kind == KN_TOKEN_OBJECT)
        return put_struct(c, column);
    if (kind == KN_KIND_MAP && token->kind == KN_TOKEN_OBJECT)
        return put_map(c, column);
    if (kind == KN_KIND_ARRAY && token->kind == KN_TOKEN_ARRAY)
        return put_array(c, column);
    if (kind >= KN_KIND_ARRAY)
        return fail_value(c, column->type, token->text);
    return put_scalar(c, column, token);
}

/* --- records ------------------------------------------------------------------------------ */

bool kn_convert_new(const kn_type *row, kn_convert_rules rules, kn_convert **out, kn_err *err) {
    kn_convert *c = calloc(1, sizeof *c);
    *out = NULL;
    if (!c)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    c->rules = rules;
    kn_buf_init(&c->key, 64 << 20);
    kn_buf_init(&c->text, 64 << 20);
    if (!kn_column_init(&c->rows, row, err)) {
        kn_convert_destroy(c);
        return false;
    }
    *out = c;
    return true;
}

void kn_convert_destroy(kn_convert *c) {
    if (!c)
        return;
    kn_column_free(&c->rows);
    kn_buf_free(&c->key);
    kn_buf_free(&c->text);
    free(c);
}

static bool put_record(kn_convert *c) {
    kn_token token;
    do {
        if (!kn_scan_value(&c->scan, &token))
            return fail_parse(c);
        if (token.kind != KN_TOKEN_OBJECT) {
            c->failure->code = malformed_data;
            snprintf(c->failure->message, sizeof c->failure->message,
                     "Data does not match the schema. Expected an object, got %s at byte %zu of "
                     "the record (objects may follow one another; an array around them may not)",
                     token.kind == KN_TOKEN_ARRAY ? "an array" : "a plain value",
                     (size_t)(token.text.p - c->scan.start));
            return false;
        }
        if (!put_struct(c, &c->rows))
            return false;
    } while (!kn_scan_at_end(&c->scan));
    if (kn_column_ok(&c->rows) && kn_buf_ok(&c->key) && kn_buf_ok(&c->text))
        return true;
    c->failure->code = malformed_data;
    snprintf(c->failure->message, sizeof c->failure->message,
             "Data does not match the schema. The record is too large once converted, or memory "
             "is out");
    return false;
}

bool kn_convert_record(kn_convert *c, kn_slice record, kn_convert_failure *failure) {
    size_t before = c->rows.rows;
    c->scan = kn_scan_of(record);
    c->failure = failure;
    bool ok = put_record(c);
    if (!ok)
        kn_column_truncate(&c->rows, before);
    return ok;
}

const kn_column *kn_convert_rows(const kn_convert *c) {
    return &c->rows;
}

void kn_convert_clear(kn_convert *c) {
    kn_column_truncate(&c->rows, 0);
}
