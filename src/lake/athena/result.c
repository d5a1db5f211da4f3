/* Result files: <output>/<id>.csv with every field in quotes and NULL as nothing, <id>.csv.metadata
 * beside it; <id>.txt for statements about the catalog. GetQueryResults reads them back a page at a
 * time: a NextToken is the offset of the page in the file, so a result is never in memory whole.
 *
 * The metadata file is JSON (a list of ColumnInfo); AWS's own is an undocumented binary. */
#include "base/file.h"
#include "base/json.h"
#include "lake/athena/parts.h"
#include "lake/store/objects.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FLUSH_AT = 256 << 10, FIELD_MAX = 256 << 20, URI_MAX = 2048, PAGE_MAX = 512 << 20 };

bool kn_athena_split(const char *uri, char bucket[256], const char **key) {
    if (strncmp(uri, "s3://", 5) != 0)
        return false;
    const char *slash = strchrnul(uri + 5, '/');
    size_t n = (size_t)(slash - uri - 5);
    if (n == 0 || n >= 256)
        return false;
    memcpy(bucket, uri + 5, n);
    bucket[n] = '\0';
    *key = *slash ? slash + 1 : slash;
    return true;
}

void kn_athena_location(const char *output, const char *id, bool ddl, kn_buf *out) {
    size_t n = strlen(output);
    kn_buf_printf(out, "%s%s%s%s", output, n && output[n - 1] == '/' ? "" : "/", id,
                  ddl ? ".txt" : ".csv");
}

/* --- writing --- */

static json_t *describe(const kn_athena_query *query, kn_sql_result *result) {
    size_t n = kn_sql_column_count(result);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        const kn_sql_column *column = kn_sql_column_at(result, i);
        char text[24];
        const char *name = kn_athena_column_name(query, i, n, text);
        if (!name)
            name = column->name;
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:b}",
                                              "CatalogName", "hive", "SchemaName", "", "TableName",
                                              "", "Name", name, "Label", name, "Type", column->type,
                                              "Precision", column->precision, "Scale",
                                              column->scale, "Nullable", "UNKNOWN", "CaseSensitive",
                                              column->case_sensitive));
    }
    return list;
}

static void put_field(kn_buf *out, kn_slice field) {
    kn_buf_char(out, '"');
    for (size_t i = 0; i < field.n;) {
        const char *mark = memchr(field.p + i, '"', field.n - i);
        size_t end = mark ? (size_t)(mark - field.p) + 1 : field.n;
        kn_buf_append(out, field.p + i, end - i);
        if (mark)
            kn_buf_char(out, '"');
        i = end;
    }
    kn_buf_char(out, '"');
}

static void put_header(kn_buf *out, const json_t *columns) {
    size_t i;
    json_t *column;
    json_array_foreach(columns, i, column) {
        if (i)
            kn_buf_char(out, ',');
        put_field(out, kn_slice_cstr(json_string_value(json_object_get(column, "Name"))));
    }
    kn_buf_char(out, '\n');
}

/* Rows into the file, a piece at a time. */
static bool write_rows(const kn_athena_job *job, kn_sql_result *result, int fd, kn_buf *out,
                       kn_err *err) {
    size_t n = kn_sql_column_count(result);
    bool row = true, ok = true;
    kn_buf field;
    kn_buf_init(&field, FIELD_MAX);
    while ((ok = kn_sql_next(result, &row, err)) && row) {
        for (size_t i = 0; i < n; i++) {
            if (i)
                kn_buf_char(out, ',');
            kn_buf_clear(&field);
            if (kn_sql_render(result, i, &field))
                put_field(out, kn_buf_view(&field));
        }
        kn_buf_char(out, '\n');
        ok = kn_buf_check(&field, "a value", err) && kn_buf_check(out, "a row", err);
        if (ok && out->len >= FLUSH_AT) {
            ok = kn_file_write_all(fd, out->p, out->len, err);
            kn_buf_clear(out);
            if (ok && job->cancelled(job->context))
                ok = kn_fail(err, KN_ECANCEL, "Query cancelled");
        }
        if (!ok)
            break;
    }
    kn_buf_free(&field);
    return ok && kn_file_write_all(fd, out->p, out->len, err);
}

