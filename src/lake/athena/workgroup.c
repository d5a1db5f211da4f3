/* Athena's workgroups, its view of the catalog (one data catalog: Glue), and tags.
 * Left out on purpose: capacity, encryption and per-workgroup byte limits (kept and echoed, not
 * enforced). */
#include "base/time.h"
#include "lake/athena/parts.h"
#include "lake/glue/glue.h"
#include "lake/glue/parts.h"

#include <stdio.h>
#include <strings.h>

#define ENGINE "Athena engine version 3"

static bool invalid(kn_err *err, const char *kind, const char *name, const char *what) {
    return kn_fail_aws(err, 400, "InvalidRequestException", "%s %.200s %s", kind, name, what);
}

static const char *input_text(const kn_op_call *call, const char *name) {
    return kn_glue_text(call->input, name);
}

static double now_seconds(void) {
    return (double)kn_time_now_ms() / 1000;
}

/* --- workgroups --- */

bool kn_athena_workgroup(kn_lake *lake, const char *name, json_t **out, kn_err *err) {
    return kn_store_get(kn_lake_store(lake), KN_ATHENA_WORKGROUP, name, out, err) &&
           (*out || invalid(err, "WorkGroup", name, "is not found."));
}

static json_t *workgroup_document(const char *name, const json_t *configuration,
                                  const char *description) {
    json_t *doc = json_pack("{s:s, s:s, s:f}", "Name", name, "State", "ENABLED", "CreationTime",
                            now_seconds());
    json_t *settings = configuration ? json_deep_copy(configuration) : json_object();
    static const struct {
        const char *name;
        bool value;
    } defaults[] = {{"EnforceWorkGroupConfiguration", true},
                    {"PublishCloudWatchMetricsEnabled", true},
                    {"RequesterPaysEnabled", false}};
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
        if (!json_object_get(settings, defaults[i].name))
            json_object_set_new(settings, defaults[i].name, json_boolean(defaults[i].value));
    }
    json_object_set_new(
        settings, "EngineVersion",
        json_pack("{s:s, s:s}", "SelectedEngineVersion", "AUTO", "EffectiveEngineVersion", ENGINE));
    json_object_set_new(doc, "Configuration", settings);
    if (description)
        json_object_set_new(doc, "Description", json_string(description));
    return doc;
}

bool kn_athena_primary(kn_lake *lake, kn_err *err) {
    json_t *settings = json_pack("{s:b}", "EnforceWorkGroupConfiguration", 0);
    json_t *doc = workgroup_document("primary", settings, NULL);
    bool inserted;
    bool ok =
        kn_store_insert(kn_lake_store(lake), KN_ATHENA_WORKGROUP, "primary", doc, &inserted, err);
    json_decref(doc);
    json_decref(settings);
    return ok;
}

static void arn_of(kn_lake *lake, const char *workgroup, char out[512]) {
    snprintf(out, 512, "arn:aws:athena:%s:%s:workgroup/%s", kn_lake_region(lake),
             kn_lake_account(lake), workgroup);
}

bool kn_athena_create_workgroup(kn_op_call *call, kn_err *err) {
    kn_store *store = kn_lake_store(call->lake);
    const char *name = input_text(call, "Name");
    const json_t *tags = json_object_get(call->input, "Tags");
    json_t *doc = workgroup_document(name, json_object_get(call->input, "Configuration"),
                                     input_text(call, "Description"));
    bool inserted = false;
    char arn[512];
    bool ok = kn_store_insert(store, KN_ATHENA_WORKGROUP, name, doc, &inserted, err);
    if (ok && !inserted)
        ok = invalid(err, "WorkGroup", name, "already exists");
    arn_of(call->lake, name, arn);
    if (ok && tags)
        ok = kn_store_put(store, KN_ATHENA_TAGS, arn, tags, err);
    json_decref(doc);
    return ok;
}

bool kn_athena_get_workgroup(kn_op_call *call, kn_err *err) {
    json_t *doc = NULL;
    if (!kn_athena_workgroup(call->lake, input_text(call, "WorkGroup"), &doc, err))
        return false;
    call->output = json_pack("{s:o}", "WorkGroup", doc);
    return true;
}

static bool collect_summary(void *list, const char *key, json_t *doc) {
    json_t *engine = json_object_get(json_object_get(doc, "Configuration"), "EngineVersion");
    json_t *summary =
        json_pack("{s:s, s:O, s:O, s:O*}", "Name", key, "State", json_object_get(doc, "State"),
                  "CreationTime", json_object_get(doc, "CreationTime"), "EngineVersion", engine);
    json_t *description = json_object_get(doc, "Description");
    if (description)
        json_object_set(summary, "Description", description);
    return json_array_append_new(list, summary) == 0;
}

