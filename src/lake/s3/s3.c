/* S3: REST and XML. Finds bucket and key (path style, or bucket.localhost), then the operation in a
 * table by method and sub-resource. Access control, versions and encryption are left out: the lake
 * is one user's, on loopback. */
#include "lake/s3/s3.h"

#include "base/log.h"
#include "lake/route.h"
#include "net/xml.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

/* ---- XML ---- */

void kn_s3_xml_element(kn_buf *out, const char *name, const char *text) {
    kn_buf_printf(out, "<%s>", name);
    kn_xml_escape(out, kn_slice_cstr(text));
    kn_buf_printf(out, "</%s>", name);
}

bool kn_s3_read_xml(kn_s3_call *call, const char *root, kn_xml **out, kn_err *err) {
    const kn_http_request *request = call->request;
    *out = NULL;
    if (request->body_fd >= 0 || !kn_xml_parse(request->body, out, err) ||
        strcmp(kn_xml_root(*out)->name, root) != 0) {
        if (*out)
            kn_xml_destroy(*out);
        return kn_fail_aws(err, 400, "MalformedXML",
                           "The XML you provided was not well-formed or did not validate against "
                           "our published schema: the body must be a %s",
                           root);
    }
    return true;
}

/* ---- the operations ---- */

enum { SERVICE = 1, BUCKET = 2, OBJECT = 4 };

typedef struct row {
    const char *method;
    int scope;
    const char *query;  /* the request has this parameter; NULL: any request */
    const char *header; /* and this header */
    kn_s3_function *run;
} row;

/* The first that fits is the one. */
static const row rows[] = {
    {"GET", SERVICE, NULL, NULL, kn_s3_list_buckets},
    {"PUT", BUCKET, NULL, NULL, kn_s3_create_bucket},
    {"HEAD", BUCKET, NULL, NULL, kn_s3_head_bucket},
    {"DELETE", BUCKET, NULL, NULL, kn_s3_delete_bucket},
    {"POST", BUCKET, "delete", NULL, kn_s3_delete_objects},
    {"GET", BUCKET, "uploads", NULL, kn_s3_list_uploads},
    {"GET", BUCKET, "location", NULL, kn_s3_bucket_location},
    {"GET", BUCKET, "list-type", NULL, kn_s3_list_v2},
    {"GET", BUCKET, NULL, NULL, kn_s3_list_v1},
    {"POST", OBJECT, "uploads", NULL, kn_s3_create_upload},
    {"PUT", OBJECT, "uploadId", NULL, kn_s3_upload_part},
    {"POST", OBJECT, "uploadId", NULL, kn_s3_complete_upload},
    {"DELETE", OBJECT, "uploadId", NULL, kn_s3_abort_upload},
    {"GET", OBJECT, "uploadId", NULL, kn_s3_list_parts},
    {"PUT", OBJECT, NULL, "x-amz-copy-source", kn_s3_copy_object},
    {"PUT", OBJECT, NULL, NULL, kn_s3_put_object},
    {"GET", OBJECT, NULL, NULL, kn_s3_get_object},
    {"HEAD", OBJECT, NULL, NULL, kn_s3_get_object},
    {"DELETE", OBJECT, NULL, NULL, kn_s3_delete_object},
};

/* Sub-resources of S3: with one of them a request means something else than without, so a request
 * that has one and fits no row that names it is refused. */
static const char *const subresources[] = {
    "accelerate",   "acl",
    "analytics",    "attributes",
    "cors",         "delete",
    "encryption",   "intelligent-tiering",
    "inventory",    "legal-hold",
    "lifecycle",    "logging",
    "metrics",      "notification",
    "object-lock",  "ownershipControls",
    "partNumber",   "policy",
    "policyStatus", "publicAccessBlock",
    "replication",  "requestPayment",
    "restore",      "retention",
    "select",       "tagging",
    "torrent",      "uploadId",
    "uploads",      "versioning",
    "versions",     "website",
};

static bool has_parameter(const kn_http_request *request, const char *name) {
    kn_buf value;
    kn_buf_init(&value, 8192);
    bool has = kn_http_query(request->query, name, &value);
    kn_buf_free(&value);
    return has;
}

static const char *unserved_subresource(const kn_http_request *request) {
    for (size_t i = 0; i < sizeof subresources / sizeof *subresources; i++)
        if (has_parameter(request, subresources[i]))
            return subresources[i];
    return NULL;
}

