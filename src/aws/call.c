/* See call.h; invoke.c has the form that waits. A call is waiting (for its delay or its next
 * attempt) or in flight. */
#include "aws/call.h"

#include "aws/envelope.h"
#include "aws/error.h"
#include "aws/identity.h"
#include "aws/place.h"
#include "aws/retry.h"
#include "aws/settings.h"
#include "aws/upload.h"
#include "base/sha256_pair.h"
#include "base/time.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/random.h>

enum {
    ATTEMPTS = 4,
    TIMEOUT_MS = 60000,
    SLOW_BYTES_PER_MS = 64,
    BACKOFF_MS = 100,
    BACKOFF_MAX_MS = 20000,
    PAIR_BYTES = 16 << 10,
    PAIR_NS = 2000000,
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
    kn_stop stop;
    int timeout_ms;
    uint64_t random;
    bool reached;
    bool may_cbor; /* the service takes it, and nobody has turned it off */
    kn_wire wire;
    bool pairs;            /* two bodies are hashed faster together */
    kn_aws_call *unpaired; /* its body is not hashed yet */
    uint64_t large_ns;     /* when the last large body came */
    kn_aws_call *calls;
};

struct kn_aws_call {
    kn_aws_client *client;
    kn_slice body;
    kn_upload *upload; /* in place of body */
    size_t max_reply;
    int max_attempts, max_unreached;
    const char *busy;
    kn_aws_done *done;
    void *context;
    kn_envelope envelope;
    kn_exchange *exchange; /* in flight; else waiting for due_ns */
    uint64_t due_ns;
    int attempts, throttles, doubts;
    bool doubtful; /* the last attempt */
    int timeout_ms;
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

static void choose_wire(kn_aws_client *c) {
    const char *disable = kn_setting_variable("AWS_CBOR_DISABLE");
    c->may_cbor = c->api->cbor && (!disable || strcasecmp(disable, "false") == 0);
    c->wire = c->may_cbor && !c->endpoint.custom ? KN_WIRE_CBOR : KN_WIRE_JSON;
}

static void learn_wire(kn_aws_client *c, const kn_reply *reply) {
    if (!c->may_cbor || c->wire == KN_WIRE_CBOR)
        return;
    kn_slice accepted = kn_reply_header(reply, "Accept-Post");
    if (memmem(accepted.p, accepted.n, KN_CBOR_TYPE, sizeof KN_CBOR_TYPE - 1))
        c->wire = KN_WIRE_CBOR;
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
        !kn_identity_update(c->identity, NULL, &c->signer, err) ||
        !kn_transfer_new(&c->transfer, err) || !set_trust(c, config, err)) {
        kn_aws_client_destroy(c);
        return false;
    }
    choose_wire(c);
    c->pairs = kn_sha256_pair_works();
    c->place = kn_place_of(c->endpoint.url);
    *out = c;
    return true;
}

static void call_destroy(kn_aws_call *call) {
    if (call->client->unpaired == call)
        call->client->unpaired = NULL;
    if (call->previous)
        call->previous->next = call->next;
    else if (call->client->calls == call)
        call->client->calls = call->next;
    if (call->next)
        call->next->previous = call->previous;
    kn_envelope_free(&call->envelope);
    kn_upload_close(call->upload);
    free(call);
}

void kn_aws_cancel(kn_aws_call *call) {
    if (call->exchange)
        kn_transfer_cancel(call->client->transfer, call->exchange);
    call_destroy(call);
}

