/* The sink that sends nothing and adds what was generated to a digest: what should have arrived. */
#ifndef KN_RUN_VERIFY_SINK_DIGEST_H
#define KN_RUN_VERIFY_SINK_DIGEST_H

#include "run/sink.h"
#include "run/verify/digest.h"
#include "run/verify/row.h"

#include <pthread.h>

/* What the sinks of all workers share; borrowed until the last is destroyed. */
typedef struct kn_expected {
    const kn_row *row; /* without a key, records are told apart by their partition key */
    const kn_digest_choice *choice; /* as of kn_digest_new; may be NULL */
    size_t limit;
    kn_digest *digest;     /* of the same choice and limit */
    pthread_mutex_t mutex; /* guards digest */
} kn_expected;

/* Of columns, only what is a JSON object is added: no table holds the rest. A record is delivered
 * when it is in its worker's digest, which is merged when the sink drains. */
KN_MUST_CHECK bool kn_sink_digest_open(kn_expected *expected, kn_stats *stats, kn_sink **out,
                                       kn_err *err);

#endif
