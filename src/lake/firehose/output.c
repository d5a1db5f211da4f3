/* The files of one delivery: the data, as it came or as Parquet, and the records that could not be
 * converted. Files are made in the objects' spool folder and adopted at the end.
 *
 * Compression: UNCOMPRESSED and GZIP; with conversion Parquet's own. An error object is NDJSON, a
 * line a record, as AWS writes it. An aggregated record of a source stream is taken apart; one that
 * was put directly is not, as on AWS. */
#include "lake/firehose/state.h"

#include "base/base64.h"
#include "base/deaggregate.h"
#include "base/file.h"
#include "base/json.h"
#include "base/time.h"
#include "lake/firehose/convert.h"
#include "lake/firehose/prefix.h"
#include "lake/glue/glue.h"
#include "lake/kinesis/kinesis.h"
#include "lake/sql/parquet.h"
#include "lake/store/objects.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#define FAILED "format-conversion-failed"

enum {
    CHUNK_ROWS = 2048,
    CHUNK_BYTES = 8 << 20, /* of JSON, before rows are handed on */
    LINE_MAX_BYTES = 64 << 20,
    FILE_BUFFER = 256 << 10,
};

typedef struct file {
    char path[PATH_MAX]; /* "" until it is made */
    gzFile stream;
    int64_t oldest_ms; /* arrival of the oldest record in it */
    char etag[33];
} file;

struct kn_output {
    kn_firehose *firehose;
    const kn_delivery *delivery;
    const json_t *destination;
    char version[24];
    unsigned char id[16];
    file data, bad;
    kn_slice delimiter;
    kn_buf line;
    uint64_t records, rows, failed;
    kn_deaggregator reader; /* of a source stream's records */
    /* of a conversion */
    const json_t *conversion;
    json_t *catalog; /* dataCatalogTable of error lines */
    kn_type row;
    kn_convert *convert;
    kn_parquet *parquet;
    uint64_t chunk_bytes;
};

/* --- files -------------------------------------------------------------------------------- */

static const char *text(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

static bool name_file(kn_output *o, file *out, kn_err *err) {
    kn_buf uuid;
    kn_buf_init(&uuid, 64);
    kn_prefix_uuid(&uuid, NULL);
    bool ok = kn_buf_check(&uuid, "a file name", err);
    if (ok && snprintf(out->path, sizeof out->path, "%s/firehose-%s",
                       kn_objects_spool(kn_lake_objects(o->firehose->lake)),
                       uuid.p) >= (int)sizeof out->path)
        ok = kn_fail(err, KN_EINVAL, "folder name is too long");
    kn_buf_free(&uuid);
    return ok;
}

/* "T" writes what it is given, without a gzip frame. */
static bool open_file(kn_output *o, file *out, bool gzip, kn_err *err) {
    if (!name_file(o, out, err))
        return false;
    errno = ENOMEM;
    out->stream = gzopen(out->path, gzip ? "wbxe6" : "wbxeT");
    if (!out->stream)
        return kn_fail_errno(err, "cannot make %s", out->path);
    gzbuffer(out->stream, FILE_BUFFER);
    return true;
}

static bool write_file(file *f, kn_slice bytes, kn_err *err) {
    errno = EIO;
    if (bytes.n == 0 || gzwrite(f->stream, bytes.p, (unsigned)bytes.n) == (int)bytes.n)
        return true;
    return kn_fail_errno(err, "cannot write %s", f->path);
}

static bool close_file(file *f, kn_err *err) {
    gzFile stream = f->stream;
    f->stream = NULL;
    errno = EIO;
    if (stream && gzclose(stream) != Z_OK)
        return kn_fail_errno(err, "cannot write %s", f->path);
    return true;
}

static void drop_file(file *f) {
    if (f->stream)
        (void)gzclose(f->stream); /* the file goes: what it could not write does not matter */
    f->stream = NULL;
    if (f->path[0])
        unlink(f->path);
    f->path[0] = '\0';
}

/* The ETag is computed here, so that the store is not held meanwhile. */
static bool digest_file(file *f, kn_err *err) {
    unsigned char digest[EVP_MAX_MD_SIZE], bytes[64 << 10];
    FILE *in = fopen(f->path, "rbe");
    if (!in)
        return kn_fail_errno(err, "cannot open %s", f->path);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context && EVP_DigestInit_ex(context, EVP_md5(), NULL) == 1;
    size_t n;
    while (ok && (n = fread(bytes, 1, sizeof bytes, in)) > 0)
        ok = EVP_DigestUpdate(context, bytes, n) == 1;
    ok = ok && EVP_DigestFinal_ex(context, digest, NULL) == 1;
    if (ok && ferror(in))
        ok = kn_fail_errno(err, "cannot read %s", f->path);
    else if (!ok)
        kn_fail(err, KN_ENOMEM, "cannot compute the MD5 of %s", f->path);
    for (int i = 0; ok && i < 16; i++)
        snprintf(f->etag + 2 * i, 3, "%02x", digest[i]);
    EVP_MD_CTX_free(context);
    fclose(in);
    return ok;
}

/* --- the table of a conversion ------------------------------------------------------------ */

/* The JSON key that ColumnToJsonKeyMappings names for the column, lowered as keys will be. */
static char *mapped_key(const json_t *mappings, const char *column, bool case_sensitive) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)mappings, name, value) {
        if (strcasecmp(name, column) != 0 || !json_is_string(value))
            continue;
        char *key = strdup(json_string_value(value));
        for (char *c = key; c && *c && !case_sensitive; c++)
            *c = (char)tolower((unsigned char)*c);
        return key;
    }
    return NULL;
}

