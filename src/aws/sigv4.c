/* See sigv4.h. */
#include "aws/sigv4.h"

#include "base/sha256_pair.h"
#include "base/time.h"
#include "net/uri.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <strings.h>

enum {
    STAGE_MAX = 1 << 20, /* of a canonical request: URL and headers, not the body */
    PARAMETERS = 1000,   /* of a query */
    SEGMENTS = 2000,     /* of a path */
};

/* ---- digests ---- */

static void to_hex(const unsigned char bytes[32], char hex[65]) {
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[64] = '\0';
}

static bool check(bool ok, kn_err *err) {
    return ok || kn_fail(err, KN_ENOMEM,
                         "OpenSSL makes no SHA-256: memory is out, or its providers are missing");
}

bool kn_sigv4_hash(kn_slice bytes, char hex[65], kn_err *err) {
    unsigned char digest[32];
    if (!check(EVP_Digest(bytes.p, bytes.n, digest, NULL, EVP_sha256(), NULL), err))
        return false;
    to_hex(digest, hex);
    return true;
}

void kn_sigv4_hash_pair(kn_slice first, char first_hex[65], kn_slice second, char second_hex[65]) {
    unsigned char digests[2][32];
    kn_sha256_pair(first, second, digests);
    to_hex(digests[0], first_hex);
    to_hex(digests[1], second_hex);
}

static bool hmac(const void *key, size_t n, kn_slice text, unsigned char out[32], kn_err *err) {
    return check(
        HMAC(EVP_sha256(), key, (int)n, (const unsigned char *)text.p, text.n, out, NULL) != NULL,
        err);
}

/* ---- canonical path ---- */

static void normalize_path(kn_slice path, kn_buf *out, bool *too_long) {
    kn_slice kept[SEGMENTS];
    size_t count = 0, start = 0;
    for (size_t i = 0; i <= path.n; i++) {
        if (i < path.n && path.p[i] != '/')
            continue;
        kn_slice segment = {path.p + start, i - start};
        start = i + 1;
        if (segment.n == 0 || kn_slice_eq_cstr(segment, "."))
            continue;
        if (kn_slice_eq_cstr(segment, ".."))
            count -= count > 0;
        else if (count == SEGMENTS)
            *too_long = true;
        else
            kept[count++] = segment;
    }
    for (size_t i = 0; i < count; i++) {
        kn_buf_char(out, '/');
        kn_buf_slice(out, kept[i]);
    }
    if (count == 0 || path.p[path.n - 1] == '/')
        kn_buf_char(out, '/');
}

static bool canonical_path(const kn_sigv4_request *request, kn_buf *out, kn_err *err) {
    bool too_long = false;
    kn_slice path = request->path.n ? request->path : KN_SLICE("/");
    if (request->s3) {
        kn_buf_slice(out, path);
    } else if (request->keep_path) {
        kn_uri_encode(out, path, true);
    } else {
        kn_buf normal;
        kn_buf_init(&normal, STAGE_MAX);
        normalize_path(path, &normal, &too_long);
        kn_uri_encode(out, kn_buf_view(&normal), true);
        kn_buf_free(&normal);
    }
    if (too_long)
        return kn_fail(err, KN_ELIMIT, "a path of more than %d segments", SEGMENTS);
    return true;
}

/* ---- canonical query ---- */

typedef struct parameter {
    size_t name, name_n, value, value_n; /* in the buffer of encoded text */
    const kn_buf *text;
} parameter;

static int compare_text(const char *a, size_t an, const char *b, size_t bn) {
    int order = memcmp(a, b, an < bn ? an : bn);
    return order ? order : (an > bn) - (an < bn);
}

static int compare_parameters(const void *left, const void *right) {
    const parameter *a = left, *b = right;
    const char *p = a->text->p;
    int order = compare_text(p + a->name, a->name_n, p + b->name, b->name_n);
    return order ? order : compare_text(p + a->value, a->value_n, p + b->value, b->value_n);
}

