/* What the providers of credentials share. For credentials*.c alone: everybody else asks
 * credentials.h, or identity.h.
 *
 * A provider sets *found and fills out; or appends to search->looked what it looked at in vain; or
 * fails, when what it found is not usable: then no other provider is asked. */
#ifndef KN_AWS_PROVIDERS_H
#define KN_AWS_PROVIDERS_H

#include "aws/credentials.h"
#include "aws/profile.h"
#include "base/buf.h"

#include <jansson.h>

typedef struct kn_search {
    const kn_aws_config *config;
    const kn_profiles *profiles;
    const char *profile; /* the one asked for, or the default one */
    kn_buf *looked;      /* "environment (AWS_ACCESS_KEY_ID is not set); " */
    const kn_stop *stop; /* may be NULL */
} kn_search;

/* The certificates to trust, where services are asked; bundle holds 4096 bytes. */
KN_MUST_CHECK bool kn_search_trust(const kn_search *search, char *bundle, kn_err *err);

typedef bool kn_provider(const kn_search *search, kn_credentials *out, bool *found, kn_err *err);

/* In credentials.c. */
bool kn_provide_environment(const kn_search *search, kn_credentials *out, bool *found, kn_err *err);
/* credentials_sts.c: AWS_WEB_IDENTITY_TOKEN_FILE. */
bool kn_provide_web_identity(const kn_search *search, kn_credentials *out, bool *found,
                             kn_err *err);
/* credentials_profile.c */
bool kn_provide_profile(const kn_search *search, kn_credentials *out, bool *found, kn_err *err);
/* credentials_http.c */
bool kn_provide_container(const kn_search *search, kn_credentials *out, bool *found, kn_err *err);
bool kn_provide_instance(const kn_search *search, kn_credentials *out, bool *found, kn_err *err);

typedef struct kn_role {
    const char *arn;
    const char *session_name; /* NULL: one is made up */
    const char *external_id;  /* NULL: none */
    int duration_s;           /* 0: the service's default */
} kn_role;

/* credentials_sts.c. They leave out->source alone. */
KN_MUST_CHECK bool kn_sts_assume_role(const kn_search *search, const kn_role *role,
                                      const kn_credentials *source, kn_credentials *out,
                                      kn_err *err);
KN_MUST_CHECK bool kn_sts_web_identity(const kn_search *search, const kn_role *role,
                                       const char *token_file, kn_credentials *out, kn_err *err);
/* The credentials in the reply to either, within the element `result`. */
KN_MUST_CHECK bool kn_sts_read(kn_slice body, const char *result, kn_credentials *out, kn_err *err);

/* credentials_sso.c: the profile's sso_* settings. */
KN_MUST_CHECK bool kn_sso_credentials(const kn_search *search, const char *profile,
                                      kn_credentials *out, kn_err *err);

/* credentials_process.c: what the command prints. It is killed when the time is over, or stop (may
 * be NULL) is asked. */
KN_MUST_CHECK bool kn_process_credentials(const char *command, int timeout_ms, const kn_stop *stop,
                                          kn_credentials *out, kn_err *err);
/* Its words, as a shell would part them: white space, '...', "...", backslash; nothing is expanded.
 * Appends them to out, each ended by NUL. Fails on a quote that does not end. */
KN_MUST_CHECK bool kn_process_split(const char *command, kn_buf *out, size_t *count, kn_err *err);

/* credentials_http.c: the URL of the container's credentials. relative goes first; either may be
 * NULL. Refuses plain http to a host that is not this machine or a container agent. */
KN_MUST_CHECK bool kn_container_url(const char *relative, const char *full, kn_buf *url,
                                    kn_err *err);

/* The names of an object's members. token and expiration may be absent in it. */
typedef struct kn_credential_names {
    const char *access_key, *secret_key, *session_token;
    const char *expiration; /* ISO 8601, or milliseconds as a number */
} kn_credential_names;

extern const kn_credential_names kn_metadata_names; /* AccessKeyId, ..., Token */

/* Copies them out of the object and wipes its strings. */
KN_MUST_CHECK bool kn_credentials_from_json(json_t *object, const kn_credential_names *names,
                                            kn_credentials *out, kn_err *err);
/* "2030-01-01T00:00:00Z" */
KN_MUST_CHECK bool kn_credentials_set_expiry(kn_credentials *out, const char *text, kn_err *err);
/* what: for the message when the value does not fit, or holds control characters. value NULL: "".
 */
KN_MUST_CHECK bool kn_credentials_copy(char *out, size_t size, const char *value, const char *what,
                                       kn_err *err);
void kn_json_wipe(json_t *value); /* the strings in it */

#endif
