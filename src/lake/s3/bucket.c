/* S3's buckets and the listing of objects, both versions. */
#include "lake/s3/s3.h"

#include "base/base64.h"
#include "base/time.h"

#include <stdio.h>
#include <stdlib.h>

#define KEYS_MAX 1000
#define PARAMETER_MAX 1024 /* as a key */

static void element_time(kn_buf *out, const char *name, int64_t ms) {
    char text[32];
    kn_time_iso(text, ms, true, true);
    kn_s3_xml_element(out, name, text);
}

/* ---- buckets ---- */

static bool list_one_bucket(void *context, const char *name, json_t *doc) {
    kn_buf *out = context;
    kn_buf_cstr(out, "<Bucket>");
    kn_s3_xml_element(out, "Name", name);
    element_time(out, "CreationDate", json_integer_value(json_object_get(doc, "CreatedMs")));
    kn_buf_cstr(out, "</Bucket>");
    return true;
}

bool kn_s3_list_buckets(kn_s3_call *call, kn_err *err) {
    kn_buf *out = &call->response->body;
    kn_buf_cstr(out, KN_S3_XML_HEADER "<ListAllMyBucketsResult " KN_S3_XMLNS
                                      ">"
                                      "<Owner><ID>lake</ID></Owner><Buckets>");
    if (!kn_store_scan(call->store, "s3.bucket", "", NULL, list_one_bucket, out, err))
        return false;
    kn_buf_cstr(out, "</Buckets></ListAllMyBucketsResult>");
    return true;
}

bool kn_s3_create_bucket(kn_s3_call *call, kn_err *err) {
    /* In us-east-1, and only there, S3 lets the owner create a bucket again. */
    if (!kn_objects_bucket_make(call->objects, call->bucket, err) &&
        (err->code != KN_EAWS || strcmp(err->aws_code, "BucketAlreadyOwnedByYou") != 0 ||
         strcmp(call->region, "us-east-1") != 0))
        return false;
    kn_http_set(call->response, "Location", "/%s", call->bucket);
    return true;
}

static bool need_bucket(kn_s3_call *call, kn_err *err) {
    bool exists;
    if (!kn_objects_bucket_exists(call->objects, call->bucket, &exists, err))
        return false;
    return exists || kn_fail_aws(err, 404, "NoSuchBucket", "The specified bucket does not exist");
}

bool kn_s3_head_bucket(kn_s3_call *call, kn_err *err) {
    kn_http_set(call->response, "x-amz-bucket-region", "%s", call->region);
    return need_bucket(call, err);
}

bool kn_s3_delete_bucket(kn_s3_call *call, kn_err *err) {
    call->response->status = 204;
    return kn_objects_bucket_remove(call->objects, call->bucket, err);
}

bool kn_s3_bucket_location(kn_s3_call *call, kn_err *err) {
    if (!need_bucket(call, err))
        return false;
    /* us-east-1 is spelled as nothing. */
    kn_buf_cstr(&call->response->body, KN_S3_XML_HEADER "<LocationConstraint " KN_S3_XMLNS ">");
    if (strcmp(call->region, "us-east-1") != 0)
        kn_buf_cstr(&call->response->body, call->region);
    kn_buf_cstr(&call->response->body, "</LocationConstraint>");
    return true;
}

/* ---- listing ---- */

typedef struct listing {
    kn_buf prefix, delimiter, after, marker, token, encoding;
    long max_keys;
    long count;
    bool truncated;
    bool v2, owner;
    kn_buf contents, prefixes; /* XML */
    kn_buf last;               /* the last key or common prefix listed: where to go on */
    kn_buf skip;               /* a common prefix: go on after everything that starts with it */
} listing;

static kn_buf *const *listing_buffers(listing *l, kn_buf *out[11]) {
    kn_buf *all[11] = {&l->prefix,   &l->delimiter, &l->after, &l->marker, &l->token, &l->encoding,
                       &l->contents, &l->prefixes,  &l->last,  &l->skip,   NULL};
    memcpy(out, all, sizeof all);
    return out;
}