kn_aws_result kn_aws_call_sends(const kn_aws_call *call) {
    return (kn_aws_result){.attempts = call->attempts,
                           .throttles = call->throttles,
                           .doubts = call->doubts,
                           .doubtful = call->exchange != NULL};
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

const char *kn_aws_client_region_from(const kn_aws_client *c) {
    return c->endpoint.region_from;
}

const kn_credentials *kn_aws_client_credentials(const kn_aws_client *c) {
    return &c->signer.credentials;
}

int kn_aws_client_attempts(const kn_aws_client *c) {
    return c->retry.max_attempts;
}

kn_stop kn_aws_client_heed(kn_aws_client *c, kn_stop stop) {
    kn_stop before = c->stop;
    c->stop = stop;
    return before;
}

bool kn_aws_client_reached(const kn_aws_client *c) {
    return c->reached;
}

kn_wire kn_aws_client_wire(const kn_aws_client *c) {
    return c->wire;
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

static bool update_signer(kn_aws_client *c, kn_err *err) {
    uint64_t before = c->signer.version;
    if (!kn_identity_update(c->identity, &c->stop, &c->signer, err))
        return false;
    if (c->signer.version != before)
        kn_sigv4_key_wipe(&c->key);
    return true;
}

static void on_transfer(void *context, const kn_reply *reply, bool sent, const kn_err *err);

/* The file's bytes behind the request that was just signed; NULL: the body is in memory. */
static const kn_transfer_source *source_of(kn_aws_call *call) {
    const kn_aws_client *c = call->client;
    kn_sigv4_scope scope = {call->signed_ms, c->endpoint.region, c->api->signing_name};
    return call->upload ? kn_upload_begin(call->upload, &c->key, &scope, call->envelope.signature)
                        : NULL;
}

static int timeout_of(const kn_aws_call *call) {
    return call->client->timeout_ms ? call->client->timeout_ms
           : call->timeout_ms       ? call->timeout_ms
                                    : TIMEOUT_MS;
}

/* An object, too, has the time that it takes on a slow line. */
static int whole_timeout_of(const kn_aws_call *call) {
    bool object = call->client->api->protocol == KN_PROTOCOL_REST_XML;
    uint64_t bytes = call->upload ? kn_upload_size(call->upload) : object ? call->body.n : 0;
    uint64_t base = (uint64_t)timeout_of(call), more = bytes / SLOW_BYTES_PER_MS;
    return more < INT_MAX - base ? (int)(base + more) : INT_MAX;
}

static bool start_attempt(kn_aws_call *call, kn_err *err) {
    kn_aws_client *c = call->client;
    kn_envelope *envelope = &call->envelope;
    const char *lines[KN_ENVELOPE_LINES];
    if (!update_signer(c, err))
        return false;
    call->signer = c->signer.version;
    call->sent_ms = kn_time_now_ms();
    call->signed_ms = kn_place_now_ms(c->place);
    kn_envelope_by by = {&c->signer.credentials, &c->key, call->signed_ms};
    bool ok = kn_envelope_sign(envelope, &by, lines, err);
    if (ok) {
        int most = timeout_of(call), whole = whole_timeout_of(call);
        kn_transfer_request request = {
            .method = kn_envelope_method(envelope),
            .url = envelope->url.p,
            .headers = lines,
            .header_count = envelope->count,
            .body = call->body,
            .source = source_of(call),
            .timeout_ms = whole,
            .stall_ms = whole > most ? most : 0,
            .max_reply = call->max_reply,
            .done = on_transfer,
            .context = call,
        };
        call->attempts++;
        ok = kn_transfer_submit(c->transfer, &request, &call->exchange, err);
    }
    kn_envelope_wipe(envelope); /* a session token may be in it */
    return ok;
}

/* ---- what comes back ---- */

static void finish(kn_aws_call *call, const kn_reply *reply, const kn_err *err) {
    kn_aws_result result = {.reply = reply,
                            .err = err,
                            .attempts = call->attempts,
                            .throttles = call->throttles,
                            .doubts = call->doubts,
                            .doubtful = err && call->doubtful};
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

/* Refused for its rate: the service has not acted. */
static bool is_throttle(const kn_aws_call *call, const kn_err *err) {
    return kn_aws_is_throttle(err->aws_code) || err->http_status == 429 ||
           (call->busy && strcmp(err->aws_code, call->busy) == 0);
}

static bool may_repeat(kn_aws_call *call, bool sent, const kn_err *err) {
    bool unreached = call->max_unreached && !call->client->reached;
    if (!err->retryable || call->attempts >= (unreached ? call->max_unreached : call->max_attempts))
        return false;
    if (!call->envelope.operation->repeatable && sent && !is_throttle(call, err))
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
    if (!kn_identity_renew(c->identity, call->signer, &c->stop, &c->signer, &why)) {
        if (why.code == KN_ECANCEL) {
            *failure = why;
            return false;
        }
        return kn_fail_within(
            failure, "the credentials were refused, and there are no newer (%.300s)", why.message);
    }
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
        learn_wire(call->client, reply);
        if (reply->status >= 200 && reply->status < 300) {
            kn_retry_give(retry, call->cost);
            kn_retry_answered(retry, false, kn_time_monotonic_ns());
            finish(call, reply, NULL);
            return;
        }
        kn_aws_decode_error(call->envelope.operation, reply, &failure);
    } else {
        const kn_err *why = call->upload ? kn_upload_failure(call->upload) : NULL;
        failure = why ? *why : *err;
    }
    bool throttled = is_throttle(call, &failure);
    call->throttles += throttled;
    call->doubtful = !throttled && (reply ? reply->status >= 500 : sent);
    kn_retry_answered(retry, throttled, kn_time_monotonic_ns());
    if (reply && correct_clock(call, reply, &failure))
        return;
    if (kn_aws_is_expired(failure.aws_code) && renew(call, &failure))
        return;
    if (may_repeat(call, sent, &failure)) {
        call->doubts += call->doubtful;
        repeat(call);
        return;
    }
    if (!reply)
        kn_fail_within(&failure, "%s %s", call->client->api->name, call->envelope.operation->name);
    finish(call, NULL, &failure);
}

/* ---- calls ---- */

static bool open_file(kn_aws_call *call, const char *path, kn_err *err) {
    kn_envelope *e = &call->envelope;
    if (!kn_upload_open(path, &call->upload, err))
        return false;
    snprintf(e->payload, sizeof e->payload, "%s", KN_SIGV4_STREAMING);
    kn_buf_printf(&e->extra, "x-amz-decoded-content-length: %llu",
                  (unsigned long long)kn_upload_size(call->upload));
    kn_buf_append(&e->extra, "", 1);
    kn_buf_printf(&e->extra, "x-amz-trailer: %s", kn_upload_trailer);
    kn_buf_append(&e->extra, "", 1);
    return kn_buf_check(&e->extra, "the request's headers", err);
}

static bool hash_alone(kn_aws_call *call, kn_err *err) {
    return kn_sigv4_hash(call->body, call->envelope.payload, err);
}

/* Two bodies are hashed together in little more time than one (base/sha256_pair.h). Where large
 * ones come fast, every other waits for the next: not longer than PAIR_NS, and not when the caller
 * waits. */
static bool hash_body(kn_aws_client *c, kn_aws_call *call, uint64_t now, kn_err *err) {
    kn_aws_call *other = c->unpaired;
    if (!c->pairs || call->body.n < PAIR_BYTES)
        return hash_alone(call, err);
    bool fast = now - c->large_ns < PAIR_NS;
    c->large_ns = now;
    c->unpaired = NULL;
    if (other)
        kn_sigv4_hash_pair(call->body, call->envelope.payload, other->body,
                           other->envelope.payload);
    else if (fast)
        c->unpaired = call;
    else
        return hash_alone(call, err);
    return true;
}

/* A call whose time has come. */
static bool start_call(kn_aws_client *c, kn_aws_call *call, kn_err *err) {
    if (call == c->unpaired) {
        c->unpaired = NULL;
        if (!hash_alone(call, err))
            return false;
    }
    return start_attempt(call, err);
}

bool kn_aws_submit(kn_aws_client *c, const kn_aws_request *request, kn_aws_done *done,
                   void *context, kn_aws_call **out, kn_err *err) {
    kn_aws_call *call = calloc(1, sizeof *call);
    if (!call)
        return kn_fail(err, KN_ENOMEM, "out of memory for a call");
    call->client = c;
    call->body = request->body;
    call->max_reply = request->max_reply;
    call->timeout_ms = request->timeout_ms;
    call->max_unreached = request->max_unreached;
    call->busy = request->busy;
    call->patient = request->max_attempts > 0;
    call->max_attempts = call->patient               ? request->max_attempts
                         : c->retry.max_attempts > 0 ? c->retry.max_attempts
                                                     : ATTEMPTS;
    call->done = done;
    call->context = context;
    bool ok = kn_envelope_init(&call->envelope, &c->endpoint, request, err);
    uint64_t now = kn_time_monotonic_ns();
    if (ok && request->file)
        ok = open_file(call, request->file, err);
    else if (ok)
        ok = hash_body(c, call, now, err);
    if (ok) {
        uint64_t wait = kn_retry_wait_ns(&c->retry, now);
        call->due_ns = now + (uint64_t)request->delay_ms * 1000000u + wait;
        ok = call->due_ns > now || c->unpaired == call || start_attempt(call, err);
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
        if (call == c->unpaired && timeout_ms == 0 && now - c->large_ns < PAIR_NS)
            continue;
        kn_err err;
        if (!start_call(c, call, &err)) {
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

bool kn_aws_presign(kn_aws_client *c, const kn_aws_request *request, int expires_s, kn_buf *url,
                    kn_err *err) {
    kn_envelope envelope = {.count = 0};
    kn_envelope_by by = {&c->signer.credentials, &c->key, kn_place_now_ms(c->place)};
    bool ok = kn_envelope_init(&envelope, &c->endpoint, request, err) && update_signer(c, err) &&
              kn_envelope_presign(&envelope, &by, expires_s, url, err);
    kn_envelope_free(&envelope);
    return ok;
}
