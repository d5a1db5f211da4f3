/* Which credentials, region and URL are found, from a made-up environment and made-up files. */
#include "aws/credentials.h"

#include "aws/endpoint.h"
#include "aws/providers.h"
#include "base/file.h"
#include "tap.h"

#include <unistd.h>

static char folder[] = "/tmp/kinessis-credentials-XXXXXX";

static void write_file(const char *name, const char *text) {
    char path[256];
    kn_err err;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (!kn_file_write(path, kn_slice_cstr(text), &err))
        tap_ok(false, "%s", err.message);
}

static void clear_environment(void) {
    static const char *const names[] = {"AWS_ACCESS_KEY_ID",
                                        "AWS_SECRET_ACCESS_KEY",
                                        "AWS_SESSION_TOKEN",
                                        "AWS_PROFILE",
                                        "AWS_REGION",
                                        "AWS_DEFAULT_REGION",
                                        "AWS_ENDPOINT_URL",
                                        "AWS_ENDPOINT_URL_S3",
                                        "AWS_ENDPOINT_URL_KINESIS"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    char path[256];
    snprintf(path, sizeof path, "%s/config", folder);
    setenv("AWS_CONFIG_FILE", path, 1);
    snprintf(path, sizeof path, "%s/credentials", folder);
    setenv("AWS_SHARED_CREDENTIALS_FILE", path, 1);
}

static void expect(const kn_aws_config *config, const char *key, const char *source,
                   const char *what) {
    kn_credentials c;
    kn_err err;
    if (!tap_ok(kn_credentials_find(config, NULL, &c, &err), "%s", what)) {
        printf("#   %s\n", err.message);
        return;
    }
    tap_is_str(c.access_key, key, "... key");
    tap_is_str(c.source, source, "... source");
    kn_credentials_wipe(&c);
    tap_ok(c.secret_key[0] == '\0', "... wiped");
}

static void refuse(const kn_aws_config *config, const char *fragment, const char *what) {
    kn_credentials c;
    kn_err err;
    tap_ok(!kn_credentials_find(config, NULL, &c, &err) && strstr(err.message, fragment), "%s: %s",
           what, err.message);
}

static void chain(void) {
    kn_aws_config config = {.region = ""};
    clear_environment();
    write_file("credentials",
               "# comment\n[default]\naws_access_key_id = FILE ; mine\n"
               "aws_secret_access_key=s#e;c\r\n\n"
               "[ other ]\naws_access_key_id=OTHER\naws_secret_access_key=s\n"
               "aws_session_token = t\n[half]\naws_access_key_id=HALF\n");
    write_file("config",
               "[default]\nregion = eu-west-3\n[profile conf]\naws_access_key_id = CONF\n"
               "aws_secret_access_key = s\nregion = eu-south-1\n"
               "endpoint_url = http://127.0.0.1:9\ns3 =\n  endpoint_url = http://nested\n"
               "[profile role]\nrole_arn = arn:aws:iam::1:role/r\n[conf2]\nregion=x\n");
    expect(&config, "FILE", "profile default of the credentials file", "the default profile");
    setenv("AWS_PROFILE", "other", 1);
    expect(&config, "OTHER", "profile other of the credentials file", "AWS_PROFILE");
    strcpy(config.profile, "conf");
    expect(&config, "CONF", "profile conf of the config file",
           "a profile of the config file, given");
    setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
    expect(&config, "CONF", "profile conf of the config file",
           "a profile asked for goes before the environment");
    config.profile[0] = '\0';
    expect(&config, "ENV", "environment", "the environment goes before AWS_PROFILE");
    strcpy(config.access_key, "GIVEN");
    refuse(&config, "secret_key is missing", "half of an explicit pair");
    strcpy(config.secret_key, "s");
    expect(&config, "GIVEN", "explicit", "explicit goes first");
    config = (kn_aws_config){.profile = "half"};
    refuse(&config, "no aws_secret_access_key", "half a pair in a file");
    strcpy(config.profile, "role");
    refuse(&config, "neither source_profile nor credential_source", "a role of nobody");
    strcpy(config.profile, "nobody");
    refuse(&config,
           "no profile 'nobody' in the AWS configuration files; there are: conf, default, half, "
           "other, role",
           "a profile that is missing: says which there are");
    config.profile[0] = '\0';
    unsetenv("AWS_SECRET_ACCESS_KEY");
    refuse(&config, "AWS_SECRET_ACCESS_KEY is not: set both", "half a pair in the environment");
    clear_environment();
    setenv("AWS_CONFIG_FILE", "/nowhere/config", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials", 1);
    refuse(&config, "profile default (not in the configuration files)", "no files");
}

static void endpoint_is(kn_aws_config config, const char *api, const char *url,
                        const char *region) {
    kn_endpoint e;
    kn_err err;
    if (!tap_ok(kn_endpoint_find(&config, kn_api_find(api), &e, &err), "%s: %s", api, url)) {
        printf("#   %s\n", err.message);
        return;
    }
    tap_is_str(e.url, url, "... URL");
    tap_is_str(e.region, region, "... region");
}

static void endpoints(void) {
    kn_endpoint e;
    kn_err err;
    kn_aws_config none = {.region = ""};
    clear_environment();
    endpoint_is(none, "kinesis", "https://kinesis.eu-west-3.amazonaws.com", "eu-west-3");
    setenv("AWS_DEFAULT_REGION", "cn-north-1", 1);
    endpoint_is(none, "glue", "https://glue.cn-north-1.amazonaws.com.cn", "cn-north-1");
    setenv("AWS_REGION", "us-isob-east-1", 1);
    endpoint_is(none, "s3", "https://s3.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1");
    kn_aws_config given = {.region = "us-gov-west-1"};
    endpoint_is(given, "athena", "https://athena.us-gov-west-1.amazonaws.com", "us-gov-west-1");
    setenv("AWS_ENDPOINT_URL", "http://localhost:1/", 1);
    setenv("AWS_ENDPOINT_URL_S3", "http://localhost:2", 1);
    endpoint_is(given, "kinesis", "http://localhost:1", "us-gov-west-1");
    endpoint_is(given, "s3", "http://localhost:2", "us-gov-west-1");
    strcpy(given.endpoint, "http://h:3");
    endpoint_is(given, "s3", "http://h:3", "us-gov-west-1");
    clear_environment();
    kn_aws_config profile = {.profile = "conf"};
    endpoint_is(profile, "s3", "http://127.0.0.1:9", "eu-south-1");
    write_file("config",
               "[profile conf]\nregion = eu-south-1\nendpoint_url = http://127.0.0.1:9\n"
               "services = s\n[services s]\ns3 =\n  endpoint_url = http://127.0.0.1:8\n");
    endpoint_is(profile, "s3", "http://127.0.0.1:8", "eu-south-1");
    endpoint_is(profile, "glue", "http://127.0.0.1:9", "eu-south-1");
    setenv("AWS_ENDPOINT_URL", "http://localhost:1", 1);
    endpoint_is(profile, "s3", "http://localhost:1", "eu-south-1");
    unsetenv("AWS_ENDPOINT_URL");
    setenv("AWS_CONFIG_FILE", "/nowhere", 1);
    endpoint_is((kn_aws_config){.endpoint = "http://h:3"}, "kinesis", "http://h:3", "us-east-1");
    tap_ok(!kn_endpoint_find(&none, kn_api_find("s3"), &e, &err) &&
               strstr(err.message, "no AWS region"),
           "%s", err.message);
    tap_ok(!kn_endpoint_find(&(kn_aws_config){.region = "a.b/"}, kn_api_find("s3"), &e, &err), "%s",
           err.message);
    tap_ok(!kn_endpoint_find(&(kn_aws_config){.endpoint = "http://h/path"}, kn_api_find("s3"), &e,
                             &err),
           "%s", err.message);
    tap_ok(
        !kn_endpoint_find(&(kn_aws_config){.region = "us-east-1"}, kn_api_find("lake"), &e, &err),
        "%s", err.message);
}

static void resources(void) {
    static const struct {
        bool custom;
        const char *bucket, *key, *url;
    } rows[] = {
        {false, "bucket", "a/b c", "https://bucket.s3.eu-west-1.amazonaws.com/a/b%20c"},
        {false, "dotted.bucket", "k", "https://s3.eu-west-1.amazonaws.com/dotted.bucket/k"},
        {false, "Upper", "k", "https://s3.eu-west-1.amazonaws.com/Upper/k"},
        {true, "bucket", "k", "http://h:1/bucket/k"},
        {true, "bucket", "", "http://h:1/bucket"},
        {true, "..", "../x", "http://h:1/../../x"},
        {true, NULL, "", "http://h:1/"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        kn_endpoint e = {.custom = rows[i].custom};
        strcpy(e.url, rows[i].custom ? "http://h:1" : "https://s3.eu-west-1.amazonaws.com");
        kn_buf url;
        kn_err err;
        kn_buf_init(&url, 1000);
        tap_ok(kn_endpoint_resource(&e, rows[i].bucket, kn_slice_cstr(rows[i].key), &url, &err),
               "resource %zu", i);
        tap_is_str(url.p, rows[i].url, "... URL");
        kn_buf_free(&url);
    }
}

static bool always(void *context) {
    (void)context;
    return true;
}

static void commands(void) {
    static const struct {
        const char *command, *words; /* parted by bars */
    } rows[] = {
        {"a b", "a|b|"},
        {"  a\t b\n", "a|b|"},
        {"'a b' \"c d\"", "a b|c d|"},
        {"a'b'\"c\"d", "abcd|"},
        {"a '' \"\"", "a|||"},
        {"a\\ b \\'", "a b|'|"},
        {"'a\\b' \"c\\d\\\"e\\\\f\"", "a\\b|c\\d\"e\\f|"},
        {"$HOME ~ * ; | &", "$HOME|~|*|;|||&|"},
        {"a\\", "a\\|"},
        {"'a", NULL},
        {"a \"b\\\"", NULL},
        {" ", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        kn_buf words;
        kn_err err;
        size_t count;
        kn_buf_init(&words, 1000);
        bool ok = kn_process_split(rows[i].command, &words, &count, &err);
        for (size_t at = 0; ok && at < words.len; at++)
            words.p[at] = words.p[at] ? words.p[at] : '|';
        tap_is_str(ok ? words.p : NULL, rows[i].words, "words of %s", rows[i].command);
        kn_buf_free(&words);
    }
    kn_credentials c;
    kn_err err;
    tap_ok(!kn_process_credentials("sleep 60", 50, NULL, &c, &err) && err.code == KN_ETIMEOUT,
           "a command that does not end: %s", err.message);
    tap_ok(!kn_process_credentials("sh -c 'exec sleep 60 > /dev/null'", 50, NULL, &c, &err) &&
               err.code == KN_ETIMEOUT,
           "nor when it prints no more: %s", err.message);
    kn_stop stop = {always, NULL};
    tap_ok(!kn_process_credentials("sleep 60", 60000, &stop, &c, &err) && err.code == KN_ECANCEL,
           "nobody waits for it any more: %s", err.message);
    tap_ok(!kn_process_credentials("head -c 100000 /dev/zero", 60000, NULL, &c, &err) &&
               err.code == KN_ELIMIT,
           "one that prints too much: %s", err.message);
}

/* Connections, say: libcurl leaves them open over an exec. */
static void inherited(void) {
    char command[256];
    kn_credentials c = {0};
    kn_err err = {0};
    int open_here = dup(STDERR_FILENO);
    snprintf(command, sizeof command,
             "sh -c 'test ! -e /proc/self/fd/%d && echo \"{\\\"Version\\\": 1, "
             "\\\"AccessKeyId\\\": \\\"A\\\", \\\"SecretAccessKey\\\": \\\"S\\\"}\"'",
             open_here);
    tap_ok(kn_process_credentials(command, 60000, NULL, &c, &err),
           "a command gets nothing of what is open: %s", err.message);
    tap_is_str(c.access_key, "A", "... and what it prints is read");
    close(open_here);
}

static void containers(void) {
    static const struct {
        const char *relative, *full, *url; /* url NULL: refused */
    } rows[] = {
        {"/v2/x?id=1", NULL, "http://169.254.170.2/v2/x?id=1"},
        {"/x", "http://127.0.0.1/y", "http://169.254.170.2/x"},
        {NULL, "http://127.0.0.1:9/x", "http://127.0.0.1:9/x"},
        {NULL, "http://localhost/x", "http://localhost/x"},
        {NULL, "http://[::1]/x", "http://[::1]/x"},
        {NULL, "http://169.254.170.2/x", "http://169.254.170.2/x"},
        {NULL, "http://169.254.170.23/v1/credentials", "http://169.254.170.23/v1/credentials"},
        {NULL, "http://[fd00:ec2::23]/v1/credentials", "http://[fd00:ec2::23]/v1/credentials"},
        {NULL, "https://example.com/x", "https://example.com/x"},
        {NULL, "http://example.com/x", NULL},
        {NULL, "http://169.254.170.24/x", NULL},
        {NULL, "http://127.0.0.1.example.com/x", NULL},
        {NULL, "http://a@127.0.0.1/x", NULL},
        {NULL, "file:///etc/passwd", NULL},
        {NULL, "", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        kn_buf url;
        kn_err err;
        kn_buf_init(&url, 1000);
        bool ok = kn_container_url(rows[i].relative, rows[i].full, &url, &err);
        tap_is_str(ok ? url.p : NULL, rows[i].url, "container %s%s",
                   rows[i].relative ? rows[i].relative : "", rows[i].full ? rows[i].full : "");
        kn_buf_free(&url);
    }
}

int main(void) {
    if (!mkdtemp(folder)) {
        perror(folder);
        return 1;
    }
    chain();
    endpoints();
    resources();
    commands();
    inherited();
    containers();
    kn_err err;
    tap_ok(kn_file_remove_tree(folder, &err), "cleaned up");
    return tap_done();
}
