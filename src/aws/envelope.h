/* A request as it goes out: its URL, and its header lines with the signature; or a presigned URL.
 * Pure: time and credentials are parameters. */
#ifndef KN_AWS_ENVELOPE_H
#define KN_AWS_ENVELOPE_H

#include "aws/call.h"
#include "aws/endpoint.h"
#include "aws/sigv4.h"

enum { KN_ENVELOPE_EXTRA = 40, KN_ENVELOPE_LINES = KN_ENVELOPE_EXTRA + 8 };

typedef struct kn_envelope {
    const kn_operation *operation;
    const kn_endpoint *endpoint;
    kn_wire wire;     /* of the body */
    kn_buf url;       /* with the query */
    kn_buf extra;     /* the caller's lines, each ended by NUL */
    char payload[72]; /* hash of the body, or a word in its place; set by the owner */
    kn_buf text;      /* of the lines: they may hold a session token */
    size_t starts[KN_ENVELOPE_LINES];
    size_t count;
    char signature[65];
} kn_envelope;

/* Whose signature, and when. */
typedef struct kn_envelope_by {
    const kn_credentials *credentials;
    kn_sigv4_key *key; /* cached by the caller */
    int64_t time_ms;
} kn_envelope_by;

/* Fills the URL and the caller's lines. endpoint is borrowed. Freed by its owner, also on failure.
 */
KN_MUST_CHECK bool kn_envelope_init(kn_envelope *envelope, const kn_endpoint *endpoint,
                                    const kn_aws_request *request, kn_err *err);
void kn_envelope_free(kn_envelope *envelope);

const char *kn_envelope_method(const kn_envelope *envelope);

/* Writes and signs the lines; lines (KN_ENVELOPE_LINES of them) and envelope->count say which they
 * are, until they are wiped. */
KN_MUST_CHECK bool kn_envelope_sign(kn_envelope *envelope, const kn_envelope_by *by,
                                    const char *lines[], kn_err *err);
void kn_envelope_wipe(kn_envelope *envelope);

/* Appends a URL that whoever has it may use for expires_s seconds, 1 to 604800. The caller's lines
 * are signed: its user must send them too. The body is not signed. */
KN_MUST_CHECK bool kn_envelope_presign(kn_envelope *envelope, const kn_envelope_by *by,
                                       int expires_s, kn_buf *url, kn_err *err);

#endif
