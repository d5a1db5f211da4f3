/* See row.h. The fields are a tree by name; a record is read once, and every leaf that is found
 * leaves its token and its place in the text. */
#include "run/verify/row.h"

#include "base/scan.h"
#include "base/time.h"

#include <stdlib.h>

enum { FEW = 64 }; /* fields of a record that need no memory of their own */

typedef struct node {
    kn_slice name; /* into fields[].path */
    int field;     /* number, or -1: none ends here */
    bool key;      /* the key ends here */
    int child, next;
} node;

struct kn_row {
    bool whole, has_key;
    size_t field_count, node_count;
    kn_row_field *fields; /* field_count, and the key after them */
    node *nodes;          /* nodes[0] is the record */
};

typedef struct found {
    kn_token token;
    kn_slice text; /* the whole value */
} found;

/* ---- the tree ---- */

static int add_child(kn_row *row, int parent, kn_slice name) {
    int *link = &row->nodes[parent].child;
    for (; *link >= 0; link = &row->nodes[*link].next)
        if (kn_slice_eq(row->nodes[*link].name, name))
            return *link;
    int made = (int)row->node_count++;
    *link = made;
    row->nodes[made] = (node){name, -1, false, -1, -1};
    return made;
}

static int add_path(kn_row *row, int number) {
    kn_slice rest = row->fields[number].path;
    int at = 0;
    for (;;) {
        const char *end = memchr(rest.p, '\0', rest.n);
        kn_slice name = {rest.p, end ? (size_t)(end - rest.p) : rest.n};
        at = add_child(row, at, name);
        if (!end)
            break;
        rest = (kn_slice){end + 1, rest.n - name.n - 1};
    }
    return at;
}

static size_t count_names(kn_slice path) {
    size_t n = 1;
    for (size_t i = 0; i < path.n; i++)
        n += path.p[i] == '\0';
    return n;
}

bool kn_row_new(const kn_row_field *fields, size_t n, bool whole, const kn_row_field *key,
                kn_row **out, kn_err *err) {
    size_t bytes = 0, nodes = 1, all = n + (key != NULL);
    if (n > KN_ROW_FIELDS)
        return kn_fail(err, KN_ELIMIT, "more than %d fields", KN_ROW_FIELDS);
    for (size_t i = 0; i < all; i++) {
        kn_slice path = i < n ? fields[i].path : key->path;
        size_t names = count_names(path);
        if (names > KN_ROW_DEPTH)
            return kn_fail(err, KN_ELIMIT, "a field is more than %d objects deep", KN_ROW_DEPTH);
        nodes += names;
        bytes += path.n;
    }
    kn_row *row =
        calloc(1, sizeof *row + all * sizeof *row->fields + nodes * sizeof *row->nodes + bytes);
    if (!row)
        return kn_fail(err, KN_ENOMEM, "out of memory for a row");
    row->whole = whole;
    row->has_key = key != NULL;
    row->field_count = n;
    row->fields = (kn_row_field *)(row + 1);
    row->nodes = (node *)(row->fields + all);
    char *text = (char *)(row->nodes + nodes);
    row->nodes[0] = (node){{NULL, 0}, -1, false, -1, -1};
    row->node_count = 1;
    for (size_t i = 0; i < all; i++) {
        row->fields[i] = i < n ? fields[i] : *key;
        row->fields[i].path.p = memcpy(text, row->fields[i].path.p, row->fields[i].path.n);
        text += row->fields[i].path.n;
        int at = add_path(row, (int)i);
        if (i < n)
            row->nodes[at].field = (int)i;
        else
            row->nodes[at].key = true;
    }
    *out = row;
    return true;
}

bool kn_row_is_whole(const kn_row *row) {
    return row->whole;
}

bool kn_row_has_key(const kn_row *row) {
    return row->has_key;
}

void kn_row_destroy(kn_row *row) {
    free(row);
}

/* ---- a record ---- */

static int find_child(const kn_row *row, int parent, const kn_token *key, kn_buf *scratch) {
    kn_slice name = key->text;
    if (key->escaped) {
        kn_buf_clear(scratch);
        kn_scan_unescape(key->text, scratch);
        name = kn_buf_view(scratch);
    }
    int child = row->nodes[parent].child;
    while (child >= 0 && !kn_slice_eq(row->nodes[child].name, name))
        child = row->nodes[child].next;
    return child;
}

/* The members of an object whose bracket has been taken. False: not JSON. */
static bool walk(const kn_row *row, int parent, kn_scan *scan, found *leaves, kn_buf *scratch) {
    bool first = true, done;
    for (;;) {
        kn_token key, value;
        if (!kn_scan_member(scan, &first, &key, &done))
            return false;
        if (done)
            return true;
        int child = find_child(row, parent, &key, scratch);
        if (!kn_scan_value(scan, &value))
            return false;
        if (child >= 0 && row->nodes[child].child >= 0 && value.kind == KN_TOKEN_OBJECT) {
            if (!walk(row, child, scan, leaves, scratch))
                return false;
            continue;
        }
        kn_slice text;
        if (!kn_scan_rest(scan, &value, &text))
            return false;
        if (child >= 0 && row->nodes[child].field >= 0)
            leaves[row->nodes[child].field] = (found){value, text};
        if (child >= 0 && row->nodes[child].key)
            leaves[row->field_count] = (found){value, text};
    }
}

static bool read_record(const kn_row *row, kn_slice record, found *leaves, kn_buf *scratch) {
    kn_scan scan = kn_scan_of(record);
    kn_token object;
    return kn_scan_value(&scan, &object) && object.kind == KN_TOKEN_OBJECT &&
           walk(row, 0, &scan, leaves, scratch) && kn_scan_at_end(&scan);
}

