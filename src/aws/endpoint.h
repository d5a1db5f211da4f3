/* Where requests go: the region and the URL of a service.
 *
 * Region: given, AWS_REGION, AWS_DEFAULT_REGION, the profile's; with an endpoint of one's own,
 * us-east-1 when none of these says anything.
 * URL: given, AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, the profile's endpoint_url, else AWS's
 * own for region and partition. FIPS and dual-stack endpoints are not here yet. */
#ifndef KN_AWS_ENDPOINT_H
#define KN_AWS_ENDPOINT_H

#include "aws/config.h"
#include "aws/operations.h"
#include "base/buf.h"

typedef struct kn_endpoint {
    char url[512]; /* scheme and authority, no slash at the end */
    char region[64];
    bool custom; /* not AWS's own: S3 buckets go into the path */
} kn_endpoint;

KN_MUST_CHECK bool kn_endpoint_find(const kn_aws_config *config, const kn_api *api,
                                    kn_endpoint *out, kn_err *err);

/* Appends the URL of a REST operation's resource, percent-encoded: the bucket goes into the host on
 * AWS (where its name allows), into the path otherwise. Without a query. */
KN_MUST_CHECK bool kn_endpoint_resource(const kn_endpoint *endpoint, const char *bucket,
                                        kn_slice key, kn_buf *url, kn_err *err);

#endif
