/* See validate.h. Patterns are those of the API models (Java's): \d is translated, the rest is what
 * POSIX extended expressions and glibc understand. Lengths of strings count characters. */
#include "lake/validate.h"

#include <ctype.h>
#include <math.h>
#include <pthread.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define COMPLAINTS_MAX 10
#define PATTERNS_MAX 512
#define VALUE_SHOWN 256
#define DEPTH_MAX 512

/* ---- patterns ---- */

typedef struct pattern {
    const char *text;
    regex_t compiled;
} pattern;

struct kn_patterns {
    pthread_mutex_t lock;
    size_t count;
    pattern all[PATTERNS_MAX];
};

bool kn_patterns_new(kn_patterns **out, kn_err *err) {
    kn_patterns *patterns = calloc(1, sizeof *patterns);
    if (!patterns)
        return kn_fail(err, KN_ENOMEM, "patterns: out of memory");
    pthread_mutex_init(&patterns->lock, NULL);
    *out = patterns;
    return true;
}

void kn_patterns_free(kn_patterns *patterns) {
    if (!patterns)
        return;
    for (size_t i = 0; i < patterns->count; i++)
        regfree(&patterns->all[i].compiled);
    pthread_mutex_destroy(&patterns->lock);
    free(patterns);
}

static bool compile(const char *text, regex_t *out) {
    kn_buf expression;
    kn_buf_init(&expression, 4096);
    kn_buf_cstr(&expression, "^(");
    bool in_set = false;
    for (const char *c = text; *c; c++) {
        if (c[0] == '\\' && c[1] == 'd') {
            kn_buf_cstr(&expression, in_set ? "0-9" : "[0-9]");
            c++;
        } else {
            in_set = *c == '[' ? true : *c == ']' ? false : in_set;
            kn_buf_char(&expression, *c);
        }
    }
    kn_buf_cstr(&expression, ")$");
    bool ok = kn_buf_ok(&expression) && regcomp(out, expression.p, REG_EXTENDED | REG_NOSUB) == 0;
    kn_buf_free(&expression);
    return ok;
}

/* Tables are constant, so the address of a pattern's text identifies it. */
static const regex_t *find_pattern(kn_patterns *patterns, const char *text) {
    const regex_t *found = NULL;
    pthread_mutex_lock(&patterns->lock);
    for (size_t i = 0; i < patterns->count && !found; i++)
        if (patterns->all[i].text == text)
            found = &patterns->all[i].compiled;
    if (!found && patterns->count < PATTERNS_MAX &&
        compile(text, &patterns->all[patterns->count].compiled)) {
        patterns->all[patterns->count].text = text;
        found = &patterns->all[patterns->count++].compiled;
    }
    pthread_mutex_unlock(&patterns->lock);
    return found;
}

bool kn_patterns_compile(kn_patterns *patterns, const kn_member *members, kn_err *err) {
    for (const kn_member *m = members; m && m->name; m++) {
        if (m->characters && !find_pattern(patterns, m->characters))
            return kn_fail(err, KN_EINVAL, "pattern of %s cannot be compiled: %s", m->name,
                           m->characters);
        if (m->members && m->members != members && !kn_patterns_compile(patterns, m->members, err))
            return kn_fail_within(err, "%s", m->name);
    }
    return true;
}

/* ---- types ---- */

static const char *json_type_word(const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "a structure";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        break;
    }
    return "null";
}

/* Length of the bytes behind a base64 text, or -1 when it is malformed. */
static int64_t base64_length(const char *p, size_t n) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t padding = n && p[n - 1] == '=' ? (n > 1 && p[n - 2] == '=' ? 2 : 1) : 0;
    bool valid[256] = {false};
    for (const char *c = alphabet; *c; c++)
        valid[(unsigned char)*c] = true;
    if (n % 4)
        return -1;
    for (size_t i = 0; i < n - padding; i++)
        if (!valid[(unsigned char)p[i]])
            return -1;
    return (int64_t)(n / 4 * 3 - padding);
}

static bool type_fits(const kn_member *m, const json_t *value) {
    switch (m->type) {
    case KN_STRING:
        return json_is_string(value);
    case KN_BLOB:
        return json_is_string(value) &&
               base64_length(json_string_value(value), json_string_length(value)) >= 0;
    case KN_INTEGER: /* 10.0 is a fair integer to AWS */
        return json_is_integer(value) ||
               (json_is_real(value) && json_real_value(value) == floor(json_real_value(value)) &&
                fabs(json_real_value(value)) < 9e18);
    case KN_NUMBER:
        return json_is_number(value);
    case KN_BOOLEAN:
        return json_is_boolean(value);
    case KN_LIST:
        return json_is_array(value);
    case KN_OBJECT:
        return json_is_object(value);
    }
    return false;
}

