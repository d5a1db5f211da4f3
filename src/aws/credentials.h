/* Who signs. A chain of providers, asked in order; the first that has credentials answers:
 * explicit, environment, shared credentials file, config file.
 *
 * Left for later: web identity, assumed roles, credential_process, SSO, containers, the instance's
 * metadata. A profile that asks for one of those says so. */
#ifndef KN_AWS_CREDENTIALS_H
#define KN_AWS_CREDENTIALS_H

#include "aws/config.h"
#include "base/err.h"

#include <stdint.h>

typedef struct kn_credentials {
    char access_key[256];
    char secret_key[256];
    char session_token[8192]; /* "" when none */
    int64_t expires_ms;       /* 0: never, or not known */
    char source[1024];        /* for people: "environment", "profile prod: role arn:... from ..." */
} kn_credentials;

/* When nothing is found, the message lists what was looked at and what to do. */
KN_MUST_CHECK bool kn_credentials_find(const kn_aws_config *config, kn_credentials *out,
                                       kn_err *err);
void kn_credentials_wipe(kn_credentials *credentials);

#endif
