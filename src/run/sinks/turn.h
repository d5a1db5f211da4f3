/* Taking turns: blocks of records go somewhere in the order of their number, whichever worker made
 * them. While a block has the turn its worker alone uses what the turn guards. */
#ifndef KN_RUN_SINKS_TURN_H
#define KN_RUN_SINKS_TURN_H

#include "run/sink.h"

#include <pthread.h>

typedef struct kn_turn {
    const char *name; /* for messages: "stdout"; borrowed */
    pthread_mutex_t mutex;
    pthread_cond_t turned;
    _Atomic uint64_t block; /* whose turn it is */
    bool cut;               /* nobody's, ever again */
} kn_turn;

void kn_turn_init(kn_turn *turn, const char *name);
void kn_turn_free(kn_turn *turn);

/* Waits until it is the block's turn, looking after the worker's other sinks. KN_ECANCEL when it
 * never will be: cut, or abandoned. */
KN_MUST_CHECK bool kn_turn_wait(kn_turn *turn, uint64_t block, kn_sink *sink, kn_err *err);
/* It is the block's turn: a look without a wait. */
bool kn_turn_has_come(const kn_turn *turn, uint64_t block);
/* Waits for that, at most so long, or until it is cut. */
void kn_turn_await(kn_turn *turn, uint64_t block, int timeout_ms);
void kn_turn_pass(kn_turn *turn); /* to the next block */
void kn_turn_cut(kn_turn *turn);

#endif
