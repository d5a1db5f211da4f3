/* Fuzzes the reader of the AWS configuration files: the input is both of them, parted by the first
 * zero byte. Whatever is read can be looked up and is text that the input holds. */
#include "aws/profile.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const char *const settings[] = {"a", "role_arn", "services", "s3", ""};
    const char *text = (const char *)data;
    const char *parting = n ? memchr(text, '\0', n) : NULL;
    kn_slice config = {text, parting ? (size_t)(parting - text) : n};
    kn_slice credentials = {text + config.n, n - config.n};
    if (parting)
        credentials = (kn_slice){parting + 1, credentials.n - 1};
    kn_profiles *p;
    kn_err err;
    if (!kn_profiles_parse(config, "config", credentials, "credentials", &p, &err))
        return 0;
    kn_buf names;
    kn_buf_init(&names, 1 << 20);
    kn_profiles_list(p, &names);
    if (names.len > n * 2)
        abort();
    kn_buf_free(&names);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        const char *value = kn_profiles_get(p, KN_SECTION_PROFILE, "default", settings[i]);
        if (value && strlen(value) > n)
            abort();
        value = kn_profiles_get_inner(p, KN_SECTION_SERVICES, "a", settings[i], "b");
        if (value && strlen(value) > n)
            abort();
    }
    kn_profiles_service_endpoint(p, "default", "s3");
    kn_profiles_destroy(p);
    return 0;
}
