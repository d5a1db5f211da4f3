/* The sink that puts objects of JSON lines into an S3 bucket: plain, or gzip of a member per block.
 *
 * Records are in the order of their index whatever the number of workers, as in a text sink, and an
 * object ends before the record that would take it above `size` (of lines, not compressed). So
 * which records are in which object follows from the records alone, and an object is named by its
 * first: <prefix><stem><index of 20 digits>.json[.gz]. A run that is repeated or resumed writes the
 * same names: it replaces objects, and duplicates none.
 *
 * The prefix may hold !{timestamp:yyyy/MM/dd/HH} (letters y M d H m s, the rest as it is), as
 * Firehose's: the time of the object's first record, by the simulated clock where there is one,
 * else the wall clock when the object was begun. With the wall clock a repeated run has other
 * folders.
 *
 * An object is uploaded by the worker whose block filled it, which waits for the answer; the others
 * go on with the next. Memory is bounded by S3_OBJECTS objects: when they are all on their way,
 * everybody waits. There is no multipart upload: `size` is at most KN_S3_SIZE_MOST.
 *
 * PutObject carries Content-MD5. An object that fails by all attempts stops the run: its records
 * count as failed, and are not settled, so that resuming makes the object again. */
#ifndef KN_RUN_SINKS_S3_H
#define KN_RUN_SINKS_S3_H

#include "aws/config.h"
#include "run/sink.h"

#define KN_S3_SIZE_LEAST (64u << 10)
#define KN_S3_SIZE_MOST (256u << 20)

typedef struct kn_s3 kn_s3; /* shared by the workers' sinks */

typedef struct kn_s3_config {
    const kn_aws_config *aws; /* borrowed as long */
    const char *bucket;       /* borrowed too, as all texts here */
    const char *prefix, *stem;
    size_t size;
    bool gzip;
    int64_t clock_start_ms; /* of the simulated clock; negative: the wall clock */
    uint64_t clock_step_us;
    const kn_destination *destination; /* may be NULL */
} kn_s3_config;

KN_MUST_CHECK bool kn_s3_new(const kn_s3_config *config, kn_s3 **out, kn_err *err);
void kn_s3_destroy(kn_s3 *s3); /* after its sinks */

/* Finds credentials and endpoint; sends nothing. */
KN_MUST_CHECK bool kn_sink_s3_open(kn_s3 *s3, kn_stats *stats, kn_sink **out, kn_err *err);

#endif
