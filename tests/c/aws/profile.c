/* The configuration files, by a table of texts and what is read from them. Where a row says what
 * every SDK does, it follows the shared file format's page; the rest is what botocore reads. */
#include "aws/profile.h"

#include "base/file.h"
#include "tap.h"

#include <unistd.h>

typedef struct row {
    const char *what, *config, *credentials;
    kn_section section;
    const char *name, *setting, *inner, *value; /* value NULL: absent */
} row;

#define PROFILE KN_SECTION_PROFILE

static const row rows[] = {
    {"the default profile", "[default]\nregion = eu-west-1\n", "", PROFILE, "default", "region",
     NULL, "eu-west-1"},
    {"no line break at the end", "[default]\nregion=x", "", PROFILE, "default", "region", NULL,
     "x"},
    {"a profile of config", "[profile a]\nregion = x\n", "", PROFILE, "a", "region", NULL, "x"},
    {"not without the word", "[a]\nregion = x\n", "", PROFILE, "a", "region", NULL, NULL},
    {"nor as part of one", "[profilea]\nregion = x\n", "", PROFILE, "a", "region", NULL, NULL},
    {"a quoted name", "[profile \"a b\"]\nregion = x\n", "", PROFILE, "a b", "region", NULL, "x"},
    {"in single quotes", "[profile 'a b']\nregion = x\n", "", PROFILE, "a b", "region", NULL, "x"},
    {"two words without quotes are no name", "[profile a b]\nregion = x\n", "", PROFILE, "a",
     "region", NULL, NULL},
    {"white space around it", "[ \tprofile  a\t ]  \nregion = x\n", "", PROFILE, "a", "region",
     NULL, "x"},
    {"a comment behind the head", "[profile a] ; mine\nregion = x\n", "", PROFILE, "a", "region",
     NULL, "x"},
    {"a credentials section is a name", "", "[a]\nregion = x\n", PROFILE, "a", "region", NULL, "x"},
    {"nobody quotes it there", "", "[a b]\nregion = x\n", PROFILE, "a b", "region", NULL, "x"},
    {"[profile a] is none there", "", "[profile a]\nregion = x\n", PROFILE, "a", "region", NULL,
     NULL},
    {"names in their case", "[profile A]\nregion = x\n", "", PROFILE, "a", "region", NULL, NULL},
    {"keys in any case", "[default]\nRegion = x\n", "", PROFILE, "default", "rEGION", NULL, "x"},
    {"CRLF", "[default]\r\nregion = x\r\noutput = y\r\n", "", PROFILE, "default", "region", NULL,
     "x"},
    {"a byte order mark", "\xEF\xBB\xBF[default]\nregion = x\n", "", PROFILE, "default", "region",
     NULL, "x"},
    {"comment lines", "# a\n; b\n[default]\n# region = y\n  # z\nregion = x\n", "", PROFILE,
     "default", "region", NULL, "x"},
    {"a comment behind a value", "[default]\nregion = x # y\n", "", PROFILE, "default", "region",
     NULL, "x"},
    {"a semicolon too", "[default]\nregion = x\t; y\n", "", PROFILE, "default", "region", NULL,
     "x"},
    {"not without white space", "[default]\nregion = x#y;z\n", "", PROFILE, "default", "region",
     NULL, "x#y;z"},
    {"an equals sign in a value", "[default]\nk = a=b = c\n", "", PROFILE, "default", "k", NULL,
     "a=b = c"},
    {"an empty value", "[default]\nregion =\n", "", PROFILE, "default", "region", NULL, ""},
    {"a value that is only a comment", "[default]\nregion = # x\n", "", PROFILE, "default",
     "region", NULL, ""},
    {"the last of two", "[default]\nregion = x\nregion = y\n", "", PROFILE, "default", "region",
     NULL, "y"},
    {"sections of one name are one", "[profile a]\nk = x\n[profile b]\n[profile a]\nl = y\n", "",
     PROFILE, "a", "k", NULL, "x"},
    {"the later one counts", "[profile a]\nk = x\n[profile a]\nk = y\n", "", PROFILE, "a", "k",
     NULL, "y"},
    {"[profile default] hides [default]", "[profile default]\nk = x\n[default]\nk = y\nl = z\n", "",
     PROFILE, "default", "k", NULL, "x"},
    {"all of it", "[profile default]\nk = x\n[default]\nk = y\nl = z\n", "", PROFILE, "default",
     "l", NULL, NULL},
    {"but not of the credentials", "[profile default]\nk = x\n", "[default]\nl = z\n", PROFILE,
     "default", "l", NULL, "z"},
    {"credentials before config", "[profile a]\nk = x\n", "[a]\nk = y\n", PROFILE, "a", "k", NULL,
     "y"},
    {"and together", "[profile a]\nl = x\n", "[a]\nk = y\n", PROFILE, "a", "l", NULL, "x"},
    {"a value that goes on", "[default]\nk = a\n  b\n\tc\n", "", PROFILE, "default", "k", NULL,
     "a\nb\nc"},
    {"an indented section", "[default]\n  k = a\n  l = b\n", "", PROFILE, "default", "l", NULL,
     "b"},
    {"a setting inside", "[services s]\ns3 =\n  endpoint_url = http://h # x\n", "",
     KN_SECTION_SERVICES, "s", "s3", "endpoint_url", "http://h"},
    {"the last of them", "[services s]\ns3 =\n  a = 1\n  b = 2\n", "", KN_SECTION_SERVICES, "s",
     "S3", "B", "2"},
    {"not of the one above", "[services s]\ns3 =\n  a = 1\nsts =\n  b = 2\n", "",
     KN_SECTION_SERVICES, "s", "s3", "b", NULL},
    {"nor of the section", "[services s]\ns3 =\n  a = 1\n", "", KN_SECTION_SERVICES, "s", "a", NULL,
     NULL},
    {"an SSO session", "[sso-session s]\nsso_region = x\n", "", KN_SECTION_SSO_SESSION, "s",
     "sso_region", NULL, "x"},
    {"is no profile", "[sso-session s]\nsso_region = x\n", "", PROFILE, "s", "sso_region", NULL,
     NULL},
    {"other kinds are passed over", "[plugins]\na = b\nnonsense\n[default]\nk = x\n", "", PROFILE,
     "default", "k", NULL, "x"},
    {"nothing at all", "", "", PROFILE, "default", "k", NULL, NULL},
};

