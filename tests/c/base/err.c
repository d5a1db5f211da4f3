/* Errors: filling, nesting, and the cut when a message is too long. */
#include "base/err.h"
#include "tap.h"

#include <errno.h>

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
    return tap_done();
}
