/* See endpoint.h. */
#include "aws/endpoint.h"

#include "aws/profile.h"
#include "aws/settings.h"
#include "net/uri.h"

#include <ctype.h>
#include <stdio.h>

/* The partition is known by the region's first letters; the first row that fits counts. */
typedef struct partition {
    const char *name, *prefix, *suffix, *dualstack_suffix;
} partition;

static const partition partitions[] = {
    {"aws-cn", "cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
    {"aws-us-gov", "us-gov-", "amazonaws.com", "api.aws"},
    {"aws-iso", "us-iso-", "c2s.ic.gov", "api.aws.ic.gov"},
    {"aws-iso-b", "us-isob-", "sc2s.sgov.gov", "api.aws.scloud"},
    {"aws-iso-e", "eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
    {"aws-iso-f", "us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
    {"aws-eusc", "eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
    {"aws", "", "amazonaws.com", "api.aws"},
};

static const partition *partition_of(const char *region) {
    const partition *p = partitions;
    while (strncmp(region, p->prefix, strlen(p->prefix)) != 0)
        p++;
    return p;
}

/* Where a FIPS endpoint is not "<host>-fips". */
static const struct {
    const char *host, *partition;
    bool exists; /* the ordinary one is FIPS already */
} fips_exceptions[] = {
    {"kinesis", "aws-us-gov", true},
    {"sts", "aws-us-gov", true},
    {"s3", "aws-cn", false},
};

static bool own_url(const kn_api *api, bool fips, bool dualstack, kn_endpoint *out, kn_err *err) {
    const partition *p = partition_of(out->region);
    const char *mark = fips ? "-fips" : "";
    for (size_t i = 0; fips && i < sizeof fips_exceptions / sizeof *fips_exceptions; i++) {
        if (strcmp(fips_exceptions[i].host, api->host) != 0 ||
            strcmp(fips_exceptions[i].partition, p->name) != 0)
            continue;
        if (!fips_exceptions[i].exists)
            return kn_fail(err, KN_EINVAL, "%s has no FIPS endpoint in %s (partition %s)",
                           api->name, out->region, p->name);
        if (!dualstack)
            mark = "";
    }
    bool in_host = api->protocol == KN_PROTOCOL_REST_XML; /* S3: an older form of dual-stack */
    snprintf(out->url, sizeof out->url, "https://%s%s%s.%s.%s", api->host, mark,
             dualstack && in_host ? ".dualstack" : "", out->region,
             dualstack && !in_host ? p->dualstack_suffix : p->suffix);
    return true;
}

/* "us-east-1-fips" and "fips-us-east-1" were names of regions once. */
static bool strip_fips(char *region) {
    size_t n = strlen(region);
    if (n > 5 && strcmp(region + n - 5, "-fips") == 0) {
        region[n - 5] = '\0';
        return true;
    }
    if (n <= 5 || strncmp(region, "fips-", 5) != 0)
        return false;
    memmove(region, region + 5, n - 4);
    return true;
}

static bool fail_no_region(const kn_aws_config *config, kn_err *err) {
    kn_profiles *profiles;
    if (!kn_profiles_load(&profiles, err))
        return false;
    if (kn_profiles_check(profiles, config->profile, err))
        kn_fail(err, KN_EINVAL,
                "no AWS region: give one (--region; in a script: region), set AWS_REGION, or put "
                "region "
                "into profile %s of the AWS config file",
                kn_profile_name(config->profile));
    kn_profiles_destroy(profiles);
    return false;
}

static bool find_region(const kn_aws_config *config, kn_endpoint *endpoint, kn_err *err) {
    char *out = endpoint->region;
    size_t size = sizeof endpoint->region;
    const char *given = config->region[0] ? config->region : kn_setting_variable("AWS_REGION");
    if (!kn_setting_text(config, given, "AWS_DEFAULT_REGION", "region", out, size, err))
        return false;
    endpoint->region_from = config->region[0]                           ? "given"
                            : given                                     ? "AWS_REGION"
                            : kn_setting_variable("AWS_DEFAULT_REGION") ? "AWS_DEFAULT_REGION"
                            : out[0]                                    ? "profile"
                                                                        : "default";
    if (!out[0] && endpoint->custom)
        snprintf(out, size, "us-east-1");
    if (!out[0])
        return fail_no_region(config, err);
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

/* What the profile's services section says about this one. */
static bool services_url(const kn_aws_config *config, const kn_api *api, kn_endpoint *out,
                         kn_err *err) {
    kn_profiles *profiles;
    if (!kn_profiles_load(&profiles, err))
        return false;
    const char *url =
        kn_profiles_service_endpoint(profiles, kn_profile_name(config->profile), api->variable);
    int n = snprintf(out->url, sizeof out->url, "%s", url ? url : "");
    kn_profiles_destroy(profiles);
    return (n >= 0 && (size_t)n < sizeof out->url) ||
           kn_fail(err, KN_EINVAL, "endpoint_url of %s is longer than %zu bytes", api->name,
                   sizeof out->url - 1);
}

/* What the environment or the profile configures; "" when nothing. */
static bool configured_url(const kn_aws_config *config, const kn_api *api, kn_endpoint *out,
                           kn_err *err) {
    char variable[64];
    bool ignore = false;
    if (!kn_setting_flag(config, KN_UNSET, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
                         "ignore_configured_endpoint_urls", &ignore, err))
        return false;
    if (ignore)
        return true;
    snprintf(variable, sizeof variable, "AWS_ENDPOINT_URL_%s", api->variable);
    if (!kn_setting_variable(variable) && !kn_setting_variable("AWS_ENDPOINT_URL") &&
        !services_url(config, api, out, err))
        return false;
    return out->url[0] || kn_setting_text(config, kn_setting_variable(variable), "AWS_ENDPOINT_URL",
                                          "endpoint_url", out->url, sizeof out->url, err);
}

bool kn_endpoint_find(const kn_aws_config *config, const kn_api *api, kn_endpoint *out,
                      kn_err *err) {
    bool fips = false, dualstack = false;
    bool given = config->endpoint[0] != '\0';
    *out = (kn_endpoint){0};
    snprintf(out->url, sizeof out->url, "%s", config->endpoint);
    if (!given && !configured_url(config, api, out, err))
        return false;
    out->custom = out->url[0] != '\0';
    if (!find_region(config, out, err))
        return false;
    if (!given && (!kn_setting_flag(config, config->fips, "AWS_USE_FIPS_ENDPOINT",
                                    "use_fips_endpoint", &fips, err) ||
                   !kn_setting_flag(config, config->dualstack, "AWS_USE_DUALSTACK_ENDPOINT",
                                    "use_dualstack_endpoint", &dualstack, err)))
        return false;
    fips = strip_fips(out->region) || fips;
    if (out->custom && !given && (fips || dualstack))
        return kn_fail(
            err, KN_EINVAL,
            "a %s endpoint is asked for, and the endpoint URL %.200s is configured: take "
            "one of the two away",
            fips ? "FIPS" : "dual-stack", out->url);
    if (out->custom)
        return check_url(out, err);
    if (!api->host)
        return kn_fail(err, KN_EINVAL, "AWS has no service '%s': give the endpoint of a lake",
                       api->name);
    return own_url(api, fips, dualstack, out, err);
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
