/* What a caller says about how to reach AWS, or a server that speaks its protocols. Everything left
 * empty (or 0) is found as the SDKs find it: the environment, then the profile (credentials.h,
 * endpoint.h).
 *
 * Fixed sizes, so that it is copied by value and wiped whole. */
#ifndef KN_AWS_CONFIG_H
#define KN_AWS_CONFIG_H

#include <stdbool.h>

typedef enum { KN_UNSET, KN_YES, KN_NO } kn_tristate;

typedef struct kn_aws_config {
    char endpoint[512]; /* "http://127.0.0.1:4566": scheme and authority, for every service */
    char region[64];
    kn_tristate fips, dualstack; /* AWS's endpoints of that kind */
    char profile[128];
    char access_key[256]; /* with secret_key: explicit credentials, nothing else is looked at */
    char secret_key[256];
    char session_token[8192]; /* optional, with the two above */
    char ca_bundle[4096];     /* a file of certificates, in place of the system's */
    bool insecure;            /* believes any certificate; whoever sets it tells the user */
    char retry_mode[16];      /* standard, adaptive or legacy */
    int max_attempts;         /* sends of one request, the first included (retry.h) */
    int timeout_ms;           /* of one attempt, connecting included; 0: 60 s */
} kn_aws_config;

#endif