static bool parse(kn_slice config, kn_slice credentials, kn_profiles **out, kn_err *err) {
    return kn_profiles_parse(config, "the AWS config file", credentials, "the AWS credentials file",
                             out, err);
}

static void reads(void) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const row *r = &rows[i];
        kn_profiles *p;
        kn_err err;
        if (!parse(kn_slice_cstr(r->config), kn_slice_cstr(r->credentials), &p, &err)) {
            tap_ok(false, "%s: %s", r->what, err.message);
            continue;
        }
        tap_is_str(r->inner ? kn_profiles_get_inner(p, r->section, r->name, r->setting, r->inner)
                            : kn_profiles_get(p, r->section, r->name, r->setting),
                   r->value, "%s", r->what);
        kn_profiles_destroy(p);
    }
}

static void refuses(void) {
    static const struct {
        const char *config, *says;
    } bad[] = {
        {"region = x\n", "the AWS config file: line 1: a setting before the first [section]"},
        {"[default]\n\n[profile a\n", "line 3: the section's name has no ]"},
        {"[default]\nregion\n", "line 2: neither [section] nor setting = value"},
        {"[default]\n= x\n", "line 2: no name before '='"},
        {"[services s]\ns3 =\n  x\n", "line 3: no '=' in the setting inside s3"},
    };
    kn_profiles *p;
    kn_err err;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        tap_ok(!parse(kn_slice_cstr(bad[i].config), KN_SLICE(""), &p, &err) &&
                   strstr(err.message, bad[i].says),
               "%s", err.message);
    tap_ok(!parse(KN_SLICE(""), KN_SLICE("[a]\nk = \0x"), &p, &err) &&
               strstr(err.message, "the AWS credentials file: it holds a zero byte"),
           "%s", err.message);
}

