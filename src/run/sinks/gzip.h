/* gzip (RFC 1952), one member at a time. Members after one another are one gzip file, so that each
 * worker compresses its own block and only the order of writing is shared. */
#ifndef KN_RUN_SINKS_GZIP_H
#define KN_RUN_SINKS_GZIP_H

#include "base/buf.h"

typedef struct kn_gzip kn_gzip;

KN_MUST_CHECK bool kn_gzip_new(kn_gzip **out, kn_err *err);
void kn_gzip_destroy(kn_gzip *gzip);

/* Appends the bytes as one member: the same bytes make the same member. Nothing for no bytes. */
KN_MUST_CHECK bool kn_gzip_member(kn_gzip *gzip, kn_slice bytes, kn_buf *out, kn_err *err);

#endif
