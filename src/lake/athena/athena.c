/* Athena's operations on query executions; workgroups are in workgroup.c.
 *
 * An execution is a document in the store: {"execution": as GetQueryExecution returns it, "output":
 * the folder of its result, "columns": ColumnInfo, "ddl", "token"}. Its id is a UUID (version 8)
 * that begins with the time counted down, so that the order of keys is newest first, as they are
 * listed. Executions are kept for 45 days, as AWS does. Left out on purpose: named queries,
 * prepared statements, result reuse, query runtime statistics. */
#include "base/time.h"
#include "lake/athena/parts.h"
#include "lake/glue/parts.h"
#include "lake/store/objects.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEEP_DAYS = 45, PAGE_ROWS = 1000, LIST_MAX = 50 };

struct kn_athena {
    kn_lake *lake;
    kn_athena_pool *pool;
    pthread_mutex_t parsing; /* the parser below is one thread's at a time */
    kn_sql *sql;             /* opened at the first query */
    kn_sql_connection *parser;
};

/* --- opening and closing --- */

#define TIME_BITS_MAX ((UINT64_C(1) << 48) - 1)

static void id_prefix(int64_t ms, char out[14]) {
    uint64_t down = TIME_BITS_MAX - (uint64_t)ms;
    snprintf(out, 14, "%08x-%04x", (unsigned)(down >> 16), (unsigned)(down & 0xffff));
}

static bool collect_key(void *list, const char *key, json_t *doc) {
    return json_array_append_new(list, json_pack("[s, O*]", key, json_object_get(doc, "token"))) ==
           0;
}

/* Forgets executions older than KEEP_DAYS. */
static bool purge(kn_lake *lake, kn_err *err) {
    kn_store *store = kn_lake_store(lake);
    json_t *list = json_array(), *pair;
    size_t i;
    char oldest[14];
    id_prefix(kn_time_now_ms() - KEEP_DAYS * INT64_C(86400000), oldest);
    bool ok = kn_store_scan(store, KN_ATHENA_EXECUTION, "", oldest, collect_key, list, err);
    json_array_foreach(list, i, pair) {
        const char *token = json_string_value(json_array_get(pair, 1));
        ok = ok &&
             kn_store_delete(store, KN_ATHENA_EXECUTION, json_string_value(json_array_get(pair, 0)),
                             NULL, err) &&
             (!token || kn_store_delete(store, KN_ATHENA_TOKEN, token, NULL, err));
    }
    json_decref(list);
    return ok;
}

bool kn_athena_open(kn_lake *lake, kn_athena **out, kn_err *err) {
    kn_athena *a = calloc(1, sizeof *a);
    *out = NULL;
    if (!a)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    a->lake = lake;
    pthread_mutex_init(&a->parsing, NULL);
    if (kn_athena_primary(lake, err) && purge(lake, err) &&
        kn_athena_pool_open(lake, &a->pool, err)) {
        *out = a;
        return true;
    }
    kn_athena_close(a);
    return false;
}

void kn_athena_close(kn_athena *a) {
    if (!a)
        return;
    kn_athena_pool_close(a->pool);
    kn_sql_disconnect(a->parser);
    kn_sql_close(a->sql);
    pthread_mutex_destroy(&a->parsing);
    free(a);
}

/* --- StartQueryExecution --- */

static const char *input_text(const kn_op_call *call, const char *name) {
    return kn_glue_text(call->input, name);
}

static bool new_id(char out[40], kn_err *err) {
    uint64_t r[2];
    char prefix[14];
    if (RAND_bytes((unsigned char *)r, sizeof r) != 1)
        return kn_fail(err, KN_EIO, "no random numbers");
    id_prefix(kn_time_now_ms(), prefix);
    snprintf(out, 40, "%s-8%03x-%04x-%012" PRIx64, prefix, (unsigned)(r[0] & 0xfff),
             (unsigned)(0x8000 | (r[0] >> 16 & 0x3fff)), r[1] & UINT64_C(0xffffffffffff));
    return true;
}

