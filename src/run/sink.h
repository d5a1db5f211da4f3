/* Where records go. A sink belongs to one worker; a worker may have several (the stream, and a copy
 * on stdout). Nothing here is shared between threads but the counters. */
#ifndef KN_RUN_SINK_H
#define KN_RUN_SINK_H

#include "base/buf.h"
#include "base/stop.h"
#include "run/stats.h"

typedef struct kn_record {
    uint64_t index;
    uint64_t due_ns; /* when it was to be sent, of the monotonic clock: by the pace, or when it was
                        made. Latency is counted from here. */
    uint64_t now_ns; /* of the monotonic clock, looked at a few records ago at most, and after any
                        wait */
    kn_slice data;   /* without the newline that text sinks add */
    kn_slice partition_key;     /* empty where the sink does not use one */
    kn_slice explicit_hash_key; /* decimal; empty: none */
} kn_record;

typedef struct kn_sink kn_sink;
typedef struct kn_destination kn_destination; /* run/destination.h */

/* The functions of a kind of sink. Records that cannot be delivered are counted in stats->failed
 * and the first reason is kept there; a function fails only when the run must stop: with
 * KN_ECANCEL when nobody wants more records (the reader of a pipe left; stop is asked), which ends
 * the run without being its error. */
typedef struct kn_sink_type {
    const char *name;
    /* Takes a copy of the record; waits while the sink is full: that is the back-pressure. */
    bool (*put)(kn_sink *sink, const kn_record *record, kn_err *err);
    /* The records put next are block number `block` of the run (from 0, in order of their index,
     * each exactly once over all workers). NULL where order is nobody's, as end_block. */
    bool (*begin_block)(kn_sink *sink, uint64_t block, kn_err *err);
    /* The block is complete or, when broken, was cut short by an error: then a sink that keeps
     * order takes nothing that comes after it. */
    bool (*end_block)(kn_sink *sink, bool broken, kn_err *err);
    /* Lets requests in flight progress for at most timeout_ms; sends what has lingered. NULL where
     * put and drain do everything. */
    bool (*poll)(kn_sink *sink, int timeout_ms, kn_err *err);
    /* Sends what is buffered and waits until every record is delivered or failed, or deadline_ns
     * (of the monotonic clock; 0: none) has passed: what is left then counts as failed. */
    bool (*drain)(kn_sink *sink, uint64_t deadline_ns, kn_err *err);
    void (*destroy)(kn_sink *sink);
} kn_sink_type;

struct kn_sink {
    const kn_sink_type *type;
    kn_stats *stats; /* of this sink alone; borrowed from the worker */
    /* Borrowed from whoever opened it: what it sends to. NULL: nobody asks for what it gives up. */
    const kn_destination *destination;
    /* Of a resumed run: records that are settled, and not put again. NULL: none. */
    const struct kn_ranges *skip;
    /* Set by whoever opened it: once asked, nothing waits any longer. */
    kn_stop stop;
    /* Also set by the run, where a worker has several sinks: one that waits (for its turn to write,
     * for room) calls idle(worker) every few milliseconds, so that the others progress. */
    bool (*idle)(void *worker, kn_err *err);
    void *worker;
    bool waited; /* set by the sink when put has waited; the run looks at the clock again */
};

#endif
