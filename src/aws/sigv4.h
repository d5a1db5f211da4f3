/* AWS Signature Version 4. Pure: time is a parameter, nothing is read from the environment, so the
 * official cases run against it stage by stage (tests/c/aws/sigv4.c).
 *
 *   canonical request -> string to sign -> signature = HMAC(derived key, string to sign)
 *
 * Both signers (the client) and a verifier (the lake) use the same stages. The caller puts the
 * headers that are part of the signature (host, x-amz-date, x-amz-security-token, ...) into the
 * request. A body that is sent in chunks is signed chunk by chunk, each signature over the one
 * before; the first over the request's. SigV4A (asymmetric) is not here.
 *
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html */
#ifndef KN_AWS_SIGV4_H
#define KN_AWS_SIGV4_H

#include "base/buf.h"

#define KN_SIGV4_UNSIGNED "UNSIGNED-PAYLOAD"
#define KN_SIGV4_STREAMING "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"

typedef struct kn_sigv4_header {
    kn_slice name; /* any case */
    kn_slice value;
} kn_sigv4_header;

typedef struct kn_sigv4_request {
    kn_slice method;
    kn_slice path;  /* as sent, percent-encoded; "" means "/" */
    kn_slice query; /* as sent, without the question mark */
    const kn_sigv4_header *headers;
    size_t header_count;   /* at most KN_SIGV4_HEADERS */
    kn_slice payload_hash; /* kn_sigv4_hash of the body, or KN_SIGV4_UNSIGNED, ... */
    bool s3;               /* the path is signed as sent; others normalize and encode it again */
    bool keep_path;        /* not S3, but no normalizing of "..", "." and "//" */
} kn_sigv4_request;

enum { KN_SIGV4_HEADERS = 100 };

typedef struct kn_sigv4_scope {
    int64_t time_ms;
    const char *region;
    const char *service;
} kn_sigv4_scope;

/* A derived key, cached by its owner: valid for one secret, day, region and service. Zeroed at
 * first; the owner wipes it when the secret changes and at the end. */
typedef struct kn_sigv4_key {
    char scope[256]; /* "20150830/us-east-1/service" */
    unsigned char bytes[32];
} kn_sigv4_key;

typedef struct kn_sigv4_identity {
    const char *access_key;
    const char *secret_key;
    const char
        *session_token; /* "" or NULL: none. Used by presign; header signing takes a header */
} kn_sigv4_identity;

/* What was computed on the way, when the caller wants to see it. Initialized by the caller. */
typedef struct kn_sigv4_stages {
    kn_buf canonical_request;
    kn_buf string_to_sign;
    char signature[65];
} kn_sigv4_stages;

/* Lower-case hex SHA-256. It fails, as all that follows may, where OpenSSL does: out of memory. */
KN_MUST_CHECK bool kn_sigv4_hash(kn_slice bytes, char hex[65], kn_err *err);
/* The same of two, faster; where kn_sha256_pair_works. */
void kn_sigv4_hash_pair(kn_slice first, char first_hex[65], kn_slice second, char second_hex[65]);

/* Appends the canonical request, and the names of the signed headers ("host;x-amz-date").
 * only: sign just the headers named in this list, as a verifier must; empty: all but those that
 * proxies and HTTP libraries change (connection, user-agent, expect, ...). */
KN_MUST_CHECK bool kn_sigv4_canonical_request(const kn_sigv4_request *request, kn_slice only,
                                              kn_buf *out, kn_buf *signed_headers, kn_err *err);

KN_MUST_CHECK bool kn_sigv4_string_to_sign(const kn_sigv4_scope *scope, kn_slice canonical_request,
                                           kn_buf *out, kn_err *err);

/* Does nothing when the key is already the one of this day, region and service. */
KN_MUST_CHECK bool kn_sigv4_key_derive(kn_sigv4_key *key, const char *secret_key,
                                       const kn_sigv4_scope *scope, kn_err *err);
void kn_sigv4_key_wipe(kn_sigv4_key *key);

/* Lower-case hex. */
KN_MUST_CHECK bool kn_sigv4_signature(const kn_sigv4_key *key, kn_slice string_to_sign,
                                      char hex[65], kn_err *err);

/* The signature of the next chunk of a body (empty for the last), and of the trailers behind it,
 * "name:value\n" each, in lower case and sorted. previous: the signature before, of the request at
 * first; it may be the same memory as hex. key: derived for the scope. */
KN_MUST_CHECK bool kn_sigv4_sign_chunk(const kn_sigv4_key *key, const kn_sigv4_scope *scope,
                                       const char previous[65], kn_slice data, char hex[65],
                                       kn_err *err);
KN_MUST_CHECK bool kn_sigv4_sign_trailer(const kn_sigv4_key *key, const kn_sigv4_scope *scope,
                                         const char previous[65], kn_slice trailers, char hex[65],
                                         kn_err *err);

/* Appends the value of the Authorization header. stages may be NULL. */
KN_MUST_CHECK bool kn_sigv4_sign(kn_sigv4_key *key, const kn_sigv4_identity *identity,
                                 const kn_sigv4_scope *scope, const kn_sigv4_request *request,
                                 kn_buf *authorization, kn_sigv4_stages *stages, kn_err *err);

/* Appends the query of a presigned URL: request->query and the X-Amz-* parameters, the signature
 * last. expires_s: 1 to 604800. token_after: the session token is added but not signed. */
KN_MUST_CHECK bool kn_sigv4_presign(kn_sigv4_key *key, const kn_sigv4_identity *identity,
                                    const kn_sigv4_scope *scope, const kn_sigv4_request *request,
                                    int expires_s, bool token_after, kn_buf *query,
                                    kn_sigv4_stages *stages, kn_err *err);

#endif
