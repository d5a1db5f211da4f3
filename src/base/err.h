/* How every fallible function reports failure: it returns false and fills the trailing kn_err.
 *
 *     if (!kn_buf_ok(&b))
 *         return kn_fail(err, KN_ELIMIT, "record of %zu bytes is over the limit", n);
 *
 * Fixed size, no allocation, copied by value. Never log *and* return. Secrets are never put in a
 * message. */
#ifndef KN_BASE_ERR_H
#define KN_BASE_ERR_H

#include <stdbool.h>

typedef enum {
    KN_OK = 0,
    KN_EINVAL,   /* the caller's mistake: a bad argument, schema or option */
    KN_ENOMEM,   /* allocation failed */
    KN_ELIMIT,   /* a documented maximum was exceeded */
    KN_EIO,      /* a file, a disk, a database: sys_errno says more when not 0 */
    KN_ENET,     /* connection, name resolution, TLS */
    KN_ETIMEOUT, /* a deadline passed */
    KN_EPARSE,   /* outside input is malformed */
    KN_EAWS,     /* a service answered with an error: aws_code and http_status are set */
    KN_ECANCEL,  /* the user asked to stop */
    KN_ESCRIPT,  /* a user's Lua failed; the message carries the traceback */
    KN_ESTATE,   /* the object is closed, locked, or not in the state the call needs */
} kn_code;

typedef struct kn_err {
    kn_code code;
    int http_status; /* 0 when no reply was received */
    int sys_errno;   /* 0 when no system call failed */
    bool retryable;
    char aws_code[96]; /* "ResourceNotFoundException", or "" */
    char message[2048];
} kn_err;

#define KN_MUST_CHECK __attribute__((warn_unused_result))
#define KN_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Each fills *err (which may be NULL) and returns false, so that `return kn_fail(...)` reads well.
 */
bool kn_fail(kn_err *err, kn_code code, const char *fmt, ...) KN_PRINTF(3, 4);

/* The same, for a system call: appends ": <strerror(errno)>" and keeps errno. */
bool kn_fail_errno(kn_err *err, const char *fmt, ...) KN_PRINTF(2, 3);

/* The same, for a service's error reply, or for one the lake is about to send. */
bool kn_fail_aws(kn_err *err, int http_status, const char *aws_code, const char *fmt, ...)
    KN_PRINTF(4, 5);

/* Puts "<fmt>: " before the present message; returns false. */
bool kn_fail_within(kn_err *err, const char *fmt, ...) KN_PRINTF(2, 3);

/* "invalid", "io", "network", ...: the name scripts see as err.code. */
const char *kn_code_name(kn_code code);

#endif
