/* The AWS configuration files, ~/.aws/config and ~/.aws/credentials, and what the environment says
 * about them: AWS_PROFILE, AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE.
 *
 *     [profile name]   in config; [name] in credentials; [default] in both
 *     [sso-session name], [services name]                   in config
 *     key = value      a line that is indented further goes on with the value above it, or, when
 *       inner = value  that value is empty, is a setting inside it
 *     # comment, ; comment: a line of its own, or after white space behind a value
 *
 * Keys are read in any case. Sections of the same name are one; of a setting given twice the last
 * counts. [profile default] hides [default]. For one profile the credentials file goes before the
 * config file. Sections of other kinds are passed over.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html */
#ifndef KN_AWS_PROFILE_H
#define KN_AWS_PROFILE_H

#include "base/buf.h"

typedef enum { KN_PROFILE_CREDENTIALS, KN_PROFILE_CONFIG } kn_profile_file;

typedef enum { KN_SECTION_PROFILE, KN_SECTION_SSO_SESSION, KN_SECTION_SERVICES } kn_section;

/* The profile asked for: given, else AWS_PROFILE, else "default". given may be NULL or "". */
const char *kn_profile_name(const char *given);

/* Both files, in memory. They may hold secrets: destroy wipes them. */
typedef struct kn_profiles kn_profiles;

/* Reads the files; one that is absent is empty. Fails, with path and line, when one cannot be read
 * or is malformed. */
KN_MUST_CHECK bool kn_profiles_load(kn_profiles **out, kn_err *err);
/* The same, from texts; the names are for errors. */
KN_MUST_CHECK bool kn_profiles_parse(kn_slice config, const char *config_name, kn_slice credentials,
                                     const char *credentials_name, kn_profiles **out, kn_err *err);
void kn_profiles_destroy(kn_profiles *profiles);

bool kn_profiles_has(const kn_profiles *profiles, kn_section section, const char *name);

/* Values live as long as profiles; NULL when the section or the setting is absent. */
const char *kn_profiles_get(const kn_profiles *profiles, kn_section section, const char *name,
                            const char *setting);
/* What one of the files says about a profile. */
const char *kn_profiles_get_from(const kn_profiles *profiles, kn_profile_file file,
                                 const char *profile, const char *setting);
/* Of a setting inside a setting: "s3 =" and below it "  endpoint_url = ...". */
const char *kn_profiles_get_inner(const kn_profiles *profiles, kn_section section, const char *name,
                                  const char *setting, const char *inner);
/* endpoint_url of the service in the section [services X] that the profile's setting services
 * names. service as in that file, in any case: "s3", "sso_oidc". */
const char *kn_profiles_service_endpoint(const kn_profiles *profiles, const char *profile,
                                         const char *service);

/* Appends the names of the profiles: "base, default, prod". */
void kn_profiles_list(const kn_profiles *profiles, kn_buf *out);

/* Fails when there is no profile of that name; the message lists those that there are. */
KN_MUST_CHECK bool kn_profiles_need(const kn_profiles *profiles, const char *name, kn_err *err);
/* The same of the one asked for (given, else AWS_PROFILE); when nobody asks, nothing is missing. */
KN_MUST_CHECK bool kn_profiles_check(const kn_profiles *profiles, const char *given, kn_err *err);

/* Loads the files, and copies one setting of the profile into out ("" when it is absent). Fails
 * also when the value is longer than size - 1 bytes. */
KN_MUST_CHECK bool kn_profile_get(const char *profile, const char *setting, char *out, size_t size,
                                  kn_err *err);

#endif
