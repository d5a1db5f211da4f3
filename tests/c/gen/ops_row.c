/* Operations on rows: those with one stream write of the same row. */
#include "make_plan.h"

static bool make_rows(const char *name, const char *const *rows, size_t n, int64_t a, int64_t b,
                      int64_t c) {
    kn_slice items[8];
    kn_op_request request = {
        .type = kn_op_type_find(name), .stream = 5, .args = {{.i = a}, {.i = b}, {.i = c}}};
    for (size_t i = 0; i < n; i++)
        items[i] = kn_slice_cstr(rows[i]);
    return kn_plan_words(builder, items, NULL, n, &request.words, &make_err) &&
           kn_plan_op(builder, &request, &make_err);
}

static void test_rows(void) {
    static const char *const names[] = {"a", "b", "c"};
    static const char *const patterns[] = {"a-%##-?", "b-*", "c-"};
    static const char *const numbers[] = {"-100000", "0", "90000000"};
    make_begin();
    bool ok = make_pick(names, NULL, 3);
    make_literal(" ");
    ok = ok && make_rows("expand", patterns, 3, 1, 0, 0);
    make_literal(" ");
    ok = ok && make_rows("expand", patterns, 3, 2, 0, 0);
    make_literal(" ");
    ok = ok && make_rows("near", numbers, 3, 6, 2000, 3);
    kn_plan *plan = make_end();
    tap_ok(ok && plan, "a plan of rows");
    kn_cursor *cursor = make_cursor(plan, 11);
    int agree = 0, shape = 0, inside = 0, differ = 0, rows[3] = {0};
    double middle[] = {-0.1, 0, 90};
    for (uint64_t i = 0; i < 3000; i++) {
        char name, first[16], second[16];
        double number;
        if (sscanf(make_record(cursor, i), "%c %15s %15s %lf", &name, first, second, &number) != 4)
            break;
        int row = name - 'a';
        rows[row]++;
        agree += first[0] == name && second[0] == name;
        differ += strcmp(first, second) != 0;
        shape += row == 0
                     ? strlen(first) == 7 && first[2] >= '1' && first[2] <= '9' &&
                           first[3] >= '0' && first[3] <= '9' && first[6] >= 'A' && first[6] <= 'Z'
                 : row == 1 ? strlen(first) == 3
                            : strcmp(first, "c-") == 0;
        inside += number >= middle[row] - 0.0020001 && number <= middle[row] + 0.0020001;
    }
    tap_ok(agree == 3000, "one stream, one row (%d)", agree);
    tap_ok(shape == 3000, "patterns are filled (%d)", shape);
    tap_ok(inside == 3000, "numbers are near the row's (%d)", inside);
    tap_ok(differ > 1500, "salts tell draws apart (%d)", differ);
    /* five standard deviations of 1000 of 3000 */
    tap_ok(abs(rows[0] - 1000) < 130 && abs(rows[1] - 1000) < 130, "rows are even (%d %d %d)",
           rows[0], rows[1], rows[2]);
    kn_cursor_destroy(cursor);
    kn_plan_destroy(plan);
}

/* Digits: each as likely, also those late in a long pattern. */
static void test_even_digits(void) {
    static const char *const pattern[] = {"########################"};
    make_begin();
    bool ok = make_rows("expand", pattern, 1, 0, 0, 0);
    kn_plan *plan = make_end();
    kn_cursor *cursor = make_cursor(plan, 12);
    int counts[24][10] = {{0}};
    for (uint64_t i = 0; ok && i < 2000; i++) {
        const char *text = make_record(cursor, i);
        for (int at = 0; at < 24; at++)
            counts[at][text[at] - '0']++;
    }
    double worst = 0;
    for (int at = 0; at < 24; at++) {
        double chi = 0;
        for (int digit = 0; digit < 10; digit++)
            chi += (counts[at][digit] - 200.0) * (counts[at][digit] - 200.0) / 200.0;
        worst = chi > worst ? chi : worst;
    }
    tap_ok(worst > 0 && worst < 40, "digits are even at each place (chi-squared %.1f)", worst);
    kn_cursor_destroy(cursor);
    kn_plan_destroy(plan);
}