/* With encoding-type=url, keys are percent-encoded (slashes stay). */
static void element_key(const listing *l, kn_buf *out, const char *name, const char *key) {
    if (strcmp(l->encoding.p ? l->encoding.p : "", "url") != 0) {
        kn_s3_xml_element(out, name, key);
        return;
    }
    kn_buf_printf(out, "<%s>", name);
    for (; *key; key++) {
        unsigned char c = (unsigned char)*key;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("-_.~/*", c);
        if (plain)
            kn_buf_char(out, (char)c);
        else
            kn_buf_printf(out, "%%%02X", c);
    }
    kn_buf_printf(out, "</%s>", name);
}

static void list_contents(listing *l, const kn_object *object) {
    kn_buf *out = &l->contents;
    kn_buf_cstr(out, "<Contents>");
    element_key(l, out, "Key", object->key);
    element_time(out, "LastModified", object->modified_ms);
    kn_buf_printf(out, "<ETag>&quot;%s&quot;</ETag><Size>%llu</Size>", object->etag,
                  (unsigned long long)object->size);
    kn_buf_cstr(out, "<StorageClass>STANDARD</StorageClass>");
    if (l->owner)
        kn_buf_cstr(out, "<Owner><ID>lake</ID></Owner>");
    kn_buf_cstr(out, "</Contents>");
}

static bool list_one(void *context, const kn_object *object) {
    listing *l = context;
    if (l->count == l->max_keys) {
        l->truncated = true;
        return false;
    }
    const char *rest = object->key + l->prefix.len;
    const char *found = l->delimiter.len ? strstr(rest, l->delimiter.p) : NULL;
    kn_buf_clear(&l->last);
    if (!found) {
        list_contents(l, object);
        kn_buf_cstr(&l->last, object->key);
        l->count++;
        return true;
    }
    kn_buf_append(&l->last, object->key, (size_t)(found - object->key) + l->delimiter.len);
    l->count++;
    kn_buf_cstr(&l->prefixes, "<CommonPrefixes>");
    element_key(l, &l->prefixes, "Prefix", l->last.p);
    kn_buf_cstr(&l->prefixes, "</CommonPrefixes>");
    kn_buf_slice(&l->skip, kn_buf_view(&l->last));
    return false;
}

/* Where a scan goes on after `from`: behind all keys of a common prefix ("\xff" is above any byte
 * of UTF-8), or behind the key. */
static void set_start(const listing *l, const char *from, kn_buf *start) {
    size_t n = strlen(from), d = l->delimiter.len;
    kn_buf_clear(start);
    kn_buf_cstr(start, from);
    if (d && n >= d && n > l->prefix.len && strcmp(from + n - d, l->delimiter.p) == 0)
        kn_buf_char(start, (char)0xff);
}

static bool scan(kn_s3_call *call, listing *l, kn_err *err) {
    kn_buf start;
    kn_buf_init(&start, 8192);
    const char *from = l->token.len    ? l->token.p
                       : l->after.len  ? l->after.p
                       : l->marker.len ? l->marker.p
                                       : NULL;
    if (from)
        set_start(l, from, &start);
    bool ok, more;
    do {
        kn_buf_clear(&l->skip);
        ok = kn_objects_list(call->objects, call->bucket, l->prefix.p ? l->prefix.p : "",
                             start.len ? start.p : NULL, list_one, l, err);
        more = ok && l->skip.len;
        if (more) {
            kn_buf_clear(&start);
            kn_buf_slice(&start, kn_buf_view(&l->skip));
            kn_buf_char(&start, (char)0xff);
        }
    } while (more);
    kn_buf_free(&start);
    return ok;
}

