/* Operations that decide which others run, how often and on which draws: alternatives, arrays,
 * maps, pools, copies of fields; and choices that are not one draw from a table. See ops.h. */
#include "base/digits.h"
#include "gen/draw.h"
#include "gen/ops.h"

static char *put_word(char *p, const kn_words *w, uint64_t i) {
    return kn_copy_blocks(p, w->text + w->items[i].offset, w->items[i].length);
}

static const kn_op *end_of(const kn_op *op) {
    return op + op->span;
}

/* Branch i of an operation whose body is a list of them. */
static char *run_nth(kn_cursor *c, const kn_op *op, uint64_t i, char *p) {
    const kn_op *branch = op + 1;
    while (i-- > 0)
        branch += branch->span;
    return kn_ops_run(c, branch, end_of(branch), p);
}

/* ---- alternatives ---- */

static char *run_case(kn_cursor *c, const kn_op *op, char *p) {
    return kn_ops_run(c, op + 1, end_of(op), p);
}

/* words: one for each branch, for their number and weights */
static char *run_choose(kn_cursor *c, const kn_op *op, char *p) {
    return run_nth(c, op, kn_words_pick(op->words, kn_op_draw(c, op)), p);
}

/* args: the capture; words: its texts that have a branch; the last branch is for all others. */
static char *run_switch(kn_cursor *c, const kn_op *op, char *p) {
    kn_span span = kn_ops_span(c, (size_t)op->args[0].i);
    const kn_words *w = op->words;
    const char *text = c->out->p + span.start;
    size_t n = span.end - span.start;
    if (!span.text && n >= 2 && *text == '"') { /* a string that may also be null */
        text++;
        n -= 2;
    }
    uint64_t i = 0;
    while (i < w->count &&
           (w->items[i].length != n || memcmp(w->text + w->items[i].offset, text, n) != 0))
        i++;
    return run_nth(c, op, i, p);
}

/* args: the capture */
static char *run_copy(kn_cursor *c, const kn_op *op, char *p) {
    kn_span span = kn_ops_span(c, (size_t)op->args[0].i);
    size_t n = span.end - span.start;
    if (c->plan->scripts && !(p = kn_ops_room(c, p, n)))
        return NULL;
    memcpy(p, c->out->p + span.start, n);
    return p + n;
}

/* ---- many of one ---- */

/* args: min, max, the byte between two (0: none). Each item has draws of its own. */
static bool prepare_repeat(kn_op *op, size_t *length, kn_err *err) {
    int64_t min = op->args[0].i, max = op->args[1].i;
    *length = 0;
    return (min >= 0 && min <= max && max <= KN_PLAN_MAX) ||
           kn_fail(err, KN_EINVAL, "%lld to %lld times is no range", (long long)min,
                   (long long)max);
}

static uint64_t draw_count(kn_rng *rng, const kn_op *op) {
    uint64_t min = (uint64_t)op->args[0].i, max = (uint64_t)op->args[1].i;
    return min + kn_rng_below(kn_rng_next(rng), max - min + 1);
}

static uint64_t item_key(uint64_t record_key, const kn_op *op, uint64_t i) {
    return kn_rng_mix((record_key ^ op->key) + (i + 1) * KN_RNG_STRIDE);
}

static char *run_repeat(kn_cursor *c, const kn_op *op, char *p) {
    uint64_t record_key = c->record_key;
    kn_rng rng = kn_rng_at(record_key, op->key);
    uint64_t n = draw_count(&rng, op);
    char separator = (char)op->args[2].i;
    for (uint64_t i = 0; p && i < n; i++) {
        if (i > 0 && separator)
            *p++ = separator;
        c->record_key = item_key(record_key, op, i);
        p = kn_ops_run(c, op + 1, end_of(op), p);
    }
    c->record_key = record_key;
    return p;
}

