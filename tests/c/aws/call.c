/* The call against a scripted server: what is signed and sent, what is sent again and what is not.
 */
#include "aws/call.h"

#include "amz_time.h"
#include "aws/sigv4.h"
#include "base/time.h"
#include "http_server.h"
#include "tap.h"

typedef struct script {
    int failures; /* the first n requests are answered with: */
    int status;   /* 0: the connection is closed without a reply */
    const char *body;
    char heads[16][4096];
} script;

static size_t serve(void *context, int n, const char *request, const char *body, size_t length,
                    char *out, size_t room, bool *close) {
    script *s = context;
    (void)length;
    snprintf(s->heads[n % 16], sizeof s->heads[0], "%.*s", (int)(body - request), request);
    if (n >= s->failures)
        return http_answer(out, room, 200, "X-Answer: 42\r\n", "{\"ok\":true}");
    *close = s->status == 0;
    return s->status ? http_answer(out, room, s->status, "", s->body) : 0;
}

static kn_aws_client *open_client(const http_server *server, const char *api, int attempts) {
    kn_aws_config config = {.region = "eu-west-1",
                            .access_key = "AKID",
                            .secret_key = "secret",
                            .session_token = "token",
                            .max_attempts = attempts,
                            .timeout_ms = 60000};
    snprintf(config.endpoint, sizeof config.endpoint, "%s", server->url);
    kn_aws_client *client;
    kn_err err;
    if (!kn_aws_client_new(&config, kn_api_find(api), &client, &err)) {
        tap_ok(false, "%s", err.message);
        exit(1);
    }
    return client;
}

/* The signature in the request is the one that the request's own bytes give. */
static bool verify(const char *head, const char *service, kn_slice body, bool s3) {
    kn_sigv4_header headers[40];
    size_t n = 0;
    char method[16], target[512], date[32] = "", names[512], signature[65], computed[65], hash[65];
    if (sscanf(head, "%15s %511s", method, target) != 2)
        return false;
    for (const char *line = strstr(head, "\r\n") + 2; *line != '\r' && n < 40;
         line = strstr(line, "\r\n") + 2) {
        const char *colon = strchr(line, ':'), *end = strstr(line, "\r\n");
        headers[n++] = (kn_sigv4_header){{line, (size_t)(colon - line)},
                                         {colon + 1, (size_t)(end - colon - 1)}};
        if (strncasecmp(line, "x-amz-date: ", 12) == 0)
            sscanf(line + 12, "%31s", date);
    }
    const char *signed_headers = strstr(head, "SignedHeaders=");
    if (!signed_headers ||
        sscanf(signed_headers, "SignedHeaders=%511[^,], Signature=%64s", names, signature) != 2)
        return false;
    char *query = strchr(target, '?');
    if (query)
        *query++ = '\0';
    kn_err err;
    bool hashed = kn_sigv4_hash(body, hash, &err);
    kn_sigv4_request request = {.method = kn_slice_cstr(method),
                                .path = kn_slice_cstr(target),
                                .query = kn_slice_cstr(query),
                                .headers = headers,
                                .header_count = n,
                                .payload_hash = kn_slice_cstr(hash),
                                .s3 = s3};
    kn_sigv4_scope scope = {0, "eu-west-1", service};
    kn_sigv4_key key = {0};
    kn_buf canonical, text, list;
    kn_buf_init(&canonical, 65536);
    kn_buf_init(&text, 65536);
    kn_buf_init(&list, 65536);
    bool ok = hashed && strlen(date) == 16 && amz_time(date, &scope.time_ms) &&
              kn_sigv4_canonical_request(&request, kn_slice_cstr(names), &canonical, &list, &err) &&
              kn_sigv4_key_derive(&key, "secret", &scope, &err) &&
              kn_sigv4_string_to_sign(&scope, kn_buf_view(&canonical), &text, &err) &&
              kn_sigv4_signature(&key, kn_buf_view(&text), computed, &err);
    ok = ok && strcmp(computed, signature) == 0 && strstr(names, "host") &&
         strstr(names, "x-amz-date");
    kn_buf_free(&canonical);
    kn_buf_free(&text);
    kn_buf_free(&list);
    return ok;
}

static bool invoke(kn_aws_client *client, const kn_aws_request *request, kn_buf *body,
                   kn_err *err) {
    kn_buf_clear(body);
    return kn_aws_invoke(client, request, NULL, NULL, NULL, NULL, body, err);
}