/* Whatever way the text was escaped, its decoded bytes are encoded the canonical way. */
static size_t recode(kn_slice text, kn_buf *out, kn_buf *scratch) {
    size_t before = out->len;
    kn_buf_clear(scratch);
    kn_uri_decode(scratch, text);
    kn_uri_encode(out, kn_buf_view(scratch), false);
    return out->len - before;
}

static bool canonical_query(kn_slice query, kn_buf *out, kn_err *err) {
    kn_buf text, scratch;
    kn_buf_init(&text, STAGE_MAX);
    kn_buf_init(&scratch, STAGE_MAX);
    parameter list[PARAMETERS];
    size_t count = 0;
    bool ok = true;
    kn_buf_reserve(&text, 1);
    while (query.n && ok) {
        const char *end = memchr(query.p, '&', query.n);
        kn_slice pair = {query.p, end ? (size_t)(end - query.p) : query.n};
        size_t used = pair.n + (end != NULL);
        query = (kn_slice){query.p + used, query.n - used};
        if (pair.n == 0)
            continue;
        if (count == PARAMETERS) {
            ok = kn_fail(err, KN_ELIMIT, "a query of more than %d parameters", PARAMETERS);
            break;
        }
        const char *equals = memchr(pair.p, '=', pair.n);
        kn_slice name = {pair.p, equals ? (size_t)(equals - pair.p) : pair.n};
        kn_slice value = {equals ? equals + 1 : "", equals ? pair.n - name.n - 1 : 0};
        parameter *p = &list[count++];
        p->text = &text;
        p->name = text.len;
        p->name_n = recode(name, &text, &scratch);
        p->value = text.len;
        p->value_n = recode(value, &text, &scratch);
    }
    ok = ok && kn_buf_check(&text, "the query", err);
    if (ok && count)
        qsort(list, count, sizeof *list, compare_parameters);
    for (size_t i = 0; ok && i < count; i++) {
        if (i)
            kn_buf_char(out, '&');
        kn_buf_append(out, text.p + list[i].name, list[i].name_n);
        kn_buf_char(out, '=');
        kn_buf_append(out, text.p + list[i].value, list[i].value_n);
    }
    kn_buf_free(&text);
    kn_buf_free(&scratch);
    return ok;
}

/* ---- canonical headers ---- */

static bool is_named(kn_slice list, kn_slice name) {
    while (list.n) {
        const char *end = memchr(list.p, ';', list.n);
        size_t n = end ? (size_t)(end - list.p) : list.n;
        if (n == name.n && strncasecmp(list.p, name.p, n) == 0)
            return true;
        n += end != NULL;
        list = (kn_slice){list.p + n, list.n - n};
    }
    return false;
}

/* What proxies and HTTP libraries add or change. */
static bool is_never_signed(kn_slice name) {
    static const char names[] =
        "connection;expect;transfer-encoding;upgrade;user-agent;"
        "x-amzn-trace-id;te;trailer;keep-alive;authorization";
    return is_named(KN_SLICE(names), name) || (name.n > 6 && strncasecmp(name.p, "proxy-", 6) == 0);
}

static int compare_names(kn_slice a, kn_slice b) {
    int order = strncasecmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static void append_lower(kn_buf *out, kn_slice name) {
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        kn_buf_char(out, c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
    }
}

/* Trimmed, inner runs of white space (folded lines too) become one space. */
static void append_collapsed(kn_buf *out, kn_slice value) {
    size_t start = out->len;
    bool space = false;
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            space = true;
            continue;
        }
        if (space && out->len > start)
            kn_buf_char(out, ' ');
        space = false;
        kn_buf_char(out, c);
    }
}

