/* See ops.h. Each operation: what it writes, from which draws. UUID: RFC 9562. */
#include "gen/ops.h"

#include "base/digits.h"
#include "base/time.h"

#include <stdlib.h>

/* ---- text ---- */

static char *run_text(kn_cursor *c, const kn_op *op, char *p) {
    (void)c, (void)op;
    return p;
}

static char *run_uuid(kn_cursor *c, const kn_op *op, char *p) {
    kn_rng rng = kn_rng_at(c->record_key, op->key);
    uint64_t a = kn_rng_next(&rng), b = kn_rng_next(&rng);
    char hex[16];
    a = (a & ~UINT64_C(0xF000)) | 0x4000u;               /* version 4 */
    b = (b & 0x3FFFFFFFFFFFFFFFu) | 0x8000000000000000u; /* variant 10 */
    p = kn_put_hex32(p, (uint32_t)(a >> 32));
    kn_put_hex32(hex, (uint32_t)a);
    kn_put_hex32(hex + 8, (uint32_t)(b >> 32));
    p[0] = '-';
    memcpy(p + 1, hex, 4);
    p[5] = '-';
    memcpy(p + 6, hex + 4, 4);
    p[10] = '-';
    memcpy(p + 11, hex + 8, 4);
    p[15] = '-';
    memcpy(p + 16, hex + 12, 4);
    return kn_put_hex32(p + 20, (uint32_t)b);
}

/* ---- choices ---- */

static bool prepare_words(kn_op *op, size_t *length, kn_err *err) {
    (void)err;
    *length = op->words->longest;
    return true;
}

static char *run_pick(kn_cursor *c, const kn_op *op, char *p) {
    const kn_words *w = op->words;
    const kn_word *word = &w->items[kn_rng_below(kn_op_draw(c, op), w->count)];
    return kn_copy_blocks(p, w->text + word->offset, word->length);
}

static char *run_weighted(kn_cursor *c, const kn_op *op, char *p) {
    const kn_words *w = op->words;
    const kn_word *word = &w->items[kn_words_pick(w, kn_op_draw(c, op))];
    return kn_copy_blocks(p, w->text + word->offset, word->length);
}

/* args: the probability of the body; else null */
static bool prepare_optional(kn_op *op, size_t *length, kn_err *err) {
    *length = 4;
    double p = op->args[0].d;
    return (p >= 0 && p <= 1) || kn_fail(err, KN_EINVAL, "a probability of %g is not 0 to 1", p);
}

static char *run_optional(kn_cursor *c, const kn_op *op, char *p) {
    if (kn_rng_unit(kn_op_draw(c, op)) < op->args[0].d)
        return kn_ops_run(c, op + 1, op + op->span, p);
    memcpy(p, "null", 4);
    return p + 4;
}

/* ---- numbers ---- */

/* args: min, max; run needs min and the count of values (0: all of 64 bits). */
static bool prepare_integer(kn_op *op, size_t *length, kn_err *err) {
    int64_t min = op->args[0].i, max = op->args[1].i;
    if (min > max)
        return kn_fail(err, KN_EINVAL, "min %lld is greater than max %lld", (long long)min,
                       (long long)max);
    char text[24];
    size_t a = (size_t)(kn_put_int(text, min) - text), b = (size_t)(kn_put_int(text, max) - text);
    *length = a > b ? a : b;
    op->args[1].i = (int64_t)((uint64_t)max - (uint64_t)min + 1);
    return true;
}

static int64_t draw_integer(const kn_cursor *c, const kn_op *op) {
    uint64_t r = kn_rng_below(kn_op_draw(c, op), (uint64_t)op->args[1].i);
    return (int64_t)((uint64_t)op->args[0].i + r);
}

static char *run_integer(kn_cursor *c, const kn_op *op, char *p) {
    return kn_put_int(p, draw_integer(c, op));
}

static const uint64_t powers_of_ten[] = {1,
                                         10,
                                         100,
                                         1000,
                                         10000,
                                         100000,
                                         1000000,
                                         10000000,
                                         100000000,
                                         1000000000,
                                         10000000000,
                                         100000000000,
                                         1000000000000,
                                         10000000000000,
                                         100000000000000,
                                         1000000000000000,
                                         10000000000000000,
                                         100000000000000000,
                                         1000000000000000000};

