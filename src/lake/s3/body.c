/* Receives an upload: undoes aws-chunked, writes the content to a spool file, and compares what the
 * client claims (Content-MD5, x-amz-checksum-*, x-amz-content-sha256, the decoded length) with what
 * came. Checksums may come as headers or as trailers; the algorithms are a table. */
#include "lake/s3/s3.h"

#include "base/base64.h"
#include "base/file.h"
#include "lake/s3/chunked.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#define READ_SIZE ((size_t)256 << 10)

/* ---- algorithms ---- */

typedef struct algorithm {
    const char *header;  /* of the request, and of the reply */
    const char *member;  /* of the object's document */
    int bits;            /* of a reflected CRC; 0: a digest */
    uint64_t polynomial; /* reflected */
    const EVP_MD *(*digest)(void);
} algorithm;

static const algorithm algorithms[] = {
    {"x-amz-checksum-crc32", "ChecksumCRC32", 32, 0xEDB88320, NULL},
    {"x-amz-checksum-crc32c", "ChecksumCRC32C", 32, 0x82F63B78, NULL},
    {"x-amz-checksum-crc64nvme", "ChecksumCRC64NVME", 64, 0x9A6C9329AC4BC9B5, NULL},
    {"x-amz-checksum-sha1", "ChecksumSHA1", 0, 0, EVP_sha1},
    {"x-amz-checksum-sha256", "ChecksumSHA256", 0, 0, EVP_sha256},
};
#define ALGORITHMS (sizeof algorithms / sizeof *algorithms)

typedef struct checksum {
    bool wanted;
    char claimed[128]; /* base64; "" until a header or trailer tells it */
    uint64_t crc;
    uint64_t table[256];
    EVP_MD_CTX *context;
} checksum;

static bool checksum_begin(checksum *sum, const algorithm *a, kn_err *err) {
    sum->wanted = true;
    if (a->digest) {
        sum->context = EVP_MD_CTX_new();
        return (sum->context && EVP_DigestInit_ex(sum->context, a->digest(), NULL) == 1) ||
               kn_fail(err, KN_ENOMEM, "cannot compute %s", a->header);
    }
    sum->crc = UINT64_MAX >> (64 - a->bits);
    for (unsigned i = 0; i < 256; i++) {
        uint64_t r = i;
        for (int bit = 0; bit < 8; bit++)
            r = r & 1 ? r >> 1 ^ a->polynomial : r >> 1;
        sum->table[i] = r;
    }
    return true;
}

static void checksum_add(checksum *sum, const char *bytes, size_t n) {
    if (sum->context) {
        EVP_DigestUpdate(sum->context, bytes, n);
        return;
    }
    uint64_t crc = sum->crc;
    for (size_t i = 0; i < n; i++)
        crc = sum->table[(crc ^ (unsigned char)bytes[i]) & 0xff] ^ crc >> 8;
    sum->crc = crc;
}

/* Base64 of the value, most significant byte first. */
static void checksum_end(checksum *sum, const algorithm *a, kn_buf *out) {
    unsigned char value[EVP_MAX_MD_SIZE];
    unsigned n = (unsigned)a->bits / 8;
    if (sum->context)
        EVP_DigestFinal_ex(sum->context, value, &n);
    else
        for (unsigned i = 0; i < n; i++)
            value[i] = (unsigned char)(~sum->crc >> (8 * (n - 1 - i)));
    kn_base64_encode(out, (kn_slice){(char *)value, n});
}

/* ---- one upload ---- */

bool kn_s3_spool(kn_s3_call *call, char path[PATH_MAX], int *fd, kn_err *err) {
    snprintf(path, PATH_MAX, "%s/put.XXXXXX", kn_objects_spool(call->objects));
    *fd = mkostemp(path, O_CLOEXEC);
    if (*fd >= 0)
        return true;
    path[0] = '\0';
    return kn_fail_errno(err, "cannot make a file in %s", kn_objects_spool(call->objects));
}

typedef struct upload {
    kn_s3_content *content;
    int fd;
    EVP_MD_CTX *md5, *sha256; /* sha256: of the body as sent, when it is claimed */
    checksum sums[ALGORITHMS];
} upload;