/* Syntax errors are told at once; anything else shows when the query runs. */
static bool check_syntax(kn_athena *a, const char *text, kn_err *err) {
    kn_athena_query query;
    if (kn_athena_is_ddl(text))
        return true;
    pthread_mutex_lock(&a->parsing);
    bool ok =
        a->parser || (kn_sql_open(NULL, &a->sql, err) && kn_sql_connect(a->sql, &a->parser, err));
    if (ok) {
        ok = kn_athena_parse(a->parser, text, &query, err);
        if (ok)
            kn_athena_query_free(&query);
        else if (err->code != KN_ENOMEM) {
            kn_err reason = *err;
            kn_fail_aws(err, 400, "InvalidRequestException", "%s", reason.message);
        }
    }
    pthread_mutex_unlock(&a->parsing);
    return ok;
}

/* The folder of the result: the workgroup's when it enforces its configuration, else the request's,
 * else the workgroup's. */
static bool choose_output(kn_op_call *call, const json_t *workgroup, const char **out,
                          kn_err *err) {
    const json_t *settings = json_object_get(workgroup, "Configuration");
    const char *theirs =
        kn_glue_text(json_object_get(settings, "ResultConfiguration"), "OutputLocation");
    const char *ours =
        kn_glue_text(json_object_get(call->input, "ResultConfiguration"), "OutputLocation");
    bool enforced = json_is_true(json_object_get(settings, "EnforceWorkGroupConfiguration"));
    char bucket[256];
    const char *key;
    bool exists = false;
    *out = theirs && *theirs && (enforced || !ours) ? theirs : ours;
    if (!*out || !**out)
        return kn_fail_aws(err, 400, "InvalidRequestException",
                           "No output location provided. An output location is required either "
                           "through the Workgroup result configuration setting or as an API "
                           "input.");
    if (!kn_athena_split(*out, bucket, &key))
        return kn_fail_aws(err, 400, "InvalidRequestException",
                           "outputLocation is not a valid S3 path.");
    return kn_objects_bucket_exists(kn_lake_objects(call->lake), bucket, &exists, err) &&
           (exists || kn_fail_aws(err, 400, "InvalidRequestException",
                                  "Unable to verify/create output bucket %s", bucket));
}

static json_t *execution_document(kn_op_call *call, const char *id, const char *workgroup,
                                  const char *output) {
    const char *text = input_text(call, "QueryString");
    bool ddl = kn_athena_is_ddl(text);
    kn_buf location;
    kn_buf_init(&location, 4096);
    kn_athena_location(output, id, ddl, &location);
    json_t *context = json_object_get(call->input, "QueryExecutionContext");
    json_t *execution = json_pack(
        "{s:s, s:s, s:s, s:{s:s}, s:o, s:{s:s, s:f}, s:{s:i}, s:s, s:{s:s, s:s}}",
        "QueryExecutionId", id, "Query", text, "StatementType", ddl ? "DDL" : "DML",
        "ResultConfiguration", "OutputLocation", location.p ? location.p : "",
        "QueryExecutionContext", context ? json_deep_copy(context) : json_object(), "Status",
        "State", "QUEUED", "SubmissionDateTime", (double)kn_time_now_ms() / 1000, "Statistics",
        "TotalExecutionTimeInMillis", 0, "WorkGroup", workgroup, "EngineVersion",
        "SelectedEngineVersion", "AUTO", "EffectiveEngineVersion", "Athena engine version 3");
    json_t *parameters = json_object_get(call->input, "ExecutionParameters");
    if (parameters)
        json_object_set(execution, "ExecutionParameters", parameters);
    kn_buf_free(&location);
    json_t *doc =
        json_pack("{s:o, s:s, s:b}", "execution", execution, "output", output, "ddl", ddl);
    const char *token = input_text(call, "ClientRequestToken");
    if (doc && token)
        json_object_set_new(doc, "token", json_string(token));
    return doc;
}

