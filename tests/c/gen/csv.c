/* Records as rows of CSV: quoting, NULL, objects, and what is kept. */
#include "make_plan.h"

typedef struct sample {
    const char *before, *value; /* literals around and in the capture */
    int64_t text;
    const char *row;
} sample;

static const sample samples[] = {
    {"{\"a\":\"", "plain", 1, "plain"},
    {"{\"a\":\"", "longer than eight bytes, with a comma", 1,
     "\"longer than eight bytes, with a comma\""},
    {"{\"a\":\"", "a \\\"quote\\\"", 1, "\"a \"\"quote\"\"\""},
    {"{\"a\":\"", "line\\nline\\r", 1, "\"line\nline\r\""},
    {"{\"a\":\"", "back\\\\slash", 1, "back\\slash"},
    {"{\"a\":\"", "tab\\tbell\\u0007", 1, "tab\tbell\a"},
    {"{\"a\":\"", "", 1, "\"\""},
    {"{\"a\":", "null", 0, ""},
    {"{\"a\":", "\"quoted, by an operation\"", 0, "\"quoted, by an operation\""},
    {"{\"a\":", "\"\"", 0, "\"\""},
    {"{\"a\":", "-12.50", 0, "-12.50"},
    {"{\"a\":", "true", 0, "true"},
    {"{\"a\":", "[1,\"x\"]", 0, "\"[1,\"\"x\"\"]\""},
    {"{\"a\":", "{\"b\":1}", 0, "\"{\"\"b\"\":1}\""},
};

/* One field, twice: as a row "x,x". */
static kn_plan *make_row(const sample *s) {
    static const uint32_t slots[] = {0, 1};
    make_begin();
    make_literal(s->before);
    for (int i = 0; i < 2; i++) {
        make_op("capture", i, s->text, 0);
        make_literal(s->value);
        kn_plan_end(builder);
        make_literal(s->text ? "\",\"b\":\"" : ",\"b\":");
    }
    kn_plan_columns(builder, slots, 2, true);
    make_keep(1);
    return make_end();
}

static void test_rows(void) {
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        char expected[256];
        kn_plan *plan = make_row(&samples[i]);
        kn_cursor *cursor = make_cursor(plan, 1);
        snprintf(expected, sizeof expected, "%s,%s", samples[i].row, samples[i].row);
        tap_is_str(make_record(cursor, 0), expected, "%s", samples[i].value);
        kn_cursor_destroy(cursor);
        kn_plan_destroy(plan);
    }
}

static void test_kept(void) {
    kn_plan *plan = make_row(&samples[2]);
    kn_cursor *cursor = make_cursor(plan, 1);
    make_record(cursor, 0);
    tap_ok(kn_slice_eq_cstr(kn_cursor_kept(cursor, 0), "a \"quote\""),
           "what is kept has no quotes");
    kn_cursor_destroy(cursor);
    kn_plan_destroy(plan);
}

static void test_full(void) {
    kn_plan *plan = make_row(&samples[1]);
    kn_cursor *cursor = make_cursor(plan, 1);
    kn_buf small;
    kn_buf_init(&small, 64);
    kn_buf_cstr(&small, "before");
    tap_ok(!kn_cursor_record(cursor, 0, &small, &make_err), "a row without room fails");
    tap_ok(kn_buf_ok(&small) && kn_slice_eq_cstr(kn_buf_view(&small), "before"),
           "and leaves the buffer");
    kn_buf_free(&small);
    kn_cursor_destroy(cursor);
    kn_plan_destroy(plan);
}

static void test_columns(void) {
    static const uint32_t slots[] = {0, 7};
    make_begin();
    make_op("capture", 0, 0, 0);
    make_literal("1");
    kn_plan_end(builder);
    kn_plan_columns(builder, slots, 2, true);
    tap_ok(!make_end(), "a column without a capture is refused");
    tap_ok(strstr(make_err.message, "no capture 7"), "and named");
}

int main(void) {
    test_rows();
    test_kept();
    test_full();
    test_columns();
    return tap_done();
}
