/* Where requests go: the region and the URL of a service, as the SDKs find them.
 *
 * Region: given, AWS_REGION, AWS_DEFAULT_REGION, the profile's region; with an endpoint of one's
 * own, us-east-1 when none of these says anything. A region such as us-east-1-fips or
 * fips-us-east-1 is the region us-east-1 and asks for its FIPS endpoint.
 *
 * URL: given, AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, the service's endpoint_url in the
 * section that the profile's services names, the profile's endpoint_url (those four not when
 * AWS_IGNORE_CONFIGURED_ENDPOINT_URLS or the profile's ignore_configured_endpoint_urls is true),
 * else AWS's own: by partition, service, and whether FIPS (AWS_USE_FIPS_ENDPOINT,
 * use_fips_endpoint) and dual-stack (AWS_USE_DUALSTACK_ENDPOINT, use_dualstack_endpoint) are asked
 * for. A URL that is configured and one of those two exclude each other: nobody knows whether the
 * URL is such an endpoint. A URL that is given wins over what the environment asks for.
 *
 * The tables are checked against botocore's rules (tests/interop/endpoints.t.py). Left out:
 * account-based endpoints, S3's access points, accelerate and global endpoints. */
#ifndef KN_AWS_ENDPOINT_H
#define KN_AWS_ENDPOINT_H

#include "aws/config.h"
#include "aws/operations.h"
#include "base/buf.h"

typedef struct kn_endpoint {
    char url[512]; /* scheme and authority, no slash at the end */
    char region[64];
    const char *region_from; /* for people: "AWS_REGION", "profile" */
    bool custom;             /* not AWS's own: S3 buckets go into the path */
} kn_endpoint;

KN_MUST_CHECK bool kn_endpoint_find(const kn_aws_config *config, const kn_api *api,
                                    kn_endpoint *out, kn_err *err);

/* Appends the URL of a REST operation's resource, percent-encoded: the bucket goes into the host on
 * AWS (where its name allows), into the path otherwise. Without a query. */
KN_MUST_CHECK bool kn_endpoint_resource(const kn_endpoint *endpoint, const char *bucket,
                                        kn_slice key, kn_buf *url, kn_err *err);

#endif