static bool read_columns(kn_output *o, const json_t *table, const json_t *openx,
                         kn_convert_rules rules, kn_err *err) {
    const json_t *columns = json_object_get(json_object_get(table, "StorageDescriptor"), "Columns");
    const json_t *mappings = json_object_get(openx, "ColumnToJsonKeyMappings"), *column;
    size_t i;
    json_array_foreach(columns, i, column) {
        const char *name = text(column, "Name"), *type = text(column, "Type");
        if (!name || !type)
            return kn_fail(err, KN_EINVAL, "column %zu of the table has no name or no type", i + 1);
        char *key = mapped_key(mappings, name, rules.case_sensitive);
        bool ok = kn_type_add(&o->row, name, key, type, err);
        free(key);
        if (!ok)
            return false;
    }
    return o->row.count || kn_fail(err, KN_EINVAL, "the table has no columns");
}

static bool open_conversion(kn_output *o, kn_err *err) {
    const json_t *schema = json_object_get(o->conversion, "SchemaConfiguration");
    const json_t *input =
        json_object_get(json_object_get(o->conversion, "InputFormatConfiguration"), "Deserializer");
    const json_t *openx = json_object_get(input, "OpenXJsonSerDe");
    const json_t *insensitive = json_object_get(openx, "CaseInsensitive");
    const char *database = text(schema, "DatabaseName"), *name = text(schema, "TableName");
    kn_convert_rules rules = {
        .hive = json_object_get(input, "HiveJsonSerDe") != NULL,
        .case_sensitive = json_is_false(insensitive),
        .dots_to_underscores =
            json_is_true(json_object_get(openx, "ConvertDotsInJsonKeysToUnderscores")),
    };
    json_t *table = NULL;
    if (!kn_glue_get_table(o->firehose->lake, database, name, &table, err))
        return kn_fail_within(err, "table %s.%s", database, name);
    const char *version = text(schema, "VersionId");
    if (text(table, "VersionId") && (!version || strcmp(version, "LATEST") == 0))
        version = text(table, "VersionId");
    o->catalog =
        json_pack("{s:s, s:s, s:s, s:s, s:s?, s:n}", "catalogId",
                  kn_lake_account(o->firehose->lake), "databaseName", database, "tableName", name,
                  "region", kn_lake_region(o->firehose->lake), "versionId", version, "catalogArn");
    bool ok = o->catalog ? read_columns(o, table, openx, rules, err) ||
                               kn_fail_within(err, "table %s.%s", database, name)
                         : kn_fail(err, KN_ENOMEM, "out of memory");
    json_decref(table);
    return ok && kn_convert_new(&o->row, rules, &o->convert, err);
}

bool kn_output_open(kn_firehose *f, const kn_delivery *d, const json_t *doc,
                    const unsigned char *id, kn_output **out, kn_err *err) {
    kn_output *o = calloc(1, sizeof *o);
    *out = o;
    if (!o)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    o->firehose = f;
    o->delivery = d;
    memcpy(o->id, id, sizeof o->id);
    o->destination = json_object_get(doc, "Destination");
    o->conversion = kn_firehose_conversion(o->destination);
    o->delimiter = kn_firehose_delimiter(o->destination);
    snprintf(o->version, sizeof o->version, "%lld",
             (long long)json_integer_value(json_object_get(doc, "Version")));
    kn_buf_init(&o->line, LINE_MAX_BYTES);
    kn_type_row(&o->row);
    return kn_deaggregator_init(&o->reader, err) && (!o->conversion || open_conversion(o, err));
}

