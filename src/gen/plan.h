/* A schema, compiled: an immutable plan that worker threads run. Record i is a pure function of
 * (seed, i) and, where the schema asks for the wall clock or a stateful script function, of those.
 * docs/internals/plan.md explains the operations. */
#ifndef KN_GEN_PLAN_H
#define KN_GEN_PLAN_H

#include "base/buf.h"

typedef struct kn_plan kn_plan;     /* shared by threads once built */
typedef struct kn_cursor kn_cursor; /* one thread's place to run it */

/* ---- running ---- */

/* Stated rates of disorder (gen/disorder.h); all 0: none. */
typedef struct kn_disorder {
    double late; /* share of records whose time is up to late_ms before their place's */
    int64_t late_ms;
    double duplicate; /* share of places that repeat a record from shortly before; at most 0.5 */
    double corrupt;   /* share of places whose bytes are no JSON any more */
    uint64_t shuffle; /* order is lost within windows of so many places */
} kn_disorder;

typedef bool kn_guarded(void *argument, kn_err *err);

typedef struct kn_cursor_config {
    uint64_t seed;
    /* The simulated clock: record i happens at clock_start_ms + i * clock_step_us / 1000. When
     * clock_start_ms is negative, now is the wall clock. */
    int64_t clock_start_ms;
    uint64_t clock_step_us;
    kn_disorder disorder; /* then an index is a position in the output */
    /* How the plan reaches a script's function: writes the field's JSON value at p, where there is
     * room for KN_PLAN_ANSWER bytes, and returns its end; or appends it to out, which is empty, and
     * returns p. NULL: it failed. NULL when there are no functions. */
    char *(*call)(void *context, uint32_t function, uint64_t index, char *p, kn_buf *out,
                  kn_err *err);
    /* Runs body in a way that `call` may end it instead of returning (a Lua error, which jumps over
     * what is in between): false then, with err filled. NULL when `call` does not. */
    bool (*guard)(void *context, kn_guarded *body, void *argument, kn_err *err);
    void *call_context;
    void (*release)(void *context); /* called by kn_cursor_destroy; may be NULL */
} kn_cursor_config;

/* The plan must live as long as the cursor. */
KN_MUST_CHECK bool kn_cursor_new(const kn_plan *plan, const kn_cursor_config *config,
                                 kn_cursor **out, kn_err *err);
void kn_cursor_destroy(kn_cursor *cursor);

/* Appends record `index` as JSON (or as a row of CSV, where the plan says so), without a newline.
 * On failure out is as it was. */
KN_MUST_CHECK bool kn_cursor_record(kn_cursor *cursor, uint64_t index, kn_buf *out, kn_err *err);

/* The wall clock's time of the records that are made next, from a caller that looks at it once for
 * several; otherwise each record looks for itself. So do those of plans with script functions,
 * which may take any time: then this is false, and no look at a clock serves two records. */
bool kn_cursor_tell_now(kn_cursor *cursor, int64_t now_ms);

/* Runs body, in which records of the cursor are made as by kn_cursor_record, where there are script
 * functions at less cost: under one guard for all, not under one each. When a function fails, body
 * does not return from kn_cursor_record but ends there; so it owns nothing meanwhile that it would
 * have to give back. */
KN_MUST_CHECK bool kn_cursor_guard(kn_cursor *cursor, kn_guarded *body, void *argument,
                                   kn_err *err);

/* The text of value number `n` of those that the plan was told to keep (partition keys, ...), of
 * the last record: strings without quotes and escapes, other values as their JSON. Empty when there
 * is none of that number. */
kn_slice kn_cursor_kept(const kn_cursor *cursor, uint32_t n);

/* How many values the plan was told to keep. */
uint32_t kn_plan_kept(const kn_plan *plan);

/* What a capture took from the record that is being made: false while it has not been made. The
 * slice is valid until the call returns to the plan. When *text, it is the content of a JSON string
 * without its quotes, else a whole JSON value. */
bool kn_cursor_captured(const kn_cursor *cursor, uint32_t slot, kn_slice *json, bool *text);

/* A map runs: the only time for kn_cursor_replace. */
bool kn_cursor_mapping(const kn_cursor *cursor);