static bool read_parameters(kn_s3_call *call, listing *l, kn_err *err) {
    const char *query = call->request->query;
    kn_buf number, token;
    kn_buf_init(&number, 64);
    kn_buf_init(&token, 8192);
    kn_http_query(query, "prefix", &l->prefix);
    kn_http_query(query, "delimiter", &l->delimiter);
    kn_http_query(query, "encoding-type", &l->encoding);
    kn_http_query(query, l->v2 ? "start-after" : "marker", l->v2 ? &l->after : &l->marker);
    const kn_buf *texts[] = {&l->prefix, &l->delimiter, &l->encoding, &l->after, &l->marker};
    bool ok = true;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!kn_buf_ok(texts[i]))
            ok = kn_fail_aws(err, 400, "InvalidArgument",
                             "A parameter of the list has more than %d bytes", PARAMETER_MAX);
    if (ok && l->v2 && kn_http_query(query, "continuation-token", &token) &&
        (!token.len || !kn_base64_decode(&l->token, kn_buf_view(&token))))
        ok = kn_fail_aws(err, 400, "InvalidArgument",
                         "The continuation token provided is incorrect");
    l->max_keys = KEYS_MAX;
    if (ok && kn_http_query(query, "max-keys", &number) && number.len) {
        char *end;
        long n = strtol(number.p, &end, 10);
        if (*end || n < 0)
            ok = kn_fail_aws(err, 400, "InvalidArgument",
                             "Provided max-keys not an integer or within integer range");
        l->max_keys = n < KEYS_MAX ? n : KEYS_MAX;
    }
    kn_buf owner;
    kn_buf_init(&owner, 16);
    l->owner = !l->v2 || (kn_http_query(query, "fetch-owner", &owner) && owner.len == 4);
    kn_buf_free(&owner);
    kn_buf_free(&number);
    kn_buf_free(&token);
    return ok;
}

static void write_listing(kn_s3_call *call, listing *l) {
    kn_buf *out = &call->response->body;
    const char *prefix = l->prefix.p ? l->prefix.p : "";
    kn_buf_cstr(out, KN_S3_XML_HEADER "<ListBucketResult " KN_S3_XMLNS ">");
    kn_s3_xml_element(out, "Name", call->bucket);
    element_key(l, out, "Prefix", prefix);
    if (l->delimiter.len)
        element_key(l, out, "Delimiter", l->delimiter.p);
    if (l->encoding.len)
        kn_s3_xml_element(out, "EncodingType", l->encoding.p);
    kn_buf_printf(out, "<MaxKeys>%ld</MaxKeys><IsTruncated>%s</IsTruncated>", l->max_keys,
                  l->truncated ? "true" : "false");
    if (l->v2) {
        kn_buf_printf(out, "<KeyCount>%ld</KeyCount>", l->count);
        if (l->after.len)
            element_key(l, out, "StartAfter", l->after.p);
        if (l->truncated) {
            kn_buf_cstr(out, "<NextContinuationToken>");
            kn_base64_encode(out, kn_buf_view(&l->last));
            kn_buf_cstr(out, "</NextContinuationToken>");
        }
    } else {
        element_key(l, out, "Marker", l->marker.p ? l->marker.p : "");
        if (l->truncated)
            element_key(l, out, "NextMarker", l->last.p);
    }
    kn_buf_slice(out, kn_buf_view(&l->contents));
    kn_buf_slice(out, kn_buf_view(&l->prefixes));
    kn_buf_cstr(out, "</ListBucketResult>");
}

static bool list(kn_s3_call *call, bool v2, kn_err *err) {
    listing l = {.v2 = v2};
    kn_buf *buffers[11];
    listing_buffers(&l, buffers);
    for (size_t i = 0; buffers[i]; i++)
        kn_buf_init(buffers[i], PARAMETER_MAX);
    kn_buf_init(&l.token, 2 * PARAMETER_MAX);
    kn_buf_init(&l.contents, KN_HTTP_RESPONSE_MAX);
    kn_buf_init(&l.prefixes, KN_HTTP_RESPONSE_MAX);
    bool ok = read_parameters(call, &l, err);
    ok = ok && (l.max_keys > 0 ? scan(call, &l, err) : need_bucket(call, err));
    if (ok)
        write_listing(call, &l);
    for (size_t i = 0; buffers[i]; i++)
        kn_buf_free(buffers[i]);
    return ok;
}

bool kn_s3_list_v1(kn_s3_call *call, kn_err *err) {
    return list(call, false, err);
}

bool kn_s3_list_v2(kn_s3_call *call, kn_err *err) {
    return list(call, true, err);
}
