/* Errors: filling, nesting, and the cut when a message is too long. */
#include "base/err.h"
#include "tap.h"

#include <string.h>

#include <errno.h>

static void test_clean(void) {
    kn_err err;
    char text[sizeof err.message + 100];
    kn_fail(&err, KN_EPARSE, "it said \x1b[2J\x7f \xc2\x9b \x9a \xc3\xa9\n\tand more");
    tap_is_str(err.message, "it said ?[2J? ?? ? \xc3\xa9\n\tand more",
               "what would draw on a terminal");
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa9", 3);
    kn_fail_aws(&err, 500, "InternalFailure", "x%s", text);
    size_t n = strlen(err.message);
    tap_ok(n == sizeof err.message - 1 && err.message[n - 1] != (char)0xC3,
           "cut within a character");
    kn_fail(&err, KN_EPARSE, "%s", text);
    kn_fail_within(&err, "record 12");
    n = strlen(err.message);
    tap_ok(err.message[n - 1] == (char)0xA9 || err.message[n - 1] == '?',
           "the same, behind another");
    kn_fail_aws(&err, 400, "Throttling\x1b[2J\xb5", "slow down");
    tap_is_str(err.aws_code, "Throttling?[2J?", "a service's code draws nothing either");
    kn_fail_aws(&err, 400, text, "slow down");
    n = strlen(err.aws_code);
    tap_ok(n == sizeof err.aws_code - 1 && err.aws_code[n - 1] == '?', "nor one that is cut");
}

int main(void) {
    kn_err err;
    tap_ok(!kn_fail(&err, KN_EINVAL, "min %d is greater than max %d", 10, 1), "returns false");
    tap_is_str(err.message, "min 10 is greater than max 1", "message");
    kn_fail_within(&err, "schema %s", "person.phone");
    tap_is_str(err.message, "schema person.phone: min 10 is greater than max 1", "within");
    errno = ENOENT;
    kn_fail_errno(&err, "cannot open %s", "x");
    tap_is_str(err.message, "cannot open x: No such file or directory", "errno");
    tap_is_int(err.sys_errno, ENOENT, "errno kept");
    kn_fail_aws(&err, 400, "ResourceNotFoundException", "Stream %s under account %s not found.",
                "s", "0");
    tap_is_str(err.aws_code, "ResourceNotFoundException", "aws code");
    tap_is_int(err.http_status, 400, "status");
    char big[8192];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    kn_fail(&err, KN_EIO, "%s", big);
    tap_is_int(strlen(err.message), sizeof err.message - 1, "a long message is cut");
    kn_fail_within(&err, "%s", big);
    tap_is_int(strlen(err.message), sizeof err.message - 1, "and cut again");
    tap_ok(!kn_fail(NULL, KN_EIO, "nobody listens"), "no kn_err is allowed");
    test_clean();
    return tap_done();
}