static int by_place(const void *a, const void *b) {
    const char *x = ((const found *)a)->text.p, *y = ((const found *)b)->text.p;
    return (x > y) - (x < y);
}

/* The record without the leaves. */
static void cut(kn_slice record, found *leaves, size_t n, kn_buf *text) {
    const char *from = record.p, *end = record.p + record.n;
    qsort(leaves, n, sizeof *leaves, by_place);
    for (size_t i = 0; i < n; i++) {
        if (!leaves[i].text.p)
            continue;
        kn_buf_append(text, from, (size_t)(leaves[i].text.p - from));
        from = leaves[i].text.p + leaves[i].text.n;
    }
    kn_buf_append(text, from, (size_t)(end - from));
}

/* ---- cells ---- */

static void put_text(const found *f, kn_buf *out) {
    if (f->token.kind == KN_TOKEN_STRING && f->token.escaped)
        kn_scan_unescape(f->token.text, out);
    else if (f->token.kind == KN_TOKEN_STRING)
        kn_buf_slice(out, f->token.text);
    else
        kn_buf_slice(out, f->text);
}

/* A number's text as a C string. */
static bool number_text(const found *f, char *out, size_t size) {
    kn_slice t = f->token.text;
    if (t.n == 0 || t.n >= size)
        return false;
    memcpy(out, t.p, t.n);
    out[t.n] = '\0';
    return true;
}

static void put_double(const found *f, bool single, kn_buf *out) {
    char digits[400];
    if (!number_text(f, digits, sizeof digits)) {
        put_text(f, out);
        return;
    }
    double d = strtod(digits, NULL);
    if (single) {
        float v = (float)d;
        uint32_t bits;
        memcpy(&bits, &v, sizeof bits);
        kn_buf_printf(out, "%08X", bits);
    } else {
        uint64_t bits;
        memcpy(&bits, &d, sizeof bits);
        kn_buf_printf(out, "%016llX", (unsigned long long)bits);
    }
}

/* Digits are added, never dropped: a value with more is not what its column holds. */
static void put_decimal(const found *f, int scale, kn_buf *out) {
    kn_slice t = f->token.text;
    const char *point = memchr(t.p, '.', t.n);
    int have = point ? (int)(t.p + t.n - point) - 1 : 0;
    kn_buf_slice(out, t);
    if (!point && scale)
        kn_buf_char(out, '.');
    for (; have < scale; have++)
        kn_buf_char(out, '0');
}

static void put_timestamp(const found *f, kn_buf *out) {
    const int64_t seconds_below = 1000000000000; /* Firehose takes larger ones as milliseconds */
    int64_t ms = INT64_MIN;
    char digits[32];
    if (f->token.kind == KN_TOKEN_INTEGER && number_text(f, digits, sizeof digits))
        ms = strtoll(digits, NULL, 10);
    if (f->token.kind == KN_TOKEN_STRING && kn_time_parse_iso(f->token.text, &ms)) {
        kn_buf_printf(out, "%lld", (long long)ms);
    } else if (ms > INT64_MIN / 1000 && ms < INT64_MAX) {
        kn_buf_printf(out, "%lld", (long long)(ms < seconds_below ? ms * 1000 : ms));
    } else {
        put_text(f, out);
    }
}

static void put_cell(const kn_row_field *field, const found *f, kn_buf *out) {
    if (!f->text.p || f->token.kind == KN_TOKEN_NULL) {
        kn_buf_cstr(out, KN_ROW_NULL);
        return;
    }
    switch (field->kind) {
    case KN_CELL_DOUBLE:
    case KN_CELL_FLOAT:
        put_double(f, field->kind == KN_CELL_FLOAT, out);
        return;
    case KN_CELL_DECIMAL:
        put_decimal(f, field->scale, out);
        return;
    case KN_CELL_TIMESTAMP:
        put_timestamp(f, out);
        return;
    case KN_CELL_TEXT:
    case KN_CELL_INTEGER:
    case KN_CELL_BOOLEAN:
    case KN_CELL_DATE:
        put_text(f, out);
        return;
    }
}

static void put_columns(const kn_row *row, const found *leaves, kn_buf *text) {
    for (size_t i = 0; i < row->field_count; i++) {
        if (i)
            kn_buf_char(text, KN_ROW_DIVIDER);
        put_cell(&row->fields[i], &leaves[i], text);
    }
}

bool kn_row_text(const kn_row *row, kn_slice record, kn_buf *text, kn_buf *key, bool *is_json,
                 kn_err *err) {
    found few[FEW + 1] = {0}, *many = NULL, *leaves = few;
    kn_buf scratch;
    if (row->field_count > FEW && !(leaves = many = calloc(row->field_count + 1, sizeof *many)))
        return kn_fail(err, KN_ENOMEM, "out of memory for a row");
    kn_buf_init(&scratch, record.n + 16);
    kn_buf_clear(text);
    *is_json = read_record(row, record, leaves, &scratch);
    if (row->has_key) {
        kn_buf_clear(key);
        if (*is_json)
            put_cell(&row->fields[row->field_count], &leaves[row->field_count], key);
        else
            kn_buf_slice(key, record);
    }
    if (!*is_json)
        kn_buf_slice(text, record);
    else if (row->whole)
        cut(record, leaves, row->field_count, text);
    else
        put_columns(row, leaves, text);
    kn_buf_free(&scratch);
    free(many);
    return kn_buf_check(text, "a row", err) && kn_buf_check(key, "a row's key", err);
}
