/* TAP for C tests: count as you go, the plan comes last.
 *
 *     int main(void) {
 *         tap_is_str(actual, expected, "what is checked");
 *         return tap_done();
 *     }
 */
#ifndef KN_TESTS_TAP_H
#define KN_TESTS_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int tap_count, tap_failures;

__attribute__((format(printf, 4, 5), unused)) static bool
tap_check(bool ok, const char *file, int line, const char *fmt, ...) {
    va_list args;
    printf("%s %d - ", ok ? "ok" : "not ok", ++tap_count);
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    putchar('\n');
    if (!ok) {
        tap_failures++;
        printf("#   at %s line %d\n", file, line);
    }
    fflush(stdout);
    return ok;
}

#define tap_ok(condition, ...) tap_check((condition), __FILE__, __LINE__, __VA_ARGS__)

__attribute__((format(printf, 5, 6), unused)) static bool tap_check_str(const char *actual,
                                                                        const char *expected,
                                                                        const char *file, int line,
                                                                        const char *fmt, ...) {
    char name[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    bool same = actual && expected ? strcmp(actual, expected) == 0 : actual == expected;
    if (!tap_check(same, file, line, "%s", name))
        printf("#   got:      %s\n#   expected: %s\n", actual ? actual : "NULL",
               expected ? expected : "NULL");
    return same;
}

#define tap_is_str(actual, expected, ...)                                                          \
    tap_check_str((actual), (expected), __FILE__, __LINE__, __VA_ARGS__)

#define tap_is_int(actual, expected, ...)                                                          \
    do {                                                                                           \
        long long a_ = (long long)(actual), e_ = (long long)(expected);                            \
        if (!tap_ok(a_ == e_, __VA_ARGS__))                                                        \
            printf("#   got:      %lld\n#   expected: %lld\n", a_, e_);                            \
    } while (0)

#define tap_skip_all(...)                                                                          \
    do {                                                                                           \
        printf("1..0 # SKIP ");                                                                    \
        printf(__VA_ARGS__);                                                                       \
        putchar('\n');                                                                             \
        exit(0);                                                                                   \
    } while (0)

/* The seed of a randomised test, printed: KINESSIS_TEST_SEED, else another one each time. */
__attribute__((unused)) static unsigned long long tap_seed(void) {
    const char *given = getenv("KINESSIS_TEST_SEED");
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    unsigned long long seed =
        given ? strtoull(given, NULL, 10)
              : (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000;
    printf("# KINESSIS_TEST_SEED=%llu\n", seed);
    return seed;
}

__attribute__((unused)) static int tap_done(void) {
    printf("1..%d\n", tap_count);
    return tap_failures ? 1 : 0;
}

#endif
