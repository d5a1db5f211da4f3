/* HTTP/1.1 by libmicrohttpd: a daemon without a listener, a thread per connection. It answers
 * malformed requests, too many header bytes (431) and Expect: 100-continue by itself.
 * Versions 0.9.75 (Debian 12) to 1.0. */
#include "lake/server/incoming.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HEADER_MEMORY ((size_t)64 << 10)

struct kn_server_h1 {
    kn_server_shared *shared;
    struct MHD_Daemon *daemon;
};

/* The request's target as sent: libmicrohttpd's own is decoded and has lost its query. What it
 * returns becomes *state of every later callback. */
static void *on_target(void *context, const char *target, struct MHD_Connection *connection) {
    (void)connection;
    kn_server_h1 *h1 = context;
    kn_incoming *in = kn_incoming_new(h1->shared);
    if (in)
        kn_incoming_target(in, kn_slice_cstr(target));
    return in;
}

static enum MHD_Result on_field(void *context, enum MHD_ValueKind kind, const char *name,
                                const char *value) {
    (void)kind;
    kn_incoming_field(context, kn_slice_cstr(name), kn_slice_cstr(value));
    return MHD_YES;
}

static void copy_fields(const kn_http_response *response, struct MHD_Response *reply) {
    const char *at = response->fields.p;
    kn_slice name, value;
    while (at && kn_http_next_field(&at, &name, &value)) {
        char n[128], v[4097];
        snprintf(n, sizeof n, "%.*s", (int)name.n, name.p);
        snprintf(v, sizeof v, "%.*s", (int)value.n, value.p);
        MHD_add_response_header(reply, n, v);
    }
}

static struct MHD_Response *make_reply(kn_http_response *response) {
    if (response->fd >= 0 && response->length > 0)
        return MHD_create_response_from_fd_at_offset64(response->length, response->fd,
                                                       response->offset);
    if (response->fd >= 0) {
        close(response->fd);
        return MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    }
    size_t n = 0;
    char *bytes = kn_buf_take(&response->body, &n);
    return bytes ? MHD_create_response_from_buffer(n, bytes, MHD_RESPMEM_MUST_FREE)
                 : MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result answer(struct MHD_Connection *connection, kn_incoming *in) {
    kn_http_response response;
    kn_http_response_init(&response);
    kn_incoming_answer(in, &response);
    struct MHD_Response *reply = make_reply(&response);
    enum MHD_Result queued = MHD_NO;
    if (reply) {
        copy_fields(&response, reply);
        queued = MHD_queue_response(connection, (unsigned)response.status, reply);
        MHD_destroy_response(reply);
    }
    kn_http_response_free(&response);
    return queued;
}

/* Called with the fields, then with each piece of the body, then once more with none. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *bytes, size_t *n, void **state) {
    (void)path, (void)version, (void)context;
    kn_incoming *in = *state;
    if (!in)
        return MHD_NO;
    if (!in->request.method) {
        kn_incoming_method(in, kn_slice_cstr(method));
        MHD_get_connection_values(connection, MHD_HEADER_KIND, on_field, in);
        if (!kn_incoming_fields_done(in))
            return MHD_NO;
        return kn_incoming_refuse_now(in) ? answer(connection, in) : MHD_YES;
    }
    if (*n) {
        bool ok = kn_incoming_body(in, bytes, *n);
        *n = 0;
        return ok ? MHD_YES : MHD_NO;
    }
    in->answering = true;
    atomic_fetch_add(&in->shared->answering, 1);
    return answer(connection, in);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode why) {
    (void)context, (void)connection, (void)why;
    kn_incoming *in = *state;
    if (in && in->answering)
        atomic_fetch_sub(&in->shared->answering, 1);
    kn_incoming_free(in);
    *state = NULL;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode what) {
    (void)connection, (void)state;
    kn_server_h1 *h1 = context;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED)
        atomic_fetch_sub(&h1->shared->connections, 1);
}

/* Leaves the path as it was sent. */
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *text) {
    (void)context, (void)connection;
    return strlen(text);
}

static void discard_log(void *context, const char *fmt, va_list args) {
    (void)context, (void)fmt, (void)args; /* it tells of clients that went away */
}

bool kn_server_h1_open(kn_server_shared *shared, kn_server_h1 **out, kn_err *err) {
    kn_server_h1 *h1 = calloc(1, sizeof *h1);
    if (!h1)
        return kn_fail(err, KN_ENOMEM, "cannot start the HTTP/1.1 server: out of memory");
    h1->shared = shared;
    h1->daemon = MHD_start_daemon(
        MHD_USE_NO_LISTEN_SOCKET | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
            MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG,
        0, NULL, NULL, on_request, h1,                                     /**/
        MHD_OPTION_EXTERNAL_LOGGER, discard_log, NULL,                     /* must come first */
        MHD_OPTION_URI_LOG_CALLBACK, on_target, h1,                        /**/
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,                  /**/
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,                   /**/
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, h1,                   /**/
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)shared->config.timeout_s, /**/
        MHD_OPTION_CONNECTION_LIMIT, shared->config.connections + 64,      /**/
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEADER_MEMORY, MHD_OPTION_END);
    if (!h1->daemon) {
        free(h1);
        return kn_fail(err, KN_ESTATE, "cannot start the HTTP/1.1 server (libmicrohttpd)");
    }
    *out = h1;
    return true;
}

void kn_server_h1_add(kn_server_h1 *h1, int fd) {
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    /* The socket is closed by the daemon in both cases. */
    if (MHD_add_connection(h1->daemon, fd, (struct sockaddr *)&peer, sizeof peer) != MHD_YES)
        atomic_fetch_sub(&h1->shared->connections, 1);
}

void kn_server_h1_close(kn_server_h1 *h1) {
    if (!h1)
        return;
    MHD_stop_daemon(h1->daemon);
    free(h1);
}
