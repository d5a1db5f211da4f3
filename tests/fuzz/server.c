/* Any bytes on a connection to the lake's server. By the first byte they are HTTP/1.1, or HTTP/2 as
 * it is on the wire, or HTTP/2 of frames that the bytes describe (the fuzzer hardly guesses a
 * frame's length). The handler gets whole, bounded requests; the connection ends when the client
 * does, and nothing is left of it. */
#include "lake/server/incoming.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { LIMIT = 1000, PATIENCE_S = 60, FRAMES_MAX = 1 << 20 };

static atomic_size_t touched;

static void touch(const char *text) {
    atomic_fetch_add(&touched, strlen(text));
}

static void handler(void *context, const kn_http_request *request, kn_http_response *response) {
    (void)context;
    touch(request->method), touch(request->path), touch(request->query);
    if (strchr(request->path, '?') || request->field_count > KN_INCOMING_FIELDS ||
        request->body_fd >= 0 ||
        (request->too_large ? request->body.n != 0 && request->body.n > LIMIT
                            : request->body.n != request->body_length || request->body.n > LIMIT))
        abort();
    for (size_t i = 0; i < request->field_count; i++) {
        for (const char *p = request->fields[i].name; *p; p++)
            if (isupper((unsigned char)*p))
                abort();
        touch(request->fields[i].value);
        if (i < 4)
            kn_http_set(response, "X-Back", "%s", request->fields[i].value);
    }
    kn_buf_slice(&response->body, request->body);
    kn_buf_cstr(&response->body, request->query);
}

static uint64_t body_limit(void *context, const kn_http_request *request) {
    (void)context;
    touch(request->path);
    return LIMIT;
}

/* type, flags, stream, length, and so many bytes: a frame each. */
static void frame(const uint8_t *data, size_t n, kn_buf *out) {
    while (n >= 4) {
        size_t length = data[3] < n - 4 ? data[3] : n - 4;
        const unsigned char head[9] = {0, 0,      (unsigned char)length, data[0], data[1], 0, 0,
                                       0, data[2]};
        kn_buf_append(out, head, sizeof head);
        kn_buf_append(out, data + 4, length);
        data += 4 + length;
        n -= 4 + length;
    }
}

static void talk(int fd, kn_slice sent) {
    char reply[16384];
    struct timeval patience = {.tv_sec = PATIENCE_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    for (ssize_t put = 1; sent.n && put > 0; sent.p += put, sent.n -= (size_t)put)
        put = send(fd, sent.p, sent.n, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    ssize_t got;
    while ((got = recv(fd, reply, sizeof reply, 0)) > 0)
        continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        abort(); /* it should have been ended */
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static kn_server_shared shared;
    static kn_server_h1 *h1;
    static const char preface[] =
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        "\0\0\0\4\0\0\0\0"; /* and the settings that must follow */
    kn_err err;
    if (!h1) {
        shared.config = (kn_server_config){.spool = "/nonexistent",
                                           .timeout_s = PATIENCE_S,
                                           .connections = 8,
                                           .handler = handler,
                                           .body_limit = body_limit};
        shared.closing_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (!kn_server_h1_open(&shared, &h1, &err))
            abort();
    }
    int ends[2];
    if (n == 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
        return 0;
    fcntl(ends[0], F_SETFL, 0); /* ours waits */
    kn_buf sent;
    kn_buf_init(&sent, FRAMES_MAX);
    if (data[0] & 3)
        kn_buf_append(&sent, preface, sizeof preface);
    if (data[0] & 2)
        frame(data + 1, n - 1, &sent);
    else
        kn_buf_append(&sent, data + 1, n - 1);
    atomic_fetch_add(&shared.connections, 1);
    if (data[0] & 3)
        kn_server_h2_start(&shared, ends[1]);
    else
        kn_server_h1_add(h1, ends[1]);
    talk(ends[0], kn_buf_view(&sent));
    while (atomic_load(&shared.connections) || atomic_load(&shared.h2_threads))
        usleep(20);
    if (atomic_load(&shared.answering))
        abort();
    kn_buf_free(&sent);
    return 0;
}
