/* See envelope.h. */
#include "aws/envelope.h"

#include "base/time.h"
#include "net/uri.h"

#include <openssl/crypto.h>
#include <string.h>

enum { URL_MAX = 16 << 10, HEAD_MAX = 64 << 10 };

/* ---- what the caller says ---- */

static bool fill_url(kn_envelope *e, const kn_aws_request *request, kn_err *err) {
    const kn_operation *op = request->operation;
    if (op->bucket && (!request->bucket || !request->bucket[0]))
        return kn_fail(err, KN_EINVAL, "%s %s needs a bucket", op->api->name, op->name);
    if (op->key && request->key.n == 0)
        return kn_fail(err, KN_EINVAL, "%s %s needs a key", op->api->name, op->name);
    if (!kn_endpoint_resource(e->endpoint, op->bucket ? request->bucket : NULL,
                              op->key ? request->key : (kn_slice){0}, &e->url, err))
        return false;
    const char *separator = "?";
    if (op->query) {
        kn_buf_printf(&e->url, "?%s", op->query);
        separator = "&";
    }
    if (request->query.n) {
        kn_buf_cstr(&e->url, separator);
        kn_buf_slice(&e->url, request->query);
    }
    return kn_buf_check(&e->url, "the URL", err);
}

static bool fill_extra(kn_envelope *e, const kn_aws_request *request, kn_err *err) {
    if (request->header_count > KN_ENVELOPE_EXTRA)
        return kn_fail(err, KN_ELIMIT, "more than %d headers", KN_ENVELOPE_EXTRA);
    for (size_t i = 0; i < request->header_count; i++) {
        const char *line = request->headers[i];
        if (strpbrk(line, "\r\n"))
            return kn_fail(err, KN_EINVAL, "a header holds a line break");
        kn_buf_append(&e->extra, line, strlen(line) + 1);
    }
    return kn_buf_check(&e->extra, "the request's headers", err);
}

bool kn_envelope_init(kn_envelope *e, const kn_endpoint *endpoint, const kn_aws_request *request,
                      kn_err *err) {
    e->operation = request->operation;
    e->endpoint = endpoint;
    e->wire = request->wire;
    kn_buf_init(&e->url, URL_MAX);
    kn_buf_init(&e->extra, HEAD_MAX);
    kn_buf_init(&e->text, HEAD_MAX);
    return fill_url(e, request, err) && fill_extra(e, request, err);
}

void kn_envelope_wipe(kn_envelope *e) {
    if (e->text.p)
        OPENSSL_cleanse(e->text.p, e->text.cap);
    kn_buf_clear(&e->text);
    e->count = 0;
}

void kn_envelope_free(kn_envelope *e) {
    kn_envelope_wipe(e);
    kn_buf_free(&e->text);
    kn_buf_free(&e->url);
    kn_buf_free(&e->extra);
}

const char *kn_envelope_method(const kn_envelope *e) {
    return e->operation->method ? e->operation->method : "POST";
}

/* ---- lines ---- */

static void add_line(kn_envelope *e, const char *name, const char *value) {
    e->starts[e->count++] = e->text.len;
    kn_buf_printf(&e->text, "%s: %s", name, value);
    kn_buf_append(&e->text, "", 1);
}

/* Default ports are not part of Host: curl leaves them out too. */
static void add_host(kn_envelope *e, const kn_uri *uri) {
    char host[600];
    bool secure = uri->scheme.n == 5;
    kn_slice authority = uri->authority, port = secure ? KN_SLICE(":443") : KN_SLICE(":80");
    if (authority.n > port.n && memcmp(authority.p + authority.n - port.n, port.p, port.n) == 0)
        authority.n -= port.n;
    snprintf(host, sizeof host, "%.*s", (int)authority.n, authority.p);
    add_line(e, "Host", host);
}

static void add_extra(kn_envelope *e) {
    const char *line = e->extra.p, *end = line ? line + e->extra.len : NULL;
    for (; line != end; line += strlen(line) + 1) {
        e->starts[e->count++] = e->text.len;
        kn_buf_append(&e->text, line, strlen(line) + 1);
    }
}