static bool canonical_headers(const kn_sigv4_request *request, kn_slice only, kn_buf *out,
                              kn_buf *names, kn_err *err) {
    const kn_sigv4_header *sorted[KN_SIGV4_HEADERS];
    size_t count = 0;
    if (request->header_count > KN_SIGV4_HEADERS)
        return kn_fail(err, KN_ELIMIT, "a request of more than %d headers", KN_SIGV4_HEADERS);
    for (size_t i = 0; i < request->header_count; i++) {
        const kn_sigv4_header *h = &request->headers[i];
        if (only.n ? !is_named(only, h->name) : is_never_signed(h->name))
            continue;
        size_t at = count++; /* insertion keeps the order of equal names */
        for (; at > 0 && compare_names(sorted[at - 1]->name, h->name) > 0; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = h;
    }
    for (size_t i = 0; i < count; i++) {
        if (i && compare_names(sorted[i - 1]->name, sorted[i]->name) == 0) {
            kn_buf_char(out, ',');
        } else {
            if (i) {
                kn_buf_char(out, '\n');
                kn_buf_char(names, ';');
            }
            append_lower(names, sorted[i]->name);
            append_lower(out, sorted[i]->name);
            kn_buf_char(out, ':');
        }
        append_collapsed(out, sorted[i]->value);
    }
    if (count)
        kn_buf_char(out, '\n');
    return true;
}

/* ---- the stages ---- */

bool kn_sigv4_canonical_request(const kn_sigv4_request *request, kn_slice only, kn_buf *out,
                                kn_buf *signed_headers, kn_err *err) {
    size_t names = signed_headers->len;
    kn_buf_slice(out, request->method);
    kn_buf_char(out, '\n');
    if (!canonical_path(request, out, err))
        return false;
    kn_buf_char(out, '\n');
    if (!canonical_query(request->query, out, err))
        return false;
    kn_buf_char(out, '\n');
    if (!canonical_headers(request, only, out, signed_headers, err))
        return false;
    kn_buf_char(out, '\n');
    kn_buf_append(out, kn_buf_view(signed_headers).p + names, signed_headers->len - names);
    kn_buf_char(out, '\n');
    kn_buf_slice(out, request->payload_hash);
    return kn_buf_check(out, "the canonical request", err) &&
           kn_buf_check(signed_headers, "the list of signed headers", err);
}

/* "20150830/us-east-1/service" */
static void write_scope(const kn_sigv4_scope *scope, kn_buf *out) {
    char time[17];
    kn_time_amz(time, scope->time_ms);
    kn_buf_printf(out, "%.8s/%s/%s", time, scope->region, scope->service);
}

bool kn_sigv4_string_to_sign(const kn_sigv4_scope *scope, kn_slice canonical_request, kn_buf *out,
                             kn_err *err) {
    char time[17], hash[65];
    kn_time_amz(time, scope->time_ms);
    if (!kn_sigv4_hash(canonical_request, hash, err))
        return false;
    kn_buf_printf(out, "AWS4-HMAC-SHA256\n%s\n", time);
    write_scope(scope, out);
    kn_buf_printf(out, "/aws4_request\n%s", hash);
    return kn_buf_check(out, "the string to sign", err);
}

bool kn_sigv4_key_derive(kn_sigv4_key *key, const char *secret_key, const kn_sigv4_scope *scope,
                         kn_err *err) {
    kn_buf name, seed;
    kn_buf_init(&name, sizeof key->scope - 1);
    kn_buf_init(&seed, 1024);
    write_scope(scope, &name);
    kn_buf_cstr(&seed, "AWS4");
    kn_buf_cstr(&seed, secret_key);
    bool ok = kn_buf_check(&name, "region and service", err) &&
              kn_buf_check(&seed, "the secret key", err);
    if (ok && strcmp(key->scope, name.p) != 0) {
        key->scope[0] = '\0';
        ok = hmac(seed.p, seed.len, (kn_slice){name.p, 8}, key->bytes, err) &&
             hmac(key->bytes, 32, kn_slice_cstr(scope->region), key->bytes, err) &&
             hmac(key->bytes, 32, kn_slice_cstr(scope->service), key->bytes, err) &&
             hmac(key->bytes, 32, KN_SLICE("aws4_request"), key->bytes, err);
        if (ok)
            memcpy(key->scope, name.p, name.len + 1);
    }
    if (seed.p)
        OPENSSL_cleanse(seed.p, seed.cap);
    kn_buf_free(&seed);
    kn_buf_free(&name);
    return ok;
}

void kn_sigv4_key_wipe(kn_sigv4_key *key) {
    OPENSSL_cleanse(key, sizeof *key);
}

bool kn_sigv4_signature(const kn_sigv4_key *key, kn_slice string_to_sign, char hex[65],
                        kn_err *err) {
    unsigned char digest[32];
    if (!hmac(key->bytes, 32, string_to_sign, digest, err))
        return false;
    to_hex(digest, hex);
    return true;
}

/* what: "PAYLOAD" or "TRAILER"; hashes: the lines that end it. */
static bool sign_next(const kn_sigv4_key *key, const kn_sigv4_scope *scope, const char *what,
                      const char *previous, const char *hashes, char hex[65], kn_err *err) {
    char time[17];
    kn_buf text;
    kn_buf_init(&text, 1024);
    kn_time_amz(time, scope->time_ms);
    kn_buf_printf(&text, "AWS4-HMAC-SHA256-%s\n%s\n", what, time);
    write_scope(scope, &text);
    kn_buf_printf(&text, "/aws4_request\n%s\n%s", previous, hashes);
    bool ok = kn_buf_check(&text, "the string to sign", err) &&
              kn_sigv4_signature(key, kn_buf_view(&text), hex, err);
    kn_buf_free(&text);
    return ok;
}

bool kn_sigv4_sign_chunk(const kn_sigv4_key *key, const kn_sigv4_scope *scope,
                         const char previous[65], kn_slice data, char hex[65], kn_err *err) {
    char hashes[130];
    if (!kn_sigv4_hash((kn_slice){"", 0}, hashes, err) || !kn_sigv4_hash(data, hashes + 65, err))
        return false;
    hashes[64] = '\n';
    return sign_next(key, scope, "PAYLOAD", previous, hashes, hex, err);
}

bool kn_sigv4_sign_trailer(const kn_sigv4_key *key, const kn_sigv4_scope *scope,
                           const char previous[65], kn_slice trailers, char hex[65], kn_err *err) {
    char hash[65];
    return kn_sigv4_hash(trailers, hash, err) &&
           sign_next(key, scope, "TRAILER", previous, hash, hex, err);
}

static void stages_init(kn_sigv4_stages *stages) {
    kn_buf_init(&stages->canonical_request, STAGE_MAX);
    kn_buf_init(&stages->string_to_sign, 1024);
}

static void stages_free(kn_sigv4_stages *stages) {
    kn_buf_free(&stages->canonical_request);
    kn_buf_free(&stages->string_to_sign);
}

static bool run_stages(kn_sigv4_key *key, const kn_sigv4_identity *identity,
                       const kn_sigv4_scope *scope, const kn_sigv4_request *request,
                       kn_buf *signed_headers, kn_sigv4_stages *stages, kn_err *err) {
    return kn_sigv4_canonical_request(request, (kn_slice){0}, &stages->canonical_request,
                                      signed_headers, err) &&
           kn_sigv4_key_derive(key, identity->secret_key, scope, err) &&
           kn_sigv4_string_to_sign(scope, kn_buf_view(&stages->canonical_request),
                                   &stages->string_to_sign, err) &&
           kn_sigv4_signature(key, kn_buf_view(&stages->string_to_sign), stages->signature, err);
}

bool kn_sigv4_sign(kn_sigv4_key *key, const kn_sigv4_identity *identity,
                   const kn_sigv4_scope *scope, const kn_sigv4_request *request,
                   kn_buf *authorization, kn_sigv4_stages *stages, kn_err *err) {
    kn_sigv4_stages own;
    stages_init(&own);
    kn_buf names;
    kn_buf_init(&names, STAGE_MAX);
    kn_sigv4_stages *s = stages ? stages : &own;
    bool ok = run_stages(key, identity, scope, request, &names, s, err);
    if (ok) {
        kn_buf_printf(authorization, "AWS4-HMAC-SHA256 Credential=%s/", identity->access_key);
        write_scope(scope, authorization);
        kn_buf_printf(authorization, "/aws4_request, SignedHeaders=%s, Signature=%s",
                      kn_buf_view(&names).p, s->signature);
        ok = kn_buf_check(authorization, "the Authorization header", err);
    }
    kn_buf_free(&names);
    stages_free(&own);
    return ok;
}

/* ---- presigned URLs ---- */

static void add_parameter(kn_buf *query, const char *name, kn_slice value) {
    if (query->len)
        kn_buf_char(query, '&');
    kn_buf_printf(query, "%s=", name);
    kn_uri_encode(query, value, false);
}

static bool presign_query(const kn_sigv4_identity *identity, const kn_sigv4_scope *scope,
                          const kn_sigv4_request *request, int expires_s, bool sign_token,
                          kn_buf *query, kn_err *err) {
    kn_buf names, text;
    kn_buf_init(&names, STAGE_MAX);
    kn_buf_init(&text, STAGE_MAX);
    bool ok = canonical_headers(request, (kn_slice){0}, &text, &names, err);
    if (ok) {
        char time[17], expires[16];
        kn_time_amz(time, scope->time_ms);
        snprintf(expires, sizeof expires, "%d", expires_s);
        kn_buf_clear(&text);
        kn_buf_printf(&text, "%s/", identity->access_key);
        write_scope(scope, &text);
        kn_buf_cstr(&text, "/aws4_request");
        kn_buf_slice(query, request->query);
        add_parameter(query, "X-Amz-Algorithm", KN_SLICE("AWS4-HMAC-SHA256"));
        add_parameter(query, "X-Amz-Credential", kn_buf_view(&text));
        add_parameter(query, "X-Amz-Date", kn_slice_cstr(time));
        add_parameter(query, "X-Amz-SignedHeaders", kn_buf_view(&names));
        add_parameter(query, "X-Amz-Expires", kn_slice_cstr(expires));
        if (sign_token)
            add_parameter(query, "X-Amz-Security-Token", kn_slice_cstr(identity->session_token));
        ok = kn_buf_check(query, "the query", err);
    }
    kn_buf_free(&names);
    kn_buf_free(&text);
    return ok;
}

bool kn_sigv4_presign(kn_sigv4_key *key, const kn_sigv4_identity *identity,
                      const kn_sigv4_scope *scope, const kn_sigv4_request *request, int expires_s,
                      bool token_after, kn_buf *query, kn_sigv4_stages *stages, kn_err *err) {
    if (expires_s < 1 || expires_s > 604800)
        return kn_fail(err, KN_EINVAL, "a presigned URL lives 1 s to 7 days, not %d s", expires_s);
    bool token = identity->session_token && identity->session_token[0];
    kn_sigv4_stages own;
    stages_init(&own);
    kn_buf text, names;
    kn_buf_init(&text, STAGE_MAX);
    kn_buf_init(&names, STAGE_MAX);
    kn_sigv4_stages *s = stages ? stages : &own;
    bool ok = presign_query(identity, scope, request, expires_s, token && !token_after, &text, err);
    if (ok) {
        kn_sigv4_request with = *request;
        with.query = kn_buf_view(&text);
        ok = run_stages(key, identity, scope, &with, &names, s, err);
    }
    if (ok) {
        if (token && token_after)
            add_parameter(&text, "X-Amz-Security-Token", kn_slice_cstr(identity->session_token));
        add_parameter(&text, "X-Amz-Signature", kn_slice_cstr(s->signature));
        kn_buf_slice(query, kn_buf_view(&text));
        ok = kn_buf_check(query, "the query", err);
    }
    kn_buf_free(&text);
    kn_buf_free(&names);
    stages_free(&own);
    return ok;
}
