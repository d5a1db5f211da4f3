/* Error replies of the four protocols into a kn_err, and which of them are worth another attempt.
 */
#ifndef KN_AWS_ERROR_H
#define KN_AWS_ERROR_H

#include "aws/operations.h"
#include "base/err.h"
#include "net/transfer.h"

/* Fills err from a reply whose status is not a success: aws_code without namespace, http_status,
 * retryable, and the message "<api> <operation>: <code>: <what the service said>". */
void kn_aws_decode_error(const kn_operation *operation, const kn_reply *reply, kn_err *err);

/* The service refused for the rate of requests: it did not act. */
bool kn_aws_is_throttle(const char *code);

/* The service refused the credentials, as expired or unknown: others may do. */
bool kn_aws_is_expired(const char *code);

#endif
