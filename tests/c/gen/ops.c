/* The operations: what each writes, and that its draws are even. */
#include "make_plan.h"

static kn_plan *plan;
static kn_cursor *cursor;

static void end(uint64_t seed) {
    plan = make_end();
    cursor = make_cursor(plan, seed);
}

static void finish(void) {
    kn_cursor_destroy(cursor);
    kn_plan_destroy(plan);
}

static void test_integer(int64_t min, int64_t max) {
    make_begin();
    bool ok = make_op("integer", min, max, 0);
    end(9);
    long long least = INT64_MAX, most = INT64_MIN;
    for (uint64_t i = 0; i < 2000; i++) {
        long long v = strtoll(make_record(cursor, i), NULL, 10);
        least = v < least ? v : least;
        most = v > most ? v : most;
    }
    tap_ok(ok && least >= min && most <= max, "integer %lld to %lld: in range", (long long)min,
           (long long)max);
    if ((uint64_t)max - (uint64_t)min < 100)
        tap_ok(least == min && most == max, "and both ends are met");
    else
        tap_ok(least < min / 4 * 3 && most > max / 4 * 3, "and spread over it");
    finish();
}

static void test_uuid(void) {
    make_begin();
    make_op("uuid", 0, 0, 0);
    end(3);
    bool shape = true;
    unsigned ever[36] = {0}, always[36];
    memset(always, 0xFF, sizeof always);
    for (uint64_t i = 0; i < 500; i++) {
        const char *u = make_record(cursor, i);
        shape = shape && strlen(u) == 36 && u[8] == '-' && u[13] == '-' && u[18] == '-' &&
                u[23] == '-' && u[14] == '4' && strchr("89ab", u[19]);
        for (int k = 0; k < 36; k++) {
            unsigned nibble = (unsigned)strtoul((char[]){u[k], 0}, NULL, 16);
            ever[k] |= nibble;
            always[k] &= nibble;
        }
    }
    bool random = true;
    for (int k = 0; k < 36; k++) /* the dashes, the version and the variant stay */
        if (k != 8 && k != 13 && k != 18 && k != 23 && k != 14 && k != 19)
            random = random && ever[k] == 15 && always[k] == 0;
    tap_ok(shape, "uuid: RFC 9562 version 4");
    tap_ok(random, "uuid: every other digit varies in every bit");
    finish();
}

static void test_decimal(int64_t v, int64_t scale, const char *expected) {
    make_begin();
    make_op("decimal", v, v, scale);
    end(1);
    tap_is_str(make_record(cursor, 0), expected, "decimal %lld at scale %lld", (long long)v,
               (long long)scale);
    tap_ok(strlen(expected) <= kn_plan_max_length(plan), "within the length that was told");
    finish();
}

static void test_choices(bool weighted) {
    static const char *const words[] = {"a", "b", "c", "d"};
    const double weights[] = {1, 0, 2, 5};
    int counts[4] = {0};
    double chi = 0;
    make_begin();
    make_pick(words, weighted ? weights : NULL, 4);
    end(2022);
    for (uint64_t i = 0; i < 80000; i++)
        counts[make_record(cursor, i)[0] - 'a']++;
    for (int k = 0; k < 4; k++) {
        double expected = weighted ? weights[k] * 10000 : 20000;
        if (expected > 0)
            chi += (counts[k] - expected) * (counts[k] - expected) / expected;
    }
    printf("# seed 2022: %d %d %d %d, chi-squared %.1f\n", counts[0], counts[1], counts[2],
           counts[3], chi);
    tap_ok(chi < 20 && (!weighted || counts[1] == 0), weighted ? "weighted" : "pick");
    finish();
}

static void test_sequence(void) {
    make_begin();
    make_op("sequence", -5, 3, 0);
    end(1);
    tap_is_str(make_record(cursor, 0), "-5", "sequence: its start");
    tap_is_str(make_record(cursor, 1000000000000), "2999999999995", "sequence: far away");
    finish();
    make_begin();
    make_op("sequence", INT64_MIN, INT64_MAX, 0);
    end(1);
    tap_is_str(make_record(cursor, 2), "9223372036854775806", "sequence: all 64 bits");
    kn_buf out;
    kn_err err;
    kn_buf_init(&out, KN_PLAN_MAX);
    tap_ok(!kn_cursor_record(cursor, 3, &out, &err) && out.len == 0, "sequence: no more");
    tap_is_str(err.message,
               "the sequence is beyond 9223372036854775807 in record 3: a bigint ends there",
               "sequence: which record");
    kn_buf_free(&out);
    finish();
}

int main(void) {
    test_integer(0, 9);
    test_integer(-4, 4);
    test_integer(INT64_MIN, INT64_MAX);
    test_integer(INT64_MAX - 3, INT64_MAX);
    test_uuid();
    test_decimal(0, 2, "0.00");
    test_decimal(-1, 2, "-0.01");
    test_decimal(123456, 3, "123.456");
    test_decimal(INT64_MIN, 18, "-9.223372036854775808");
    test_decimal(42, 0, "42");
    test_choices(false);
    test_choices(true);
    test_sequence();
    tap_ok(!kn_op_type_find("nothing"), "an operation that is not there");
    return tap_done();
}