/* [AB]: one of the characters between; the room of a record counts one for it. */
static void test_classes(void) {
    static const char *const pattern[] = {"[AB#]%[xyz]-[]]-[q"};
    make_begin();
    bool ok = make_rows("expand", pattern, 1, 0, 0, 0);
    kn_plan *plan = make_end();
    kn_cursor *cursor = make_cursor(plan, 14);
    int fits = 0, met[128] = {0};
    for (uint64_t i = 0; ok && i < 1000; i++) {
        const char *text = make_record(cursor, i);
        bool fit = strlen(text) == 10 && strchr("AB#", text[0]) && text[1] >= '1' &&
                   text[1] <= '9' && strchr("xyz", text[2]) && strcmp(text + 3, "-[]]-[q") == 0;
        fits += fit;
        met[text[0] & 127] += fit;
        met[text[2] & 127] += fit;
    }
    tap_ok(fits == 1000, "a class stands for one of its characters (%d)", fits);
    tap_ok(met['A'] && met['B'] && met['#'] && met['x'] && met['y'] && met['z'],
           "for each of them, also for those with a meaning outside");
    tap_ok(kn_plan_max_length(plan) == 10, "and has the room of one (%zu)",
           kn_plan_max_length(plan));
    kn_cursor_destroy(cursor);
    kn_plan_destroy(plan);
}

static void test_split(void) {
    make_begin();
    bool ok = make_op("split", 10, 3, 0) && make_op("case", 0, 0, 0);
    make_literal("low");
    kn_plan_end(builder);
    ok = ok && make_op("case", 0, 0, 0) && make_op("integer", 7, 7, 0);
    kn_plan_end(builder);
    kn_plan_end(builder);
    make_literal("!");
    kn_plan *plan = make_end();
    kn_cursor *cursor = make_cursor(plan, 13);
    int low = 0, high = 0;
    for (uint64_t i = 0; ok && i < 10000; i++) {
        const char *text = make_record(cursor, i);
        low += strcmp(text, "low!") == 0;
        high += strcmp(text, "7!") == 0;
    }
    tap_ok(low + high == 10000 && abs(low - 3000) < 230, "a split after its first rows (%d)", low);
    kn_cursor_destroy(cursor);
    kn_plan_destroy(plan);
}

static void test_birth(void) {
    make_begin();
    /* born from 1999-12-31 to 2000-03-01 (62 days), counted on 2020-02-29 */
    kn_op_request request = {.type = kn_op_type_find("birth_date"),
                             .stream = 5,
                             .args = {{.i = 10956}, {.i = 62}, {.i = 18321}}};
    bool ok = kn_plan_op(builder, &request, &make_err);
    make_literal(" ");
    request.type = kn_op_type_find("age");
    ok = ok && kn_plan_op(builder, &request, &make_err);
    kn_plan *plan = make_end();
    kn_cursor *cursor = make_cursor(plan, 14);
    int right = 0, first = 0, last = 0;
    for (uint64_t i = 0; ok && i < 2000; i++) {
        const char *text = make_record(cursor, i);
        bool older = strncmp(text, "2000-02-29", 10) <= 0;
        right += strncmp(text, "1999-12-31", 10) >= 0 && strncmp(text, "2000-03-01", 10) <= 0 &&
                 strcmp(text + 10, older ? " 20" : " 19") == 0;
        first += strncmp(text, "1999-12-31", 10) == 0;
        last += strncmp(text, "2000-03-01", 10) == 0;
    }
    tap_ok(right == 2000 && first > 0 && last > 0, "the age on a day, of the same birthday (%d)",
           right);
    kn_cursor_destroy(cursor);
    kn_plan_destroy(plan);
}

static void refuses(bool made, const char *why) {
    tap_ok(!made && strstr(make_err.message, why), "refused: %s (%s)", why,
           made ? "it was not" : make_err.message);
    kn_plan_builder_destroy(builder);
}

static void test_mistakes(void) {
    static const char *const words[] = {"12", "x"}, *const huge[] = {"1234567890123456"};
    make_begin();
    refuses(make_rows("near", words, 2, 6, 0, 0), "row 2 is not a whole number");
    make_begin();
    refuses(make_rows("near", huge, 1, 6, 0, 0), "row 1 is not a whole number");
    make_begin();
    refuses(make_rows("near", words, 1, 10, 0, 0), "a scale of 10");
    make_begin();
    refuses(make_rows("near", words, 1, 1, -1, 0), "a jitter of -1");
    make_begin();
    refuses(make_op("split", 0, 0, 0), "a split of 0 rows");
    make_begin();
    refuses(make_op("split", 3, 4, 0), "a split of 3 rows after 4");
    make_begin();
    refuses(make_op("birth_date", 0, 0, 0), "birthdays are not in the years 1 to 9999");
    make_begin();
    refuses(make_op("age", 100, 10, 50), "birthdays are not in the years 1 to 9999");
}

int main(void) {
    test_rows();
    test_even_digits();
    test_classes();
    test_split();
    test_birth();
    test_mistakes();
    return tap_done();
}