/* words: keys; args: min, max. Each member is a key of its own, and the body's value. */
static bool prepare_map(kn_op *op, size_t *length, kn_err *err) {
    if (!prepare_repeat(op, length, err))
        return false;
    uint64_t n = op->words->count;
    if (n > KN_SHUFFLE_MAX || (uint64_t)op->args[1].i > n)
        return kn_fail(err, KN_EINVAL, "%lld keys out of %llu (the most is %d)",
                       (long long)op->args[1].i, (unsigned long long)n, KN_SHUFFLE_MAX);
    *length = (op->words->longest + 3) * (size_t)op->args[1].i;
    return true;
}

static char *run_map(kn_cursor *c, const kn_op *op, char *p) {
    uint16_t order[KN_SHUFFLE_MAX];
    uint64_t record_key = c->record_key;
    kn_rng rng = kn_rng_at(record_key, op->key);
    unsigned n = (unsigned)draw_count(&rng, op);
    kn_shuffle(&rng, order, n, (unsigned)op->words->count);
    for (unsigned i = 0; p && i < n; i++) {
        if (i > 0)
            *p++ = ',';
        *p++ = '"';
        p = put_word(p, op->words, order[i]);
        *p++ = '"';
        *p++ = ':';
        c->record_key = item_key(record_key, op, i);
        p = kn_ops_run(c, op + 1, end_of(op), p);
    }
    c->record_key = record_key;
    return p;
}

/* args: how many, the exponent of Zipf's law (0: uniform). The body runs as if it were in record k
 * of a run of its own, so nothing is stored. */
static bool prepare_pool(kn_op *op, size_t *length, kn_err *err) {
    *length = 0;
    return (op->args[0].i > 0 && op->args[1].d >= 0) ||
           kn_fail(err, KN_EINVAL, "a pool of %lld with exponent %g", (long long)op->args[0].i,
                   op->args[1].d);
}

static char *run_pool(kn_cursor *c, const kn_op *op, char *p) {
    uint64_t record_key = c->record_key, index = c->index, n = (uint64_t)op->args[0].i;
    int64_t now_ms = c->now_ms;
    bool now_known = c->now_known;
    kn_rng rng = kn_rng_at(record_key, op->key);
    uint64_t k = op->args[1].d > 0 ? kn_zipf(&rng, n, op->args[1].d) - 1
                                   : kn_rng_below(kn_rng_next(&rng), n);
    c->index = k;
    c->record_key = kn_rng_record_key(op->key, k);
    c->now_known = false;
    p = kn_ops_run(c, op + 1, end_of(op), p);
    c->index = index;
    c->record_key = record_key;
    c->now_ms = now_ms;
    c->now_known = now_known;
    return p;
}

/* ---- choices ---- */

static bool prepare_words(kn_op *op, size_t *length, kn_err *err) {
    (void)err;
    *length = op->words->longest;
    return true;
}

static char *run_cycle(kn_cursor *c, const kn_op *op, char *p) {
    return put_word(p, op->words, c->index % op->words->count);
}

/* args: min, max, whether words are text: an array of different words */
static bool prepare_sample(kn_op *op, size_t *length, kn_err *err) {
    return prepare_map(op, length, err); /* three bytes a word: quotes and a comma */
}

static char *run_sample(kn_cursor *c, const kn_op *op, char *p) {
    uint16_t order[KN_SHUFFLE_MAX];
    kn_rng rng = kn_rng_at(c->record_key, op->key);
    unsigned n = (unsigned)draw_count(&rng, op);
    bool text = op->args[2].i != 0;
    kn_shuffle(&rng, order, n, (unsigned)op->words->count);
    for (unsigned i = 0; i < n; i++) {
        if (i > 0)
            *p++ = ',';
        if (text)
            *p++ = '"';
        p = put_word(p, op->words, order[i]);
        if (text)
            *p++ = '"';
    }
    return p;
}