static void tells(void) {
    kn_profiles *p;
    kn_err err;
    kn_buf names;
    kn_buf_init(&names, 1000);
    tap_ok(parse(KN_SLICE("[default]\n[profile prod]\nservices = mine\n[profile \"a b\"]\n"
                          "[sso-session no]\n[services mine]\nkinesis =\n"
                          "  endpoint_url = http://k\nsso_oidc =\n  endpoint_url = o\n"),
                 KN_SLICE("[prod]\naws_access_key_id = A\n[base]\n"), &p, &err),
           "parsed");
    kn_profiles_list(p, &names);
    tap_is_str(names.p, "a b, base, default, prod", "the profiles' names");
    tap_ok(kn_profiles_has(p, PROFILE, "base") && !kn_profiles_has(p, PROFILE, "no") &&
               kn_profiles_has(p, KN_SECTION_SSO_SESSION, "no"),
           "empty sections are there");
    tap_is_str(kn_profiles_get_from(p, KN_PROFILE_CREDENTIALS, "prod", "aws_access_key_id"), "A",
               "from the credentials file");
    tap_is_str(kn_profiles_get_from(p, KN_PROFILE_CONFIG, "prod", "aws_access_key_id"), NULL,
               "not from the config file");
    tap_is_str(kn_profiles_service_endpoint(p, "prod", "KINESIS"), "http://k", "a service's URL");
    tap_is_str(kn_profiles_service_endpoint(p, "prod", "SSO_OIDC"), "o", "another's");
    tap_is_str(kn_profiles_service_endpoint(p, "prod", "s3"), NULL, "none");
    tap_is_str(kn_profiles_service_endpoint(p, "default", "kinesis"), NULL, "no services");
    kn_profiles_destroy(p);
    kn_buf_free(&names);
}

static void loads(void) {
    char folder[] = "/tmp/kinessis-profile-XXXXXX", path[300], value[8];
    kn_err err;
    kn_buf text;
    kn_buf_init(&text, 4096);
    if (!mkdtemp(folder)) {
        tap_ok(false, "mkdtemp");
        return;
    }
    unsetenv("AWS_SHARED_CREDENTIALS_FILE");
    unsetenv("AWS_CONFIG_FILE");
    unsetenv("AWS_PROFILE");
    setenv("HOME", folder, 1);
    tap_is_str(kn_profile_name(""), "default", "the default profile");
    setenv("AWS_PROFILE", "p", 1);
    tap_is_str(kn_profile_name(NULL), "p", "AWS_PROFILE");
    tap_is_str(kn_profile_name("q"), "q", "given");
    tap_ok(kn_profile_get("p", "region", value, sizeof value, &err) && !value[0], "no files");
    snprintf(path, sizeof path, "%s/.aws/config", folder);
    char directory[300];
    snprintf(directory, sizeof directory, "%s/.aws", folder);
    tap_ok(kn_file_mkdirs(directory, &err) &&
               kn_file_write(path, KN_SLICE("[profile p]\nregion = here\nlong = 12345678\n"), &err),
           "written");
    tap_ok(kn_profile_get("p", "region", value, sizeof value, &err), "~/.aws/config");
    tap_is_str(value, "here", "... its value");
    tap_ok(!kn_profile_get("p", "long", value, sizeof value, &err) &&
               strstr(err.message, "long of profile p is longer than 7 bytes"),
           "%s", err.message);
    setenv("AWS_CONFIG_FILE", "~/.aws/config", 1);
    tap_ok(kn_profile_get("p", "region", value, sizeof value, &err) && strcmp(value, "here") == 0,
           "a tilde in AWS_CONFIG_FILE");
    tap_ok(kn_file_write(path, KN_SLICE("[profile p\n"), &err) &&
               !kn_profile_get("p", "region", value, sizeof value, &err) &&
               strstr(err.message, path),
           "the path is told: %s", err.message);
    setenv("AWS_CONFIG_FILE", folder, 1);
    tap_ok(!kn_profile_get("p", "region", value, sizeof value, &err), "a folder: %s", err.message);
    tap_ok(kn_file_remove_tree(folder, &err), "cleaned up");
    kn_buf_free(&text);
}

int main(void) {
    reads();
    refuses();
    tells();
    loads();
    return tap_done();
}
