/* A destination of a run, as the sinks of all workers see it; and how a sink gives a record up. */
#ifndef KN_RUN_DESTINATION_H
#define KN_RUN_DESTINATION_H

#include "run/dead_letters.h"
#include "run/settled.h"
#include "run/sink.h"

struct kn_destination {
    const char *service, *name;    /* "kinesis", "clicks": what a dead letter is for */
    const char *target;            /* "lake", "aws", a URL */
    bool no_newline;               /* of Firehose's records */
    kn_dead_letters *dead_letters; /* NULL: what is given up is counted and forgotten */
    kn_settled *settled;           /* NULL: nobody will resume the run */
};

/* Counts the record as failed, keeps the first reason, and puts the record into the dead-letter
 * file, unless its data.p is NULL: what memory was lost for is not in the file as if it were empty.
 * uncertain: it was on its way, and may have arrived. True when it is in the file: then it is
 * settled. */
bool kn_sink_give_up(kn_sink *sink, const kn_record *record, const kn_err *why, bool uncertain);

/* Records from <= index < to, which came one after another, are delivered. */
void kn_sink_settle(kn_sink *sink, uint64_t from, uint64_t to);
/* The same, to a file that has this length with them. */
void kn_sink_settle_at(kn_sink *sink, uint64_t from, uint64_t to, uint64_t position);

#endif