/* Registers the metadata, then the result: who sees the result sees both. */
static bool publish(const kn_athena_job *job, const char *file, bool ddl, const json_t *columns,
                    kn_err *err) {
    kn_objects *objects = kn_lake_objects(job->lake);
    char bucket[256];
    const char *key;
    kn_buf uri;
    kn_buf_init(&uri, URI_MAX);
    kn_athena_location(job->output, job->id, ddl, &uri);
    json_t *meta = json_pack("{s:s}", "ContentType", ddl ? "text/plain" : "text/csv");
    bool ok = kn_buf_check(&uri, "the output location", err);
    if (ok && !kn_athena_split(uri.p, bucket, &key))
        ok = kn_fail(err, KN_EINVAL, "The output location %s is not s3://bucket/prefix", uri.p);
    if (ok && columns) {
        char *text = json_dumps(columns, JSON_COMPACT);
        char path[URI_MAX + 16];
        snprintf(path, sizeof path, "%s.metadata", key);
        ok = kn_objects_put(objects, bucket, path, kn_slice_cstr(text ? text : "[]"), NULL, err);
        free(text);
    }
    ok = ok && kn_objects_adopt(objects, bucket, key, file, meta, err);
    json_decref(meta);
    kn_buf_free(&uri);
    return ok;
}

static int open_spool(const kn_athena_job *job, char path[4096], kn_err *err) {
    snprintf(path, 4096, "%s/athena-%s", kn_objects_spool(kn_lake_objects(job->lake)), job->id);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 && !kn_fail_errno(err, "cannot create %s", path))
        return -1;
    return fd;
}

bool kn_athena_result_write(const kn_athena_job *job, const kn_athena_query *query,
                            kn_sql_result *result, json_t **columns, kn_err *err) {
    char path[4096];
    int fd = open_spool(job, path, err);
    if (fd < 0)
        return false;
    kn_buf out;
    kn_buf_init(&out, FIELD_MAX);
    *columns = describe(query, result);
    put_header(&out, *columns);
    bool ok = write_rows(job, result, fd, &out, err);
    close(fd);
    kn_buf_free(&out);
    ok = ok && publish(job, path, false, *columns, err);
    if (!ok)
        unlink(path);
    return ok;
}

bool kn_athena_result_write_text(const kn_athena_job *job, kn_slice text, kn_err *err) {
    char path[4096];
    int fd = open_spool(job, path, err);
    if (fd < 0)
        return false;
    bool ok = kn_file_write_all(fd, text.p, text.n, err);
    close(fd);
    ok = ok && publish(job, path, true, NULL, err);
    if (!ok)
        unlink(path);
    return ok;
}

/* --- reading --- */

typedef struct reader {
    FILE *file;
    kn_buf field;
    bool lines; /* a line is a row of one field */
} reader;

/* One CSV field into r->field. *null: nothing at all, not even quotes. *last: it ends the row. */
static bool read_field(reader *r, bool *null, bool *last) {
    int c = getc_unlocked(r->file);
    kn_buf_clear(&r->field);
    *null = c != '"' && !r->lines;
    if (c == '"' && !r->lines) {
        while ((c = getc_unlocked(r->file)) != EOF) {
            if (c == '"' && (c = getc_unlocked(r->file)) != '"')
                break;
            kn_buf_char(&r->field, (char)c);
        }
    }
    while (r->lines && c != EOF && c != '\n') {
        kn_buf_char(&r->field, (char)c);
        c = getc_unlocked(r->file);
    }
    *last = c != ',';
    return *last ? c == '\n' : true;
}

