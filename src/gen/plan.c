/* Builds plans. Literals gather in one block; the text since the last operation becomes the prefix
 * of the next one, so that neighbouring literals merge. Pointers into blocks that still grow are
 * kept as offsets (prefix) and numbers (words) until kn_plan_finish. */
#include "gen/ops.h"

#include <stdlib.h>

struct kn_plan_builder {
    kn_buf ops, literals, words, columns; /* kn_op, text, kn_words, uint32_t */
    kn_buf picks;                         /* kn_pick */
    kn_buf lengths;                       /* size_t: the longest text of each slot */
    kn_buf fields;                        /* kn_field, by slot */
    kn_buf places;                        /* as of kn_plan */
    size_t pending;                       /* where the literal of the next operation starts */
    size_t max_length, aside;             /* aside: of it, what is not part of the record */
    uint32_t slots;
    uint32_t kept[KN_PLAN_KEPT], kept_count;
    bool scripts, csv, marks, forgets;
    bool begun;   /* a field, of which nothing is written yet */
    size_t after; /* the operation after the last field */
    int depth;
    struct {
        size_t op, length; /* its place, max_length at its start */
        int64_t slot;
        const kn_op_type *type;
    } open[KN_OP_DEPTH]; /* operations whose body is being written */
};

enum { MAX_OPS = 1 << 20, MAX_TABLES = 1 << 20, MAX_SLOTS = 1 << 16 };

/* Lengths of captures that are no length yet. */
static const size_t not_made = SIZE_MAX, in_making = SIZE_MAX - 1;

bool kn_plan_builder_new(kn_plan_builder **out, kn_err *err) {
    kn_plan_builder *b = calloc(1, sizeof *b);
    if (!b)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    kn_buf_init(&b->ops, MAX_OPS * sizeof(kn_op));
    kn_buf_init(&b->literals, KN_PLAN_MAX);
    kn_buf_init(&b->words, MAX_TABLES * sizeof(kn_words));
    kn_buf_init(&b->columns, MAX_SLOTS * sizeof(uint32_t));
    kn_buf_init(&b->picks, KN_PICKS_MAX * sizeof(kn_pick));
    kn_buf_init(&b->lengths, MAX_SLOTS * sizeof(size_t));
    kn_buf_init(&b->fields, MAX_SLOTS * sizeof(kn_field));
    kn_buf_init(&b->places, KN_PLAN_MAX);
    *out = b;
    return true;
}

static size_t count_ops(const kn_plan_builder *b) {
    return b->ops.len / sizeof(kn_op);
}

static size_t count_words(const kn_plan_builder *b) {
    return b->words.len / sizeof(kn_words);
}

void kn_plan_builder_destroy(kn_plan_builder *b) {
    if (!b)
        return;
    kn_words *words = (kn_words *)(void *)b->words.p;
    for (size_t i = 0; i < count_words(b); i++)
        kn_words_free(&words[i]);
    kn_buf_free(&b->ops);
    kn_buf_free(&b->literals);
    kn_buf_free(&b->words);
    kn_buf_free(&b->columns);
    kn_buf_free(&b->picks);
    kn_buf_free(&b->lengths);
    kn_buf_free(&b->fields);
    kn_buf_free(&b->places);
    free(b);
}

bool kn_plan_words(kn_plan_builder *b, const kn_slice *words, const double *weights, size_t n,
                   uint32_t *table, kn_err *err) {
    kn_words w;
    if (!kn_words_init(&w, words, weights, n, err))
        return false;
    *table = (uint32_t)count_words(b);
    kn_buf_append(&b->words, &w, sizeof w);
    if (!kn_buf_ok(&b->words)) {
        kn_words_free(&w);
        return kn_buf_check(&b->words, "the schema's word tables", err);
    }
    return true;
}

bool kn_plan_pick(kn_plan_builder *b, const kn_pick *pick, uint32_t *number, kn_err *err) {
    const kn_pick *picks = (const kn_pick *)(const void *)b->picks.p;
    size_t n = b->picks.len / sizeof *picks;
    if (!kn_pick_check(pick, err))
        return false;
    for (size_t i = 0; i < n; i++)
        if (memcmp(&picks[i], pick, sizeof *pick) == 0) {
            *number = (uint32_t)i;
            return true;
        }
    if (n == KN_PICKS_MAX)
        return kn_fail(err, KN_ELIMIT, "more than %d choices of entities", KN_PICKS_MAX);
    *number = (uint32_t)n;
    kn_buf_append(&b->picks, pick, sizeof *pick);
    return kn_buf_check(&b->picks, "the schema's entities", err);
}

/* Lengths add up to one more than the limit at most, so that they cannot overflow. */
static void add_length(kn_plan_builder *b, size_t n) {
    size_t left = KN_PLAN_MAX + 1 - b->max_length;
    b->max_length += n < left ? n : left;
}