/* args: min and max in units of the last digit, digits after the point. */
static bool prepare_decimal(kn_op *op, size_t *length, kn_err *err) {
    int64_t scale = op->args[2].i;
    if (scale < 0 || scale > 18)
        return kn_fail(err, KN_EINVAL, "a scale of %lld is not 0 to 18", (long long)scale);
    if (!prepare_integer(op, length, err))
        return false;
    *length += (size_t)scale + 3; /* leading zeros, point */
    return true;
}

static char *run_decimal(kn_cursor *c, const kn_op *op, char *p) {
    int64_t v = draw_integer(c, op);
    unsigned scale = (unsigned)op->args[2].i;
    uint64_t unit = powers_of_ten[scale], u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    if (v < 0)
        *p++ = '-';
    p = kn_put_uint(p, u / unit);
    if (scale == 0)
        return p;
    *p++ = '.';
    return kn_put_padded(p, u % unit, scale);
}

/* args: the value of record 0, the step, the most that is added; fails beyond 64 bits. The sum is
 * of two numbers below 2^127, as indexes are below 2^63. */
static char *run_sequence(kn_cursor *c, const kn_op *op, char *p) {
    __int128 v = (__int128)op->args[1].i * (int64_t)(c->index & INT64_MAX) + op->args[0].i;
    if (op->args[2].i)
        v += kn_rng_below(kn_op_draw(c, op), (uint64_t)op->args[2].i + 1);
    if (__builtin_expect(v != (int64_t)v, 0)) {
        kn_fail(c->err, KN_ELIMIT,
                "the sequence is beyond %lld in record %llu: a bigint ends there",
                v > 0 ? (long long)INT64_MAX : (long long)INT64_MIN, (unsigned long long)c->index);
        return kn_ops_blame(c, op);
    }
    return kn_put_int(p, (int64_t)v);
}

/* ---- time ---- */

static char *run_now(kn_cursor *c, const kn_op *op, char *p) {
    (void)op;
    int64_t ms = kn_cursor_now_ms(c);
    if (ms / 1000 != c->iso_second) {
        kn_time_iso(c->iso, ms, true, true);
        c->iso_second = ms / 1000;
    }
    memcpy(p, c->iso, 24);
    kn_put_padded(p + 20, (uint64_t)(ms % 1000), 3);
    return p + 24;
}

static char *run_now_ms(kn_cursor *c, const kn_op *op, char *p) {
    (void)op;
    return kn_put_int(p, kn_cursor_now_ms(c));
}

static char *run_now_seconds(kn_cursor *c, const kn_op *op, char *p) {
    (void)op;
    return kn_put_int(p, kn_cursor_now_ms(c) / 1000);
}

/* ---- the plan's own ---- */

/* args: slot, and whether the body writes the content of a string */
static char *run_capture(kn_cursor *c, const kn_op *op, char *p) {
    kn_span *span = &c->spans[op->args[0].i];
    size_t start = (size_t)(p - c->out->p);
    p = kn_ops_run(c, op + 1, op + op->span, p);
    if (p)
        *span = (kn_span){start, (size_t)(p - c->out->p), op->args[1].i != 0};
    return p;
}

/* What the body writes is captured, and no part of the record. It stands behind the record, at a
 * distance: copies in blocks write a little more than they copy. */
static char *run_aside(kn_cursor *c, const kn_op *op, char *p) {
    size_t end = (size_t)(p - c->out->p);
    p = kn_ops_run(c, op + 1, op + op->span, p + KN_PLAN_SLACK);
    return p ? c->out->p + end : NULL;
}

char *kn_ops_room(kn_cursor *c, char *p, size_t n) {
    kn_buf *out = c->out;
    size_t start = out->len, made = (size_t)(p - out->p);
    out->len = made; /* so that a move keeps what was written; kn_cursor_record sets the end */
    bool room = kn_buf_reserve(out, n + c->plan->max_length + KN_PLAN_SLACK);
    out->len = start;
    if (room)
        return out->p + made;
    if (kn_buf_check(out, "the record", c->err))
        kn_fail(c->err, KN_ELIMIT, "the record is too large");
    return NULL;
}

