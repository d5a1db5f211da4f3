/* Sessions: runs of ordered events that overlap in time (view, view, cart, purchase), laid over the
 * index space block by block. A block's layout is a function of the seed and its number: record i
 * costs at most the layout of one block, wherever i is, and nothing but a look-up for the records
 * after it.
 *
 * Within a block, up to `open` sessions are under way; each record belongs to one of them at random
 * and is its next event. Sessions end with their block: the last to begin is cut to fit, one in a
 * block at most. */
#ifndef KN_GEN_SESSION_H
#define KN_GEN_SESSION_H

#include "base/rng.h"

enum {
    KN_SESSION_BLOCK = 4096, /* records */
    KN_SESSION_STEPS = 16,   /* kinds of events */
    KN_SESSION_MOST = 64,    /* events of one session */
    KN_SESSION_OPEN = 256,   /* sessions at once */
};

typedef struct kn_session_spec {
    unsigned steps, most, open;
    /* next[i][j]: the probability that step j follows step i; what is left of 1 ends the session. A
     * session begins with step 0. */
    double next[KN_SESSION_STEPS][KN_SESSION_STEPS];
} kn_session_spec;

KN_MUST_CHECK bool kn_session_check(const kn_session_spec *spec, kn_err *err);

/* What a record is in its session. */
typedef struct kn_session_place {
    uint64_t session;          /* numbers are unique, with gaps */
    uint64_t first, last;      /* records of its first and last event */
    unsigned position, length; /* from 0; events in all */
    unsigned step;
} kn_session_place;

typedef struct kn_session_layout kn_session_layout;

KN_MUST_CHECK bool kn_session_layout_new(kn_session_layout **out, kn_err *err);
void kn_session_layout_free(kn_session_layout *l);

/* key is of the sessions under a seed. */
kn_session_place kn_session_find(kn_session_layout *l, const kn_session_spec *spec, uint64_t key,
                                 uint64_t index);

#endif
