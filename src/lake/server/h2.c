/* HTTP/2 without TLS, by prior knowledge, on nghttp2: one thread and one session per connection;
 * streams are answered in the order in which their requests end. Trailers are ignored. On closing,
 * GOAWAY is sent and the replies under way are finished. */
#include "lake/server/incoming.h"

#include "base/time.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define STREAMS_MAX 128
#define STREAM_WINDOW (1 << 20)
#define CONNECTION_WINDOW (16 << 20)
#define HEADER_LIST_MAX (64 << 10)
#define REPLY_FIELDS 48
#define CLOSING_NS ((uint64_t)3000000000) /* for replies under way, when the server closes */

typedef struct h2_stream h2_stream;

typedef struct kn_server_h2 {
    kn_server_shared *shared;
    pthread_t thread;
    nghttp2_session *session;
    int fd;
    h2_stream *streams;   /* open */
    unsigned replying;    /* of them */
    bool closing;         /* the server is */
    uint64_t deadline_ns; /* when closing */
} h2_connection;

struct h2_stream {
    h2_stream *next, **link; /* in the connection's list */
    kn_incoming *in;
    kn_http_response response;
    uint64_t sent;
    bool answered;
};

/* ---- a stream's life ---- */

static void stream_free(h2_connection *c, h2_stream *stream) {
    if ((*stream->link = stream->next))
        stream->next->link = stream->link;
    if (stream->answered) {
        c->replying--;
        atomic_fetch_sub(&c->shared->answering, 1);
    }
    kn_incoming_free(stream->in);
    if (stream->response.fd >= 0)
        close(stream->response.fd);
    kn_http_response_free(&stream->response);
    free(stream);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
    h2_connection *c = context;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    h2_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    kn_http_response_init(&stream->response);
    if ((stream->next = c->streams))
        c->streams->link = &stream->next;
    stream->link = &c->streams;
    c->streams = stream;
    stream->in = kn_incoming_new(c->shared);
    if (!stream->in) {
        stream_free(c, stream);
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *context) {
    (void)flags, (void)context;
    h2_stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (!stream || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    kn_slice n = {(const char *)name, name_length}, v = {(const char *)value, value_length};
    if (kn_slice_eq_cstr(n, ":method"))
        kn_incoming_method(stream->in, v);
    else if (kn_slice_eq_cstr(n, ":path"))
        kn_incoming_target(stream->in, v);
    else if (kn_slice_eq_cstr(n, ":authority"))
        kn_incoming_field(stream->in, KN_SLICE("host"), v);
    else if (n.n && n.p[0] != ':')
        kn_incoming_field(stream->in, n, v);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
                   size_t n, void *context) {
    (void)flags, (void)context;
    h2_stream *stream = nghttp2_session_get_stream_user_data(session, id);
    if (stream && !stream->answered && !kn_incoming_body(stream->in, (const char *)bytes, n))
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_ENHANCE_YOUR_CALM);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *context) {
    (void)error;
    h2_connection *c = context;
    h2_stream *stream = nghttp2_session_get_stream_user_data(session, id);
    if (!stream)
        return 0;
    nghttp2_session_set_stream_user_data(session, id, NULL);
    stream_free(c, stream);
    return 0;
}

/* ---- the reply ---- */

static ssize_t read_reply(nghttp2_session *session, int32_t id, uint8_t *out, size_t room,
                          uint32_t *flags, nghttp2_data_source *source, void *context) {
    (void)session, (void)id, (void)context;
    h2_stream *stream = source->ptr;
    const kn_http_response *r = &stream->response;
    uint64_t left = (r->fd >= 0 ? r->length : r->body.len) - stream->sent;
    size_t n = left < room ? (size_t)left : room;
    if (r->fd >= 0 && n) {
        ssize_t got = pread(r->fd, out, n, (off_t)(r->offset + stream->sent));
        if (got <= 0)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* the file shrank: RST_STREAM */
        n = (size_t)got;
    } else if (n) {
        memcpy(out, r->body.p + stream->sent, n);
    }
    stream->sent += n;
    if (n == left)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static nghttp2_nv pair(kn_slice name, kn_slice value) {
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name.p, (uint8_t *)(uintptr_t)value.p, name.n,
                        value.n, NGHTTP2_NV_FLAG_NONE};
}

static int submit_reply(nghttp2_session *session, int32_t id, h2_stream *stream) {
    kn_http_response *r = &stream->response;
    uint64_t length = r->fd >= 0 ? r->length : r->body.len;
    char status[8], size[24], date[30];
    snprintf(status, sizeof status, "%d", r->status);
    snprintf(size, sizeof size, "%llu", (unsigned long long)length);
    kn_time_http(date, kn_time_now_ms());
    nghttp2_nv fields[REPLY_FIELDS];
    size_t n = 0;
    fields[n++] = pair(KN_SLICE(":status"), kn_slice_cstr(status));
    fields[n++] = pair(KN_SLICE("date"), kn_slice_cstr(date));
    if (r->status != 204 && r->status != 304)
        fields[n++] = pair(KN_SLICE("content-length"), kn_slice_cstr(size));
    const char *at = r->fields.p;
    kn_slice name, value;
    while (at && n < REPLY_FIELDS && kn_http_next_field(&at, &name, &value)) {
        char *p = (char *)(uintptr_t)name.p; /* our own buffer: HTTP/2 wants lower case */
        for (size_t i = 0; i < name.n; i++)
            if (p[i] >= 'A' && p[i] <= 'Z')
                p[i] |= 0x20;
        fields[n++] = pair(name, value);
    }
    nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = read_reply};
    bool no_body = length == 0 || r->status == 204 || r->status == 304 ||
                   strcmp(stream->in->request.method, "HEAD") == 0;
    return nghttp2_submit_response(session, id, fields, n, no_body ? NULL : &provider);
}

