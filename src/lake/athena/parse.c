/* What a query is: DuckDB parses it and gives the tree as JSON (json_serialize_sql), which is
 * walked for the tables it names and the columns it leaves unnamed.
 *
 * Limits: a name that is also the name of a WITH query anywhere in the text counts as that. */
#include "lake/athena/parts.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { TREE_MAX = 64 << 20, DEPTH_MAX = 1500, TABLES_MAX = 1000 };

/* --- positions --- */

static void position(const char *text, double offset, int *line, int *column) {
    *line = *column = 0;
    if (offset < 0 || offset > (double)strlen(text))
        return;
    *line = *column = 1;
    for (size_t i = 0; i < (size_t)offset; i++) {
        if (text[i] == '\n') {
            ++*line;
            *column = 1;
        } else if (((unsigned char)text[i] & 0xc0) != 0x80) {
            ++*column;
        }
    }
}

/* --- leading words and parameters --- */

static const char *skip_blank(const char *p) {
    for (;;) {
        while (isspace((unsigned char)*p) || *p == '(')
            p++;
        if (p[0] == '-' && p[1] == '-') {
            p += strcspn(p, "\n");
        } else if (p[0] == '/' && p[1] == '*') {
            const char *end = strstr(p + 2, "*/");
            p = end ? end + 2 : p + strlen(p);
        } else {
            return p;
        }
    }
}

void kn_athena_keyword(const char *text, char out[32]) {
    size_t n = 0;
    text = skip_blank(text);
    while (isalpha((unsigned char)text[n]) && n < 31) {
        out[n] = (char)toupper((unsigned char)text[n]);
        n++;
    }
    out[n] = '\0';
}

/* The end of a string, a quoted name or a comment that begins at p; p itself when none does. */
static const char *skip_quoted(const char *p) {
    if (*p == '\'' || *p == '"') {
        const char *end = strchr(p + 1, *p);
        return end ? end + 1 : p + strlen(p);
    }
    if ((p[0] == '-' && p[1] == '-') || (p[0] == '/' && p[1] == '*'))
        return skip_blank(p);
    return p;
}

bool kn_athena_substitute(const char *text, const json_t *parameters, kn_buf *out, kn_err *err) {
    size_t used = 0, given = json_array_size(parameters);
    while (*text) {
        const char *end = skip_quoted(text);
        if (end != text) {
            kn_buf_append(out, text, (size_t)(end - text));
            text = end;
        } else if (*text == '?') {
            const char *value = json_string_value(json_array_get(parameters, used++));
            kn_buf_printf(out, "(%s)", value ? value : "?");
            text++;
        } else {
            kn_buf_char(out, *text++);
        }
    }
    if (used != given)
        return kn_fail(err, KN_EINVAL,
                       "SYNTAX_ERROR: Incorrect number of parameters: expected %zu but found %zu",
                       used, given);
    return kn_buf_check(out, "the query", err);
}

/* --- the walk --- */

typedef struct walk {
    kn_athena_query *query;
    const char *text;
    json_t *with; /* names of WITH queries */
    bool full;
} walk;

