/* The keys under which Firehose stores objects: custom prefixes, their rules, the object's name.
 *
 * Reference: "Understand custom prefixes for Amazon S3 objects" in the Firehose developer guide.
 * Expressions: !{timestamp:<Java DateTimeFormatter pattern>}, !{firehose:random-string},
 * !{firehose:error-output-type}. Times are UTC. Left out on purpose: the partitionKeyFromQuery and
 * partitionKeyFromLambda namespaces (they need dynamic partitioning), and the pattern letters that
 * depend on a locale's calendar (weeks, eras, day periods): they are refused by name. */
#ifndef KN_LAKE_FIREHOSE_PREFIX_H
#define KN_LAKE_FIREHOSE_PREFIX_H

#include "base/buf.h"

enum { KN_PREFIX_MAX = 512 }; /* characters of an evaluated prefix */

typedef struct kn_prefix_key {
    const char *prefix;       /* as configured; NULL or "" for the default */
    const char *error_prefix; /* the same */
    const char *error_type; /* "format-conversion-failed": the key of an error object; NULL: data */
    const char *stream;     /* name of the delivery stream */
    const char *version;    /* "1" */
    const char *extension;  /* ".parquet", or "" */
    int64_t arrival_ms;     /* of the oldest record in the object */
    const unsigned char *id; /* 16 bytes that make the uuid; NULL: random ones */
} kn_prefix_key;

/* Checks a delivery stream's two prefixes (NULL: not given); InvalidArgumentException. */
KN_MUST_CHECK bool kn_prefix_check(const char *prefix, const char *error_prefix, kn_err *err);

/* Appends <evaluated prefix><stream>-<version>-<yyyy-MM-dd-HH-mm-ss>-<uuid><extension>. */
KN_MUST_CHECK bool kn_prefix_write(const kn_prefix_key *key, kn_buf *out, kn_err *err);

/* Appends the time in a Java DateTimeFormatter pattern (English names, UTC). */
KN_MUST_CHECK bool kn_prefix_format_time(kn_slice pattern, int64_t ms, kn_buf *out, kn_err *err);

/* Appends a UUID (version 4) in lower case, of 16 bytes or (NULL) of random ones. */
void kn_prefix_uuid(kn_buf *out, const unsigned char *bytes);

#endif
