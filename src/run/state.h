/* The state file of a run: what it was asked for, and which records it is done with, so that it can
 * be resumed however it ended. Written whole (a temporary file beside it, then rename) four times a
 * second and at the end, by a thread of its own; without fsync, so that `kill -9`
 * loses nothing and a power failure may.
 *
 *   {"format":1,"scenario":"people.lua","fingerprint":"5c7f...","seed":42,"first":0,
 *    "amount":1000000,"part":[2,8],"clock_start":1643815027,"clock_step":0.001,
 *    "target":"lake","started":"2022-02-02T15:17:07Z",
 *    "updated":"2022-02-02T15:18:00.123Z","claimed":412500,"reserved":430000,"finished":false,
 *    "destinations":[{"service":"kinesis","name":"people","settled":[[0,412000],[412250,412500]]},
 *                    {"service":"file","name":"people.jsonl","settled":[[0,412000]],
 *                     "position":81920000}]}
 *
 * The members up to "started" are the caller's (lua/kinessis/state.lua): fingerprint is of the
 * compiled schema and its functions, amount is absent without an end, part and the clock where
 * there is none. Indices are of records, first <= i < first + amount. settled: ranges [from, to)
 * that the destination is done with: delivered, or in the dead-letter file; position: the file's
 * length when it was.
 *
 * No record at or after `reserved` was begun: the run waits for the file before it goes on. So the
 * records of [first, reserved) that are not settled are all that may have arrived unnoticed. */
#ifndef KN_RUN_STATE_H
#define KN_RUN_STATE_H

#include "run/destination.h"
#include "run/run.h"

typedef struct kn_state kn_state;

typedef struct kn_state_config {
    const char *path, *head; /* borrowed; head: the caller's members, without braces */
    uint64_t first;          /* of this run; a resumed one's is not the file's */
    bool paced;
    size_t count;
    const kn_destination *destinations[KN_RUN_SINKS]; /* borrowed; each with `settled` */
} kn_state_config;

/* Writes the file for the first time. */
KN_MUST_CHECK bool kn_state_new(const kn_state_config *config, kn_state **out, kn_err *err);
void kn_state_destroy(kn_state *state);

/* To be called often while the run lasts: writes when it is time, and lets the run go on. When the
 * file cannot be written the run goes on all the same; kn_state_end tells. */
void kn_state_look(kn_state *state, kn_run *run);

/* The last write. finished: every record was claimed. Fails with the first failure of all. */
KN_MUST_CHECK bool kn_state_end(kn_state *state, kn_run *run, bool finished, kn_err *err);

#endif
