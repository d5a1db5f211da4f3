/* Running plans: the same bytes in any order, appending, what is kept, the clock, scripts. */
#include "make_plan.h"

#include <setjmp.h>

static kn_plan *make_sample(bool script) {
    static const char *const words[] = {"Active", "In\\\"active\\u001f\\n", "é"};
    make_begin();
    make_literal("{\"id\":\"");
    make_op("uuid", 0, 0, 0);
    make_literal("\",\"status\":\"");
    make_op("capture", 0, 1, 0);
    make_pick(words, NULL, 3);
    kn_plan_end(builder);
    make_literal("\",\"when\":\"");
    make_op("now", 0, 0, 0);
    make_literal("\",\"n\":");
    make_op("capture", 1, 0, 0);
    make_op("integer", 1, 1000000, 0);
    kn_plan_end(builder);
    if (script) {
        make_literal(",\"s\":");
        make_op("capture", 2, 0, 0);
        make_op("script", 4, 0, 0);
        kn_plan_end(builder);
    }
    make_literal("}");
    make_keep(script ? 2 : 0);
    return make_end();
}

static void test_order(void) {
    enum { N = 200 };
    kn_plan *plan = make_sample(false);
    kn_cursor *forth = make_cursor(plan, 42), *back = make_cursor(plan, 42),
              *other = make_cursor(plan, 43);
    kn_buf all;
    size_t at[N + 1] = {0};
    kn_buf_init(&all, 1 << 20);
    bool ok = true, kept = true;
    for (uint64_t i = 0; i < N; i++) {
        ok = kn_cursor_record(forth, i, &all, &make_err) && ok;
        at[i + 1] = all.len;
        kn_slice key = kn_cursor_kept(forth, 0);
        kept = kept && (kn_slice_eq_cstr(key, "Active") || kn_slice_eq_cstr(key, "é") ||
                        kn_slice_eq_cstr(key, "In\"active\x1f\n"));
    }
    tap_ok(ok, "records are appended to what is there");
    tap_ok(kept, "the kept field has no quotes or escapes");
    bool same = true, differs = false;
    for (uint64_t i = N; i-- > 0;) {
        kn_slice record = {all.p + at[i], at[i + 1] - at[i]};
        same = same && kn_slice_eq_cstr(record, make_record(back, i));
        differs = differs || !kn_slice_eq_cstr(record, make_record(other, i));
    }
    tap_ok(same, "backwards, each record is the same");
    tap_ok(differs, "under another seed it is another");
    kn_buf_free(&all);
    kn_cursor_destroy(forth);
    kn_cursor_destroy(back);
    kn_cursor_destroy(other);
    kn_plan_destroy(plan);
}

static void test_room(void) {
    kn_plan *plan = make_sample(false);
    kn_cursor *cursor = make_cursor(plan, 1);
    kn_buf small;
    kn_slice json;
    bool text;
    kn_buf_init(&small, 64);
    kn_buf_cstr(&small, "before");
    tap_ok(!kn_cursor_record(cursor, 0, &small, &make_err), "no room for a record");
    tap_is_int(make_err.code, KN_ELIMIT, "is over a limit");
    tap_is_str(small.p, "before", "and leaves the buffer as it was");
    tap_ok(kn_buf_ok(&small), "and usable");
    tap_ok(!kn_cursor_captured(cursor, 0, &json, &text), "nothing is captured between records");
    kn_buf_free(&small);
    kn_cursor_destroy(cursor);
    kn_plan_destroy(plan);
}

typedef struct answers {
    kn_cursor *cursor;
    size_t length;
    int calls, released;
    bool fail, jump, read_earlier, read_later;
    int guards;
    jmp_buf back;
    char earlier[64];
} answers;

static char *answer(void *context, uint32_t function, uint64_t index, char *p, kn_buf *out,
                    kn_err *err) {
    answers *a = context;
    kn_slice json;
    bool text;
    a->calls += function == 4 && index == 17;
    a->read_earlier = kn_cursor_captured(a->cursor, 1, &json, &text) && !text;
    if (a->read_earlier)
        snprintf(a->earlier, sizeof a->earlier, "%.*s", (int)json.n, json.p);
    a->read_later = kn_cursor_captured(a->cursor, 2, &json, &text);
    if (a->jump && index == 3)
        longjmp(a->back, 1);
    if (a->fail) {
        kn_fail(err, KN_ESCRIPT, "on purpose");
        return NULL;
    }
    if (a->length + 2 <= KN_PLAN_ANSWER) {
        *p++ = '"';
        memset(p, 'x', a->length);
        p[a->length] = '"';
        return p + a->length + 1;
    }
    kn_buf_char(out, '"');
    for (size_t i = 0; i < a->length; i++)
        kn_buf_char(out, 'x');
    kn_buf_char(out, '"');
    return p;
}

