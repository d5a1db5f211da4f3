/* See profile.h. The texts are cut up in place: settings are views into them. */
#include "aws/profile.h"

#include "base/file.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20, FILES = 2 };

/* A setting, or (key NULL) the head of a section. */
typedef struct entry {
    kn_profile_file file;
    kn_section section;
    bool prefixed; /* [profile name], not [name] */
    const char *name, *outer, *key, *value;
} entry;

struct kn_profiles {
    char *texts[FILES];
    size_t sizes[FILES];
    entry *entries;
    size_t count, room;
};

/* ---- names and paths ---- */

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

/* Appends the path of the file; fails when it is not named and there is no home folder. */
static bool path_of(kn_profile_file file, kn_buf *path, kn_err *err) {
    bool config = file == KN_PROFILE_CONFIG;
    const char *named = environment(config ? "AWS_CONFIG_FILE" : "AWS_SHARED_CREDENTIALS_FILE");
    const char *home = environment("HOME");
    if (named && !(named[0] == '~' && named[1] == '/'))
        kn_buf_cstr(path, named);
    else if (home && named)
        kn_buf_printf(path, "%s%s", home, named + 1);
    else if (home)
        kn_buf_printf(path, "%s/.aws/%s", home, config ? "config" : "credentials");
    else
        return kn_fail(err, KN_EINVAL, "no home folder to look for .aws/%s in: HOME is not set",
                       config ? "config" : "credentials");
    return kn_buf_check(path, "the path", err);
}

/* ---- reading ---- */

typedef struct reader {
    kn_profiles *profiles;
    kn_profile_file file;
    bool inside;       /* of a section that counts */
    bool headed;       /* a section has begun */
    entry head;        /* what settings of the section begin with */
    size_t indent;     /* of the last setting */
    size_t last;       /* its entry, plus one; 0: none in this section */
    const char *outer; /* the setting whose value is empty, while lines may be inside it */
    size_t line;
} reader;

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* Ends the text at its last byte that is not blank, and returns its first. */
static char *trim(char *text) {
    while (is_blank(*text))
        text++;
    size_t n = strlen(text);
    while (n && is_blank(text[n - 1]))
        text[--n] = '\0';
    return text;
}

/* Ends the text before a comment, which follows white space. */
static void cut_comment(char *text) {
    for (char *p = text; *p; p++)
        if ((*p == '#' || *p == ';') && p > text && is_blank(p[-1])) {
            *p = '\0';
            return;
        }
}

static bool add(reader *r, const char *outer, const char *key, const char *value, kn_err *err) {
    kn_profiles *p = r->profiles;
    if (p->count == p->room) {
        size_t room = p->room ? p->room * 2 : 64;
        entry *entries = realloc(p->entries, room * sizeof *entries);
        if (!entries)
            return kn_fail(err, KN_ENOMEM, "out of memory for the AWS configuration");
        p->entries = entries;
        p->room = room;
    }
    entry e = r->head;
    e.outer = outer;
    e.key = key;
    e.value = value;
    p->entries[p->count++] = e;
    return true;
}

/* "name", 'a name' or name; NULL when it is none of these. */
static char *unquote(char *name) {
    size_t n = strlen(name);
    if (n >= 2 && (name[0] == '"' || name[0] == '\'') && name[n - 1] == name[0]) {
        name[n - 1] = '\0';
        return name + 1;
    }
    return n && !strpbrk(name, " \t\"'") ? name : NULL;
}

/* Text between the brackets: a kind and a name, or a name alone. */
static bool read_head(reader *r, char *text, kn_err *err) {
    static const struct {
        const char *word;
        kn_section section;
    } kinds[] = {{"profile", KN_SECTION_PROFILE},
                 {"sso-session", KN_SECTION_SSO_SESSION},
                 {"services", KN_SECTION_SERVICES}};
    text = trim(text);
    size_t word = strcspn(text, " \t\"'");
    char *name = NULL;
    r->head = (entry){.file = r->file};
    if (r->file == KN_PROFILE_CONFIG)
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            if (word == strlen(kinds[i].word) && strncmp(text, kinds[i].word, word) == 0) {
                name = unquote(trim(text + word));
                r->head.section = kinds[i].section;
                r->head.prefixed = true;
            }
    if (!r->head.prefixed && (r->file == KN_PROFILE_CREDENTIALS || strcmp(text, "default") == 0))
        name = unquote(text);
    if (!name && *text && r->file == KN_PROFILE_CREDENTIALS)
        name = text; /* `aws configure` does not quote there */
    r->head.name = name;
    r->headed = true;
    r->inside = name != NULL;
    r->outer = NULL;
    r->last = 0;
    return !r->inside || add(r, NULL, NULL, NULL, err);
}

