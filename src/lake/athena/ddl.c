/* Statements about the catalog, which Athena takes in Hive's grammar: SHOW DATABASES, TABLES,
 * COLUMNS, PARTITIONS; DESCRIBE; CREATE and DROP DATABASE; DROP TABLE. They run through the
 * operations of Glue. A result is lines of text.
 * Left out on purpose, with an answer that says so: CREATE EXTERNAL TABLE, ALTER TABLE, MSCK
 * REPAIR, views, and what writes data (CTAS, INSERT, UNLOAD). */
#include "lake/athena/parts.h"
#include "lake/glue/glue.h"
#include "lake/glue/parts.h"

#include <ctype.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { WORDS_MAX = 24, WORD_MAX = 512 };

typedef struct statement {
    kn_lake *lake;
    const char *database; /* of the context */
    char words[WORDS_MAX][WORD_MAX];
    size_t count, at;
    kn_buf *out;
    json_t **columns;
} statement;

/* --- words --- */

/* Bytes up to the closing quote; without one, those of a word: letters beyond ASCII are letters. */
static size_t word_length(const char *p, char quote) {
    size_t n = 0;
    while (p[n] && (quote ? p[n] != quote
                          : isalnum((unsigned char)p[n]) || (unsigned char)p[n] >= 0x80 ||
                                strchr("_-$@", p[n])))
        n++;
    return n || quote ? n : 1;
}

static bool split(statement *s, const char *p, kn_err *err) {
    while (*p) {
        if (isspace((unsigned char)*p) || *p == ';') {
            p++;
            continue;
        }
        if (p[0] == '-' && p[1] == '-') {
            p += strcspn(p, "\n");
            continue;
        }
        char quote = *p == '`' || *p == '"' || *p == '\'' ? *p++ : '\0';
        size_t n = word_length(p, quote);
        if (s->count == WORDS_MAX || n >= WORD_MAX)
            return kn_fail(err, KN_EINVAL, "SYNTAX_ERROR: the statement is too long");
        if (quote && !p[n])
            return kn_fail(err, KN_EINVAL, "SYNTAX_ERROR: the quote %c is not closed", quote);
        memcpy(s->words[s->count], p, n);
        s->words[s->count++][n] = '\0';
        p += n + (quote != '\0');
    }
    return true;
}

static const char *word(const statement *s, size_t i) {
    return i < s->count ? s->words[i] : "";
}

static bool take(statement *s, const char *expected) {
    if (strcasecmp(word(s, s->at), expected) != 0)
        return false;
    s->at++;
    return true;
}

static bool fail_here(const statement *s, kn_err *err) {
    return kn_fail(err, KN_EINVAL, "SYNTAX_ERROR: mismatched input '%s'",
                   s->at < s->count ? word(s, s->at) : "<EOF>");
}

static bool need_end(const statement *s, kn_err *err) {
    return s->at >= s->count || fail_here(s, err);
}

/* [database.]table */
static bool take_table(statement *s, const char **database, const char **table, kn_err *err) {
    *database = s->database;
    if (s->at >= s->count)
        return fail_here(s, err);
    *table = word(s, s->at++);
    if (!take(s, "."))
        return true;
    if (s->at >= s->count)
        return fail_here(s, err);
    *database = *table;
    *table = word(s, s->at++);
    return true;
}

/* --- answers --- */

static void add_column(statement *s, const char *name) {
    if (!*s->columns)
        *s->columns = json_array();
    json_array_append_new(*s->columns,
                          json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:b}",
                                    "CatalogName", "hive", "SchemaName", "", "TableName", "",
                                    "Name", name, "Label", name, "Type", "string", "Precision", 0,
                                    "Scale", 0, "Nullable", "UNKNOWN", "CaseSensitive", 0));
}

