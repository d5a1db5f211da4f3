/* Building plans: literals merge, bodies nest, the longest record is known, mistakes are refused.
 */
#include "make_plan.h"

static void test_merging(void) {
    make_begin();
    make_literal("{\"a\":");
    make_literal("1,\"b\":");
    tap_ok(make_op("integer", 5, 5, 0), "an operation");
    make_literal(",\"c\":\"");
    make_literal("x\"}");
    kn_plan *plan = make_end();
    tap_is_int(plan->op_count, 2,
               "neighbouring literals are one, before an operation or at the end");
    tap_is_int(plan->ops[0].prefix_length, 11, "the first");
    tap_is_int(kn_plan_max_length(plan), 11 + 1 + 9, "the longest record");
    tap_ok(!kn_plan_calls_scripts(plan), "no scripts");
    kn_cursor *cursor = make_cursor(plan, 1);
    tap_is_str(make_record(cursor, 0), "{\"a\":1,\"b\":5,\"c\":\"x\"}", "the record");
    kn_cursor_destroy(cursor);
    kn_plan_destroy(plan);
}

static void test_bodies(void) {
    make_begin();
    make_literal("[");
    tap_ok(make_optional(1) && make_optional(1), "nested bodies");
    make_literal("\"in");
    tap_ok(make_op("integer", 7, 7, 0), "an operation inside");
    make_literal("\"");
    kn_plan_end(builder);
    make_literal("");
    kn_plan_end(builder);
    make_literal(",");
    tap_ok(make_optional(0), "a body that never runs");
    make_literal("never");
    kn_plan_end(builder);
    make_literal("]");
    kn_plan *plan = make_end();
    kn_cursor *cursor = make_cursor(plan, 1);
    tap_is_str(make_record(cursor, 3), "[\"in7\",null]", "text stays in its body");
    kn_cursor_destroy(cursor);
    kn_plan_destroy(plan);

    make_begin();
    tap_ok(make_optional(1), "a body that is not ended");
    make_literal("x");
    plan = make_end();
    cursor = make_cursor(plan, 1);
    tap_is_str(make_record(cursor, 0), "x", "ends with the plan");
    kn_cursor_destroy(cursor);
    kn_plan_destroy(plan);
}

/* Fields are marked, not run: their text may be of literals, operations or both, or nothing. */
static void test_fields(void) {
    kn_slice json;
    bool text;
    make_begin();
    tap_ok(make_op("rewrite", 0, 0, 0), "a rewrite");
    make_literal("{\"a\":");
    tap_ok(make_op("field", 0, 0, 0), "a field of a literal");
    make_literal("12");
    kn_plan_end(builder);
    make_literal(",\"b\":\"");
    tap_ok(make_op("field", 1, 1, 0), "a field of both");
    make_literal("x");
    make_op("integer", 7, 7, 0);
    make_literal("y");
    tap_ok(!make_op("field", 4, 0, 0), "none in a field");
    tap_is_str(make_err.message, "a field is in no other operation than a rewrite", "says so");
    kn_plan_end(builder);
    make_literal("\",\"c\":\"");
    make_op("field", 2, 1, 0);
    kn_plan_end(builder);
    make_literal("\",\"d\":");
    make_op("field", 3, 0, 0);
    make_op("integer", 8, 8, 0);
    kn_plan_end(builder);
    kn_plan_end(builder);
    make_literal("}");
    kn_plan_columns(builder, (uint32_t[]){0, 1, 2, 3}, 4, false);
    kn_plan *plan = make_end();
    tap_ok(plan != NULL, "makes a plan");
    kn_cursor *cursor = make_cursor(plan, 1);
    kn_buf out;
    kn_buf_init(&out, 1000);
    cursor->out = &out;
    tap_ok(!kn_cursor_captured(cursor, 1, &json, &text), "nothing is made before its time");
    cursor->out = NULL;
    kn_buf_free(&out);
    tap_is_str(make_record(cursor, 0), "the plan calls a script, and no way to call it was given",
               "the rewrite wants its function");
    static const char record[] = "{\"a\":12,\"b\":\"x7y\",\"c\":\"\",\"d\":8";
    static const char *const texts[] = {"12", "x7y", "", "8"};
    for (size_t i = 0; i < 4; i++) {
        kn_span span = kn_ops_span(cursor, i);
        tap_ok(span.end - span.start == strlen(texts[i]) &&
                   strncmp(record + span.start, texts[i], strlen(texts[i])) == 0,
               "the text of a field is known");
        tap_ok(span.text == (i == 1 || i == 2), "and whether it is between quotes");
    }
    kn_cursor_destroy(cursor);
    kn_plan_destroy(plan);
}

