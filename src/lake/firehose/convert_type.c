/* Hive types and the columns that hold their values; see convert.h. */
#include "lake/firehose/convert.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

enum { COLUMN_MAX = 256 << 20, DEPTH_MAX = 32 };

/* --- types -------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    kn_kind kind;
} primitives[] = {
    {"string", KN_KIND_STRING},   {"varchar", KN_KIND_STRING},      {"char", KN_KIND_STRING},
    {"boolean", KN_KIND_BOOLEAN}, {"tinyint", KN_KIND_TINYINT},     {"smallint", KN_KIND_SMALLINT},
    {"int", KN_KIND_INT},         {"integer", KN_KIND_INT},         {"bigint", KN_KIND_BIGINT},
    {"float", KN_KIND_FLOAT},     {"double", KN_KIND_DOUBLE},       {"decimal", KN_KIND_DECIMAL},
    {"date", KN_KIND_DATE},       {"timestamp", KN_KIND_TIMESTAMP}, {"binary", KN_KIND_BINARY},
};

typedef struct reader {
    const char *text, *p;
    int depth;
} reader;

static bool bad_type(const reader *r, const char *why, kn_err *err) {
    return kn_fail(err, KN_EINVAL, "type '%s', at character %d: %s", r->text,
                   (int)(r->p - r->text) + 1, why);
}

static void skip_space(reader *r) {
    while (*r->p == ' ')
        r->p++;
}

static bool take(reader *r, char c) {
    skip_space(r);
    if (*r->p != c)
        return false;
    r->p++;
    return true;
}

static kn_slice take_word(reader *r) {
    skip_space(r);
    const char *start = r->p;
    while (isalnum((unsigned char)*r->p) || *r->p == '_')
        r->p++;
    return (kn_slice){start, (size_t)(r->p - start)};
}

static bool word_is(kn_slice word, const char *name) {
    return strlen(name) == word.n && strncasecmp(word.p, name, word.n) == 0;
}

static char *lower_copy(kn_slice s) {
    char *copy = malloc(s.n + 1);
    if (!copy)
        return NULL;
    for (size_t i = 0; i < s.n; i++)
        copy[i] = (char)tolower((unsigned char)s.p[i]);
    copy[s.n] = '\0';
    return copy;
}

static kn_type *add_child(kn_type *type) {
    kn_type *children = realloc(type->children, (type->count + 1) * sizeof *children);
    if (!children)
        return NULL;
    type->children = children;
    children[type->count] = (kn_type){0};
    return &children[type->count++];
}

static bool take_int(reader *r, int *value) {
    skip_space(r);
    if (!isdigit((unsigned char)*r->p))
        return false;
    *value = 0;
    while (isdigit((unsigned char)*r->p) && *value < 100000)
        *value = *value * 10 + (*r->p++ - '0');
    return true;
}

/* (10,2) of decimals, (20) of varchar. */
static bool read_arguments(reader *r, kn_type *type, kn_err *err) {
    int length;
    if (type->kind == KN_KIND_DECIMAL) {
        type->precision = 10;
        if (!take(r, '('))
            return true;
        if (!take_int(r, &type->precision) || (take(r, ',') && !take_int(r, &type->scale)))
            return bad_type(r, "expected decimal(precision, scale)", err);
        if (type->precision < 1 || type->precision > 38 || type->scale > type->precision)
            return bad_type(r, "a decimal has 1 to 38 digits and a scale of at most that", err);
    } else if (type->kind != KN_KIND_STRING || !take(r, '(')) {
        return true;
    } else if (!take_int(r, &length)) {
        return bad_type(r, "expected a length", err);
    }
    return take(r, ')') || bad_type(r, "expected ')'", err);
}

static bool read_type(reader *r, kn_type *type, kn_err *err);

static bool read_fields(reader *r, kn_type *type, kn_err *err) {
    do {
        kn_slice name = take_word(r);
        if (name.n == 0)
            return bad_type(r, "expected a field's name", err);
        if (!take(r, ':'))
            return bad_type(r, "expected ':' after the field's name", err);
        kn_type *child = add_child(type);
        if (!child || !(child->name = lower_copy(name)) || !(child->key = strdup(child->name)))
            return kn_fail(err, KN_ENOMEM, "out of memory");
        if (!read_type(r, child, err))
            return false;
    } while (take(r, ','));
    return true;
}

