/* MD5 (RFC 1321) of several messages at once, on processors with AVX2: eight, each in a lane of its
 * own. One message alone waits for itself at every step; seven others beside it take hardly more
 * time. On other processors, and of one message, it is OpenSSL's (base/md5.h), one after another.
 *
 * Messages may have any lengths (a lane that is done takes the next message), but only where they
 * are alike are all lanes at work until the end. Like md5.h it protects nothing. */
#ifndef KN_BASE_MD5_LANES_H
#define KN_BASE_MD5_LANES_H

#include "base/md5.h"

/* digests[i] is that of messages[i]. */
KN_MUST_CHECK bool kn_md5_lanes(kn_md5 *md5, const kn_slice *messages, size_t count,
                                unsigned char (*digests)[16], kn_err *err);

#endif
