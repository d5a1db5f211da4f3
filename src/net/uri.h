/* Percent-encoding as AWS signs it (RFC 3986 unreserved characters stay, upper-case hex), and the
 * parts of an http URL that the client needs. */
#ifndef KN_NET_URI_H
#define KN_NET_URI_H

#include "base/buf.h"

/* Appends the bytes encoded; keep_slash leaves '/' as it is (paths). */
void kn_uri_encode(kn_buf *out, kn_slice bytes, bool keep_slash);

/* Appends the bytes decoded; a percent sign that starts no escape stays as it is, '+' too. */
void kn_uri_decode(kn_buf *out, kn_slice text);

/* Views into a URL "scheme://authority[/path][?query]". */
typedef struct kn_uri {
    kn_slice scheme;
    kn_slice authority; /* host[:port] */
    kn_slice host;      /* without port and brackets */
    kn_slice path;      /* "" when absent */
    kn_slice query;     /* without the question mark */
} kn_uri;

/* Refuses what is not http or https, user names in it, and control characters. */
KN_MUST_CHECK bool kn_uri_parse(const char *url, kn_uri *out, kn_err *err);

/* The host is this machine: 127.0.0.0/8, ::1, localhost and names below it. */
bool kn_uri_is_loopback(const kn_uri *uri);

/* The host is an address that only this machine's own network has: 169.254.0.0/16, fe80::/10, and
 * fd00:ec2::/32, where AWS puts an instance's metadata. */
bool kn_uri_is_link_local(const kn_uri *uri);

#endif