bool kn_athena_list_workgroups(kn_op_call *call, kn_err *err) {
    json_t *list = json_array();
    bool ok = kn_store_scan(kn_lake_store(call->lake), KN_ATHENA_WORKGROUP, "", NULL,
                            collect_summary, list, err);
    if (ok)
        call->output = json_pack("{s:O}", "WorkGroups", list);
    json_decref(list);
    return ok;
}

/* The members of an update that stand in the configuration under the same name. */
static void apply_updates(json_t *settings, const json_t *updates) {
    static const char *const same[] = {"EnforceWorkGroupConfiguration",
                                       "PublishCloudWatchMetricsEnabled",
                                       "BytesScannedCutoffPerQuery", "RequesterPaysEnabled"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        json_t *value = json_object_get(updates, same[i]);
        if (value)
            json_object_set(settings, same[i], value);
    }
    if (json_is_true(json_object_get(updates, "RemoveBytesScannedCutoffPerQuery")))
        json_object_del(settings, "BytesScannedCutoffPerQuery");
    const json_t *results = json_object_get(updates, "ResultConfigurationUpdates");
    const char *name;
    json_t *value;
    if (!results)
        return;
    if (!json_object_get(settings, "ResultConfiguration"))
        json_object_set_new(settings, "ResultConfiguration", json_object());
    json_t *kept = json_object_get(settings, "ResultConfiguration");
    json_object_foreach((json_t *)results, name, value) {
        if (strncmp(name, "Remove", 6) != 0)
            json_object_set(kept, name, value);
        else if (json_is_true(value))
            json_object_del(kept, name + 6);
    }
}

bool kn_athena_update_workgroup(kn_op_call *call, kn_err *err) {
    const char *name = input_text(call, "WorkGroup"), *state = input_text(call, "State");
    json_t *doc = NULL, *description = json_object_get(call->input, "Description");
    if (!kn_athena_workgroup(call->lake, name, &doc, err))
        return false;
    apply_updates(json_object_get(doc, "Configuration"),
                  json_object_get(call->input, "ConfigurationUpdates"));
    if (description)
        json_object_set(doc, "Description", description);
    if (state)
        json_object_set_new(doc, "State", json_string(state));
    bool ok = kn_store_put(kn_lake_store(call->lake), KN_ATHENA_WORKGROUP, name, doc, err);
    json_decref(doc);
    return ok;
}

bool kn_athena_delete_workgroup(kn_op_call *call, kn_err *err) {
    const char *name = input_text(call, "WorkGroup");
    bool existed;
    char arn[512];
    if (strcmp(name, "primary") == 0)
        return invalid(err, "WorkGroup", name, "cannot be deleted");
    arn_of(call->lake, name, arn);
    return kn_store_delete(kn_lake_store(call->lake), KN_ATHENA_WORKGROUP, name, &existed, err) &&
           (existed || invalid(err, "WorkGroup", name, "is not found.")) &&
           kn_store_delete(kn_lake_store(call->lake), KN_ATHENA_TAGS, arn, NULL, err);
}

bool kn_athena_list_engines(kn_op_call *call, kn_err *err) {
    (void)err;
    call->output = json_pack("{s:[{s:s, s:s}, {s:s, s:s}]}", "EngineVersions",
                             "SelectedEngineVersion", "AUTO", "EffectiveEngineVersion", ENGINE,
                             "SelectedEngineVersion", ENGINE, "EffectiveEngineVersion", ENGINE);
    return true;
}

/* --- the catalog as Athena shows it --- */

static bool need_catalog(const char *name, kn_err *err) {
    return strcasecmp(name, KN_ATHENA_CATALOG) == 0 ||
           invalid(err, "DataCatalog", name, "was not found");
}

bool kn_athena_list_catalogs(kn_op_call *call, kn_err *err) {
    (void)err;
    call->output = json_pack("{s:[{s:s, s:s}]}", "DataCatalogsSummary", "CatalogName",
                             KN_ATHENA_CATALOG, "Type", "GLUE");
    return true;
}

bool kn_athena_get_catalog(kn_op_call *call, kn_err *err) {
    if (!need_catalog(input_text(call, "Name"), err))
        return false;
    call->output =
        json_pack("{s:{s:s, s:s, s:{s:s}}}", "DataCatalog", "Name", KN_ATHENA_CATALOG, "Type",
                  "GLUE", "Parameters", "catalog-id", kn_lake_account(call->lake));
    return true;
}

static void copy_text(json_t *to, const char *as, const json_t *from, const char *name) {
    json_t *value = json_object_get(from, name);
    if (value)
        json_object_set(to, as, value);
}

static json_t *database_of(const json_t *doc) {
    json_t *out = json_object();
    copy_text(out, "Name", doc, "Name");
    copy_text(out, "Description", doc, "Description");
    copy_text(out, "Parameters", doc, "Parameters");
    return out;
}

