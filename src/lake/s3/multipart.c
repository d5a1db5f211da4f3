/* S3's multipart uploads: the parts are files under uploads/<id>/ of the data folder, put together
 * when the upload completes. An upload is a document ("s3.upload", "bucket/key\x1fid"), so are its
 * parts ("s3.part", "id/00001").
 *
 * Left out on purpose: checksums of the whole (a part's own are verified when it comes). */
#include "lake/s3/s3.h"

#include "base/file.h"
#include "base/time.h"
#include "lake/route.h"
#include "net/xml.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PART_NUMBER_MAX 10000
#define PART_SIZE_MIN ((uint64_t)5 << 20) /* of all but the last */

typedef struct upload_id {
    char id[64];
    char key[8192]; /* of the upload's document */
} upload_id;

static bool fail_no_upload(kn_err *err) {
    return kn_fail_aws(err, 404, "NoSuchUpload",
                       "The specified upload does not exist. The upload ID may be invalid, or the "
                       "upload may have been aborted or completed.");
}

static bool upload_key(kn_s3_call *call, upload_id *u, kn_err *err) {
    if (snprintf(u->key, sizeof u->key, "%s/%s\x1f%s", call->bucket, call->key, u->id) >=
        (int)sizeof u->key)
        return kn_fail_aws(err, 400, "KeyTooLongError", "Your key is too long");
    return true;
}

/* The upload that the request names, and its document (a new reference). */
static bool find_upload(kn_s3_call *call, upload_id *u, json_t **doc, kn_err *err) {
    kn_buf id;
    kn_buf_init(&id, sizeof u->id - 1);
    bool has = kn_http_query(call->request->query, "uploadId", &id) && id.len;
    snprintf(u->id, sizeof u->id, "%s", has ? id.p : "");
    kn_buf_free(&id);
    *doc = NULL;
    if (!has || strspn(u->id, "0123456789abcdef-") != strlen(u->id))
        return fail_no_upload(err);
    if (!upload_key(call, u, err) || !kn_store_get(call->store, "s3.upload", u->key, doc, err))
        return false;
    return *doc || fail_no_upload(err);
}

static void upload_folder(kn_s3_call *call, const upload_id *u, char out[PATH_MAX]) {
    snprintf(out, PATH_MAX, "%s/../uploads/%s", kn_objects_root(call->objects), u->id);
}

static void part_names(kn_s3_call *call, const upload_id *u, long number, char key[80],
                       char path[PATH_MAX]) {
    snprintf(key, 80, "%s/%05ld", u->id, number);
    snprintf(path, PATH_MAX, "%s/../uploads/%s/%05ld", kn_objects_root(call->objects), u->id,
             number);
}

/* ---- create, abort ---- */

bool kn_s3_create_upload(kn_s3_call *call, kn_err *err) {
    upload_id u;
    char folder[PATH_MAX];
    kn_route_request_id(u.id);
    bool exists;
    if (!kn_objects_bucket_exists(call->objects, call->bucket, &exists, err) ||
        !upload_key(call, &u, err))
        return false;
    if (!exists)
        return kn_fail_aws(err, 404, "NoSuchBucket", "The specified bucket does not exist");
    json_t *doc = kn_s3_meta(call->request, err);
    if (!doc)
        return false;
    json_object_set_new(doc, "InitiatedMs", json_integer(kn_time_now_ms()));
    upload_folder(call, &u, folder);
    bool ok =
        kn_file_mkdirs(folder, err) && kn_store_put(call->store, "s3.upload", u.key, doc, err);
    json_decref(doc);
    if (!ok)
        return false;
    kn_buf *out = &call->response->body;
    kn_buf_cstr(out, KN_S3_XML_HEADER "<InitiateMultipartUploadResult " KN_S3_XMLNS ">");
    kn_s3_xml_element(out, "Bucket", call->bucket);
    kn_s3_xml_element(out, "Key", call->key);
    kn_s3_xml_element(out, "UploadId", u.id);
    kn_buf_cstr(out, "</InitiateMultipartUploadResult>");
    return true;
}

/* Forgets the documents, within the caller's transaction. */
static bool forget_upload(kn_s3_call *call, const upload_id *u, kn_err *err) {
    char prefix[80];
    bool existed = false;
    snprintf(prefix, sizeof prefix, "%s/", u->id);
    if (!kn_store_delete(call->store, "s3.upload", u->key, &existed, err))
        return false;
    return existed ? kn_store_delete_prefix(call->store, "s3.part", prefix, err)
                   : fail_no_upload(err);
}