static bool take_data(void *context, const char *bytes, size_t n, kn_err *err) {
    upload *u = context;
    EVP_DigestUpdate(u->md5, bytes, n);
    for (size_t i = 0; i < ALGORITHMS; i++)
        if (u->sums[i].wanted)
            checksum_add(&u->sums[i], bytes, n);
    u->content->size += n;
    return kn_file_write_all(u->fd, bytes, n, err);
}

static bool take_trailer(void *context, const char *name, const char *value, kn_err *err) {
    (void)err; /* a trailer that is no checksum is the client's own business */
    upload *u = context;
    for (size_t i = 0; i < ALGORITHMS; i++)
        if (strcmp(name, algorithms[i].header) == 0)
            snprintf(u->sums[i].claimed, sizeof u->sums[i].claimed, "%s", value);
    return true;
}

static const char *content_sha256(const kn_http_request *request) {
    const char *value = kn_http_get(request, "x-amz-content-sha256");
    return value ? value : "";
}

static bool begin(kn_s3_call *call, upload *u, kn_err *err) {
    const kn_http_request *request = call->request;
    const char *trailer = kn_http_get(request, "x-amz-trailer");
    for (size_t i = 0; i < ALGORITHMS; i++) {
        const char *claimed = kn_http_get(request, algorithms[i].header);
        bool announced = trailer && strcasecmp(trailer, algorithms[i].header) == 0;
        if (!claimed && !announced)
            continue;
        if (!checksum_begin(&u->sums[i], &algorithms[i], err))
            return false;
        snprintf(u->sums[i].claimed, sizeof u->sums[i].claimed, "%s", claimed ? claimed : "");
    }
    u->md5 = EVP_MD_CTX_new();
    bool ok = u->md5 && EVP_DigestInit_ex(u->md5, EVP_md5(), NULL) == 1;
    if (ok && strlen(content_sha256(request)) == 64) {
        u->sha256 = EVP_MD_CTX_new();
        ok = u->sha256 && EVP_DigestInit_ex(u->sha256, EVP_sha256(), NULL) == 1;
    }
    if (!ok)
        return kn_fail(err, KN_ENOMEM, "cannot compute an object's digests");
    return kn_s3_spool(call, u->content->path, &u->fd, err);
}

static bool feed(upload *u, kn_chunked *chunked, const char *bytes, size_t n, kn_err *err) {
    if (u->sha256)
        EVP_DigestUpdate(u->sha256, bytes, n);
    return chunked ? kn_chunked_feed(chunked, bytes, n, err) : take_data(u, bytes, n, err);
}

static bool feed_file(upload *u, kn_chunked *chunked, int fd, kn_err *err) {
    char *bytes = malloc(READ_SIZE);
    bool ok = bytes || kn_fail(err, KN_ENOMEM, "cannot read an upload: out of memory");
    while (ok) {
        ssize_t n = read(fd, bytes, READ_SIZE);
        if (n < 0)
            ok = kn_fail_errno(err, "cannot read a spooled upload");
        if (n <= 0)
            break;
        ok = feed(u, chunked, bytes, (size_t)n, err);
    }
    free(bytes);
    return ok;
}

/* ---- comparing ---- */

