/* MD5 (RFC 1321) by OpenSSL, with the algorithm and the context looked up once and used again. It
 * routes records to shards and guards aggregated ones; it protects nothing. */
#ifndef KN_BASE_MD5_H
#define KN_BASE_MD5_H

#include "base/buf.h"

#include <openssl/types.h>

/* For one thread. Zeroed: not open; freeing that is allowed. */
typedef struct kn_md5 {
    EVP_MD *algorithm;
    EVP_MD_CTX *context;
} kn_md5;

/* KN_ESTATE when OpenSSL has no MD5. */
KN_MUST_CHECK bool kn_md5_init(kn_md5 *md5, kn_err *err);
/* The same without the search: from shares its algorithm. Safe from several threads at once. */
KN_MUST_CHECK bool kn_md5_share(kn_md5 *md5, const kn_md5 *from, kn_err *err);
void kn_md5_free(kn_md5 *md5); /* idempotent */

KN_MUST_CHECK bool kn_md5_digest(kn_md5 *md5, kn_slice bytes, unsigned char out[16], kn_err *err);

#endif