/* Appends an operation whose prefix is the pending literal. */
static void append_op(kn_plan_builder *b, kn_op op) {
    op.prefix = (const char *)(uintptr_t)b->pending;
    op.prefix_length = (uint32_t)(b->literals.len - b->pending);
    op.span = 1;
    b->begun = false;
    b->pending = b->literals.len;
    add_length(b, op.prefix_length);
    kn_buf_append(&b->ops, &op, sizeof op);
}

/* Ends the pending literal: what follows starts at a place of its own. */
static void append_text(kn_plan_builder *b) {
    append_op(b, (kn_op){.run = kn_op_type_find("text")->run});
}

void kn_plan_literal(kn_plan_builder *b, kn_slice json) {
    if (b->begun && json.n)
        append_text(b);
    kn_buf_slice(&b->literals, json);
}

static bool is(const kn_op_type *type, const char *name) {
    return strcmp(type->name, name) == 0;
}

/* Notes a new capture, or finds how long one's text is. */
static bool use_slot(kn_plan_builder *b, const kn_op_type *type, int64_t slot, size_t *length,
                     kn_err *err) {
    if (slot < 0 || slot >= MAX_SLOTS)
        return kn_fail(err, KN_EINVAL, "capture %lld is not 0 to %d", (long long)slot,
                       MAX_SLOTS - 1);
    bool makes = is(type, "capture") || is(type, "field");
    for (; makes && b->slots <= (uint32_t)slot; b->slots++) {
        kn_buf_append(&b->lengths, &not_made, sizeof not_made);
        kn_buf_append(&b->fields, &(kn_field){0}, sizeof(kn_field));
    }
    if (!kn_buf_check(&b->lengths, "the captures", err))
        return false;
    size_t *of_slot = slot < b->slots ? (size_t *)(void *)b->lengths.p + slot : NULL;
    if (makes && *of_slot != not_made)
        return kn_fail(err, KN_EINVAL, "capture %lld is made twice", (long long)slot);
    if (!makes && (!of_slot || *of_slot >= in_making))
        return kn_fail(err, KN_EINVAL, "capture %lld is not made before it is used",
                       (long long)slot);
    if (makes)
        *of_slot = in_making;
    if (is(type, "copy"))
        *length = *of_slot;
    return true;
}

/* A field is marked in the outermost loop: of the plan, or of the map around it. */
static bool begin_field(kn_plan_builder *b, const kn_op_request *request, kn_err *err) {
    int64_t slot = request->args[0].i;
    bool outermost = b->depth == 0 || (b->depth == 1 && is(b->open[0].type, "rewrite"));
    if (!outermost)
        return kn_fail(err, KN_EINVAL, "a field is in no other operation than a rewrite");
    if (!kn_buf_check(&b->fields, "the fields", err))
        return false;
    ((kn_field *)(void *)b->fields.p)[slot] =
        (kn_field){(uint32_t)count_ops(b), 0, request->args[1].i != 0};
    b->open[b->depth].slot = slot;
    b->open[b->depth].length = b->max_length;
    b->open[b->depth++].type = request->type;
    b->begun = b->marks = true;
    return true;
}

static void end_field(kn_plan_builder *b, int64_t slot, size_t length) {
    if (b->begun)
        append_text(b);
    if (!kn_buf_ok(&b->fields) || !kn_buf_ok(&b->lengths))
        return;
    b->after = count_ops(b);
    ((kn_field *)(void *)b->fields.p)[slot].next = (uint32_t)b->after;
    ((size_t *)(void *)b->lengths.p)[slot] = length;
}

static bool is_wide(const kn_op_type *type) {
    return type->args[KN_OP_INLINE].name != NULL;
}

static void note_place(kn_plan_builder *b, size_t op, kn_slice place) {
    uint32_t head[2] = {(uint32_t)op, (uint32_t)place.n};
    if (place.n == 0)
        return;
    kn_buf_append(&b->places, head, sizeof head);
    kn_buf_slice(&b->places, place);
}

