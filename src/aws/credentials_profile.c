/* Credentials of a profile. The ways, in the order of the table `ways`; a role needs the
 * credentials of another profile (which may be a role again) or of a named source.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html */
#include "aws/providers.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { PROCESS_MS = 60 * 1000 };

/* A profile under way, and those that led to it. */
typedef struct visit {
    const char *name;
    const struct visit *from;
} visit;

static bool from_profile(const kn_search *search, const visit *v, kn_credentials *out, bool *found,
                         kn_err *err);

static const char *get(const kn_search *search, const visit *v, const char *setting) {
    const char *value = kn_profiles_get(search->profiles, KN_SECTION_PROFILE, v->name, setting);
    return value && *value ? value : NULL;
}

static bool has_keys(const kn_search *search, const visit *v) {
    return get(search, v, "aws_access_key_id") && get(search, v, "aws_secret_access_key");
}

/* ---- roles ---- */

static bool read_role(const kn_search *search, const visit *v, kn_role *role, kn_err *err) {
    const char *duration = get(search, v, "duration_seconds");
    char *end = NULL;
    *role = (kn_role){.arn = get(search, v, "role_arn"),
                      .session_name = get(search, v, "role_session_name"),
                      .external_id = get(search, v, "external_id")};
    if (duration) {
        long seconds = strtol(duration, &end, 10);
        if (*end || seconds < 900 || seconds > 43200)
            return kn_fail(err, KN_EINVAL,
                           "profile %s: duration_seconds is '%s': it can be 900 to 43200", v->name,
                           duration);
        role->duration_s = (int)seconds;
    }
    return true;
}

static bool fail_cycle(const visit *v, const char *source, kn_err *err) {
    char path[800];
    size_t n = (size_t)snprintf(path, sizeof path, "%.100s", source);
    for (; v && n < sizeof path - 120; v = v->from)
        n += (size_t)snprintf(path + n, sizeof path - n, " <- %.100s", v->name);
    return kn_fail(err, KN_EINVAL,
                   "source_profile goes round in a circle: %s; one of them needs keys of its own",
                   path);
}

/* The credentials of another profile; or of the same, when that has keys. */
static bool from_source_profile(const kn_search *search, const visit *v, const char *source,
                                kn_credentials *out, kn_err *err) {
    visit next = {source, v};
    bool found = false;
    if (!kn_profiles_need(search->profiles, source, err))
        return kn_fail_within(err, "profile %s: source_profile", v->name);
    for (const visit *before = v; before; before = before->from)
        if (strcmp(before->name, source) == 0 && (before != v || !has_keys(search, &next)))
            return fail_cycle(v, source, err);
    if (!from_profile(search, &next, out, &found, err))
        return false;
    return found || kn_fail(err, KN_EINVAL, "profile %s: its source_profile %s has no credentials",
                            v->name, source);
}

static bool from_named_source(const kn_search *search, const visit *v, const char *source,
                              kn_credentials *out, kn_err *err) {
    static const struct {
        const char *name;
        kn_provider *provide;
    } sources[] = {{"Environment", kn_provide_environment},
                   {"Ec2InstanceMetadata", kn_provide_instance},
                   {"EcsContainer", kn_provide_container}};
    kn_buf looked;
    kn_search inner = *search;
    bool found = false;
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        if (strcasecmp(sources[i].name, source) != 0)
            continue;
        kn_buf_init(&looked, 1000);
        inner.looked = &looked;
        bool ok = sources[i].provide(&inner, out, &found, err);
        if (ok && !found)
            ok = kn_fail(err, KN_EINVAL, "profile %s: credential_source %s has none: %s", v->name,
                         source, kn_buf_view(&looked).p);
        kn_buf_free(&looked);
        return ok;
    }
    return kn_fail(err, KN_EINVAL,
                   "profile %s: credential_source is '%s': it can be Environment, "
                   "Ec2InstanceMetadata or EcsContainer",
                   v->name, source);
}

static bool way_role(const kn_search *search, const visit *v, kn_credentials *out, bool *found,
                     kn_err *err) {
    kn_role role;
    const char *source = get(search, v, "source_profile"),
               *named = get(search, v, "credential_source");
    if (!get(search, v, "role_arn") || get(search, v, "web_identity_token_file") ||
        (v->from && has_keys(search, v))) /* as a source, keys go before its role */
        return true;
    if (!source == !named)
        return kn_fail(err, KN_EINVAL,
                       "profile %s has role_arn, and %s source_profile %s credential_source: one "
                       "of the two says whose credentials assume the role",
                       v->name, source ? "both" : "neither", source ? "and" : "nor");
    if (get(search, v, "mfa_serial"))
        return kn_fail(err, KN_EINVAL,
                       "profile %s asks for an MFA code (mfa_serial), and kinessis never asks "
                       "for one: run `eval \"$(aws configure export-credentials --profile %s "
                       "--format env)\"` first, and leave out --profile",
                       v->name, v->name);
    kn_credentials base = {.expires_ms = 0};
    bool ok = read_role(search, v, &role, err) &&
              (source ? from_source_profile(search, v, source, &base, err)
                      : from_named_source(search, v, named, &base, err)) &&
              (kn_sts_assume_role(search, &role, &base, out, err) ||
               kn_fail_within(err, "profile %s: role %s with the credentials of %s", v->name,
                              role.arn, base.source));
    if (ok)
        snprintf(out->source, sizeof out->source, "profile %s: role %s from %.600s", v->name,
                 role.arn, base.source);
    kn_credentials_wipe(&base);
    *found = ok;
    return ok;
}

