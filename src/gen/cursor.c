/* Runs plans: a cursor is one thread's copy of the operations, keyed by its seed, and what a record
 * needs while it is made. After the first record nothing is allocated, unless a script answers with
 * more than before. */
#include "gen/ops.h"

#include "base/align.h"
#include "base/time.h"
#include "gen/csv.h"

#include <stdlib.h>

enum { MAX_ANSWER = 1 << 24 };

static const int64_t last_ms = 253402300799999; /* 9999-12-31T23:59:59.999Z */

static bool open_picks(kn_cursor *c, kn_err *err) {
    const kn_plan *plan = c->plan;
    c->picks = kn_align_alloc((plan->pick_count + 1) * sizeof *c->picks);
    if (!c->picks)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    for (size_t i = 0; i < plan->pick_count; i++)
        if (!kn_pick_init(&c->picks[i], &plan->picks[i], c->seed_key, err))
            return false;
    return true;
}

bool kn_cursor_new(const kn_plan *plan, const kn_cursor_config *config, kn_cursor **out,
                   kn_err *err) {
    kn_cursor *c = kn_align_alloc(sizeof *c);
    if (!c)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    c->plan = plan;
    c->seed_key = kn_rng_seed_key(config->seed);
    c->iso_second = INT64_MIN;
    c->told_ms = -1;
    kn_buf_init(&c->scratch, MAX_ANSWER);
    for (uint32_t i = 0; i < KN_PLAN_KEPT; i++)
        kn_buf_init(&c->kept[i], KN_PLAN_MAX);
    kn_buf_init(&c->json, (size_t)KN_PLAN_MAX * 4);
    kn_buf_init(&c->changed, MAX_ANSWER);
    kn_buf_init(&c->mapped, (size_t)KN_PLAN_MAX * 4);
    c->ops = malloc(plan->op_count * sizeof *c->ops);
    c->spans = kn_align_alloc((plan->slots + 1) * sizeof *c->spans);
    c->marks = kn_align_alloc(plan->op_count * sizeof *c->marks);
    c->changes = kn_align_alloc((plan->slots + 1) * sizeof *c->changes);
    if (!c->ops || !c->spans || !c->marks || !c->changes || !kn_buf_reserve(&c->scratch, 0)) {
        kn_cursor_destroy(c);
        return kn_fail(err, KN_ENOMEM, "out of memory");
    }
    if (!open_picks(c, err) ||
        !kn_disorder_init(&c->disorder, &config->disorder, c->seed_key, err)) {
        kn_cursor_destroy(c);
        return false;
    }
    memcpy(c->ops, plan->ops, plan->op_count * sizeof *c->ops);
    for (size_t i = 0; i < plan->op_count; i++)
        c->ops[i].key = kn_rng_stream_key(c->seed_key, c->ops[i].key);
    c->config = *config; /* last: a cursor that was not made releases nothing */
    *out = c;
    return true;
}

void kn_cursor_destroy(kn_cursor *c) {
    if (!c)
        return;
    if (c->config.release)
        c->config.release(c->config.call_context);
    for (size_t i = 0; c->picks && i < c->plan->pick_count; i++)
        kn_pick_free(&c->picks[i]);
    free(c->picks);
    free(c->ops);
    free(c->spans);
    free(c->marks);
    kn_buf_free(&c->scratch);
    for (uint32_t i = 0; i < KN_PLAN_KEPT; i++)
        kn_buf_free(&c->kept[i]);
    kn_buf_free(&c->json);
    kn_buf_free(&c->changed);
    kn_buf_free(&c->mapped);
    free(c->changes);
    free(c);
}

static bool keep(const kn_cursor *c, uint32_t slot, const kn_buf *out, kn_buf *kept, kn_err *err) {
    kn_span span = kn_ops_span(c, slot);
    kn_slice s = {out->p + span.start, span.end - span.start};
    bool text = span.text;
    if (!text && s.n >= 2 && s.p[0] == '"') {
        s = (kn_slice){s.p + 1, s.n - 2};
        text = true;
    }
    kn_buf_clear(kept);
    if (!kn_buf_reserve(kept, s.n))
        return kn_buf_check(kept, "the value that is kept", err);
    if (text && memchr(s.p, '\\', s.n))
        kept->len = kn_plan_unescape(kept->p, s);
    else
        kn_buf_slice(kept, s);
    return true;
}

/* The record that is being made is not: the buffer is as it was before. */
static void give_up(kn_cursor *c) {
    c->out->failed = false;
    c->out->p[c->out->len] = '\0';
    c->out = NULL;
    c->err = NULL;
    c->mapping = false;
}

char *kn_ops_blame(kn_cursor *c, const kn_op *op) {
    const char *p = c->plan->places, *end = p + c->plan->places_length;
    uint32_t head[2]; /* number, length */
    for (; p < end; p += sizeof head + head[1]) {
        memcpy(head, p, sizeof head);
        if (head[0] == (size_t)(op - c->ops)) {
            kn_fail_within(c->err, "%.*s", (int)head[1], p + sizeof head);
            break;
        }
    }
    return NULL;
}

