/* See credentials.h. The chain is the table `providers`. */
#include "aws/credentials.h"

#include "aws/providers.h"
#include "aws/settings.h"
#include "base/time.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

const kn_credential_names kn_metadata_names = {"AccessKeyId", "SecretAccessKey", "Token",
                                               "Expiration"};

static const double EXPIRES_MOST_MS = 253402300800000; /* the year 10000 */

/* ---- what providers share ---- */

bool kn_credentials_copy(char *out, size_t size, const char *value, const char *what, kn_err *err) {
    size_t n = value ? strlen(value) : 0;
    if (n >= size)
        return kn_fail(err, KN_ELIMIT, "%s is longer than %zu bytes", what, size - 1);
    for (size_t i = 0; i < n; i++) /* it goes into a header */
        if ((unsigned char)value[i] < ' ' || value[i] == 0x7F)
            return kn_fail(err, KN_EINVAL, "%s holds a line break or another control character",
                           what);
    memcpy(out, value ? value : "", n);
    out[n] = '\0';
    return true;
}

bool kn_credentials_set_expiry(kn_credentials *out, const char *text, kn_err *err) {
    size_t n = strlen(text);
    /* Old caches of `aws sso login` end in UTC. */
    kn_slice time = {text, n > 3 && strcmp(text + n - 3, "UTC") == 0 ? n - 3 : n};
    if (!kn_time_parse_iso(time, &out->expires_ms))
        return kn_fail(err, KN_EPARSE, "'%.40s' is not a time", text);
    return true;
}

bool kn_search_trust(const kn_search *search, char *bundle, kn_err *err) {
    const kn_aws_config *config = search->config;
    return kn_setting_text(config, config->ca_bundle, "AWS_CA_BUNDLE", "ca_bundle", bundle,
                           sizeof config->ca_bundle, err);
}

void kn_json_wipe(json_t *value) {
    const char *key;
    json_t *member;
    size_t i;
    if (json_is_string(value))
        OPENSSL_cleanse((char *)json_string_value(value), json_string_length(value));
    else if (json_is_object(value))
        json_object_foreach(value, key, member) kn_json_wipe(member);
    else if (json_is_array(value))
        json_array_foreach(value, i, member) kn_json_wipe(member);
}

static bool copy_members(const json_t *object, const kn_credential_names *names,
                         kn_credentials *out, kn_err *err) {
    const char *access_key = json_string_value(json_object_get(object, names->access_key));
    const char *secret_key = json_string_value(json_object_get(object, names->secret_key));
    const json_t *expiration = json_object_get(object, names->expiration);
    if (!access_key || !*access_key || !secret_key || !*secret_key)
        return kn_fail(err, KN_EPARSE, "the answer has no %s",
                       !access_key || !*access_key ? names->access_key : names->secret_key);
    if (json_is_number(expiration) &&
        !(json_number_value(expiration) > 0 && json_number_value(expiration) < EXPIRES_MOST_MS))
        return kn_fail(err, KN_EPARSE, "its %s is not a time", names->expiration);
    if (json_is_number(expiration))
        out->expires_ms = (int64_t)json_number_value(expiration);
    return (!json_is_string(expiration) ||
            kn_credentials_set_expiry(out, json_string_value(expiration), err)) &&
           kn_credentials_copy(out->access_key, sizeof out->access_key, access_key,
                               names->access_key, err) &&
           kn_credentials_copy(out->secret_key, sizeof out->secret_key, secret_key,
                               names->secret_key, err) &&
           kn_credentials_copy(out->session_token, sizeof out->session_token,
                               json_string_value(json_object_get(object, names->session_token)),
                               names->session_token, err);
}

bool kn_credentials_from_json(json_t *object, const kn_credential_names *names, kn_credentials *out,
                              kn_err *err) {
    bool ok = copy_members(object, names, out, err);
    kn_json_wipe(object);
    return ok;
}

/* ---- the plain providers ---- */

