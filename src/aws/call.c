/* See call.h. A call is waiting (for its delay or its next attempt) or in flight. */
#include "aws/call.h"

#include "aws/endpoint.h"
#include "aws/error.h"
#include "aws/identity.h"
#include "aws/place.h"
#include "aws/retry.h"
#include "aws/settings.h"
#include "aws/sigv4.h"
#include "base/time.h"
#include "net/uri.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/random.h>

enum {
    ATTEMPTS = 4,
    EXTRA_HEADERS = 40,
    HEADERS = EXTRA_HEADERS + 8,
    URL_MAX = 16 << 10,
    HEAD_MAX = 64 << 10,
    BACKOFF_MS = 100,
    BACKOFF_MAX_MS = 20000,
};

struct kn_aws_client {
    const kn_api *api;
    kn_endpoint endpoint;
    kn_identity *identity;
    kn_signer signer;
    kn_sigv4_key key; /* of the signer's version */
    kn_transfer *transfer;
    kn_place *place;
    kn_retry retry;
    int timeout_ms;
    uint64_t random;
    bool reached;
    kn_aws_call *calls;
};

struct kn_aws_call {
    kn_aws_client *client;
    const kn_operation *operation;
    kn_slice body;
    size_t max_reply;
    int max_attempts;
    kn_aws_done *done;
    void *context;
    char hash[65];         /* of the body */
    kn_buf url;            /* with the query */
    kn_buf extra;          /* the caller's headers, each ended by NUL */
    kn_exchange *exchange; /* in flight; else waiting for due_ns */
    uint64_t due_ns;
    int attempts, throttles;
    bool patient;               /* the caller's own max_attempts: without a quota */
    bool corrected;             /* signed again for the clock */
    bool renewed;               /* signed again with other credentials */
    uint64_t signer;            /* the version that signed the last attempt */
    int cost;                   /* of the last retry */
    int64_t sent_ms, signed_ms; /* our clock, and the endpoint's */
    kn_aws_call *next, *previous;
};

/* ---- the client ---- */

static bool set_trust(kn_aws_client *c, const kn_aws_config *config, kn_err *err) {
    char bundle[sizeof config->ca_bundle];
    return kn_setting_text(config, config->ca_bundle, "AWS_CA_BUNDLE", "ca_bundle", bundle,
                           sizeof bundle, err) &&
           kn_transfer_trust(c->transfer, bundle, config->insecure, err);
}

bool kn_aws_client_new(const kn_aws_config *config, const kn_api *api, kn_aws_client **out,
                       kn_err *err) {
    kn_aws_client *c = calloc(1, sizeof *c);
    if (!c)
        return kn_fail(err, KN_ENOMEM, "out of memory for a client");
    c->api = api;
    c->timeout_ms = config->timeout_ms;
    if (getrandom(&c->random, sizeof c->random, 0) != sizeof c->random)
        c->random = kn_time_monotonic_ns(); /* only spreads retries */
    if (!kn_endpoint_find(config, api, &c->endpoint, err) ||
        !kn_retry_init(&c->retry, config, err) || !kn_identity_acquire(config, &c->identity, err) ||
        !kn_identity_update(c->identity, &c->signer, err) || !kn_transfer_new(&c->transfer, err) ||
        !set_trust(c, config, err)) {
        kn_aws_client_destroy(c);
        return false;
    }
    c->place = kn_place_of(c->endpoint.url);
    *out = c;
    return true;
}

static void call_destroy(kn_aws_call *call) {
    if (call->previous)
        call->previous->next = call->next;
    else if (call->client->calls == call)
        call->client->calls = call->next;
    if (call->next)
        call->next->previous = call->previous;
    kn_buf_free(&call->url);
    kn_buf_free(&call->extra);
    free(call);
}

void kn_aws_cancel(kn_aws_call *call) {
    if (call->exchange)
        kn_transfer_cancel(call->client->transfer, call->exchange);
    call_destroy(call);
}

