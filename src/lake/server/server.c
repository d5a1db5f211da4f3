/* See server.h. One thread accepts and peeks: HTTP/2 by prior knowledge begins with a fixed preface
 * (RFC 9113, 3.4), everything else is HTTP/1.1. A connection waits here, without a thread, until
 * its first bytes decide.
 *
 * Left out on purpose: TLS, the HTTP/1.1 Upgrade to h2c (obsolete), any address but loopback. */
#include "lake/server/incoming.h"

#include "base/time.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define UNDECIDED_MAX 256
#define DRAIN_MS 5000
#define ROOM_NS                                                                                    \
    ((uint64_t)500000000) /* a silent client keeps its place so long when all are taken */

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
#define PREFACE_LENGTH (sizeof preface - 1)

typedef struct undecided {
    int fd;
    uint64_t since_ns;
} undecided;

struct kn_server {
    kn_server_shared shared;
    kn_server_h1 *h1;
    int listener;
    uint16_t port;
    pthread_t thread;
    bool running;
    undecided waiting[UNDECIDED_MAX];
    size_t waiting_count;
};

/* ---- deciding ---- */

static void drop(kn_server *server, int fd) {
    close(fd);
    atomic_fetch_sub(&server->shared.connections, 1);
}

/* The next wake-up of a socket whose few bytes do not decide yet must wait for one more. */
static void want_bytes(int fd, int n) {
    setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &n, sizeof n);
}

/* True when the socket has been handed over or closed. */
static bool decide(kn_server *server, int fd) {
    char first[PREFACE_LENGTH];
    ssize_t n = recv(fd, first, sizeof first, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        drop(server, fd);
        return true;
    }
    bool may_be_h2 = memcmp(first, preface, (size_t)n) == 0;
    if (may_be_h2 && (size_t)n < PREFACE_LENGTH) {
        want_bytes(fd, (int)n + 1);
        return false;
    }
    want_bytes(fd, 1);
    if (may_be_h2)
        kn_server_h2_start(&server->shared, fd);
    else
        kn_server_h1_add(server->h1, fd);
    return true;
}

static bool is_full(const kn_server *server) {
    return server->waiting_count == UNDECIDED_MAX ||
           atomic_load(&server->shared.connections) >= server->shared.config.connections;
}

/* Clients that have sent nothing yet make room for those that will. */
static void make_room(kn_server *server) {
    if (!is_full(server) || !server->waiting_count ||
        kn_time_monotonic_ns() - server->waiting[0].since_ns < ROOM_NS)
        return;
    drop(server, server->waiting[0].fd);
    server->waiting_count--;
    memmove(server->waiting, server->waiting + 1, server->waiting_count * sizeof *server->waiting);
}

static void accept_some(kn_server *server) {
    while (!is_full(server)) {
        int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        atomic_fetch_add(&server->shared.connections, 1);
        if (!decide(server, fd))
            server->waiting[server->waiting_count++] = (undecided){fd, kn_time_monotonic_ns()};
    }
}

/* Looks at the waiting sockets that poll reported, and drops those that are too old. */
static void visit_waiting(kn_server *server, const struct pollfd *fds) {
    uint64_t now = kn_time_monotonic_ns();
    uint64_t patience = (uint64_t)server->shared.config.timeout_s * 1000000000;
    size_t kept = 0;
    for (size_t i = 0; i < server->waiting_count; i++) {
        undecided *u = &server->waiting[i];
        if (fds[i].revents && decide(server, u->fd))
            continue;
        /* one that has ended in the middle of the preface would wake this thread for ever */
        bool ended = fds[i].revents & (POLLRDHUP | POLLHUP | POLLERR);
        if (ended || now - u->since_ns > patience)
            drop(server, u->fd);
        else
            server->waiting[kept++] = *u;
    }
    server->waiting_count = kept;
}

static void *listen_loop(void *context) {
    kn_server *server = context;
    struct pollfd fds[UNDECIDED_MAX + 2];
    while (!atomic_load(&server->shared.closing)) {
        make_room(server);
        size_t n = server->waiting_count;
        for (size_t i = 0; i < n; i++)
            fds[i] = (struct pollfd){server->waiting[i].fd, POLLIN | POLLRDHUP, 0};
        bool full = is_full(server);
        fds[n] = (struct pollfd){server->shared.closing_fd, POLLIN, 0};
        fds[n + 1] = (struct pollfd){server->listener, POLLIN, 0};
        int timeout = full ? 20 : n ? 250 : -1; /* a connection that ends wakes nobody */
        if (poll(fds, n + (full ? 1 : 2), timeout) < 0)
            continue;
        visit_waiting(server, fds);
        if (!full && fds[n + 1].revents)
            accept_some(server);
    }
    return NULL;
}

/* ---- opening and closing ---- */

static bool start_listening(kn_server *server, kn_err *err) {
    uint16_t port = server->shared.config.port;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (server->listener < 0)
        return kn_fail_errno(err, "cannot make a socket");
    int on = 1;
    setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    if (bind(server->listener, (struct sockaddr *)&at, n) != 0 ||
        listen(server->listener, 512) != 0)
        return kn_fail_errno(err, "cannot listen on 127.0.0.1:%u", port);
    if (getsockname(server->listener, (struct sockaddr *)&at, &n) != 0)
        return kn_fail_errno(err, "cannot learn the port");
    server->port = ntohs(at.sin_port);
    return true;
}

bool kn_server_open(const kn_server_config *config, kn_server **out, kn_err *err) {
    kn_server *server = calloc(1, sizeof *server);
    if (!server)
        return kn_fail(err, KN_ENOMEM, "cannot start the server: out of memory");
    server->shared.config = *config;
    server->listener = -1;
    server->shared.closing_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bool ok = server->shared.closing_fd >= 0 || kn_fail_errno(err, "cannot make an eventfd");
    ok = ok && start_listening(server, err) && kn_server_h1_open(&server->shared, &server->h1, err);
    if (ok) {
        server->running = pthread_create(&server->thread, NULL, listen_loop, server) == 0;
        ok = server->running || kn_fail(err, KN_ENOMEM, "cannot start the server's thread");
    }
    if (!ok) {
        kn_server_close(server);
        return false;
    }
    *out = server;
    return true;
}

uint16_t kn_server_port(const kn_server *server) {
    return server->port;
}

static void wait_until_zero(atomic_uint *count, int ms) {
    for (; atomic_load(count) && ms > 0; ms -= 5)
        kn_sleep_ms(5);
}

void kn_server_close(kn_server *server) {
    if (!server)
        return;
    atomic_store(&server->shared.closing, true);
    if (server->shared.closing_fd >= 0)
        eventfd_write(server->shared.closing_fd, 1);
    if (server->running)
        pthread_join(server->thread, NULL);
    if (server->listener >= 0)
        close(server->listener);
    for (size_t i = 0; i < server->waiting_count; i++)
        drop(server, server->waiting[i].fd);
    wait_until_zero(&server->shared.answering, DRAIN_MS);
    kn_server_h1_close(server->h1);
    while (atomic_load(&server->shared.h2_threads)) /* HTTP/2: each has its own deadline */
        kn_sleep_ms(2);
    kn_server_h2_join(server->shared.h2_ended);
    if (server->shared.closing_fd >= 0)
        close(server->shared.closing_fd);
    free(server);
}