static bool remove_parts(kn_s3_call *call, const upload_id *u, kn_err *err) {
    char folder[PATH_MAX];
    upload_folder(call, u, folder);
    return kn_file_remove_tree(folder, err);
}

bool kn_s3_abort_upload(kn_s3_call *call, kn_err *err) {
    upload_id u;
    json_t *doc;
    if (!find_upload(call, &u, &doc, err))
        return false;
    json_decref(doc);
    call->response->status = 204;
    if (!kn_store_begin(call->store, err))
        return false;
    if (!forget_upload(call, &u, err)) {
        kn_store_rollback(call->store);
        return false;
    }
    return kn_store_commit(call->store, err) && remove_parts(call, &u, err);
}

/* ---- parts ---- */

/* 0 when the text is not a part's number. */
static long read_number(const char *text) {
    char *end;
    long number = text && *text ? strtol(text, &end, 10) : 0;
    return number >= 1 && number <= PART_NUMBER_MAX && *end == '\0' ? number : 0;
}

static bool part_number(kn_s3_call *call, long *number, kn_err *err) {
    kn_buf text;
    kn_buf_init(&text, 16);
    *number = kn_http_query(call->request->query, "partNumber", &text) ? read_number(text.p) : 0;
    kn_buf_free(&text);
    return *number || kn_fail_aws(err, 400, "InvalidArgument",
                                  "Part number must be an integer between 1 and %d, inclusive",
                                  PART_NUMBER_MAX);
}

/* A part copied from an object: its bytes and their MD5. */
static bool receive_copy(kn_s3_call *call, kn_s3_content *content, kn_err *err) {
    *content = (kn_s3_content){.size = 0};
    kn_s3_source source;
    if (!kn_s3_open_source(call, &source, err))
        return false;
    int fd = -1;
    bool ok = kn_s3_spool(call, content->path, &fd, err) &&
              kn_s3_append(fd, source.fd, source.offset, source.length, err) &&
              kn_objects_digest(fd, content->etag, err);
    content->size = source.length;
    if (fd >= 0)
        close(fd);
    kn_s3_close_source(&source);
    if (!ok)
        kn_s3_content_free(content);
    return ok;
}

static bool store_part(kn_s3_call *call, const upload_id *u, long number, kn_s3_content *content,
                       kn_err *err) {
    char key[80], path[PATH_MAX];
    part_names(call, u, number, key, path);
    json_t *doc = json_pack("{ss, sI, sI}", "ETag", content->etag, "Size",
                            (json_int_t)content->size, "ModifiedMs", (json_int_t)kn_time_now_ms());
    bool ok = doc || kn_fail(err, KN_ENOMEM, "cannot store a part: out of memory");
    if (ok && (ok = kn_store_begin(call->store, err))) {
        json_t *upload = NULL; /* it may have been aborted meanwhile */
        ok = kn_store_get(call->store, "s3.upload", u->key, &upload, err) &&
             (upload || fail_no_upload(err)) &&
             (rename(content->path, path) == 0 || kn_fail_errno(err, "cannot store a part")) &&
             kn_store_put(call->store, "s3.part", key, doc, err);
        json_decref(upload);
        if (ok)
            ok = kn_store_commit(call->store, err);
        else
            kn_store_rollback(call->store);
    }
    json_decref(doc);
    return ok;
}

bool kn_s3_upload_part(kn_s3_call *call, kn_err *err) {
    upload_id u;
    json_t *doc;
    long number = 0;
    kn_s3_content content;
    if (!part_number(call, &number, err) || !find_upload(call, &u, &doc, err))
        return false;
    json_decref(doc);
    bool copied = kn_http_get(call->request, "x-amz-copy-source") != NULL;
    if (!(copied ? receive_copy(call, &content, err) : kn_s3_receive(call, &content, err)))
        return false;
    bool ok = store_part(call, &u, number, &content, err);
    if (ok && copied) {
        kn_buf *out = &call->response->body;
        char now[32];
        kn_time_iso(now, kn_time_now_ms(), true, true);
        kn_buf_printf(
            out, KN_S3_XML_HEADER "<CopyPartResult " KN_S3_XMLNS "><ETag>&quot;%s&quot;</ETag>",
            content.etag);
        kn_s3_xml_element(out, "LastModified", now);
        kn_buf_cstr(out, "</CopyPartResult>");
    } else if (ok) {
        kn_http_set(call->response, "ETag", "\"%s\"", content.etag);
        kn_s3_checksum_headers(call->response, content.checksums);
    }
    kn_s3_content_free(&content);
    return ok;
}