static bool fail_type(const kn_member *m, const json_t *value, kn_err *err) {
    static const char *const words[] = {
        [KN_STRING] = "a string",   [KN_INTEGER] = "an integer", [KN_NUMBER] = "a number",
        [KN_BOOLEAN] = "a boolean", [KN_LIST] = "a list",        [KN_OBJECT] = "a structure",
        [KN_BLOB] = "base64 text",
    };
    return kn_fail_aws(
        err, 400, "SerializationException", "%s must be %s, not %s", m->name, words[m->type],
        m->type == KN_BLOB && json_is_string(value) ? "other text" : json_type_word(value));
}

static bool check_types(const kn_member *members, json_t *object, kn_err *err) {
    for (const kn_member *m = members; m && m->name; m++) {
        json_t *value = json_object_get(object, m->name);
        if (!value)
            continue;
        if (json_is_null(value)) {
            json_object_del(object, m->name);
            continue;
        }
        if (!type_fits(m, value))
            return fail_type(m, value, err);
        if (m->type == KN_INTEGER && json_is_real(value) &&
            json_object_set_new(object, m->name,
                                json_integer((json_int_t)json_real_value(value))) != 0)
            return kn_fail(err, KN_ENOMEM, "%s: out of memory", m->name);
        if (!m->members)
            continue;
        if (m->type == KN_OBJECT && !check_types(m->members, value, err))
            return kn_fail_within(err, "%s", m->name);
        size_t i;
        json_t *element;
        if (m->type == KN_LIST)
            json_array_foreach(value, i, element) {
                if (!json_is_object(element))
                    return kn_fail_aws(err, 400, "SerializationException",
                                       "each element of %s must be a structure, not %s", m->name,
                                       json_type_word(element));
                if (!check_types(m->members, element, err))
                    return kn_fail_within(err, "%s[%zu]", m->name, i);
            }
    }
    return true;
}

/* ---- depth ---- */

/* What is kept is wrapped in documents, and those must not become too deep to be read again. */
static bool is_deep(json_t *value, int left) {
    const char *key;
    json_t *below;
    size_t i;
    bool deep = left == 0 && (json_is_array(value) || json_is_object(value));
    if (deep)
        return true;
    json_array_foreach(value, i, below) {
        deep = deep || is_deep(below, left - 1);
    }
    json_object_foreach(value, key, below) {
        deep = deep || is_deep(below, left - 1);
    }
    return deep;
}

/* ---- NUL ---- */

static const kn_member *find_member(const kn_member *members, const char *name) {
    for (const kn_member *m = members; m && m->name; m++)
        if (strcmp(m->name, name) == 0)
            return m;
    return NULL;
}

/* The name of the member below which a string holds a NUL that it must not; NULL when none does.
 * Also where the table says nothing: documents are kept as they come. */
static const char *find_nul(const kn_member *members, const char *name, json_t *value) {
    const char *found = NULL, *key;
    json_t *below;
    size_t i;
    if (json_is_string(value))
        return strlen(json_string_value(value)) < json_string_length(value) ? name : NULL;
    json_array_foreach(value, i, below) {
        if (!found)
            found = find_nul(members, name, below);
    }
    json_object_foreach(value, key, below) {
        const kn_member *m = find_member(members, key);
        if (!found && !(m && m->any_character && json_is_string(below)))
            found = find_nul(m ? m->members : NULL, key, below);
    }
    return found;
}

static bool check_nul(const kn_member *members, json_t *input, kn_err *err) {
    const char *name = find_nul(members, "", input);
    return !name || kn_fail_aws(err, 400, "SerializationException",
                                "%s must not contain the character \\u0000", name);
}

/* ---- constraints ---- */

typedef struct checker {
    kn_patterns *patterns;
    kn_buf text;
    unsigned complaints;
    char path[512]; /* "records.1.member." */
} checker;

static void complain(checker *c, const kn_member *m, const json_t *value, const char *fmt, ...)
    KN_PRINTF(4, 5);

static void show_value(kn_buf *out, const json_t *value) {
    if (json_is_string(value)) {
        size_t n = strlen(json_string_value(value)); /* a message ends at a NUL */
        bool whole = n == json_string_length(value) && n < VALUE_SHOWN;
        kn_buf_char(out, '\'');
        kn_buf_append(out, json_string_value(value), n < VALUE_SHOWN ? n : VALUE_SHOWN);
        kn_buf_cstr(out, whole ? "'" : "...'");
    } else if (json_is_integer(value)) {
        kn_buf_printf(out, "'%lld'", (long long)json_integer_value(value));
    } else if (json_is_real(value)) {
        kn_buf_printf(out, "'%g'", json_real_value(value));
    } else if (json_is_array(value)) {
        kn_buf_cstr(out, json_array_size(value) ? "'[...]'" : "'[]'");
    } else {
        kn_buf_cstr(out, "null");
    }
}

