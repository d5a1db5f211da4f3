/* SSO (IAM Identity Center): the token that `aws sso login` left in ~/.aws/sso/cache is exchanged
 * for the credentials of a role. A token of an sso-session that is about to expire is refreshed,
 * and put back into the cache for the other tools; one that cannot be is said to be stale, with the
 * command that makes a new one. Logging in is left to the AWS CLI.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html */
#include "aws/endpoint.h"
#include "aws/error.h"
#include "aws/providers.h"
#include "base/file.h"
#include "base/log.h"
#include "base/time.h"
#include "net/fetch.h"
#include "net/uri.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ATTEMPTS = 3,
    TIMEOUT_MS = 10000,
    CACHE_MAX = 256 << 10,
    ROOM = 32 << 10,
    EARLY_MS = 15 * 60 * 1000, /* a token with less to live is refreshed */
};

static const kn_api portal = {.name = "sso",
                              .signing_name = "awsssoportal",
                              .host = "portal.sso",
                              .variable = "SSO",
                              .protocol = KN_PROTOCOL_JSON};
static const kn_operation get_role_credentials = {.api = &portal, .name = "GetRoleCredentials"};
static const kn_api oidc = {.name = "sso-oidc",
                            .signing_name = "sso-oauth",
                            .host = "oidc",
                            .variable = "SSO_OIDC",
                            .protocol = KN_PROTOCOL_JSON};
static const kn_operation create_token = {.api = &oidc, .name = "CreateToken"};

typedef struct sso {
    const char *profile, *session; /* session NULL: the older settings, all in the profile */
    const char *start_url, *region, *account, *role;
    char path[1024];   /* of the cached token */
    char bundle[4096]; /* certificates to trust */
    json_t *cache;
    const kn_stop *stop;
} sso;

/* ---- settings ---- */

static bool need(const char **out, const kn_profiles *profiles, kn_section section,
                 const char *name, const char *setting, kn_err *err) {
    *out = kn_profiles_get(profiles, section, name, setting);
    if (*out && **out)
        return true;
    return kn_fail(err, KN_EINVAL, "%s%s has no %s",
                   section == KN_SECTION_PROFILE ? "" : "sso-session ",
                   section == KN_SECTION_PROFILE ? "it" : name, setting);
}

static bool read_settings(const kn_search *search, const char *profile, sso *s, kn_err *err) {
    const kn_profiles *p = search->profiles;
    *s = (sso){.profile = profile, .stop = search->stop};
    s->session = kn_profiles_get(p, KN_SECTION_PROFILE, profile, "sso_session");
    if (s->session && !kn_profiles_has(p, KN_SECTION_SSO_SESSION, s->session))
        return kn_fail(err, KN_EINVAL, "there is no [sso-session %s] in the AWS config file",
                       s->session);
    kn_section section = s->session ? KN_SECTION_SSO_SESSION : KN_SECTION_PROFILE;
    const char *name = s->session ? s->session : profile;
    return need(&s->account, p, KN_SECTION_PROFILE, profile, "sso_account_id", err) &&
           need(&s->role, p, KN_SECTION_PROFILE, profile, "sso_role_name", err) &&
           need(&s->start_url, p, section, name, "sso_start_url", err) &&
           need(&s->region, p, section, name, "sso_region", err);
}

static bool fail_stale(const sso *s, const char *why, kn_err *err) {
    return kn_fail(err, KN_EINVAL, "the SSO login %s: run `aws sso login --profile %s`", why,
                   s->profile);
}

/* ---- the cached token ---- */