/* A digest of the request, to tell whether a token comes with the same one. */
static bool digest_input(const json_t *input, char out[65], kn_err *err) {
    unsigned char bytes[32];
    char *text = json_dumps(input, JSON_COMPACT | JSON_SORT_KEYS);
    bool ok = text && EVP_Digest(text, strlen(text), bytes, NULL, EVP_sha256(), NULL) == 1;
    for (int i = 0; ok && i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    free(text);
    return ok || kn_fail(err, KN_ENOMEM, "out of memory");
}

/* What a token stands for: the same request again gives the same execution. */
static bool find_token(kn_op_call *call, const char *token, char id[40], bool *found, kn_err *err) {
    json_t *doc = NULL;
    char digest[65];
    *found = false;
    bool ok = digest_input(call->input, digest, err) &&
              kn_store_get(kn_lake_store(call->lake), KN_ATHENA_TOKEN, token, &doc, err);
    if (ok && doc) {
        *found = true;
        snprintf(id, 40, "%s", kn_glue_text(doc, "id"));
        if (strcmp(kn_glue_text(doc, "digest"), digest) != 0)
            ok = kn_fail_aws(err, 400, "InvalidRequestException",
                             "Idempotent parameters do not match");
    }
    json_decref(doc);
    return ok;
}

/* The execution, and what its token stands for, in one transaction. */
static bool save_new(kn_op_call *call, const char *id, const char *token, const json_t *doc,
                     kn_err *err) {
    kn_store *store = kn_lake_store(call->lake);
    json_t *claim = NULL;
    char digest[65];
    bool ok = digest_input(call->input, digest, err) && kn_store_begin(store, err);
    if (ok) {
        claim = json_pack("{s:s, s:s}", "id", id, "digest", digest);
        ok = kn_store_put(store, KN_ATHENA_EXECUTION, id, doc, err) &&
             (!token || kn_store_put(store, KN_ATHENA_TOKEN, token, claim, err));
        if (ok)
            ok = kn_store_commit(store, err);
        else
            kn_store_rollback(store);
    }
    json_decref(claim);
    return ok;
}

static bool begin_execution(kn_op_call *call, const char *token, char id[40], kn_err *err) {
    kn_athena *a = kn_lake_athena(call->lake);
    const char *name = input_text(call, "WorkGroup"), *output;
    json_t *workgroup = NULL, *doc = NULL;
    if (!name)
        name = "primary";
    bool ok = kn_athena_workgroup(call->lake, name, &workgroup, err);
    if (ok && strcmp(kn_glue_text(workgroup, "State"), "ENABLED") != 0)
        ok = kn_fail_aws(err, 400, "InvalidRequestException", "WorkGroup %s is disabled.", name);
    ok = ok && choose_output(call, workgroup, &output, err) &&
         check_syntax(a, input_text(call, "QueryString"), err);
    if (ok && kn_athena_pool_full(a->pool))
        ok = kn_fail_aws(err, 400, "TooManyRequestsException",
                         "You have exceeded the limit for the number of queries you can run "
                         "concurrently. Please reduce the number of concurrent queries.");
    if (ok && (ok = new_id(id, err))) {
        doc = execution_document(call, id, name, output);
        ok = (doc || kn_fail(err, KN_ENOMEM, "out of memory")) &&
             save_new(call, id, token, doc, err) && kn_athena_pool_submit(a->pool, id, err);
    }
    json_decref(doc);
    json_decref(workgroup);
    return ok;
}

static bool start_query(kn_op_call *call, kn_err *err) {
    const char *token = input_text(call, "ClientRequestToken");
    char id[40];
    bool found = false;
    if (token && !find_token(call, token, id, &found, err))
        return false;
    if (!found && !begin_execution(call, token, id, err))
        return false;
    call->output = json_pack("{s:s}", "QueryExecutionId", id);
    return true;
}

/* --- reading executions --- */

static bool load(kn_lake *lake, const char *id, json_t **doc, kn_err *err) {
    return kn_store_get(kn_lake_store(lake), KN_ATHENA_EXECUTION, id, doc, err) &&
           (*doc || kn_fail_aws(err, 400, "InvalidRequestException",
                                "QueryExecution %s was not found", id));
}

static bool get_execution(kn_op_call *call, kn_err *err) {
    json_t *doc = NULL;
    if (!load(call->lake, input_text(call, "QueryExecutionId"), &doc, err))
        return false;
    call->output = json_pack("{s:O}", "QueryExecution", json_object_get(doc, "execution"));
    json_decref(doc);
    return true;
}

static bool batch_get(kn_op_call *call, kn_err *err) {
    json_t *found = json_array(), *missing = json_array(), *id;
    size_t i;
    bool ok = true;
    json_array_foreach(json_object_get(call->input, "QueryExecutionIds"), i, id) {
        const char *text = json_string_value(id);
        json_t *doc = NULL;
        ok = ok && (!text ||
                    kn_store_get(kn_lake_store(call->lake), KN_ATHENA_EXECUTION, text, &doc, err));
        if (doc)
            json_array_append(found, json_object_get(doc, "execution"));
        else
            json_array_append_new(missing, json_pack("{s:O, s:s, s:s}", "QueryExecutionId", id,
                                                     "ErrorCode", "INVALID_QUERY_EXECUTION_ID",
                                                     "ErrorMessage", "It was not found"));
        json_decref(doc);
    }
    if (ok)
        call->output = json_pack("{s:O, s:O}", "QueryExecutions", found,
                                 "UnprocessedQueryExecutionIds", missing);
    json_decref(found);
    json_decref(missing);
    return ok;
}

static bool of_workgroup(void *workgroup, json_t *doc) {
    const char *name = kn_glue_text(json_object_get(doc, "execution"), "WorkGroup");
    return name && strcmp(name, workgroup) == 0;
}

static bool list_executions(kn_op_call *call, kn_err *err) {
    const char *workgroup = input_text(call, "WorkGroup");
    size_t i;
    json_t *doc;
    if (!kn_glue_list(call, KN_ATHENA_EXECUTION, "", "QueryExecutionIds", LIST_MAX, of_workgroup,
                      (void *)(workgroup ? workgroup : "primary"), err))
        return false;
    json_t *list = json_object_get(call->output, "QueryExecutionIds");
    json_array_foreach(list, i, doc) json_array_set(
        list, i, json_object_get(json_object_get(doc, "execution"), "QueryExecutionId"));
    return true;
}

static bool get_results(kn_op_call *call, kn_err *err) {
    const json_t *wanted = json_object_get(call->input, "MaxResults");
    json_t *doc = NULL;
    if (!load(call->lake, input_text(call, "QueryExecutionId"), &doc, err))
        return false;
    const char *state =
        kn_glue_text(json_object_get(json_object_get(doc, "execution"), "Status"), "State");
    bool ended = strcmp(state, "FAILED") == 0 || strcmp(state, "CANCELLED") == 0;
    bool ok = strcmp(state, "SUCCEEDED") == 0 ||
              kn_fail_aws(err, 400, "InvalidRequestException", "%s state: %s",
                          ended ? "Query did not finish successfully. Final query"
                                : "Query has not yet finished. Current",
                          state);
    ok = ok && kn_athena_result_page(call->lake, doc, input_text(call, "NextToken"),
                                     wanted ? (size_t)json_integer_value(wanted) : PAGE_ROWS,
                                     call->text, err);
    json_decref(doc);
    return ok;
}

static bool stop_query(kn_op_call *call, kn_err *err) {
    const char *id = input_text(call, "QueryExecutionId");
    json_t *doc = NULL;
    if (!load(call->lake, id, &doc, err))
        return false;
    json_decref(doc);
    kn_athena_pool_cancel(kn_lake_athena(call->lake)->pool, id);
    return true;
}

/* --- the table of operations --- */

#define TEXT(member, needed, most)                                                                 \
    { .name = member, .type = KN_STRING, .required = needed, .min = 1, .max = most }
#define NAME(member, needed) TEXT(member, needed, 255)
#define PAGING(most)                                                                               \
    {.name = "NextToken", .type = KN_STRING, .min = 1, .max = 16384}, {                            \
        .name = "MaxResults", .type = KN_INTEGER, .min = 1, .max = most                            \
    }
#define END                                                                                        \
    { .name = NULL }
#define WORKGROUP_PATTERN "[a-zA-Z0-9._-]{1,128}"

static const kn_member context_members[] = {NAME("Database", false), NAME("Catalog", false), END};
static const kn_member result_members[] = {{.name = "OutputLocation", .type = KN_STRING}, END};
static const kn_member start_members[] = {
    TEXT("QueryString", true, 262144),
    {.name = "ClientRequestToken", .type = KN_STRING, .min = 32, .max = 128},
    {.name = "QueryExecutionContext", .type = KN_OBJECT, .members = context_members},
    {.name = "ResultConfiguration", .type = KN_OBJECT, .members = result_members},
    {.name = "WorkGroup", .type = KN_STRING, .characters = WORKGROUP_PATTERN},
    {.name = "ExecutionParameters", .type = KN_LIST, .min = 1, .max = 1000},
    END};
static const kn_member on_execution[] = {TEXT("QueryExecutionId", true, 128), END};
static const kn_member many_executions[] = {
    {.name = "QueryExecutionIds", .type = KN_LIST, .required = true, .min = 1, .max = 50}, END};
static const kn_member list_members[] = {
    {.name = "WorkGroup", .type = KN_STRING, .characters = WORKGROUP_PATTERN}, PAGING(50), END};
static const kn_member results_members[] = {TEXT("QueryExecutionId", true, 128), PAGING(1000), END};
static const kn_member new_workgroup[] = {
    {.name = "Name", .type = KN_STRING, .required = true, .characters = WORKGROUP_PATTERN},
    {.name = "Configuration", .type = KN_OBJECT},
    {.name = "Description", .type = KN_STRING, .max = 1024},
    {.name = "Tags", .type = KN_LIST},
    END};
static const kn_member on_workgroup[] = {
    {.name = "WorkGroup", .type = KN_STRING, .required = true, .characters = WORKGROUP_PATTERN},
    {.name = "ConfigurationUpdates", .type = KN_OBJECT},
    {.name = "Description", .type = KN_STRING, .max = 1024},
    {.name = "State", .type = KN_STRING, .characters = "ENABLED|DISABLED"},
    END};
static const kn_member pages[] = {PAGING(50), END};
static const kn_member on_catalog[] = {NAME("Name", true), END};
static const kn_member in_catalog[] = {NAME("CatalogName", true), PAGING(50), END};
static const kn_member in_database[] = {NAME("CatalogName", true), NAME("DatabaseName", true),
                                        PAGING(50), END};
static const kn_member on_table[] = {NAME("CatalogName", true), NAME("DatabaseName", true),
                                     NAME("TableName", true), END};
static const kn_member on_resource[] = {TEXT("ResourceARN", true, 1011),
                                        {.name = "Tags", .type = KN_LIST},
                                        {.name = "TagKeys", .type = KN_LIST},
                                        END};

static const kn_op ops[] = {
    {"StartQueryExecution", start_query, start_members},
    {"GetQueryExecution", get_execution, on_execution},
    {"BatchGetQueryExecution", batch_get, many_executions},
    {"ListQueryExecutions", list_executions, list_members},
    {"GetQueryResults", get_results, results_members},
    {"StopQueryExecution", stop_query, on_execution},
    {"CreateWorkGroup", kn_athena_create_workgroup, new_workgroup},
    {"GetWorkGroup", kn_athena_get_workgroup, on_workgroup},
    {"ListWorkGroups", kn_athena_list_workgroups, pages},
    {"UpdateWorkGroup", kn_athena_update_workgroup, on_workgroup},
    {"DeleteWorkGroup", kn_athena_delete_workgroup, on_workgroup},
    {"ListEngineVersions", kn_athena_list_engines, pages},
    {"ListDataCatalogs", kn_athena_list_catalogs, pages},
    {"GetDataCatalog", kn_athena_get_catalog, on_catalog},
    {"ListDatabases", kn_athena_list_databases, in_catalog},
    {"GetDatabase", kn_athena_get_database, in_database},
    {"ListTableMetadata", kn_athena_list_table_metadata, in_database},
    {"GetTableMetadata", kn_athena_get_table_metadata, on_table},
    {"ListTagsForResource", kn_athena_list_tags, on_resource},
    {"TagResource", kn_athena_change_tags, on_resource},
    {"UntagResource", kn_athena_change_tags, on_resource},
    {NULL, NULL, NULL},
};

const kn_service kn_athena_service = {
    .name = "athena",
    .target = "AmazonAthena",
    .content_type = "application/x-amz-json-1.1",
    .validation_error = "InvalidRequestException",
    .ops = ops,
};
