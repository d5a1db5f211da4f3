/* S3's objects: put, copy, get and head (ranges, conditions), delete. */
#include "lake/s3/s3.h"

#include "base/time.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* Headers of the content itself, kept in the document and returned; override: the parameter of a
 * GET that replaces it. */
static const struct {
    const char *header, *member, *override;
} content_headers[] = {
    {"content-type", "ContentType", "response-content-type"},
    {"content-encoding", "ContentEncoding", "response-content-encoding"},
    {"content-disposition", "ContentDisposition", "response-content-disposition"},
    {"content-language", "ContentLanguage", "response-content-language"},
    {"cache-control", "CacheControl", "response-cache-control"},
    {"expires", "Expires", "response-expires"},
};
#define CONTENT_HEADERS (sizeof content_headers / sizeof *content_headers)
#define METADATA "x-amz-meta-"
#define METADATA_MAX 2048 /* names and values, as in S3 */

/* ---- metadata ---- */

/* Content-Encoding without the token aws-chunked, which is of the transfer, not of the content. */
static void strip_aws_chunked(const char *value, char out[256]) {
    out[0] = '\0';
    size_t at = 0;
    while (*value) {
        value += strspn(value, ", ");
        size_t n = strcspn(value, ", ");
        if (n && !(n == 11 && strncasecmp(value, "aws-chunked", 11) == 0) && at + n + 2 < 256)
            at += (size_t)snprintf(out + at, 256 - at, "%s%.*s", at ? "," : "", (int)n, value);
        value += n;
    }
}

/* The document's part that the request's headers tell. */
json_t *kn_s3_meta(const kn_http_request *request, kn_err *err) {
    json_t *meta = json_object(), *user = json_object();
    size_t total = 0;
    bool ok = true;
    for (size_t i = 0; i < request->field_count && ok; i++) {
        const kn_http_field *f = &request->fields[i];
        for (size_t h = 0; h < CONTENT_HEADERS; h++) {
            char stripped[256];
            const char *value = f->value;
            if (strcmp(f->name, content_headers[h].header) != 0)
                continue;
            if (strcmp(f->name, "content-encoding") == 0)
                strip_aws_chunked(f->value, stripped), value = stripped;
            if (*value)
                json_object_set_new(meta, content_headers[h].member, json_string(value));
        }
        if (strncmp(f->name, METADATA, strlen(METADATA)) == 0) {
            const char *name = f->name + strlen(METADATA);
            total += strlen(name) + strlen(f->value);
            json_t *value = json_string(f->value);
            if (!value || json_object_set_new(user, name, value) != 0)
                ok = kn_fail_aws(err, 400, "InvalidArgument", "%s is not UTF-8 text", f->name);
            if (total > METADATA_MAX)
                ok = kn_fail_aws(err, 400, "MetadataTooLarge",
                                 "Your metadata headers exceed the maximum allowed metadata size");
        }
    }
    if (json_object_size(user))
        json_object_set(meta, "Metadata", user);
    json_decref(user);
    if (ok)
        return meta;
    json_decref(meta);
    return NULL;
}

static void set_content_headers(const kn_http_request *request, kn_http_response *response,
                                const json_t *doc) {
    for (size_t h = 0; h < CONTENT_HEADERS; h++) {
        kn_buf override;
        kn_buf_init(&override, 4096);
        const char *value = json_string_value(json_object_get(doc, content_headers[h].member));
        if (*request->query &&
            kn_http_query(request->query, content_headers[h].override, &override))
            value = override.p;
        if (!value && h == 0)
            value = "binary/octet-stream";
        if (value)
            kn_http_set(response, content_headers[h].header, "%s", value);
        kn_buf_free(&override);
    }
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(doc, "Metadata"), name, value) {
        char header[1024];
        snprintf(header, sizeof header, METADATA "%s", name);
        kn_http_set(response, header, "%s", json_string_value(value));
    }
}

/* ---- conditions (RFC 9110, 13) ---- */