static bool make_json(kn_cursor *c, uint64_t index, kn_buf *out, kn_err *err) {
    const kn_plan *plan = c->plan;
    if (!kn_buf_reserve(out, plan->max_length + KN_PLAN_SLACK)) {
        out->failed = false; /* what it holds is whole records */
        return kn_fail(err, KN_ELIMIT,
                       "a record can be %zu bytes long, and the buffer has no room for it",
                       plan->max_length);
    }
    c->record_key = kn_rng_record_key(c->seed_key, index);
    c->index = index;
    c->moment = index > INT64_MAX ? INT64_MAX : (int64_t)index;
    c->late_ms = kn_disorder_late_ms(&c->disorder, &c->config.disorder, index);
    c->now_known = false;
    c->out = out;
    c->err = err;
    if (plan->forgets)
        memset(c->spans, 0, plan->slots * sizeof *c->spans);
    const kn_op *last = c->ops + plan->op_count;
    char *end = out->p + out->len;
    end = plan->marks ? kn_ops_run_marks(c, c->ops, last, end) : kn_ops_run(c, c->ops, last, end);
    if (!end) {
        give_up(c);
        return false;
    }
    c->out = NULL;
    c->err = NULL;
    for (uint32_t i = 0; i < plan->kept_count; i++)
        if (!keep(c, plan->kept[i], out, &c->kept[i], err))
            return false;
    *end = '\0';
    out->len = (size_t)(end - out->p);
    return true;
}

static bool make_record(kn_cursor *c, uint64_t index, kn_buf *out, kn_err *err) {
    const kn_disorder *disorder = &c->config.disorder;
    uint64_t position = index;
    size_t start = out->len;
    if (c->disorder.active)
        index = kn_disorder_index(&c->disorder, disorder, position);
    kn_buf_clear(&c->json);
    if (!make_json(c, index, c->plan->csv ? &c->json : out, err) ||
        (c->plan->csv && !kn_csv_write(c, &c->json, out, err)))
        return false;
    if (c->disorder.active) {
        char *p = out->p + start;
        out->len =
            start + kn_disorder_corrupt(&c->disorder, disorder, position, p, out->len - start);
        out->p[out->len] = '\0';
    }
    return true;
}

bool kn_cursor_tell_now(kn_cursor *c, int64_t now_ms) {
    if (c->plan->scripts)
        return false;
    c->told_ms = now_ms;
    return true;
}

bool kn_cursor_guard(kn_cursor *c, kn_guarded *body, void *argument, kn_err *err) {
    if (!c->config.guard || c->guarded)
        return body(argument, err);
    c->guarded = true;
    bool ok = c->config.guard(c->config.call_context, body, argument, err);
    c->guarded = false;
    if (c->out) /* a function ended it in the midst of a record */
        give_up(c);
    return ok;
}

typedef struct one_record {
    kn_cursor *cursor;
    uint64_t index;
    kn_buf *out;
} one_record;

static bool make_one(void *argument, kn_err *err) {
    const one_record *one = argument;
    return make_record(one->cursor, one->index, one->out, err);
}

bool kn_cursor_record(kn_cursor *c, uint64_t index, kn_buf *out, kn_err *err) {
    if (!c->config.guard || c->guarded)
        return make_record(c, index, out, err);
    return kn_cursor_guard(c, make_one, &(one_record){c, index, out}, err);
}

kn_slice kn_cursor_kept(const kn_cursor *c, uint32_t n) {
    return n < KN_PLAN_KEPT ? kn_buf_view(&c->kept[n]) : (kn_slice){"", 0};
}

bool kn_cursor_captured(const kn_cursor *c, uint32_t slot, kn_slice *json, bool *text) {
    if (!c->out || slot >= c->plan->slots)
        return false;
    bool changed = c->mapping && c->changes[slot].end;
    const kn_field *field = &c->plan->fields[slot];
    if (field->next ? field->next > c->reached : !c->spans[slot].end)
        return false;
    kn_span span = changed ? c->changes[slot] : kn_ops_span(c, slot);
    *json = (kn_slice){(changed ? c->changed.p : c->out->p) + span.start, span.end - span.start};
    *text = span.text;
    return true;
}

uint64_t kn_cursor_draw_key(const kn_cursor *c) {
    return c->record_key;
}

int64_t kn_cursor_time_ms(const kn_cursor *c, int64_t index) {
    if (c->config.clock_start_ms < 0)
        return c->told_ms < 0 ? kn_time_now_ms() : c->told_ms;
    __int128 ms =
        (__int128)index * (int64_t)c->config.clock_step_us / 1000 + c->config.clock_start_ms;
    return ms < 0 ? 0 : ms > last_ms ? last_ms : (int64_t)ms;
}

int64_t kn_cursor_now_ms(kn_cursor *c) {
    if (!c->now_known) {
        c->now_ms = kn_cursor_time_ms(c, c->moment) - c->late_ms;
        c->now_ms = c->now_ms < 0 ? 0 : c->now_ms;
        c->now_known = true;
    }
    return c->now_ms;
}

static int hex_value(char ch) {
    return ch <= '9' ? ch - '0' : (ch | 0x20) - 'a' + 10;
}

size_t kn_plan_unescape(char *out, kn_slice s) {
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    char *p = out;
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];
        if (ch == '\\' && i + 1 < s.n) {
            ch = s.p[++i];
            const char *letter = memchr(from, ch, sizeof from - 1);
            if (letter)
                ch = to[letter - from];
            else if (ch == 'u' && i + 4 < s.n) { /* we escape only what is below 0x20 so */
                ch = (char)(hex_value(s.p[i + 3]) * 16 + hex_value(s.p[i + 4]));
                i += 4;
            }
        }
        *p++ = ch;
    }
    return (size_t)(p - out);
}
