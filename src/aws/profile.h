/* The AWS configuration files: ~/.aws/config and ~/.aws/credentials (INI), and which profile and
 * files the environment names (AWS_PROFILE, AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE).
 * Nested settings (indented lines) are not read.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html */
#ifndef KN_AWS_PROFILE_H
#define KN_AWS_PROFILE_H

#include "base/buf.h"

typedef enum { KN_PROFILE_CREDENTIALS, KN_PROFILE_CONFIG } kn_profile_file;

/* The profile asked for: given, else AWS_PROFILE, else "default". given may be NULL or "". */
const char *kn_profile_name(const char *given);

/* Appends the path of the file; fails when it is not named and there is no home folder. */
KN_MUST_CHECK bool kn_profile_path(kn_profile_file file, kn_buf *path, kn_err *err);

/* Copies the setting into out (size bytes, "" when the file, the profile or the setting is absent).
 * *has_profile (may be NULL): the file has a section of this profile. Fails when the file cannot be
 * read, or the value does not fit. */
KN_MUST_CHECK bool kn_profile_get(kn_profile_file file, const char *profile, const char *setting,
                                  char *out, size_t size, bool *has_profile, kn_err *err);

#endif
