/* Partitions of the catalog's tables. GetPartitions' Expression is evaluated by DuckDB over a table
 * of the partitions' values, so it takes what SQL takes (comparisons, AND, OR, IN, BETWEEN, LIKE).
 */
#include "lake/glue/glue.h"
#include "lake/glue/parts.h"
#include "lake/sql/sql.h"

const kn_member kn_glue_partition_input[] = {
    {.name = "Values", .type = KN_LIST},
    {.name = "StorageDescriptor", .type = KN_OBJECT},
    {.name = "Parameters", .type = KN_OBJECT},
    {.name = NULL},
};

static bool find_table(kn_op_call *call, json_t **table, kn_err *err) {
    return kn_glue_get_table(call->lake, kn_glue_text(call->input, "DatabaseName"),
                             kn_glue_text(call->input, "TableName"), table, err);
}

/* A partition without columns of its own has the table's; without a location it has none. */
static json_t *partition_document(kn_lake *lake, const json_t *table, const json_t *sent,
                                  const json_t *old) {
    json_t *doc = json_deep_copy(sent);
    json_object_set(doc, "DatabaseName", json_object_get(table, "DatabaseName"));
    json_object_set(doc, "TableName", json_object_get(table, "Name"));
    json_object_set_new(doc, "CatalogId", json_string(kn_lake_account(lake)));
    json_object_set_new(doc, "CreationTime",
                        old ? json_incref(json_object_get(old, "CreationTime")) : kn_glue_now());
    return doc;
}

static bool insert_partition(kn_lake *lake, const json_t *table, const json_t *sent, kn_err *err) {
    kn_buf key;
    bool inserted = false;
    bool ok = kn_glue_partition_key(&key, kn_glue_text(table, "DatabaseName"),
                                    kn_glue_text(table, "Name"), table,
                                    json_object_get(sent, "Values"), err);
    if (ok) {
        json_t *doc = partition_document(lake, table, sent, NULL);
        ok = kn_store_insert(kn_lake_store(lake), KN_GLUE_PARTITION, key.p, doc, &inserted, err);
        json_decref(doc);
    }
    if (ok && !inserted)
        ok = kn_fail_aws(err, 400, "AlreadyExistsException", "Partition already exists.");
    kn_buf_free(&key);
    return ok;
}

/* *doc is a new reference, or NULL when there is none. */
static bool load_partition(kn_lake *lake, const json_t *table, const json_t *values, json_t **doc,
                           kn_err *err) {
    kn_buf key;
    *doc = NULL;
    bool ok = kn_glue_partition_key(&key, kn_glue_text(table, "DatabaseName"),
                                    kn_glue_text(table, "Name"), table, values, err) &&
              kn_store_get(kn_lake_store(lake), KN_GLUE_PARTITION, key.p, doc, err);
    kn_buf_free(&key);
    return ok;
}

static bool remove_partition(kn_lake *lake, const json_t *table, const json_t *values,
                             kn_err *err) {
    kn_buf key;
    bool existed = false;
    bool ok = kn_glue_partition_key(&key, kn_glue_text(table, "DatabaseName"),
                                    kn_glue_text(table, "Name"), table, values, err) &&
              kn_store_delete(kn_lake_store(lake), KN_GLUE_PARTITION, key.p, &existed, err);
    if (ok && !existed)
        ok = kn_fail_aws(err, 400, "EntityNotFoundException", "Partition not found.");
    kn_buf_free(&key);
    return ok;
}

bool kn_glue_create_partition(kn_op_call *call, kn_err *err) {
    json_t *table = NULL;
    bool ok =
        find_table(call, &table, err) &&
        insert_partition(call->lake, table, json_object_get(call->input, "PartitionInput"), err);
    json_decref(table);
    return ok;
}

bool kn_glue_get_partition(kn_op_call *call, kn_err *err) {
    json_t *table = NULL, *doc = NULL;
    bool ok = find_table(call, &table, err) &&
              load_partition(call->lake, table, json_object_get(call->input, "PartitionValues"),
                             &doc, err);
    if (ok && !doc)
        ok = kn_fail_aws(err, 400, "EntityNotFoundException", "Cannot find partition.");
    if (doc)
        call->output = json_pack("{s:o}", "Partition", doc);
    json_decref(table);
    return ok;
}

