/* See settings.h. */
#include "aws/settings.h"

#include "aws/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *kn_setting_variable(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

bool kn_setting_text(const kn_aws_config *config, const char *given, const char *variable,
                     const char *setting, char *out, size_t size, kn_err *err) {
    const char *value = given && *given ? given : kn_setting_variable(variable);
    if (!value)
        return kn_profile_get(kn_profile_name(config->profile), setting, out, size, err);
    int n = snprintf(out, size, "%s", value);
    if (n < 0 || (size_t)n >= size)
        return kn_fail(err, KN_EINVAL, "%s is longer than %zu bytes",
                       value == given ? setting : variable, size - 1);
    return true;
}

/* Which of the two places a value came from, for messages. */
static const char *place_of(const char *variable, const char *setting) {
    return kn_setting_variable(variable) ? variable : setting;
}

bool kn_setting_flag(const kn_aws_config *config, kn_tristate given, const char *variable,
                     const char *setting, bool *out, kn_err *err) {
    char text[16];
    if (given != KN_UNSET) {
        *out = given == KN_YES;
        return true;
    }
    if (!kn_setting_text(config, NULL, variable, setting, text, sizeof text, err))
        return false;
    bool yes = strcasecmp(text, "true") == 0;
    if (text[0] && !yes && strcasecmp(text, "false") != 0)
        return kn_fail(err, KN_EINVAL, "%s is '%s': it can be true or false",
                       place_of(variable, setting), text);
    if (text[0])
        *out = yes;
    return true;
}

bool kn_setting_number(const kn_aws_config *config, int given, const char *variable,
                       const char *setting, int most, int *out, kn_err *err) {
    char text[16], *end;
    if (given) {
        *out = given;
        return true;
    }
    if (!kn_setting_text(config, NULL, variable, setting, text, sizeof text, err))
        return false;
    if (!text[0])
        return true;
    long value = strtol(text, &end, 10);
    if (*end || value < 1 || value > most)
        return kn_fail(err, KN_EINVAL, "%s is '%s': it can be a whole number from 1 to %d",
                       place_of(variable, setting), text, most);
    *out = (int)value;
    return true;
}