void kn_aws_client_destroy(kn_aws_client *c) {
    if (!c)
        return;
    while (c->calls)
        kn_aws_cancel(c->calls);
    kn_transfer_destroy(c->transfer);
    kn_sigv4_key_wipe(&c->key);
    OPENSSL_cleanse(&c->signer, sizeof c->signer);
    kn_identity_release(c->identity);
    free(c);
}

const kn_api *kn_aws_client_api(const kn_aws_client *c) {
    return c->api;
}

const char *kn_aws_client_url(const kn_aws_client *c) {
    return c->endpoint.url;
}

const char *kn_aws_client_region(const kn_aws_client *c) {
    return c->endpoint.region;
}

const kn_credentials *kn_aws_client_credentials(const kn_aws_client *c) {
    return &c->signer.credentials;
}

int kn_aws_client_attempts(const kn_aws_client *c) {
    return c->retry.max_attempts;
}

bool kn_aws_client_reached(const kn_aws_client *c) {
    return c->reached;
}

int kn_aws_backoff_ms(kn_aws_client *c, int n) {
    /* splitmix64 */
    uint64_t z = (c->random += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    uint64_t limit = n < 8 ? (uint64_t)BACKOFF_MS << n : BACKOFF_MAX_MS;
    return (int)(z % ((limit < BACKOFF_MAX_MS ? limit : BACKOFF_MAX_MS) + 1));
}

/* ---- one attempt ---- */

/* Header lines under construction: text, and where each starts. */
typedef struct head {
    kn_buf text;
    size_t starts[HEADERS];
    size_t count;
} head;

static void add_line(head *h, const char *name, const char *value) {
    h->starts[h->count++] = h->text.len;
    kn_buf_printf(&h->text, "%s: %s", name, value);
    kn_buf_append(&h->text, "", 1);
}

/* Default ports are not part of Host: curl leaves them out too. */
static void host_of(const kn_uri *uri, char *out, size_t size) {
    bool secure = uri->scheme.n == 5;
    kn_slice authority = uri->authority, port = secure ? KN_SLICE(":443") : KN_SLICE(":80");
    if (authority.n > port.n && memcmp(authority.p + authority.n - port.n, port.p, port.n) == 0)
        authority.n -= port.n;
    snprintf(out, size, "%.*s", (int)authority.n, authority.p);
}

static void build_lines(const kn_aws_call *call, const kn_uri *uri, int64_t now, head *h) {
    const kn_api *api = call->client->api;
    const char *token = call->client->signer.credentials.session_token;
    char host[600], time[17], target[160];
    host_of(uri, host, sizeof host);
    kn_time_amz(time, now);
    add_line(h, "Host", host);
    add_line(h, "X-Amz-Date", time);
    if (token[0])
        add_line(h, "X-Amz-Security-Token", token);
    if (api->protocol == KN_PROTOCOL_REST_XML)
        add_line(h, "X-Amz-Content-Sha256", call->hash);
    if (api->protocol == KN_PROTOCOL_JSON) {
        snprintf(target, sizeof target, "%s.%s", api->target, call->operation->name);
        add_line(h, "X-Amz-Target", target);
    }
    if (api->content_type)
        add_line(h, "Content-Type", api->content_type);
    const char *line = call->extra.p, *end = line ? line + call->extra.len : NULL;
    for (; line != end; line += strlen(line) + 1) {
        h->starts[h->count++] = h->text.len;
        kn_buf_append(&h->text, line, strlen(line) + 1);
    }
}

static const char *method_of(const kn_operation *operation) {
    return operation->method ? operation->method : "POST";
}

static bool sign(const kn_aws_call *call, const kn_uri *uri, int64_t now, head *h, kn_err *err) {
    kn_aws_client *c = call->client;
    kn_sigv4_header headers[HEADERS];
    for (size_t i = 0; i < h->count; i++) {
        const char *line = h->text.p + h->starts[i];
        size_t name = strcspn(line, ":");
        headers[i] = (kn_sigv4_header){{line, name}, kn_slice_cstr(line + name + 1)};
    }
    kn_sigv4_request request = {
        .method = kn_slice_cstr(method_of(call->operation)),
        .path = uri->path,
        .query = uri->query,
        .headers = headers,
        .header_count = h->count,
        .payload_hash = {call->hash, 64},
        .s3 = c->api->protocol == KN_PROTOCOL_REST_XML,
    };
    kn_sigv4_identity identity = {c->signer.credentials.access_key,
                                  c->signer.credentials.secret_key, NULL};
    kn_sigv4_scope scope = {now, c->endpoint.region, c->api->signing_name};
    kn_buf authorization;
    kn_buf_init(&authorization, HEAD_MAX);
    bool ok = kn_sigv4_sign(&c->key, &identity, &scope, &request, &authorization, NULL, err);
    if (ok)
        add_line(h, "Authorization", authorization.p);
    kn_buf_free(&authorization);
    return ok && kn_buf_check(&h->text, "the request's headers", err);
}

static bool update_signer(kn_aws_client *c, kn_err *err) {
    uint64_t before = c->signer.version;
    if (!kn_identity_update(c->identity, &c->signer, err))
        return false;
    if (c->signer.version != before)
        kn_sigv4_key_wipe(&c->key);
    return true;
}

static void on_transfer(void *context, const kn_reply *reply, bool sent, const kn_err *err);

static bool start_attempt(kn_aws_call *call, kn_err *err) {
    kn_uri uri;
    head h = {.count = 0};
    kn_buf_init(&h.text, HEAD_MAX);
    bool ok = kn_uri_parse(call->url.p, &uri, err) && update_signer(call->client, err);
    int64_t now = kn_place_now_ms(call->client->place); /* after looking, which may take time */
    call->signer = call->client->signer.version;
    call->sent_ms = kn_time_now_ms();
    call->signed_ms = now;
    if (ok) {
        build_lines(call, &uri, now, &h);
        ok = kn_buf_check(&h.text, "the request's headers", err) && sign(call, &uri, now, &h, err);
    }
    if (ok) {
        const char *lines[HEADERS];
        for (size_t i = 0; i < h.count; i++)
            lines[i] = h.text.p + h.starts[i];
        kn_transfer_request request = {
            .method = method_of(call->operation),
            .url = call->url.p,
            .headers = lines,
            .header_count = h.count,
            .body = call->body,
            .timeout_ms = call->client->timeout_ms,
            .max_reply = call->max_reply,
            .done = on_transfer,
            .context = call,
        };
        call->attempts++;
        ok = kn_transfer_submit(call->client->transfer, &request, &call->exchange, err);
    }
    if (h.text.p)
        OPENSSL_cleanse(h.text.p, h.text.cap); /* a session token may be in it */
    kn_buf_free(&h.text);
    return ok;
}

/* ---- what comes back ---- */

static void finish(kn_aws_call *call, const kn_reply *reply, const kn_err *err) {
    kn_aws_result result = {reply, err, call->attempts, call->throttles};
    call->done(call->context, &result);
    call_destroy(call);
}

/* A refusal for our clock: sent again at once, by the server's. The service has not acted. */
static bool correct_clock(kn_aws_call *call, const kn_reply *reply, const kn_err *failure) {
    if (call->corrected ||
        !kn_place_correct(call->client->place, failure, reply, call->sent_ms, call->signed_ms))
        return false;
    call->corrected = true;
    call->max_attempts++;
    call->due_ns = kn_time_monotonic_ns();
    return true;
}

static bool may_repeat(kn_aws_call *call, bool sent, const kn_err *err) {
    if (!err->retryable || call->attempts >= call->max_attempts)
        return false;
    if (!call->operation->repeatable && sent && err->http_status != 429 &&
        !kn_aws_is_throttle(err->aws_code))
        return false;
    call->cost = call->patient ? 0 : kn_retry_take(&call->client->retry, err->code == KN_ETIMEOUT);
    return call->cost >= 0;
}

static void repeat(kn_aws_call *call) {
    kn_aws_client *c = call->client;
    uint64_t now = kn_time_monotonic_ns();
    uint64_t delay = (uint64_t)kn_aws_backoff_ms(c, call->attempts - 1) * 1000000u;
    uint64_t wait = kn_retry_wait_ns(&c->retry, now);
    call->due_ns = now + (wait > delay ? wait : delay);
}

/* Refused credentials are renewed once; then they are the answer. */
static bool renew(kn_aws_call *call, kn_err *failure) {
    kn_aws_client *c = call->client;
    kn_err why;
    if (call->renewed)
        return false;
    call->renewed = true;
    if (!kn_identity_renew(c->identity, call->signer, &c->signer, &why))
        return kn_fail_within(
            failure, "the credentials were refused, and there are no newer (%.300s)", why.message);
    kn_sigv4_key_wipe(&c->key);
    call->max_attempts++;
    call->due_ns = kn_time_monotonic_ns();
    return true;
}

static void on_transfer(void *context, const kn_reply *reply, bool sent, const kn_err *err) {
    kn_aws_call *call = context;
    kn_retry *retry = &call->client->retry;
    call->exchange = NULL;
    kn_err failure;
    if (reply) {
        call->client->reached = true;
        if (reply->status >= 200 && reply->status < 300) {
            kn_retry_give(retry, call->cost);
            kn_retry_answered(retry, false, kn_time_monotonic_ns());
            finish(call, reply, NULL);
            return;
        }
        kn_aws_decode_error(call->operation, reply, &failure);
    } else {
        failure = *err;
    }
    bool throttled = kn_aws_is_throttle(failure.aws_code) || failure.http_status == 429;
    call->throttles += throttled;
    kn_retry_answered(retry, throttled, kn_time_monotonic_ns());
    if (reply && correct_clock(call, reply, &failure))
        return;
    if (kn_aws_is_expired(failure.aws_code) && renew(call, &failure))
        return;
    if (may_repeat(call, sent, &failure)) {
        repeat(call);
        return;
    }
    if (!reply)
        kn_fail_within(&failure, "%s %s", call->client->api->name, call->operation->name);
    finish(call, NULL, &failure);
}

/* ---- calls ---- */

static bool fill_url(kn_aws_call *call, const kn_aws_request *request, kn_err *err) {
    const kn_endpoint *endpoint = &call->client->endpoint;
    const kn_operation *op = request->operation;
    if (op->bucket && (!request->bucket || !request->bucket[0]))
        return kn_fail(err, KN_EINVAL, "%s %s needs a bucket", op->api->name, op->name);
    if (op->key && request->key.n == 0)
        return kn_fail(err, KN_EINVAL, "%s %s needs a key", op->api->name, op->name);
    if (!kn_endpoint_resource(endpoint, op->bucket ? request->bucket : NULL,
                              op->key ? request->key : (kn_slice){0}, &call->url, err))
        return false;
    const char *separator = "?";
    if (op->query) {
        kn_buf_printf(&call->url, "?%s", op->query);
        separator = "&";
    }
    if (request->query.n) {
        kn_buf_cstr(&call->url, separator);
        kn_buf_slice(&call->url, request->query);
    }
    return kn_buf_check(&call->url, "the URL", err);
}

static bool fill_headers(kn_aws_call *call, const kn_aws_request *request, kn_err *err) {
    if (request->header_count > EXTRA_HEADERS)
        return kn_fail(err, KN_ELIMIT, "more than %d headers", EXTRA_HEADERS);
    for (size_t i = 0; i < request->header_count; i++) {
        const char *line = request->headers[i];
        if (strpbrk(line, "\r\n"))
            return kn_fail(err, KN_EINVAL, "a header holds a line break");
        kn_buf_append(&call->extra, line, strlen(line) + 1);
    }
    return kn_buf_check(&call->extra, "the request's headers", err);
}

bool kn_aws_submit(kn_aws_client *c, const kn_aws_request *request, kn_aws_done *done,
                   void *context, kn_aws_call **out, kn_err *err) {
    kn_aws_call *call = calloc(1, sizeof *call);
    if (!call)
        return kn_fail(err, KN_ENOMEM, "out of memory for a call");
    call->client = c;
    call->operation = request->operation;
    call->body = request->body;
    call->max_reply = request->max_reply;
    call->patient = request->max_attempts > 0;
    call->max_attempts = call->patient               ? request->max_attempts
                         : c->retry.max_attempts > 0 ? c->retry.max_attempts
                                                     : ATTEMPTS;
    call->done = done;
    call->context = context;
    kn_buf_init(&call->url, URL_MAX);
    kn_buf_init(&call->extra, HEAD_MAX);
    bool ok = fill_url(call, request, err) && fill_headers(call, request, err);
    if (ok) {
        kn_sigv4_hash(call->body, call->hash);
        uint64_t now = kn_time_monotonic_ns();
        uint64_t wait = kn_retry_wait_ns(&c->retry, now);
        call->due_ns = now + (uint64_t)request->delay_ms * 1000000u + wait;
        ok = call->due_ns > now || start_attempt(call, err);
    }
    if (!ok) {
        call_destroy(call);
        return false;
    }
    call->next = c->calls;
    if (call->next)
        call->next->previous = call;
    c->calls = call;
    if (out)
        *out = call;
    return true;
}

/* Starts the attempts that are due; returns milliseconds until the next, at most timeout_ms. */
static int start_due(kn_aws_client *c, int timeout_ms) {
    uint64_t now = kn_time_monotonic_ns();
    for (kn_aws_call *call = c->calls, *next; call; call = next) {
        next = call->next;
        if (call->exchange)
            continue;
        if (call->due_ns > now) {
            uint64_t wait = (call->due_ns - now) / 1000000u + 1;
            if (wait < (uint64_t)timeout_ms)
                timeout_ms = (int)wait;
            continue;
        }
        kn_err err;
        if (!start_attempt(call, &err)) {
            finish(call, NULL, &err);
            next = c->calls; /* the callback may have changed the list */
        }
    }
    return timeout_ms;
}

bool kn_aws_poll(kn_aws_client *c, int timeout_ms, kn_err *err) {
    int wait = start_due(c, timeout_ms);
    if (!kn_transfer_poll(c->transfer, wait, err))
        return false;
    start_due(c, timeout_ms);
    return true;
}

/* ---- waited for ---- */

typedef struct waited {
    bool ended, ok;
    int status;
    kn_buf *headers, *body;
    kn_err *err;
} waited;

static void on_waited(void *context, const kn_aws_result *result) {
    waited *w = context;
    w->ended = true;
    if (result->err) {
        if (w->err)
            *w->err = *result->err;
        return;
    }
    w->status = result->reply->status;
    if (w->headers)
        kn_buf_slice(w->headers, result->reply->headers);
    kn_buf_slice(w->body, result->reply->body);
    w->ok = (!w->headers || kn_buf_check(w->headers, "the reply's headers", w->err)) &&
            kn_buf_check(w->body, "the reply", w->err);
}

bool kn_aws_invoke(kn_aws_client *c, const kn_aws_request *request, bool (*stop)(void *context),
                   void *context, int *status, kn_buf *headers, kn_buf *body, kn_err *err) {
    waited w = {.headers = headers, .body = body, .err = err};
    kn_aws_call *call;
    if (!kn_aws_submit(c, request, on_waited, &w, &call, err))
        return false;
    while (!w.ended) {
        bool ok = kn_aws_poll(c, 100, err);
        if (!w.ended && ok && stop && stop(context))
            ok = kn_fail(err, KN_ECANCEL, "%s %s: interrupted", c->api->name,
                         request->operation->name);
        if (!w.ended && !ok) {
            kn_aws_cancel(call);
            return false;
        }
    }
    if (status)
        *status = w.status;
    return w.ok;
}
