/* The Glue Data Catalog: databases, tables, tags; partitions are in partition.c.
 *
 * Documents are kept as they were sent, with what Glue adds, and echoed whole. Names are in lower
 * case, as Glue keeps them. Reference: the public API model of Glue.
 * Left out on purpose: earlier versions of a table (the present one is returned), crawlers,
 * connections, jobs, and permissions. */
#include "lake/glue/glue.h"
#include "lake/glue/parts.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

/* --- databases --- */

static bool create_database(kn_op_call *call, kn_err *err) {
    kn_store *store = kn_lake_store(call->lake);
    const json_t *sent = json_object_get(call->input, "DatabaseInput");
    json_t *doc = json_deep_copy(sent);
    kn_buf key;
    bool inserted = false;
    bool ok = kn_glue_key(&key, kn_glue_text(sent, "Name"), NULL, err);
    if (ok) {
        json_object_set_new(doc, "Name", json_string(key.p));
        json_object_set_new(doc, "CreateTime", kn_glue_now());
        json_object_set_new(doc, "CatalogId", json_string(kn_lake_account(call->lake)));
        ok = kn_store_insert(store, KN_GLUE_DATABASE, key.p, doc, &inserted, err);
    }
    if (ok && !inserted)
        ok = kn_fail_aws(err, 400, "AlreadyExistsException", "Database already exists.");
    json_decref(doc);
    kn_buf_free(&key);
    return ok;
}

static bool get_database(kn_op_call *call, kn_err *err) {
    kn_buf key;
    json_t *doc = NULL;
    bool ok = kn_glue_key(&key, kn_glue_text(call->input, "Name"), NULL, err) &&
              kn_store_get(kn_lake_store(call->lake), KN_GLUE_DATABASE, key.p, &doc, err);
    if (ok && !doc)
        ok = kn_fail_aws(err, 400, "EntityNotFoundException", "Database %s not found.", key.p);
    if (doc)
        call->output = json_pack("{s:o}", "Database", doc);
    kn_buf_free(&key);
    return ok;
}

static bool get_databases(kn_op_call *call, kn_err *err) {
    return kn_glue_list(call, KN_GLUE_DATABASE, "", "DatabaseList", 100, NULL, NULL, err);
}

static bool update_database(kn_op_call *call, kn_err *err) {
    kn_store *store = kn_lake_store(call->lake);
    json_t *doc = json_deep_copy(json_object_get(call->input, "DatabaseInput")), *old = NULL;
    kn_buf key;
    bool ok = kn_glue_key(&key, kn_glue_text(call->input, "Name"), NULL, err) &&
              kn_store_get(store, KN_GLUE_DATABASE, key.p, &old, err);
    if (ok && !old)
        ok = kn_fail_aws(err, 400, "EntityNotFoundException", "Database %s not found.", key.p);
    if (ok) {
        json_object_set_new(doc, "Name", json_string(key.p));
        json_object_set(doc, "CreateTime", json_object_get(old, "CreateTime"));
        json_object_set(doc, "CatalogId", json_object_get(old, "CatalogId"));
        ok = kn_store_put(store, KN_GLUE_DATABASE, key.p, doc, err);
    }
    json_decref(old);
    json_decref(doc);
    kn_buf_free(&key);
    return ok;
}

static bool delete_database_rows(kn_store *store, const kn_buf *key, const char *prefix,
                                 kn_err *err) {
    bool existed = false;
    return (kn_store_delete(store, KN_GLUE_DATABASE, key->p, &existed, err) &&
            (existed ||
             kn_fail_aws(err, 400, "EntityNotFoundException", "Database %s not found.", key->p))) &&
           kn_store_delete_prefix(store, KN_GLUE_TABLE, prefix, err) &&
           kn_store_delete_prefix(store, KN_GLUE_PARTITION, prefix, err);
}

static bool delete_database(kn_op_call *call, kn_err *err) {
    kn_store *store = kn_lake_store(call->lake);
    kn_buf key, prefix;
    kn_buf_init(&prefix, KN_GLUE_KEY_MAX);
    bool ok = kn_glue_key(&key, kn_glue_text(call->input, "Name"), NULL, err);
    if (ok) {
        kn_buf_printf(&prefix, "%s\x1f", key.p);
        ok = kn_store_begin(store, err);
    }
    if (ok) {
        ok = delete_database_rows(store, &key, prefix.p, err);
        if (ok)
            ok = kn_store_commit(store, err);
        else
            kn_store_rollback(store);
    }
    kn_buf_free(&prefix);
    kn_buf_free(&key);
    return ok;
}