static void hex(const unsigned char *bytes, unsigned n, char *out) {
    for (unsigned i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static bool check_md5(const kn_http_request *request, const unsigned char digest[16], kn_err *err) {
    const char *claimed = kn_http_get(request, "content-md5");
    if (!claimed)
        return true;
    kn_buf bytes;
    kn_buf_init(&bytes, 64);
    bool valid = kn_base64_decode(&bytes, kn_slice_cstr(claimed)) && bytes.len == 16;
    bool same = valid && memcmp(bytes.p, digest, 16) == 0;
    kn_buf_free(&bytes);
    if (!valid)
        return kn_fail_aws(err, 400, "InvalidDigest",
                           "The Content-MD5 you specified is not valid.");
    return same || kn_fail_aws(err, 400, "BadDigest",
                               "The Content-MD5 you specified did not match what we received.");
}

static bool check_sum(upload *u, size_t i, kn_err *err) {
    checksum *sum = &u->sums[i];
    const algorithm *a = &algorithms[i];
    kn_buf actual;
    kn_buf_init(&actual, 128);
    checksum_end(sum, a, &actual);
    bool ok = true;
    if (!sum->claimed[0])
        ok = kn_fail_aws(err, 400, "MalformedTrailerError",
                         "x-amz-trailer announces %s, but no such trailer came", a->header);
    else if (strcmp(sum->claimed, actual.p) != 0)
        ok = kn_fail_aws(err, 400, "BadDigest",
                         "The %s you specified did not match the calculated checksum.", a->header);
    else
        json_object_set_new(u->content->checksums, a->member, json_string(actual.p));
    kn_buf_free(&actual);
    return ok;
}

static bool compare(kn_s3_call *call, upload *u, bool chunked, kn_err *err) {
    const kn_http_request *request = call->request;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    EVP_DigestFinal_ex(u->md5, digest, &n);
    hex(digest, 16, u->content->etag);
    if (!check_md5(request, digest, err))
        return false;
    const char *length = chunked ? kn_http_get(request, "x-amz-decoded-content-length") : NULL;
    if (length && strtoull(length, NULL, 10) != u->content->size)
        return kn_fail_aws(err, 400, "IncompleteBody",
                           "x-amz-decoded-content-length is %s, but %llu bytes came", length,
                           (unsigned long long)u->content->size);
    if (u->sha256) {
        char actual[65];
        EVP_DigestFinal_ex(u->sha256, digest, &n);
        hex(digest, 32, actual);
        if (strcasecmp(actual, content_sha256(request)) != 0)
            return kn_fail_aws(err, 400, "XAmzContentSHA256Mismatch",
                               "The provided 'x-amz-content-sha256' header does not match what "
                               "was computed.");
    }
    u->content->checksums = json_object();
    for (size_t i = 0; i < ALGORITHMS; i++)
        if (u->sums[i].wanted && !check_sum(u, i, err))
            return false;
    return true;
}

bool kn_s3_receive(kn_s3_call *call, kn_s3_content *content, kn_err *err) {
    *content = (kn_s3_content){.size = 0};
    upload *u = calloc(1, sizeof *u); /* the CRC tables are large for a thread's stack */
    kn_chunked *chunked = calloc(1, sizeof *chunked);
    bool ok = (u && chunked) || kn_fail(err, KN_ENOMEM, "cannot receive an upload: out of memory");
    if (ok) {
        u->content = content;
        u->fd = -1;
        *chunked = (kn_chunked){.data = take_data, .trailer = take_trailer, .context = u};
        const kn_http_request *request = call->request;
        bool is_chunked = strncmp(content_sha256(request), "STREAMING-", 10) == 0;
        kn_chunked *through = is_chunked ? chunked : NULL;
        ok = begin(call, u, err);
        if (ok && request->body_fd >= 0)
            ok = feed_file(u, through, request->body_fd, err);
        else if (ok)
            ok = feed(u, through, request->body.p, request->body.n, err);
        ok = ok && (!is_chunked || kn_chunked_end(chunked, err)) &&
             compare(call, u, is_chunked, err);
        if (u->fd >= 0)
            close(u->fd);
        EVP_MD_CTX_free(u->md5);
        EVP_MD_CTX_free(u->sha256);
        for (size_t i = 0; i < ALGORITHMS; i++)
            EVP_MD_CTX_free(u->sums[i].context);
    }
    free(u);
    free(chunked);
    if (!ok)
        kn_s3_content_free(content);
    return ok;
}

bool kn_s3_verify_body(kn_s3_call *call, kn_err *err) {
    kn_s3_content content;
    if (!kn_s3_receive(call, &content, err))
        return false;
    kn_s3_content_free(&content);
    return true;
}

void kn_s3_content_free(kn_s3_content *content) {
    if (content->path[0])
        unlink(content->path);
    content->path[0] = '\0';
    json_decref(content->checksums);
    content->checksums = NULL;
}

void kn_s3_checksum_headers(kn_http_response *response, const json_t *doc) {
    for (size_t i = 0; i < ALGORITHMS; i++) {
        const char *value = json_string_value(json_object_get(doc, algorithms[i].member));
        if (value)
            kn_http_set(response, algorithms[i].header, "%s", value);
    }
}