/* As Lua's protected call. */
static bool guard(void *context, kn_guarded *body, void *argument, kn_err *err) {
    answers *a = context;
    a->guards++;
    if (setjmp(a->back))
        return kn_fail(err, KN_ESCRIPT, "it jumped");
    return body(argument, err);
}

typedef struct guarded_run {
    answers *a;
    kn_buf *out;
    uint64_t n, made;
} guarded_run;

static bool make_guarded(void *argument, kn_err *err) {
    guarded_run *run = argument;
    for (uint64_t i = 0; i < run->n; i++) {
        if (!kn_cursor_record(run->a->cursor, i, run->out, err))
            return false;
        run->made = i + 1;
    }
    return true;
}

static void release(void *context) {
    ((answers *)context)->released++;
}

static void test_answers(answers *a) {
    char expected[128];
    const char *record = make_record(a->cursor, 17);
    snprintf(expected, sizeof expected, "\"n\":%s,\"s\":\"xxxxx\"}", a->earlier);
    tap_ok(a->calls == 1 && a->read_earlier && !a->read_later,
           "it can read what is made, not more");
    tap_ok(strstr(record, expected) != NULL, "its answer is in the record");
    tap_ok(kn_slice_eq_cstr(kn_cursor_kept(a->cursor, 0), "xxxxx"), "and is kept without quotes");
}

static void test_long_answers(answers *a) {
    kn_buf out;
    kn_buf_init(&out, 150000);
    a->length = 100000;
    kn_buf_cstr(&out, "before");
    tap_ok(kn_cursor_record(a->cursor, 17, &out, &make_err), "a long answer");
    tap_ok(strncmp(out.p, "before{\"id\":\"", 13) == 0 && out.p[out.len - 1] == '}',
           "moves the record with it");
    size_t length = out.len;
    tap_ok(!kn_cursor_record(a->cursor, 17, &out, &make_err), "one too many for the buffer");
    tap_is_int(make_err.code, KN_ELIMIT, "is over a limit");
    tap_ok(out.len == length && kn_buf_ok(&out), "and leaves the buffer as it was");
    a->fail = true;
    tap_ok(!kn_cursor_record(a->cursor, 17, &out, &make_err), "a function that fails");
    tap_is_str(make_err.message, "on purpose", "says why");
    tap_ok(out.len == length && kn_buf_ok(&out), "and leaves the buffer as it was");
    kn_buf_free(&out);
}

static void test_scripts(void) {
    kn_plan *plan = make_sample(true);
    answers a = {.length = 5};
    kn_cursor_config config = {.seed = 1, .call = answer, .call_context = &a, .release = release};
    tap_ok(kn_plan_calls_scripts(plan), "the plan has scripts");
    tap_ok(kn_cursor_new(plan, &config, &a.cursor, &make_err), "a cursor that calls");
    test_answers(&a);
    test_long_answers(&a);
    kn_cursor_destroy(a.cursor);
    tap_is_int(a.released, 1, "the context is released with the cursor");

    kn_cursor *deaf = make_cursor(plan, 1);
    tap_is_str(make_record(deaf, 0), "the plan calls a script, and no way to call it was given",
               "a cursor that cannot call");
    kn_cursor_destroy(deaf);
    kn_plan_destroy(plan);
}

/* A function that does not return, as one that raises a Lua error. */
static void test_guard(void) {
    kn_plan *plan = make_sample(true);
    answers a = {.length = 5, .jump = true};
    kn_cursor_config config = {
        .seed = 1, .call = answer, .guard = guard, .call_context = &a, .release = release};
    kn_buf out;
    kn_buf_init(&out, 1 << 16);
    guarded_run run = {&a, &out, 3, 0};
    tap_ok(kn_cursor_new(plan, &config, &a.cursor, &make_err), "a cursor under a guard");
    tap_ok(kn_cursor_guard(a.cursor, make_guarded, &run, &make_err) && run.made == 3,
           "three records under a guard");
    tap_is_int(a.guards, 1, "which is one for all");
    size_t length = out.len;
    run.n = 6;
    kn_buf_clear(&out);
    tap_ok(!kn_cursor_guard(a.cursor, make_guarded, &run, &make_err) && run.made == 3,
           "a function that jumps out of the fourth ends them");
    tap_is_str(make_err.message, "it jumped", "and the guard says why");
    tap_ok(out.len == length && out.p[length] == '\0' && kn_buf_ok(&out),
           "the records before it are whole");
    kn_slice json;
    bool text;
    tap_ok(!kn_cursor_captured(a.cursor, 0, &json, &text), "no record is being made");
    tap_ok(!kn_cursor_record(a.cursor, 3, &out, &make_err) && out.len == length,
           "a record without a guard around it has one of its own");
    tap_is_int(a.guards, 3, "which is the third");
    tap_ok(kn_cursor_record(a.cursor, 4, &out, &make_err), "and the next one is made");
    kn_buf_free(&out);
    kn_cursor_destroy(a.cursor);
    kn_plan_destroy(plan);
}