static bool replace_partition(kn_op_call *call, const json_t *table, kn_err *err) {
    const json_t *sent = json_object_get(call->input, "PartitionInput");
    const json_t *values = json_object_get(call->input, "PartitionValueList");
    json_t *old = NULL;
    if (!load_partition(call->lake, table, values, &old, err))
        return false;
    if (!old)
        return kn_fail_aws(err, 400, "EntityNotFoundException", "Partition not found.");
    json_t *changed = json_deep_copy(sent);
    if (!json_object_get(changed, "Values"))
        json_object_set(changed, "Values", (json_t *)values);
    json_t *doc = partition_document(call->lake, table, changed, old);
    kn_buf key = {0};
    bool ok = remove_partition(call->lake, table, values, err) &&
              kn_glue_partition_key(&key, kn_glue_text(table, "DatabaseName"),
                                    kn_glue_text(table, "Name"), table,
                                    json_object_get(doc, "Values"), err);
    ok = ok && kn_store_put(kn_lake_store(call->lake), KN_GLUE_PARTITION, key.p, doc, err);
    kn_buf_free(&key);
    json_decref(doc);
    json_decref(changed);
    json_decref(old);
    return ok;
}

bool kn_glue_update_partition(kn_op_call *call, kn_err *err) {
    kn_store *store = kn_lake_store(call->lake);
    json_t *table = NULL;
    bool ok = find_table(call, &table, err) && kn_store_begin(store, err);
    if (ok) {
        ok = replace_partition(call, table, err);
        if (ok)
            ok = kn_store_commit(store, err);
        else
            kn_store_rollback(store);
    }
    json_decref(table);
    return ok;
}

bool kn_glue_delete_partition(kn_op_call *call, kn_err *err) {
    json_t *table = NULL;
    bool ok =
        find_table(call, &table, err) &&
        remove_partition(call->lake, table, json_object_get(call->input, "PartitionValues"), err);
    json_decref(table);
    return ok;
}

/* --- batches: each element on its own, its error in the answer --- */

typedef bool batch_step(kn_lake *lake, const json_t *table, const json_t *item, kn_err *err);

static bool delete_step(kn_lake *lake, const json_t *table, const json_t *item, kn_err *err) {
    return remove_partition(lake, table, json_object_get(item, "Values"), err);
}

static bool run_batch(kn_op_call *call, const char *member, batch_step *step, kn_err *err) {
    json_t *table = NULL, *errors = json_array(), *item;
    size_t i;
    bool ok = find_table(call, &table, err);
    json_array_foreach(json_object_get(call->input, member), i, item) {
        kn_err one;
        if (!ok)
            break;
        if (step(call->lake, table, item, &one))
            continue;
        if (one.code != KN_EAWS) {
            *err = one;
            ok = false;
        } else {
            json_t *values = json_object_get(item, "Values");
            json_array_append_new(errors, json_pack("{s:o, s:{s:s, s:s}}", "PartitionValues",
                                                    values ? json_incref(values) : json_array(),
                                                    "ErrorDetail", "ErrorCode", one.aws_code,
                                                    "ErrorMessage", one.message));
        }
    }
    if (ok)
        call->output = json_pack("{s:O}", "Errors", errors);
    json_decref(errors);
    json_decref(table);
    return ok;
}

bool kn_glue_batch_create_partition(kn_op_call *call, kn_err *err) {
    return run_batch(call, "PartitionInputList", insert_partition, err);
}

bool kn_glue_batch_delete_partition(kn_op_call *call, kn_err *err) {
    return run_batch(call, "PartitionsToDelete", delete_step, err);
}

bool kn_glue_batch_get_partition(kn_op_call *call, kn_err *err) {
    json_t *table = NULL, *found = json_array(), *item;
    size_t i;
    bool ok = find_table(call, &table, err);
    json_array_foreach(json_object_get(call->input, "PartitionsToGet"), i, item) {
        json_t *doc = NULL;
        ok = ok && load_partition(call->lake, table, json_object_get(item, "Values"), &doc, err);
        if (!ok)
            break;
        if (doc)
            json_array_append_new(found, doc);
    }
    if (ok)
        call->output = json_pack("{s:O, s:[]}", "Partitions", found, "UnprocessedKeys");
    json_decref(found);
    json_decref(table);
    return ok;
}

/* --- GetPartitions --- */

enum { FILTER_SQL_MAX = 64 << 20 };

typedef struct filter {
    kn_buf rows;      /* the VALUES of every partition */
    json_t *accepted; /* keys of those that the expression accepts */
} filter;

static void joined_values(const json_t *doc, kn_buf *out) {
    size_t i;
    json_t *value;
    json_array_foreach(json_object_get(doc, "Values"), i, value) {
        kn_buf_cstr(out, json_string_value(value));
        kn_buf_char(out, '\x1f');
    }
}

