/* S3's CopyObject and DeleteObjects, and the source of copies. */
#include "lake/s3/s3.h"

#include "base/time.h"
#include "net/xml.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <sys/sendfile.h>
#include <unistd.h>

#define DELETE_MAX 1000 /* objects in one DeleteObjects */

bool kn_s3_append(int to, int from, uint64_t offset, uint64_t length, kn_err *err) {
    off_t at = (off_t)offset;
    while (length) {
        size_t piece = length < (1u << 30) ? (size_t)length : 1u << 30;
        ssize_t n = sendfile(to, from, &at, piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return kn_fail_errno(err, "cannot copy an object's bytes");
        if (n == 0)
            return kn_fail(err, KN_EIO, "an object's file is shorter than its document tells");
        length -= (uint64_t)n;
    }
    return true;
}

/* ---- the source of a copy ---- */

static bool fail_source(kn_err *err) {
    return kn_fail_aws(err, 400, "InvalidArgument",
                       "x-amz-copy-source must be bucket/key, percent-encoded");
}

static bool read_source_range(kn_s3_call *call, kn_s3_source *source, kn_err *err) {
    uint64_t size = (uint64_t)json_integer_value(json_object_get(source->doc, "Size"));
    const char *range = kn_http_get(call->request, "x-amz-copy-source-range");
    source->offset = 0;
    source->length = size;
    if (!range)
        return true;
    unsigned long long first, last;
    int end = 0;
    if (sscanf(range, "bytes=%llu-%llu%n", &first, &last, &end) != 2 || range[end] ||
        first > last || last >= size)
        return kn_fail_aws(err, 400, "InvalidArgument",
                           "x-amz-copy-source-range must be bytes=first-last within %llu bytes",
                           (unsigned long long)size);
    source->offset = first;
    source->length = last - first + 1;
    return true;
}

bool kn_s3_open_source(kn_s3_call *call, kn_s3_source *source, kn_err *err) {
    *source = (kn_s3_source){.fd = -1};
    const char *text = kn_http_get(call->request, "x-amz-copy-source");
    kn_buf name;
    kn_buf_init(&name, 8192);
    size_t n = strcspn(text, "?"); /* ?versionId=: there is one version */
    bool ok =
        kn_http_decode((kn_slice){text, n}, false, &name) && name.len && strlen(name.p) == name.len;
    char *bucket = ok ? name.p + (name.p[0] == '/') : NULL;
    char *slash = ok ? strchr(bucket, '/') : NULL;
    if (slash) {
        *slash = '\0';
        ok = kn_objects_get(call->objects, bucket, slash + 1, &source->doc, &source->fd, err) &&
             read_source_range(call, source, err);
    } else {
        ok = fail_source(err);
    }
    kn_buf_free(&name);
    if (!ok)
        kn_s3_close_source(source);
    return ok;
}

void kn_s3_close_source(kn_s3_source *source) {
    if (source->fd >= 0)
        close(source->fd);
    source->fd = -1;
    json_decref(source->doc);
    source->doc = NULL;
}

/* ---- CopyObject ---- */

/* What the new object's document begins with: the source's, or the request's headers. */
static json_t *copied_meta(kn_s3_call *call, const json_t *source, kn_err *err) {
    const char *directive = kn_http_get(call->request, "x-amz-metadata-directive");
    if (directive && strcasecmp(directive, "REPLACE") == 0)
        return kn_s3_meta(call->request, err);
    json_t *meta = json_deep_copy(source);
    if (!meta)
        kn_fail(err, KN_ENOMEM, "cannot copy an object: out of memory");
    return meta;
}

bool kn_s3_copy_object(kn_s3_call *call, kn_err *err) {
    kn_s3_source source;
    if (!kn_s3_open_source(call, &source, err))
        return false;
    kn_s3_content content = {.size = source.length};
    snprintf(content.etag, sizeof content.etag, "%s",
             json_string_value(json_object_get(source.doc, "ETag")));
    json_t *meta = copied_meta(call, source.doc, err);
    int fd = -1;
    bool ok = meta && kn_s3_spool(call, content.path, &fd, err) &&
              kn_s3_append(fd, source.fd, source.offset, source.length, err);
    if (fd >= 0)
        close(fd);
    ok = ok && kn_s3_store_content(call, &content, meta, err);
    if (ok) {
        char now[32];
        kn_time_iso(now, kn_time_now_ms(), true, true);
        kn_buf *out = &call->response->body;
        kn_buf_cstr(out, KN_S3_XML_HEADER "<CopyObjectResult " KN_S3_XMLNS ">");
        kn_buf_printf(out, "<ETag>&quot;%s&quot;</ETag>", content.etag);
        kn_s3_xml_element(out, "LastModified", now);
        kn_buf_cstr(out, "</CopyObjectResult>");
    }
    json_decref(meta);
    kn_s3_content_free(&content);
    kn_s3_close_source(&source);
    return ok;
}

/* ---- DeleteObjects ---- */

static void delete_one(kn_s3_call *call, const char *key, bool quiet) {
    kn_buf *out = &call->response->body;
    kn_err err;
    if (kn_objects_delete(call->objects, call->bucket, key, &err)) {
        if (quiet)
            return;
        kn_buf_cstr(out, "<Deleted>");
        kn_s3_xml_element(out, "Key", key);
        kn_buf_cstr(out, "</Deleted>");
        return;
    }
    kn_buf_cstr(out, "<Error>");
    kn_s3_xml_element(out, "Key", key);
    kn_s3_xml_element(out, "Code", err.code == KN_EAWS ? err.aws_code : "InternalError");
    kn_s3_xml_element(out, "Message", err.message);
    kn_buf_cstr(out, "</Error>");
}

bool kn_s3_delete_objects(kn_s3_call *call, kn_err *err) {
    bool exists;
    kn_xml *xml;
    if (!kn_objects_bucket_exists(call->objects, call->bucket, &exists, err))
        return false;
    if (!exists)
        return kn_fail_aws(err, 404, "NoSuchBucket", "The specified bucket does not exist");
    if (!kn_s3_verify_body(call, err) || !kn_s3_read_xml(call, "Delete", &xml, err))
        return false;
    const kn_xml_element *root = kn_xml_root(xml);
    const char *quiet = kn_xml_text(root, "Quiet");
    size_t count = 0;
    for (const kn_xml_element *e = root->children; e; e = e->next)
        count += strcmp(e->name, "Object") == 0 && kn_xml_text(e, "Key") ? 1 : 0;
    bool ok =
        (count > 0 && count <= DELETE_MAX) ||
        kn_fail_aws(err, 400, "MalformedXML",
                    "a Delete names 1 to %d objects by Key; this one names %zu", DELETE_MAX, count);
    if (ok) {
        kn_buf_cstr(&call->response->body, KN_S3_XML_HEADER "<DeleteResult " KN_S3_XMLNS ">");
        for (const kn_xml_element *e = root->children; e; e = e->next)
            if (strcmp(e->name, "Object") == 0 && kn_xml_text(e, "Key"))
                delete_one(call, kn_xml_text(e, "Key"), quiet && strcmp(quiet, "true") == 0);
        kn_buf_cstr(&call->response->body, "</DeleteResult>");
    }
    kn_xml_destroy(xml);
    return ok;
}