bool kn_plan_op(kn_plan_builder *b, const kn_op_request *request, kn_err *err) {
    const kn_op_type *type = request->type;
    kn_op op[2] = {{.run = type->run, .key = request->stream}, {.span = 1}};
    size_t length = type->length;
    memcpy(op[0].args, request->args, sizeof op[0].args);
    memcpy(op[1].args, request->args + KN_OP_INLINE, sizeof op[1].args);
    if (type->takes & KN_OP_WORDS) {
        if (request->words >= count_words(b))
            return kn_fail(err, KN_EINVAL, "%s has no words", type->name);
        op[0].words = (kn_words *)(void *)b->words.p + request->words;
    }
    if (type->prepare && !type->prepare(op, &length, err))
        return false;
    size_t picks = b->picks.len / sizeof(kn_pick);
    if (type->args[0].name && type->args[0].kind == KN_KIND_PICK &&
        (uint64_t)op[0].args[0].i >= picks)
        return kn_fail(err, KN_EINVAL, "%s has no pick", type->name);
    if (strcmp(type->args[0].name ? type->args[0].name : "", "slot") == 0 &&
        !use_slot(b, type, op[0].args[0].i, &length, err))
        return false;
    if (type->takes == KN_OP_MARKS)
        return begin_field(b, request, err);
    b->scripts = b->scripts || is(type, "script") || is(type, "rewrite");
    b->forgets = b->forgets || is(type, "capture") || is(type, "rewrite");
    if (type->takes & KN_OP_BODY && b->depth == KN_OP_DEPTH)
        return kn_fail(err, KN_ELIMIT, "nested deeper than %d", KN_OP_DEPTH);
    if (op[0].words)
        op[0].words = (const kn_words *)(uintptr_t)(request->words + 1);
    size_t at = count_ops(b);
    append_op(b, op[0]);
    note_place(b, at, request->place);
    if (is_wide(type)) {
        kn_buf_append(&b->ops, &op[1], sizeof op[1]);
        if (kn_buf_ok(&b->ops))
            ((kn_op *)(void *)b->ops.p)[at].span = 2;
    }
    add_length(b, length);
    if (type->takes & KN_OP_BODY) {
        b->open[b->depth].op = at;
        b->open[b->depth].length = b->max_length;
        b->open[b->depth++].type = type;
    }
    return true;
}

void kn_plan_end(kn_plan_builder *b) {
    bool rewrite = b->depth == 1 && is(b->open[0].type, "rewrite");
    bool literal = b->pending < b->literals.len && !b->begun;
    if (literal || (rewrite && b->after == count_ops(b))) /* it belongs to the body */
        append_text(b);
    if (b->depth == 0)
        return;
    b->depth--;
    if (!kn_buf_ok(&b->ops))
        return;
    const kn_op_type *type = b->open[b->depth].type;
    size_t before = b->open[b->depth].length, body = b->max_length - before;
    if (type->takes == KN_OP_MARKS) {
        end_field(b, b->open[b->depth].slot, body);
        return;
    }
    kn_op *op = (kn_op *)(void *)b->ops.p + b->open[b->depth].op;
    op->span = (uint32_t)(count_ops(b) - b->open[b->depth].op);
    if ((type->takes & KN_OP_LOOP) == KN_OP_LOOP) {
        uint64_t times = (uint64_t)op->args[1].i;
        b->max_length = before;
        add_length(b, times > KN_PLAN_MAX ? KN_PLAN_MAX : (body + 1) * times);
    } else if (is(type, "capture") && kn_buf_ok(&b->lengths))
        ((size_t *)(void *)b->lengths.p)[op->args[0].i] = body;
    else if (is(type, "aside"))
        b->aside += body + type->length;
}

bool kn_plan_keep(kn_plan_builder *b, uint32_t slot, kn_err *err) {
    if (b->kept_count == KN_PLAN_KEPT)
        return kn_fail(err, KN_ELIMIT, "more than %d values to keep", KN_PLAN_KEPT);
    b->kept[b->kept_count++] = slot;
    return true;
}

void kn_plan_columns(kn_plan_builder *b, const uint32_t *slots, size_t n, bool csv) {
    kn_buf_append(&b->columns, slots, n * sizeof *slots);
    b->csv = csv;
}

static bool check_slots(const kn_plan_builder *b, kn_err *err) {
    for (uint32_t i = 0; i < b->kept_count; i++)
        if (b->kept[i] >= b->slots)
            return kn_fail(err, KN_EINVAL, "there is no capture %u to keep", b->kept[i]);
    const uint32_t *columns = (const uint32_t *)(const void *)b->columns.p;
    for (size_t i = 0; i < b->columns.len / sizeof *columns; i++)
        if (columns[i] >= b->slots)
            return kn_fail(err, KN_EINVAL, "there is no capture %u for a column", columns[i]);
    return true;
}

/* Operations that run one of several in their body find one there, whichever they draw. */
static bool check_branches(const kn_plan *plan, kn_err *err) {
    for (size_t i = 0; i < plan->op_count; i++) {
        const kn_op *op = &plan->ops[i], *end = op + op->span;
        const char *name = op->run ? kn_op_name(op) : "";
        bool choose = strcmp(name, "choose") == 0, split = strcmp(name, "split") == 0;
        if (!choose && !split && strcmp(name, "switch") != 0)
            continue;
        uint64_t found = 0, wanted = split ? 2 : choose ? op->words->count : op->words->count + 1;
        for (const kn_op *branch = op + 1; branch < end; branch += branch->span)
            found++;
        if (found < wanted)
            return kn_fail(err, KN_EINVAL, "%s has %llu branches, and not %llu", name,
                           (unsigned long long)found, (unsigned long long)wanted);
    }
    return true;
}