static void add_lines(kn_envelope *e, const kn_uri *uri, const kn_envelope_by *by) {
    const kn_api *api = e->operation->api;
    char time[17], target[160];
    kn_time_amz(time, by->time_ms);
    add_host(e, uri);
    add_line(e, "X-Amz-Date", time);
    if (by->credentials->session_token[0])
        add_line(e, "X-Amz-Security-Token", by->credentials->session_token);
    if (api->protocol == KN_PROTOCOL_REST_XML)
        add_line(e, "X-Amz-Content-Sha256", e->payload);
    if (api->protocol == KN_PROTOCOL_JSON) {
        snprintf(target, sizeof target, "%s.%s", api->target, e->operation->name);
        add_line(e, "X-Amz-Target", target);
    }
    if (e->wire == KN_WIRE_CBOR)
        add_line(e, "Content-Type", KN_CBOR_TYPE);
    else if (api->content_type)
        add_line(e, "Content-Type", api->content_type);
    add_extra(e);
}

/* ---- signing ---- */

static kn_sigv4_request describe(const kn_envelope *e, const kn_uri *uri,
                                 kn_sigv4_header headers[KN_ENVELOPE_LINES]) {
    for (size_t i = 0; i < e->count; i++) {
        const char *line = e->text.p + e->starts[i];
        size_t name = strcspn(line, ":");
        const char *value = line[name] ? line + name + 1 : "";
        headers[i] = (kn_sigv4_header){{line, name}, kn_slice_cstr(value)};
    }
    return (kn_sigv4_request){
        .method = kn_slice_cstr(kn_envelope_method(e)),
        .path = uri->path,
        .query = uri->query,
        .headers = headers,
        .header_count = e->count,
        .payload_hash = kn_slice_cstr(e->payload),
        .s3 = e->operation->api->protocol == KN_PROTOCOL_REST_XML,
    };
}

static kn_sigv4_scope scope_of(const kn_envelope *e, const kn_envelope_by *by) {
    return (kn_sigv4_scope){by->time_ms, e->endpoint->region, e->operation->api->signing_name};
}

bool kn_envelope_sign(kn_envelope *e, const kn_envelope_by *by, const char *lines[], kn_err *err) {
    kn_uri uri;
    kn_sigv4_header headers[KN_ENVELOPE_LINES];
    kn_sigv4_identity identity = {by->credentials->access_key, by->credentials->secret_key, NULL};
    kn_sigv4_scope scope = scope_of(e, by);
    kn_sigv4_stages stages;
    kn_buf authorization;
    kn_buf_init(&authorization, HEAD_MAX);
    kn_buf_init(&stages.canonical_request, HEAD_MAX + URL_MAX);
    kn_buf_init(&stages.string_to_sign, 1024);
    kn_envelope_wipe(e);
    bool ok = kn_uri_parse(e->url.p, &uri, err);
    if (ok) {
        add_lines(e, &uri, by);
        ok = kn_buf_check(&e->text, "the request's headers", err);
    }
    if (ok) {
        kn_sigv4_request request = describe(e, &uri, headers);
        ok = kn_sigv4_sign(by->key, &identity, &scope, &request, &authorization, &stages, err);
    }
    if (ok) {
        memcpy(e->signature, stages.signature, sizeof e->signature);
        add_line(e, "Authorization", authorization.p);
        ok = kn_buf_check(&e->text, "the request's headers", err);
    }
    for (size_t i = 0; ok && i < e->count; i++)
        lines[i] = e->text.p + e->starts[i];
    if (stages.canonical_request.p) /* the token is in it */
        OPENSSL_cleanse(stages.canonical_request.p, stages.canonical_request.cap);
    kn_buf_free(&stages.canonical_request);
    kn_buf_free(&stages.string_to_sign);
    kn_buf_free(&authorization);
    return ok;
}

bool kn_envelope_presign(kn_envelope *e, const kn_envelope_by *by, int expires_s, kn_buf *url,
                         kn_err *err) {
    kn_uri uri;
    kn_sigv4_header headers[KN_ENVELOPE_LINES];
    kn_sigv4_identity identity = {by->credentials->access_key, by->credentials->secret_key,
                                  by->credentials->session_token};
    kn_sigv4_scope scope = scope_of(e, by);
    kn_envelope_wipe(e);
    if (!kn_uri_parse(e->url.p, &uri, err))
        return false;
    add_host(e, &uri);
    add_extra(e);
    snprintf(e->payload, sizeof e->payload, KN_SIGV4_UNSIGNED);
    if (!kn_buf_check(&e->text, "the request's headers", err))
        return false;
    kn_sigv4_request request = describe(e, &uri, headers);
    kn_buf_append(url, e->url.p, (size_t)(uri.path.p + uri.path.n - e->url.p));
    kn_buf_char(url, '?');
    return kn_sigv4_presign(by->key, &identity, &scope, &request, expires_s, false, url, NULL,
                            err) &&
           kn_buf_check(url, "the URL", err);
}
