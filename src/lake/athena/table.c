/* A Glue table as a DuckDB view over the objects at its location, its columns in Glue's order and
 * of Glue's types. Parquet by name with an explicit schema, so that a file's footer is read only
 * when the file is, and a column that a file lacks is NULL; JSON lines and delimited text too.
 *
 * Partition columns come from the object's path by partition projection (DuckDB prunes files by
 * predicates on them), or are constants of a stored partition. Objects whose name begins with "_"
 * or
 * "." and empty ones are no data, as in Athena.
 * Left out on purpose: ORC, Avro, Iceberg, bucketing; partition schemas that differ from the
 * table's. "$path" shows up in SELECT * of a query that names it. */
#include "base/time.h"
#include "lake/athena/parts.h"
#include "lake/athena/projection.h"
#include "lake/glue/parts.h"
#include "lake/store/objects.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

enum { TYPE_DEPTH_MAX = 32, VIEW_MAX = 64 << 20 };

/* --- types --- */

static const char *const scalar_types[][2] = {
    {"string", "VARCHAR"},    {"varchar", "VARCHAR"},     {"char", "VARCHAR"},
    {"int", "INTEGER"},       {"integer", "INTEGER"},     {"bigint", "BIGINT"},
    {"smallint", "SMALLINT"}, {"tinyint", "TINYINT"},     {"boolean", "BOOLEAN"},
    {"float", "FLOAT"},       {"real", "FLOAT"},          {"double", "DOUBLE"},
    {"date", "DATE"},         {"timestamp", "TIMESTAMP"}, {"binary", "BLOB"},
};

static void skip_spaces(const char **p) {
    while (**p == ' ')
        ++*p;
}

static bool expect(const char **p, char c, kn_err *err) {
    skip_spaces(p);
    if (**p != c)
        return kn_fail(err, KN_EINVAL, "'%c' expected at '%.40s'", c, *p);
    ++*p;
    return true;
}

static bool parse_type(const char **p, int depth, kn_buf *out, kn_err *err);

static bool parse_struct(const char **p, int depth, kn_buf *out, kn_err *err) {
    kn_buf_cstr(out, "STRUCT(");
    for (bool more = false;; more = true) {
        skip_spaces(p);
        size_t n = strcspn(*p, ":<>,");
        if (n == 0)
            return kn_fail(err, KN_EINVAL, "a field's name is missing at '%.40s'", *p);
        kn_buf_cstr(out, more ? ", " : "");
        kn_sql_quote_name(out, (kn_slice){*p, n});
        kn_buf_char(out, ' ');
        *p += n;
        if (!expect(p, ':', err) || !parse_type(p, depth, out, err))
            return false;
        skip_spaces(p);
        if (**p != ',')
            break;
        ++*p;
    }
    kn_buf_char(out, ')');
    return expect(p, '>', err);
}

/* A word with its parameters: "decimal(10,2)", "varchar(20)". */
static bool parse_scalar(const char **p, size_t n, kn_buf *out, kn_err *err) {
    const char *word = *p, *end = word + n;
    bool decimal = n == 7 && strncasecmp(word, "decimal", n) == 0;
    if (*end == '(') {
        end += strcspn(end, ")");
        if (*end)
            end++;
    }
    *p = end;
    if (decimal) {
        kn_buf_cstr(out, "DECIMAL");
        if (end > word + n)
            kn_buf_append(out, word + n, (size_t)(end - word) - n);
        else
            kn_buf_cstr(out, "(10,0)");
        return strspn(word + n, "(), 0123456789") >= (size_t)(end - word) - n ||
               kn_fail(err, KN_EINVAL, "'%.40s' is no decimal type", word);
    }
    for (size_t i = 0; i < sizeof scalar_types / sizeof *scalar_types; i++) {
        if (strlen(scalar_types[i][0]) == n && strncasecmp(scalar_types[i][0], word, n) == 0) {
            kn_buf_cstr(out, scalar_types[i][1]);
            return true;
        }
    }
    return kn_fail(err, KN_EINVAL, "the type '%.*s' is not known", (int)n, word);
}

