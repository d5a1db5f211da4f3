/* See projection.h. Reference: "Supported types for partition projection", Athena user guide.
 *
 * The template becomes one regular expression with a group for each column, which is at home both
 * in POSIX (regexec here) and in RE2 (regexp_extract in DuckDB). Left out on purpose: a date's
 * interval (objects between the steps are found too), and month names in formats. */
#include "lake/athena/projection.h"

#include "base/time.h"

#include <ctype.h>
#include <regex.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { NOW_MOST = 100000, COLUMNS_MAX = 32, TEXT_MAX = 1 << 20 };

typedef enum { ENUM, INTEGER, DATE, INJECTED } column_type;

typedef struct column {
    const char *name;
    column_type type;
    const char *format; /* Java's */
    kn_buf strptime;    /* the same for DuckDB */
    int64_t low, high;  /* of integers; of dates in milliseconds */
    int64_t interval;
    int digits;
    size_t group; /* in the pattern; 0: not in the template */
} column;

struct kn_projection {
    json_t *table;
    column columns[COLUMNS_MAX];
    size_t column_count;
    size_t group_count;
    kn_buf prefix, pattern;
    regex_t regex;
    bool compiled;
};

/* The fields of a Java date format. */
static const struct date_field {
    char letter;
    int width;
    const char *strptime; /* the same for DuckDB */
    size_t offset;
    int lowest;
} date_fields[] = {
    {'y', 4, "%Y", offsetof(kn_civil, year), 1},   {'M', 2, "%m", offsetof(kn_civil, month), 1},
    {'d', 2, "%d", offsetof(kn_civil, day), 1},    {'H', 2, "%H", offsetof(kn_civil, hour), 0},
    {'m', 2, "%M", offsetof(kn_civil, minute), 0}, {'s', 2, "%S", offsetof(kn_civil, second), 0},
    {'S', 3, "%g", offsetof(kn_civil, millis), 0},
};

static const struct date_field *find_field(char letter) {
    for (size_t i = 0; i < sizeof date_fields / sizeof *date_fields; i++) {
        if (date_fields[i].letter == letter)
            return &date_fields[i];
    }
    return NULL;
}

static int *field_of(kn_civil *c, const struct date_field *field) {
    return (int *)((char *)c + field->offset);
}

/* The next piece of a Java format: letters of a field, or (letter false) a literal character. Moves
 * *p on; false at the end. */
static bool next_piece(const char **p, bool *quoted, char *c, bool *letter) {
    while (**p == '\'' && (*p)[1] != '\'') {
        *quoted = !*quoted;
        ++*p;
    }
    if (!**p)
        return false;
    *c = **p;
    *letter = !*quoted && isalpha((unsigned char)*c);
    if (*letter) {
        while (**p == *c)
            ++*p;
    } else {
        *p += *c == '\'' ? 2 : 1;
    }
    return true;
}

/* Appends a literal to a regular expression. */
static void append_quoted(kn_buf *out, const char *text, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (strchr("\\^$.|?*+()[]{}", text[i]))
            kn_buf_char(out, '\\');
        kn_buf_char(out, text[i]);
    }
}

/* Appends a format as a regular expression, and as DuckDB's strptime has it. */
static bool translate_format(const char *format, kn_buf *regex, kn_buf *strptime, kn_err *err) {
    bool quoted = false, letter;
    char c;
    while (next_piece(&format, &quoted, &c, &letter)) {
        if (!letter) {
            append_quoted(regex, &c, 1);
            kn_buf_cstr(strptime, c == '%' ? "%%" : (char[]){c, '\0'});
            continue;
        }
        const struct date_field *field = find_field(c);
        if (!field)
            return kn_fail(err, KN_EINVAL, "the letter %c of a date format is not supported", c);
        kn_buf_printf(regex, "[0-9]{%d}", field->width);
        kn_buf_cstr(strptime, field->strptime);
    }
    return true;
}

