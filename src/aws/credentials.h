/* Who signs. A chain of providers, asked in order; the first that has credentials answers:
 *
 *     explicit         what the caller gives
 *     environment      AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *     web identity     AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME
 *     profile          of the files (profile.h): role_arn with source_profile or credential_source,
 *                      web_identity_token_file, sso_*, keys, credential_process
 *     container        AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, AWS_CONTAINER_CREDENTIALS_FULL_URI
 *     instance         the EC2 instance's metadata service, version 2
 *
 * A profile that is given by name goes before the environment; AWS_PROFILE does not. What is found
 * and does not work (a file that is malformed, a role that may not be assumed) is an error: nobody
 * else is asked then.
 *
 * Left out on purpose: MFA (nobody may be there to type the code; the message says what to do),
 * version 1 of the metadata service, `aws login` sessions, writing credentials to a cache.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html */
#ifndef KN_AWS_CREDENTIALS_H
#define KN_AWS_CREDENTIALS_H

#include "aws/config.h"
#include "base/err.h"
#include "base/stop.h"

#include <stdint.h>

typedef struct kn_credentials {
    char access_key[256];
    char secret_key[256];
    char session_token[8192]; /* "" when none */
    int64_t expires_ms;       /* 0: never, or not known */
    char source[1024];        /* for people: "environment", "profile prod: role arn:... from ..." */
} kn_credentials;

/* Asks the chain once; may wait for the network or a command, unless stop (may be NULL) is asked:
 * then, and only then, the failure is KN_ECANCEL. When nothing is found, the message lists what was
 * looked at and what to do. */
KN_MUST_CHECK bool kn_credentials_find(const kn_aws_config *config, const kn_stop *stop,
                                       kn_credentials *out, kn_err *err);
void kn_credentials_wipe(kn_credentials *credentials);

#endif
