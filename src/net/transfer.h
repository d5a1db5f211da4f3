/* HTTP transfers of one thread: a curl multi handle. Submit requests, poll, get each reply in a
 * callback that poll makes. Connections are kept alive and reused.
 *
 * TLS is verified unless kn_transfer_trust says otherwise, against AWS_CA_BUNDLE or the system's
 * certificates. Redirects are not followed. The proxy variables of the environment count
 * (https_proxy, http_proxy, all_proxy, no_proxy; also in capitals, HTTP_PROXY not within CGI),
 * except for this machine's own and link-local addresses. A proxy's password is in no message. The
 * headers Expect and Transfer-Encoding that curl would
 * add are removed. Nothing is ever logged, and a query (it may carry a signature) is in no message.
 * Nothing is sent twice: curl's own second try, where a connection that it kept turns out to be
 * dead, is ended. HTTP/2 is left out: AWS takes HTTP/1.1, and one connection per request in flight
 * is as fast. */
#ifndef KN_NET_TRANSFER_H
#define KN_NET_TRANSFER_H

#include "base/buf.h"

typedef struct kn_transfer kn_transfer;
typedef struct kn_exchange kn_exchange; /* one request on its way */

typedef struct kn_reply {
    int status;
    kn_slice headers; /* "Name: value\r\n" lines of the final reply */
    kn_slice body;
} kn_reply;

/* The value of a header (any case), trimmed; empty when absent. */
kn_slice kn_reply_header(const kn_reply *reply, const char *name);

/* Exactly one of reply and err is not NULL; both are valid during the callback only. sent: the
 * server may have seen the request. err->retryable: another attempt could succeed. */
typedef void kn_transfer_done(void *context, const kn_reply *reply, bool sent, const kn_err *err);

/* A body that is made while it is sent. */
typedef struct kn_transfer_source {
    uint64_t length;
    /* Writes at most room bytes; 0: the end, KN_TRANSFER_ABORT: give up. */
    size_t (*read)(void *context, char *out, size_t room);
    bool (*rewind)(void *context); /* from the beginning again: the connection was a dead one */
    void *context;
} kn_transfer_source;

#define KN_TRANSFER_ABORT ((size_t)-1)

typedef struct kn_transfer_request {
    const char *method;
    const char *url;
    const char *const *headers; /* "Name: value"; copied */
    size_t header_count;
    kn_slice body;                    /* borrowed until done or cancelled */
    const kn_transfer_source *source; /* in place of body; borrowed likewise */
    int connect_timeout_ms;           /* 0: 5 s */
    int timeout_ms;                   /* of the whole exchange; 0: 60 s */
    int stall_ms;                     /* of a time without a byte, in whole seconds; 0: as long */
    size_t max_reply;                 /* bytes of body; 0: 64 MiB */
    bool direct;                      /* past any proxy: addresses that only this machine reaches */
    bool secret;                      /* the reply's body is wiped after the callback */
    kn_transfer_done *done;
    void *context;
} kn_transfer_request;

KN_MUST_CHECK bool kn_transfer_new(kn_transfer **out, kn_err *err);
void kn_transfer_destroy(kn_transfer *transfer); /* cancels what is under way; no callbacks */

/* For the transfers that follow. ca_bundle: a PEM file of the certificates to trust, "" for the
 * system's. insecure: whoever answers is believed; the caller tells the user. */
KN_MUST_CHECK bool kn_transfer_trust(kn_transfer *transfer, const char *ca_bundle, bool insecure,
                                     kn_err *err);

/* exchange (may be NULL) is valid until done is called or it is cancelled. */
KN_MUST_CHECK bool kn_transfer_submit(kn_transfer *transfer, const kn_transfer_request *request,
                                      kn_exchange **exchange, kn_err *err);
void kn_transfer_cancel(kn_transfer *transfer, kn_exchange *exchange); /* no callback */

/* Waits at most timeout_ms for something to happen, makes the callbacks of what ended. Callbacks
 * may submit and cancel. */
KN_MUST_CHECK bool kn_transfer_poll(kn_transfer *transfer, int timeout_ms, kn_err *err);

#endif
