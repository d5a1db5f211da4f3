/* Inside gen: an operation, the table of them, and the cursor that they run on.
 *
 * An operation writes text at p and returns the new end. The room was reserved for the whole record
 * from the operations' maximum lengths, and KN_PLAN_SLACK bytes more, so that copies may go in
 * blocks. Adding one: a run function in one of ops*.c and a row in that file's table. */
#ifndef KN_GEN_OPS_H
#define KN_GEN_OPS_H

#include "base/rng.h"
#include "base/time.h"
#include "gen/disorder.h"
#include "gen/entity.h"
#include "gen/plan.h"

/* Texts to choose from, in one block padded for copies in blocks. */
typedef struct kn_word {
    uint32_t offset, length;
} kn_word;

typedef struct kn_words {
    char *text;
    kn_word *items;
    uint64_t count;
    size_t longest;
    /* Vose's alias method, when weighted: item i keeps a draw below threshold[i] (of 2^64), else
     * the draw is its alias's. NULL: uniform. */
    uint64_t *threshold;
    uint32_t *alias;
} kn_words;

typedef struct kn_op kn_op;

enum { KN_OP_INLINE = 3 };

struct kn_op { /* 64 bytes: one cache line */
    char *(*run)(kn_cursor *c, const kn_op *op, char *p);
    const char *prefix; /* the literal before it */
    uint32_t prefix_length;
    uint32_t span; /* operations to the next one: 1 and its body's */
    uint64_t key;  /* in a plan the stream, in a cursor the stream under its seed */
    kn_op_arg args[KN_OP_INLINE];
    const kn_words *words;
};

/* An operation with more than KN_OP_INLINE arguments has the others in the place after it, which is
 * not run; its body follows. */
static inline kn_op_arg kn_op_more(const kn_op *op, unsigned i) {
    return op[1].args[i - KN_OP_INLINE];
}

enum { KN_KIND_INT, KN_KIND_DOUBLE, KN_KIND_PICK /* the number of a kn_plan_pick */ };

struct kn_op_type {
    const char *name;
    struct {
        const char *name; /* NULL ends */
        int kind;
    } args[KN_OP_ARGS];
    int takes;     /* KN_OP_WORDS, KN_OP_BODY, ... */
    size_t length; /* the longest text it writes, when prepare is NULL; its body adds its own */
    /* Checks the arguments, may replace them by what run needs, and tells the longest text; op[1]
     * holds the arguments that do not fit in. */
    bool (*prepare)(kn_op *op, size_t *length, kn_err *err);
    char *(*run)(kn_cursor *c, const kn_op *op, char *p);
};

/* KN_OP_LOOP: the body runs up to `max` times, the second argument, each time followed by a byte.
 * KN_OP_MARKS: it is no operation of its own; what is noted is where its body starts and ends. */
enum { KN_OP_WORDS = 1, KN_OP_BODY = 2, KN_OP_LOOP = 4 | KN_OP_BODY, KN_OP_MARKS = 8 | KN_OP_BODY };

/* The table of operations, by families; each ends with a row without a name. */
extern const kn_op_type kn_ops_basic[], kn_ops_control[], kn_ops_random[], kn_ops_row[],
    kn_ops_text[], kn_ops_time[], kn_ops_entity[], kn_ops_rewrite[];

#define KN_ARG_INT(name)                                                                           \
    { name, KN_KIND_INT }
#define KN_ARG_DOUBLE(name)                                                                        \
    { name, KN_KIND_DOUBLE }

const kn_op_type *kn_op_type_find(const char *name); /* NULL when there is none */
const char *kn_op_name(const kn_op *op);             /* the first that runs like it */

typedef struct kn_span {
    size_t start, end; /* offsets in the buffer; end 0: not made yet */
    bool text;
} kn_span;

/* Where the text of a "field" lies: from the mark of one operation to before the literal of
 * another.
 */
typedef struct kn_field {
    uint32_t first, next; /* next 0: the slot is of a capture */
    bool text;
} kn_field;

struct kn_plan {
    kn_op *ops;
    size_t op_count;
    kn_words *words;
    size_t word_count;
    kn_pick *picks;
    size_t pick_count;
    char *literals;
    char *places; /* of operations that may fail: number, length (uint32_t both), text */
    size_t places_length;
    size_t max_length; /* of what is written for a record, what is put aside included */
    size_t longest;    /* record */
    uint32_t slots;
    kn_field *fields;            /* by slot */
    bool marks;                  /* some are fields */
    uint32_t kept[KN_PLAN_KEPT]; /* slots */
    uint32_t kept_count;
    uint32_t *columns; /* slots of the fields that hold a value, in order; or NULL */
    size_t column_count;
    bool csv; /* records are rows of the columns */
    bool scripts;
    bool forgets; /* spans are of one record only: before a capture has run there is none */
};

