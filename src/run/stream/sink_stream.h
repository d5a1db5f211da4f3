/* The sink that sends to a Kinesis stream (PutRecords) or a Firehose delivery stream
 * (PutRecordBatch): one sender, two rows of data.
 *
 * Records are encoded straight into the body of the request being filled. A request is sent when it
 * holds max_records or max_bytes, or when its first record has waited linger_ms (put and poll
 * look). With `aggregate`, records of one shard travel together (run/stream/lanes.h): one open
 * aggregate a shard, predicted by the map of shards (ListShards, once for all workers, and again
 * when records land elsewhere than predicted). An aggregate is sent, fails, and is sent again
 * whole; what is counted are its records.
 *
 * What is sent again: a request that found no connection, or got a throttle or a 5xx (the call does
 * that, signed anew); of an answered request only the entries that failed with a code worth
 * repeating. Both wait with full jitter; the entries, apart from their request, also for the rate
 * of their shard (run/stream/rate.h) and for the retry budget (sender.c). A record that failed for
 * good is given up (run/destination.h). A stream that is throttled slows the run down and does not
 * stop it: its records are sent again in many rounds, minutes long, and then fail. The run is
 * stopped (put, poll or drain fail) when the service refuses the request itself (no such stream,
 * access denied,
 * ...) or could not be reached by all attempts of a request: every record not delivered is then
 * counted as failed. A silent server is given up after 4 attempts of 10 s; once one has answered,
 * an attempt may take 30 s.
 *
 * Bounded: put waits while requests_in_flight requests are unanswered, and while 20,000 entries or
 * 8 MiB wait to be sent again. So memory is requests_in_flight bodies, what waits, and 8 MiB
 * of open aggregates at most, per worker.
 *
 * A send that was followed by another though the server may have acted upon it (no answer, a 5xx
 * that is none of the service's throttles) is counted: stats->maybe_twice. A record over the
 * service's limit, or with an impossible key, fails alone. */
#ifndef KN_RUN_STREAM_SINK_STREAM_H
#define KN_RUN_STREAM_SINK_STREAM_H

#include "aws/config.h"
#include "run/sink.h"
#include "run/stream/shards.h"

typedef enum { KN_STREAM_KINESIS, KN_STREAM_FIREHOSE } kn_stream_service;

typedef struct kn_sink_stream_config {
    const kn_aws_config *aws; /* borrowed during open only */
    kn_stream_service service;
    const char *stream;   /* name of the stream, or of the delivery stream */
    uint32_t max_records; /* per request; 0: 500, which is also the most */
    uint32_t max_bytes;   /* per request, partition keys included; 0: 5 MiB (Kinesis, at most 10
                             MiB), 4 MiB (Firehose, the most) */
    uint32_t
        max_record_bytes; /* 0: 1 MiB (Kinesis, at most 10 MiB), 1000 KiB (Firehose, the most) */
    uint32_t requests_in_flight; /* 0: 4; at most 64 */
    uint32_t linger_ms;          /* 0: 100 */
    bool aggregate;              /* records travel together (aws/aggregate.h); Kinesis only */
    uint32_t aggregate_bytes;    /* at most, of an aggregate; 0: 50 KiB */
    kn_shards *shards;           /* of the stream, shared by all workers; NULL: the sink's own */
    bool no_newline;             /* Firehose: do not end each record with a newline */
    const kn_destination *destination; /* borrowed; may be NULL */
} kn_sink_stream_config;

/* Finds credentials and endpoint; sends nothing. The sink counts into stats (borrowed). */
KN_MUST_CHECK bool kn_sink_stream_open(const kn_sink_stream_config *config, kn_stats *stats,
                                       kn_sink **out, kn_err *err);

#endif