/* Reads text by a format; fields that the format has not stay at their lowest value. */
static bool read_date(const char *format, const char *text, size_t n, int64_t *ms) {
    kn_civil c = {.year = 1970, .month = 1, .day = 1};
    const char *end = text + n;
    bool quoted = false, letter;
    char piece;
    while (next_piece(&format, &quoted, &piece, &letter)) {
        const struct date_field *field = letter ? find_field(piece) : NULL;
        if (!field) {
            if (text == end || *text++ != piece)
                return false;
            continue;
        }
        int *value = field_of(&c, field);
        *value = 0;
        for (int i = 0; i < field->width; i++, text++) {
            if (text == end || !isdigit((unsigned char)*text))
                return false;
            *value = *value * 10 + (*text - '0');
        }
    }
    *ms = kn_civil_to_ms(&c);
    return text == end;
}

/* The time cut down to what the format can express. */
static int64_t truncate_date(const char *format, int64_t ms) {
    kn_civil from = kn_civil_from_ms(ms), c = {.year = 1970, .month = 1, .day = 1};
    bool quoted = false, letter;
    char piece;
    while (next_piece(&format, &quoted, &piece, &letter)) {
        const struct date_field *field = letter ? find_field(piece) : NULL;
        if (field)
            *field_of(&c, field) = *field_of(&from, field);
    }
    return kn_civil_to_ms(&c);
}

/* "NOW", "NOW-3YEARS", "NOW+1DAYS". */
static bool read_now(const char *text, int64_t now_ms, int64_t *ms) {
    static const struct {
        const char *name;
        int64_t ms;
        int months;
    } units[] = {
        {"SECOND", 1000, 0},    {"MINUTE", 60000, 0}, {"HOUR", 3600000, 0}, {"DAY", 86400000, 0},
        {"WEEK", 604800000, 0}, {"MONTH", 0, 1},      {"YEAR", 0, 12},
    };
    char *end;
    *ms = now_ms;
    if (strncmp(text, "NOW", 3) != 0)
        return false;
    if (!text[3])
        return true;
    long n = strtol(text + 3, &end, 10);
    if ((text[3] != '+' && text[3] != '-') || end == text + 4 || n < -NOW_MOST || n > NOW_MOST)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t length = strlen(units[i].name);
        if (strncasecmp(end, units[i].name, length) != 0 ||
            (end[length] && strcasecmp(end + length, "S") != 0))
            continue;
        kn_civil c = kn_civil_from_ms(now_ms);
        long months = c.year * 12L + c.month - 1 + n * units[i].months;
        if (months < 12) /* before the year 1 */
            return false;
        c.year = (int)(months / 12);
        c.month = (int)(months % 12) + 1;
        *ms = (units[i].months ? kn_civil_to_ms(&c) : now_ms) + n * units[i].ms;
        return true;
    }
    return false;
}

/* --- reading the parameters --- */

static const char *parameter(const kn_projection *p, const char *name, const char *what) {
    char full[600];
    snprintf(full, sizeof full, "projection.%s.%s", name, what);
    return json_string_value(json_object_get(json_object_get(p->table, "Parameters"), full));
}

static bool bad(kn_err *err, const column *c, const char *what) {
    return kn_fail(err, KN_EINVAL, "INVALID_TABLE_PROPERTY: projection.%s.%s is missing or wrong",
                   c->name, what);
}

static const char *skip_spaces(const char *p) {
    while (*p == ' ')
        p++;
    return p;
}

static bool read_bound(const column *c, const char *text, int64_t now_ms, int64_t *value) {
    char *end;
    if (c->type == INTEGER) {
        *value = strtoll(text, &end, 10);
        return end != text && !*end;
    }
    if (!read_now(text, now_ms, value))
        return read_date(c->format, text, strlen(text), value);
    *value = truncate_date(c->format, *value);
    return true;
}

/* "low,high" */
static bool read_range(const kn_projection *p, column *c, int64_t now_ms, kn_err *err) {
    const char *range = parameter(p, c->name, "range");
    const char *comma = range ? strchr(range, ',') : NULL;
    char low[128];
    if (!comma || (size_t)(comma - range) >= sizeof low)
        return bad(err, c, "range");
    range = skip_spaces(range);
    size_t n = (size_t)(comma - range);
    while (n && range[n - 1] == ' ')
        n--;
    memcpy(low, range, n);
    low[n] = '\0';
    return (read_bound(c, low, now_ms, &c->low) &&
            read_bound(c, skip_spaces(comma + 1), now_ms, &c->high)) ||
           bad(err, c, "range");
}