/* --- tables --- */

bool kn_glue_get_table(kn_lake *lake, const char *database, const char *table, json_t **out,
                       kn_err *err) {
    kn_buf key;
    *out = NULL;
    bool ok = kn_glue_key(&key, database, table, err) &&
              kn_store_get(kn_lake_store(lake), KN_GLUE_TABLE, key.p, out, err);
    if (ok && !*out)
        ok = kn_glue_need_database(lake, database, err) &&
             kn_fail_aws(err, 400, "EntityNotFoundException", "Table %s not found.",
                         strchr(key.p, '\x1f') + 1);
    kn_buf_free(&key);
    return ok;
}

static void set_default(json_t *doc, const char *name, json_t *value) {
    if (json_object_get(doc, name))
        json_decref(value);
    else
        json_object_set_new(doc, name, value);
}

/* The Table document for a TableInput: what Glue adds and fills in. */
static json_t *table_document(kn_lake *lake, const char *key, const json_t *sent,
                              const json_t *old) {
    json_t *doc = json_deep_copy(sent);
    json_t *storage = json_object_get(doc, "StorageDescriptor");
    const char *slash = strchr(key, '\x1f');
    const char *version = json_string_value(json_object_get(old, "VersionId"));
    char next[24];
    snprintf(next, sizeof next, "%ld", version ? strtol(version, NULL, 10) + 1 : 0L);
    json_object_set_new(doc, "Name", json_string(slash + 1));
    json_object_set_new(doc, "DatabaseName", json_stringn(key, (size_t)(slash - key)));
    json_object_set_new(doc, "CreateTime",
                        old ? json_incref(json_object_get(old, "CreateTime")) : kn_glue_now());
    json_object_set_new(doc, "UpdateTime", kn_glue_now());
    json_object_set_new(doc, "VersionId", json_string(next));
    json_object_set_new(doc, "CatalogId", json_string(kn_lake_account(lake)));
    json_object_set_new(doc, "IsRegisteredWithLakeFormation", json_false());
    set_default(doc, "Retention", json_integer(0));
    set_default(doc, "PartitionKeys", json_array());
    if (storage) {
        set_default(storage, "Compressed", json_false());
        set_default(storage, "NumberOfBuckets", json_integer(0));
        set_default(storage, "SortColumns", json_array());
        set_default(storage, "StoredAsSubDirectories", json_false());
    }
    return doc;
}

static bool create_table(kn_op_call *call, kn_err *err) {
    const json_t *sent = json_object_get(call->input, "TableInput");
    const char *database = kn_glue_text(call->input, "DatabaseName");
    json_t *doc = NULL;
    kn_buf key;
    bool inserted = false;
    bool ok = kn_glue_key(&key, database, kn_glue_text(sent, "Name"), err) &&
              kn_glue_need_database(call->lake, database, err);
    if (ok) {
        doc = table_document(call->lake, key.p, sent, NULL);
        ok = kn_store_insert(kn_lake_store(call->lake), KN_GLUE_TABLE, key.p, doc, &inserted, err);
    }
    if (ok && !inserted)
        ok = kn_fail_aws(err, 400, "AlreadyExistsException", "Table already exists.");
    json_decref(doc);
    kn_buf_free(&key);
    return ok;
}

static bool get_table(kn_op_call *call, kn_err *err) {
    json_t *doc = NULL;
    if (!kn_glue_get_table(call->lake, kn_glue_text(call->input, "DatabaseName"),
                           kn_glue_text(call->input, "Name"), &doc, err))
        return false;
    call->output = json_pack("{s:o}", "Table", doc);
    return true;
}

static bool name_matches(void *context, json_t *doc) {
    return !context || regexec(context, kn_glue_text(doc, "Name"), 0, NULL, 0) == 0;
}