/* A line further in than the setting above it. */
static bool read_inner(reader *r, char *text, kn_err *err) {
    if (r->outer) {
        char *equals = strchr(text, '=');
        if (!equals)
            return kn_fail(err, KN_EPARSE, "line %zu: no '=' in the setting inside %s", r->line,
                           r->outer);
        *equals = '\0';
        char *value = equals + 1;
        cut_comment(value);
        return add(r, r->outer, trim(text), trim(value), err);
    }
    /* The value goes on, after a line break. There is room: the text was cut there. */
    char *value = (char *)r->profiles->entries[r->last - 1].value;
    size_t n = strlen(value);
    value[n] = '\n';
    memmove(value + n + 1, text, strlen(text) + 1);
    return true;
}

static bool read_setting(reader *r, char *text, size_t indent, kn_err *err) {
    char *equals = strchr(text, '=');
    if (!equals)
        return kn_fail(err, KN_EPARSE, "line %zu: neither [section] nor setting = value", r->line);
    *equals = '\0';
    char *key = trim(text), *value = equals + 1;
    if (!*key)
        return kn_fail(err, KN_EPARSE, "line %zu: no name before '='", r->line);
    cut_comment(value);
    value = trim(value);
    r->indent = indent;
    r->outer = *value ? NULL : key;
    if (!add(r, NULL, key, value, err))
        return false;
    r->last = r->profiles->count;
    return true;
}

static bool read_line(reader *r, char *line, kn_err *err) {
    size_t indent = strspn(line, " \t");
    char *text = trim(line);
    if (!*text || *text == '#' || *text == ';')
        return true;
    if (*text == '[' && (indent == 0 || !r->last || indent <= r->indent)) {
        char *end = strchr(text, ']');
        if (!end)
            return kn_fail(err, KN_EPARSE, "line %zu: the section's name has no ]", r->line);
        *end = '\0';
        return read_head(r, text + 1, err);
    }
    if (!r->headed)
        return kn_fail(err, KN_EPARSE, "line %zu: a setting before the first [section]", r->line);
    if (!r->inside)
        return true;
    if (r->last && indent > r->indent)
        return read_inner(r, text, err);
    return read_setting(r, text, indent, err);
}

static bool read_text(kn_profiles *p, kn_profile_file file, kn_slice bytes, kn_err *err) {
    char *text = malloc(bytes.n + 1);
    if (!text)
        return kn_fail(err, KN_ENOMEM, "out of memory for the AWS configuration");
    memcpy(text, bytes.n ? bytes.p : "", bytes.n);
    text[bytes.n] = '\0';
    p->texts[file] = text;
    p->sizes[file] = bytes.n;
    if (memchr(text, '\0', bytes.n))
        return kn_fail(err, KN_EPARSE, "it holds a zero byte");
    if (strncmp(text, "\xEF\xBB\xBF", 3) == 0)
        text += 3;
    reader r = {.profiles = p, .file = file};
    for (char *end; text; text = end) {
        end = strchr(text, '\n');
        if (end)
            *end++ = '\0';
        r.line++;
        if (!read_line(&r, text, err))
            return false;
    }
    return true;
}

/* [default] of config counts for nothing beside [profile default]. */
static void hide_plain_default(kn_profiles *p) {
    bool prefixed = false;
    for (size_t i = 0; i < p->count; i++)
        prefixed =
            prefixed || (p->entries[i].prefixed && strcmp(p->entries[i].name, "default") == 0 &&
                         p->entries[i].section == KN_SECTION_PROFILE);
    size_t kept = 0;
    for (size_t i = 0; i < p->count; i++)
        if (!prefixed || p->entries[i].prefixed || p->entries[i].file != KN_PROFILE_CONFIG)
            p->entries[kept++] = p->entries[i];
    p->count = kept;
}

bool kn_profiles_parse(kn_slice config, const char *config_name, kn_slice credentials,
                       const char *credentials_name, kn_profiles **out, kn_err *err) {
    kn_profiles *p = calloc(1, sizeof *p);
    if (!p)
        return kn_fail(err, KN_ENOMEM, "out of memory for the AWS configuration");
    bool ok =
        read_text(p, KN_PROFILE_CONFIG, config, err) || kn_fail_within(err, "%s", config_name);
    ok = ok && (read_text(p, KN_PROFILE_CREDENTIALS, credentials, err) ||
                kn_fail_within(err, "%s", credentials_name));
    if (!ok) {
        kn_profiles_destroy(p);
        return false;
    }
    hide_plain_default(p);
    *out = p;
    return true;
}

/* path is left empty when there is no such file. */
static bool load_file(kn_profile_file file, kn_buf *path, kn_buf *text, kn_err *err) {
    kn_err no_home;
    if (!path_of(file, path, &no_home) ||
        (access(path->p, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)))
        return true;
    /* Room at once: a buffer that grows would leave copies behind. */
    kn_buf_reserve(text, 64 << 10);
    return kn_buf_check(text, path->p, err) && kn_file_read(path->p, text, err);
}

static void wipe(kn_buf *text) {
    if (text->p)
        OPENSSL_cleanse(text->p, text->cap);
    kn_buf_free(text);
}

