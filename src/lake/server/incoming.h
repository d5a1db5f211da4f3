/* A request while it arrives, for both HTTP versions: gathers method, target, fields and body, then
 * runs the handler. Inside the server only. */
#ifndef KN_LAKE_SERVER_INCOMING_H
#define KN_LAKE_SERVER_INCOMING_H

#include "lake/server/server.h"

#include <stdatomic.h>

typedef struct kn_server_h2 kn_server_h2; /* a connection */

/* What the parts of the server share. */
typedef struct kn_server_shared {
    kn_server_config config;
    atomic_uint connections; /* open now */
    atomic_uint h2_threads;
    kn_server_h2 *_Atomic h2_ended; /* whose thread ended last; NULL: none did */
    atomic_uint answering; /* requests between their last byte and the end of their reply */
    atomic_bool closing;
    int closing_fd; /* an eventfd, readable once closing */
} kn_server_shared;

/* HTTP/1.1: hands over a connected socket (closed by the part, also on failure). */
typedef struct kn_server_h1 kn_server_h1;
KN_MUST_CHECK bool kn_server_h1_open(kn_server_shared *shared, kn_server_h1 **out, kn_err *err);
void kn_server_h1_add(kn_server_h1 *h1, int fd);
void kn_server_h1_close(kn_server_h1 *h1);

/* HTTP/2: a thread for the socket, which counts itself out of shared->connections. */
void kn_server_h2_start(kn_server_shared *shared, int fd);
/* Waits for its thread, and frees it; NULL is allowed. */
void kn_server_h2_join(kn_server_h2 *ended);

#define KN_INCOMING_FIELDS 128

typedef struct kn_incoming {
    kn_server_shared *shared;
    kn_http_request request;
    kn_http_field fields[KN_INCOMING_FIELDS];
    size_t offsets[KN_INCOMING_FIELDS][2]; /* into text, until it stops growing */
    kn_buf text;                           /* method, target, names and values, each with a NUL */
    size_t method_at, path_at, query_at;
    kn_buf body;
    uint64_t limit, received;
    uint64_t started_ns;
    bool answering; /* counted in shared->answering */
    bool failed;    /* the fields or the body cannot be kept: it is not to be answered */
} kn_incoming;

kn_incoming *kn_incoming_new(kn_server_shared *shared);
void kn_incoming_free(kn_incoming *in);

void kn_incoming_method(kn_incoming *in, kn_slice method);
void kn_incoming_target(kn_incoming *in, kn_slice target); /* path and query */
void kn_incoming_field(kn_incoming *in, kn_slice name, kn_slice value);

/* After the last field: the request can be read, its limit is known. False: end the connection. */
bool kn_incoming_fields_done(kn_incoming *in);

/* The body is over its limit, and its sender waits for leave to send it, or has far too much. One
 * that is only somewhat too large is read and thrown away: its sender reads no answer before. */
bool kn_incoming_refuse_now(const kn_incoming *in);

/* False: end the connection (the disk is full, or the client sends far too much or too slowly). */
bool kn_incoming_body(kn_incoming *in, const char *bytes, size_t n);

/* Runs the handler. The response has been initialised. */
void kn_incoming_answer(kn_incoming *in, kn_http_response *response);

#endif
