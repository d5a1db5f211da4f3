/* A scripted HTTP server for tests: one thread, loopback, a free port. The script sees each request
 * whole and answers with the raw bytes of a reply, so that it can also lie, stop half-way or say
 * nothing. Connections are kept while the script wants it; several are served at once (poll). */
#ifndef KN_TESTS_HTTP_SERVER_H
#define KN_TESTS_HTTP_SERVER_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HTTP_CONNECTIONS = 16, HTTP_REQUEST_MAX = 24 << 20 };

/* request is NUL-terminated: head, blank line, body. Writes the reply into out (room bytes) and
 * returns its length; 0 answers nothing. *close ends the connection afterwards. n counts from 0. */
typedef size_t http_script(void *context, int n, const char *request, const char *body,
                           size_t body_length, char *out, size_t room, bool *close);

typedef struct http_server {
    int listener;
    int port;
    char url[64];
    http_script *script;
    void *context;
    pthread_t thread;
    _Atomic bool stop;
    _Atomic int requests;
    _Atomic int accepted;
    struct {
        int fd;
        char *bytes;
        size_t n;
    } connections[HTTP_CONNECTIONS];
} http_server;

/* Writes "HTTP/1.1 <status> x" with a length and the body. */
__attribute__((unused)) static size_t http_answer(char *out, size_t room, int status,
                                                  const char *headers, const char *body) {
    return (size_t)snprintf(out, room, "HTTP/1.1 %d x\r\nContent-Length: %zu\r\n%s\r\n%s", status,
                            strlen(body), headers, body);
}

static void http_drop(http_server *s, int i) {
    close(s->connections[i].fd);
    free(s->connections[i].bytes);
    s->connections[i].fd = -1;
    s->connections[i].bytes = NULL;
    s->connections[i].n = 0;
}

/* Answers the request at the front of the connection's bytes, if it is complete. */
static bool http_serve_one(http_server *s, int i) {
    char *bytes = s->connections[i].bytes;
    char *end = strstr(bytes, "\r\n\r\n");
    if (!end)
        return false;
    size_t head = (size_t)(end - bytes) + 4, length = 0;
    const char *field = strcasestr(bytes, "\r\ncontent-length:");
    if (field && field < end)
        length = (size_t)strtoull(field + 17, NULL, 10);
    if (s->connections[i].n < head + length)
        return false;
    char after = bytes[head + length];
    bytes[head + length] = '\0';
    static _Thread_local char reply[1 << 20]; /* a test may have several servers */
    bool drop = false;
    size_t n = s->script(s->context, s->requests++, bytes, bytes + head, length, reply,
                         sizeof reply, &drop);
    bytes[head + length] = after;
    for (size_t done = 0; done < n;) {
        ssize_t w = send(s->connections[i].fd, reply + done, n - done, MSG_NOSIGNAL);
        if (w <= 0)
            break;
        done += (size_t)w;
    }
    if (drop) {
        http_drop(s, i);
        return false;
    }
    s->connections[i].n -= head + length;
    memmove(bytes, bytes + head + length, s->connections[i].n + 1);
    return true;
}

static void http_read(http_server *s, int i) {
    char *bytes = s->connections[i].bytes;
    if (!bytes)
        bytes = s->connections[i].bytes = malloc(HTTP_REQUEST_MAX + 1);
    size_t n = s->connections[i].n;
    ssize_t r = bytes ? recv(s->connections[i].fd, bytes + n, HTTP_REQUEST_MAX - n, 0) : -1;
    if (r <= 0) {
        http_drop(s, i);
        return;
    }
    s->connections[i].n += (size_t)r;
    bytes[s->connections[i].n] = '\0';
    while (s->connections[i].fd >= 0 && s->connections[i].n && http_serve_one(s, i))
        ;
}

static void *http_loop(void *user) {
    http_server *s = user;
    while (!s->stop) {
        struct pollfd fds[HTTP_CONNECTIONS + 1];
        for (int i = 0; i < HTTP_CONNECTIONS; i++)
            fds[i] = (struct pollfd){s->connections[i].fd, POLLIN, 0};
        fds[HTTP_CONNECTIONS] = (struct pollfd){s->listener, POLLIN, 0};
        if (poll(fds, HTTP_CONNECTIONS + 1, 20) <= 0)
            continue;
        for (int i = 0; i < HTTP_CONNECTIONS; i++)
            if (fds[i].fd >= 0 && fds[i].revents)
                http_read(s, i);
        for (int i = 0; fds[HTTP_CONNECTIONS].revents && i < HTTP_CONNECTIONS; i++) {
            if (s->connections[i].fd >= 0)
                continue;
            s->connections[i].fd = accept(s->listener, NULL, NULL);
            s->accepted++;
            break;
        }
    }
    return NULL;
}

/* A loopback socket bound to a free port; not listening when listening is false. */
__attribute__((unused)) static int http_bind(int *port, bool listening) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0 ||
        (listening && listen(fd, 64) != 0)) {
        perror("test server");
        exit(1);
    }
    *port = ntohs(address.sin_port);
    return fd;
}

__attribute__((unused)) static void http_start(http_server *s, http_script *script, void *context) {
    memset(s, 0, sizeof *s);
    for (int i = 0; i < HTTP_CONNECTIONS; i++)
        s->connections[i].fd = -1;
    s->script = script;
    s->context = context;
    s->listener = http_bind(&s->port, true);
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d", s->port);
    if (pthread_create(&s->thread, NULL, http_loop, s) != 0) {
        perror("test server");
        exit(1);
    }
}

__attribute__((unused)) static void http_stop(http_server *s) {
    s->stop = true;
    pthread_join(s->thread, NULL);
    for (int i = 0; i < HTTP_CONNECTIONS; i++)
        if (s->connections[i].fd >= 0)
            http_drop(s, i);
    close(s->listener);
}

#endif