/* Runs an operation of Glue; *output may be NULL when it is not needed. */
static bool glue(statement *s, const char *name, json_t *input, json_t **output, kn_err *err) {
    kn_op_call call = {.lake = s->lake, .input = input};
    bool ok = false;
    for (const kn_op *op = kn_glue_service.ops; op->name; op++) {
        if (strcmp(op->name, name) == 0)
            ok = op->run(&call, err);
    }
    json_decref(input);
    if (ok && output)
        *output = call.output;
    else
        json_decref(call.output);
    return ok;
}

/* A pattern of SHOW: '*' is anything, '|' an alternative, anything else itself. */
static bool compile_pattern(const char *text, regex_t *regex, kn_err *err) {
    kn_buf pattern;
    kn_buf_init(&pattern, 4 * WORD_MAX);
    kn_buf_cstr(&pattern, "^(");
    for (; *text; text++) {
        if (*text == '*' || *text == '%')
            kn_buf_cstr(&pattern, ".*");
        else if (isalnum((unsigned char)*text) || *text == '|' || *text == '_' || *text == '.')
            kn_buf_char(&pattern, *text);
        else
            kn_buf_printf(&pattern, "\\%c", *text);
    }
    kn_buf_cstr(&pattern, ")$");
    bool ok =
        kn_buf_ok(&pattern) && regcomp(regex, pattern.p, REG_EXTENDED | REG_ICASE | REG_NOSUB) == 0;
    kn_buf_free(&pattern);
    return ok || kn_fail(err, KN_EINVAL, "SYNTAX_ERROR: the pattern is not valid");
}

/* The names of a Glue list, a line each, over all its pages. */
static bool list_names(statement *s, const char *op, const char *member, const char *database,
                       kn_err *err) {
    regex_t regex;
    bool filtered = take(s, "LIKE") || s->at < s->count, more = true, ok = true;
    json_t *token = NULL;
    if (filtered && (s->at >= s->count || !compile_pattern(word(s, s->at++), &regex, err)))
        return s->at < s->count || fail_here(s, err);
    ok = need_end(s, err);
    while (ok && more) {
        json_t *input = json_object(), *output = NULL, *doc;
        size_t i;
        if (database)
            json_object_set_new(input, "DatabaseName", json_string(database));
        if (token)
            json_object_set(input, "NextToken", token);
        ok = glue(s, op, input, &output, err);
        json_array_foreach(json_object_get(output, member), i, doc) {
            const char *name = kn_glue_text(doc, "Name");
            if (!filtered || regexec(&regex, name, 0, NULL, 0) == 0)
                kn_buf_printf(s->out, "%s\n", name);
        }
        json_decref(token);
        token = json_incref(json_object_get(output, "NextToken"));
        more = token != NULL;
        json_decref(output);
    }
    json_decref(token);
    if (filtered)
        regfree(&regex);
    return ok;
}

static bool show_databases(statement *s, kn_err *err) {
    add_column(s, "database_name");
    return list_names(s, "GetDatabases", "DatabaseList", NULL, err);
}

static bool show_tables(statement *s, kn_err *err) {
    const char *database = s->database;
    add_column(s, "tab_name");
    if (take(s, "IN") || take(s, "FROM")) {
        if (s->at >= s->count)
            return fail_here(s, err);
        database = word(s, s->at++);
    }
    return list_names(s, "GetTables", "TableList", database, err);
}

static void put_columns(statement *s, const json_t *list, bool types) {
    size_t i;
    json_t *column;
    json_array_foreach(list, i, column) {
        const char *comment = kn_glue_text(column, "Comment");
        const char *type = kn_glue_text(column, "Type");
        if (types)
            kn_buf_printf(s->out, "%-20s\t%-20s\t%-20s\n", kn_glue_text(column, "Name"),
                          type ? type : "", comment ? comment : "");
        else
            kn_buf_printf(s->out, "%-20s\n", kn_glue_text(column, "Name"));
    }
}