static void test_large(void) {
    char literal[1000];
    memset(literal, 'x', sizeof literal);
    make_begin();
    bool ok = true;
    for (int i = 0; i < 5000; i++) {
        kn_plan_literal(builder, (kn_slice){literal, (size_t)(i % 1000)});
        ok = make_op("integer", i, i, 0) && ok;
    }
    tap_ok(ok, "five thousand operations");
    kn_plan *plan = make_end();
    kn_cursor *cursor = make_cursor(plan, 1);
    kn_buf out;
    kn_buf_init(&out, 1 << 23);
    tap_ok(kn_cursor_record(cursor, 0, &out, &make_err), "make a record");
    tap_is_int(out.len, kn_plan_max_length(plan), "of the length that was told");
    kn_buf_free(&out);
    kn_cursor_destroy(cursor);
    kn_plan_destroy(plan);
}

static void test_mistakes(void) {
    make_begin();
    tap_ok(!make_op("integer", 2, 1, 0), "min over max");
    tap_is_str(make_err.message, "min 2 is greater than max 1", "says so");
    tap_ok(!make_op("decimal", 0, 1, 19), "scale over 18");
    tap_is_str(make_err.message, "a scale of 19 is not 0 to 18", "says so");
    tap_ok(!make_optional(1.5), "a probability over 1");
    tap_ok(!make_op("pick", 0, 0, 0), "words that are not there");
    tap_is_str(make_err.message, "pick has no words", "says so");
    tap_ok(!make_pick((const char *[]){"x"}, NULL, 0), "no words");
    tap_ok(!make_op("capture", -1, 0, 0), "a capture below 0");
    tap_ok(!make_op("capture", 1 << 20, 0, 0), "a capture far over the most");
    bool nested = true;
    for (int i = 0; i < KN_OP_DEPTH; i++)
        nested = make_optional(1) && nested;
    tap_ok(nested && !make_optional(1), "nesting has an end");
    tap_is_str(make_err.message, "nested deeper than 64", "says so");
    tap_ok(kn_plan_keep(builder, 3, &make_err), "a capture may be named before it is made");
    tap_ok(!make_end(), "keeping a capture that is not there");
    tap_is_str(make_err.message, "there is no capture 3 to keep", "says so");
    kn_plan_destroy(NULL);
}

static void test_limit(void) {
    kn_buf huge;
    kn_buf_init(&huge, KN_PLAN_MAX);
    make_begin();
    if (!kn_buf_reserve(&huge, KN_PLAN_MAX - 1))
        exit(1);
    memset(huge.p, 'x', KN_PLAN_MAX - 1);
    kn_plan_literal(builder, (kn_slice){huge.p, KN_PLAN_MAX - 1});
    kn_plan_literal(builder, (kn_slice){huge.p, KN_PLAN_MAX - 1});
    tap_ok(!make_end(), "literals without end are refused");
    tap_is_int(make_err.code, KN_ELIMIT, "as over a limit");
    kn_buf_free(&huge);
    make_begin();
    bool ok = make_optional(0.5);
    for (int i = 0; ok && i <= 1 << 20; i++)
        ok = make_op("integer", 1, 2, 0);
    tap_ok(ok && !make_end(), "so are operations without end, where one is open");
    tap_is_int(make_err.code, KN_ELIMIT, "as over a limit, too");
}

int main(void) {
    test_merging();
    test_bodies();
    test_fields();
    test_large();
    test_mistakes();
    test_limit();
    return tap_done();
}
