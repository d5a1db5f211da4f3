/* SHA-256 of two messages at once (FIPS 180-4), on processors with the SHA extensions.
 *
 * Each instruction of theirs waits for the one before, and half of the unit's time is idle: a
 * second message beside the first takes little more time than one alone. A sender hashes all that
 * it sends, which is a third of its work. OpenSSL, whose SHA-256 is used for all else, has no such
 * function. No branch and no address depends on the messages' bytes. */
#ifndef KN_BASE_SHA256_PAIR_H
#define KN_BASE_SHA256_PAIR_H

#include "base/buf.h"

/* This processor can. */
bool kn_sha256_pair_works(void);

/* Of messages of any lengths; it is fastest when they are equal. Only where it works. */
void kn_sha256_pair(kn_slice first, kn_slice second, unsigned char digests[2][32]);

#endif
