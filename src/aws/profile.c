/* See profile.h. */
#include "aws/profile.h"

#include "base/file.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20 };

static const char *environment(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

const char *kn_profile_name(const char *given) {
    if (given && *given)
        return given;
    const char *name = environment("AWS_PROFILE");
    return name ? name : "default";
}

bool kn_profile_path(kn_profile_file file, kn_buf *path, kn_err *err) {
    bool config = file == KN_PROFILE_CONFIG;
    const char *named = environment(config ? "AWS_CONFIG_FILE" : "AWS_SHARED_CREDENTIALS_FILE");
    const char *home = environment("HOME");
    if (named)
        kn_buf_cstr(path, named);
    else if (home)
        kn_buf_printf(path, "%s/.aws/%s", home, config ? "config" : "credentials");
    else
        return kn_fail(err, KN_EINVAL, "no home folder to look for .aws/%s in: HOME is not set",
                       config ? "config" : "credentials");
    return kn_buf_check(path, "the path", err);
}

static kn_slice trim(kn_slice s) {
    while (s.n && strchr(" \t\r", s.p[0]))
        s = (kn_slice){s.p + 1, s.n - 1};
    while (s.n && strchr(" \t\r", s.p[s.n - 1]))
        s.n--;
    return s;
}

/* "[default]", "[name]" in credentials; "[default]", "[profile name]" in config. */
static bool is_section_of(kn_slice line, kn_profile_file file, const char *profile) {
    const char *end = memchr(line.p, ']', line.n);
    if (!end)
        return false;
    kn_slice name = trim((kn_slice){line.p + 1, (size_t)(end - line.p) - 1});
    if (file == KN_PROFILE_CONFIG && strcmp(profile, "default") != 0) {
        if (!kn_slice_starts(name, KN_SLICE("profile")) || name.n < 8 ||
            (name.p[7] != ' ' && name.p[7] != '\t'))
            return false;
        name = trim((kn_slice){name.p + 7, name.n - 7});
    }
    return kn_slice_eq_cstr(name, profile);
}

/* The value of "setting = value", without a comment that follows white space. */
static bool is_setting(kn_slice line, const char *setting, kn_slice *value) {
    const char *equals = memchr(line.p, '=', line.n);
    if (!equals)
        return false;
    kn_slice name = trim((kn_slice){line.p, (size_t)(equals - line.p)});
    if (!kn_slice_eq_cstr(name, setting))
        return false;
    *value = trim((kn_slice){equals + 1, line.n - (size_t)(equals - line.p) - 1});
    for (size_t i = 1; i < value->n; i++)
        if ((value->p[i] == '#' || value->p[i] == ';') &&
            (value->p[i - 1] == ' ' || value->p[i - 1] == '\t')) {
            value->n = i;
            *value = trim(*value);
            break;
        }
    return true;
}

static bool find(kn_slice text, kn_profile_file file, const char *profile, const char *setting,
                 kn_slice *value, bool *has_profile) {
    bool inside = false, found = false;
    while (text.n) {
        const char *end = memchr(text.p, '\n', text.n);
        kn_slice line = {text.p, end ? (size_t)(end - text.p) : text.n};
        size_t used = line.n + (end != NULL);
        text = (kn_slice){text.p + used, text.n - used};
        if (line.n == 0 || strchr(" \t#;", line.p[0]))
            continue;
        if (line.p[0] == '[') {
            inside = is_section_of(line, file, profile);
            *has_profile = *has_profile || inside;
        } else if (inside && is_setting(line, setting, value)) {
            found = true;
        }
    }
    return found;
}

bool kn_profile_get(kn_profile_file file, const char *profile, const char *setting, char *out,
                    size_t size, bool *has_profile, kn_err *err) {
    kn_buf path, text;
    kn_buf_init(&path, 4096);
    kn_buf_init(&text, FILE_MAX);
    bool ok = false, seen = false;
    kn_err problem;
    kn_slice value = {0};
    out[0] = '\0';
    if (!kn_profile_path(file, &path, &problem) || access(path.p, F_OK) != 0) {
        ok = true; /* no such file: nothing is set */
        goto out;
    }
    if (!kn_file_read(path.p, &text, err))
        goto out;
    ok = true;
    if (find(kn_buf_view(&text), file, profile, setting, &value, &seen)) {
        if (value.n < size)
            snprintf(out, size, "%.*s", (int)value.n, value.p);
        else
            ok = kn_fail(err, KN_ELIMIT, "%s: %s of profile %s is longer than %zu bytes", path.p,
                         setting, profile, size - 1);
    }
out:
    if (has_profile)
        *has_profile = seen;
    if (text.p)
        OPENSSL_cleanse(text.p, text.cap);
    kn_buf_free(&text);
    kn_buf_free(&path);
    return ok;
}