static bool etag_listed(const char *list, const char *etag) {
    size_t n = strlen(etag);
    if (strcmp(list, "*") == 0)
        return true;
    for (const char *at = list; (at = strstr(at, etag)); at += n) {
        char before = at == list ? ' ' : at[-1], after = at[n];
        if (strchr("\" ,", before) && (after == '\0' || strchr("\" ,", after)))
            return true;
    }
    return false;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" in seconds, or -1. */
static int64_t http_seconds(const char *text) {
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char month[4];
    kn_civil c = {0};
    if (!text || sscanf(text, "%*3s, %2d %3s %4d %2d:%2d:%2d GMT", &c.day, month, &c.year, &c.hour,
                        &c.minute, &c.second) != 6)
        return -1;
    const char *at = strstr(months, month);
    if (!at || (at - months) % 3)
        return -1;
    c.month = (int)(at - months) / 3 + 1;
    return kn_civil_to_ms(&c) / 1000;
}

static bool fail_condition(kn_err *err) {
    return kn_fail_aws(err, 412, "PreconditionFailed",
                       "At least one of the pre-conditions you specified did not hold");
}

/* Fails with 412, or with 304 when the client's copy is fresh. */
static bool check_conditions(const kn_http_request *request, const json_t *doc, kn_err *err) {
    const char *etag = json_string_value(json_object_get(doc, "ETag"));
    int64_t modified = json_integer_value(json_object_get(doc, "ModifiedMs")) / 1000;
    const char *match = kn_http_get(request, "if-match");
    const char *none_match = kn_http_get(request, "if-none-match");
    int64_t unmodified_since = http_seconds(kn_http_get(request, "if-unmodified-since"));
    int64_t modified_since = http_seconds(kn_http_get(request, "if-modified-since"));
    if (match ? !etag_listed(match, etag) : unmodified_since >= 0 && modified > unmodified_since)
        return fail_condition(err);
    if (none_match ? etag_listed(none_match, etag)
                   : modified_since >= 0 && modified <= modified_since)
        return kn_fail_aws(err, 304, "NotModified", "Not Modified");
    return true;
}

/* ---- get, head ---- */

typedef enum { RANGE_WHOLE, RANGE_PART, RANGE_OUTSIDE } range_kind;

/* One range of bytes; anything else that stands in the header means the whole. */
static range_kind read_range(const char *header, uint64_t size, uint64_t *first, uint64_t *last) {
    if (!header || strncasecmp(header, "bytes=", 6) != 0 || strchr(header, ','))
        return RANGE_WHOLE;
    const char *p = header + 6;
    char *end;
    if (*p == '-') {
        uint64_t n = strtoull(p + 1, &end, 10);
        if (!isdigit((unsigned char)p[1]) || *end)
            return RANGE_WHOLE;
        if (n == 0 || size == 0)
            return RANGE_OUTSIDE;
        *first = n < size ? size - n : 0;
        *last = size - 1;
        return RANGE_PART;
    }
    if (!isdigit((unsigned char)*p))
        return RANGE_WHOLE;
    *first = strtoull(p, &end, 10);
    if (*end != '-')
        return RANGE_WHOLE;
    *last = size ? size - 1 : 0;
    if (isdigit((unsigned char)end[1])) {
        uint64_t n = strtoull(end + 1, &end, 10);
        if (*end || n < *first)
            return RANGE_WHOLE;
        *last = n < *last ? n : *last;
    } else if (end[1]) {
        return RANGE_WHOLE;
    }
    return *first < size ? RANGE_PART : RANGE_OUTSIDE;
}

static bool send_object(kn_s3_call *call, const json_t *doc, int fd, kn_err *err) {
    kn_http_response *response = call->response;
    if (!check_conditions(call->request, doc, err))
        return false;
    uint64_t size = (uint64_t)json_integer_value(json_object_get(doc, "Size"));
    uint64_t first = 0, last = size ? size - 1 : 0;
    const char *range = kn_http_get(call->request, "range");
    range_kind kind = read_range(range, size, &first, &last);
    if (kind == RANGE_OUTSIDE) {
        kn_http_set(response, "Content-Range", "bytes */%llu", (unsigned long long)size);
        return kn_fail_aws(err, 416, "InvalidRange", "The requested range is not satisfiable: %s",
                           range);
    }
    char modified[30];
    kn_time_http(modified, json_integer_value(json_object_get(doc, "ModifiedMs")));
    kn_http_set(response, "Last-Modified", "%s", modified);
    kn_http_set(response, "ETag", "\"%s\"", json_string_value(json_object_get(doc, "ETag")));
    kn_http_set(response, "Accept-Ranges", "bytes");
    set_content_headers(call->request, response, doc);
    const char *mode = kn_http_get(call->request, "x-amz-checksum-mode");
    if (mode && strcasecmp(mode, "ENABLED") == 0 && kind == RANGE_WHOLE)
        kn_s3_checksum_headers(response, doc);
    if (kind == RANGE_PART) {
        response->status = 206;
        kn_http_set(response, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)first,
                    (unsigned long long)last, (unsigned long long)size);
    }
    response->fd = fd;
    response->offset = first;
    response->length = size ? last - first + 1 : 0;
    return true;
}