static bool describe(statement *s, bool types, kn_err *err) {
    const char *database, *table;
    json_t *doc = NULL;
    if (!take_table(s, &database, &table, err) || !need_end(s, err) ||
        !kn_glue_get_table(s->lake, database, table, &doc, err))
        return false;
    const json_t *keys = json_object_get(doc, "PartitionKeys");
    put_columns(s, json_object_get(json_object_get(doc, "StorageDescriptor"), "Columns"), types);
    put_columns(s, keys, types);
    if (types && json_array_size(keys)) {
        kn_buf_printf(s->out, "\t \t \n# Partition Information\t \t \n%-20s\t%-20s\t%-20s\n",
                      "# col_name", "data_type", "comment");
        kn_buf_cstr(s->out, "\t \t \n");
        put_columns(s, keys, true);
    }
    json_decref(doc);
    return true;
}

static bool describe_table(statement *s, kn_err *err) {
    add_column(s, "col_name");
    add_column(s, "data_type");
    add_column(s, "comment");
    if (!take(s, "EXTENDED"))
        take(s, "FORMATTED");
    return describe(s, true, err);
}

static bool show_columns(statement *s, kn_err *err) {
    add_column(s, "field");
    if (!take(s, "IN") && !take(s, "FROM"))
        return fail_here(s, err);
    return describe(s, false, err);
}

static bool show_partitions(statement *s, kn_err *err) {
    const char *database, *table;
    json_t *doc = NULL, *output = NULL, *partition, *value;
    size_t i, k;
    add_column(s, "partition");
    if (!take_table(s, &database, &table, err) || !need_end(s, err) ||
        !kn_glue_get_table(s->lake, database, table, &doc, err))
        return false;
    const json_t *keys = json_object_get(doc, "PartitionKeys");
    bool ok =
        glue(s, "GetPartitions",
             json_pack("{s:s, s:s}", "DatabaseName", database, "TableName", table), &output, err);
    json_array_foreach(json_object_get(output, "Partitions"), i, partition) {
        json_array_foreach(json_object_get(partition, "Values"), k, value)
            kn_buf_printf(s->out, "%s%s=%s", k ? "/" : "",
                          kn_glue_text(json_array_get(keys, k), "Name"), json_string_value(value));
        kn_buf_char(s->out, '\n');
    }
    json_decref(output);
    json_decref(doc);
    return ok;
}

/* Whether an error may be passed over: `code` under IF [NOT] EXISTS. */
static bool forgiven(bool ok, bool forgive, const char *code, const kn_err *err) {
    return ok || (forgive && err->code == KN_EAWS && strcmp(err->aws_code, code) == 0);
}

static bool create_database(statement *s, kn_err *err) {
    bool forgive = take(s, "IF") && take(s, "NOT") && take(s, "EXISTS");
    if (!*word(s, s->at))
        return fail_here(s, err);
    json_t *input = json_pack("{s:s}", "Name", word(s, s->at++));
    while (s->at < s->count) {
        const char *member = take(s, "COMMENT")    ? "Description"
                             : take(s, "LOCATION") ? "LocationUri"
                                                   : NULL;
        if (!member || s->at >= s->count) {
            json_decref(input);
            return fail_here(s, err);
        }
        json_object_set_new(input, member, json_string(word(s, s->at++)));
    }
    bool ok = glue(s, "CreateDatabase", json_pack("{s:o}", "DatabaseInput", input), NULL, err);
    return forgiven(ok, forgive, "AlreadyExistsException", err);
}