static void sends(void) {
    static script s;
    http_server server;
    http_start(&server, serve, &s);
    kn_buf body;
    kn_err err;
    kn_buf_init(&body, 4096);
    kn_aws_client *kinesis = open_client(&server, "kinesis", 1);
    kn_aws_request request = {.operation =
                                  kn_operation_find(kn_aws_client_api(kinesis), "ListStreams"),
                              .body = KN_SLICE("{\"Limit\":3}")};
    tap_ok(!kn_aws_client_reached(kinesis), "nothing reached yet");
    tap_ok(invoke(kinesis, &request, &body, &err), "a JSON call");
    tap_is_str(kn_buf_view(&body).p, "{\"ok\":true}", "its reply");
    tap_ok(kn_aws_client_reached(kinesis), "reached");
    tap_ok(strncmp(s.heads[0], "POST / HTTP/1.1\r\n", 17) == 0 &&
               strstr(s.heads[0], "X-Amz-Target: Kinesis_20131202.ListStreams\r\n") &&
               strstr(s.heads[0], "Content-Type: application/x-amz-json-1.1\r\n") &&
               strstr(s.heads[0], "X-Amz-Security-Token: token\r\n"),
           "the envelope");
    tap_ok(verify(s.heads[0], "kinesis", request.body, false), "the signature verifies");
    tap_ok(!verify(s.heads[0], "kinesis", KN_SLICE("{\"Limit\":4}"), false), "... for this body");
    kn_aws_client_destroy(kinesis);

    kn_aws_client *s3 = open_client(&server, "s3", 1);
    static const char *const headers[] = {"Content-Type:  text/x;  a=b", "x-amz-meta-a: \xC3\xA9"};
    request = (kn_aws_request){.operation = kn_operation_find(kn_aws_client_api(s3), "PutObject"),
                               .bucket = "b",
                               .key = KN_SLICE("a/../b//c +&=?#%/\xC3\xA9"),
                               .body = KN_SLICE("object"),
                               .headers = headers,
                               .header_count = 2};
    tap_ok(invoke(s3, &request, &body, &err), "an S3 call");
    tap_ok(strncmp(s.heads[1], "PUT /b/a/../b//c%20%2B%26%3D%3F%23%25/%C3%A9 HTTP/1.1\r\n", 54) ==
               0,
           "the key as it is, encoded once");
    tap_ok(strcasestr(s.heads[1], "x-amz-content-sha256: ") != NULL, "the body's hash");
    tap_ok(verify(s.heads[1], "s3", request.body, true), "the signature verifies");
    request =
        (kn_aws_request){.operation = kn_operation_find(kn_aws_client_api(s3), "ListObjectsV2"),
                         .bucket = "b",
                         .query = KN_SLICE("prefix=a%2Fb%20c")};
    tap_ok(invoke(s3, &request, &body, &err), "a query");
    tap_ok(strncmp(s.heads[2], "GET /b?list-type=2&prefix=a%2Fb%20c HTTP", 40) == 0, "its URL");
    tap_ok(verify(s.heads[2], "s3", (kn_slice){"", 0}, true), "the signature verifies");
    request.bucket = NULL;
    tap_ok(!invoke(s3, &request, &body, &err) && err.code == KN_EINVAL, "%s", err.message);
    kn_aws_client_destroy(s3);
    kn_buf_free(&body);
    http_stop(&server);
}

/* How many requests a call of the operation makes, and whether it succeeds. */
static void attempts(const char *operation, int failures, int status, const char *reply,
                     int expected, bool success, const char *what) {
    static script s;
    memset(&s, 0, sizeof s);
    s.failures = failures;
    s.status = status;
    s.body = reply;
    http_server server;
    http_start(&server, serve, &s);
    kn_aws_client *client = open_client(&server, "kinesis", 3);
    kn_aws_request request = {.operation = kn_operation_find(kn_aws_client_api(client), operation),
                              .body = KN_SLICE("{}")};
    kn_buf body;
    kn_err err;
    kn_buf_init(&body, 4096);
    tap_ok(invoke(client, &request, &body, &err) == success, "%s", what);
    tap_is_int(server.requests, expected, "... sends");
    kn_aws_client_destroy(client);
    kn_buf_free(&body);
    http_stop(&server);
}