/* While a map runs: its record has this value in the field of that slot. */
KN_MUST_CHECK bool kn_cursor_replace(kn_cursor *cursor, uint32_t slot, kn_slice json);

/* The time of a record on the cursor's clock, in ms since 1970. */
int64_t kn_cursor_time_ms(const kn_cursor *cursor, int64_t index);

/* The time of the record that is being made, in ms since 1970. */
int64_t kn_cursor_now_ms(kn_cursor *cursor);

/* What the draws of this moment are keyed by: the record, or the item of an array that is being
 * made. */
uint64_t kn_cursor_draw_key(const kn_cursor *cursor);

/* Writes the content of a JSON string of ours (without quotes) as the text it stands for: at most
 * content.n bytes; out may be where content is. Returns its length. */
size_t kn_plan_unescape(char *out, kn_slice content);

void kn_plan_destroy(kn_plan *plan);

/* The plan has script functions: each worker must bring its own lua_State. */
bool kn_plan_calls_scripts(const kn_plan *plan);

/* Of what it makes: another schema has another one. functions: what its script functions do. */
uint64_t kn_plan_fingerprint(const kn_plan *plan, kn_slice functions);

/* The longest record it can make; script functions add what they return. kn_cursor_record needs
 * this much room, and KN_PLAN_SLACK and what is put aside, below the maximum of its buffer. */
size_t kn_plan_max_length(const kn_plan *plan);
#define KN_PLAN_SLACK 32
#define KN_PLAN_ANSWER 32

/* ---- building ----
 *
 * A plan is a sequence of literals (JSON text) and operations. An operation with a body is followed
 * by it and by kn_plan_end. Failures of memory are sticky and reported by kn_plan_finish. */

typedef struct kn_plan_builder kn_plan_builder;
typedef struct kn_op_type kn_op_type; /* a row of the table of operations, gen/ops.h */

typedef union kn_op_arg {
    int64_t i;
    double d;
} kn_op_arg;

enum { KN_OP_ARGS = 6, KN_OP_DEPTH = 64, KN_PLAN_MAX = 1 << 26 };

typedef struct kn_op_request {
    const kn_op_type *type;
    uint64_t stream; /* of kn_rng_hash: operations that share it share their draws */
    kn_op_arg args[KN_OP_ARGS];
    uint32_t words; /* of kn_plan_words, where the type takes words */
    kn_slice place; /* where it stands in the script, for what fails in a record; may be empty */
} kn_op_request;

KN_MUST_CHECK bool kn_plan_builder_new(kn_plan_builder **out, kn_err *err);
void kn_plan_builder_destroy(kn_plan_builder *builder);

/* A table of texts to choose from: each goes into the record as it is, so it is already JSON (or
 * the content of a JSON string). weights, when not NULL, are relative, not negative, not all 0. */
KN_MUST_CHECK bool kn_plan_words(kn_plan_builder *builder, const kn_slice *words,
                                 const double *weights, size_t n, uint32_t *table, kn_err *err);

void kn_plan_literal(kn_plan_builder *builder, kn_slice json);
/* A choice of entities (gen/entity.h), for operations that take one; equal ones have one number. */
typedef struct kn_pick kn_pick;
KN_MUST_CHECK bool kn_plan_pick(kn_plan_builder *builder, const kn_pick *pick, uint32_t *number,
                                kn_err *err);

KN_MUST_CHECK bool kn_plan_op(kn_plan_builder *builder, const kn_op_request *request, kn_err *err);
void kn_plan_end(kn_plan_builder *builder);

/* The next capture whose text kn_cursor_kept gives; the first has number 0. What is to be kept and
 * not to be read in the record is captured inside of the operation "aside", which comes last. */
enum { KN_PLAN_KEPT = 8 };
KN_MUST_CHECK bool kn_plan_keep(kn_plan_builder *builder, uint32_t slot, kn_err *err);

/* The captures of all fields that hold a value, in the order of the record. With csv, records are
 * rows of them (gen/csv.h), not JSON. */
void kn_plan_columns(kn_plan_builder *builder, const uint32_t *slots, size_t n, bool csv);

/* Makes the plan; the builder can only be destroyed afterwards. */
KN_MUST_CHECK bool kn_plan_finish(kn_plan_builder *builder, kn_plan **out, kn_err *err);

#endif
