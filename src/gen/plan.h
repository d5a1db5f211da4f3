/* A schema, compiled: an immutable plan that worker threads run. Record i is a pure function of
 * (seed, i) and, where the schema asks for the wall clock or a stateful script function, of those.
 * docs/internals/plan.md explains the operations. */
#ifndef KN_GEN_PLAN_H
#define KN_GEN_PLAN_H

#include "base/buf.h"

typedef struct kn_plan kn_plan;     /* shared by threads once built */
typedef struct kn_cursor kn_cursor; /* one thread's place to run it */

typedef struct kn_cursor_config {
    uint64_t seed;
    /* The simulated clock: record i happens at clock_start_ms + i * clock_step_us / 1000. When
     * clock_start_ms is negative, now is the wall clock. */
    int64_t clock_start_ms;
    uint64_t clock_step_us;
    /* How the plan reaches a script's function: appends the field's JSON value. NULL when there is
     * none. */
    bool (*call)(void *context, uint32_t function, uint64_t index, kn_buf *out, kn_err *err);
    void *call_context;
} kn_cursor_config;

KN_MUST_CHECK bool kn_cursor_new(const kn_plan *plan, const kn_cursor_config *config,
                                 kn_cursor **out, kn_err *err);
void kn_cursor_destroy(kn_cursor *cursor);

/* Appends record `index` as JSON, without a newline. */
KN_MUST_CHECK bool kn_cursor_record(kn_cursor *cursor, uint64_t index, kn_buf *out, kn_err *err);

/* The text of the field that the plan was told to keep (the partition key), of the last record:
 * strings without quotes and escapes, other values as their JSON. Empty when none is kept. */
kn_slice kn_cursor_kept(const kn_cursor *cursor);

void kn_plan_destroy(kn_plan *plan);

/* The plan has script functions: each worker must bring its own lua_State. */
bool kn_plan_calls_scripts(const kn_plan *plan);

#endif
