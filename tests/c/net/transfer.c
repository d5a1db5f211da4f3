/* Transfers against a scripted server: what is sent, what comes back, what fails and how. */
#include "net/transfer.h"

#include "base/time.h"
#include "http_server.h"
#include "tap.h"

#include <dlfcn.h>
#include <netdb.h>

typedef struct result {
    int calls, status;
    bool sent, failed;
    kn_err err;
    char header[64], body[256];
    size_t body_length;
} result;

static void on_done(void *context, const kn_reply *reply, bool sent, const kn_err *err) {
    result *r = context;
    r->calls++;
    r->sent = sent;
    r->failed = err != NULL;
    if (err) {
        r->err = *err;
        return;
    }
    kn_slice h = kn_reply_header(reply, "x-thing");
    r->status = reply->status;
    r->body_length = reply->body.n;
    snprintf(r->header, sizeof r->header, "%.*s", (int)h.n, h.p);
    snprintf(r->body, sizeof r->body, "%.*s", (int)reply->body.n, reply->body.p);
}

static char seen[8][4096]; /* heads of the requests */

static size_t echo(void *context, int n, const char *request, const char *body, size_t length,
                   char *out, size_t room, bool *close) {
    (void)context;
    (void)close;
    snprintf(seen[n % 8], sizeof seen[0], "%.*s", (int)(body - request), request);
    if (strncmp(request, "HEAD ", 5) == 0)
        return (size_t)snprintf(out, room,
                                "HTTP/1.1 200 x\r\nContent-Length: 5\r\nX-Thing:  h \r\n\r\n");
    if (strstr(request, "/interim"))
        return (size_t)snprintf(out, room,
                                "HTTP/1.1 100 Continue\r\nX-Thing: no\r\n\r\n"
                                "HTTP/1.1 201 x\r\nX-Thing: yes\r\nContent-Length: 0\r\n\r\n");
    if (strstr(request, "/chunks"))
        return (size_t)snprintf(out, room,
                                "HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n"
                                "X-Thing: head\r\n\r\n6\r\nchunks\r\n0\r\n"
                                "X-Thing: trailer\r\nX-Sum: 1\r\n\r\n");
    char text[64];
    snprintf(text, sizeof text, "%zu bytes", length);
    return http_answer(out, room, 200, "X-THING: echo\r\n", text);
}

static void wait_for(kn_transfer *t, const result *r, int calls) {
    kn_err err;
    uint64_t end = kn_time_monotonic_ns() + 60000000000u;
    while (r->calls < calls && kn_time_monotonic_ns() < end)
        if (!kn_transfer_poll(t, 100, &err)) {
            tap_ok(false, "poll: %s", err.message);
            return;
        }
    tap_is_int(r->calls, calls, "answered");
}

static result send_one(kn_transfer *t, const char *base, const char *method, const char *path,
                       kn_slice body, const kn_transfer_request *options) {
    char url[256];
    snprintf(url, sizeof url, "%s%s", base, path);
    result r = {0};
    kn_transfer_request request = options ? *options : (kn_transfer_request){0};
    request.method = method;
    request.url = url;
    request.body = body;
    request.done = on_done;
    request.context = &r;
    kn_err err;
    if (tap_ok(kn_transfer_submit(t, &request, NULL, &err), "%s %s", method, path))
        wait_for(t, &r, 1);
    return r;
}

