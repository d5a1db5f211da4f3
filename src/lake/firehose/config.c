/* What a delivery stream's destination may say. Everything that was sent is kept and echoed; what
 * the lake cannot do is refused by name rather than ignored: ORC, Snappy and ZIP files, Lambda and
 * the other processors, dynamic partitioning, backup, time zones other than UTC.
 *
 * The order of checks is AWS's: compression, size, the presence of input, output and schema, their
 * members, the table, the role. */
#include "lake/firehose/state.h"

#include "lake/firehose/prefix.h"
#include "lake/glue/glue.h"

enum {
    DEFAULT_SIZE = 5,
    DEFAULT_SIZE_CONVERTED = 128,
    LEAST_SIZE_CONVERTED = 64,
    DEFAULT_INTERVAL = 300
};

static bool invalid(kn_err *err, const char *what) {
    return kn_fail_aws(err, 400, "InvalidArgumentException", "%s", what);
}

static const json_t *at(const json_t *object, const char *a, const char *b) {
    return json_object_get(json_object_get(object, a), b);
}

static const char *text(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

const json_t *kn_firehose_conversion(const json_t *destination) {
    const json_t *conversion = json_object_get(destination, "DataFormatConversionConfiguration");
    return json_is_false(json_object_get(conversion, "Enabled")) ? NULL : conversion;
}

uint64_t kn_firehose_buffer_bytes(const json_t *destination) {
    return (uint64_t)json_integer_value(at(destination, "BufferingHints", "SizeInMBs")) << 20;
}

int64_t kn_firehose_buffer_ms(const json_t *destination) {
    return json_integer_value(at(destination, "BufferingHints", "IntervalInSeconds")) * 1000;
}

const char *kn_firehose_arn_name(const char *arn, char mark) {
    const char *last = arn ? strrchr(arn, mark) : NULL;
    return last ? last + 1 : arn;
}

/* The processors in use; NULL when there are none. */
static const json_t *processors(const json_t *destination) {
    const json_t *p = json_object_get(destination, "ProcessingConfiguration");
    return json_is_false(json_object_get(p, "Enabled")) ? NULL : json_object_get(p, "Processors");
}

kn_slice kn_firehose_delimiter(const json_t *destination) {
    const json_t *list = processors(destination), *processor, *parameter;
    size_t i, k;
    json_array_foreach(list, i, processor) {
        const char *type = text(processor, "Type");
        if (!type || strcmp(type, "AppendDelimiterToRecord") != 0)
            continue;
        json_array_foreach(json_object_get(processor, "Parameters"), k, parameter) {
            const char *name = text(parameter, "ParameterName");
            const char *value = text(parameter, "ParameterValue");
            if (name && value && strcmp(name, "Delimiter") == 0 && strcmp(value, "\\n") != 0)
                return kn_slice_cstr(value);
        }
        return KN_SLICE("\n");
    }
    return KN_SLICE("");
}

static bool check_processors(const json_t *destination, kn_err *err) {
    const json_t *list = processors(destination), *processor;
    size_t i;
    json_array_foreach(list, i, processor) {
        const char *type = text(processor, "Type");
        if (!type || strcmp(type, "AppendDelimiterToRecord") != 0)
            return kn_fail_aws(err, 400, "InvalidArgumentException",
                               "Processor type %s is not supported by this lake: only "
                               "AppendDelimiterToRecord is",
                               type ? type : "(absent)");
    }
    return true;
}

/* --- conversion --------------------------------------------------------------------------- */

static bool check_openx(const json_t *openx, kn_err *err) {
    const char *column;
    json_t *key;
    json_object_foreach(json_object_get(openx, "ColumnToJsonKeyMappings"), column, key) {
        if (!json_is_string(key))
            return kn_fail_aws(err, 400, "InvalidArgumentException",
                               "ColumnToJsonKeyMappings: the key of column %s must be a string",
                               column);
    }
    return true;
}

static bool check_input(const json_t *conversion, kn_err *err) {
    const json_t *deserializer = at(conversion, "InputFormatConfiguration", "Deserializer");
    const json_t *openx = json_object_get(deserializer, "OpenXJsonSerDe");
    const json_t *hive = json_object_get(deserializer, "HiveJsonSerDe"), *format;
    size_t i;
    if (!openx == !hive)
        return invalid(err,
                       "InputFormatConfiguration.Deserializer must have one of OpenXJsonSerDe "
                       "and HiveJsonSerDe");
    json_array_foreach(json_object_get(hive, "TimestampFormats"), i, format) {
        if (!json_is_string(format) || strcmp(json_string_value(format), "millis") != 0)
            return invalid(err,
                           "HiveJsonSerDe.TimestampFormats: this lake supports millis and the "
                           "default, yyyy-MM-dd HH:mm:ss.S, only");
    }
    return check_openx(openx, err);
}

static bool check_output(const json_t *conversion, kn_err *err) {
    const json_t *serializer = at(conversion, "OutputFormatConfiguration", "Serializer");
    const json_t *parquet = json_object_get(serializer, "ParquetSerDe");
    const char *compression = text(parquet, "Compression");
    if (json_object_get(serializer, "OrcSerDe"))
        return invalid(err, "OrcSerDe is not supported by this lake: use ParquetSerDe");
    if (!parquet)
        return invalid(err,
                       "OutputFormatConfiguration.Serializer must have one of ParquetSerDe "
                       "and OrcSerDe");
    if (compression && strcmp(compression, "SNAPPY") != 0 && strcmp(compression, "GZIP") != 0 &&
        strcmp(compression, "UNCOMPRESSED") != 0)
        return invalid(err, "ParquetSerDe.Compression must be SNAPPY, GZIP or UNCOMPRESSED");
    return true;
}

static bool check_schema(kn_lake *lake, const json_t *conversion, kn_err *err) {
    static const char *const needed[] = {"DatabaseName", "TableName"};
    const json_t *schema = json_object_get(conversion, "SchemaConfiguration");
    json_t *table = NULL;
    for (size_t i = 0; i < 2; i++) {
        const char *value = text(schema, needed[i]);
        if (!value || !*value)
            return kn_fail_aws(err, 400, "InvalidArgumentException",
                               "SchemaConfiguration.%s must not be null or empty when data format "
                               "conversion is enabled",
                               needed[i]);
    }
    const char *database = text(schema, "DatabaseName"), *name = text(schema, "TableName");
    if (!kn_glue_get_table(lake, database, name, &table, err)) {
        if (err->code != KN_EAWS)
            return false;
        kn_fail_within(err, "SchemaConfiguration: table %s in database %s", name, database);
        char message[sizeof err->message];
        memcpy(message, err->message, sizeof message);
        return kn_fail_aws(err, 400, "InvalidArgumentException", "%s", message);
    }
    json_decref(table);
    if (!text(schema, "RoleARN"))
        return invalid(err,
                       "SchemaConfiguration.RoleARN must not be null or empty when data "
                       "format conversion is enabled");
    return true;
}

static bool check_conversion(kn_lake *lake, const json_t *destination, kn_err *err) {
    const json_t *conversion = kn_firehose_conversion(destination);
    const json_t *size = at(destination, "BufferingHints", "SizeInMBs");
    const char *compression = text(destination, "CompressionFormat");
    if (!conversion)
        return true;
    if (compression && strcmp(compression, "UNCOMPRESSED") != 0)
        return invalid(err,
                       "CompressionFormat must be UNCOMPRESSED when data format conversion "
                       "is enabled");
    if (size && json_integer_value(size) < LEAST_SIZE_CONVERTED)
        return invalid(err,
                       "BufferingHints.SizeInMBs must be at least 64 when data format "
                       "conversion is enabled");
    static const char *const parts[] = {"InputFormatConfiguration", "OutputFormatConfiguration",
                                        "SchemaConfiguration"};
    for (size_t i = 0; i < 3; i++)
        if (!json_is_object(json_object_get(conversion, parts[i])))
            return kn_fail_aws(err, 400, "InvalidArgumentException",
                               "%s must not be null when data format conversion is enabled",
                               parts[i]);
    return check_input(conversion, err) && check_output(conversion, err) &&
           check_schema(lake, conversion, err);
}

/* --- the destination ---------------------------------------------------------------------- */

static bool check_compression(const json_t *destination, kn_err *err) {
    const char *format = text(destination, "CompressionFormat");
    if (!format || strcmp(format, "UNCOMPRESSED") == 0 || strcmp(format, "GZIP") == 0)
        return true;
    return kn_fail_aws(err, 400, "InvalidArgumentException",
                       "CompressionFormat %s is not supported by this lake: use UNCOMPRESSED or "
                       "GZIP",
                       format);
}

static bool check_rest(const json_t *destination, kn_err *err) {
    const char *zone = text(destination, "CustomTimeZone");
    const char *backup = text(destination, "S3BackupMode");
    const char *extension = text(destination, "FileExtension");
    if (json_is_true(at(destination, "DynamicPartitioningConfiguration", "Enabled")))
        return invalid(err, "DynamicPartitioningConfiguration is not supported by this lake");
    if (backup && strcmp(backup, "Disabled") != 0)
        return invalid(err, "S3BackupMode Enabled is not supported by this lake");
    if (zone && strcmp(zone, "UTC") != 0)
        return invalid(err, "CustomTimeZone: this lake supports UTC only");
    if (extension && *extension && *extension != '.')
        return invalid(err, "FileExtension must begin with a dot");
    return check_processors(destination, err);
}

static void put_default(json_t *object, const char *name, json_t *value) {
    if (json_object_get(object, name))
        json_decref(value);
    else
        json_object_set_new(object, name, value);
}

static bool fill_defaults(json_t *destination, kn_err *err) {
    json_t *hints = json_object_get(destination, "BufferingHints");
    const json_t *conversion = kn_firehose_conversion(destination);
    json_t *own = json_is_object(hints) ? json_deep_copy(hints) : json_object();
    put_default(own, "SizeInMBs", json_integer(conversion ? DEFAULT_SIZE_CONVERTED : DEFAULT_SIZE));
    put_default(own, "IntervalInSeconds", json_integer(DEFAULT_INTERVAL));
    json_object_set_new(destination, "BufferingHints", own);
    put_default(destination, "CompressionFormat", json_string("UNCOMPRESSED"));
    put_default(destination, "EncryptionConfiguration",
                json_pack("{s:s}", "NoEncryptionConfig", "NoEncryption"));
    put_default(destination, "CloudWatchLoggingOptions", json_pack("{s:b}", "Enabled", 0));
    put_default(destination, "S3BackupMode", json_string("Disabled"));
    if (conversion)
        put_default(json_object_get(destination, "DataFormatConversionConfiguration"), "Enabled",
                    json_true());
    return kn_firehose_buffer_bytes(destination) > 0 || kn_fail(err, KN_ENOMEM, "out of memory");
}

bool kn_firehose_check(kn_lake *lake, json_t *destination, kn_err *err) {
    return check_compression(destination, err) && check_rest(destination, err) &&
           kn_prefix_check(text(destination, "Prefix"), text(destination, "ErrorOutputPrefix"),
                           err) &&
           check_conversion(lake, destination, err) && fill_defaults(destination, err);
}