static char *lower_or_null(const json_t *value) {
    const char *text = json_string_value(value);
    char *copy = text && *text ? strdup(text) : NULL;
    for (char *p = copy; p && *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return copy;
}

static bool is_value(const json_t *node, const char *member, const char *expected) {
    const char *text = json_string_value(json_object_get(node, member));
    return text && strcmp(text, expected) == 0;
}

static void add_table(walk *w, const json_t *node) {
    kn_athena_query *q = w->query;
    if (q->table_count == TABLES_MAX) {
        w->full = true;
        return;
    }
    kn_athena_table_ref *ref = &q->tables[q->table_count];
    *ref = (kn_athena_table_ref){
        .catalog = lower_or_null(json_object_get(node, "catalog_name")),
        .database = lower_or_null(json_object_get(node, "schema_name")),
        .table = lower_or_null(json_object_get(node, "table_name")),
    };
    position(w->text, json_number_value(json_object_get(node, "query_location")), &ref->line,
             &ref->column);
    q->table_count++;
}

static void walk_tree(walk *w, const json_t *node, int depth) {
    const char *name;
    json_t *child;
    size_t i;
    if (depth > DEPTH_MAX) {
        w->full = true;
        return;
    }
    if (is_value(node, "type", "BASE_TABLE"))
        add_table(w, node);
    json_array_foreach(json_object_get(json_object_get(node, "cte_map"), "map"), i, child) {
        char *key = lower_or_null(json_object_get(child, "key"));
        if (key)
            json_object_set_new(w->with, key, json_true());
        free(key);
    }
    json_array_foreach(json_object_get(node, "column_names"), i, child) {
        if (json_is_string(child) && strcmp(json_string_value(child), "$path") == 0)
            w->query->wants_path = true;
    }
    if (json_is_array(node)) {
        json_array_foreach(node, i, child) walk_tree(w, child, depth + 1);
    } else {
        json_object_foreach((json_t *)node, name, child) walk_tree(w, child, depth + 1);
    }
}

/* --- the select list --- */

static const json_t *select_list(const json_t *node) {
    for (int i = 0; node && i < DEPTH_MAX; i++) {
        const json_t *list = json_object_get(node, "select_list");
        if (list)
            return list;
        const json_t *left = json_object_get(node, "left");
        node = left ? left : json_object_get(node, "child");
    }
    return NULL;
}

static bool read_items(kn_athena_query *q, const json_t *list, kn_err *err) {
    size_t i;
    json_t *item;
    q->item_count = json_array_size(list);
    q->unnamed = calloc(q->item_count + 1, sizeof *q->unnamed);
    if (!q->unnamed)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    json_array_foreach(list, i, item) {
        if (is_value(item, "class", "STAR")) {
            if (!q->has_star)
                q->star = i;
            q->has_star = true;
            q->last_star = i;
        }
        q->unnamed[i] = is_value(item, "alias", "") && !is_value(item, "class", "COLUMN_REF") &&
                        !is_value(item, "class", "STAR");
    }
    return true;
}

const char *kn_athena_column_name(const kn_athena_query *q, size_t i, size_t n, char text[24]) {
    bool unnamed = false;
    if (!q->has_star || i < q->star)
        unnamed = i < q->item_count && q->unnamed[i];
    else if (n - i < q->item_count - q->last_star)
        unnamed = q->unnamed[q->item_count - (n - i)];
    if (!unnamed)
        return NULL;
    snprintf(text, 24, "_col%zu", i);
    return text;
}

/* --- parsing --- */

static bool load_tree(kn_sql_connection *connection, const char *text, json_t **tree, kn_err *err) {
    kn_sql_result *result = NULL;
    kn_buf sql, json;
    bool row = false;
    kn_buf_init(&sql, TREE_MAX);
    kn_buf_init(&json, TREE_MAX);
    kn_buf_cstr(&sql, "SELECT json_serialize_sql(");
    kn_sql_quote_string(&sql, kn_slice_cstr(text));
    kn_buf_char(&sql, ')');
    bool ok = kn_buf_check(&sql, "the query", err) && kn_sql_run(connection, sql.p, &result, err) &&
              kn_sql_next(result, &row, err);
    if (ok) {
        json_error_t problem;
        ok = row && kn_sql_render(result, 0, &json) && kn_buf_check(&json, "the query", err);
        *tree =
            ok ? json_loadb(json.p, json.len, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &problem)
               : NULL;
        ok = *tree ? kn_sql_next(result, &row, err) /* to the end: it ends the transaction */
                   : kn_fail(err, KN_ELIMIT, "the query is too complicated");
    }
    kn_sql_result_free(result);
    kn_buf_free(&json);
    kn_buf_free(&sql);
    return ok;
}

/* What DuckDB says of a text that it does not take. */
static bool fail_parse(const json_t *tree, const char *text, kn_err *err) {
    const char *message = json_string_value(json_object_get(tree, "error_message"));
    const char *at = json_string_value(json_object_get(tree, "position"));
    int line = 1, column = 1;
    if (!is_value(tree, "error_type", "parser")) {
        char keyword[32];
        kn_athena_keyword(text, keyword);
        return kn_fail(err, KN_EINVAL, "NOT_SUPPORTED: the statement %s is not supported",
                       *keyword ? keyword : "that is empty");
    }
    if (at)
        position(text, strtod(at, NULL), &line, &column);
    return kn_fail(err, KN_EPARSE, "line %d:%d: %s", line, column, message ? message : "");
}

bool kn_athena_parse(kn_sql_connection *connection, const char *text, kn_athena_query *out,
                     kn_err *err) {
    json_t *tree = NULL;
    *out = (kn_athena_query){0};
    if (!load_tree(connection, text, &tree, err)) {
        json_decref(tree);
        return false;
    }
    const json_t *statements = json_object_get(tree, "statements");
    walk w = {.query = out, .text = text, .with = json_object()};
    bool ok = false;
    out->tables = calloc(TABLES_MAX, sizeof *out->tables);
    if (json_is_true(json_object_get(tree, "error"))) {
        fail_parse(tree, text, err);
    } else if (json_array_size(statements) != 1) {
        kn_fail(err, KN_EPARSE, "line 1:1: Only one sql statement is allowed. Got: %zu",
                json_array_size(statements));
    } else if (!out->tables) {
        kn_fail(err, KN_ENOMEM, "out of memory");
    } else {
        const json_t *node = json_object_get(json_array_get(statements, 0), "node");
        walk_tree(&w, node, 0);
        ok = read_items(out, select_list(node), err);
        if (ok && w.full)
            ok = kn_fail(err, KN_ELIMIT, "the query is too complicated");
    }
    for (size_t i = 0; ok && i < out->table_count; i++) {
        kn_athena_table_ref *ref = &out->tables[i];
        ref->optional = !ref->database && ref->table && json_object_get(w.with, ref->table);
    }
    if (!ok)
        kn_athena_query_free(out);
    json_decref(w.with);
    json_decref(tree);
    return ok;
}

void kn_athena_query_free(kn_athena_query *q) {
    for (size_t i = 0; i < q->table_count; i++) {
        free(q->tables[i].catalog);
        free(q->tables[i].database);
        free(q->tables[i].table);
    }
    free(q->tables);
    free(q->unnamed);
    *q = (kn_athena_query){0};
}