static void exchanges(void) {
    http_server server;
    http_start(&server, echo, NULL);
    kn_transfer *t;
    kn_err err;
    tap_ok(kn_transfer_new(&t, &err), "new");
    static const char *const headers[] = {"Content-Type: application/x-test", "X-Own: 1"};
    kn_transfer_request options = {.headers = headers, .header_count = 2};

    static char large[3 << 20];
    memset(large, 'x', sizeof large);
    result r =
        send_one(t, server.url, "POST", "/a/../b?q=1", (kn_slice){large, sizeof large}, &options);
    tap_is_int(r.status, 200, "status");
    tap_is_str(r.body, "3145728 bytes", "the whole body arrived");
    tap_is_str(r.header, "echo", "header found in any case");
    tap_ok(strncmp(seen[0], "POST /a/../b?q=1 HTTP/1.1\r\n", 27) == 0, "path as it was given");
    tap_ok(strstr(seen[0], "\r\nContent-Type: application/x-test\r\n") != NULL, "type");
    tap_ok(strstr(seen[0], "\r\nX-Own: 1\r\n") != NULL, "own header");
    tap_ok(!strcasestr(seen[0], "expect:") && !strcasestr(seen[0], "transfer-encoding:"),
           "neither Expect nor Transfer-Encoding");

    r = send_one(t, server.url, "PUT", "/p", KN_SLICE("abc"), NULL);
    tap_is_str(r.body, "3 bytes", "PUT");
    tap_ok(!strcasestr(seen[1], "content-type:"), "no type that nobody gave");
    r = send_one(t, server.url, "HEAD", "/h", (kn_slice){0}, NULL);
    tap_ok(r.status == 200 && r.body_length == 0, "HEAD has no body");
    tap_is_str(r.header, "h", "value trimmed");
    r = send_one(t, server.url, "GET", "/interim", (kn_slice){0}, NULL);
    tap_ok(r.status == 201 && strcmp(r.header, "yes") == 0, "an interim reply is not the reply");
    r = send_one(t, server.url, "DELETE", "/d", (kn_slice){0}, NULL);
    tap_ok(r.status == 200 && strncmp(seen[4], "DELETE /d ", 10) == 0, "DELETE");
    r = send_one(t, server.url, "POST", "/empty", (kn_slice){0}, NULL);
    tap_ok(strstr(seen[5], "\r\nContent-Length: 0\r\n") != NULL, "an empty POST says so");
    r = send_one(t, server.url, "POST", "/chunks", KN_SLICE("x"), NULL);
    tap_ok(r.status == 200 && strcmp(r.body, "chunks") == 0,
           "chunks, with a trailer behind them: %s", r.failed ? r.err.message : r.body);
    tap_is_int(server.accepted, 1, "one connection, kept alive");

    options = (kn_transfer_request){.max_reply = 4};
    r = send_one(t, server.url, "GET", "/big?secret", (kn_slice){0}, &options);
    tap_ok(r.failed && r.err.code == KN_ELIMIT && !r.err.retryable, "a reply over the bound fails");
    tap_ok(strstr(r.err.message, "4 bytes") && !strstr(r.err.message, "secret"),
           "it says the bound, not the query: %s", r.err.message);
    tap_ok(!kn_transfer_submit(t, &(kn_transfer_request){.method = "GET", .url = "ftp://x/"}, NULL,
                               &err),
           "only http and https");
    kn_transfer_destroy(t);
    http_stop(&server);
}

static size_t misbehave(void *context, int n, const char *request, const char *body, size_t length,
                        char *out, size_t room, bool *close) {
    (void)context, (void)n, (void)body, (void)length;
    if (strstr(request, "/silent"))
        return 0;
    if (strstr(request, "/well"))
        return http_answer(out, room, 200, "", "well");
    *close = true;
    if (strstr(request, "/half"))
        return (size_t)snprintf(out, room, "HTTP/1.1 200 x\r\nContent-Length: 99\r\n\r\nhalf");
    if (strstr(request, "/first"))
        return (size_t)snprintf(out, room, "HTTP/1.1 20");
    if (strstr(request, "/headers"))
        return (size_t)snprintf(out, room, "HTTP/1.1 200 x\r\nDate: Thu, 01");
    if (strncmp(request, "CONNECT ", 8) == 0)
        return http_answer(out, room, 503, "", "");
    return 0;
}

