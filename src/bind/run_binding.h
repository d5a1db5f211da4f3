/* What the sources of kinessis.core.run share: the binding of one run, how its configuration table
 * is read (run_config.c), its sinks opened (run_sinks.c), its results told (run_results.c). */
#ifndef KN_BIND_RUN_BINDING_H
#define KN_BIND_RUN_BINDING_H

#include "run/destination.h"
#include "run/run.h"
#include "run/sinks/s3.h"
#include "run/sinks/text.h"
#include "run/state.h"
#include "run/stream/sink_stream.h"
#include "run/verify/sink_digest.h"

#include <lauxlib.h>
#include <signal.h>

#define KN_RUN_TYPE "kinessis.run"

typedef enum {
    KN_SINK_KINESIS,
    KN_SINK_FIREHOSE,
    KN_SINK_S3,
    KN_SINK_TEXT,
    KN_SINK_NULL,
    KN_SINK_DIGEST
} kn_sink_kind;

typedef struct kn_sink_spec {
    kn_sink_kind kind;
    const char *kind_name, *name; /* as the configuration has them; the name may be NULL */
    kn_aws_config aws;
    kn_sink_stream_config stream;
    kn_run_keys keys;
    kn_destination to;
    kn_ranges skip; /* of a resumed run: what is settled already */
    int fd;         /* to be closed, or -1 */
    kn_text *text;
    kn_expected *expected; /* of a digest: in a userdata of the configuration table */
    kn_s3 *s3;
} kn_sink_spec;

/* Lives in a userdata, so that an error on the way closes what is open. Texts and the plan are
 * borrowed from the configuration table, which is a user value of it. */
typedef struct kn_run_binding {
    lua_State *L; /* the calling thread's, and where the userdata is on its stack */
    int self;
    bool listens; /* to signals: the run of go() */
    bool paused;
    bool inside, asking; /* a method's step of the run; the pace: what they call may call methods */
    _Atomic int stops;   /* of a run that does not */
    kn_run *run;         /* NULL: closed */
    kn_cursor_config cursor;
    const kn_plan *plan;
    /* How a worker's state gets the plan: scenario.plan_of(path, format, keyed) */
    const char *path, *format;
    bool keyed; /* some sink wants kept values */
    kn_sink_spec sinks[KN_RUN_SINKS];
    size_t sink_count;
    const char *dead_letters_path, *target;
    kn_dead_letters *dead_letters; /* NULL: none are kept */
    kn_state *state;               /* NULL: the run cannot be resumed */
    lua_State *states[KN_RUN_WORKERS];
    lua_State *threads[KN_RUN_WORKERS]; /* in them, where the functions of fields run */
} kn_run_binding;

/* The stack of go() and start(), while they read their table. */
enum { KN_RUN_CONFIG = 1, KN_RUN_BINDING, KN_RUN_PLAN };

/* The user values of the binding. */
enum {
    KN_RUN_TABLE = 1,
    KN_RUN_PACE,
    KN_RUN_PROGRESS,
    KN_RUN_CONTROL,
    KN_RUN_VALUES = KN_RUN_CONTROL
};

/* Reads the table at KN_RUN_CONFIG, but the sinks; keeps it and the functions with the binding, the
 * plan in its slot. The functions of *out are the caller's to set. May raise. */
void kn_run_read_config(lua_State *L, kn_run_binding *binding, kn_run_config *out);

/* Reads, and opens what is opened once for all workers. False: a file cannot be opened. May raise.
 */
KN_MUST_CHECK bool kn_run_read_sinks(lua_State *L, kn_run_binding *binding, kn_err *err);

/* A worker's own sink. */
KN_MUST_CHECK bool kn_run_open_sink(kn_sink_spec *spec, kn_stats *stats, kn_sink **out,
                                    kn_err *err);
/* Begins the state file, where the configuration asks for one. After the sinks are read, before
 * they are opened. */
KN_MUST_CHECK bool kn_run_open_state(lua_State *L, kn_run_binding *binding,
                                     const kn_run_config *run, kn_err *err);
void kn_run_close_sinks(kn_run_binding *binding);

/* SIGINT and SIGTERM, counted while somebody listens (l_run.c); the third ends the process. */
enum { KN_STOP_SIGNALS = 2 };
void kn_run_listen(struct sigaction before[KN_STOP_SIGNALS]);
void kn_run_unlisten(const struct sigaction before[KN_STOP_SIGNALS]);
int kn_run_stop_requests(void);

/* SIGUSR1 pauses and resumes, SIGUSR2 asks control("reload") for another pace (run_control.c). */
enum { KN_CONTROL_SIGNALS = 2 };
void kn_run_listen_control(struct sigaction before[KN_CONTROL_SIGNALS]);
void kn_run_unlisten_control(const struct sigaction before[KN_CONTROL_SIGNALS]);
bool kn_run_control(void *binding, kn_run *run, kn_err *err);

/* Of a run in the background. */
extern const luaL_Reg kn_run_methods[];
void kn_run_close(kn_run_binding *binding);

/* Push one table of the same shape (run_results.c says which), for progress() and as what go()
 * returns; err (may be NULL): what ended the run. May raise. */
void kn_run_push_status(lua_State *L, const kn_run_binding *b, const kn_run_status *status);
void kn_run_push_summary(lua_State *L, const kn_run_binding *b, const kn_run_summary *summary,
                         const kn_err *err);
/* The same, and the last word of the state file. */
void kn_run_push_end(lua_State *L, const kn_run_binding *b, const kn_run_summary *summary,
                     const kn_err *err);

/* Fields of the table at index: the value, or `otherwise` (NULL) when it is nil. Raise when they
 * are of another type. */
lua_Integer kn_field_integer(lua_State *L, int table, const char *key, lua_Integer otherwise);
const char *kn_field_text(lua_State *L, int table,
                          const char *key); /* valid while the table holds it */

#endif