static bool parse_type(const char **p, int depth, kn_buf *out, kn_err *err) {
    skip_spaces(p);
    size_t n = strcspn(*p, "<>(),: ");
    const char *word = *p;
    if (depth > TYPE_DEPTH_MAX)
        return kn_fail(err, KN_ELIMIT, "the type is nested deeper than %d", TYPE_DEPTH_MAX);
    if (word[n] != '<')
        return parse_scalar(p, n, out, err);
    *p += n + 1;
    if (n == 5 && strncasecmp(word, "array", n) == 0) {
        if (!parse_type(p, depth + 1, out, err))
            return false;
        kn_buf_cstr(out, "[]");
        return expect(p, '>', err);
    }
    if (n == 3 && strncasecmp(word, "map", n) == 0) {
        kn_buf_cstr(out, "MAP(");
        if (!parse_type(p, depth + 1, out, err) || !expect(p, ',', err))
            return false;
        kn_buf_cstr(out, ", ");
        if (!parse_type(p, depth + 1, out, err))
            return false;
        kn_buf_char(out, ')');
        return expect(p, '>', err);
    }
    if (n == 6 && strncasecmp(word, "struct", n) == 0)
        return parse_struct(p, depth + 1, out, err);
    return kn_fail(err, KN_EINVAL, "the type '%.*s' is not known", (int)n, word);
}

bool kn_athena_type(const char *glue, kn_buf *out, kn_err *err) {
    const char *p = glue;
    bool ok = parse_type(&p, 0, out, err);
    if (ok) {
        skip_spaces(&p);
        ok = !*p || kn_fail(err, KN_EINVAL, "'%.40s' is left over", p);
    }
    return ok || kn_fail_within(err, "type %.200s", glue);
}

/* --- the view --- */

typedef struct view {
    kn_lake *lake;
    const json_t *table;
    const json_t *columns; /* of the StorageDescriptor */
    const json_t *keys;
    kn_projection *projection;
    bool wants_path;
    kn_buf *sql;
    uint64_t *bytes;
    size_t sources; /* SELECTs written */
    /* of the location being listed */
    const char *bucket;
    kn_buf files; /* 'path', 'path' */
    kn_err *err;
    bool failed;
} view;