static void resolve(kn_plan *plan) {
    for (size_t i = 0; i < plan->op_count; i++) {
        kn_op *op = &plan->ops[i];
        op->prefix = plan->literals + (uintptr_t)op->prefix;
        if (op->words)
            op->words = plan->words + ((uintptr_t)op->words - 1);
    }
}

bool kn_plan_finish(kn_plan_builder *b, kn_plan **out, kn_err *err) {
    while (b->depth > 0)
        kn_plan_end(b);
    append_text(b);                                 /* the last literal */
    kn_buf_append(&b->literals, (char[16]){0}, 16); /* padding of kn_copy_blocks */
    if (!kn_buf_check(&b->ops, "the schema", err) ||
        !kn_buf_check(&b->literals, "the schema's text", err) ||
        !kn_buf_check(&b->places, "the places of the schema's fields", err) ||
        !kn_buf_check(&b->columns, "the schema's columns", err))
        return false;
    if (b->max_length > KN_PLAN_MAX)
        return kn_fail(err, KN_ELIMIT, "a record could be longer than %d bytes", KN_PLAN_MAX);
    if (!check_slots(b, err))
        return false;
    kn_plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    *plan = (kn_plan){.op_count = count_ops(b),
                      .word_count = count_words(b),
                      .max_length = b->max_length,
                      .longest = b->max_length - b->aside,
                      .slots = b->slots,
                      .kept_count = b->kept_count,
                      .pick_count = b->picks.len / sizeof(kn_pick),
                      .column_count = b->columns.len / sizeof(uint32_t),
                      .csv = b->csv,
                      .marks = b->marks,
                      .scripts = b->scripts,
                      .forgets = b->forgets};
    memcpy(plan->kept, b->kept, sizeof plan->kept);
    plan->ops = (kn_op *)(void *)kn_buf_take(&b->ops, NULL);
    plan->literals = kn_buf_take(&b->literals, NULL);
    plan->words = (kn_words *)(void *)kn_buf_take(&b->words, NULL);
    plan->columns = (uint32_t *)(void *)kn_buf_take(&b->columns, NULL);
    plan->picks = (kn_pick *)(void *)kn_buf_take(&b->picks, NULL);
    plan->fields = (kn_field *)(void *)kn_buf_take(&b->fields, NULL);
    plan->places = kn_buf_take(&b->places, &plan->places_length);
    if (!plan->ops || !plan->fields || !plan->places || !plan->literals || !plan->words ||
        !plan->columns || !plan->picks) {
        kn_plan_destroy(plan);
        return kn_fail(err, KN_ENOMEM, "out of memory");
    }
    resolve(plan);
    if (!check_branches(plan, err)) {
        kn_plan_destroy(plan);
        return false;
    }
    *out = plan;
    return true;
}

void kn_plan_destroy(kn_plan *plan) {
    if (!plan)
        return;
    for (size_t i = 0; plan->words && i < plan->word_count; i++)
        kn_words_free(&plan->words[i]);
    free(plan->words);
    free(plan->ops);
    free(plan->literals);
    free(plan->columns);
    free(plan->picks);
    free(plan->fields);
    free(plan->places);
    free(plan);
}

bool kn_plan_calls_scripts(const kn_plan *plan) {
    return plan->scripts;
}

uint32_t kn_plan_kept(const kn_plan *plan) {
    return plan->kept_count;
}

size_t kn_plan_max_length(const kn_plan *plan) {
    return plan->longest;
}

/* FNV-1a. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t n) {
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ p[i]) * 0x100000001b3u;
    return hash;
}

uint64_t kn_plan_fingerprint(const kn_plan *plan, kn_slice functions) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < plan->op_count; i++) {
        const kn_op *op = &plan->ops[i];
        const char *name = op->run ? kn_op_name(op) : "";
        hash = mix(hash, name, strlen(name));
        hash = mix(hash, op->prefix, op->prefix_length);
        hash = mix(hash, &op->span, sizeof op->span);
        hash = mix(hash, &op->key, sizeof op->key);
        hash = mix(hash, op->args, sizeof op->args);
        for (uint64_t k = 0; op->words && k < op->words->count; k++)
            hash =
                mix(hash, op->words->text + op->words->items[k].offset, op->words->items[k].length);
        if (op->words && op->words->threshold)
            hash = mix(hash, op->words->threshold, op->words->count * sizeof(uint64_t));
    }
    hash = mix(hash, plan->picks, plan->pick_count * sizeof *plan->picks);
    hash = mix(hash, plan->columns, plan->csv ? plan->column_count * sizeof *plan->columns : 0);
    return mix(hash, functions.p, functions.n);
}