/* ---- the other ways ---- */

static bool way_web_identity(const kn_search *search, const visit *v, kn_credentials *out,
                             bool *found, kn_err *err) {
    const char *file = get(search, v, "web_identity_token_file");
    kn_role role;
    if (!file)
        return true;
    if (!read_role(search, v, &role, err))
        return false;
    if (!role.arn)
        return kn_fail(err, KN_EINVAL, "profile %s has web_identity_token_file, but no role_arn",
                       v->name);
    if (!kn_sts_web_identity(search, &role, file, out, err))
        return kn_fail_within(err, "profile %s: role %s with web identity", v->name, role.arn);
    snprintf(out->source, sizeof out->source, "profile %s: role %s with web identity", v->name,
             role.arn);
    *found = true;
    return true;
}

static bool way_sso(const kn_search *search, const visit *v, kn_credentials *out, bool *found,
                    kn_err *err) {
    if (!get(search, v, "sso_account_id") && !get(search, v, "sso_role_name"))
        return true;
    if (!kn_sso_credentials(search, v->name, out, err))
        return kn_fail_within(err, "profile %s", v->name);
    *found = true;
    return true;
}

static bool keys_of(kn_profile_file file, const kn_search *search, const visit *v,
                    kn_credentials *out, bool *found, kn_err *err) {
    static const char *const names[] = {"aws_access_key_id", "aws_secret_access_key",
                                        "aws_session_token"};
    const char *kind = file == KN_PROFILE_CONFIG ? "config" : "credentials";
    const char *values[3];
    for (size_t i = 0; i < 3; i++)
        values[i] = kn_profiles_get_from(search->profiles, file, v->name, names[i]);
    if (!values[0] || !*values[0])
        return true;
    if (!values[1] || !*values[1])
        return kn_fail(err, KN_EINVAL, "profile %s of the %s file has %s, but no %s", v->name, kind,
                       names[0], names[1]);
    if (!kn_credentials_copy(out->access_key, sizeof out->access_key, values[0], names[0], err) ||
        !kn_credentials_copy(out->secret_key, sizeof out->secret_key, values[1], names[1], err) ||
        !kn_credentials_copy(out->session_token, sizeof out->session_token, values[2], names[2],
                             err))
        return false;
    snprintf(out->source, sizeof out->source, "profile %s of the %s file", v->name, kind);
    *found = true;
    return true;
}

static bool way_credentials_file(const kn_search *search, const visit *v, kn_credentials *out,
                                 bool *found, kn_err *err) {
    return keys_of(KN_PROFILE_CREDENTIALS, search, v, out, found, err);
}

static bool way_config_file(const kn_search *search, const visit *v, kn_credentials *out,
                            bool *found, kn_err *err) {
    return keys_of(KN_PROFILE_CONFIG, search, v, out, found, err);
}

static bool way_process(const kn_search *search, const visit *v, kn_credentials *out, bool *found,
                        kn_err *err) {
    const char *command = get(search, v, "credential_process");
    if (!command)
        return true;
    if (!kn_process_credentials(command, PROCESS_MS, search->stop, out, err))
        return kn_fail_within(err, "profile %s: credential_process", v->name);
    snprintf(out->source, sizeof out->source, "profile %s: credential_process", v->name);
    *found = true;
    return true;
}

static bool from_profile(const kn_search *search, const visit *v, kn_credentials *out, bool *found,
                         kn_err *err) {
    static bool (*const ways[])(const kn_search *, const visit *, kn_credentials *, bool *,
                                kn_err *) = {
        way_role, way_web_identity, way_sso, way_credentials_file, way_process, way_config_file};
    bool ok = true;
    for (size_t i = 0; ok && !*found && i < sizeof ways / sizeof *ways; i++)
        ok = ways[i](search, v, out, found, err);
    return ok;
}

bool kn_provide_profile(const kn_search *search, kn_credentials *out, bool *found, kn_err *err) {
    const visit v = {search->profile, NULL};
    if (!kn_profiles_has(search->profiles, KN_SECTION_PROFILE, v.name)) {
        kn_buf_printf(search->looked, "profile %s (not in the configuration files); ", v.name);
        return true;
    }
    if (!from_profile(search, &v, out, found, err))
        return false;
    if (!*found)
        kn_buf_printf(search->looked, "profile %s (has no credentials); ", v.name);
    return true;
}