static bool append_values(const kn_projection *p, column *c, kn_buf *regex, kn_err *err) {
    const char *values = parameter(p, c->name, "values");
    if (!values)
        return bad(err, c, "values");
    for (;;) {
        values = skip_spaces(values);
        size_t n = strcspn(values, ",");
        append_quoted(regex, values, n);
        if (!values[n])
            return true;
        kn_buf_char(regex, '|');
        values += n + 1;
    }
}

static bool append_column(kn_projection *p, column *c, int64_t now_ms, kn_err *err) {
    const char *digits = parameter(p, c->name, "digits");
    const char *interval = parameter(p, c->name, "interval");
    switch (c->type) {
    case ENUM:
        return append_values(p, c, &p->pattern, err);
    case INTEGER:
        c->digits = digits ? atoi(digits) : 0;
        c->interval = interval ? strtoll(interval, NULL, 10) : 1;
        if (c->interval < 1)
            return bad(err, c, "interval");
        kn_buf_cstr(&p->pattern, "-?[0-9]+");
        return read_range(p, c, now_ms, err);
    case DATE:
        c->format = parameter(p, c->name, "format");
        return (c->format || bad(err, c, "format")) &&
               (translate_format(c->format, &p->pattern, &c->strptime, err) ||
                kn_fail_within(err, "projection.%s.format", c->name)) &&
               read_range(p, c, now_ms, err);
    default:
        kn_buf_cstr(&p->pattern, "[^/]+");
        return true;
    }
}

static bool read_type(const kn_projection *p, column *c, kn_err *err) {
    static const char *const names[] = {"enum", "integer", "date", "injected"};
    const char *type = parameter(p, c->name, "type");
    for (int i = 0; type && i < 4; i++) {
        if (strcasecmp(type, names[i]) == 0) {
            c->type = (column_type)i;
            return true;
        }
    }
    return bad(err, c, "type");
}

/* The template, or the layout of Hive below the table's location. */
static void template_of(const kn_projection *p, kn_buf *out) {
    const char *given = json_string_value(
        json_object_get(json_object_get(p->table, "Parameters"), "storage.location.template"));
    if (given) {
        kn_buf_cstr(out, given);
    } else {
        const char *location = json_string_value(
            json_object_get(json_object_get(p->table, "StorageDescriptor"), "Location"));
        kn_buf_cstr(out, location ? location : "");
        for (size_t i = 0; i < p->column_count; i++)
            kn_buf_printf(out, "%s%s=${%s}", out->len && out->p[out->len - 1] != '/' ? "/" : "",
                          p->columns[i].name, p->columns[i].name);
    }
    if (out->len && out->p[out->len - 1] != '/')
        kn_buf_char(out, '/');
}

/* ${name} of the template becomes a group. */
static bool append_group(kn_projection *p, const char *name, size_t n, int64_t now_ms,
                         kn_err *err) {
    for (size_t i = 0; i < p->column_count; i++) {
        column *c = &p->columns[i];
        if (strncasecmp(c->name, name, n) != 0 || c->name[n])
            continue;
        if (p->group_count == COLUMNS_MAX)
            return kn_fail(err, KN_ELIMIT, "storage.location.template names more than %d columns",
                           COLUMNS_MAX);
        kn_buf_char(&p->pattern, '(');
        p->group_count++;
        if (!c->group)
            c->group = p->group_count;
        bool ok = append_column(p, c, now_ms, err);
        kn_buf_char(&p->pattern, ')');
        return ok;
    }
    return kn_fail(err, KN_EINVAL,
                   "INVALID_TABLE_PROPERTY: storage.location.template names ${%.*s}, which is no "
                   "partition column",
                   (int)n, name);
}

static bool compile_template(kn_projection *p, const char *text, int64_t now_ms, kn_err *err) {
    kn_buf_char(&p->pattern, '^');
    while (*text) {
        const char *end = strncmp(text, "${", 2) == 0 ? strchr(text, '}') : NULL;
        if (end) {
            if (!append_group(p, text + 2, (size_t)(end - text - 2), now_ms, err))
                return false;
            text = end + 1;
        } else {
            append_quoted(&p->pattern, text, 1);
            if (!p->group_count)
                kn_buf_char(&p->prefix, *text);
            text++;
        }
    }
    for (size_t i = 0; i < p->column_count; i++) {
        if (!p->columns[i].group)
            return kn_fail(err, KN_EINVAL,
                           "INVALID_TABLE_PROPERTY: storage.location.template lacks ${%s}",
                           p->columns[i].name);
    }
    if (!kn_buf_check(&p->pattern, "the template", err))
        return false;
    p->compiled = regcomp(&p->regex, p->pattern.p, REG_EXTENDED) == 0;
    return p->compiled || kn_fail(err, KN_EINVAL,
                                  "INVALID_TABLE_PROPERTY: storage.location.template is too "
                                  "complicated");
}

