/* See credentials.h. The chain is the table `providers`. */
#include "aws/credentials.h"

#include "aws/profile.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

/* Sets *found and fills out, or appends to looked what was looked at in vain. Fails when what it
 * found is not usable: then no other provider is asked. */
typedef bool provider(const kn_aws_config *config, kn_credentials *out, bool *found, kn_buf *looked,
                      kn_err *err);

static bool from_config(const kn_aws_config *config, kn_credentials *out, bool *found,
                        kn_buf *looked, kn_err *err) {
    (void)looked;
    if (!config->access_key[0] && !config->secret_key[0])
        return true;
    if (!config->access_key[0] || !config->secret_key[0])
        return kn_fail(err, KN_EINVAL, "access_key and secret_key belong together: %s is missing",
                       config->access_key[0] ? "secret_key" : "access_key");
    memcpy(out->access_key, config->access_key, sizeof out->access_key);
    memcpy(out->secret_key, config->secret_key, sizeof out->secret_key);
    memcpy(out->session_token, config->session_token, sizeof out->session_token);
    *found = true;
    return true;
}

static bool copy_variable(const char *name, char *out, size_t size, kn_err *err) {
    const char *value = getenv(name);
    int n = snprintf(out, size, "%s", value ? value : "");
    if (n < 0 || (size_t)n >= size)
        return kn_fail(err, KN_ELIMIT, "%s is longer than %zu bytes", name, size - 1);
    return true;
}

static bool from_environment(const kn_aws_config *config, kn_credentials *out, bool *found,
                             kn_buf *looked, kn_err *err) {
    if (config->profile[0]) /* a profile asked for by name goes before the environment */
        return true;
    if (!copy_variable("AWS_ACCESS_KEY_ID", out->access_key, sizeof out->access_key, err) ||
        !copy_variable("AWS_SECRET_ACCESS_KEY", out->secret_key, sizeof out->secret_key, err) ||
        !copy_variable("AWS_SESSION_TOKEN", out->session_token, sizeof out->session_token, err))
        return false;
    if (out->access_key[0] && !out->secret_key[0])
        return kn_fail(err, KN_EINVAL,
                       "AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not: set both");
    *found = out->access_key[0] != '\0';
    if (!*found)
        kn_buf_cstr(looked, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (not set); ");
    return true;
}

static bool copy_setting(const kn_profiles *profiles, kn_profile_file file, const char *profile,
                         const char *setting, char *out, size_t size, kn_err *err) {
    const char *value = kn_profiles_get_from(profiles, file, profile, setting);
    int n = snprintf(out, size, "%s", value ? value : "");
    if (n < 0 || (size_t)n >= size)
        return kn_fail(err, KN_ELIMIT, "%s of profile %s is longer than %zu bytes", setting,
                       profile, size - 1);
    return true;
}

static bool from_file(kn_profile_file file, const kn_aws_config *config, kn_credentials *out,
                      bool *found, kn_buf *looked, kn_err *err) {
    const char *profile = kn_profile_name(config->profile);
    kn_profiles *profiles;
    if (!kn_profiles_load(&profiles, err))
        return false;
    bool has_profile = kn_profiles_has(profiles, KN_SECTION_PROFILE, profile);
    bool ok = copy_setting(profiles, file, profile, "aws_access_key_id", out->access_key,
                           sizeof out->access_key, err) &&
              copy_setting(profiles, file, profile, "aws_secret_access_key", out->secret_key,
                           sizeof out->secret_key, err) &&
              copy_setting(profiles, file, profile, "aws_session_token", out->session_token,
                           sizeof out->session_token, err);
    kn_profiles_destroy(profiles);
    kn_buf path;
    kn_err ignored;
    kn_buf_init(&path, 4096);
    const char *name = kn_profile_path(file, &path, &ignored) ? path.p : "(no home folder)";
    if (ok && out->access_key[0] && !out->secret_key[0])
        ok = kn_fail(err, KN_EINVAL,
                     "%s: profile %s has aws_access_key_id but no aws_secret_access_key", name,
                     profile);
    *found = ok && out->access_key[0] != '\0';
    if (!*found)
        kn_buf_printf(looked, "%s (%s %s); ", name,
                      has_profile ? "no keys in profile" : "no profile", profile);
    kn_buf_free(&path);
    return ok;
}

static bool from_credentials_file(const kn_aws_config *config, kn_credentials *out, bool *found,
                                  kn_buf *looked, kn_err *err) {
    return from_file(KN_PROFILE_CREDENTIALS, config, out, found, looked, err);
}

/* Settings that name a provider that is not here: better said than passed over. */
static bool refuse_other_providers(const char *profile, kn_err *err) {
    static const char *const settings[] = {"role_arn", "sso_session", "sso_start_url",
                                           "credential_process", "web_identity_token_file"};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        char value[2048];
        if (!kn_profile_get(profile, settings[i], value, sizeof value, err))
            return false;
        if (value[0])
            return kn_fail(err, KN_EINVAL,
                           "profile %s uses %s, which is not supported: run "
                           "`aws configure export-credentials --profile %s --format env` and set "
                           "what it prints",
                           profile, settings[i], profile);
    }
    return true;
}

static bool from_config_file(const kn_aws_config *config, kn_credentials *out, bool *found,
                             kn_buf *looked, kn_err *err) {
    if (!from_file(KN_PROFILE_CONFIG, config, out, found, looked, err))
        return false;
    return *found || refuse_other_providers(kn_profile_name(config->profile), err);
}

static const struct {
    const char *name;
    provider *load;
} providers[] = {
    {"explicit", from_config},
    {"environment", from_environment},
    {"credentials file", from_credentials_file},
    {"config file", from_config_file},
};

bool kn_credentials_find(const kn_aws_config *config, kn_credentials *out, kn_err *err) {
    kn_buf looked;
    kn_buf_init(&looked, 1500);
    bool found = false, ok = true;
    for (size_t i = 0; ok && !found && i < sizeof providers / sizeof *providers; i++) {
        *out = (kn_credentials){.expires_ms = 0};
        snprintf(out->source, sizeof out->source, "%s", providers[i].name);
        ok = providers[i].load(config, out, &found, &looked, err);
    }
    if (ok && !found)
        ok = kn_fail(err, KN_EINVAL,
                     "no AWS credentials. Looked at: %sset AWS_ACCESS_KEY_ID and "
                     "AWS_SECRET_ACCESS_KEY, or run `aws configure`",
                     kn_buf_view(&looked).p);
    if (!ok)
        kn_credentials_wipe(out);
    kn_buf_free(&looked);
    return ok;
}

void kn_credentials_wipe(kn_credentials *credentials) {
    OPENSSL_cleanse(credentials, sizeof *credentials);
}
