/* Settings that are looked for where the SDKs look: what the caller gave, then environment
 * variables, then the profile's section of the AWS config file. A variable that is set but empty
 * counts as not set. docs/settings.md lists them all.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html */
#ifndef KN_AWS_SETTINGS_H
#define KN_AWS_SETTINGS_H

#include "aws/config.h"
#include "base/err.h"

#include <stddef.h>

/* The variable's value, or NULL when it is absent or empty. */
const char *kn_setting_variable(const char *name);

/* Copies the setting into out (size bytes); "" when nobody says anything. given may be NULL. Fails
 * when the value does not fit or the config file cannot be read. */
KN_MUST_CHECK bool kn_setting_text(const kn_aws_config *config, const char *given,
                                   const char *variable, const char *setting, char *out,
                                   size_t size, kn_err *err);

/* true or false, in any case; anything else is refused. *out stays when nobody says anything. */
KN_MUST_CHECK bool kn_setting_flag(const kn_aws_config *config, kn_tristate given,
                                   const char *variable, const char *setting, bool *out,
                                   kn_err *err);

/* A whole number from 1 to most; anything else is refused. *out stays when nobody says anything.
 * given: 0 for nothing. */
KN_MUST_CHECK bool kn_setting_number(const kn_aws_config *config, int given, const char *variable,
                                     const char *setting, int most, int *out, kn_err *err);

#endif