static bool filter_row(void *context, const char *key, json_t *doc) {
    filter *f = context;
    size_t i;
    json_t *value;
    (void)key;
    kn_buf joined;
    kn_buf_init(&joined, KN_GLUE_KEY_MAX);
    joined_values(doc, &joined);
    kn_buf_cstr(&f->rows, f->rows.len ? ", (" : "(");
    kn_sql_quote_string(&f->rows, kn_buf_view(&joined));
    json_array_foreach(json_object_get(doc, "Values"), i, value) {
        kn_buf_cstr(&f->rows, ", ");
        kn_sql_quote_string(&f->rows, kn_slice_cstr(json_string_value(value)));
    }
    kn_buf_char(&f->rows, ')');
    kn_buf_free(&joined);
    return kn_buf_ok(&f->rows);
}

/* SELECT the joined values of the partitions that the expression accepts; a key's value is a string
 * unless Glue types it as a number or a date. */
static void filter_query(const json_t *table, const char *expression, filter *f, kn_buf *out) {
    size_t i;
    json_t *column;
    kn_buf names;
    kn_buf_init(&names, KN_GLUE_KEY_MAX);
    kn_buf_cstr(out, "SELECT \"\x1f\" FROM (SELECT \"\x1f\"");
    json_array_foreach(json_object_get(table, "PartitionKeys"), i, column) {
        const char *type = kn_glue_text(column, "Type");
        kn_slice name = kn_slice_cstr(kn_glue_text(column, "Name"));
        bool text = !type || strncmp(type, "string", 6) == 0 || strchr(type, '(');
        kn_buf_cstr(out, ", TRY_CAST(");
        kn_sql_quote_name(out, name);
        kn_buf_printf(out, " AS %s) AS ", text ? "VARCHAR" : type);
        kn_sql_quote_name(out, name);
        kn_buf_cstr(&names, ", ");
        kn_sql_quote_name(&names, name);
    }
    kn_buf_printf(out, " FROM (VALUES %s) AS v(\"\x1f\"%s)) WHERE (%s)", f->rows.p, names.p,
                  expression);
    kn_buf_free(&names);
}

static bool filter_run(const char *query, filter *f, kn_err *err) {
    kn_sql *sql = NULL;
    kn_sql_connection *connection = NULL;
    kn_sql_result *result = NULL;
    kn_buf value;
    bool row = true;
    kn_buf_init(&value, KN_GLUE_KEY_MAX);
    if (!kn_sql_open(NULL, &sql, err))
        return false;
    bool ok = kn_sql_connect(sql, &connection, err);
    if (ok) {
        ok = kn_sql_run(connection, query, &result, err);
        while (ok && (ok = kn_sql_next(result, &row, err)) && row) {
            kn_buf_clear(&value);
            if (kn_sql_render(result, 0, &value))
                json_object_set_new(f->accepted, value.p, json_true());
        }
        if (!ok) {
            kn_err reason = *err;
            kn_fail_aws(err, 400, "InvalidInputException", "Expression: %.1000s", reason.message);
        }
    }
    kn_buf_free(&value);
    kn_sql_result_free(result);
    kn_sql_disconnect(connection);
    kn_sql_close(sql);
    return ok;
}

static bool filter_accepts(void *context, json_t *doc) {
    kn_buf joined;
    kn_buf_init(&joined, KN_GLUE_KEY_MAX);
    joined_values(doc, &joined);
    bool yes = joined.p && json_object_get(context, joined.p);
    kn_buf_free(&joined);
    return yes;
}

bool kn_glue_get_partitions(kn_op_call *call, kn_err *err) {
    const char *expression = kn_glue_text(call->input, "Expression");
    json_t *table = NULL;
    filter f = {.accepted = json_object()};
    kn_buf prefix, query;
    kn_buf_init(&f.rows, FILTER_SQL_MAX);
    kn_buf_init(&query, FILTER_SQL_MAX + KN_GLUE_KEY_MAX);
    bool filtered = expression && *expression;
    bool ok = kn_glue_key(&prefix, kn_glue_text(call->input, "DatabaseName"),
                          kn_glue_text(call->input, "TableName"), err) &&
              find_table(call, &table, err);
    kn_buf_char(&prefix, '\x1f');
    if (ok && filtered) {
        ok = kn_store_scan(kn_lake_store(call->lake), KN_GLUE_PARTITION, prefix.p, NULL, filter_row,
                           &f, err) &&
             kn_buf_check(&f.rows, "the list of partitions", err);
        if (ok && f.rows.len) {
            filter_query(table, expression, &f, &query);
            ok = kn_buf_check(&query, "the filter", err) && filter_run(query.p, &f, err);
        }
    }
    ok = ok && kn_glue_list(call, KN_GLUE_PARTITION, prefix.p, "Partitions", 1000,
                            filtered ? filter_accepts : NULL, f.accepted, err);
    json_decref(f.accepted);
    json_decref(table);
    kn_buf_free(&f.rows);
    kn_buf_free(&query);
    kn_buf_free(&prefix);
    return ok;
}
