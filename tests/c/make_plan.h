/* Plans for tests, from a few lines of C. */
#ifndef KN_TESTS_MAKE_PLAN_H
#define KN_TESTS_MAKE_PLAN_H

#include "gen/ops.h"
#include "tap.h"

#define KN_TEST_UNUSED __attribute__((unused))

static kn_plan_builder *builder;
static kn_err make_err;

KN_TEST_UNUSED static void make_begin(void) {
    if (!kn_plan_builder_new(&builder, &make_err))
        exit(1);
}

KN_TEST_UNUSED static void make_literal(const char *json) {
    kn_plan_literal(builder, kn_slice_cstr(json));
}

/* An operation with whole numbers as arguments; its stream is the hash of its name. */
KN_TEST_UNUSED static bool make_op(const char *name, int64_t a, int64_t b, int64_t c) {
    kn_op_request request = {.type = kn_op_type_find(name),
                             .stream = kn_rng_hash(kn_slice_cstr(name)),
                             .args = {{.i = a}, {.i = b}, {.i = c}}};
    return kn_plan_op(builder, &request, &make_err);
}

KN_TEST_UNUSED static bool make_optional(double p) {
    kn_op_request request = {.type = kn_op_type_find("optional"), .stream = 77, .args = {{.d = p}}};
    return kn_plan_op(builder, &request, &make_err);
}

KN_TEST_UNUSED static bool make_pick(const char *const *words, const double *weights, size_t n) {
    kn_slice items[16];
    kn_op_request request = {.type = kn_op_type_find(weights ? "weighted" : "pick"), .stream = 5};
    for (size_t i = 0; i < n && i < 16; i++)
        items[i] = kn_slice_cstr(words[i]);
    return kn_plan_words(builder, items, weights, n, &request.words, &make_err) &&
           kn_plan_op(builder, &request, &make_err);
}

KN_TEST_UNUSED static void make_keep(uint32_t slot) {
    if (!kn_plan_keep(builder, slot, &make_err))
        exit(1);
}

KN_TEST_UNUSED static kn_plan *make_end(void) {
    kn_plan *plan = NULL;
    if (!kn_plan_finish(builder, &plan, &make_err))
        plan = NULL;
    kn_plan_builder_destroy(builder);
    builder = NULL;
    return plan;
}

/* On a simulated clock from 1970, 1.5 ms a record. */
KN_TEST_UNUSED static kn_cursor *make_cursor(const kn_plan *plan, uint64_t seed) {
    kn_cursor *cursor = NULL;
    kn_cursor_config config = {.seed = seed, .clock_step_us = 1500};
    if (!kn_cursor_new(plan, &config, &cursor, &make_err))
        exit(1);
    return cursor;
}

/* Record i alone, as a C string that the next call overwrites; or why it failed. */
KN_TEST_UNUSED static const char *make_record(kn_cursor *cursor, uint64_t i) {
    static char text[1 << 16];
    kn_buf out;
    kn_buf_init(&out, sizeof text - 1);
    bool ok = kn_cursor_record(cursor, i, &out, &make_err);
    snprintf(text, sizeof text, "%s", ok ? out.p : make_err.message);
    kn_buf_free(&out);
    return text;
}

#endif