static bool cache_path(sso *s, kn_err *err) {
    const char *home = getenv("HOME"), *key = s->session ? s->session : s->start_url;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (!home || !*home)
        return kn_fail(err, KN_EINVAL, "HOME is not set: no folder to look for the SSO login in");
    if (EVP_Digest(key, strlen(key), digest, &n, EVP_sha1(), NULL) != 1)
        return kn_fail(err, KN_ESTATE, "SHA-1 is not available");
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    for (unsigned i = 0; i < n; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    int length = snprintf(s->path, sizeof s->path, "%s/.aws/sso/cache/%s.json", home, hex);
    return (length > 0 && (size_t)length < sizeof s->path) ||
           kn_fail(err, KN_ELIMIT, "HOME is too long");
}

static bool read_cache(sso *s, kn_err *err) {
    kn_buf text;
    if (!cache_path(s, err))
        return false;
    if (access(s->path, F_OK) != 0)
        return fail_stale(s, "has not been made", err);
    kn_buf_init(&text, CACHE_MAX);
    kn_buf_reserve(&text, ROOM); /* one that grows would leave copies behind */
    bool ok = kn_file_read(s->path, &text, err);
    if (ok && !(s->cache = json_loadb(text.p, text.len, 0, NULL)))
        ok = fail_stale(s, "cannot be read from its cache", err);
    if (text.p)
        OPENSSL_cleanse(text.p, text.cap);
    kn_buf_free(&text);
    return ok;
}

static const char *cached(const sso *s, const char *name) {
    return json_string_value(json_object_get(s->cache, name));
}

/* Milliseconds that are left of the time in the member; below 0 when it is not there. */
static int64_t time_left(const sso *s, const char *name) {
    kn_credentials time = {.expires_ms = 0};
    kn_err ignored;
    const char *text = cached(s, name);
    if (!text || !kn_credentials_set_expiry(&time, text, &ignored))
        return -1;
    return time.expires_ms - kn_time_now_ms();
}

/* ---- refreshing it ---- */

static bool service_url(const sso *s, const kn_api *api, kn_endpoint *out, kn_err *err) {
    kn_aws_config config = {.region = ""};
    return kn_credentials_copy(config.region, sizeof config.region, s->region, "sso_region", err) &&
           kn_credentials_copy(config.profile, sizeof config.profile, s->profile,
                               "the profile's name", err) &&
           kn_endpoint_find(&config, api, out, err);
}

static bool write_cache(const sso *s, kn_err *err) {
    char *text = json_dumps(s->cache, JSON_INDENT(2));
    if (!text)
        return kn_fail(err, KN_ENOMEM, "out of memory for the SSO login");
    bool ok = kn_file_write(s->path, kn_slice_cstr(text), err);
    OPENSSL_cleanse(text, strlen(text));
    free(text);
    return ok;
}

static bool take_token(sso *s, const json_t *reply, kn_err *err) {
    const char *token = json_string_value(json_object_get(reply, "accessToken"));
    const char *refresh = json_string_value(json_object_get(reply, "refreshToken"));
    json_int_t seconds = json_integer_value(json_object_get(reply, "expiresIn"));
    char expires[32];
    if (!token || seconds <= 0 || seconds > 10 * 366 * 86400LL)
        return kn_fail(err, KN_EPARSE, "the answer holds no token");
    kn_time_iso(expires, kn_time_now_ms() + seconds * 1000, false, true);
    kn_json_wipe(json_object_get(s->cache, "accessToken"));
    json_object_set_new(s->cache, "accessToken", json_string(token));
    json_object_set_new(s->cache, "expiresAt", json_string(expires));
    if (refresh)
        json_object_set_new(s->cache, "refreshToken", json_string(refresh));
    kn_err unwritten; /* this program can go on without */
    if (!write_cache(s, &unwritten))
        kn_log(KN_LOG_WARNING, "The refreshed SSO login could not be kept: %s", unwritten.message);
    return true;
}

static bool refresh(sso *s, kn_err *err) {
    kn_endpoint endpoint;
    char url[600];
    if (!service_url(s, &oidc, &endpoint, err))
        return false;
    snprintf(url, sizeof url, "%s/token", endpoint.url);
    json_t *form = json_pack("{ss ss ss ss}", "clientId", cached(s, "clientId"), "clientSecret",
                             cached(s, "clientSecret"), "grantType", "refresh_token",
                             "refreshToken", cached(s, "refreshToken"));
    char *text = form ? json_dumps(form, JSON_COMPACT) : NULL;
    const char *const headers[] = {"Content-Type: application/json"};
    const kn_transfer_request request = {.method = "POST",
                                         .url = url,
                                         .headers = headers,
                                         .header_count = 1,
                                         .body = kn_slice_cstr(text),
                                         .timeout_ms = TIMEOUT_MS,
                                         .secret = true};
    kn_fetched fetched = {.status = 0};
    bool ok = text ? kn_fetch(&request, s->bundle, ATTEMPTS, s->stop, &fetched, err)
                   : kn_fail(err, KN_ENOMEM, "out of memory for the SSO login");
    kn_reply reply = kn_fetched_reply(&fetched);
    if (ok && fetched.status != 200) {
        kn_aws_decode_error(&create_token, &reply, err);
        ok = false;
    }
    if (ok) {
        json_t *body = json_loadb(reply.body.p, reply.body.n, 0, NULL);
        ok = take_token(s, body, err);
        kn_json_wipe(body);
        json_decref(body);
    }
    if (text)
        OPENSSL_cleanse(text, strlen(text));
    free(text);
    kn_json_wipe(form);
    json_decref(form);
    kn_fetched_free(&fetched);
    return ok;
}

/* A token that lives; refreshed where that is possible. */
static bool freshen(sso *s, kn_err *err) {
    int64_t left = time_left(s, "expiresAt");
    bool can = s->session && cached(s, "refreshToken") && cached(s, "clientId") &&
               cached(s, "clientSecret") && time_left(s, "registrationExpiresAt") > 0;
    kn_err why;
    if (!cached(s, "accessToken"))
        return fail_stale(s, "holds no token", err);
    if (left > EARLY_MS || (can && refresh(s, &why)))
        return true;
    if (kn_stop_asked(s->stop))
        return kn_fail(err, KN_ECANCEL, "interrupted while refreshing the SSO login");
    if (left > 0) {
        if (can)
            kn_log(KN_LOG_WARNING, "The SSO login could not be refreshed: %s", why.message);
        return true;
    }
    fail_stale(s, "has expired", err);
    return can ? kn_fail_within(err, "%.300s", why.message) : false;
}

/* ---- the role's credentials ---- */

static bool read_role_credentials(kn_slice body, kn_credentials *out, kn_err *err) {
    static const kn_credential_names names = {"accessKeyId", "secretAccessKey", "sessionToken",
                                              "expiration"};
    json_t *reply = json_loadb(body.p, body.n, 0, NULL);
    bool ok = kn_credentials_from_json(json_object_get(reply, "roleCredentials"), &names, out, err);
    json_decref(reply);
    return ok;
}

static bool exchange(const sso *s, kn_credentials *out, kn_err *err) {
    kn_endpoint endpoint;
    kn_buf url, line;
    kn_fetched fetched = {.status = 0};
    kn_buf_init(&url, 4096);
    kn_buf_init(&line, ROOM);
    kn_buf_reserve(&line, ROOM - 1);
    bool ok = service_url(s, &portal, &endpoint, err);
    if (ok) {
        kn_buf_printf(&url, "%s/federation/credentials?role_name=", endpoint.url);
        kn_uri_encode(&url, kn_slice_cstr(s->role), false);
        kn_buf_cstr(&url, "&account_id=");
        kn_uri_encode(&url, kn_slice_cstr(s->account), false);
        kn_buf_printf(&line, "x-amz-sso_bearer_token: %s", cached(s, "accessToken"));
        ok = kn_buf_check(&url, "the URL", err) && kn_buf_check(&line, "the SSO token", err);
    }
    if (ok && strpbrk(line.p, "\r\n"))
        ok = kn_fail(err, KN_EPARSE, "the SSO token holds a line break");
    if (ok) {
        const char *const headers[] = {line.p};
        const kn_transfer_request request = {.method = "GET",
                                             .url = url.p,
                                             .headers = headers,
                                             .header_count = 1,
                                             .timeout_ms = TIMEOUT_MS,
                                             .secret = true};
        ok = kn_fetch(&request, s->bundle, ATTEMPTS, s->stop, &fetched, err);
    }
    kn_reply reply = kn_fetched_reply(&fetched);
    if (ok && fetched.status == 401) {
        ok = fail_stale(s, "is not valid any more", err);
    } else if (ok && fetched.status != 200) {
        kn_aws_decode_error(&get_role_credentials, &reply, err);
        ok = kn_fail_within(err, "role %s of account %s", s->role, s->account);
    }
    ok = ok && read_role_credentials(reply.body, out, err);
    if (line.p)
        OPENSSL_cleanse(line.p, line.cap);
    kn_buf_free(&line);
    kn_buf_free(&url);
    kn_fetched_free(&fetched);
    return ok;
}

bool kn_sso_credentials(const kn_search *search, const char *profile, kn_credentials *out,
                        kn_err *err) {
    sso s;
    bool ok = read_settings(search, profile, &s, err) && kn_search_trust(search, s.bundle, err) &&
              read_cache(&s, err) && freshen(&s, err) && exchange(&s, out, err);
    if (ok)
        snprintf(out->source, sizeof out->source, "profile %s: SSO %s, role %s of account %s",
                 profile, s.session ? s.session : s.start_url, s.role, s.account);
    kn_json_wipe(s.cache);
    json_decref(s.cache);
    return ok;
}