static void retries(void) {
    static const char throttle[] = "{\"__type\":\"ThrottlingException\"}";
    static const char failure[] = "{\"__type\":\"InternalFailure\"}";
    static const char fatal[] = "{\"__type\":\"AccessDeniedException\"}";
    attempts("ListStreams", 2, 500, failure, 3, true, "a 500 is tried again");
    attempts("ListStreams", 9, 500, failure, 3, false, "... max_attempts times");
    attempts("ListStreams", 1, 400, throttle, 2, true, "a throttle");
    attempts("ListStreams", 1, 503, "busy", 2, true, "a 503 of a proxy");
    attempts("ListStreams", 1, 0, NULL, 2, true, "a closed connection");
    attempts("ListStreams", 1, 400, fatal, 1, false, "a refusal is final");
    attempts("CreateStream", 1, 400, throttle, 2, true, "not repeatable: a throttle did not act");
    attempts("CreateStream", 1, 500, failure, 1, false, "... a 500 may have");
    attempts("CreateStream", 1, 0, NULL, 1, false, "... so may a closed connection");
}

typedef struct receiver {
    int failures;
    char last[400];
    size_t lengths[4];
    char decoded[16], hash[80];
} receiver;

static size_t receive(void *context, int n, const char *request, const char *body, size_t length,
                      char *out, size_t room, bool *close) {
    receiver *r = context;
    (void)close;
    r->lengths[n % 4] = length;
    const char *size = strcasestr(request, "x-amz-decoded-content-length: ");
    const char *hash = strcasestr(request, "x-amz-content-sha256: ");
    sscanf(size ? size + 30 : "", "%15s", r->decoded);
    sscanf(hash ? hash + 22 : "", "%79s", r->hash);
    snprintf(r->last, sizeof r->last, "%s", length > 300 ? body + length - 300 : body);
    return http_answer(out, room, n < r->failures ? 500 : 200, "", "");
}

/* A file is sent from its beginning again by each attempt. */
static void files(void) {
    static receiver r = {.failures = 1};
    http_server server;
    kn_err err;
    kn_buf body;
    kn_buf_init(&body, 4096);
    char path[] = "/tmp/kinessis-call-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    tap_ok(file && fprintf(file, "%0150000d", 7) == 150000 && fclose(file) == 0, "a file");
    http_start(&server, receive, &r);
    kn_aws_client *s3 = open_client(&server, "s3", 3);
    static const char *const headers[] = {"Content-Encoding: aws-chunked"};
    kn_aws_request request = {
        .operation = kn_operation_find(kn_aws_client_api(s3), "PutObject"),
        .bucket = "b",
        .key = KN_SLICE("k"),
        .file = path,
        .headers = headers,
        .header_count = 1,
    };
    tap_ok(invoke(s3, &request, &body, &err), "the second attempt succeeds");
    tap_is_int(server.requests, 2, "... sends");
    tap_ok(r.lengths[0] == r.lengths[1] && r.lengths[1] > 150000, "each the whole body");
    tap_is_str(r.decoded, "150000", "the file's size");
    tap_is_str(r.hash, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "in place of a hash");
    tap_ok(strstr(r.last, "\r\n0;chunk-signature=") && strstr(r.last, "x-amz-checksum-crc32c:") &&
               strstr(r.last, "x-amz-trailer-signature:"),
           "the end of the body");
    unlink(path);
    tap_ok(!invoke(s3, &request, &body, &err) && strstr(err.message, path), "%s", err.message);
    kn_aws_client_destroy(s3);
    kn_buf_free(&body);
    http_stop(&server);
}

typedef struct ended {
    int calls;
    bool failed;
    int attempts;
    kn_aws_client *client;
    const kn_aws_request *again;
} ended;

static void on_end(void *context, const kn_aws_result *result) {
    ended *e = context;
    e->calls++;
    e->failed = result->err != NULL;
    e->attempts = result->attempts;
    kn_err err;
    const kn_aws_request *again = e->again;
    e->again = NULL;
    if (again && !kn_aws_submit(e->client, again, on_end, e, NULL, &err))
        e->failed = true;
}

static bool always(void *context) {
    ++*(int *)context;
    return true;
}