/* ---- complete ---- */

typedef struct assembly {
    kn_s3_call *call;
    const upload_id *u;
    int fd;
    long last_number;
    unsigned parts;
    uint64_t last_size;
    EVP_MD_CTX *md5; /* of the parts' MD5s */
} assembly;

static bool same_etag(const char *claimed, const char *etag) {
    size_t n = strlen(etag);
    claimed += *claimed == '"';
    return strncmp(claimed, etag, n) == 0 && (claimed[n] == '\0' || claimed[n] == '"');
}

static bool add_part(assembly *a, const kn_xml_element *part, kn_err *err) {
    const char *number_text = kn_xml_text(part, "PartNumber"), *claimed = kn_xml_text(part, "ETag");
    long number = read_number(number_text);
    if (!number || !claimed)
        return kn_fail_aws(err, 400, "MalformedXML",
                           "each Part needs a PartNumber from 1 to %d and an ETag",
                           PART_NUMBER_MAX);
    if (number <= a->last_number)
        return kn_fail_aws(err, 400, "InvalidPartOrder",
                           "The list of parts was not in ascending order.");
    if (a->parts && a->last_size < PART_SIZE_MIN)
        return kn_fail_aws(err, 400, "EntityTooSmall",
                           "Your proposed upload is smaller than the minimum allowed size: part "
                           "%ld has %llu bytes",
                           a->last_number, (unsigned long long)a->last_size);
    char key[80], path[PATH_MAX];
    part_names(a->call, a->u, number, key, path);
    json_t *doc = NULL;
    if (!kn_store_get(a->call->store, "s3.part", key, &doc, err))
        return false;
    const char *etag = json_string_value(json_object_get(doc, "ETag"));
    a->last_size = (uint64_t)json_integer_value(json_object_get(doc, "Size"));
    int fd = etag && same_etag(claimed, etag) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    bool ok =
        fd >= 0 || kn_fail_aws(err, 400, "InvalidPart",
                               "One or more of the specified parts could not be found, or its "
                               "ETag did not match: part %ld",
                               number);
    ok = ok && kn_s3_append(a->fd, fd, 0, a->last_size, err);
    for (int i = 0; ok && i < 16; i++) {
        unsigned byte = 0;
        sscanf(etag + 2 * i, "%2x", &byte);
        EVP_DigestUpdate(a->md5, &(unsigned char){(unsigned char)byte}, 1);
    }
    if (fd >= 0)
        close(fd);
    json_decref(doc);
    a->last_number = number;
    a->parts++;
    return ok;
}

static bool assemble(kn_s3_call *call, const upload_id *u, kn_s3_content *content, kn_err *err) {
    kn_xml *xml;
    if (!kn_s3_read_xml(call, "CompleteMultipartUpload", &xml, err))
        return false;
    assembly a = {.call = call, .u = u, .fd = -1, .md5 = EVP_MD_CTX_new()};
    bool ok = (a.md5 && EVP_DigestInit_ex(a.md5, EVP_md5(), NULL) == 1) ||
              kn_fail(err, KN_ENOMEM, "cannot complete an upload: out of memory");
    ok = ok && kn_s3_spool(call, content->path, &a.fd, err);
    for (const kn_xml_element *e = kn_xml_root(xml)->children; ok && e; e = e->next)
        if (strcmp(e->name, "Part") == 0)
            ok = add_part(&a, e, err);
    if (ok && a.parts == 0)
        ok = kn_fail_aws(err, 400, "MalformedXML", "an upload has at least one Part");
    if (ok) {
        unsigned char digest[EVP_MAX_MD_SIZE];
        EVP_DigestFinal_ex(a.md5, digest, NULL);
        for (int i = 0; i < 16; i++)
            snprintf(content->etag + 2 * i, 3, "%02x", digest[i]);
        snprintf(content->etag + 32, sizeof content->etag - 32, "-%u", a.parts);
    }
    EVP_MD_CTX_free(a.md5);
    if (a.fd >= 0)
        close(a.fd);
    kn_xml_destroy(xml);
    return ok;
}

