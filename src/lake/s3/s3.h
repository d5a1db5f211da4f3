/* Between the sources of S3: one call, the table's row type, XML, and the operations. */
#ifndef KN_LAKE_S3_S3_H
#define KN_LAKE_S3_S3_H

#include "lake/http.h"
#include "lake/store/objects.h"

#include <limits.h>

typedef struct kn_s3_call {
    kn_objects *objects;
    kn_store *store;
    const char *region;
    const kn_http_request *request;
    kn_http_response *response;
    const char *bucket; /* "" when the request names none */
    const char *key;    /* decoded; "" when the request names none */
} kn_s3_call;

/* Fills the response, or fails with an error of the S3 API. */
typedef bool kn_s3_function(kn_s3_call *call, kn_err *err);

kn_s3_function kn_s3_list_buckets, kn_s3_create_bucket, kn_s3_head_bucket, kn_s3_delete_bucket,
    kn_s3_bucket_location, kn_s3_list_v1, kn_s3_list_v2, kn_s3_put_object, kn_s3_copy_object,
    kn_s3_get_object, kn_s3_delete_object, kn_s3_delete_objects, kn_s3_create_upload,
    kn_s3_upload_part, kn_s3_complete_upload, kn_s3_abort_upload, kn_s3_list_parts,
    kn_s3_list_uploads;

/* Appends <name>text</name>, the text escaped. */
void kn_s3_xml_element(kn_buf *out, const char *name, const char *text);

#define KN_S3_XML_HEADER "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define KN_S3_XMLNS "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

/* ---- receiving content (body.c) ---- */

/* A request's content in a spool file, its digests compared with all that the request claims. */
typedef struct kn_s3_content {
    char path[PATH_MAX]; /* "" when there is no file to remove */
    uint64_t size;
    char etag[48];     /* MD5, or that of several parts: "md5-n" */
    json_t *checksums; /* "ChecksumCRC32" and so on: what the client sent and was verified */
} kn_s3_content;

KN_MUST_CHECK bool kn_s3_receive(kn_s3_call *call, kn_s3_content *content, kn_err *err);
/* The same comparisons for a small body that is no content (DeleteObjects). */
KN_MUST_CHECK bool kn_s3_verify_body(kn_s3_call *call, kn_err *err);

void kn_s3_content_free(kn_s3_content *content); /* removes the file if it is still there */

/* Makes an empty file that may become an object's content. path is "" when this fails. */
KN_MUST_CHECK bool kn_s3_spool(kn_s3_call *call, char path[PATH_MAX], int *fd, kn_err *err);

/* Appends bytes of one file to another. */
KN_MUST_CHECK bool kn_s3_append(int to, int from, uint64_t offset, uint64_t length, kn_err *err);

/* The object that x-amz-copy-source names, opened, and the part of it that the request wants
 * (x-amz-copy-source-range). */
typedef struct kn_s3_source {
    json_t *doc;
    int fd;
    uint64_t offset, length;
} kn_s3_source;
KN_MUST_CHECK bool kn_s3_open_source(kn_s3_call *call, kn_s3_source *source, kn_err *err);
void kn_s3_close_source(kn_s3_source *source);

/* The whole of a request's XML body, which must be in memory. */
typedef struct kn_xml kn_xml;
KN_MUST_CHECK bool kn_s3_read_xml(kn_s3_call *call, const char *root, kn_xml **out, kn_err *err);

/* The part of an object's document that a request's headers tell; a new reference, or NULL. */
json_t *kn_s3_meta(const kn_http_request *request, kn_err *err);

/* Checks If-Match and If-None-Match and makes the content the object: in a transaction of its own,
 * or within the caller's. meta is completed with ETag and checksums. */
KN_MUST_CHECK bool kn_s3_store_content(kn_s3_call *call, kn_s3_content *content, json_t *meta,
                                       kn_err *err);
KN_MUST_CHECK bool kn_s3_adopt_content(kn_s3_call *call, kn_s3_content *content, json_t *meta,
                                       kn_err *err);

/* Sets x-amz-checksum-* headers from a document's checksums. */
void kn_s3_checksum_headers(kn_http_response *response, const json_t *doc);

#endif