static bool get_tables(kn_op_call *call, kn_err *err) {
    const char *database = kn_glue_text(call->input, "DatabaseName");
    const char *expression = kn_glue_text(call->input, "Expression");
    kn_buf prefix, pattern;
    regex_t regex;
    kn_buf_init(&pattern, KN_GLUE_KEY_MAX);
    if (expression)
        kn_buf_printf(&pattern, "^(%s)$", expression);
    bool ok =
        kn_glue_key(&prefix, database, "", err) && kn_glue_need_database(call->lake, database, err);
    bool compiled = ok && expression && kn_buf_ok(&pattern) && kn_glue_pattern_fits(expression) &&
                    regcomp(&regex, pattern.p, REG_EXTENDED | REG_NOSUB | REG_ICASE) == 0;
    if (ok && expression && !compiled)
        ok = kn_fail_aws(err, 400, "InvalidInputException",
                         "Expression is not a regular expression, or is too large: %.200s",
                         expression);
    ok = ok && kn_glue_list(call, KN_GLUE_TABLE, prefix.p, "TableList", 100, name_matches,
                            compiled ? &regex : NULL, err);
    if (compiled)
        regfree(&regex);
    kn_buf_free(&pattern);
    kn_buf_free(&prefix);
    return ok;
}

static bool update_table(kn_op_call *call, kn_err *err) {
    const json_t *sent = json_object_get(call->input, "TableInput");
    const char *database = kn_glue_text(call->input, "DatabaseName");
    json_t *old = NULL, *doc = NULL;
    kn_buf key;
    bool ok = kn_glue_key(&key, database, kn_glue_text(sent, "Name"), err) &&
              kn_glue_get_table(call->lake, database, kn_glue_text(sent, "Name"), &old, err);
    if (ok) {
        doc = table_document(call->lake, key.p, sent, old);
        ok = kn_store_put(kn_lake_store(call->lake), KN_GLUE_TABLE, key.p, doc, err);
    }
    json_decref(old);
    json_decref(doc);
    kn_buf_free(&key);
    return ok;
}

/* With the store's transaction open. */
static bool delete_one_table(kn_store *store, const char *database, const char *table,
                             kn_err *err) {
    kn_buf key;
    bool existed = false;
    bool ok = kn_glue_key(&key, database, table, err) &&
              kn_store_delete(store, KN_GLUE_TABLE, key.p, &existed, err);
    if (ok && !existed)
        ok = kn_fail_aws(err, 400, "EntityNotFoundException", "Table %s not found.", table);
    if (ok) {
        kn_buf_char(&key, '\x1f');
        ok = kn_store_delete_prefix(store, KN_GLUE_PARTITION, key.p, err);
    }
    kn_buf_free(&key);
    return ok;
}

static bool delete_table_and_commit(kn_lake *lake, const char *database, const char *table,
                                    kn_err *err) {
    kn_store *store = kn_lake_store(lake);
    if (!kn_store_begin(store, err))
        return false;
    if (delete_one_table(store, database, table, err))
        return kn_store_commit(store, err);
    kn_store_rollback(store);
    return false;
}

static bool delete_table(kn_op_call *call, kn_err *err) {
    const char *database = kn_glue_text(call->input, "DatabaseName");
    return kn_glue_need_database(call->lake, database, err) &&
           delete_table_and_commit(call->lake, database, kn_glue_text(call->input, "Name"), err);
}

static bool batch_delete_table(kn_op_call *call, kn_err *err) {
    const char *database = kn_glue_text(call->input, "DatabaseName");
    json_t *errors = json_array(), *name;
    size_t i;
    bool ok = kn_glue_need_database(call->lake, database, err);
    json_array_foreach(json_object_get(call->input, "TablesToDelete"), i, name) {
        const char *table = json_string_value(name);
        kn_err one;
        if (!ok)
            break;
        if (!table || delete_table_and_commit(call->lake, database, table, &one))
            continue;
        if (one.code == KN_EAWS) {
            json_array_append_new(errors, json_pack("{s:s, s:{s:s, s:s}}", "TableName", table,
                                                    "ErrorDetail", "ErrorCode", one.aws_code,
                                                    "ErrorMessage", one.message));
        } else {
            *err = one;
            ok = false;
        }
    }
    if (ok)
        call->output = json_pack("{s:O}", "Errors", errors);
    json_decref(errors);
    return ok;
}

static json_t *table_version(json_t *table) {
    return json_pack("{s:O, s:O}", "VersionId", json_object_get(table, "VersionId"), "Table",
                     table);
}

static bool get_table_versions(kn_op_call *call, kn_err *err) {
    json_t *doc = NULL;
    if (!kn_glue_get_table(call->lake, kn_glue_text(call->input, "DatabaseName"),
                           kn_glue_text(call->input, "TableName"), &doc, err))
        return false;
    call->output = json_pack("{s:[o]}", "TableVersions", table_version(doc));
    json_decref(doc);
    return true;
}

