/* Sinks that write records as lines of text (JSON lines, CSV) to a file or a pipe, plain or gzip,
 * in the order of their index whatever the number of workers; and the sink that only counts.
 *
 * Order costs little: each worker collects its block, compresses it (a gzip member of its own), and
 * keeps it until the blocks before it are written; meanwhile it makes its next ones, a few. A block
 * that outgrows its buffer waits for its turn: memory is bounded. */
#ifndef KN_RUN_SINKS_TEXT_H
#define KN_RUN_SINKS_TEXT_H

#include "run/sink.h"

typedef struct kn_text kn_text; /* the file, shared by the workers' sinks */

typedef struct kn_text_config {
    int fd;             /* borrowed */
    const char *name;   /* for messages: "stdout", a path */
    const char *header; /* a line that is written at once; NULL: none */
    bool gzip;
    uint64_t position; /* of a resumed run: what the file holds already */
} kn_text_config;

KN_MUST_CHECK bool kn_text_new(const kn_text_config *config, kn_text **out, kn_err *err);
void kn_text_destroy(kn_text *text); /* after its sinks */

/* Delivered means written. Closing of the other end of a pipe ends the run (KN_ECANCEL), a full
 * disk is the run's error. */
KN_MUST_CHECK bool kn_sink_text_open(kn_text *text, kn_stats *stats, kn_sink **out, kn_err *err);

/* Delivers to nowhere: for measuring, and for trying a pace. */
KN_MUST_CHECK bool kn_sink_null_open(kn_stats *stats, kn_sink **out, kn_err *err);

#endif
