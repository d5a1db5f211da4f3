/* See put_reply.h. */
#include "aws/put_reply.h"

#include "aws/error.h"
#include "base/cbor.h"

#include <jansson.h>

enum { JSON_MAX = 16 << 20 };

/* ---- where nothing failed: JSON ---- */

static const char *skip(const char *p, const char *end, const char *what) {
    while (p < end && strchr(what, *p) && *p)
        p++;
    return p;
}

/* Behind `"name" :`, or NULL. A name cannot occur inside a JSON string, where its quotes would be
 * escaped. */
static const char *find_member(kn_slice text, const char *name) {
    char quoted[40];
    int n = snprintf(quoted, sizeof quoted, "\"%s\"", name);
    const char *at = memmem(text.p, text.n, quoted, (size_t)n);
    return at ? skip(at + n, text.p + text.n, " \t\r\n:") : NULL;
}

static bool says_none_failed(const kn_batch_rules *rules, kn_slice reply) {
    const char *at = find_member(reply, rules->count_member), *end = reply.p + reply.n;
    return at && at + 1 < end && at[0] == '0' && strchr(",} \r\n\t", at[1]);
}

/* Takes the next result, a flat object; NULL when there is none. */
static const char *take_object(const char *p, const char *end, kn_slice *object) {
    p = skip(p, end, ", \t\r\n");
    const char *last = p < end && *p == '{' ? memchr(p, '}', (size_t)(end - p)) : NULL;
    if (!last)
        return NULL;
    *object = (kn_slice){p, (size_t)(last - p) + 1};
    return last + 1;
}

/* Whatever the count says, then each result is read. */
static bool mentions_error(kn_slice object) {
    static const char name[] = "\"ErrorCode\"";
    return memmem(object.p, object.n, name, sizeof name - 1) != NULL;
}

static bool ends_list(const char *p, const char *end) {
    p = skip(p, end, " \t\r\n");
    return p < end && *p == ']';
}

/* Results of one length lie where the first says: then the last one tells how many there are. */
static bool has_equal_results(const char *list, const char *end, uint32_t count) {
    kn_slice first, last;
    const char *p = take_object(list, end, &first);
    if (!p || p + (count - 1) * (first.n + 1) > end)
        return false;
    p = first.p + (count - 1) * (first.n + 1);
    const char *after = *p == '{' ? take_object(p, end, &last) : NULL;
    return after && last.n == first.n && ends_list(after, end) && !mentions_error(first) &&
           !mentions_error(last);
}

static bool has_results(const char *list, const char *end, uint32_t count) {
    kn_slice object;
    for (uint32_t i = 0; i < count; i++) {
        list = take_object(list, end, &object);
        if (!list || mentions_error(object))
            return false;
    }
    return ends_list(list, end);
}

static kn_slice shard_of(kn_slice object) {
    const char *end = object.p + object.n, *at = find_member(object, "ShardId");
    const char *last = at && *at == '"' ? memchr(at + 1, '"', (size_t)(end - at - 1)) : NULL;
    return last ? (kn_slice){at + 1, (size_t)(last - at - 1)} : (kn_slice){"", 0};
}

static bool read_success_json(const kn_put_reply *r, kn_put_each *each, void *context) {
    const char *end = r->body.p + r->body.n, *list = find_member(r->body, r->rules->results_member);
    if (!says_none_failed(r->rules, r->body) || !list || list >= end || *list++ != '[')
        return false;
    if ((r->shards || !has_equal_results(list, end, r->count)) && !has_results(list, end, r->count))
        return false;
    kn_put_result result = {.shard = {"", 0}};
    for (uint32_t i = 0; i < r->count; i++) {
        kn_slice object;
        if (r->shards) {
            list = take_object(list, end, &object);
            result.shard = shard_of(object);
        }
        each(context, i, &result);
    }
    return true;
}

/* ---- the same: CBOR ---- */

/* Where the value of a member of the map is; empty when there is none. */
static kn_slice find_item(kn_slice cbor, const char *name) {
    kn_cbor_item map, key;
    if (!kn_cbor_take(&cbor, &map) || map.major != KN_CBOR_MAP)
        return (kn_slice){"", 0};
    while (kn_cbor_take(&cbor, &key) && key.major == KN_CBOR_TEXT) {
        if (kn_slice_eq_cstr(key.text, name))
            return cbor;
        if (!kn_cbor_skip(&cbor))
            break;
    }
    return (kn_slice){"", 0};
}

static bool is_break(kn_slice at) {
    return at.n > 0 && (unsigned char)at.p[0] == 0xFF;
}

static bool is_map(kn_slice at) {
    return at.n > 0 && (unsigned char)at.p[0] >> 5 == KN_CBOR_MAP;
}

static bool has_error(kn_slice result) {
    return find_item(result, "ErrorCode").n > 0;
}