static bool get_table_version(kn_op_call *call, kn_err *err) {
    const char *wanted = kn_glue_text(call->input, "VersionId");
    json_t *doc = NULL;
    if (!kn_glue_get_table(call->lake, kn_glue_text(call->input, "DatabaseName"),
                           kn_glue_text(call->input, "TableName"), &doc, err))
        return false;
    bool ok = !wanted || strcmp(wanted, kn_glue_text(doc, "VersionId")) == 0 ||
              kn_fail_aws(err, 400, "EntityNotFoundException",
                          "Version %s of the table is not kept; the present one is %s", wanted,
                          kn_glue_text(doc, "VersionId"));
    if (ok)
        call->output = json_pack("{s:o}", "TableVersion", table_version(doc));
    json_decref(doc);
    return ok;
}

static bool get_partition_indexes(kn_op_call *call, kn_err *err) {
    json_t *doc = NULL;
    if (!kn_glue_get_table(call->lake, kn_glue_text(call->input, "DatabaseName"),
                           kn_glue_text(call->input, "TableName"), &doc, err))
        return false;
    json_decref(doc);
    call->output = json_pack("{s:[]}", "PartitionIndexDescriptorList");
    return true;
}

/* --- tags --- */

static bool get_tags(kn_op_call *call, kn_err *err) {
    json_t *doc = NULL;
    if (!kn_store_get(kn_lake_store(call->lake), KN_GLUE_TAGS,
                      kn_glue_text(call->input, "ResourceArn"), &doc, err))
        return false;
    call->output = json_pack("{s:o}", "Tags", doc ? doc : json_object());
    return true;
}

static bool change_tags(kn_op_call *call, kn_err *err) {
    kn_store *store = kn_lake_store(call->lake);
    const char *arn = kn_glue_text(call->input, "ResourceArn");
    json_t *doc = NULL, *name;
    size_t i;
    bool ok = kn_store_begin(store, err);
    if (!ok)
        return false;
    ok = kn_store_get(store, KN_GLUE_TAGS, arn, &doc, err);
    if (ok) {
        if (!doc)
            doc = json_object();
        json_object_update(doc, json_object_get(call->input, "TagsToAdd"));
        json_array_foreach(json_object_get(call->input, "TagsToRemove"), i,
                           name) if (json_is_string(name))
            json_object_del(doc, json_string_value(name));
        ok = kn_store_put(store, KN_GLUE_TAGS, arn, doc, err);
    }
    json_decref(doc);
    if (ok)
        return kn_store_commit(store, err);
    kn_store_rollback(store);
    return false;
}

/* --- the table of operations --- */

#define NAME(member, needed)                                                                       \
    { .name = member, .type = KN_STRING, .required = needed, .min = 1, .max = 255 }
#define PAGING(largest)                                                                            \
    {.name = "NextToken", .type = KN_STRING}, {                                                    \
        .name = "MaxResults", .type = KN_INTEGER, .min = 1, .max = largest                         \
    }
#define VALUES                                                                                     \
    { .name = "PartitionValues", .type = KN_LIST, .required = true }
#define END                                                                                        \
    { .name = NULL }

static const kn_member storage_input[] = {{.name = "Columns", .type = KN_LIST},
                                          {.name = "Location", .type = KN_STRING},
                                          {.name = "SerdeInfo", .type = KN_OBJECT},
                                          {.name = "Parameters", .type = KN_OBJECT},
                                          END};
static const kn_member table_input[] = {
    NAME("Name", true),
    {.name = "StorageDescriptor", .type = KN_OBJECT, .members = storage_input},
    {.name = "PartitionKeys", .type = KN_LIST},
    {.name = "Parameters", .type = KN_OBJECT},
    END};
static const kn_member database_input[] = {NAME("Name", true), END};
static const kn_member on_database[] = {NAME("Name", true), END};
static const kn_member with_database[] = {
    {.name = "DatabaseInput", .type = KN_OBJECT, .required = true, .members = database_input}, END};
static const kn_member change_database[] = {
    NAME("Name", true),
    {.name = "DatabaseInput", .type = KN_OBJECT, .required = true, .members = database_input},
    END};
static const kn_member list_databases[] = {PAGING(100), END};
static const kn_member with_table[] = {
    NAME("DatabaseName", true),
    {.name = "TableInput", .type = KN_OBJECT, .required = true, .members = table_input},
    END};
