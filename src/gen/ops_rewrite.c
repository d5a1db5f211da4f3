/* The operation "rewrite": its body writes the record, then a script changes fields of it. The
 * script's changes are collected by kn_cursor_replace; the record is written anew around them, and
 * what was not changed keeps its bytes. */
#include "gen/ops.h"

bool kn_cursor_mapping(const kn_cursor *c) {
    return c->mapping;
}

bool kn_cursor_replace(kn_cursor *c, uint32_t slot, kn_slice json) {
    if (!c->mapping || slot >= c->plan->slots)
        return false;
    kn_span *change = &c->changes[slot];
    size_t start = c->changed.len;
    kn_buf_slice(&c->changed, json);
    *change = (kn_span){start, c->changed.len, false};
    c->change_count++;
    return true;
}

/* Appends the record that starts at `start` in the output and ends at `end`, with its changes.
 * Spans move to where fields are now, from the start of the record. */
static void rewrite(kn_cursor *c, size_t start, size_t end, kn_buf *to) {
    const kn_plan *plan = c->plan;
    const char *from = c->out->p;
    size_t at = start;
    for (size_t i = 0; i < plan->column_count; i++) {
        kn_span *span = &c->spans[plan->columns[i]];
        *span = kn_ops_span(c, plan->columns[i]);
        const kn_span *change = &c->changes[plan->columns[i]];
        if (change->end == 0) {
            kn_buf_slice(to, (kn_slice){from + at, span->end - at});
            at = span->end;
            *span = (kn_span){to->len - (span->end - span->start), to->len, span->text};
            continue;
        }
        size_t quote = span->text ? 1 : 0; /* spans of text are within the quotes */
        kn_buf_slice(to, (kn_slice){from + at, span->start - quote - at});
        at = span->end + quote;
        size_t value = to->len;
        kn_buf_slice(to, (kn_slice){c->changed.p + change->start, change->end - change->start});
        *span = (kn_span){value, to->len, false};
    }
    kn_buf_slice(to, (kn_slice){from + at, end - at});
}

/* args: the function */
static char *run_rewrite(kn_cursor *c, const kn_op *op, char *p) {
    const kn_plan *plan = c->plan;
    size_t start = c->out->len;
    p = kn_ops_run_marks(c, op + 1, op + op->span, p);
    if (!p)
        return NULL;
    size_t end = (size_t)(p - c->out->p);
    kn_buf_clear(&c->changed);
    kn_buf_char(&c->changed, ' '); /* so that no change ends at 0 */
    memset(c->changes, 0, plan->slots * sizeof *c->changes);
    c->change_count = 0;
    c->mapping = true;
    p = kn_ops_call(c, op, p);
    c->mapping = false;
    if (!p || !kn_buf_check(&c->changed, "what a map wrote", c->err))
        return NULL;
    if (c->change_count == 0)
        return c->out->p + end;
    kn_buf_clear(&c->mapped);
    rewrite(c, start, end, &c->mapped);
    if (!kn_buf_check(&c->mapped, "the record", c->err))
        return NULL;
    p = kn_ops_room(c, c->out->p + start, c->mapped.len);
    if (!p)
        return NULL;
    memcpy(p, c->mapped.p, c->mapped.len);
    for (size_t i = 0; i < plan->column_count; i++) {
        c->spans[plan->columns[i]].start += start;
        c->spans[plan->columns[i]].end += start;
    }
    return p + c->mapped.len;
}

/* clang-format off */
const kn_op_type kn_ops_rewrite[] = {
    {"rewrite", {KN_ARG_INT("function")}, KN_OP_BODY, KN_PLAN_ANSWER, NULL, run_rewrite},
    {NULL,      {{0}},                    0,          0,              NULL, NULL},
};
/* clang-format on */
