/* Who signs, over time: credentials that are refreshed before they expire, once for all clients of
 * the process that are configured alike.
 *
 * Five minutes before the expiry (or in the last quarter of a shorter life) whoever notices first
 * looks for new ones, while the others go on with the old; once they have expired, everybody waits
 * for that one. A failure to refresh keeps credentials that are still valid, warns, and is tried
 * again a minute later. New credentials that look expired already are used (the clock of this
 * machine may be wrong, or the metadata service cannot reach its own source): the service decides.
 * Who is stopped while it looks, or waits for another, fails with KN_ECANCEL: for itself alone. Of
 * those who waited for it one looks again, and credentials that still live are not late by it.
 *
 * Thread-safe. The registry of identities is the process's, behind a lock. */
#ifndef KN_AWS_IDENTITY_H
#define KN_AWS_IDENTITY_H

#include "aws/credentials.h"

#include <stdint.h>

typedef struct kn_identity kn_identity;

/* One client's copy. Starts as zeroes; wiped by its owner. */
typedef struct kn_signer {
    kn_credentials credentials;
    uint64_t version; /* changes when the keys do; 0: none yet */
} kn_signer;

/* The one of this configuration, shared; nothing is looked for yet. */
KN_MUST_CHECK bool kn_identity_acquire(const kn_aws_config *config, kn_identity **out, kn_err *err);
void kn_identity_release(kn_identity *identity); /* the last one wipes it */

/* Brings the copy up to date, looking for credentials when there are none or they expire. Costs a
 * look at the clock when nothing has changed. stop may be NULL. */
KN_MUST_CHECK bool kn_identity_update(kn_identity *identity, const kn_stop *stop, kn_signer *signer,
                                      kn_err *err);

/* A service has refused the credentials of this version. Looks for others, unless somebody has
 * done so since, and copies them. Fails when there are none but these. */
KN_MUST_CHECK bool kn_identity_renew(kn_identity *identity, uint64_t refused, const kn_stop *stop,
                                     kn_signer *signer, kn_err *err);

#endif
