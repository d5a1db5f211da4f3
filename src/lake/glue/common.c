/* Keys, errors and paging of the catalog. See parts.h.
 * A NextToken is the base64 of the last key that was returned. */
#include "base/base64.h"
#include "base/time.h"
#include "lake/glue/parts.h"

/* Control characters are in no name, so that the one between the parts of a key is in none. */
static bool check_name(const char *name, kn_err *err) {
    for (; *name; name++)
        if ((unsigned char)*name < ' ' && *name != '\t')
            return kn_fail_aws(err, 400, "InvalidInputException",
                               "A name or a partition value must not hold control characters");
    return true;
}

/* Appends the name in lower case, as Glue keeps it. */
static void lower(kn_buf *out, const char *name) {
    for (; *name; name++)
        kn_buf_char(out, *name >= 'A' && *name <= 'Z' ? (char)(*name + 32) : *name);
}

bool kn_glue_key(kn_buf *key, const char *database, const char *table, kn_err *err) {
    kn_buf_init(key, KN_GLUE_KEY_MAX);
    lower(key, database);
    if (table) {
        kn_buf_char(key, '\x1f');
        lower(key, table);
    }
    if (!kn_buf_reserve(key, 0)) /* also an empty name has its NUL */
        return kn_fail_aws(err, 400, "InvalidInputException", "The name of a table is too long");
    return check_name(database, err) && (!table || check_name(table, err));
}

bool kn_glue_partition_key(kn_buf *key, const char *database, const char *table,
                           const json_t *table_doc, const json_t *values, kn_err *err) {
    size_t i;
    const json_t *value;
    if (!kn_glue_key(key, database, table, err))
        return false;
    size_t expected = json_array_size(json_object_get(table_doc, "PartitionKeys"));
    if (table_doc && json_array_size(values) != expected)
        return kn_fail_aws(err, 400, "InvalidInputException",
                           "The number of partition keys do not match the number of partition "
                           "values: table %s has %zu, %zu were given",
                           table, expected, json_array_size(values));
    json_array_foreach((json_t *)values, i, value) {
        if (!json_is_string(value))
            return kn_fail_aws(err, 400, "InvalidInputException",
                               "A partition value must be a string");
        if (!check_name(json_string_value(value), err))
            return false;
        kn_buf_char(key, '\x1f');
        kn_buf_cstr(key, json_string_value(value));
    }
    if (!kn_buf_ok(key))
        return kn_fail_aws(err, 400, "InvalidInputException", "The partition values are too long");
    return true;
}

bool kn_glue_need_database(kn_lake *lake, const char *database, kn_err *err) {
    kn_buf key;
    json_t *doc = NULL;
    bool ok = kn_glue_key(&key, database, NULL, err) &&
              kn_store_get(kn_lake_store(lake), KN_GLUE_DATABASE, key.p, &doc, err);
    if (ok && !doc)
        ok = kn_fail_aws(err, 400, "EntityNotFoundException", "Database %s not found.", key.p);
    json_decref(doc);
    kn_buf_free(&key);
    return ok;
}

const char *kn_glue_text(const json_t *input, const char *name) {
    return json_string_value(json_object_get(input, name));
}

json_t *kn_glue_now(void) {
    return json_integer(kn_time_now_ms() / 1000);
}

typedef struct page {
    json_t *list;
    size_t limit;
    kn_glue_accept *accept;
    void *context;
    kn_buf last; /* key of the last document in the list */
    bool more;
} page;

static bool page_visit(void *context, const char *key, json_t *doc) {
    page *p = context;
    if (p->accept && !p->accept(p->context, doc))
        return true;
    p->more = json_array_size(p->list) >= p->limit;
    if (p->more)
        return false;
    kn_buf_clear(&p->last);
    kn_buf_cstr(&p->last, key);
    return json_array_append(p->list, doc) == 0;
}

static bool page_scan(kn_op_call *call, const char *kind, const char *prefix, page *p,
                      kn_err *err) {
    const char *token = kn_glue_text(call->input, "NextToken");
    kn_buf after;
    kn_buf_init(&after, KN_GLUE_KEY_MAX);
    if (token && !kn_base64_decode(&after, kn_slice_cstr(token))) {
        kn_buf_free(&after);
        return kn_fail_aws(err, 400, "InvalidInputException", "NextToken is not valid");
    }
    bool ok = kn_store_scan(kn_lake_store(call->lake), kind, prefix, token ? after.p : NULL,
                            page_visit, p, err);
    kn_buf_free(&after);
    return ok;
}

bool kn_glue_list(kn_op_call *call, const char *kind, const char *prefix, const char *member,
                  size_t limit, kn_glue_accept *accept, void *context, kn_err *err) {
    const json_t *wanted = json_object_get(call->input, "MaxResults");
    if (wanted && (size_t)json_integer_value(wanted) < limit)
        limit = (size_t)json_integer_value(wanted);
    page p = {json_array(), limit, accept, context, {0}, false};
    kn_buf_init(&p.last, KN_GLUE_KEY_MAX);
    bool ok = page_scan(call, kind, prefix, &p, err);
    if (ok) {
        call->output = json_pack("{s:o}", member, p.list);
        if (p.more) {
            kn_buf token;
            kn_buf_init(&token, 2 * KN_GLUE_KEY_MAX);
            kn_base64_encode(&token, kn_buf_view(&p.last));
            json_object_set_new(call->output, "NextToken", json_string(token.p));
            kn_buf_free(&token);
        }
    } else {
        json_decref(p.list);
    }
    kn_buf_free(&p.last);
    return ok;
}