static int answer(h2_connection *c, int32_t id, h2_stream *stream) {
    stream->answered = true;
    c->replying++;
    atomic_fetch_add(&c->shared->answering, 1);
    kn_incoming_answer(stream->in, &stream->response);
    return submit_reply(c->session, id, stream);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context) {
    h2_connection *c = context;
    int32_t id = frame->hd.stream_id;
    h2_stream *stream = id ? nghttp2_session_get_stream_user_data(session, id) : NULL;
    if (!stream || stream->answered)
        return 0;
    bool head = frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    if (head && !kn_incoming_fields_done(stream->in))
        return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_ENHANCE_YOUR_CALM);
    bool ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM &&
                 (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA);
    return ended && stream->in->request.method && !stream->in->failed ? answer(c, id, stream) : 0;
}

/* ---- the connection ---- */

static bool session_open(h2_connection *c) {
    nghttp2_session_callbacks *callbacks;
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return false;
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    int made = nghttp2_session_server_new(&c->session, callbacks, c);
    nghttp2_session_callbacks_del(callbacks);
    if (made != 0)
        return false;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADER_LIST_MAX},
    };
    return nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, 3) == 0 &&
           nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0,
                                                 CONNECTION_WINDOW) == 0;
}

/* Waits until the socket can be read (or written), or the server closes; false on the timeout or
 * when the socket is broken. */
static bool wait_for(h2_connection *c, short events, short *got) {
    struct pollfd fds[] = {{c->fd, events, 0}, {c->shared->closing_fd, POLLIN, 0}};
    uint64_t now = kn_time_monotonic_ns();
    int timeout = c->shared->config.timeout_s * 1000;
    if (c->closing)
        timeout = now < c->deadline_ns ? (int)((c->deadline_ns - now) / 1000000) + 1 : 0;
    int n = poll(fds, c->closing ? 1 : 2, timeout);
    *got = fds[0].revents;
    if (n < 0 && errno == EINTR)
        return *got = 0, true;
    if (fds[1].revents) {
        c->closing = true;
        c->deadline_ns = kn_time_monotonic_ns() + CLOSING_NS;
    }
    return n > 0 && !(fds[0].revents & (POLLERR | POLLNVAL));
}

/* Sends all that the session wants to send; false when the connection is broken or stuck. */
static bool flush(h2_connection *c) {
    const uint8_t *bytes;
    ssize_t n;
    while ((n = nghttp2_session_mem_send(c->session, &bytes)) > 0) {
        while (n > 0) {
            ssize_t put = send(c->fd, bytes, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
            short got;
            if (put < 0 && errno != EAGAIN && errno != EINTR)
                return false;
            if (put < 0 && !wait_for(c, POLLOUT, &got))
                return false;
            if (put > 0)
                bytes += put, n -= put;
        }
    }
    return n == 0;
}

static bool receive(h2_connection *c) {
    uint8_t bytes[32 << 10];
    ssize_t n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    return n > 0 && nghttp2_session_mem_recv(c->session, bytes, (size_t)n) >= 0;
}

static void serve(h2_connection *c) {
    bool said_goodbye = false;
    while (flush(c)) {
        if (c->closing && !said_goodbye) {
            said_goodbye = true;
            nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE,
                                  nghttp2_session_get_last_proc_stream_id(c->session),
                                  NGHTTP2_NO_ERROR, NULL, 0);
            continue;
        }
        if ((c->closing && !c->replying) ||
            (!nghttp2_session_want_read(c->session) && !nghttp2_session_want_write(c->session)))
            return;
        short got;
        if (!wait_for(c, POLLIN, &got))
            return;
        if (got & (POLLIN | POLLHUP) && !receive(c))
            return;
    }
}

void kn_server_h2_join(kn_server_h2 *ended) {
    if (!ended)
        return;
    pthread_join(ended->thread, NULL);
    free(ended);
}

/* A thread that ends waits for the one that ended before it, and the server for the last: so that
 * none still ends while the process does, and few are ever waited for. */
static void *run(void *context) {
    h2_connection *c = context;
    c->thread = pthread_self();
    if (session_open(c))
        serve(c);
    nghttp2_session_del(c->session); /* it closes no streams */
    while (c->streams)
        stream_free(c, c->streams);
    close(c->fd);
    kn_server_shared *shared = c->shared;
    atomic_fetch_sub(&shared->connections, 1);
    kn_server_h2_join(atomic_exchange(&shared->h2_ended, c));
    atomic_fetch_sub(&shared->h2_threads, 1);
    return NULL;
}

void kn_server_h2_start(kn_server_shared *shared, int fd) {
    h2_connection *c = calloc(1, sizeof *c);
    pthread_t thread;
    if (c)
        *c = (h2_connection){.shared = shared, .fd = fd};
    atomic_fetch_add(&shared->h2_threads, 1);
    if (!c || pthread_create(&thread, NULL, run, c) != 0) {
        free(c);
        close(fd);
        atomic_fetch_sub(&shared->connections, 1);
        atomic_fetch_sub(&shared->h2_threads, 1);
    }
}