/* {"a":"<pick>"} and beside it an uuid, whether long or short. */
static void test_aside(void) {
    static const char *const words[] = {"x", "abcdefghijklmnopqrstuvwxyz"};
    make_begin();
    make_literal("{\"a\":\"");
    make_op("capture", 0, 1, 0);
    make_pick(words, NULL, 2);
    kn_plan_end(builder);
    make_literal("\"}");
    make_op("aside", 0, 0, 0);
    make_op("capture", 1, 1, 0);
    make_op("uuid", 0, 0, 0);
    kn_plan_end(builder);
    kn_plan_end(builder);
    make_keep(1);
    make_keep(0);
    kn_plan *plan = make_end();
    kn_cursor *cursor = make_cursor(plan, 7);
    bool whole = true, kept = true;
    for (uint64_t i = 0; i < 50; i++) {
        const char *record = make_record(cursor, i);
        kn_slice uuid = kn_cursor_kept(cursor, 0), word = kn_cursor_kept(cursor, 1);
        char expected[64];
        snprintf(expected, sizeof expected, "{\"a\":\"%.*s\"}", (int)word.n, word.p);
        whole = whole && strcmp(record, expected) == 0;
        kept = kept && uuid.n == 36 && uuid.p[8] == '-' && uuid.p[23] == '-';
    }
    tap_ok(whole, "what is aside is not in the record");
    tap_ok(kept, "and is kept");
    tap_is_int(kn_cursor_kept(cursor, 2).n, 0, "there is no third value");
    tap_is_int(kn_plan_kept(plan), 2, "two are counted");
    tap_is_int(kn_plan_max_length(plan), strlen("{\"a\":\"\"}") + 26, "the longest record");
    kn_buf tight;
    kn_buf_init(&tight, kn_plan_max_length(plan) + KN_PLAN_SLACK);
    tap_ok(!kn_cursor_record(cursor, 0, &tight, &make_err) && tight.len == 0,
           "the room for it must be there too");
    kn_buf_free(&tight);
    kn_cursor_destroy(cursor);
    kn_plan_destroy(plan);
    make_begin();
    bool all = true;
    for (uint32_t i = 0; i < KN_PLAN_KEPT; i++)
        all = all && kn_plan_keep(builder, 0, &make_err);
    tap_ok(all && !kn_plan_keep(builder, 0, &make_err), "a plan keeps so many values");
    kn_plan_builder_destroy(builder);
    builder = NULL;
}

static void test_clock(void) {
    make_begin();
    make_op("now", 0, 0, 0);
    make_literal(" ");
    make_op("now_ms", 0, 0, 0);
    make_literal(" ");
    make_op("now_seconds", 0, 0, 0);
    kn_plan *plan = make_end();
    kn_cursor *cursor = make_cursor(plan, 1);
    tap_is_str(make_record(cursor, 0), "1970-01-01T00:00:00.000Z 0 0", "the clock's start");
    tap_is_str(make_record(cursor, 1), "1970-01-01T00:00:00.001Z 1 0", "a step");
    tap_is_str(make_record(cursor, 667), "1970-01-01T00:00:01.000Z 1000 1", "another second");
    tap_is_str(make_record(cursor, 666), "1970-01-01T00:00:00.999Z 999 0", "and back");
    tap_is_str(make_record(cursor, UINT64_MAX),
               "9999-12-31T23:59:59.999Z 253402300799999 253402300799", "the last moment");
    kn_cursor_destroy(cursor);
    kn_plan_destroy(plan);
}

static void test_unescape(void) {
    char out[32];
    kn_slice content = KN_SLICE("a\\\"b\\\\c\\n\\t\\b\\f\\r\\u0000\\u001f");
    size_t n = kn_plan_unescape(out, content);
    tap_ok(n == 12 && memcmp(out, "a\"b\\c\n\t\b\f\r\0\x1f", 12) == 0, "every escape we write");
    tap_is_int(kn_plan_unescape(out, KN_SLICE("x\\")), 2, "a cut escape");
    tap_is_int(kn_plan_unescape(out, KN_SLICE("\\u00")), 3, "a cut number");
}

int main(void) {
    test_order();
    test_room();
    test_scripts();
    test_guard();
    test_aside();
    test_clock();
    test_unescape();
    return tap_done();
}