static bool read_children(reader *r, kn_type *type, int count, kn_err *err) {
    for (int i = 0; i < count; i++) {
        if (i > 0 && !take(r, ','))
            return bad_type(r, "expected ','", err);
        kn_type *child = add_child(type);
        if (!child)
            return kn_fail(err, KN_ENOMEM, "out of memory");
        if (!read_type(r, child, err))
            return false;
    }
    if (type->kind == KN_KIND_MAP && type->children[0].kind >= KN_KIND_ARRAY)
        return bad_type(r, "the key of a map must be a plain type", err);
    return true;
}

static bool build_slots(kn_type *type, kn_err *err);

static bool read_type(reader *r, kn_type *type, kn_err *err) {
    kn_slice word = take_word(r);
    for (size_t i = 0; i < sizeof primitives / sizeof *primitives; i++)
        if (word_is(word, primitives[i].name)) {
            type->kind = primitives[i].kind;
            return read_arguments(r, type, err);
        }
    bool is_struct = word_is(word, "struct"), is_map = word_is(word, "map");
    if (!is_struct && !is_map && !word_is(word, "array"))
        return bad_type(r, "not a type that Firehose converts to", err);
    type->kind = is_struct ? KN_KIND_STRUCT : is_map ? KN_KIND_MAP : KN_KIND_ARRAY;
    if (++r->depth > DEPTH_MAX)
        return bad_type(r, "nested too deeply", err);
    if (!take(r, '<'))
        return bad_type(r, "expected '<'", err);
    if (is_struct ? !read_fields(r, type, err) : !read_children(r, type, is_map ? 2 : 1, err))
        return false;
    r->depth--;
    if (!take(r, '>'))
        return bad_type(r, "expected '>'", err);
    return !is_struct || build_slots(type, err);
}

bool kn_type_parse(const char *text, kn_type *out, kn_err *err) {
    reader r = {text, text, 0};
    *out = (kn_type){0};
    bool ok = read_type(&r, out, err);
    skip_space(&r);
    if (ok && *r.p)
        ok = bad_type(&r, "unexpected text", err);
    if (!ok)
        kn_type_free(out);
    return ok;
}

void kn_type_free(kn_type *type) {
    for (size_t i = 0; i < type->count; i++)
        kn_type_free(&type->children[i]);
    free(type->children);
    free(type->name);
    free(type->key);
    free(type->slots);
    *type = (kn_type){0};
}

void kn_type_row(kn_type *row) {
    *row = (kn_type){.kind = KN_KIND_STRUCT};
}

bool kn_type_add(kn_type *row, const char *name, const char *key, const char *text, kn_err *err) {
    kn_type child;
    if (!kn_type_parse(text, &child, err))
        return kn_fail_within(err, "column %s", name);
    child.name = lower_copy(kn_slice_cstr(name));
    child.key = key ? strdup(key) : child.name ? strdup(child.name) : NULL;
    kn_type *place = child.key && child.name ? add_child(row) : NULL;
    if (!place) {
        kn_type_free(&child);
        return kn_fail(err, KN_ENOMEM, "out of memory");
    }
    *place = child;
    return build_slots(row, err);
}

static uint32_t hash(kn_slice s) { /* FNV-1a */
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 16777619u;
    return h;
}

static bool build_slots(kn_type *type, kn_err *err) {
    size_t size = 8;
    while (size < type->count * 2)
        size *= 2;
    uint32_t *slots = calloc(size, sizeof *slots);
    if (!slots)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    free(type->slots);
    type->slots = slots;
    type->slot_count = size;
    for (size_t i = 0; i < type->count; i++) {
        const char *key = type->children[i].key;
        type->children[i].key_length = strlen(key);
        size_t at = hash(kn_slice_cstr(key)) & (size - 1);
        for (; slots[at]; at = (at + 1) & (size - 1))
            if (strcmp(type->children[slots[at] - 1].key, key) == 0)
                return kn_fail(err, KN_EINVAL, "%s '%s' is there twice",
                               type->name ? "field" : "column", key);
        slots[at] = (uint32_t)i + 1;
    }
    return true;
}

static bool is_key(const kn_type *field, kn_slice key) {
    return field->key_length == key.n && memcmp(field->key, key.p, key.n) == 0;
}

const kn_type *kn_type_field(const kn_type *type, kn_slice key, size_t *hint) {
    if (*hint < type->count && is_key(&type->children[*hint], key))
        return &type->children[(*hint)++];
    if (!type->slot_count)
        return NULL;
    size_t mask = type->slot_count - 1;
    for (size_t at = hash(key) & mask; type->slots[at]; at = (at + 1) & mask) {
        size_t i = type->slots[at] - 1;
        if (is_key(&type->children[i], key)) {
            *hint = i + 1;
            return &type->children[i];
        }
    }
    return NULL;
}