void kn_output_close(kn_output *o) {
    if (!o)
        return;
    drop_file(&o->data);
    drop_file(&o->bad);
    kn_parquet_close(o->parquet);
    kn_convert_destroy(o->convert);
    kn_type_free(&o->row);
    json_decref(o->catalog);
    kn_buf_free(&o->line);
    kn_deaggregator_free(&o->reader);
    free(o);
}

uint64_t kn_output_records(const kn_output *o) {
    return o->records;
}

uint64_t kn_output_rows(const kn_output *o) {
    return o->rows;
}

uint64_t kn_output_failed(const kn_output *o) {
    return o->failed;
}

/* --- records ------------------------------------------------------------------------------ */

#define WHOLE (-1) /* in place of a sub-sequence number: not from an aggregated record */

static void note_arrival(file *f, int64_t ms) {
    if (f->oldest_ms == 0 || ms < f->oldest_ms)
        f->oldest_ms = ms;
}

static bool put_failure(kn_output *o, const kn_journal_record *record, const kn_shard_view *origin,
                        int64_t sub, const kn_convert_failure *failure, kn_err *err) {
    char sequence[64];
    if (origin)
        kn_kinesis_sequence_number(origin->created_s, origin->number, record->index,
                                   record->arrival_ms, sequence);
    else
        snprintf(sequence, sizeof sequence, "%llu", (unsigned long long)record->index);
    if (!o->bad.path[0] && !open_file(o, &o->bad, false, err))
        return false;
    char *catalog = json_dumps(o->catalog, JSON_COMPACT);
    kn_buf_clear(&o->line);
    kn_json j = kn_json_to(&o->line);
    kn_json_begin(&j, '{');
    kn_json_key(&j, "attemptsMade");
    kn_json_int(&j, 1);
    kn_json_key(&j, "arrivalTimestamp");
    kn_json_int(&j, record->arrival_ms);
    kn_json_key(&j, "lastErrorCode");
    kn_json_cstr(&j, failure->code);
    kn_json_key(&j, "lastErrorMessage");
    kn_json_cstr(&j, failure->message);
    kn_json_key(&j, "attemptEndingTimestamp");
    kn_json_int(&j, kn_time_now_ms());
    kn_json_key(&j, "rawData");
    kn_json_base64(&j, record->data);
    kn_json_key(&j, "sequenceNumber");
    kn_json_cstr(&j, sequence);
    kn_json_key(&j, "subSequenceNumber");
    if (sub == WHOLE)
        kn_json_null(&j);
    else
        kn_json_int(&j, sub);
    kn_json_key(&j, "dataCatalogTable");
    kn_json_raw(&j, kn_slice_cstr(catalog ? catalog : "null"));
    kn_json_end(&j, '}');
    kn_buf_char(&o->line, '\n');
    free(catalog);
    o->failed++;
    note_arrival(&o->bad, record->arrival_ms);
    return kn_buf_check(&o->line, "an error line", err) &&
           write_file(&o->bad, kn_buf_view(&o->line), err);
}

static bool flush_rows(kn_output *o, kn_err *err) {
    kn_sql *sql;
    const kn_column *rows = kn_convert_rows(o->convert);
    o->chunk_bytes = 0;
    if (rows->rows == 0)
        return true;
    if (!o->parquet && (!kn_firehose_sql(o->firehose, &sql, err) ||
                        !kn_parquet_open(sql, &o->row, &o->parquet, err)))
        return false;
    bool ok = kn_parquet_append(o->parquet, rows, err);
    kn_convert_clear(o->convert);
    return ok;
}

static bool put_rows(kn_output *o, const kn_journal_record *record, const kn_shard_view *origin,
                     int64_t sub, kn_err *err) {
    kn_convert_failure failure;
    const kn_column *rows = kn_convert_rows(o->convert);
    size_t before = rows->rows;
    if (!kn_convert_record(o->convert, record->data, &failure))
        return put_failure(o, record, origin, sub, &failure, err);
    o->rows += rows->rows - before;
    o->chunk_bytes += record->data.n;
    note_arrival(&o->data, record->arrival_ms);
    return (rows->rows < CHUNK_ROWS && o->chunk_bytes < CHUNK_BYTES) || flush_rows(o, err);
}