static void failures(void) {
    http_server server;
    http_start(&server, misbehave, NULL);
    kn_transfer *t;
    kn_err err;
    tap_ok(kn_transfer_new(&t, &err), "new");
    result r = send_one(t, server.url, "POST", "/reset", KN_SLICE("x"), NULL);
    tap_ok(r.failed && r.err.code == KN_ENET && r.err.retryable && r.sent,
           "closed without a reply: retryable, may have been seen: %s", r.err.message);
    r = send_one(t, server.url, "POST", "/half", KN_SLICE("x"), NULL);
    tap_ok(r.failed && r.err.retryable && r.sent, "half a reply: %s", r.err.message);
    r = send_one(t, server.url, "POST", "/first", KN_SLICE("x"), NULL);
    tap_ok(r.failed && r.err.retryable && r.sent, "half a first line: %s", r.err.message);
    r = send_one(t, server.url, "POST", "/headers", KN_SLICE("x"), NULL);
    tap_ok(r.failed && r.err.retryable && r.sent, "half of the headers: %s", r.err.message);

    r = send_one(t, server.url, "POST", "/well", KN_SLICE("x"), NULL);
    int requests = server.requests;
    r = send_one(t, server.url, "POST", "/reset", KN_SLICE("x"), NULL);
    tap_ok(r.failed && r.err.retryable && r.sent, "closed on a kept connection: %s", r.err.message);
    tap_is_int(server.requests, requests + 1, "nothing is sent again behind the caller's back");

    kn_transfer_request options = {.timeout_ms = 150};
    r = send_one(t, server.url, "POST", "/silent", KN_SLICE("x"), &options);
    tap_ok(r.failed && r.err.code == KN_ETIMEOUT && r.err.retryable, "time out: %s", r.err.message);

    int port, fd = http_bind(&port, false); /* bound, not listening: refuses */
    char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
    r = send_one(t, url, "POST", "/", KN_SLICE("x"), NULL);
    tap_ok(r.failed && r.err.code == KN_ENET && r.err.retryable && !r.sent,
           "refused: never sent: %s", r.err.message);
    tap_ok(strstr(r.err.message, url) != NULL, "it says where");
    close(fd);

    setenv("https_proxy", server.url, 1);
    r = send_one(t, "https://nowhere.invalid", "POST", "/", KN_SLICE("x"), NULL);
    unsetenv("https_proxy");
    tap_ok(r.failed && r.err.retryable && !r.sent, "a proxy that refuses: never sent: %s",
           r.err.message);

    result cancelled = {0}, pending = {0};
    snprintf(url, sizeof url, "%s/silent", server.url);
    kn_transfer_request request = {
        .method = "GET", .url = url, .done = on_done, .context = &cancelled};
    kn_exchange *x;
    tap_ok(kn_transfer_submit(t, &request, &x, &err), "submitted");
    tap_ok(kn_transfer_poll(t, 50, &err), "polled");
    kn_transfer_cancel(t, x);
    request.context = &pending;
    tap_ok(kn_transfer_submit(t, &request, NULL, &err), "another submitted");
    tap_ok(kn_transfer_poll(t, 50, &err), "polled");
    kn_transfer_destroy(t);
    tap_is_int(cancelled.calls + pending.calls, 0, "what is cancelled makes no callback");
    http_stop(&server);
}

/* ---- a name server that is silent ---- */

static _Atomic int asking;
static _Atomic bool release;

/* In place of the C library's, which libcurl calls on a thread of its own. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **out) {
    typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (!node || strcmp(node, "silent.test") != 0) {
        lookup *real;
        *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
        return real(node, service, hints, out);
    }
    asking++;
    for (int i = 0; i < 3000 && !release; i++)
        kn_sleep_ms(10);
    asking--;
    return EAI_AGAIN;
}

static void silent_names(void) {
    kn_transfer *t;
    kn_err err;
    tap_ok(kn_transfer_new(&t, &err), "new");
    kn_transfer_request patient = {.connect_timeout_ms = 50};
    result r = send_one(t, "http://silent.test", "GET", "/", (kn_slice){0}, &patient);
    tap_ok(r.failed && !r.sent && asking == 1, "the time to connect is kept: %s", r.err.message);

    result cancelled = {0};
    kn_transfer_request request = {
        .method = "GET", .url = "http://silent.test/", .done = on_done, .context = &cancelled};
    kn_exchange *x;
    tap_ok(kn_transfer_submit(t, &request, &x, &err), "submitted");
    while (asking < 2 && kn_transfer_poll(t, 10, &err))
        continue;
    kn_transfer_cancel(t, x);
    tap_is_int(asking, 2, "what is cancelled is not waited for");
    tap_ok(kn_transfer_submit(t, &request, NULL, &err), "another submitted");
    while (asking < 3 && kn_transfer_poll(t, 10, &err))
        continue;
    kn_transfer_destroy(t);
    tap_is_int(asking, 3, "nor when all ends");
    release = true;
    while (asking > 0)
        kn_sleep_ms(10);
    kn_sleep_ms(50); /* its threads free what is theirs */
}

int main(void) {
    exchanges();
    failures();
    silent_names();
    return tap_done();
}
