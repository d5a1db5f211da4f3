/* One exchange, waited for: what is repeated, what is not, and what is wiped. */
#include "net/fetch.h"

#include "http_server.h"
#include "tap.h"

typedef struct script {
    int failures, status; /* the first n requests get this status; 0: the connection is closed */
} script;

static size_t serve(void *context, int n, const char *request, const char *body, size_t length,
                    char *out, size_t room, bool *close) {
    const script *s = context;
    (void)request, (void)body, (void)length;
    *close = n < s->failures && s->status == 0;
    if (n >= s->failures)
        return http_answer(out, room, 200, "X-Answer: 42\r\n", "the secret");
    return s->status ? http_answer(out, room, s->status, "", "no") : 0;
}

typedef struct row {
    const char *what;
    script script;
    int attempts, status, requests; /* status 0: it fails */
} row;

static const row rows[] = {
    {"at once", {0, 0}, 1, 200, 1},
    {"after two that were lost", {2, 0}, 3, 200, 3},
    {"no attempt left", {2, 0}, 2, 0, 2},
    {"after a 503", {1, 503}, 3, 200, 2},
    {"after a 429", {1, 429}, 3, 200, 2},
    {"always 500", {9, 500}, 2, 500, 2},
    {"a 404 is an answer", {9, 404}, 3, 404, 1},
};

static void repeats(void) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const row *r = &rows[i];
        script s = r->script;
        http_server server;
        http_start(&server, serve, &s);
        kn_transfer_request request = {.method = "GET", .url = server.url, .secret = true};
        kn_fetched fetched;
        kn_err err;
        bool ok = kn_fetch(&request, NULL, r->attempts, NULL, &fetched, &err);
        tap_is_int(ok ? fetched.status : 0, r->status, "%s: status", r->what);
        tap_is_int(server.requests, r->requests, "%s: requests", r->what);
        kn_reply reply = kn_fetched_reply(&fetched);
        if (r->status == 200)
            tap_ok(kn_slice_eq_cstr(reply.body, "the secret") &&
                       kn_slice_eq_cstr(kn_reply_header(&reply, "x-answer"), "42"),
                   "%s: body and header", r->what);
        kn_fetched_free(&fetched);
        http_stop(&server);
    }
}

static void refuses(void) {
    kn_fetched fetched;
    kn_err err;
    int port, fd = http_bind(&port, false);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
    kn_transfer_request request = {.method = "GET", .url = url};
    tap_ok(!kn_fetch(&request, NULL, 2, NULL, &fetched, &err) && err.code == KN_ENET,
           "nobody there: %s", err.message);
    kn_fetched_free(&fetched);
    close(fd);
    tap_ok(!kn_fetch(&request, "/nowhere/bundle.pem", 1, NULL, &fetched, &err), "no bundle: %s",
           err.message);
    kn_fetched_free(&fetched);
    request.url = "ftp://h/";
    tap_ok(!kn_fetch(&request, NULL, 3, NULL, &fetched, &err), "not http: %s", err.message);
    kn_fetched_free(&fetched);
}

static bool asks(void *context) {
    int *asked = context;
    return ++*asked > 2;
}

static size_t say_nothing(void *context, int n, const char *request, const char *body,
                          size_t length, char *out, size_t room, bool *close) {
    (void)context, (void)n, (void)request, (void)body, (void)length, (void)out, (void)room;
    (void)close;
    return 0;
}

/* While it waits for an answer, and between two attempts. */
static void stops(void) {
    static http_script *const scripts[] = {say_nothing, serve};
    for (int i = 0; i < 2; i++) {
        script s = {99, 503};
        int asked = 0;
        http_server server;
        http_start(&server, scripts[i], &s);
        kn_transfer_request request = {.method = "GET", .url = server.url, .secret = true};
        kn_stop stop = {asks, &asked};
        kn_fetched fetched;
        kn_err err;
        tap_ok(!kn_fetch(&request, NULL, 99, &stop, &fetched, &err) && err.code == KN_ECANCEL,
               "stopped: %s", err.message);
        kn_fetched_free(&fetched);
        http_stop(&server);
    }
}

int main(void) {
    repeats();
    refuses();
    stops();
    return tap_done();
}