static void asynchronous(void) {
    static script s;
    http_server server;
    http_start(&server, serve, &s);
    kn_aws_client *client = open_client(&server, "kinesis", 3);
    kn_aws_request request = {.operation =
                                  kn_operation_find(kn_aws_client_api(client), "ListStreams"),
                              .body = KN_SLICE("{}"),
                              .delay_ms = 60};
    ended e = {.client = client, .again = &request};
    kn_err err;
    kn_aws_call *call;
    uint64_t begin = kn_time_monotonic_ns();
    tap_ok(kn_aws_submit(client, &request, on_end, &e, NULL, &err), "submitted, to be sent later");
    while (e.calls < 2 && kn_time_monotonic_ns() - begin < 60000000000u)
        if (!kn_aws_poll(client, 1000, &err))
            break;
    tap_is_int(e.calls, 2, "answered; the callback submitted another");
    tap_ok(!e.failed && e.attempts == 1, "both succeeded");
    tap_ok(kn_time_monotonic_ns() - begin >= 120000000u, "each waited for its time");
    ended cancelled = {.client = client};
    tap_ok(kn_aws_submit(client, &request, on_end, &cancelled, &call, &err), "another");
    kn_aws_cancel(call);
    request.delay_ms = 0;
    tap_ok(kn_aws_submit(client, &request, on_end, &cancelled, NULL, &err), "and one in flight");
    kn_aws_client_destroy(client);
    tap_is_int(cancelled.calls, 0, "cancelled calls make no callback");
    http_stop(&server);

    memset(&s, 0, sizeof s);
    http_start(&server, serve, &s);
    client = open_client(&server, "kinesis", 3);
    request.delay_ms = 60000;
    int asked = 0;
    kn_buf body;
    kn_buf_init(&body, 4096);
    tap_ok(!kn_aws_invoke(client, &request, always, &asked, NULL, NULL, &body, &err) &&
               err.code == KN_ECANCEL && asked == 1,
           "a call can be stopped while it waits for its time: %s", err.message);
    int low = 1 << 30, high = 0;
    for (int i = 0; i < 1000; i++) {
        int ms = kn_aws_backoff_ms(client, 30);
        low = ms < low ? ms : low;
        high = ms > high ? ms : high;
    }
    tap_ok(low < 2000 && high > 18000 && high <= 20000, "full jitter up to 20 s");
    tap_ok(kn_aws_backoff_ms(client, 0) <= 100, "from at most 100 ms");
    kn_aws_client_destroy(client);
    kn_buf_free(&body);
    http_stop(&server);
}

/* Large bodies one after another: some are hashed in pairs, one may be left over, one is cancelled
 * while it waits. Each has its own signature. */
static void large_bodies(void) {
    enum { CALLS = 8, SIZE = 40000 };
    static char bytes[CALLS][SIZE];
    static script s;
    http_server server;
    http_start(&server, serve, &s);
    kn_aws_client *client = open_client(&server, "kinesis", 1);
    ended e = {.client = client}, cancelled = {.client = client};
    kn_err err;
    kn_aws_call *call = NULL;
    kn_aws_request request = {.operation =
                                  kn_operation_find(kn_aws_client_api(client), "ListStreams")};
    bool ok = true;
    for (int i = 0; i < CALLS - 1; i++) {
        memset(bytes[i], 'a' + i, SIZE);
        request.body = (kn_slice){bytes[i], (size_t)(SIZE - 100 * i)};
        ok = ok && kn_aws_submit(client, &request, on_end, &e, NULL, &err);
        if (i % 2)
            ok = ok && kn_aws_poll(client, 0, &err);
    }
    ok = ok && kn_aws_submit(client, &request, on_end, &cancelled, &call, &err);
    tap_ok(ok, "large bodies are submitted");
    kn_aws_cancel(call);
    uint64_t begin = kn_time_monotonic_ns();
    while (ok && e.calls < CALLS - 1 && kn_time_monotonic_ns() - begin < 60000000000u)
        ok = kn_aws_poll(client, 100, &err);
    tap_ok(e.calls == CALLS - 1 && !e.failed && cancelled.calls == 0, "and answered");
    unsigned verified = 0;
    for (int i = 0; i < CALLS - 1; i++)
        for (int n = 0; n < CALLS; n++)
            if (s.heads[n][0] && verify(s.heads[n], "kinesis",
                                        (kn_slice){bytes[i], (size_t)(SIZE - 100 * i)}, false))
                verified |= 1u << i;
    tap_is_int(verified, (1u << (CALLS - 1)) - 1, "each with the signature of its body");
    kn_aws_client_destroy(client);
    http_stop(&server);
}

static size_t serve_both(void *context, int n, const char *request, const char *body, size_t length,
                         char *out, size_t room, bool *close) {
    script *s = context;
    (void)length, (void)close;
    snprintf(s->heads[n % 16], sizeof s->heads[0], "%.*s", (int)(body - request), request);
    if (n == 1)
        return http_answer(out, room, 400, "Content-Type: application/x-amz-cbor-1.1\r\n",
                           "\xA2\x66__type\x6CSomeTrouble_\x67message\x63why");
    return http_answer(out, room, 200,
                       "Accept-Post: application/x-amz-json-1.1, application/x-amz-cbor-1.1\r\n",
                       "{}");
}