size_t kn_type_width(const kn_type *type) {
    static const unsigned char widths[] = {
        [KN_KIND_BOOLEAN] = 1, [KN_KIND_TINYINT] = 1, [KN_KIND_SMALLINT] = 2,
        [KN_KIND_INT] = 4,     [KN_KIND_BIGINT] = 8,  [KN_KIND_FLOAT] = 4,
        [KN_KIND_DOUBLE] = 8,  [KN_KIND_DATE] = 4,    [KN_KIND_TIMESTAMP] = 8,
        [KN_KIND_STRING] = 16, [KN_KIND_BINARY] = 16, [KN_KIND_ARRAY] = 16,
        [KN_KIND_MAP] = 16,    [KN_KIND_STRUCT] = 0,
    };
    if (type->kind == KN_KIND_DECIMAL)
        return type->precision <= 4 ? 2 : type->precision <= 9 ? 4 : type->precision <= 18 ? 8 : 16;
    return widths[type->kind];
}

/* --- columns ------------------------------------------------------------------------------ */

bool kn_column_init(kn_column *column, const kn_type *type, kn_err *err) {
    *column = (kn_column){.type = type};
    kn_buf_init(&column->valid, COLUMN_MAX);
    kn_buf_init(&column->data, COLUMN_MAX);
    kn_buf_init(&column->text, COLUMN_MAX);
    if (type->count == 0)
        return true;
    column->children = calloc(type->count, sizeof *column->children);
    if (!column->children)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    for (size_t i = 0; i < type->count; i++)
        if (!kn_column_init(&column->children[i], &type->children[i], err))
            return false;
    return true;
}

void kn_column_free(kn_column *column) {
    for (size_t i = 0; column->children && i < column->type->count; i++)
        if (column->children[i].type)
            kn_column_free(&column->children[i]);
    free(column->children);
    kn_buf_free(&column->valid);
    kn_buf_free(&column->data);
    kn_buf_free(&column->text);
    *column = (kn_column){0};
}

static void cut(kn_buf *b, size_t len) {
    b->failed = false;
    if (b->len > len)
        b->len = len;
}

/* Where the children or the text of the first `rows` rows end. */
static size_t span_end(const kn_column *column, size_t rows) {
    if (rows == 0)
        return 0;
    const kn_span *spans = (const kn_span *)(const void *)column->data.p;
    return spans[rows - 1].offset + spans[rows - 1].length;
}

void kn_column_truncate(kn_column *column, size_t rows) {
    kn_kind kind = column->type->kind;
    size_t inner = kind == KN_KIND_STRUCT                         ? rows
                   : kind == KN_KIND_ARRAY || kind == KN_KIND_MAP ? span_end(column, rows)
                                                                  : 0;
    cut(&column->text,
        kind == KN_KIND_STRING || kind == KN_KIND_BINARY ? span_end(column, rows) : 0);
    cut(&column->valid, rows);
    cut(&column->data, rows * kn_type_width(column->type));
    column->rows = rows;
    for (size_t i = 0; i < column->type->count; i++)
        kn_column_truncate(&column->children[i], inner);
}

bool kn_column_ok(const kn_column *column) {
    if (column->valid.failed || column->data.failed || column->text.failed)
        return false;
    for (size_t i = 0; i < column->type->count; i++)
        if (!kn_column_ok(&column->children[i]))
            return false;
    return true;
}

static void append(kn_column *column, bool valid, const void *value) {
    size_t width = kn_type_width(column->type);
    kn_buf_char(&column->valid, valid);
    if (value)
        kn_buf_append(&column->data, value, width);
    column->rows++;
}

void kn_column_null(kn_column *column) {
    static const char zeros[16];
    kn_kind kind = column->type->kind;
    if (kind == KN_KIND_STRING || kind == KN_KIND_BINARY) {
        append(column, false, &(kn_span){column->text.len, 0});
    } else if (kind == KN_KIND_ARRAY || kind == KN_KIND_MAP) {
        append(column, false, &(kn_span){column->children[0].rows, 0});
    } else if (kind == KN_KIND_STRUCT) {
        append(column, false, NULL);
        for (size_t i = 0; i < column->type->count; i++)
            kn_column_null(&column->children[i]);
    } else {
        append(column, false, zeros);
    }
}

void kn_column_fixed(kn_column *column, const void *value) {
    append(column, true, value);
}

void kn_column_text(kn_column *column, kn_slice text) {
    append(column, true, &(kn_span){column->text.len, text.n});
    kn_buf_slice(&column->text, text);
}

void kn_column_list(kn_column *column, uint64_t length) {
    append(column, true, &(kn_span){column->children[0].rows - length, length});
}

void kn_column_row(kn_column *column) {
    append(column, true, NULL);
}
