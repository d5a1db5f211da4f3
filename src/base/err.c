/* See err.h. */
#include "base/err.h"

#include "base/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void err_reset(kn_err *err, kn_code code) {
    err->code = code;
    err->http_status = 0;
    err->sys_errno = 0;
    err->retryable = false;
    err->aws_code[0] = '\0';
}

/* A message may hold what a server, a file or a user said, and may have been cut within a
 * character: terminals, logs and dead letters get UTF-8 that draws nothing. */
static bool finish(kn_err *err) {
    kn_utf8_clean(err->message, strlen(err->message));
    kn_utf8_clean(err->aws_code, strlen(err->aws_code));
    return false;
}

bool kn_fail(kn_err *err, kn_code code, const char *fmt, ...) {
    if (!err)
        return false;
    va_list args;
    va_start(args, fmt);
    err_reset(err, code);
    vsnprintf(err->message, sizeof err->message, fmt, args);
    va_end(args);
    return finish(err);
}

bool kn_fail_errno(kn_err *err, const char *fmt, ...) {
    int saved = errno;
    if (!err)
        return false;
    va_list args;
    va_start(args, fmt);
    err_reset(err, KN_EIO);
    err->sys_errno = saved;
    int n = vsnprintf(err->message, sizeof err->message, fmt, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof err->message) {
        char text[128];
        snprintf(err->message + n, sizeof err->message - (size_t)n, ": %s",
                 strerror_r(saved, text, sizeof text));
    }
    return finish(err);
}

bool kn_fail_aws(kn_err *err, int http_status, const char *aws_code, const char *fmt, ...) {
    if (!err)
        return false;
    va_list args;
    va_start(args, fmt);
    err_reset(err, KN_EAWS);
    err->http_status = http_status;
    snprintf(err->aws_code, sizeof err->aws_code, "%s", aws_code);
    vsnprintf(err->message, sizeof err->message, fmt, args);
    va_end(args);
    return finish(err);
}

bool kn_fail_within(kn_err *err, const char *fmt, ...) {
    if (!err)
        return false;
    char inner[sizeof err->message];
    memcpy(inner, err->message, sizeof inner);
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(err->message, sizeof err->message, fmt, args);
    va_end(args);
    size_t used = n < 0 ? 0 : (size_t)n;
    if (used + 3 < sizeof err->message) {
        size_t room = sizeof err->message - used - 3; /* the colon, the space, the NUL */
        snprintf(err->message + used, sizeof err->message - used, ": %.*s", (int)room, inner);
    }
    return finish(err);
}

const char *kn_code_name(kn_code code) {
    static const char *const names[] = {
        [KN_OK] = "ok",
        [KN_EINVAL] = "invalid",
        [KN_ENOMEM] = "memory",
        [KN_ELIMIT] = "limit",
        [KN_EIO] = "io",
        [KN_ENET] = "network",
        [KN_ETIMEOUT] = "timeout",
        [KN_EPARSE] = "malformed",
        [KN_EAWS] = "aws",
        [KN_ECANCEL] = "cancelled",
        [KN_ESCRIPT] = "script",
        [KN_ESTATE] = "state",
    };
    return (unsigned)code < sizeof names / sizeof *names ? names[code] : "unknown";
}
