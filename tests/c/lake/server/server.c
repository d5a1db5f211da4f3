/* The server's patience: clients that send nothing, stop half-way or never end are dropped after
 * the timeout; requests under way are answered before it closes. Behaviour over raw sockets is
 * tests/e2e/server.t.py. */
#include "lake/server/server.h"

#include "base/file.h"
#include "base/time.h"
#include "tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

static char folder[] = "/tmp/kinessis-test.XXXXXX";
static kn_err err;
static atomic_uint answered;
static atomic_bool slow_begun;

/* Answers the length of the body; "/slow" takes its time. */
static void handler(void *context, const kn_http_request *request, kn_http_response *response) {
    (void)context;
    if (strcmp(request->path, "/slow") == 0) {
        slow_begun = true;
        kn_sleep_ms(400);
    }
    kn_http_set(response, "X-Too-Large", "%d", request->too_large);
    kn_buf_printf(&response->body, "%llu %s", (unsigned long long)request->body_length,
                  request->query);
    atomic_fetch_add(&answered, 1);
}

static uint64_t body_limit(void *context, const kn_http_request *request) {
    (void)context, (void)request;
    return 1000;
}

static kn_server *open_server(void) {
    kn_server_config config = {.spool = folder,
                               .timeout_s = 1,
                               .connections = 32,
                               .handler = handler,
                               .body_limit = body_limit};
    kn_server *server = NULL;
    if (!kn_server_open(&config, &server, &err)) {
        printf("Bail out! %s\n", err.message);
        exit(1);
    }
    return server;
}

static int dial(kn_server *server, const char *text) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(kn_server_port(server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = 60};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0 ||
        send(fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
        tap_ok(false, "cannot connect");
    return fd;
}

/* All that comes until the server ends the connection, which is closed. */
static const char *hang_up(int fd) {
    static char text[65536];
    size_t n = 0;
    ssize_t got;
    while ((got = recv(fd, text + n, sizeof text - 1 - n, 0)) > 0)
        n += (size_t)got;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        tap_ok(false, "the server ends the connection");
    text[n] = '\0';
    close(fd);
    return text;
}

static void test_patience(kn_server *server) {
    static const struct {
        const char *sent, *name;
    } cases[] = {
        {"", "silent"},
        {"PRI * HTTP/2.0\r\n", "half a preface"},
        {"POST / HTTP/1.1\r\nHo", "half a head"},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc", "half a body"},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
         "a body without its last chunk"},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "an idle HTTP/2 connection"},
    };
    int fds[sizeof cases / sizeof *cases];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        fds[i] = dial(server, cases[i].sent);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tap_ok(!strstr(hang_up(fds[i]), " 200 "), "%s: dropped", cases[i].name);
    }
    tap_is_int(atomic_load(&answered), 0, "none of them reached the handler");
}

static void test_limits(kn_server *server) {
    char request[4096];
    int n = snprintf(request, sizeof request,
                     "POST /x?q=%%20 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
                     "Connection: close\r\n\r\n%01000d",
                     0);
    const char *reply = hang_up(dial(server, request));
    tap_ok(n < (int)sizeof request && strstr(reply, "\r\n\r\n1000 q=%20") &&
               strstr(reply, "X-Too-Large: 0"),
           "a body of the limit's size; the query as sent");
    snprintf(request, sizeof request,
             "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\nConnection: close\r\n\r\n"
             "%01001d",
             0);
    tap_ok(strstr(hang_up(dial(server, request)), "X-Too-Large: 1"), "one byte more");
    snprintf(request, sizeof request,
             "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
             "\r\n7d0\r\n%02000d\r\n0\r\n\r\n",
             0);
    tap_ok(strstr(hang_up(dial(server, request)), "X-Too-Large: 1"), "a length that was not told");
    reply = hang_up(dial(server,
                         "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n"
                         "\r\n"));
    tap_ok(strstr(reply, "X-Too-Large: 1"), "far too much is refused at once");
    reply = hang_up(dial(server,
                         "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n"
                         "Expect: 100-continue\r\n\r\n"));
    tap_ok(strstr(reply, "X-Too-Large: 1") && !strstr(reply, "100 Continue"),
           "a sender that waits for leave is told before it sends");
}

static void test_more_than_fit(kn_server *server) {
    int fds[48];
    for (size_t i = 0; i < 48; i++)
        fds[i] = dial(server, "");
    tap_ok(strstr(hang_up(dial(server, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")),
                  " 200 "),
           "more silent clients than it takes: they make room");
    for (size_t i = 0; i < 48; i++)
        close(fds[i]);
}

static void *close_server(void *server) {
    kn_server_close(server);
    return NULL;
}

static void test_closing(kn_server *server) {
    unsigned before = atomic_load(&answered);
    int idle = dial(server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    while (atomic_load(&answered) == before)
        kn_sleep_ms(1);
    int slow = dial(server, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
    while (!atomic_load(&slow_begun))
        kn_sleep_ms(1);
    pthread_t thread;
    pthread_create(&thread, NULL, close_server, server);
    tap_ok(strstr(hang_up(slow), " 200 "), "a request under way is answered");
    tap_ok(strstr(hang_up(idle), " 200 "), "an idle connection is closed");
    pthread_join(thread, NULL);
}

int main(void) {
    if (!mkdtemp(folder))
        return 1;
    kn_server *server = open_server();
    test_patience(server);
    test_limits(server);
    test_more_than_fit(server);
    test_closing(server);
    if (!kn_file_remove_tree(folder, &err))
        printf("# %s\n", err.message);
    return tap_done();
}