/* As of JSON: where all are as long as the first, it is enough to look where the last one lies. */
static bool has_items(const kn_cbor_item *array, kn_slice list, uint32_t count) {
    kn_slice rest = list;
    if ((!array->indefinite && array->value != count) || !kn_cbor_skip(&rest))
        return false;
    size_t each = list.n - rest.n, before = (count - 1) * each;
    if (before + each <= list.n) {
        kn_slice last = {list.p + before, list.n - before};
        if (is_map(list) && is_map(last) && kn_cbor_skip(&last) &&
            last.n == list.n - before - each && (!array->indefinite || is_break(last)))
            return !has_error(list);
    }
    for (uint32_t i = 0; i < count; i++)
        if (!is_map(list) || has_error(list) || !kn_cbor_skip(&list))
            return false;
    return !array->indefinite || is_break(list);
}

static kn_slice shard_of_item(kn_slice *list) {
    kn_slice at = find_item(*list, "ShardId");
    kn_cbor_item shard = {.text = {"", 0}};
    if (at.n && (!kn_cbor_take(&at, &shard) || shard.major != KN_CBOR_TEXT))
        shard.text = (kn_slice){"", 0};
    return kn_cbor_skip(list) ? shard.text : (kn_slice){"", 0};
}

static bool read_success_cbor(const kn_put_reply *r, kn_put_each *each, void *context) {
    kn_slice at = find_item(r->body, r->rules->count_member);
    kn_slice list = find_item(r->body, r->rules->results_member);
    kn_cbor_item failed, head;
    if (!at.n || !kn_cbor_take(&at, &failed) || failed.major != KN_CBOR_UINT || failed.value != 0)
        return false;
    if (!list.n || !kn_cbor_take(&list, &head) || head.major != KN_CBOR_ARRAY ||
        !has_items(&head, list, r->count))
        return false;
    kn_put_result result = {.shard = {"", 0}};
    for (uint32_t i = 0; i < r->count; i++) {
        if (r->shards)
            result.shard = shard_of_item(&list);
        each(context, i, &result);
    }
    return true;
}

/* ---- any other ---- */

/* A result for each record, and no more failures than results tell. */
static bool is_whole(const kn_put_reply *r, const json_t *root, const json_t *results) {
    json_int_t told = json_integer_value(json_object_get(root, r->rules->count_member)), found = 0;
    if (!json_is_array(results) || json_array_size(results) != r->count)
        return false;
    for (size_t i = 0; i < r->count; i++) {
        const json_t *row = json_array_get(results, i), *code = json_object_get(row, "ErrorCode");
        if (!json_is_object(row) || (code && !json_is_null(code) && !json_is_string(code)))
            return false;
        found += json_is_string(code);
    }
    return told <= found;
}

static void read_results(const json_t *results, kn_put_each *each, void *context) {
    for (size_t i = 0; i < json_array_size(results); i++) {
        const json_t *row = json_array_get(results, i);
        const json_t *shard = json_object_get(row, "ShardId");
        kn_put_result result = {
            .code = json_string_value(json_object_get(row, "ErrorCode")),
            .message = json_string_value(json_object_get(row, "ErrorMessage")),
            .shard = {json_is_string(shard) ? json_string_value(shard) : "",
                      json_string_length(shard)},
        };
        each(context, (uint32_t)i, &result);
    }
}

/* NULL when it cannot be read. */
static json_t *load(const kn_put_reply *r) {
    if (r->wire == KN_WIRE_JSON)
        return json_loadb(r->body.p, r->body.n, 0, NULL);
    kn_err ignored; /* the caller says what reply it was */
    kn_buf text;
    kn_buf_init(&text, JSON_MAX);
    json_t *root =
        kn_cbor_to_json(r->body, &text, &ignored) ? json_loadb(text.p, text.len, 0, NULL) : NULL;
    kn_buf_free(&text);
    return root;
}

bool kn_put_reply_read(const kn_put_reply *r, kn_put_each *each, void *context, kn_err *err) {
    if (r->wire == KN_WIRE_CBOR ? read_success_cbor(r, each, context)
                                : read_success_json(r, each, context))
        return true;
    json_t *root = load(r);
    const json_t *results = json_object_get(root, r->rules->results_member);
    bool ok = is_whole(r, root, results);
    if (ok)
        read_results(results, each, context);
    else
        kn_fail(err, KN_EPARSE, "%s %s: the reply has no result for each of the %u records",
                r->rules->api, r->rules->operation, r->count);
    json_decref(root);
    return ok;
}

bool kn_put_is_throttle(const kn_batch_rules *rules, const char *code) {
    return kn_aws_is_throttle(code) || (rules->busy && strcmp(code, rules->busy) == 0);
}

bool kn_put_is_transient(const kn_batch_rules *rules, const char *code) {
    for (const char *const *t = rules->transient; *t; t++)
        if (strcmp(code, *t) == 0)
            return true;
    return kn_aws_is_throttle(code);
}

kn_slice kn_put_shard_in(const char *message) {
    const char *at = message ? strstr(message, "shardId-") : NULL;
    if (!at)
        return (kn_slice){"", 0};
    return (kn_slice){at, 8 + strspn(at + 8, "0123456789")};
}
