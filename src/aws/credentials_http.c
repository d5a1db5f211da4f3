/* Credentials that an HTTP server beside the program gives: the container's agent (ECS, EKS Pod
 * Identity, Greengrass), and the EC2 instance's metadata service, version 2 (a session token first,
 * by PUT).
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html */
#include "aws/providers.h"
#include "aws/settings.h"
#include "base/file.h"
#include "net/fetch.h"
#include "net/uri.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <strings.h>

enum {
    TOKEN_MAX = 16 << 10,
    LINE_MAX_BYTES = TOKEN_MAX + 100,
    CONTAINER_MS = 2000,
    CONTAINER_ATTEMPTS = 3
};

/* Reads {"AccessKeyId": ..., "Code": "Success"}. */
static bool read_metadata(const kn_fetched *fetched, kn_credentials *out, kn_err *err) {
    json_t *reply = json_loadb(kn_buf_view(&fetched->body).p, fetched->body.len, 0, NULL);
    const char *code = json_string_value(json_object_get(reply, "Code"));
    bool ok = reply != NULL && (!code || strcmp(code, "Success") == 0);
    if (!reply)
        kn_fail(err, KN_EPARSE, "the answer is not JSON");
    else if (!ok)
        kn_fail(err, KN_EIO, "it answered %.100s", code);
    ok = ok && kn_credentials_from_json(reply, &kn_metadata_names, out, err);
    json_decref(reply);
    return ok;
}

/* ---- containers ---- */

/* Hosts that may be asked over plain http: this machine, and the agents of ECS and EKS. */
static bool is_agent(const kn_uri *uri) {
    static const char *const agents[] = {"169.254.170.2", "169.254.170.23", "fd00:ec2::23"};
    for (size_t i = 0; i < sizeof agents / sizeof *agents; i++)
        if (kn_slice_eq_cstr(uri->host, agents[i]))
            return true;
    return kn_uri_is_loopback(uri);
}

bool kn_container_url(const char *relative, const char *full, kn_buf *url, kn_err *err) {
    kn_uri uri;
    if (relative)
        kn_buf_printf(url, "http://169.254.170.2%s", relative);
    else
        kn_buf_cstr(url, full);
    if (!kn_buf_check(url, "the URL", err) || !kn_uri_parse(kn_buf_view(url).p, &uri, err))
        return false;
    if (uri.scheme.n != 5 && !is_agent(&uri))
        return kn_fail(err, KN_EINVAL,
                       "plain http to %.*s, which is neither this machine nor a container agent: "
                       "use https",
                       (int)uri.host.n, uri.host.p);
    return true;
}

/* "Authorization: ..."; line stays empty when none is asked for. The file goes first, and is read
 * anew each time: its token changes. */