static json_t *metadata_of(const json_t *doc) {
    json_t *out = json_object();
    copy_text(out, "Name", doc, "Name");
    copy_text(out, "CreateTime", doc, "CreateTime");
    copy_text(out, "TableType", doc, "TableType");
    copy_text(out, "Columns", json_object_get(doc, "StorageDescriptor"), "Columns");
    copy_text(out, "PartitionKeys", doc, "PartitionKeys");
    copy_text(out, "Parameters", doc, "Parameters");
    return out;
}

/* Turns a page of Glue documents, under the name member, into what Athena shows. */
static bool list_as(kn_op_call *call, const char *kind, const char *prefix, const char *member,
                    json_t *(*turn)(const json_t *doc), kn_err *err) {
    size_t i;
    json_t *doc;
    if (!kn_glue_list(call, kind, prefix, member, 50, NULL, NULL, err))
        return false;
    json_t *list = json_object_get(call->output, member);
    json_array_foreach(list, i, doc) json_array_set_new(list, i, turn(doc));
    return true;
}

bool kn_athena_list_databases(kn_op_call *call, kn_err *err) {
    return need_catalog(input_text(call, "CatalogName"), err) &&
           list_as(call, KN_GLUE_DATABASE, "", "DatabaseList", database_of, err);
}

static bool metadata_exception(bool ok, kn_err *err) {
    if (!ok && err->code == KN_EAWS && strcmp(err->aws_code, "EntityNotFoundException") == 0)
        snprintf(err->aws_code, sizeof err->aws_code, "MetadataException");
    return ok;
}

bool kn_athena_get_database(kn_op_call *call, kn_err *err) {
    kn_buf key;
    json_t *doc = NULL;
    const char *name = input_text(call, "DatabaseName");
    bool ok = need_catalog(input_text(call, "CatalogName"), err) &&
              metadata_exception(kn_glue_need_database(call->lake, name, err), err);
    if (!ok)
        return false;
    ok = kn_glue_key(&key, name, NULL, err) &&
         kn_store_get(kn_lake_store(call->lake), KN_GLUE_DATABASE, key.p, &doc, err);
    if (doc)
        call->output = json_pack("{s:o}", "Database", database_of(doc));
    json_decref(doc);
    kn_buf_free(&key);
    return ok;
}

bool kn_athena_list_table_metadata(kn_op_call *call, kn_err *err) {
    const char *database = input_text(call, "DatabaseName");
    kn_buf prefix;
    if (!need_catalog(input_text(call, "CatalogName"), err))
        return false;
    bool ok = kn_glue_key(&prefix, database, "", err) &&
              metadata_exception(kn_glue_need_database(call->lake, database, err), err) &&
              list_as(call, KN_GLUE_TABLE, prefix.p, "TableMetadataList", metadata_of, err);
    kn_buf_free(&prefix);
    return ok;
}

bool kn_athena_get_table_metadata(kn_op_call *call, kn_err *err) {
    json_t *doc = NULL;
    if (!need_catalog(input_text(call, "CatalogName"), err) ||
        !metadata_exception(kn_glue_get_table(call->lake, input_text(call, "DatabaseName"),
                                              input_text(call, "TableName"), &doc, err),
                            err))
        return false;
    call->output = json_pack("{s:o}", "TableMetadata", metadata_of(doc));
    json_decref(doc);
    return true;
}

/* --- tags --- */

bool kn_athena_list_tags(kn_op_call *call, kn_err *err) {
    json_t *doc = NULL;
    if (!kn_store_get(kn_lake_store(call->lake), KN_ATHENA_TAGS, input_text(call, "ResourceARN"),
                      &doc, err))
        return false;
    call->output = json_pack("{s:o}", "Tags", doc ? doc : json_array());
    return true;
}

static void remove_tag(json_t *list, const char *key) {
    for (size_t i = json_array_size(list); key && i-- > 0;) {
        const char *present = kn_glue_text(json_array_get(list, i), "Key");
        if (present && strcmp(present, key) == 0)
            json_array_remove(list, i);
    }
}

/* TagResource and UntagResource. */
bool kn_athena_change_tags(kn_op_call *call, kn_err *err) {
    kn_store *store = kn_lake_store(call->lake);
    const char *arn = input_text(call, "ResourceARN");
    json_t *doc = NULL, *item;
    size_t i;
    if (!kn_store_begin(store, err))
        return false;
    bool ok = kn_store_get(store, KN_ATHENA_TAGS, arn, &doc, err);
    if (ok) {
        if (!doc)
            doc = json_array();
        json_array_foreach(json_object_get(call->input, "Tags"), i, item) {
            remove_tag(doc, kn_glue_text(item, "Key"));
            json_array_append(doc, item);
        }
        json_array_foreach(json_object_get(call->input, "TagKeys"), i, item)
            remove_tag(doc, json_string_value(item));
        ok = kn_store_put(store, KN_ATHENA_TAGS, arn, doc, err);
    }
    json_decref(doc);
    if (ok)
        return kn_store_commit(store, err);
    kn_store_rollback(store);
    return false;
}
