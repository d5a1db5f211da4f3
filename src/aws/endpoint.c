/* See endpoint.h. */
#include "aws/endpoint.h"

#include "aws/profile.h"
#include "net/uri.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* The partition is known by the region's first letters; the first row that fits counts. */
static const struct {
    const char *prefix, *suffix;
} partitions[] = {
    {"cn-", "amazonaws.com.cn"}, {"us-isob-", "sc2s.sgov.gov"},  {"us-isof-", "csp.hci.ic.gov"},
    {"us-iso-", "c2s.ic.gov"},   {"eu-isoe-", "cloud.adc-e.uk"}, {"eusc-", "amazonaws.eu"},
    {"", "amazonaws.com"},
};

static const char *partition_suffix(const char *region) {
    size_t i = 0;
    while (strncmp(region, partitions[i].prefix, strlen(partitions[i].prefix)) != 0)
        i++;
    return partitions[i].suffix;
}

static bool copy(char *out, size_t size, const char *value, const char *what, kn_err *err) {
    int n = snprintf(out, size, "%s", value);
    if (n < 0 || (size_t)n >= size)
        return kn_fail(err, KN_EINVAL, "%s is longer than %zu bytes", what, size - 1);
    return true;
}

/* The first that is not empty: the value given, the variables (NULL ends them), the profile's
 * setting. out is "" when none is. */
static bool first_of(const char *given, const char *const *variables, const kn_aws_config *config,
                     const char *setting, char *out, size_t size, kn_err *err) {
    if (given[0])
        return copy(out, size, given, setting, err);
    for (; *variables; variables++) {
        const char *value = getenv(*variables);
        if (value && *value)
            return copy(out, size, value, *variables, err);
    }
    return kn_profile_get(KN_PROFILE_CONFIG, kn_profile_name(config->profile), setting, out, size,
                          NULL, err);
}

static bool find_region(const kn_aws_config *config, bool custom, char *out, size_t size,
                        kn_err *err) {
    static const char *const variables[] = {"AWS_REGION", "AWS_DEFAULT_REGION", NULL};
    if (!first_of(config->region, variables, config, "region", out, size, err))
        return false;
    if (!out[0] && custom)
        return copy(out, size, "us-east-1", "region", err);
    if (!out[0])
        return kn_fail(err, KN_EINVAL,
                       "no AWS region: give one, set AWS_REGION, or put region into profile %s of "
                       "the AWS config file",
                       kn_profile_name(config->profile));
    for (const char *p = out; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '-')
            return kn_fail(err, KN_EINVAL, "'%s' is not a region's name", out);
    return true;
}

static bool check_url(kn_endpoint *out, kn_err *err) {
    kn_uri uri;
    size_t n = strlen(out->url);
    while (n && out->url[n - 1] == '/')
        out->url[--n] = '\0';
    if (!kn_uri_parse(out->url, &uri, err))
        return kn_fail_within(err, "endpoint");
    if (uri.path.n || uri.query.n)
        return kn_fail(err, KN_EINVAL, "endpoint '%s': give scheme, host and port, without a path",
                       out->url);
    return true;
}

bool kn_endpoint_find(const kn_aws_config *config, const kn_api *api, kn_endpoint *out,
                      kn_err *err) {
    char variable[64];
    snprintf(variable, sizeof variable, "AWS_ENDPOINT_URL_%s", api->variable);
    const char *const variables[] = {variable, "AWS_ENDPOINT_URL", NULL};
    *out = (kn_endpoint){0};
    if (!first_of(config->endpoint, variables, config, "endpoint_url", out->url, sizeof out->url,
                  err))
        return false;
    out->custom = out->url[0] != '\0';
    if (!find_region(config, out->custom, out->region, sizeof out->region, err))
        return false;
    if (out->custom)
        return check_url(out, err);
    if (!api->host)
        return kn_fail(err, KN_EINVAL, "AWS has no service '%s': give the endpoint of a lake",
                       api->name);
    snprintf(out->url, sizeof out->url, "https://%s.%s.%s", api->host, out->region,
             partition_suffix(out->region));
    return true;
}

/* A bucket that can be a label of a host name that AWS's certificate covers. */
static bool is_host_label(const char *bucket) {
    size_t n = strlen(bucket);
    if (n < 3 || n > 63 || !isalnum((unsigned char)bucket[0]))
        return false;
    for (const char *p = bucket; *p; p++)
        if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '-')
            return false;
    return true;
}

bool kn_endpoint_resource(const kn_endpoint *endpoint, const char *bucket, kn_slice key,
                          kn_buf *url, kn_err *err) {
    const char *host = strstr(endpoint->url, "://") + 3;
    bool in_host = bucket && !endpoint->custom && is_host_label(bucket);
    if (in_host)
        kn_buf_printf(url, "%.*s%s.%s", (int)(host - endpoint->url), endpoint->url, bucket, host);
    else
        kn_buf_cstr(url, endpoint->url);
    kn_buf_char(url, '/');
    if (bucket && !in_host)
        kn_uri_encode(url, kn_slice_cstr(bucket), false);
    if (bucket && !in_host && key.n)
        kn_buf_char(url, '/');
    kn_uri_encode(url, key, true);
    return kn_buf_check(url, "the URL", err);
}
