/* Operations on rows: a draw chooses a row of a table, and all operations that make the same draw
 * write of the same row. For persons and places (lua/kinessis/fake/person.lua, place.lua). */
#include "base/digits.h"
#include "base/time.h"
#include "gen/ops.h"
#include <string.h>

/* The row that the operation's first draw chooses; as the operation "pick". */
static const kn_word *draw_row(const kn_cursor *c, const kn_op *op) {
    return &op->words->items[kn_words_pick(op->words, kn_op_draw(c, op))];
}

/* args: how many rows, and how many of them are of the first case; the others are of the second. */
static bool prepare_split(kn_op *op, size_t *length, kn_err *err) {
    int64_t count = op->args[0].i, first = op->args[1].i;
    *length = 0;
    return (first >= 0 && first <= count && count > 0) ||
           kn_fail(err, KN_EINVAL, "a split of %lld rows after %lld", (long long)count,
                   (long long)first);
}

static char *run_split(kn_cursor *c, const kn_op *op, char *p) {
    uint64_t row = kn_rng_below(kn_op_draw(c, op), (uint64_t)op->args[0].i);
    const kn_op *branch = op + 1;
    if (row >= (uint64_t)op->args[1].i)
        branch += branch->span;
    return kn_ops_run(c, branch, branch + branch->span, p);
}

/* ---- patterns ---- */

/* The draws beside the row's: args[i] was a number, and becomes a key. */
static void prepare_salt(kn_op *op, int i) {
    op->args[i].i = (int64_t)kn_rng_mix((uint64_t)op->args[i].i + KN_RNG_STRIDE);
}

static kn_rng salted(const kn_cursor *c, const kn_op *op, int i) {
    return kn_rng_at(c->record_key, op->key ^ (uint64_t)op->args[i].i);
}

/* What the n characters at text begin with: `read` of them stand for one of the `count` at `set`,
 * or for themselves when count is 0. [AB] is one of those between. */
typedef struct pattern_unit {
    const char *set;
    unsigned count;
    uint32_t read;
} pattern_unit;

static pattern_unit read_unit(const char *text, uint32_t n) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    switch (*text) {
    case '#':
        return (pattern_unit){letters + 52, 10, 1};
    case '%':
        return (pattern_unit){letters + 53, 9, 1};
    case '?':
        return (pattern_unit){letters, 26, 1};
    case '*':
        return (pattern_unit){letters, 62, 1};
    case '[': {
        const char *end = memchr(text, ']', n);
        if (end && end > text + 1)
            return (pattern_unit){text + 1, (unsigned)(end - text - 1), (uint32_t)(end - text + 1)};
        break;
    }
    default:
        break;
    }
    return (pattern_unit){text, 0, 1};
}

/* args: a number that tells these draws from others of the same row. */
static bool prepare_expand(kn_op *op, size_t *length, kn_err *err) {
    (void)err;
    *length = 0;
    for (uint64_t row = 0; row < op->words->count; row++) {
        const kn_word *word = &op->words->items[row];
        const char *text = op->words->text + word->offset;
        size_t written = 0;
        for (uint32_t i = 0; i < word->length; written++)
            i += read_unit(text + i, word->length - i).read;
        *length = written > *length ? written : *length;
    }
    prepare_salt(op, 0);
    return true;
}

/* One draw gives ten characters: each takes the high part of a product, the low part goes on. */
static char *run_expand(kn_cursor *c, const kn_op *op, char *p) {
    const kn_word *row = draw_row(c, op);
    const char *text = op->words->text + row->offset;
    kn_rng rng = salted(c, op, 0);
    uint64_t rest = 0;
    unsigned left = 0;
    for (uint32_t i = 0; i < row->length;) {
        pattern_unit unit = read_unit(text + i, row->length - i);
        i += unit.read;
        if (unit.count == 0) {
            *p++ = *unit.set;
            continue;
        }
        if (left-- == 0) {
            rest = kn_rng_next(&rng);
            left = 9;
        }
        unsigned __int128 product = (unsigned __int128)rest * unit.count;
        *p++ = unit.set[(unsigned)(product >> 64)];
        rest = (uint64_t)product;
    }
    return p;
}

/* ---- numbers near a row's ---- */

enum { MAX_SCALE = 9 };

static int64_t read_int(const char *p, size_t n, bool *valid) {
    uint64_t v = 0;
    size_t sign = n > 0 && p[0] == '-';
    *valid = n > sign && n <= 15;
    for (size_t i = sign; i < n && *valid; i++) {
        *valid = p[i] >= '0' && p[i] <= '9';
        v = v * 10 + (uint64_t)(p[i] - '0');
    }
    return sign ? -(int64_t)v : (int64_t)v;
}