struct kn_cursor {
    uint64_t record_key, index;
    uint64_t whose; /* the entity in whose own rounds operations run; 0: no one's */
    int64_t moment; /* the index whose time it is; before the first record it is negative */
    kn_buf *out;    /* while a record is made */
    int64_t now_ms, late_ms;
    int64_t told_ms; /* by kn_cursor_tell_now; negative: nothing */
    bool now_known;
    const kn_plan *plan;
    kn_op *ops; /* the plan's, with keys of this seed */
    kn_span *spans;
    /* Of each operation of the outermost level, in plans with fields: where its text starts, as an
     * offset in the buffer; of this record up to the operation `reached`, while a script runs. */
    size_t *marks, reached;
    kn_err *err;
    bool guarded; /* kn_cursor_guard runs */
    uint64_t seed_key;
    kn_cursor_config config;
    int64_t iso_second; /* what iso holds */
    char iso[32];
    int64_t civil_ms; /* what civil holds, with its zone */
    kn_civil civil;
    /* While a map runs: what it wrote into `changed`, by slot; and the record that this makes. */
    bool mapping;
    size_t change_count;
    kn_span *changes;
    kn_buf changed, mapped;
    kn_pick_state *picks; /* one for each of the plan's */
    kn_disorder_state disorder;
    uint64_t unique; /* the number that operations in unique take their parts of */
    kn_buf scratch;  /* a script's long answer */
    kn_buf json;     /* the record that becomes a row of CSV */
    kn_buf kept[KN_PLAN_KEPT];
};

static inline uint64_t kn_op_draw(const kn_cursor *c, const kn_op *op) {
    return kn_rng_first(c->record_key, op->key);
}

/* The number of a word for a draw, uniform or by weight. One draw is both: its high part chooses
 * the item, its low part item or alias. */
static inline uint64_t kn_words_pick(const kn_words *w, uint64_t draw) {
    unsigned __int128 product = (unsigned __int128)draw * w->count;
    uint64_t i = (uint64_t)(product >> 64);
    return w->threshold && (uint64_t)product >= w->threshold[i] ? w->alias[i] : i;
}

/* Puts the operation's place in the script before what c->err says. Returns NULL. */
char *kn_ops_blame(kn_cursor *c, const kn_op *op);

/* Makes room for n bytes at p and the rest of the record, where a script's answer made lengths
 * unknown; p may move. NULL when it cannot. */
char *kn_ops_room(kn_cursor *c, char *p, size_t n);

/* Calls the script's function whose number is the operation's first argument. A short answer is
 * written at p, any other into c->scratch, which is empty otherwise. Returns the end of what is at
 * p, or NULL. */
char *kn_ops_call(kn_cursor *c, const kn_op *op, char *p);

/* Copies in blocks of 16: reads and writes up to 15 bytes more than n. */
static inline char *kn_copy_blocks(char *p, const char *from, size_t n) {
    char *end = p + n;
    do {
        memcpy(p, from, 16);
        p += 16;
        from += 16;
    } while (p < end);
    return end;
}

/* Runs the operations from op to before end; NULL when one failed (c->err is filled). */
static inline char *kn_ops_run(kn_cursor *c, const kn_op *op, const kn_op *end, char *p) {
    while (op < end) {
        p = kn_copy_blocks(p, op->prefix, op->prefix_length);
        p = op->run(c, op, p);
        if (__builtin_expect(!p, 0))
            return NULL;
        op += op->span;
    }
    return p;
}

/* The same for the outermost level of a plan with fields. */
static inline char *kn_ops_run_marks(kn_cursor *c, const kn_op *op, const kn_op *end, char *p) {
    while (op < end) {
        p = kn_copy_blocks(p, op->prefix, op->prefix_length);
        c->marks[op - c->ops] = (size_t)(p - c->out->p);
        p = op->run(c, op, p);
        if (__builtin_expect(!p, 0))
            return NULL;
        op += op->span;
    }
    return p;
}

/* Where the text of a slot lies that has been made. A field that a map changed has a span, as
 * captures do. */
static inline kn_span kn_ops_span(const kn_cursor *c, size_t slot) {
    const kn_field *field = &c->plan->fields[slot];
    if (!field->next || c->spans[slot].end)
        return c->spans[slot];
    return (kn_span){c->marks[field->first],
                     c->marks[field->next] - c->ops[field->next].prefix_length, field->text};
}

/* words.c */
bool kn_words_init(kn_words *w, const kn_slice *words, const double *weights, size_t n,
                   kn_err *err);
void kn_words_free(kn_words *w);

#endif
