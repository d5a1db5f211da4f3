/* Which URL and region are found, from a made-up environment and a made-up config file: what wins,
 * and what is refused. The tables of partitions are checked against botocore's rules elsewhere. */
#include "aws/endpoint.h"

#include "base/file.h"
#include "tap.h"

#include <unistd.h>

static char folder[] = "/tmp/kinessis-endpoint-XXXXXX";
static char config_path[64];

static void clear_environment(void) {
    static const char *const names[] = {
        "AWS_PROFILE",           "AWS_REGION",
        "AWS_DEFAULT_REGION",    "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",   "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    setenv("AWS_CONFIG_FILE", config_path, 1);
}

/* The URL, or "!" and the message. */
static void expect(kn_aws_config config, const char *api, const char *expected, const char *what) {
    kn_endpoint e;
    kn_err err;
    char got[sizeof err.message + 1];
    if (kn_endpoint_find(&config, kn_api_find(api), &e, &err))
        snprintf(got, sizeof got, "%s", e.url);
    else
        snprintf(got, sizeof got, "!%s", err.message);
    if (expected[0] == '!')
        tap_ok(got[0] == '!' && strstr(got, expected + 1) != NULL, "%s: %s", what, got);
    else
        tap_is_str(got, expected, "%s", what);
}

static void variants(void) {
    kn_aws_config dublin = {.region = "eu-west-1"};
    kn_aws_config both = {.region = "eu-west-1", .fips = KN_YES, .dualstack = KN_YES};
    kn_aws_config neither = {.region = "eu-west-1", .fips = KN_NO, .dualstack = KN_NO};
    clear_environment();
    expect(dublin, "kinesis", "https://kinesis.eu-west-1.amazonaws.com", "the ordinary endpoint");
    expect(both, "kinesis", "https://kinesis-fips.eu-west-1.api.aws", "FIPS and dual-stack");
    expect(both, "s3", "https://s3-fips.dualstack.eu-west-1.amazonaws.com", "... of S3");
    setenv("AWS_USE_FIPS_ENDPOINT", "TRUE", 1);
    expect(dublin, "glue", "https://glue-fips.eu-west-1.amazonaws.com", "FIPS by the environment");
    expect(neither, "glue", "https://glue.eu-west-1.amazonaws.com", "what is given wins");
    setenv("AWS_USE_DUALSTACK_ENDPOINT", "true", 1);
    expect(dublin, "sts", "https://sts-fips.eu-west-1.api.aws", "both by the environment");
    setenv("AWS_USE_FIPS_ENDPOINT", "yes", 1);
    expect(dublin, "sts", "!AWS_USE_FIPS_ENDPOINT is 'yes': it can be true or false",
           "neither true nor false");
    clear_environment();
    expect((kn_aws_config){.profile = "strict"}, "kinesis",
           "https://kinesis.us-gov-west-1.amazonaws.com",
           "FIPS by the profile, where the ordinary one is");
    expect((kn_aws_config){.profile = "strict"}, "s3",
           "https://s3-fips.us-gov-west-1.amazonaws.com", "... and where it is not");
    setenv("AWS_USE_FIPS_ENDPOINT", "false", 1);
    expect((kn_aws_config){.profile = "strict"}, "s3", "https://s3.us-gov-west-1.amazonaws.com",
           "the environment wins over the profile");
    clear_environment();
    expect((kn_aws_config){.region = "us-east-1-fips"}, "athena",
           "https://athena-fips.us-east-1.amazonaws.com", "a region with -fips");
    expect((kn_aws_config){.region = "fips-us-east-1", .fips = KN_NO}, "athena",
           "https://athena-fips.us-east-1.amazonaws.com", "... with fips-");
    expect((kn_aws_config){.region = "cn-north-1", .fips = KN_YES}, "s3",
           "!s3 has no FIPS endpoint in cn-north-1 (partition aws-cn)", "no FIPS endpoint");
}

static void configured(void) {
    kn_aws_config paris = {.region = "eu-west-3"}, profile = {.profile = "own"};
    clear_environment();
    expect(profile, "kinesis", "http://profile:1", "the profile's URL");
    kn_aws_config split = {.profile = "split"};
    expect(split, "s3", "http://section:5", "the profile's services section");
    expect(split, "kinesis", "http://profile:1", "... for the services that are in it");
    setenv("AWS_ENDPOINT_URL", "http://all:2", 1);
    expect(split, "s3", "http://all:2", "the environment wins over that section");
    expect(profile, "kinesis", "http://all:2", "AWS_ENDPOINT_URL wins over it");
    setenv("AWS_ENDPOINT_URL_S3", "http://s3:3/", 1);
    expect(profile, "s3", "http://s3:3", "the service's wins over that");
    expect(profile, "kinesis", "http://all:2", "... for that service only");
    setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", 1);
    expect(profile, "s3", "https://s3.eu-south-1.amazonaws.com", "all of them ignored");
    strcpy(paris.endpoint, "http://given:4");
    expect(paris, "s3", "http://given:4", "but not what is given");
    unsetenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    unsetenv("AWS_ENDPOINT_URL_S3");
    setenv("AWS_USE_FIPS_ENDPOINT", "true", 1);
    expect(paris, "s3", "http://given:4", "a URL that is given wins over FIPS");
    expect(profile, "s3", "!a FIPS endpoint is asked for, and the endpoint URL http://all:2",
           "a URL that is configured does not");
    clear_environment();
    expect((kn_aws_config){.profile = "ignoring"}, "kinesis",
           "https://kinesis.eu-south-2.amazonaws.com", "a profile that ignores its own");
    setenv("AWS_ENDPOINT_URL", "ftp://x", 1);
    expect(profile, "kinesis", "!endpoint: 'ftp://x' is not a URL", "what is no URL is said");
}

int main(void) {
    if (!mkdtemp(folder))
        return 1;
    static const char text[] =
        "[profile strict]\nregion = us-gov-west-1\nuse_fips_endpoint = true\n"
        "[profile own]\nregion = eu-south-1\nendpoint_url = http://profile:1\n"
        "[profile split]\nregion = eu-south-1\nservices = mine\n"
        "endpoint_url = http://profile:1\n"
        "[services mine]\ns3 =\n  endpoint_url = http://section:5\n"
        "[profile ignoring]\nregion = eu-south-2\n"
        "endpoint_url = http://profile:1\n"
        "ignore_configured_endpoint_urls = True\n";
    kn_err err;
    snprintf(config_path, sizeof config_path, "%s/config", folder);
    tap_ok(kn_file_write(config_path, kn_slice_cstr(text), &err), "a config file");
    variants();
    configured();
    unlink(config_path);
    rmdir(folder);
    return tap_done();
}
