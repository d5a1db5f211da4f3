/* Clock skew: a server whose clock is hours away, and which checks what was signed. */
#include "aws/place.h"

#include "amz_time.h"
#include "aws/call.h"
#include "base/time.h"
#include "http_server.h"
#include "tap.h"

typedef struct remote {
    int64_t ahead_ms;  /* of our clock */
    const char *code;  /* of its refusal */
    const char *extra; /* headers of the refusal */
    bool stubborn;     /* refuses always */
    bool timeless;     /* says no Date */
} remote;

static size_t serve(void *context, int n, const char *request, const char *body, size_t length,
                    char *out, size_t room, bool *close) {
    const remote *r = context;
    (void)n, (void)body, (void)length, (void)close;
    char headers[200] = "", date[30], reply[100];
    int64_t now = kn_time_now_ms() + r->ahead_ms, said = 0;
    const char *line = strcasestr(request, "\r\nx-amz-date: ");
    bool timed = line && strlen(line) > 30 && amz_time(line + 14, &said);
    kn_time_http(date, now);
    if (!r->timeless)
        snprintf(headers, sizeof headers, "Date: %s\r\n%s", date, r->extra);
    if (timed && !r->stubborn && llabs(said - now) < 5 * 60000)
        return http_answer(out, room, 200, headers, "{}");
    snprintf(reply, sizeof reply, "{\"__type\":\"%s\"}", r->code);
    return http_answer(out, room, 403, headers, strncmp(request, "HEAD", 4) == 0 ? "" : reply);
}

static kn_aws_client *open_client(const http_server *server, const char *api) {
    kn_aws_config config = {.region = "eu-west-1",
                            .access_key = "AKID",
                            .secret_key = "secret",
                            .max_attempts = 1,
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

static bool call(kn_aws_client *client, const char *operation, kn_err *err) {
    kn_aws_request request = {.operation = kn_operation_find(kn_aws_client_api(client), operation),
                              .bucket = "bucket",
                              .body = KN_SLICE("{}")};
    if (kn_aws_client_api(client)->protocol == KN_PROTOCOL_REST_XML)
        request.body = (kn_slice){"", 0};
    kn_buf body;
    kn_buf_init(&body, 4096);
    bool ok = kn_aws_invoke(client, &request, NULL, NULL, NULL, NULL, &body, err);
    kn_buf_free(&body);
    return ok;
}

/* They run until the end: the skew of an endpoint is remembered, so no port may come again. */
static http_server servers[16];
static int server_count;

static http_server *new_server(remote *r) {
    http_server *server = &servers[server_count++];
    http_start(server, serve, r);
    return server;
}

/* One call of a new client to a new server: whether it succeeds, and in how many sends. */
static void expect(remote r, const char *api, const char *operation, bool success, int sends,
                   const char *what) {
    kn_err err;
    if (!r.extra)
        r.extra = "";
    http_server *server = new_server(&r);
    kn_aws_client *client = open_client(server, api);
    tap_ok(call(client, operation, &err) == success, "%s", what);
    tap_is_int(server->requests, sends, "... sends");
    kn_aws_client_destroy(client);
}

static void corrects(void) {
    static const int64_t hour = 3600000;
    expect((remote){2 * hour, "RequestTimeTooSkewed", .extra = ""}, "kinesis", "ListStreams", true,
           2, "a clock two hours ahead");
    expect((remote){-26 * hour, "RequestExpired", .extra = ""}, "kinesis", "CreateStream", true, 2,
           "a day behind: another key; the service did not act, so anything may be repeated");
    expect((remote){2 * hour, "InvalidSignatureException", .extra = ""}, "kinesis", "ListStreams",
           true, 2, "a signature that is wrong because of the clock");
    expect((remote){2 * hour, "SignatureDoesNotMatch", .extra = ""}, "s3", "HeadBucket", true, 2,
           "HEAD: a refusal without a code");
    expect((remote){0, "InvalidSignatureException", .stubborn = true}, "kinesis", "ListStreams",
           false, 1, "a signature that is wrong although the clocks agree");
    expect((remote){2 * hour, "RequestTimeTooSkewed", .stubborn = true}, "kinesis", "ListStreams",
           false, 2, "signed again once only");
    expect((remote){2 * hour, "RequestTimeTooSkewed", .extra = "Age: 7\r\n"}, "kinesis",
           "ListStreams", false, 1, "a reply out of a cache tells no time");
    expect((remote){2 * hour, "RequestTimeTooSkewed", .timeless = true}, "kinesis", "ListStreams",
           false, 1, "nor does one without Date");
    expect((remote){2 * hour, "AccessDeniedException", .stubborn = true}, "kinesis", "ListStreams",
           false, 1, "another refusal is final");
}

static void remembers(void) {
    remote r = {7200000, "RequestTimeTooSkewed", .extra = ""};
    kn_err err;
    http_server *server = new_server(&r);
    kn_aws_client *first = open_client(server, "kinesis"), *second = open_client(server, "kinesis");
    tap_ok(call(first, "ListStreams", &err), "one client learns the time");
    tap_ok(call(first, "ListStreams", &err) && call(second, "ListStreams", &err),
           "it and another client of the endpoint know it");
    tap_is_int(server->requests, 4, "one request was refused");
    r.ahead_ms = 0;
    tap_ok(call(second, "ListStreams", &err), "a clock that was put right is followed");
    tap_is_int(server->requests, 6, "... after a refusal");
    kn_aws_client_destroy(first);
    kn_aws_client_destroy(second);
}

static void table(void) {
    char url[64];
    kn_place *a = kn_place_of("https://a"), *b = kn_place_of("https://b");
    tap_ok(a && b && a != b && a == kn_place_of("https://a"), "each endpoint has its place");
    for (int i = 0; i < 100; i++) {
        snprintf(url, sizeof url, "https://%d", i);
        if (!kn_place_of(url) || kn_place_of(url) != kn_place_of(url))
            tap_ok(false, "%s has none", url);
    }
    tap_ok(a == kn_place_of("https://a"), "a hundred of them: some share one");
}

int main(void) {
    corrects();
    remembers();
    table();
    while (server_count > 0)
        http_stop(&servers[--server_count]);
    return tap_done();
}
