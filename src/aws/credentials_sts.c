/* Temporary credentials of a role: AssumeRole, signed with other credentials, and
 * AssumeRoleWithWebIdentity, with a token from a file. STS is that of the region in use, else of
 * us-east-1; AWS_ENDPOINT_URL_STS counts.
 *
 * https://docs.aws.amazon.com/STS/latest/APIReference/ */
#include "aws/call.h"
#include "aws/endpoint.h"
#include "aws/error.h"
#include "aws/providers.h"
#include "aws/settings.h"
#include "base/file.h"
#include "base/time.h"
#include "net/fetch.h"
#include "net/uri.h"
#include "net/xml.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

enum { FORM_MAX = 64 << 10, TOKEN_MAX = 20000, ATTEMPTS = 3, TIMEOUT_MS = 10000 };

static const kn_operation *operation(const char *name) {
    return kn_operation_find(kn_api_find("sts"), name);
}

static void add_field(kn_buf *form, const char *name, const char *value) {
    if (!value)
        return;
    kn_buf_printf(form, "&%s=", name);
    kn_uri_encode(form, kn_slice_cstr(value), false);
}

static void begin_form(kn_buf *form, const kn_operation *op, const kn_role *role) {
    char name[40], seconds[12];
    snprintf(name, sizeof name, "kinessis-%lld", (long long)(kn_time_now_ms() / 1000));
    kn_buf_init(form, FORM_MAX);
    kn_buf_reserve(form, FORM_MAX / 2); /* one that grows would leave copies behind */
    kn_buf_printf(form, "Action=%s&Version=%s", op->name, op->api->target);
    add_field(form, "RoleArn", role->arn);
    add_field(form, "RoleSessionName", role->session_name ? role->session_name : name);
    add_field(form, "ExternalId", role->external_id);
    snprintf(seconds, sizeof seconds, "%d", role->duration_s);
    add_field(form, "DurationSeconds", role->duration_s ? seconds : NULL);
}

static void wipe(kn_buf *b) {
    if (b->p)
        OPENSSL_cleanse(b->p, b->cap);
    kn_buf_free(b);
}

static bool sts_config(const kn_search *search, kn_aws_config *out, kn_err *err) {
    const kn_aws_config *config = search->config;
    const char *given = config->region[0] ? config->region : kn_setting_variable("AWS_REGION");
    *out = (kn_aws_config){.max_attempts = ATTEMPTS, .timeout_ms = TIMEOUT_MS};
    memcpy(out->profile, config->profile, sizeof out->profile);
    memcpy(out->ca_bundle, config->ca_bundle, sizeof out->ca_bundle);
    if (!kn_setting_text(config, given, "AWS_DEFAULT_REGION", "region", out->region,
                         sizeof out->region, err))
        return false;
    if (!out->region[0])
        snprintf(out->region, sizeof out->region, "us-east-1");
    return true;
}

static void wipe_texts(const kn_xml_element *e) {
    for (; e; e = e->next) {
        OPENSSL_cleanse((char *)e->text.p, e->text.n);
        wipe_texts(e->children);
    }
}

bool kn_sts_read(kn_slice body, const char *result, kn_credentials *out, kn_err *err) {
    kn_xml *xml;
    if (!kn_xml_parse(body, &xml, err))
        return kn_fail_within(err, "the answer of STS");
    const kn_xml_element *c = kn_xml_child(kn_xml_child(kn_xml_root(xml), result), "Credentials");
    const char *access_key = kn_xml_text(c, "AccessKeyId"),
               *secret_key = kn_xml_text(c, "SecretAccessKey"),
               *token = kn_xml_text(c, "SessionToken"), *expiration = kn_xml_text(c, "Expiration");
    bool ok = access_key && secret_key && token && expiration;
    if (!ok)
        kn_fail(err, KN_EPARSE, "the answer of STS holds no credentials");
    ok = ok && kn_credentials_set_expiry(out, expiration, err) &&
         kn_credentials_copy(out->access_key, sizeof out->access_key, access_key, "AccessKeyId",
                             err) &&
         kn_credentials_copy(out->secret_key, sizeof out->secret_key, secret_key, "SecretAccessKey",
                             err) &&
         kn_credentials_copy(out->session_token, sizeof out->session_token, token, "SessionToken",
                             err);
    wipe_texts(c ? c->children : NULL);
    kn_xml_destroy(xml);
    return ok;
}