bool kn_s3_complete_upload(kn_s3_call *call, kn_err *err) {
    upload_id u;
    json_t *doc;
    if (!find_upload(call, &u, &doc, err))
        return false;
    json_object_del(doc, "InitiatedMs");
    kn_s3_content content = {.size = 0};
    bool ok = assemble(call, &u, &content, err) && kn_store_begin(call->store, err);
    if (ok) {
        ok = forget_upload(call, &u, err) && kn_s3_adopt_content(call, &content, doc, err);
        if (ok)
            ok = kn_store_commit(call->store, err);
        else
            kn_store_rollback(call->store);
    }
    ok = ok && remove_parts(call, &u, err);
    if (ok) {
        kn_buf *out = &call->response->body;
        kn_buf_cstr(out, KN_S3_XML_HEADER "<CompleteMultipartUploadResult " KN_S3_XMLNS ">");
        kn_buf_cstr(out, "<Location>/");
        kn_xml_escape(out, kn_slice_cstr(call->bucket));
        kn_buf_char(out, '/');
        kn_xml_escape(out, kn_slice_cstr(call->key));
        kn_buf_cstr(out, "</Location>");
        kn_s3_xml_element(out, "Bucket", call->bucket);
        kn_s3_xml_element(out, "Key", call->key);
        kn_buf_printf(out, "<ETag>&quot;%s&quot;</ETag>", content.etag);
        kn_buf_cstr(out, "</CompleteMultipartUploadResult>");
    }
    json_decref(doc);
    kn_s3_content_free(&content);
    return ok;
}

/* ---- lists ---- */

static bool list_one_part(void *context, const char *key, json_t *doc) {
    kn_buf *out = context;
    char modified[32];
    kn_time_iso(modified, json_integer_value(json_object_get(doc, "ModifiedMs")), true, true);
    const char *slash = strrchr(key, '/');
    kn_buf_printf(out, "<Part><PartNumber>%ld</PartNumber>", strtol(slash + 1, NULL, 10));
    kn_s3_xml_element(out, "LastModified", modified);
    kn_buf_printf(out, "<ETag>&quot;%s&quot;</ETag><Size>%lld</Size></Part>",
                  json_string_value(json_object_get(doc, "ETag")),
                  (long long)json_integer_value(json_object_get(doc, "Size")));
    return true;
}

bool kn_s3_list_parts(kn_s3_call *call, kn_err *err) {
    upload_id u;
    json_t *doc;
    if (!find_upload(call, &u, &doc, err))
        return false;
    json_decref(doc);
    char prefix[80];
    snprintf(prefix, sizeof prefix, "%s/", u.id);
    kn_buf *out = &call->response->body;
    kn_buf_cstr(out, KN_S3_XML_HEADER "<ListPartsResult " KN_S3_XMLNS ">");
    kn_s3_xml_element(out, "Bucket", call->bucket);
    kn_s3_xml_element(out, "Key", call->key);
    kn_s3_xml_element(out, "UploadId", u.id);
    kn_buf_printf(out, "<MaxParts>%d</MaxParts><IsTruncated>false</IsTruncated>", PART_NUMBER_MAX);
    if (!kn_store_scan(call->store, "s3.part", prefix, NULL, list_one_part, out, err))
        return false;
    kn_buf_cstr(out, "</ListPartsResult>");
    return true;
}

static bool list_one_upload(void *context, const char *key, json_t *doc) {
    kn_buf *out = context;
    const char *slash = strchr(key, '/'), *separator = strrchr(key, '\x1f');
    char initiated[32], name[2048];
    kn_time_iso(initiated, json_integer_value(json_object_get(doc, "InitiatedMs")), true, true);
    snprintf(name, sizeof name, "%.*s", (int)(separator - slash - 1), slash + 1);
    kn_buf_cstr(out, "<Upload>");
    kn_s3_xml_element(out, "Key", name);
    kn_s3_xml_element(out, "UploadId", separator + 1);
    kn_s3_xml_element(out, "Initiated", initiated);
    kn_buf_cstr(out, "</Upload>");
    return true;
}

bool kn_s3_list_uploads(kn_s3_call *call, kn_err *err) {
    char prefix[128];
    snprintf(prefix, sizeof prefix, "%s/", call->bucket);
    kn_buf *out = &call->response->body;
    kn_buf_cstr(out, KN_S3_XML_HEADER "<ListMultipartUploadsResult " KN_S3_XMLNS ">");
    kn_s3_xml_element(out, "Bucket", call->bucket);
    kn_buf_cstr(out, "<IsTruncated>false</IsTruncated>");
    if (!kn_store_scan(call->store, "s3.upload", prefix, NULL, list_one_upload, out, err))
        return false;
    kn_buf_cstr(out, "</ListMultipartUploadsResult>");
    return true;
}