static bool read_columns(kn_projection *p, kn_err *err) {
    size_t i;
    json_t *key;
    json_array_foreach(json_object_get(p->table, "PartitionKeys"), i, key) {
        if (i >= COLUMNS_MAX)
            return kn_fail(err, KN_ELIMIT, "a table has more than %d partition columns",
                           COLUMNS_MAX);
        column *c = &p->columns[p->column_count++];
        kn_buf_init(&c->strptime, 1024);
        c->name = json_string_value(json_object_get(key, "Name"));
        if (!c->name)
            return kn_fail(err, KN_EINVAL, "a partition column has no name");
        if (!read_type(p, c, err))
            return false;
    }
    return true;
}

bool kn_projection_open(const json_t *table, int64_t now_ms, kn_projection **out, kn_err *err) {
    const char *enabled = json_string_value(
        json_object_get(json_object_get(table, "Parameters"), "projection.enabled"));
    *out = NULL;
    if (!enabled || strcasecmp(enabled, "true") != 0)
        return true;
    kn_projection *p = calloc(1, sizeof *p);
    if (!p)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    p->table = json_incref((json_t *)table);
    kn_buf text;
    kn_buf_init(&text, TEXT_MAX);
    kn_buf_init(&p->prefix, TEXT_MAX);
    kn_buf_init(&p->pattern, TEXT_MAX);
    bool ok = read_columns(p, err);
    if (ok) {
        template_of(p, &text);
        ok = kn_buf_check(&text, "the template", err) &&
             compile_template(p, kn_buf_view(&text).p, now_ms, err);
    }
    kn_buf_free(&text);
    if (ok)
        *out = p;
    else
        kn_projection_close(p);
    return ok;
}

void kn_projection_close(kn_projection *p) {
    if (!p)
        return;
    if (p->compiled)
        regfree(&p->regex);
    for (size_t i = 0; i < p->column_count; i++)
        kn_buf_free(&p->columns[i].strptime);
    kn_buf_free(&p->prefix);
    kn_buf_free(&p->pattern);
    json_decref(p->table);
    free(p);
}

const char *kn_projection_prefix(const kn_projection *p) {
    return p->prefix.p ? p->prefix.p : "";
}

static bool in_range(const column *c, const char *text, size_t n) {
    int64_t value;
    switch (c->type) {
    case INTEGER:
        value = strtoll(text, NULL, 10);
        return value >= c->low && value <= c->high &&
               ((uint64_t)value - (uint64_t)c->low) % (uint64_t)c->interval == 0 &&
               (c->digits == 0 || n == (size_t)c->digits);
    case DATE:
        return read_date(c->format, text, n, &value) && value >= c->low && value <= c->high;
    default:
        return true;
    }
}

bool kn_projection_match(const kn_projection *p, const char *uri) {
    regmatch_t groups[COLUMNS_MAX + 1];
    if (regexec(&p->regex, uri, p->group_count + 1, groups, 0) != 0)
        return false;
    for (size_t i = 0; i < p->column_count; i++) {
        const regmatch_t *g = &groups[p->columns[i].group];
        if (!in_range(&p->columns[i], uri + g->rm_so, (size_t)(g->rm_eo - g->rm_so)))
            return false;
    }
    return true;
}

void kn_projection_sql(const kn_projection *p, size_t i, const char *uri, kn_buf *out) {
    kn_buf_printf(out, "regexp_extract(%s, ", uri);
    kn_buf_char(out, '\'');
    for (const char *c = p->pattern.p; *c; c++)
        kn_buf_cstr(out, *c == '\'' ? "''" : (char[]){*c, '\0'});
    kn_buf_printf(out, "', %zu)", p->columns[i].group);
}

const char *kn_projection_format(const kn_projection *p, size_t i) {
    return p->columns[i].type == DATE ? p->columns[i].strptime.p : NULL;
}