bool kn_sts_assume_role(const kn_search *search, const kn_role *role, const kn_credentials *source,
                        kn_credentials *out, kn_err *err) {
    kn_aws_config config;
    kn_aws_client *client = NULL;
    kn_buf form, body;
    const kn_operation *op = operation("AssumeRole");
    begin_form(&form, op, role);
    kn_buf_init(&body, FORM_MAX);
    kn_buf_reserve(&body, FORM_MAX / 2);
    bool ok = sts_config(search, &config, err) && kn_buf_check(&form, "the request", err);
    if (ok) {
        memcpy(config.access_key, source->access_key, sizeof config.access_key);
        memcpy(config.secret_key, source->secret_key, sizeof config.secret_key);
        memcpy(config.session_token, source->session_token, sizeof config.session_token);
        ok = kn_aws_client_new(&config, op->api, &client, err);
    }
    if (ok) {
        const kn_stop *stop = search->stop;
        kn_aws_request request = {.operation = op, .body = kn_buf_view(&form)};
        ok = kn_aws_invoke(client, &request, stop ? stop->asked : NULL, stop ? stop->context : NULL,
                           NULL, NULL, &body, err) &&
             kn_sts_read(kn_buf_view(&body), "AssumeRoleResult", out, err);
    }
    kn_aws_client_destroy(client);
    OPENSSL_cleanse(&config, sizeof config);
    kn_buf_free(&form);
    wipe(&body);
    return ok;
}

/* ---- web identity ---- */

static bool read_token(const char *path, kn_buf *token, kn_err *err) {
    kn_buf_init(token, TOKEN_MAX);
    kn_buf_reserve(token, TOKEN_MAX - 1);
    if (!kn_file_read(path, token, err))
        return kn_fail_within(err, "the web identity token");
    while (token->len && strchr(" \t\r\n", token->p[token->len - 1]))
        token->p[--token->len] = '\0';
    if (token->len == 0 || strlen(token->p) != token->len)
        return kn_fail(err, KN_EPARSE, "the web identity token: %s holds none", path);
    return true;
}

static bool post(const kn_search *search, const kn_operation *op, const char *url,
                 const kn_buf *form, kn_credentials *out, kn_err *err) {
    char line[128], bundle[sizeof search->config->ca_bundle];
    snprintf(line, sizeof line, "Content-Type: %s", op->api->content_type);
    const char *const headers[] = {line};
    const kn_transfer_request request = {.method = "POST",
                                         .url = url,
                                         .headers = headers,
                                         .header_count = 1,
                                         .body = kn_buf_view(form),
                                         .timeout_ms = TIMEOUT_MS,
                                         .secret = true};
    kn_fetched fetched = {.status = 0};
    bool ok = kn_search_trust(search, bundle, err) &&
              kn_fetch(&request, bundle, ATTEMPTS, search->stop, &fetched, err);
    kn_reply reply = kn_fetched_reply(&fetched);
    if (ok && fetched.status != 200) {
        kn_aws_decode_error(op, &reply, err);
        ok = false;
    }
    ok = ok && kn_sts_read(reply.body, "AssumeRoleWithWebIdentityResult", out, err);
    kn_fetched_free(&fetched);
    return ok;
}

bool kn_sts_web_identity(const kn_search *search, const kn_role *role, const char *token_file,
                         kn_credentials *out, kn_err *err) {
    kn_aws_config config;
    kn_endpoint endpoint;
    kn_buf token, form;
    const kn_operation *op = operation("AssumeRoleWithWebIdentity");
    begin_form(&form, op, role);
    bool ok = read_token(token_file, &token, err) && sts_config(search, &config, err) &&
              kn_endpoint_find(&config, op->api, &endpoint, err);
    if (ok)
        add_field(&form, "WebIdentityToken", token.p);
    ok = ok && kn_buf_check(&form, "the request", err) &&
         post(search, op, endpoint.url, &form, out, err);
    wipe(&token);
    wipe(&form);
    return ok;
}

bool kn_provide_web_identity(const kn_search *search, kn_credentials *out, bool *found,
                             kn_err *err) {
    const char *file = kn_setting_variable("AWS_WEB_IDENTITY_TOKEN_FILE");
    kn_role role = {.arn = kn_setting_variable("AWS_ROLE_ARN"),
                    .session_name = kn_setting_variable("AWS_ROLE_SESSION_NAME")};
    if (!file) {
        kn_buf_cstr(search->looked, "web identity (AWS_WEB_IDENTITY_TOKEN_FILE is not set); ");
        return true;
    }
    if (!role.arn)
        return kn_fail(err, KN_EINVAL, "AWS_WEB_IDENTITY_TOKEN_FILE is set, AWS_ROLE_ARN is not");
    if (!kn_sts_web_identity(search, &role, file, out, err))
        return kn_fail_within(err, "role %s with the token of AWS_WEB_IDENTITY_TOKEN_FILE",
                              role.arn);
    snprintf(out->source, sizeof out->source, "web identity: role %s, token %s", role.arn, file);
    *found = true;
    return true;
}