static bool read_row(reader *r, size_t columns, kn_json *j) {
    bool null, last = false;
    kn_json_begin(j, '{');
    kn_json_key(j, "Data");
    kn_json_begin(j, '[');
    for (size_t i = 0; !last; i++) {
        if (!read_field(r, &null, &last) || (i >= columns && columns))
            return false;
        kn_json_begin(j, '{');
        if (!null) {
            kn_json_key(j, "VarCharValue");
            kn_json_string(j, kn_buf_view(&r->field));
        }
        kn_json_end(j, '}');
    }
    kn_json_end(j, ']');
    kn_json_end(j, '}');
    return kn_buf_ok(j->out) && kn_buf_ok(&r->field);
}

static bool at_end(FILE *file) {
    int c = getc_unlocked(file);
    if (c == EOF)
        return true;
    ungetc(c, file);
    return false;
}

static bool read_page(reader *r, const json_t *columns, size_t limit, kn_json *j, kn_err *err) {
    kn_json_begin(j, '{');
    kn_json_key(j, "UpdateCount");
    kn_json_int(j, 0);
    kn_json_key(j, "ResultSet");
    kn_json_begin(j, '{');
    kn_json_key(j, "ResultSetMetadata");
    kn_json_begin(j, '{');
    kn_json_key(j, "ColumnInfo");
    char *text = columns ? json_dumps(columns, JSON_COMPACT) : NULL;
    kn_json_raw(j, kn_slice_cstr(text ? text : "[]"));
    free(text);
    kn_json_end(j, '}');
    kn_json_key(j, "Rows");
    kn_json_begin(j, '[');
    for (size_t n = 0; n < limit && !at_end(r->file); n++) {
        if (!read_row(r, r->lines ? 1 : json_array_size(columns), j))
            return kn_fail_aws(err, 400, "InvalidRequestException",
                               "The result cannot be read: its file in S3 has been changed, or "
                               "NextToken is not one of this query's");
    }
    kn_json_end(j, ']');
    kn_json_end(j, '}');
    if (!at_end(r->file)) {
        char token[32];
        snprintf(token, sizeof token, "%ld", ftell(r->file));
        kn_json_key(j, "NextToken");
        kn_json_cstr(j, token);
    }
    kn_json_end(j, '}');
    return kn_buf_check(j->out, "the page", err);
}

static bool parse_token(const char *token, long *offset, kn_err *err) {
    char *end;
    *offset = 0;
    if (!token)
        return true;
    errno = 0;
    *offset = strtol(token, &end, 10);
    return (end != token && !*end && *offset > 0 && errno == 0) ||
           kn_fail_aws(err, 400, "InvalidRequestException", "NextToken is not valid");
}

bool kn_athena_result_page(kn_lake *lake, const json_t *doc, const char *token, size_t limit,
                           kn_buf *out, kn_err *err) {
    const char *uri = json_string_value(
        json_object_get(json_object_get(json_object_get(doc, "execution"), "ResultConfiguration"),
                        "OutputLocation"));
    char bucket[256];
    const char *key;
    long offset;
    int fd = -1;
    reader r = {.lines = json_is_true(json_object_get(doc, "ddl"))};
    kn_json j = kn_json_to(out);
    if (!parse_token(token, &offset, err))
        return false;
    if (!uri || !kn_athena_split(uri, bucket, &key))
        return kn_fail(err, KN_ESTATE, "the execution has no output location");
    json_t *meta = NULL;
    if (!kn_objects_get(kn_lake_objects(lake), bucket, key, &meta, &fd, err))
        return kn_fail_aws(err, 400, "InvalidRequestException",
                           "Could not find results: %s is gone", uri);
    json_decref(meta);
    r.file = fdopen(fd, "r");
    if (!r.file) {
        close(fd);
        return kn_fail_errno(err, "cannot read %s", uri);
    }
    kn_buf_init(&r.field, PAGE_MAX);
    bool ok = fseek(r.file, offset, SEEK_SET) == 0 || kn_fail_errno(err, "cannot read %s", uri);
    ok = ok && read_page(&r, json_object_get(doc, "columns"), limit, &j, err);
    fclose(r.file);
    kn_buf_free(&r.field);
    return ok;
}
