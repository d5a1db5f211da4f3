/* The lake's HTTP server: one loopback port for HTTP/1.1 (libmicrohttpd) and HTTP/2 without TLS by
 * prior knowledge (nghttp2). The first bytes of a connection decide; a client that sends none holds
 * nothing but its own socket, until the timeout. Every connection has a thread, so a slow handler
 * delays its own client only. */
#ifndef KN_LAKE_SERVER_SERVER_H
#define KN_LAKE_SERVER_SERVER_H

#include "lake/http.h"

typedef struct kn_server kn_server;

typedef struct kn_server_config {
    uint16_t port;     /* on 127.0.0.1; 0 takes a free one */
    const char *spool; /* a folder for bodies that are too large for memory */
    int timeout_s;     /* a client that neither sends nor takes a byte for this long is dropped */
    unsigned connections; /* at most; the next ones wait to be accepted */
    kn_http_handler *handler;
    /* How large a body the request may have, by its headers (its body is not there yet). */
    uint64_t (*body_limit)(void *context, const kn_http_request *request);
    void *context;
} kn_server_config;

KN_MUST_CHECK bool kn_server_open(const kn_server_config *config, kn_server **out, kn_err *err);
uint16_t kn_server_port(const kn_server *server);

/* Accepts no more, lets the requests being answered finish (a few seconds at most), closes. */
void kn_server_close(kn_server *server);

#endif