/* ---- unique values ----
 *
 * unique permutes the record's index over all values that its body can make; the body's operations
 * take their parts of that number instead of draws. */

/* args: the number of values */
static char *run_unique(kn_cursor *c, const kn_op *op, char *p) {
    uint64_t n = (uint64_t)op->args[0].i;
    if (c->index >= n) {
        kn_fail(c->err, KN_ELIMIT,
                "a unique field has only %llu values: there is none left for record %llu",
                (unsigned long long)n, (unsigned long long)c->index);
        return kn_ops_blame(c, op);
    }
    uint64_t outer = c->unique;
    c->unique = kn_permute(op->key, c->index, n);
    p = kn_ops_run(c, op + 1, end_of(op), p);
    c->unique = outer;
    return p;
}

/* args: divisor, 1 or more */
static bool prepare_unique_pick(kn_op *op, size_t *length, kn_err *err) {
    *length = op->words->longest;
    return op->args[0].i >= 1 || kn_fail(err, KN_EINVAL, "a divisor is 1 or more");
}

static char *run_unique_pick(kn_cursor *c, const kn_op *op, char *p) {
    return put_word(p, op->words, c->unique / (uint64_t)op->args[0].i % op->words->count);
}

/* args: divisor, min, max; run needs the count of values (0: all of 64 bits) */
static bool prepare_unique_integer(kn_op *op, size_t *length, kn_err *err) {
    if (op->args[0].i < 1 || op->args[1].i > op->args[2].i)
        return kn_fail(err, KN_EINVAL, "there is no unique integer in this range");
    *length = 20;
    op->args[2].i = (int64_t)((uint64_t)op->args[2].i - (uint64_t)op->args[1].i + 1);
    return true;
}

static char *run_unique_integer(kn_cursor *c, const kn_op *op, char *p) {
    uint64_t v = c->unique / (uint64_t)op->args[0].i, n = (uint64_t)op->args[2].i;
    return kn_put_int(p, (int64_t)((uint64_t)op->args[1].i + (n ? v % n : v)));
}

#define INT KN_ARG_INT
#define DOUBLE KN_ARG_DOUBLE

/* clang-format off */
const kn_op_type kn_ops_control[] = {
    /* name           arguments                                   takes                      length prepare              run */
    {"case",          {{0}},                                      KN_OP_BODY,                0,  NULL,                   run_case},
    {"choose",        {{0}},                                      KN_OP_WORDS | KN_OP_BODY,  0,  NULL,                   run_choose},
    {"switch",        {INT("slot")},                              KN_OP_WORDS | KN_OP_BODY,  0,  NULL,                   run_switch},
    {"copy",          {INT("slot")},                              0,                         0,  NULL,                   run_copy},
    {"repeat",        {INT("min"), INT("max"), INT("separator")}, KN_OP_LOOP,                0,  prepare_repeat,         run_repeat},
    {"map",           {INT("min"), INT("max")},                   KN_OP_WORDS | KN_OP_LOOP,  0,  prepare_map,            run_map},
    {"pool",          {INT("n"), DOUBLE("skew")},                 KN_OP_BODY,                0,  prepare_pool,           run_pool},
    {"cycle",         {{0}},                                      KN_OP_WORDS,               0,  prepare_words,          run_cycle},
    {"sample",        {INT("min"), INT("max"), INT("text")},      KN_OP_WORDS,               0,  prepare_sample,         run_sample},
    {"unique",        {INT("n")},                                 KN_OP_BODY,                0,  NULL,                   run_unique},
    {"unique_pick",   {INT("divisor")},                           KN_OP_WORDS,               0,  prepare_unique_pick,    run_unique_pick},
    {"unique_integer",{INT("divisor"), INT("min"), INT("max")},   0,                         0,  prepare_unique_integer, run_unique_integer},
    {NULL,            {{0}},                                      0,                         0,  NULL,                   NULL},
};
/* clang-format on */
