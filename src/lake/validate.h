/* Checks an operation's input against its table of members, with AWS's own words. */
#ifndef KN_LAKE_VALIDATE_H
#define KN_LAKE_VALIDATE_H

#include "lake/service.h"

/* The compiled patterns of member tables; safe from any thread. */
typedef struct kn_patterns kn_patterns;
KN_MUST_CHECK bool kn_patterns_new(kn_patterns **out, kn_err *err);
void kn_patterns_free(kn_patterns *patterns);

/* Compiles every pattern of a table; KN_EINVAL names one that is not a valid expression. */
KN_MUST_CHECK bool kn_patterns_compile(kn_patterns *patterns, const kn_member *members,
                                       kn_err *err);

/* No string may hold a NUL but those whose members say so (SerializationException). A null member
 * goes, as if it were absent; an integer that came as 10.0 becomes 10. Types first
 * (SerializationException), then everything else, at most ten complaints in one message (code: the
 * service's own). */
KN_MUST_CHECK bool kn_validate(kn_patterns *patterns, const kn_member *members, const char *code,
                               json_t *input, kn_err *err);

#endif
