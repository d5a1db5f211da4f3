/* Inside gen: an operation, the table of them, and the cursor that they run on.
 *
 * An operation writes text at p and returns the new end. The room was reserved for the whole record
 * from the operations' maximum lengths, and KN_PLAN_SLACK bytes more, so that copies may go in
 * blocks. Adding one: a row in kn_op_types (ops.c) and its run function. */
#ifndef KN_GEN_OPS_H
#define KN_GEN_OPS_H

#include "base/rng.h"
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

struct kn_op { /* 64 bytes: one cache line */
    char *(*run)(kn_cursor *c, const kn_op *op, char *p);
    const char *prefix; /* the literal before it */
    uint32_t prefix_length;
    uint32_t span; /* operations to the next one: 1 and its body's */
    uint64_t key;  /* in a plan the stream, in a cursor the stream under its seed */
    kn_op_arg args[KN_OP_ARGS];
    const kn_words *words;
};

enum { KN_ARG_INT, KN_ARG_DOUBLE };

struct kn_op_type {
    const char *name;
    struct {
        const char *name; /* NULL ends */
        int kind;
    } args[KN_OP_ARGS];
    bool words, body;
    size_t length; /* the longest text it writes, when prepare is NULL; its body adds its own */
    /* Checks the arguments, may replace them by what run needs, and tells the longest text. */
    bool (*prepare)(kn_op *op, size_t *length, kn_err *err);
    char *(*run)(kn_cursor *c, const kn_op *op, char *p);
};

extern const kn_op_type kn_op_types[]; /* ended by a row without a name */

const kn_op_type *kn_op_type_find(const char *name); /* NULL when there is none */

typedef struct kn_span {
    size_t start, end; /* offsets in the buffer; end 0: not made yet */
    bool text;
} kn_span;

struct kn_plan {
    kn_op *ops;
    size_t op_count;
    kn_words *words;
    size_t word_count;
    char *literals;
    size_t max_length;
    uint32_t slots;
    int64_t kept;      /* slot, or -1 */
    uint32_t *columns; /* slots of the fields that hold a value, in order; or NULL */
    size_t column_count;
    bool csv; /* records are rows of the columns */
    bool scripts;
};

struct kn_cursor {
    uint64_t record_key, index;
    kn_buf *out; /* while a record is made */
    int64_t now_ms;
    bool now_known;
    const kn_plan *plan;
    kn_op *ops; /* the plan's, with keys of this seed */
    kn_span *spans;
    kn_err *err;
    uint64_t seed_key;
    kn_cursor_config config;
    int64_t iso_second; /* what iso holds */
    char iso[32];
    kn_buf scratch; /* a script's answer */
    kn_buf json;    /* the record that becomes a row of CSV */
    kn_buf kept;
};

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

/* words.c */
bool kn_words_init(kn_words *w, const kn_slice *words, const double *weights, size_t n,
                   kn_err *err);
void kn_words_free(kn_words *w);

#endif