char *kn_ops_call(kn_cursor *c, const kn_op *op, char *p) {
    kn_buf *answer = &c->scratch;
    kn_buf_clear(answer);
    c->reached = (size_t)(op - c->ops) + op->span - 1;
    if (__builtin_expect(!c->config.call, 0)) {
        kn_fail(c->err, KN_ESTATE, "the plan calls a script, and no way to call it was given");
        return NULL;
    }
    p = c->config.call(c->config.call_context, (uint32_t)op->args[0].i, c->index, p, answer,
                       c->err);
    return p && (kn_buf_ok(answer) ||
                 kn_buf_check(answer, "the value of a script's function", c->err))
               ? p
               : NULL;
}

/* args: the function. The answer may have any length. */
static char *run_script(kn_cursor *c, const kn_op *op, char *p) {
    const kn_buf *answer = &c->scratch;
    p = kn_ops_call(c, op, p);
    if (!p || !answer->len)
        return p;
    p = kn_ops_room(c, p, answer->len);
    if (!p)
        return NULL;
    memcpy(p, answer->p, answer->len);
    return p + answer->len;
}

/* ---- the table ---- */

#define INT KN_ARG_INT
#define DOUBLE KN_ARG_DOUBLE

/* clang-format off */
const kn_op_type kn_ops_basic[] = {
    /* name        arguments                                takes         length prepare           run */
    {"text",       {{0}},                                   0,            0,     NULL,             run_text},
    {"uuid",       {{0}},                                   0,            36,    NULL,             run_uuid},
    {"pick",       {{0}},                                   KN_OP_WORDS,  0,     prepare_words,    run_pick},
    {"weighted",   {{0}},                                   KN_OP_WORDS,  0,     prepare_words,    run_weighted},
    {"optional",   {DOUBLE("p")},                           KN_OP_BODY,   0,     prepare_optional, run_optional},
    {"integer",    {INT("min"), INT("max")},                0,            0,     prepare_integer,  run_integer},
    {"decimal",    {INT("min"), INT("max"), INT("scale")},  0,            0,     prepare_decimal,  run_decimal},
    {"sequence",   {INT("start"), INT("step"), INT("jitter")}, 0,         20,    NULL,             run_sequence},
    {"now",        {{0}},                                   0,            24,    NULL,             run_now},
    {"now_ms",     {{0}},                                   0,            20,    NULL,             run_now_ms},
    {"now_seconds",{{0}},                                   0,            20,    NULL,             run_now_seconds},
    {"capture",    {INT("slot"), INT("text")},              KN_OP_BODY,   0,     NULL,             run_capture},
    {"field",      {INT("slot"), INT("text")},              KN_OP_MARKS,  0,     NULL,             NULL},
    {"aside",      {{0}},                                   KN_OP_BODY,   KN_PLAN_SLACK, NULL,     run_aside},
    {"script",     {INT("function")},                       0, KN_PLAN_ANSWER,   NULL,             run_script},
    {NULL,         {{0}},                                   0,            0,     NULL,             NULL},
};
/* clang-format on */

static const kn_op_type *const families[] = {kn_ops_basic,  kn_ops_control, kn_ops_random,
                                             kn_ops_text,   kn_ops_time,    kn_ops_row,
                                             kn_ops_entity, kn_ops_rewrite};
enum { FAMILIES = sizeof families / sizeof *families };

const kn_op_type *kn_op_type_find(const char *name) {
    for (size_t i = 0; i < FAMILIES; i++)
        for (const kn_op_type *t = families[i]; t->name; t++)
            if (strcmp(t->name, name) == 0)
                return t;
    return NULL;
}

const char *kn_op_name(const kn_op *op) {
    for (size_t i = 0; i < FAMILIES; i++)
        for (const kn_op_type *t = families[i]; t->name; t++)
            if (t->run == op->run)
                return t->name;
    return "";
}