static size_t answer_late(void *context, int n, const char *request, const char *body,
                          size_t length, char *out, size_t room, bool *close) {
    (void)context, (void)n, (void)request, (void)body, (void)length, (void)close;
    kn_sleep_ms(600);
    return http_answer(out, room, 200, "", "");
}

/* What a slow line takes is not what an answer may take. */
static void slow_lines(void) {
    static char object[1 << 20];
    http_server server;
    http_start(&server, answer_late, NULL);
    kn_aws_config config = {.region = "eu-west-1",
                            .access_key = "AKID",
                            .secret_key = "secret",
                            .max_attempts = 1,
                            .timeout_ms = 200};
    snprintf(config.endpoint, sizeof config.endpoint, "%s", server.url);
    kn_aws_client *s3;
    kn_buf body;
    kn_err err;
    kn_buf_init(&body, 1024);
    if (!kn_aws_client_new(&config, kn_api_find("s3"), &s3, &err))
        exit(1);
    kn_aws_request request = {.operation = kn_operation_find(kn_aws_client_api(s3), "PutObject"),
                              .bucket = "b",
                              .key = KN_SLICE("k"),
                              .body = {object, 1000}};
    tap_ok(!invoke(s3, &request, &body, &err) && err.code == KN_ETIMEOUT, "%s", err.message);
    request.body.n = sizeof object;
    tap_ok(invoke(s3, &request, &body, &err), "a large object has more time: %s", err.message);
    kn_aws_client_destroy(s3);
    kn_buf_free(&body);
    http_stop(&server);
}

static void speaks_cbor(void) {
    static script s;
    http_server server;
    http_start(&server, serve_both, &s);
    kn_buf body;
    kn_err err;
    kn_buf_init(&body, 4096);
    kn_aws_client *c = open_client(&server, "kinesis", 1);
    kn_aws_request request = {.operation = kn_operation_find(kn_aws_client_api(c), "ListStreams"),
                              .body = KN_SLICE("{}")};
    tap_is_int(kn_aws_client_wire(c), KN_WIRE_JSON, "an endpoint of one's own: JSON");
    tap_ok(invoke(c, &request, &body, &err), "until a reply says more");
    tap_is_int(kn_aws_client_wire(c), KN_WIRE_CBOR, "then CBOR");
    request.body = KN_SLICE("\xA0");
    request.wire = kn_aws_client_wire(c);
    tap_ok(!invoke(c, &request, &body, &err), "an error in CBOR");
    tap_is_str(err.message, "kinesis ListStreams: SomeTrouble_: why", "is read");
    tap_ok(strstr(s.heads[1], "Content-Type: application/x-amz-cbor-1.1\r\n") != NULL &&
               verify(s.heads[1], "kinesis", request.body, false),
           "the request's type is right, and signed");
    kn_aws_client_destroy(c);

    setenv("AWS_CBOR_DISABLE", "true", 1);
    c = open_client(&server, "kinesis", 1);
    request = (kn_aws_request){.operation = request.operation, .body = KN_SLICE("{}")};
    tap_ok(invoke(c, &request, &body, &err) && kn_aws_client_wire(c) == KN_WIRE_JSON,
           "unless it is turned off");
    kn_aws_client_destroy(c);
    unsetenv("AWS_CBOR_DISABLE");
    c = open_client(&server, "glue", 1);
    request.operation = kn_operation_find(kn_aws_client_api(c), "GetDatabases");
    tap_ok(invoke(c, &request, &body, &err) && kn_aws_client_wire(c) == KN_WIRE_JSON,
           "or the service does not speak it");
    kn_aws_client_destroy(c);
    kn_aws_config config = {.region = "eu-west-1", .access_key = "A", .secret_key = "s"};
    tap_ok(kn_aws_client_new(&config, kn_api_find("kinesis"), &c, &err) &&
               kn_aws_client_wire(c) == KN_WIRE_CBOR,
           "AWS's own endpoint: CBOR from the beginning");
    kn_aws_client_destroy(c);
    kn_buf_free(&body);
    http_stop(&server);
}

int main(void) {
    sends();
    large_bodies();
    slow_lines();
    speaks_cbor();
    retries();
    files();
    asynchronous();
    return tap_done();
}