static bool authorization(kn_buf *line, kn_err *err) {
    const char *path = kn_setting_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *token = kn_setting_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    kn_buf_init(line, LINE_MAX_BYTES);
    kn_buf_reserve(line, LINE_MAX_BYTES - 1);
    if (!path && !token)
        return kn_buf_check(line, "the token", err);
    kn_buf_cstr(line, "Authorization: ");
    if (!path)
        kn_buf_cstr(line, token);
    else if (!kn_file_read(path, line, err))
        return kn_fail_within(err, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    while (path && line->len && strchr("\r\n", line->p[line->len - 1]))
        line->p[--line->len] = '\0';
    if (!kn_buf_check(line, "the token", err))
        return false;
    if (strlen(line->p) != line->len || strpbrk(line->p, "\r\n"))
        return kn_fail(err, KN_EINVAL, "the container's authorization token holds a line break");
    return true;
}

static bool ask_container(const char *url, const kn_stop *stop, kn_credentials *out, kn_err *err) {
    kn_buf line;
    kn_fetched fetched = {.status = 0};
    bool ok = authorization(&line, err);
    if (ok) {
        const char *const headers[] = {"Accept: application/json", line.p};
        const kn_transfer_request request = {.method = "GET",
                                             .url = url,
                                             .headers = headers,
                                             .header_count = line.len ? 2 : 1,
                                             .timeout_ms = CONTAINER_MS,
                                             .direct = true,
                                             .secret = true};
        ok = kn_fetch(&request, NULL, CONTAINER_ATTEMPTS, stop, &fetched, err);
    }
    if (ok && fetched.status != 200)
        ok = kn_fail(err, KN_EIO, "it answered with status %d", fetched.status);
    ok = ok && read_metadata(&fetched, out, err);
    kn_fetched_free(&fetched);
    OPENSSL_cleanse(line.p, line.cap);
    kn_buf_free(&line);
    return ok;
}

bool kn_provide_container(const kn_search *search, kn_credentials *out, bool *found, kn_err *err) {
    const char *relative = kn_setting_variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = kn_setting_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (!relative && !full) {
        kn_buf_cstr(search->looked, "container (AWS_CONTAINER_CREDENTIALS_* are not set); ");
        return true;
    }
    kn_buf url;
    kn_uri uri;
    kn_buf_init(&url, 4096);
    bool ok = kn_container_url(relative, full, &url, err) && kn_uri_parse(url.p, &uri, err);
    ok = (ok && ask_container(url.p, search->stop, out, err)) ||
         kn_fail_within(err, "%s",
                        relative ? "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
                                 : "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    if (ok)
        snprintf(out->source, sizeof out->source, "container: %.*s://%.*s%.*s", (int)uri.scheme.n,
                 uri.scheme.p, (int)uri.authority.n, uri.authority.p, (int)uri.path.n, uri.path.p);
    kn_buf_free(&url);
    *found = ok;
    return ok;
}

/* ---- the instance ---- */

typedef struct metadata {
    char base[300]; /* "http://169.254.169.254" */
    int timeout_ms, attempts;
    char token[1100]; /* "X-aws-ec2-metadata-token: ..." */
    const kn_stop *stop;
} metadata;

static bool read_settings(const kn_aws_config *config, metadata *m, kn_err *err) {
    char mode[8];
    int seconds = 1;
    m->attempts = 1;
    if (!kn_setting_text(config, NULL, "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                         "ec2_metadata_service_endpoint", m->base, sizeof m->base, err) ||
        !kn_setting_text(config, NULL, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
                         "ec2_metadata_service_endpoint_mode", mode, sizeof mode, err) ||
        !kn_setting_number(config, 0, "AWS_METADATA_SERVICE_TIMEOUT", "metadata_service_timeout",
                           600, &seconds, err) ||
        !kn_setting_number(config, 0, "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
                           "metadata_service_num_attempts", 100, &m->attempts, err))
        return false;
    if (mode[0] && strcasecmp(mode, "IPv4") != 0 && strcasecmp(mode, "IPv6") != 0)
        return kn_fail(err, KN_EINVAL,
                       "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE is '%s': it can be IPv4 or IPv6",
                       mode);
    if (!m->base[0])
        snprintf(m->base, sizeof m->base, "%s",
                 strcasecmp(mode, "IPv6") == 0 ? "http://[fd00:ec2::254]"
                                               : "http://169.254.169.254");
    size_t n = strlen(m->base);
    if (n && m->base[n - 1] == '/')
        m->base[n - 1] = '\0';
    m->timeout_ms = seconds * 1000;
    return true;
}

/* header: of the request; put: the request for the token. */
static bool ask(const metadata *m, bool put, const char *header, const char *path, const char *more,
                kn_fetched *out, kn_err *err) {
    char url[1024];
    snprintf(url, sizeof url, "%s/latest/%s%s", m->base, path, more);
    const char *const headers[] = {header};
    const kn_transfer_request request = {.method = put ? "PUT" : "GET",
                                         .url = url,
                                         .headers = headers,
                                         .header_count = 1,
                                         .connect_timeout_ms = m->timeout_ms,
                                         .timeout_ms = m->timeout_ms,
                                         .direct = true,
                                         .secret = true};
    return kn_fetch(&request, NULL, m->attempts, m->stop, out, err);
}

/* False: nobody there, or it gives no token; err says which. */
static bool open_session(metadata *m, kn_err *err) {
    kn_fetched fetched;
    bool ok =
        ask(m, true, "X-aws-ec2-metadata-token-ttl-seconds: 21600", "api/token", "", &fetched, err);
    if (!ok && err->code == KN_ETIMEOUT)
        kn_fail(err, KN_ETIMEOUT,
                "no answer from %s within %d s; on an instance, a container needs a hop limit of 2",
                m->base, m->timeout_ms / 1000);
    else if (ok && fetched.status != 200)
        ok = kn_fail(err, KN_EIO, "%s gives no session token: status %d", m->base, fetched.status);
    const char *token = kn_buf_view(&fetched.body).p;
    if (ok && (fetched.body.len >= sizeof m->token - 100 || strpbrk(token, "\r\n")))
        ok = kn_fail(err, KN_EPARSE, "%s: what it gives is no session token", m->base);
    if (ok)
        snprintf(m->token, sizeof m->token, "X-aws-ec2-metadata-token: %s", token);
    kn_fetched_free(&fetched);
    return ok;
}

/* The name of the instance's role; "" when it has none. */
static bool find_role(const metadata *m, char *role, size_t size, kn_err *err) {
    kn_fetched fetched;
    bool ok = ask(m, false, m->token, "meta-data/iam/security-credentials/", "", &fetched, err);
    role[0] = '\0';
    if (ok && fetched.status == 200) {
        char *end = strpbrk(fetched.body.p, "\r\n");
        if (end)
            *end = '\0';
        ok = kn_credentials_copy(role, size, fetched.body.p, "the role's name", err);
    } else if (ok && fetched.status != 404) {
        ok = kn_fail(err, KN_EIO, "asked for its role, it answered with status %d", fetched.status);
    }
    kn_fetched_free(&fetched);
    return ok;
}

static bool read_role(const metadata *m, const char *role, kn_credentials *out, kn_err *err) {
    kn_fetched fetched;
    bool ok = ask(m, false, m->token, "meta-data/iam/security-credentials/", role, &fetched, err);
    if (ok && fetched.status != 200)
        ok =
            kn_fail(err, KN_EIO, "asked for the credentials of role %s, it answered with status %d",
                    role, fetched.status);
    ok = ok && read_metadata(&fetched, out, err);
    kn_fetched_free(&fetched);
    return ok;
}

bool kn_provide_instance(const kn_search *search, kn_credentials *out, bool *found, kn_err *err) {
    metadata m = {.base = "", .stop = search->stop};
    char role[300];
    bool disabled = false;
    if (!kn_setting_flag(search->config, KN_UNSET, "AWS_EC2_METADATA_DISABLED",
                         "ec2_metadata_disabled", &disabled, err) ||
        !read_settings(search->config, &m, err))
        return false;
    if (disabled) {
        kn_buf_cstr(search->looked, "instance metadata (AWS_EC2_METADATA_DISABLED); ");
        return true;
    }
    kn_err absent;
    if (!open_session(&m, &absent)) {
        kn_buf_printf(search->looked, "instance metadata (%.300s); ", absent.message);
        return true;
    }
    bool ok = find_role(&m, role, sizeof role, err);
    if (ok && !role[0])
        kn_buf_printf(search->looked, "instance metadata (the instance has no role); ");
    else
        *found = ok = ok && read_role(&m, role, out, err);
    if (*found)
        snprintf(out->source, sizeof out->source, "instance metadata: role %s", role);
    OPENSSL_cleanse(&m, sizeof m);
    return ok || kn_fail_within(err, "instance metadata");
}