static bool provide_explicit(const kn_search *search, kn_credentials *out, bool *found,
                             kn_err *err) {
    const kn_aws_config *config = search->config;
    if (!config->access_key[0] && !config->secret_key[0])
        return true;
    if (!config->access_key[0] || !config->secret_key[0])
        return kn_fail(err, KN_EINVAL, "access_key and secret_key belong together: %s is missing",
                       config->access_key[0] ? "secret_key" : "access_key");
    if (!kn_credentials_copy(out->access_key, sizeof out->access_key, config->access_key,
                             "access_key", err) ||
        !kn_credentials_copy(out->secret_key, sizeof out->secret_key, config->secret_key,
                             "secret_key", err) ||
        !kn_credentials_copy(out->session_token, sizeof out->session_token, config->session_token,
                             "session_token", err))
        return false;
    snprintf(out->source, sizeof out->source, "explicit");
    *found = true;
    return true;
}

static bool copy_variable(const char *name, char *out, size_t size, kn_err *err) {
    return kn_credentials_copy(out, size, getenv(name), name, err);
}

bool kn_provide_environment(const kn_search *search, kn_credentials *out, bool *found,
                            kn_err *err) {
    if (!copy_variable("AWS_ACCESS_KEY_ID", out->access_key, sizeof out->access_key, err) ||
        !copy_variable("AWS_SECRET_ACCESS_KEY", out->secret_key, sizeof out->secret_key, err) ||
        !copy_variable("AWS_SESSION_TOKEN", out->session_token, sizeof out->session_token, err))
        return false;
    if (out->access_key[0] && !out->secret_key[0])
        return kn_fail(err, KN_EINVAL,
                       "AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not: set both");
    *found = out->access_key[0] != '\0';
    if (*found)
        snprintf(out->source, sizeof out->source, "environment");
    else
        kn_buf_cstr(search->looked, "environment (AWS_ACCESS_KEY_ID is not set); ");
    return true;
}

/* ---- the chain ---- */

static const struct {
    kn_provider *provide;
    bool ambient; /* not asked when a profile is given by name: that goes before the environment */
} providers[] = {
    {provide_explicit, false},   {kn_provide_environment, true}, {kn_provide_web_identity, true},
    {kn_provide_profile, false}, {kn_provide_container, false},  {kn_provide_instance, false},
};

bool kn_credentials_find(const kn_aws_config *config, const kn_stop *stop, kn_credentials *out,
                         kn_err *err) {
    kn_buf looked;
    kn_profiles *profiles = NULL;
    kn_buf_init(&looked, 1500);
    *out = (kn_credentials){.expires_ms = 0};
    /* Explicit credentials work also where the files are broken. */
    bool found = false, given = config->access_key[0] || config->secret_key[0];
    bool ok =
        !kn_stop_asked(stop) && (given || (kn_profiles_load(&profiles, err) &&
                                           kn_profiles_check(profiles, config->profile, err)));
    kn_search search = {config, profiles, kn_profile_name(config->profile), &looked, stop};
    for (size_t i = 0; ok && !found && i < sizeof providers / sizeof *providers; i++) {
        if (config->profile[0] && providers[i].ambient)
            continue;
        kn_credentials_wipe(out);
        ok = providers[i].provide(&search, out, &found, err);
    }
    if (ok && !found)
        ok = kn_fail(err, KN_EINVAL,
                     "no AWS credentials. Looked at: %sset AWS_ACCESS_KEY_ID and "
                     "AWS_SECRET_ACCESS_KEY, or run `aws configure`",
                     kn_buf_view(&looked).p);
    if (!ok && kn_stop_asked(stop)) /* whatever a provider made of it */
        kn_fail(err, KN_ECANCEL, "interrupted while looking for credentials");
    if (!ok)
        kn_credentials_wipe(out);
    kn_profiles_destroy(profiles);
    kn_buf_free(&looked);
    return ok;
}

void kn_credentials_wipe(kn_credentials *credentials) {
    OPENSSL_cleanse(credentials, sizeof *credentials);
}