bool kn_s3_get_object(kn_s3_call *call, kn_err *err) {
    json_t *doc;
    int fd;
    if (!kn_objects_get(call->objects, call->bucket, call->key, &doc, &fd, err))
        return false;
    bool ok = send_object(call, doc, fd, err);
    json_decref(doc);
    if (!ok)
        close(fd);
    return ok;
}

/* ---- put ---- */

/* If-Match and If-None-Match of a PUT: whether the present object may be replaced. */
static bool check_replacing(kn_s3_call *call, kn_err *err) {
    const char *match = kn_http_get(call->request, "if-match");
    const char *none_match = kn_http_get(call->request, "if-none-match");
    if (!match && !none_match)
        return true;
    json_t *doc;
    int fd;
    if (!kn_objects_get(call->objects, call->bucket, call->key, &doc, &fd, err))
        return err->code == KN_EAWS && strcmp(err->aws_code, "NoSuchKey") == 0 && !match;
    const char *etag = json_string_value(json_object_get(doc, "ETag"));
    bool ok =
        (!match || etag_listed(match, etag)) && (!none_match || !etag_listed(none_match, etag));
    json_decref(doc);
    close(fd);
    return ok || fail_condition(err);
}

bool kn_s3_adopt_content(kn_s3_call *call, kn_s3_content *content, json_t *meta, kn_err *err) {
    json_object_set_new(meta, "ETag", json_string(content->etag));
    json_object_update(meta, content->checksums);
    if (!check_replacing(call, err) ||
        !kn_objects_adopt(call->objects, call->bucket, call->key, content->path, meta, err))
        return false;
    content->path[0] = '\0'; /* the file is the object's now */
    return true;
}

bool kn_s3_store_content(kn_s3_call *call, kn_s3_content *content, json_t *meta, kn_err *err) {
    if (!kn_store_begin(call->store, err))
        return false;
    return kn_store_end(call->store, kn_s3_adopt_content(call, content, meta, err), err);
}

bool kn_s3_put_object(kn_s3_call *call, kn_err *err) {
    kn_s3_content content;
    json_t *meta = kn_s3_meta(call->request, err);
    if (!meta || !kn_s3_receive(call, &content, err)) {
        json_decref(meta);
        return false;
    }
    bool ok = kn_s3_store_content(call, &content, meta, err);
    if (ok) {
        kn_http_set(call->response, "ETag", "\"%s\"", content.etag);
        kn_s3_checksum_headers(call->response, content.checksums);
    }
    json_decref(meta);
    kn_s3_content_free(&content);
    return ok;
}

bool kn_s3_delete_object(kn_s3_call *call, kn_err *err) {
    call->response->status = 204;
    return kn_objects_delete(call->objects, call->bucket, call->key, err);
}