bool kn_profiles_load(kn_profiles **out, kn_err *err) {
    kn_buf config, credentials, config_path, credentials_path;
    kn_buf_init(&config, FILE_MAX);
    kn_buf_init(&credentials, FILE_MAX);
    kn_buf_init(&config_path, 4096);
    kn_buf_init(&credentials_path, 4096);
    bool ok =
        load_file(KN_PROFILE_CONFIG, &config_path, &config, err) &&
        load_file(KN_PROFILE_CREDENTIALS, &credentials_path, &credentials, err) &&
        kn_profiles_parse(kn_buf_view(&config), kn_buf_view(&config_path).p,
                          kn_buf_view(&credentials), kn_buf_view(&credentials_path).p, out, err);
    wipe(&config);
    wipe(&credentials);
    kn_buf_free(&config_path);
    kn_buf_free(&credentials_path);
    return ok;
}

void kn_profiles_destroy(kn_profiles *p) {
    if (!p)
        return;
    for (size_t i = 0; i < FILES; i++) {
        if (p->texts[i])
            OPENSSL_cleanse(p->texts[i], p->sizes[i]);
        free(p->texts[i]);
    }
    free(p->entries);
    free(p);
}

/* ---- looking up ---- */

/* The last that fits; key NULL: any entry of the section. */
static const entry *find(const kn_profiles *p, kn_profile_file file, kn_section section,
                         const char *name, const char *outer, const char *key) {
    for (size_t i = p->count; i-- > 0;) {
        const entry *e = &p->entries[i];
        if (e->file != file || e->section != section || strcmp(e->name, name) != 0)
            continue;
        if (!key)
            return e;
        if (e->key && strcasecmp(e->key, key) == 0 && !e->outer == !outer &&
            (!outer || strcasecmp(e->outer, outer) == 0))
            return e;
    }
    return NULL;
}

static const entry *find_in_both(const kn_profiles *p, kn_section section, const char *name,
                                 const char *outer, const char *key) {
    const entry *e = find(p, KN_PROFILE_CREDENTIALS, section, name, outer, key);
    return e ? e : find(p, KN_PROFILE_CONFIG, section, name, outer, key);
}

static const char *value_of(const entry *e) {
    return e ? e->value : NULL;
}

bool kn_profiles_has(const kn_profiles *p, kn_section section, const char *name) {
    return find_in_both(p, section, name, NULL, NULL) != NULL;
}

const char *kn_profiles_get(const kn_profiles *p, kn_section section, const char *name,
                            const char *setting) {
    return value_of(find_in_both(p, section, name, NULL, setting));
}

const char *kn_profiles_get_from(const kn_profiles *p, kn_profile_file file, const char *profile,
                                 const char *setting) {
    return value_of(find(p, file, KN_SECTION_PROFILE, profile, NULL, setting));
}

const char *kn_profiles_get_inner(const kn_profiles *p, kn_section section, const char *name,
                                  const char *setting, const char *inner) {
    return value_of(find_in_both(p, section, name, setting, inner));
}

const char *kn_profiles_service_endpoint(const kn_profiles *p, const char *profile,
                                         const char *service) {
    const char *services = kn_profiles_get(p, KN_SECTION_PROFILE, profile, "services");
    return services
               ? kn_profiles_get_inner(p, KN_SECTION_SERVICES, services, service, "endpoint_url")
               : NULL;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void kn_profiles_list(const kn_profiles *p, kn_buf *out) {
    const char **names = calloc(p->count + 1, sizeof *names);
    size_t n = 0;
    for (size_t i = 0; names && i < p->count; i++)
        if (!p->entries[i].key && p->entries[i].section == KN_SECTION_PROFILE)
            names[n++] = p->entries[i].name;
    if (n)
        qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
            kn_buf_printf(out, "%s%s", i ? ", " : "", names[i]);
    free(names);
}

bool kn_profiles_need(const kn_profiles *p, const char *name, kn_err *err) {
    if (kn_profiles_has(p, KN_SECTION_PROFILE, name))
        return true;
    kn_buf names;
    kn_buf_init(&names, 1000);
    kn_profiles_list(p, &names);
    kn_fail(err, KN_EINVAL, "there is no profile '%s' in the AWS configuration files; %s%s", name,
            names.len ? "there are: " : "there are none, `aws configure` makes them",
            kn_buf_view(&names).p);
    kn_buf_free(&names);
    return false;
}

bool kn_profiles_check(const kn_profiles *p, const char *given, kn_err *err) {
    bool asked = (given && *given) || environment("AWS_PROFILE");
    return !asked || kn_profiles_need(p, kn_profile_name(given), err);
}

bool kn_profile_get(const char *profile, const char *setting, char *out, size_t size, kn_err *err) {
    kn_profiles *p;
    if (!kn_profiles_load(&p, err))
        return false;
    const char *value = kn_profiles_get(p, KN_SECTION_PROFILE, profile, setting);
    int n = snprintf(out, size, "%s", value ? value : "");
    kn_profiles_destroy(p);
    if (n < 0 || (size_t)n >= size)
        return kn_fail(err, KN_ELIMIT, "%s of profile %s is longer than %zu bytes", setting,
                       profile, size - 1);
    return true;
}
