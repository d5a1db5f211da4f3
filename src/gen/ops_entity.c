/* Operations on entities and sessions (entity.h). Their first argument is the number of a pick. */
#include "gen/ops.h"

#include "base/digits.h"

/* What session_number writes; the last two in ms of the simulated clock. */
enum { POSITION, LENGTH, ELAPSED, DURATION, NUMBERS };

static kn_pick_state *choice(kn_cursor *c, const kn_op *op) {
    kn_pick_state *s = &c->picks[op->args[0].i];
    if (!s->chosen || s->for_key != c->record_key || s->for_index != c->index)
        kn_pick_choose(s, c->record_key, c->index, c->moment);
    return s;
}

/* The body, as of the entity. Its time is when it appeared. */
static char *run_entity(kn_cursor *c, const kn_op *op, char *p) {
    const kn_pick_state *s = choice(c, op);
    uint64_t record_key = c->record_key, index = c->index;
    int64_t moment = c->moment, late_ms = c->late_ms, now_ms = c->now_ms;
    bool now_known = c->now_known;
    c->record_key = kn_rng_record_key(s->population_key, s->number);
    c->index = s->number;
    c->moment = s->moment;
    c->late_ms = 0;
    c->now_known = false;
    p = kn_ops_run(c, op + 1, op + op->span, p);
    c->record_key = record_key;
    c->index = index;
    c->moment = moment;
    c->late_ms = late_ms;
    c->now_ms = now_ms;
    c->now_known = now_known;
    return p;
}

/* The body, as of the entity's own record number `round`: what depends on the index follows the
 * entity. */
static char *run_entity_round(kn_cursor *c, const kn_op *op, char *p) {
    const kn_pick_state *s = choice(c, op);
    uint64_t record_key = c->record_key, index = c->index, whose = c->whose;
    c->whose = kn_rng_record_key(s->population_key, s->number);
    c->record_key = kn_rng_record_key(c->whose, s->round);
    c->index = s->round;
    p = kn_ops_run(c, op + 1, op + op->span, p);
    c->record_key = record_key;
    c->index = index;
    c->whose = whose;
    return p;
}

/* From 1. */
static char *run_entity_number(kn_cursor *c, const kn_op *op, char *p) {
    return kn_put_uint(p, choice(c, op)->number + 1);
}

/* How many records the entity had in the rounds before this one, and 1. */
static char *run_entity_count(kn_cursor *c, const kn_op *op, char *p) {
    return kn_put_uint(p, choice(c, op)->round + 1);
}

/* args: pick, start, step. Never falls: `step` a record on average, up to twice that. */
static char *run_entity_counter(kn_cursor *c, const kn_op *op, char *p) {
    const kn_pick_state *s = choice(c, op);
    uint64_t key = kn_rng_record_key(s->population_key, s->number) ^ op->key;
    uint64_t step = (uint64_t)op->args[2].i;
    uint64_t extra = step ? kn_rng_below(kn_rng_first(key, kn_rng_mix(s->round)), step) : 0;
    return kn_put_int(p, (int64_t)((uint64_t)op->args[1].i + s->round * step + extra));
}

static char *run_session_step(kn_cursor *c, const kn_op *op, char *p) {
    unsigned step = choice(c, op)->place.step;
    const kn_word *word = &op->words->items[step < op->words->count ? step : 0];
    return kn_copy_blocks(p, op->words->text + word->offset, word->length);
}

static uint64_t milliseconds(const kn_cursor *c, uint64_t records) {
    return (uint64_t)((unsigned __int128)records * c->config.clock_step_us / 1000);
}

static char *run_session_number(kn_cursor *c, const kn_op *op, char *p) {
    const kn_session_place *at = &choice(c, op)->place;
    switch (op->args[1].i) {
    case POSITION:
        return kn_put_uint(p, at->position + 1);
    case LENGTH:
        return kn_put_uint(p, at->length);
    case ELAPSED:
        return kn_put_uint(p, milliseconds(c, c->index - at->first));
    default:
        return kn_put_uint(p, milliseconds(c, at->last - at->first));
    }
}

/* args: pick, mask: the body at the steps whose bits are set, else null. */
static char *run_session_when(kn_cursor *c, const kn_op *op, char *p) {
    if ((uint64_t)op->args[1].i >> choice(c, op)->place.step & 1)
        return kn_ops_run(c, op + 1, op + op->span, p);
    memcpy(p, "null", 4);
    return p + 4;
}

/* ---- the table ---- */

static bool prepare_steps(kn_op *op, size_t *length, kn_err *err) {
    *length = op->words->longest;
    return op->words->count >= 1 || kn_fail(err, KN_EINVAL, "a session has no steps");
}

static bool prepare_number(kn_op *op, size_t *length, kn_err *err) {
    *length = 20;
    return (op->args[1].i >= 0 && op->args[1].i < NUMBERS) ||
           kn_fail(err, KN_EINVAL, "there is no number %lld of a session",
                   (long long)op->args[1].i);
}

#define INT(name) KN_ARG_INT(name)
#define PICK                                                                                       \
    { "pick", KN_KIND_PICK }

/* clang-format off */
const kn_op_type kn_ops_entity[] = {
    /* name             arguments                             takes        length prepare         run */
    {"entity",          {PICK},                               KN_OP_BODY,  0,     NULL,           run_entity},
    {"entity_round",    {PICK},                               KN_OP_BODY,  0,     NULL,           run_entity_round},
    {"entity_number",   {PICK},                               0,           20,    NULL,           run_entity_number},
    {"entity_count",    {PICK},                               0,           20,    NULL,           run_entity_count},
    {"entity_counter",  {PICK, INT("start"), INT("step")},    0,           20,    NULL,           run_entity_counter},
    {"session_step",    {PICK},                               KN_OP_WORDS, 0,     prepare_steps,  run_session_step},
    {"session_number",  {PICK, INT("what")},                  0,           20,    prepare_number, run_session_number},
    {"session_when",    {PICK, INT("mask")},                  KN_OP_BODY,  4,     NULL,           run_session_when},
    {NULL,              {{0}},                                0,           0,     NULL,           NULL},
};
/* clang-format on */