static bool run_operation(kn_s3_call *call, kn_err *err) {
    int scope = call->key[0] ? OBJECT : call->bucket[0] ? BUCKET : SERVICE;
    const kn_http_request *request = call->request;
    const char *unserved = *request->query ? unserved_subresource(request) : NULL;
    if (request->too_large)
        return kn_fail_aws(err, 400, "EntityTooLarge",
                           "Your proposed upload exceeds the maximum allowed size");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const row *r = &rows[i];
        if (strcmp(r->method, request->method) == 0 && r->scope == scope &&
            (r->query ? has_parameter(request, r->query) : !unserved) &&
            (!r->header || kn_http_get(request, r->header)))
            return r->run(call, err);
    }
    if (unserved)
        return kn_fail_aws(err, 501, "NotImplemented", "the lake does not serve ?%s with %s",
                           unserved, request->method);
    return kn_fail_aws(err, 405, "MethodNotAllowed",
                       "The specified method is not allowed against this resource.");
}

/* ---- bucket and key ---- */

/* The bucket of a virtual host: "bucket.localhost:4566" or "bucket.s3.localhost"; appended to out.
 */
static void bucket_of_host(const kn_http_request *request, kn_buf *out) {
    const char *host = kn_http_get(request, "host");
    if (!host)
        return;
    size_t n = strcspn(host, ":");
    static const char *const suffixes[] = {".s3.localhost", ".localhost"};
    for (size_t i = 0; i < 2; i++) {
        size_t m = strlen(suffixes[i]);
        if (n > m && strncasecmp(host + n - m, suffixes[i], m) == 0) {
            if (n - m != 2 || strncmp(host, "s3", 2) != 0)
                kn_buf_append(out, host, n - m);
            return;
        }
    }
}

/* Every % of the query begins an escape, and none is a NUL: parameters are used as C strings. */
static bool check_query(const char *query, kn_err *err) {
    for (const char *p = strchr(query, '%'); p; p = strchr(p + 3, '%'))
        if (!isxdigit((unsigned char)p[1]) || !isxdigit((unsigned char)p[2]) ||
            strncmp(p, "%00", 3) == 0)
            return kn_fail_aws(err, 400, "InvalidURI", "Couldn't parse the specified URI.");
    return true;
}

static bool split_path(const kn_http_request *request, kn_buf *bucket, kn_buf *key, kn_err *err) {
    const char *path = request->path + (request->path[0] == '/');
    bucket_of_host(request, bucket);
    if (bucket->len == 0) {
        size_t n = strcspn(path, "/");
        if (!kn_http_decode((kn_slice){path, n}, false, bucket))
            return kn_fail_aws(err, 400, "InvalidURI", "Couldn't parse the specified URI.");
        path += n + (path[n] == '/');
    }
    if (!kn_http_decode(kn_slice_cstr(path), false, key) ||
        memchr(key->p ? key->p : "", 0, key->len))
        return kn_fail_aws(err, 400, "InvalidURI", "Couldn't parse the specified URI.");
    if (memchr(bucket->p ? bucket->p : "", 0, bucket->len))
        return kn_fail_aws(err, 400, "InvalidBucketName", "The specified bucket is not valid.");
    return true;
}

/* ---- the answer ---- */

static void answer_error(const kn_http_request *request, kn_http_response *response, const char *id,
                         const kn_err *err) {
    bool aws = err->code == KN_EAWS;
    response->status = !aws ? 500 : err->http_status ? err->http_status : 400;
    if (!aws)
        kn_log(KN_LOG_ERROR, "lake: s3: %s", err->message);
    kn_buf_clear(&response->body);
    if (response->status == 304)
        return;
    kn_http_set(response, "Content-Type", "application/xml");
    kn_buf *out = &response->body;
    kn_buf_cstr(out, KN_S3_XML_HEADER "<Error>");
    kn_s3_xml_element(out, "Code", aws ? err->aws_code : "InternalError");
    kn_s3_xml_element(out, "Message", err->message);
    kn_s3_xml_element(out, "Resource", request->path);
    kn_s3_xml_element(out, "RequestId", id);
    kn_buf_cstr(out, "</Error>");
}

void kn_s3_answer(kn_lake *lake, const kn_http_request *request, kn_http_response *response) {
    char id[37];
    kn_route_request_id(id);
    kn_http_set(response, "x-amz-request-id", "%s", id);
    kn_http_set(response, "x-amz-id-2", "%s", id);
    kn_buf bucket, key;
    kn_buf_init(&bucket, 4096);
    kn_buf_init(&key, 16 << 10);
    kn_err err = {0};
    bool ok = check_query(request->query, &err) && split_path(request, &bucket, &key, &err);
    if (ok) {
        kn_s3_call call = {
            .objects = kn_lake_objects(lake),
            .store = kn_lake_store(lake),
            .region = kn_lake_region(lake),
            .request = request,
            .response = response,
            .bucket = bucket.p ? bucket.p : "",
            .key = key.p ? key.p : "",
        };
        ok = run_operation(&call, &err) && kn_buf_check(&response->body, "the reply", &err);
    }
    if (!ok)
        answer_error(request, response, id, &err);
    else if (response->body.len)
        kn_http_set(response, "Content-Type", "application/xml");
    kn_buf_free(&bucket);
    kn_buf_free(&key);
}
