/* One function that signs, sends, retries and decodes, for every operation of the table. A client
 * is one service's, with its credentials, endpoint, signing key and connections; one thread's.
 *
 * The asynchronous form is for the sender (several requests in flight), the other for the control
 * plane; both are the same code.
 *
 * Credentials are refreshed before they expire (identity.h); refused ones are renewed once.
 *
 * Retries: what error.c calls retryable, at most max_attempts sends, after random * min(100 ms *
 * 2^n, 20 s) (full jitter), each signed anew, as far as the client's quota goes (retry.h). An
 * operation that is not repeatable is sent again only when the first cannot have been acted upon:
 * never sent, or refused for its rate. A request that was refused for our clock is signed again,
 * once, by the server's (place.h); that send is one more than max_attempts. */
#ifndef KN_AWS_CALL_H
#define KN_AWS_CALL_H

#include "aws/config.h"
#include "aws/credentials.h"
#include "aws/operations.h"
#include "base/buf.h"
#include "base/stop.h"
#include "net/transfer.h"

typedef struct kn_aws_client kn_aws_client;
typedef struct kn_aws_call kn_aws_call;

/* Finds region, endpoint and credentials. */
KN_MUST_CHECK bool kn_aws_client_new(const kn_aws_config *config, const kn_api *api,
                                     kn_aws_client **out, kn_err *err);
void kn_aws_client_destroy(kn_aws_client *client); /* cancels its calls; no callbacks */

const kn_api *kn_aws_client_api(const kn_aws_client *client);
const char *kn_aws_client_url(const kn_aws_client *client);
const char *kn_aws_client_region(const kn_aws_client *client);
const char *kn_aws_client_region_from(const kn_aws_client *client); /* kn_endpoint's */
/* Those that sign now; they change when they are refreshed. */
const kn_credentials *kn_aws_client_credentials(const kn_aws_client *client);
/* How many sends of one request the user asks for; 0: no number was given. */
int kn_aws_client_attempts(const kn_aws_client *client);
/* submit and poll wait where credentials must be looked for, unless stop is asked: then they fail
 * with KN_ECANCEL, as does the call that they were for. Returns what it heeded before. */
kn_stop kn_aws_client_heed(kn_aws_client *client, kn_stop stop);
/* A server has answered at least once, whatever it said. */
bool kn_aws_client_reached(const kn_aws_client *client);

/* How bodies are best written now: CBOR (a fifth shorter, and no base64) where the service is AWS's
 * own and takes it, or the endpoint has said so (Accept-Post, in a reply); JSON everywhere else,
 * and when AWS_CBOR_DISABLE is set, as for the AWS SDK for Java. The reply is written like the
 * request. */
kn_wire kn_aws_client_wire(const kn_aws_client *client);

typedef struct kn_aws_request {
    const kn_operation *operation;
    kn_slice body;      /* borrowed until done */
    kn_wire wire;       /* of the body */
    const char *file;   /* S3 PutObject, in place of body: the file's bytes as they are sent
                           (upload.h); the headers begin Content-Encoding with aws-chunked */
    const char *bucket; /* REST: NULL where the operation has none */
    kn_slice key;
    kn_slice query;             /* REST: "prefix=a%2Fb&max-keys=3", encoded */
    const char *const *headers; /* more of them, "Name: value"; copied, signed; at most 40 */
    size_t header_count;
    size_t max_reply;  /* 0: 64 MiB */
    int max_attempts;  /* 0: the client's; else the caller's patience, without a quota */
    int max_unreached; /* the same while no server has answered; 0: no less */
    const char *busy;  /* a code by which the service refuses a request for its rate, besides those
                          of error.c; borrowed until done; NULL: none */
    int delay_ms;      /* before the first attempt */
    int timeout_ms; /* of an attempt, where the configuration says none; 0: 60 s. An object has the
                       time of a slow line besides, while it moves. */
} kn_aws_request;

typedef struct kn_aws_result {
    const kn_reply *reply; /* NULL on failure; valid during the callback */
    const kn_err *err;     /* NULL on success */
    int attempts;          /* sends */
    int throttles;         /* of them refused for their rate */
    int doubts; /* of them followed by another, though the server may have acted: it had been sent,
                   and no answer came, or a 5xx */
    bool doubtful; /* the last one is such a send, too; only with err */
} kn_aws_result;

typedef void kn_aws_done(void *context, const kn_aws_result *result);

/* call (may be NULL) is valid until done is called or it is cancelled. done is called from poll. */
KN_MUST_CHECK bool kn_aws_submit(kn_aws_client *client, const kn_aws_request *request,
                                 kn_aws_done *done, void *context, kn_aws_call **call, kn_err *err);
void kn_aws_cancel(kn_aws_call *call);
/* Of a call that is not done: its sends until now; doubtful: one is on its way. */
kn_aws_result kn_aws_call_sends(const kn_aws_call *call);

/* Waits at most timeout_ms for something to happen: an answer, or a retry that is due. */
KN_MUST_CHECK bool kn_aws_poll(kn_aws_client *client, int timeout_ms, kn_err *err);

/* The same call, waited for. stop (may be NULL) is asked ten times a second: true cancels the call
 * (KN_ECANCEL), also while it waits for credentials. headers (may be NULL) and body receive the
 * reply. */
KN_MUST_CHECK bool kn_aws_invoke(kn_aws_client *client, const kn_aws_request *request,
                                 bool (*stop)(void *context), void *context, int *status,
                                 kn_buf *headers, kn_buf *body, kn_err *err);

/* Appends a URL with which whoever has it may do what the request says for expires_s seconds (1 to
 * 604800), by the credentials of now. The request's headers must be sent with it; its body is not
 * part of the signature. Sends nothing. */
KN_MUST_CHECK bool kn_aws_presign(kn_aws_client *client, const kn_aws_request *request,
                                  int expires_s, kn_buf *url, kn_err *err);

/* random * min(100 ms * 2^n, 20 s), n from 0: for those who repeat parts of a request. */
int kn_aws_backoff_ms(kn_aws_client *client, int n);

#endif