static bool drop_database(statement *s, kn_err *err) {
    bool forgive = take(s, "IF") && take(s, "EXISTS");
    json_t *output = NULL;
    if (s->at >= s->count)
        return fail_here(s, err);
    const char *name = word(s, s->at++);
    bool cascade = take(s, "CASCADE");
    if (!cascade)
        take(s, "RESTRICT");
    if (!need_end(s, err))
        return false;
    bool ok = glue(s, "GetTables", json_pack("{s:s}", "DatabaseName", name), &output, err);
    bool empty = json_array_size(json_object_get(output, "TableList")) == 0;
    json_decref(output);
    if (ok && !empty && !cascade)
        return kn_fail(err, KN_EINVAL,
                       "FAILED: InvalidOperationException(message:Database %s is not empty. One or "
                       "more tables exist.)",
                       name);
    ok = ok && glue(s, "DeleteDatabase", json_pack("{s:s}", "Name", name), NULL, err);
    return forgiven(ok, forgive, "EntityNotFoundException", err);
}

static bool drop_table(statement *s, kn_err *err) {
    const char *database, *table;
    bool forgive = take(s, "IF") && take(s, "EXISTS");
    if (!take_table(s, &database, &table, err) || !need_end(s, err))
        return false;
    bool ok = glue(s, "DeleteTable",
                   json_pack("{s:s, s:s}", "DatabaseName", database, "Name", table), NULL, err);
    return forgiven(ok, forgive, "EntityNotFoundException", err);
}

/* A statement is its first words; run NULL: known and not supported. */
static const struct {
    const char *words[3];
    bool (*run)(statement *s, kn_err *err);
} statements[] = {
    {{"SHOW", "DATABASES"}, show_databases},
    {{"SHOW", "SCHEMAS"}, show_databases},
    {{"SHOW", "TABLES"}, show_tables},
    {{"SHOW", "COLUMNS"}, show_columns},
    {{"SHOW", "PARTITIONS"}, show_partitions},
    {{"DESCRIBE"}, describe_table},
    {{"DESC"}, describe_table},
    {{"CREATE", "DATABASE"}, create_database},
    {{"CREATE", "SCHEMA"}, create_database},
    {{"DROP", "DATABASE"}, drop_database},
    {{"DROP", "SCHEMA"}, drop_database},
    {{"DROP", "TABLE"}, drop_table},
    {{"SHOW"}, NULL},
    {{"CREATE"}, NULL},
    {{"DROP"}, NULL},
    {{"ALTER"}, NULL},
    {{"MSCK"}, NULL},
    {{"INSERT"}, NULL},
    {{"UPDATE"}, NULL},
    {{"DELETE"}, NULL},
    {{"MERGE"}, NULL},
    {{"UNLOAD"}, NULL},
    {{"VACUUM"}, NULL},
    {{"OPTIMIZE"}, NULL},
    {{"PREPARE"}, NULL},
    {{"EXECUTE"}, NULL},
    {{"DEALLOCATE"}, NULL},
    {{"EXPLAIN"}, NULL},
};

bool kn_athena_is_ddl(const char *text) {
    char keyword[32];
    kn_athena_keyword(text, keyword);
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (strcmp(statements[i].words[0], keyword) == 0)
            return true;
    }
    return false;
}

bool kn_athena_ddl(kn_lake *lake, const char *text, const char *database, kn_buf *out,
                   json_t **columns, kn_err *err) {
    statement *s = calloc(1, sizeof *s);
    if (!s)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    *s = (statement){.lake = lake, .database = database, .out = out, .columns = columns};
    bool ok = split(s, text, err), found = false;
    for (size_t i = 0; ok && !found && i < sizeof statements / sizeof *statements; i++) {
        size_t n = statements[i].words[1] ? 2 : 1;
        found = strcasecmp(word(s, 0), statements[i].words[0]) == 0 &&
                (n == 1 || strcasecmp(word(s, 1), statements[i].words[1]) == 0);
        s->at = n;
        if (found && statements[i].run)
            ok = statements[i].run(s, err);
        else if (found)
            ok = kn_fail(err, KN_EINVAL, "NOT_SUPPORTED: %s %s is not supported by the lake",
                         word(s, 0), word(s, 1));
    }
    free(s);
    return ok && kn_buf_check(out, "the result", err);
}