static bool put_bytes(kn_output *o, const kn_journal_record *record, kn_err *err) {
    const char *compression = text(o->destination, "CompressionFormat");
    bool gzip = compression && strcmp(compression, "GZIP") == 0;
    if (!o->data.path[0] && !open_file(o, &o->data, gzip, err))
        return false;
    o->rows++;
    note_arrival(&o->data, record->arrival_ms);
    return write_file(&o->data, record->data, err) && write_file(&o->data, o->delimiter, err);
}

static bool put_record(kn_output *o, const kn_journal_record *record, const kn_shard_view *origin,
                       int64_t sub, kn_err *err) {
    o->records++;
    return o->convert ? put_rows(o, record, origin, sub, err) : put_bytes(o, record, err);
}

bool kn_output_record(kn_output *o, const kn_journal_record *record, const kn_shard_view *origin,
                      kn_err *err) {
    kn_user_record user;
    bool ok = true;
    if (!origin)
        return put_record(o, record, origin, WHOLE, err);
    if (!kn_deaggregate(&o->reader, record->data, err))
        return false;
    bool aggregated = o->reader.aggregated;
    for (int64_t n = 0; ok && kn_deaggregator_next(&o->reader, &user); n++) {
        kn_journal_record one = *record;
        one.data = user.data;
        ok = put_record(o, &one, origin, aggregated ? n : WHOLE, err);
    }
    return ok;
}

/* --- the end ------------------------------------------------------------------------------ */

static const char *parquet_compression(const kn_output *o) {
    const json_t *serde = json_object_get(
        json_object_get(json_object_get(o->conversion, "OutputFormatConfiguration"), "Serializer"),
        "ParquetSerDe");
    const char *name = text(serde, "Compression");
    return !name || strcmp(name, "SNAPPY") == 0 ? "snappy"
           : strcmp(name, "GZIP") == 0          ? "gzip"
                                                : "uncompressed";
}

bool kn_output_finish(kn_output *o, kn_err *err) {
    if (o->convert && !flush_rows(o, err))
        return false;
    if (o->parquet && (!name_file(o, &o->data, err) ||
                       !kn_parquet_write(o->parquet, o->data.path, parquet_compression(o), err)))
        return false;
    return close_file(&o->data, err) && close_file(&o->bad, err) &&
           (!o->data.path[0] || digest_file(&o->data, err)) &&
           (!o->bad.path[0] || digest_file(&o->bad, err));
}

static const char *extension(const kn_output *o) {
    const char *own = text(o->destination, "FileExtension");
    const char *compression = text(o->destination, "CompressionFormat");
    return own && *own                                       ? own
           : o->convert                                      ? ".parquet"
           : compression && strcmp(compression, "GZIP") == 0 ? ".gz"
                                                             : "";
}

static bool adopt(kn_output *o, file *f, const char *error_type, uint64_t *objects, kn_err *err) {
    if (!f->path[0])
        return true;
    const char *bucket = kn_firehose_arn_name(text(o->destination, "BucketARN"), ':');
    kn_prefix_key key = {
        .prefix = text(o->destination, "Prefix"),
        .error_prefix = text(o->destination, "ErrorOutputPrefix"),
        .error_type = error_type,
        .stream = o->delivery->name,
        .version = o->version,
        .extension = error_type ? "" : extension(o),
        .arrival_ms = f->oldest_ms,
        .id = o->id,
    };
    kn_buf name;
    kn_buf_init(&name, 4096);
    json_t *meta =
        json_pack("{s:s, s:s}", "ContentType", "application/octet-stream", "ETag", f->etag);
    bool ok = meta || kn_fail(err, KN_ENOMEM, "out of memory");
    ok =
        ok && kn_prefix_write(&key, &name, err) &&
        (kn_objects_adopt(kn_lake_objects(o->firehose->lake), bucket, name.p, f->path, meta, err) ||
         kn_fail_within(err, "s3://%s/%s", bucket, name.p));
    if (ok) {
        f->path[0] = '\0'; /* no longer ours */
        ++*objects;
    }
    json_decref(meta);
    kn_buf_free(&name);
    return ok;
}

bool kn_output_adopt(kn_output *o, uint64_t *objects, kn_err *err) {
    return adopt(o, &o->data, NULL, objects, err) && adopt(o, &o->bad, FAILED, objects, err);
}