static const char *text_of(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

static bool column_type(const json_t *column, kn_buf *out, kn_err *err) {
    const char *type = text_of(column, "Type"), *name = text_of(column, "Name");
    if (!name)
        return kn_fail(err, KN_EINVAL, "HIVE_INVALID_METADATA: a column has no name");
    return kn_athena_type(type ? type : "string", out, err) ||
           kn_fail_within(err, "HIVE_INVALID_METADATA: column %s", name);
}

/* 'name': 'TYPE' pairs, as read_json and read_csv want their columns, or read_parquet its schema.
 */
static bool append_schema(view *v, bool parquet, kn_err *err) {
    size_t i;
    json_t *column;
    kn_buf type;
    kn_buf_init(&type, VIEW_MAX);
    bool ok = true;
    json_array_foreach(v->columns, i, column) {
        kn_buf_clear(&type);
        ok = column_type(column, &type, err) && kn_buf_check(&type, "a type", err);
        if (!ok)
            break;
        kn_slice name = kn_slice_cstr(text_of(column, "Name"));
        kn_buf_cstr(v->sql, i ? ", " : "");
        kn_sql_quote_string(v->sql, name);
        kn_buf_cstr(v->sql, parquet ? ": {name: " : ": ");
        if (parquet) {
            kn_sql_quote_string(v->sql, name);
            kn_buf_cstr(v->sql, ", type: ");
        }
        kn_sql_quote_string(v->sql, kn_buf_view(&type));
        if (parquet)
            kn_buf_cstr(v->sql, ", default_value: NULL}");
    }
    kn_buf_free(&type);
    return ok;
}

static bool contains(const char *text, const char *part) {
    return text && strcasestr(text, part);
}

/* The delimiter of LazySimpleSerDe and OpenCSVSerde, and the lines to skip. */
static void append_csv_options(view *v, const char *library) {
    const json_t *serde = json_object_get(
        json_object_get(json_object_get(v->table, "StorageDescriptor"), "SerdeInfo"), "Parameters");
    const char *delimiter = text_of(serde, "field.delim");
    const char *skip = text_of(json_object_get(v->table, "Parameters"), "skip.header.line.count");
    bool quoted = contains(library, "OpenCSV");
    if (!delimiter)
        delimiter = text_of(serde, quoted ? "separatorChar" : "serialization.format");
    if (!delimiter || strcmp(delimiter, "1") == 0)
        delimiter = quoted ? "," : "\x01";
    kn_buf_cstr(v->sql, ", header = false, auto_detect = false, null_padding = true, delim = ");
    kn_sql_quote_string(v->sql, kn_slice_cstr(delimiter));
    kn_buf_printf(v->sql, ", quote = '%s', escape = '%s', nullstr = '%s', skip = %d",
                  quoted ? "\"" : "", quoted ? "\"" : "", quoted ? "" : "\\N",
                  skip ? atoi(skip) : 0);
}

/* The table function over v->files for the table's format. */
static bool append_reader(view *v, kn_err *err) {
    const json_t *storage = json_object_get(v->table, "StorageDescriptor");
    const char *library = text_of(json_object_get(storage, "SerdeInfo"), "SerializationLibrary");
    const char *format = text_of(storage, "InputFormat");
    bool parquet = contains(library, "parquet") || contains(format, "parquet");
    bool json = contains(library, "json");
    bool csv = contains(library, "LazySimple") || contains(library, "OpenCSV");
    if (!parquet && !json && !csv)
        return kn_fail(err, KN_EINVAL,
                       "HIVE_UNSUPPORTED_FORMAT: the serialization library %s is not supported "
                       "(Parquet, JSON, LazySimpleSerDe and OpenCSVSerde are)",
                       library ? library : "(none)");
    kn_buf_printf(v->sql, "%s([%s], filename = true, hive_partitioning = false, %s",
                  parquet ? "read_parquet"
                  : json  ? "read_json"
                          : "read_csv",
                  v->files.p, parquet ? "schema = MAP {" : "columns = {");
    if (!append_schema(v, parquet, err))
        return false;
    kn_buf_char(v->sql, '}');
    if (json)
        kn_buf_cstr(v->sql, ", format = 'newline_delimited'");
    if (csv)
        append_csv_options(v, library);
    kn_buf_char(v->sql, ')');
    return true;
}

/* A partition column: text cast to its type, by the projection's date format if it has one. */
static bool append_key(view *v, size_t i, const char *text_sql, kn_err *err) {
    const json_t *column = json_array_get(v->keys, i);
    const char *format = v->projection ? kn_projection_format(v->projection, i) : NULL;
    const char *type = text_of(column, "Type");
    bool dated =
        format && type && (strcasecmp(type, "date") == 0 || strcasecmp(type, "timestamp") == 0);
    kn_buf_cstr(v->sql, ", CAST(");
    if (dated) {
        kn_buf_printf(v->sql, "strptime(%s, ", text_sql);
        kn_sql_quote_string(v->sql, kn_slice_cstr(format));
        kn_buf_char(v->sql, ')');
    } else {
        kn_buf_cstr(v->sql, text_sql);
    }
    kn_buf_cstr(v->sql, " AS ");
    if (!column_type(column, v->sql, err))
        return false;
    kn_buf_cstr(v->sql, ") AS ");
    kn_sql_quote_name(v->sql, kn_slice_cstr(text_of(column, "Name")));
    return true;
}

/* SQL for the URI of the object a row comes from. */
static void append_uri(view *v, kn_buf *out) {
    size_t root = strlen(kn_objects_root(kn_lake_objects(v->lake)));
    kn_buf_printf(out, "('s3://' || substr(filename, %zu))", root + 2);
}

/* One SELECT over v->files. values: of a stored partition, or NULL. */
static bool append_source(view *v, const json_t *values, kn_err *err) {
    size_t i;
    json_t *column;
    kn_buf key, uri;
    kn_buf_init(&key, VIEW_MAX);
    kn_buf_init(&uri, VIEW_MAX);
    append_uri(v, &uri);
    kn_buf_cstr(v->sql, v->sources++ ? " UNION ALL SELECT " : "SELECT ");
    json_array_foreach(v->columns, i, column) {
        kn_buf_cstr(v->sql, i ? ", " : "");
        kn_sql_quote_name(v->sql, kn_slice_cstr(text_of(column, "Name")));
    }
    bool ok = true;
    for (i = 0; ok && i < json_array_size(v->keys); i++) {
        kn_buf_clear(&key);
        if (values)
            kn_sql_quote_string(&key, kn_slice_cstr(json_string_value(json_array_get(values, i))));
        else
            kn_projection_sql(v->projection, i, uri.p, &key);
        ok = kn_buf_check(&key, "a partition", err) && append_key(v, i, key.p, err);
    }
    if (v->wants_path)
        kn_buf_printf(v->sql, ", %s AS \"$path\"", uri.p);
    kn_buf_cstr(v->sql, " FROM ");
    ok = ok && append_reader(v, err);
    kn_buf_free(&key);
    kn_buf_free(&uri);
    return ok;
}

/* A table without objects: its types and no rows. */
static bool append_empty(view *v, kn_err *err) {
    const json_t *lists[] = {v->columns, v->keys};
    size_t i, n = 0;
    json_t *column;
    kn_buf_cstr(v->sql, "SELECT ");
    for (int l = 0; l < 2; l++) {
        json_array_foreach(lists[l], i, column) {
            kn_buf_cstr(v->sql, n++ ? ", CAST(NULL AS " : "CAST(NULL AS ");
            if (!column_type(column, v->sql, err))
                return false;
            kn_buf_cstr(v->sql, ") AS ");
            kn_sql_quote_name(v->sql, kn_slice_cstr(text_of(column, "Name")));
        }
    }
    if (v->wants_path)
        kn_buf_printf(v->sql, "%sCAST(NULL AS VARCHAR) AS \"$path\"", n ? ", " : "");
    kn_buf_cstr(v->sql, " WHERE false");
    return true;
}

/* --- objects --- */

/* DuckDB takes a path for a pattern: it must match nothing but itself. */
static void quote_path(kn_buf *out, const char *path) {
    kn_buf_char(out, '\'');
    for (; *path; path++) {
        if (*path == '\'')
            kn_buf_cstr(out, "''");
        else if (strchr("*?[", *path))
            kn_buf_printf(out, "[%c]", *path);
        else
            kn_buf_char(out, *path);
    }
    kn_buf_char(out, '\'');
}

static bool add_object(void *context, const kn_object *object) {
    view *v = context;
    const char *slash = strrchr(object->key, '/'), *name = slash ? slash + 1 : object->key;
    char uri[2048];
    if (object->size == 0 || *name == '_' || *name == '.' || !*name)
        return true;
    int n = snprintf(uri, sizeof uri, "s3://%s/%s", v->bucket, object->key);
    if (v->projection && !kn_projection_match(v->projection, uri))
        return true;
    size_t length = strlen(object->path), tail = (size_t)n - 5;
    if ((v->projection || v->wants_path) &&
        (length < tail || strcmp(object->path + length - tail, uri + 5) != 0)) {
        v->failed = true;
        return kn_fail(v->err, KN_EINVAL,
                       "the object %s has a name that no file can have, so its partition cannot "
                       "be told",
                       uri);
    }
    if (v->files.len)
        kn_buf_cstr(&v->files, ", ");
    quote_path(&v->files, object->path);
    *v->bytes += object->size;
    return kn_buf_ok(&v->files);
}

static bool list_location(view *v, const char *location, kn_err *err) {
    char bucket[256];
    const char *key;
    kn_buf prefix;
    kn_buf_clear(&v->files);
    if (!location || !kn_athena_split(location, bucket, &key))
        return kn_fail(err, KN_EINVAL,
                       "HIVE_INVALID_METADATA: the location %s is not s3://bucket/...",
                       location ? location : "(none)");
    kn_buf_init(&prefix, 4096);
    kn_buf_cstr(&prefix, key);
    if (*key && key[strlen(key) - 1] != '/' && !v->projection)
        kn_buf_char(&prefix, '/'); /* a folder: "data" does not hold "database/x" */
    v->bucket = bucket;
    v->err = err;
    v->failed = false;
    bool ok = kn_objects_list(kn_lake_objects(v->lake), bucket, prefix.p ? prefix.p : "", NULL,
                              add_object, v, err) &&
              !v->failed && kn_buf_check(&v->files, "the list of objects", err);
    kn_buf_free(&prefix);
    return ok;
}

static bool collect_partition(void *list, const char *key, json_t *doc) {
    (void)key;
    return json_array_append(list, doc) == 0;
}

static bool append_partitions(view *v, kn_err *err) {
    json_t *found = json_array();
    kn_buf prefix;
    size_t i;
    json_t *doc;
    bool ok =
        kn_glue_key(&prefix, text_of(v->table, "DatabaseName"), text_of(v->table, "Name"), err);
    kn_buf_char(&prefix, '\x1f');
    ok = ok && kn_store_scan(kn_lake_store(v->lake), KN_GLUE_PARTITION, prefix.p, NULL,
                             collect_partition, found, err);
    json_array_foreach(found, i, doc) {
        const char *location = text_of(json_object_get(doc, "StorageDescriptor"), "Location");
        if (!ok)
            break;
        ok = list_location(v, location, err) &&
             (!v->files.len || append_source(v, json_object_get(doc, "Values"), err));
    }
    json_decref(found);
    kn_buf_free(&prefix);
    return ok;
}

static bool append_sources(view *v, kn_err *err) {
    if (!kn_projection_open(v->table, kn_time_now_ms(), &v->projection, err))
        return false;
    bool ok;
    if (!v->projection && json_array_size(v->keys)) {
        ok = append_partitions(v, err);
    } else {
        const char *location =
            v->projection ? kn_projection_prefix(v->projection)
                          : text_of(json_object_get(v->table, "StorageDescriptor"), "Location");
        ok = list_location(v, location, err) && (!v->files.len || append_source(v, NULL, err));
    }
    kn_projection_close(v->projection);
    return ok && (v->sources || append_empty(v, err));
}

bool kn_athena_table_view(kn_lake *lake, const json_t *table, bool wants_path, kn_buf *sql,
                          uint64_t *bytes, kn_err *err) {
    view v = {
        .lake = lake,
        .table = table,
        .columns = json_object_get(json_object_get(table, "StorageDescriptor"), "Columns"),
        .keys = json_object_get(table, "PartitionKeys"),
        .wants_path = wants_path,
        .sql = sql,
        .bytes = bytes,
    };
    if (!json_array_size(v.columns))
        return kn_fail(err, KN_EINVAL, "HIVE_INVALID_METADATA: table %s.%s has no columns",
                       text_of(table, "DatabaseName"), text_of(table, "Name"));
    kn_buf_init(&v.files, VIEW_MAX);
    kn_buf_cstr(sql, "CREATE OR REPLACE VIEW awsdatacatalog.");
    kn_sql_quote_name(sql, kn_slice_cstr(text_of(table, "DatabaseName")));
    kn_buf_char(sql, '.');
    kn_sql_quote_name(sql, kn_slice_cstr(text_of(table, "Name")));
    kn_buf_cstr(sql, " AS ");
    bool ok = append_sources(&v, err) && kn_buf_check(sql, "the view", err);
    kn_buf_free(&v.files);
    return ok;
}