/* args: digits after the point, how far from the row's number in units of the last digit, salt. The
 * rows are whole numbers in those units. */
static bool prepare_near(kn_op *op, size_t *length, kn_err *err) {
    int64_t scale = op->args[0].i, jitter = op->args[1].i;
    if (scale < 0 || scale > MAX_SCALE)
        return kn_fail(err, KN_EINVAL, "a scale of %lld is not 0 to %d", (long long)scale,
                       MAX_SCALE);
    if (jitter < 0 || jitter > 1000000000)
        return kn_fail(err, KN_EINVAL, "a jitter of %lld is not 0 to 1e9", (long long)jitter);
    for (uint64_t i = 0; i < op->words->count; i++) {
        const kn_word *row = &op->words->items[i];
        bool valid;
        read_int(op->words->text + row->offset, row->length, &valid);
        if (!valid)
            return kn_fail(err, KN_EINVAL, "row %llu is not a whole number",
                           (unsigned long long)i + 1);
    }
    prepare_salt(op, 2);
    *length = 20;
    return true;
}

static char *run_near(kn_cursor *c, const kn_op *op, char *p) {
    static const uint64_t units[MAX_SCALE + 1] = {1,      10,      100,      1000,      10000,
                                                  100000, 1000000, 10000000, 100000000, 1000000000};
    const kn_word *row = draw_row(c, op);
    kn_rng rng = salted(c, op, 2);
    bool valid;
    int64_t jitter = op->args[1].i;
    int64_t v = read_int(op->words->text + row->offset, row->length, &valid) - jitter +
                (int64_t)kn_rng_below(kn_rng_next(&rng), 2 * (uint64_t)jitter + 1);
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v, unit = units[op->args[0].i];
    if (v < 0)
        *p++ = '-';
    p = kn_put_uint(p, u / unit);
    if (op->args[0].i == 0)
        return p;
    *p++ = '.';
    return kn_put_padded(p, u % unit, (unsigned)op->args[0].i);
}

/* ---- birthdays ---- */

enum { DAY_MS = 86400000 };
static const int64_t first_day = -719162, last_day = 2932896; /* of the years 1 to 9999 */

static kn_civil civil_of_day(int64_t day) {
    return kn_civil_from_ms(day * DAY_MS);
}

/* args: the first day (since 1970-01-01), how many days, the day on which ages are counted */
static bool prepare_birth(kn_op *op, size_t *length, kn_err *err) {
    int64_t first = op->args[0].i, days = op->args[1].i, on = op->args[2].i;
    *length = 10;
    return (first >= first_day && days > 0 && days <= last_day && first + days - 1 <= last_day &&
            on >= first + days - 1 && on <= last_day) ||
           kn_fail(err, KN_EINVAL, "birthdays are not in the years 1 to 9999, or after their day");
}

static int64_t draw_birthday(const kn_cursor *c, const kn_op *op) {
    return op->args[0].i + (int64_t)kn_rng_below(kn_op_draw(c, op), (uint64_t)op->args[1].i);
}

static char *run_birth_date(kn_cursor *c, const kn_op *op, char *p) {
    kn_civil day = civil_of_day(draw_birthday(c, op));
    p = kn_put_padded(p, (uint64_t)day.year, 4);
    *p++ = '-';
    p = kn_put_padded(p, (uint64_t)day.month, 2);
    *p++ = '-';
    return kn_put_padded(p, (uint64_t)day.day, 2);
}

static char *run_age(kn_cursor *c, const kn_op *op, char *p) {
    kn_civil born = civil_of_day(draw_birthday(c, op)), on = civil_of_day(op->args[2].i);
    bool before = on.month < born.month || (on.month == born.month && on.day < born.day);
    return kn_put_uint(p, (uint64_t)(on.year - born.year - before));
}

#define INT KN_ARG_INT

/* clang-format off */
const kn_op_type kn_ops_row[] = {
    /* name        arguments                                    takes         length prepare         run */
    {"split",      {INT("count"), INT("first")},                KN_OP_BODY,   0,     prepare_split,  run_split},
    {"expand",     {INT("salt")},                               KN_OP_WORDS,  0,     prepare_expand, run_expand},
    {"near",       {INT("scale"), INT("jitter"), INT("salt")},  KN_OP_WORDS,  0,     prepare_near,   run_near},
    {"birth_date", {INT("first"), INT("days"), INT("on")},      0,            10,    prepare_birth,  run_birth_date},
    {"age",        {INT("first"), INT("days"), INT("on")},      0,            10,    prepare_birth,  run_age},
    {NULL,         {{0}},                                       0,            0,     NULL,           NULL},
};
/* clang-format on */