static const kn_member on_table[] = {NAME("DatabaseName", true), NAME("Name", true), END};
static const kn_member of_table[] = {NAME("DatabaseName", true),
                                     NAME("TableName", true),
                                     {.name = "VersionId", .type = KN_STRING},
                                     END};
static const kn_member list_tables[] = {NAME("DatabaseName", true),
                                        {.name = "Expression", .type = KN_STRING, .max = 2048},
                                        PAGING(100),
                                        END};
static const kn_member drop_tables[] = {
    NAME("DatabaseName", true),
    {.name = "TablesToDelete", .type = KN_LIST, .required = true, .max = 100},
    END};
static const kn_member with_partition[] = {NAME("DatabaseName", true),
                                           NAME("TableName", true),
                                           {.name = "PartitionInput",
                                            .type = KN_OBJECT,
                                            .required = true,
                                            .members = kn_glue_partition_input},
                                           END};
static const kn_member change_partition[] = {
    NAME("DatabaseName", true),
    NAME("TableName", true),
    {.name = "PartitionValueList", .type = KN_LIST, .required = true, .max = 100},
    {.name = "PartitionInput",
     .type = KN_OBJECT,
     .required = true,
     .members = kn_glue_partition_input},
    END};
static const kn_member on_partition[] = {NAME("DatabaseName", true), NAME("TableName", true),
                                         VALUES, END};
static const kn_member list_partitions[] = {NAME("DatabaseName", true),
                                            NAME("TableName", true),
                                            {.name = "Expression", .type = KN_STRING, .max = 2048},
                                            PAGING(1000),
                                            END};
static const kn_member with_partitions[] = {NAME("DatabaseName", true),
                                            NAME("TableName", true),
                                            {.name = "PartitionInputList",
                                             .type = KN_LIST,
                                             .required = true,
                                             .max = 100,
                                             .members = kn_glue_partition_input},
                                            END};
static const kn_member get_many_partitions[] = {
    NAME("DatabaseName", true),
    NAME("TableName", true),
    {.name = "PartitionsToGet", .type = KN_LIST, .required = true, .max = 1000},
    END};
static const kn_member drop_partitions[] = {
    NAME("DatabaseName", true),
    NAME("TableName", true),
    {.name = "PartitionsToDelete", .type = KN_LIST, .required = true, .max = 25},
    END};
static const kn_member on_resource[] = {
    {.name = "ResourceArn", .type = KN_STRING, .required = true, .min = 1, .max = 10240},
    {.name = "TagsToAdd", .type = KN_OBJECT},
    {.name = "TagsToRemove", .type = KN_LIST},
    END};

static const kn_op ops[] = {
    {"CreateDatabase", create_database, with_database},
    {"GetDatabase", get_database, on_database},
    {"GetDatabases", get_databases, list_databases},
    {"UpdateDatabase", update_database, change_database},
    {"DeleteDatabase", delete_database, on_database},
    {"CreateTable", create_table, with_table},
    {"GetTable", get_table, on_table},
    {"GetTables", get_tables, list_tables},
    {"UpdateTable", update_table, with_table},
    {"DeleteTable", delete_table, on_table},
    {"BatchDeleteTable", batch_delete_table, drop_tables},
    {"GetTableVersion", get_table_version, of_table},
    {"GetTableVersions", get_table_versions, of_table},
    {"GetPartitionIndexes", get_partition_indexes, of_table},
    {"CreatePartition", kn_glue_create_partition, with_partition},
    {"GetPartition", kn_glue_get_partition, on_partition},
    {"GetPartitions", kn_glue_get_partitions, list_partitions},
    {"UpdatePartition", kn_glue_update_partition, change_partition},
    {"DeletePartition", kn_glue_delete_partition, on_partition},
    {"BatchCreatePartition", kn_glue_batch_create_partition, with_partitions},
    {"BatchGetPartition", kn_glue_batch_get_partition, get_many_partitions},
    {"BatchDeletePartition", kn_glue_batch_delete_partition, drop_partitions},
    {"GetTags", get_tags, on_resource},
    {"TagResource", change_tags, on_resource},
    {"UntagResource", change_tags, on_resource},
    {NULL, NULL, NULL},
};

const kn_service kn_glue_service = {
    .name = "glue",
    .target = "AWSGlue",
    .content_type = "application/x-amz-json-1.1",
    .validation_error = "InvalidInputException",
    .ops = ops,
};