static void complain(checker *c, const kn_member *m, const json_t *value, const char *fmt, ...) {
    if (c->complaints++ >= COMPLAINTS_MAX)
        return;
    kn_buf_cstr(&c->text, c->complaints > 1 ? "; Value " : "Value ");
    show_value(&c->text, value);
    kn_buf_printf(&c->text, " at '%s%c%s' failed to satisfy constraint: ", c->path,
                  tolower((unsigned char)m->name[0]), m->name + 1);
    char what[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    kn_buf_cstr(&c->text, what);
}

static int64_t characters(const json_t *string) {
    int64_t n = 0;
    const char *p = json_string_value(string);
    for (size_t i = 0; i < json_string_length(string); i++)
        n += ((unsigned char)p[i] & 0xc0) != 0x80;
    return n;
}

/* The whole number that stands where v does against bounds: below min when v is, above max when v
 * is. */
static int64_t stand_in(double v, int64_t min) {
    double rounded = v < (double)min ? floor(v) : ceil(v);
    return rounded > 9e18 ? INT64_MAX : rounded < -9e18 ? INT64_MIN : (int64_t)rounded;
}

static void check_bounds(checker *c, const kn_member *m, const json_t *value) {
    if (m->min == 0 && m->max == 0)
        return;
    const char *noun = "length";
    int64_t n = 0;
    switch (m->type) {
    case KN_STRING:
        n = characters(value);
        break;
    case KN_BLOB:
        n = base64_length(json_string_value(value), json_string_length(value));
        break;
    case KN_LIST:
        n = (int64_t)json_array_size(value);
        break;
    case KN_INTEGER:
    case KN_NUMBER:
        noun = "value";
        n = json_is_integer(value) ? json_integer_value(value)
                                   : stand_in(json_real_value(value), m->min);
        break;
    case KN_BOOLEAN:
    case KN_OBJECT:
        return;
    }
    if (n < m->min)
        complain(c, m, value, "Member must have %s greater than or equal to %lld", noun,
                 (long long)m->min);
    else if (m->max >= m->min && n > m->max)
        complain(c, m, value, "Member must have %s less than or equal to %lld", noun,
                 (long long)m->max);
}

static void check_members(checker *c, const kn_member *members, const json_t *object);

static void check_below(checker *c, const kn_member *m, const json_t *value) {
    size_t length = strlen(c->path);
    char *end = c->path + length;
    size_t room = sizeof c->path - length;
    if (m->type == KN_OBJECT) {
        snprintf(end, room, "%c%s.", tolower((unsigned char)m->name[0]), m->name + 1);
        check_members(c, m->members, value);
    }
    size_t i;
    json_t *element;
    if (m->type == KN_LIST)
        json_array_foreach(value, i, element) {
            snprintf(end, room, "%c%s.%zu.member.", tolower((unsigned char)m->name[0]), m->name + 1,
                     i + 1);
            check_members(c, m->members, element);
        }
    *end = '\0';
}

static void check_members(checker *c, const kn_member *members, const json_t *object) {
    for (const kn_member *m = members; m->name && c->complaints < COMPLAINTS_MAX; m++) {
        const json_t *value = json_object_get(object, m->name);
        if (!value) {
            if (m->required)
                complain(c, m, NULL, "Member must not be null");
            continue;
        }
        check_bounds(c, m, value);
        if (m->characters && json_is_string(value)) {
            const regex_t *expression = find_pattern(c->patterns, m->characters);
            if (expression && regexec(expression, json_string_value(value), 0, NULL, 0) != 0)
                complain(c, m, value, "Member must satisfy regular expression pattern: %s",
                         m->characters);
        }
        if (m->members)
            check_below(c, m, value);
    }
}

bool kn_validate(kn_patterns *patterns, const kn_member *members, const char *code, json_t *input,
                 kn_err *err) {
    if (is_deep(input, DEPTH_MAX))
        return kn_fail_aws(err, 400, "SerializationException",
                           "the body is nested deeper than %d levels", DEPTH_MAX);
    if (!check_nul(members, input, err))
        return false;
    if (!members)
        return true;
    if (!check_types(members, input, err))
        return false;
    checker c = {.patterns = patterns};
    kn_buf_init(&c.text, 16 << 10);
    check_members(&c, members, input);
    bool ok = c.complaints == 0;
    if (!ok) {
        unsigned n = c.complaints < COMPLAINTS_MAX ? c.complaints : COMPLAINTS_MAX;
        kn_fail_aws(err, 400, code, "%u validation error%s detected: %s", n, n > 1 ? "s" : "",
                    c.text.p ? c.text.p : "");
    }
    kn_buf_free(&c.text);
    return ok;
}
