/* kinessis.core.redrive: sends single records through the sinks of a run; and what a command needs
 * to replace the file that they came from. lua/kinessis/commands/redrive.lua puts it together.
 *
 *     redrive.take(path)      -> the file's lock, or nil and an error when there is no such file or
 *                                somebody else writes it; close() gives it back
 *     redrive.replace(new, path)  the disk takes the new file, then it has the path; true, or nil
 *                                and an error
 *     redrive.open{ sinks, dead_letters, target, drain }  -> a sender (see l_run.c for the fields)
 *     sender:put(sink, index, data, partition_key, explicit_hash_key)  -> true; or nil and an error
 *                                when nothing more can be sent
 *     sender:stops()          -> how often Ctrl-C was pressed since open
 *     sender:finish()         -> the summary, as a run's. After a Ctrl-C put() and finish() wait
 *                                for so long as drain says; after another not at all
 *     sender:close() */
#include "base/align.h"
#include "base/time.h"
#include "bind/host.h"
#include "bind/libraries.h"
#include "bind/run_binding.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SENDER "kinessis.redrive.sender"
#define LOCK "kinessis.redrive.lock"

enum { POLL_MS = 50 };

typedef struct sender {
    kn_run_binding binding;
    kn_stats *stats; /* one a sink; NULL: closed */
    kn_sink *sinks[KN_RUN_SINKS];
    uint64_t started_ns, drain_ns;
    uint64_t deadline_ns; /* after a Ctrl-C; 0: none */
    bool listening;
    struct sigaction before[KN_STOP_SIGNALS];
} sender;

/* ---- the file ---- */

static int l_lock_close(lua_State *L) {
    int *fd = luaL_checkudata(L, 1, LOCK);
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    return 0;
}

static bool take(const char *path, int *fd, kn_err *err) {
    struct stat by_name, by_fd;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would wait for its writer */
    if (*fd < 0)
        return kn_fail_errno(err, "cannot read %s", path);
    /* What is empty is removed in the end: never a device or a pipe. */
    if (fstat(*fd, &by_fd) != 0 || !S_ISREG(by_fd.st_mode))
        return kn_fail(err, KN_EINVAL, "%s is no regular file", path);
    if (flock(*fd, LOCK_EX | LOCK_NB) != 0)
        return kn_fail(err, KN_ESTATE,
                       "%s is being written or sent: wait until that run or redrive has ended",
                       path);
    if (stat(path, &by_name) != 0 || by_name.st_ino != by_fd.st_ino)
        return kn_fail(err, KN_ESTATE, "%s was just replaced by another redrive", path);
    return true;
}

static int l_redrive_take(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    int *fd = lua_newuserdatauv(L, sizeof *fd, 0);
    *fd = -1;
    luaL_setmetatable(L, LOCK);
    kn_err err;
    return take(path, fd, &err) ? 1 : kn_host_error(L, &err);
}

static bool replace(const char *new, const char *path, kn_err *err) {
    int fd = open(new, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return kn_fail_errno(err, "cannot read %s", new);
    bool ok = fsync(fd) == 0 ? true : kn_fail_errno(err, "cannot write %s", new);
    close(fd);
    if (ok && rename(new, path) != 0)
        ok = kn_fail_errno(err, "cannot write %s", path);
    return ok;
}

static int l_redrive_replace(lua_State *L) {
    kn_err err;
    if (!replace(luaL_checkstring(L, 1), luaL_checkstring(L, 2), &err))
        return kn_host_error(L, &err);
    lua_pushboolean(L, true);
    return 1;
}

/* ---- the sender ---- */

static sender *check_open(lua_State *L) {
    sender *s = luaL_checkudata(L, 1, SENDER);
    luaL_argcheck(L, s->stats, 1, "the sender is closed");
    return s;
}

static int l_sender_close(lua_State *L) {
    sender *s = luaL_checkudata(L, 1, SENDER);
    for (size_t i = 0; i < s->binding.sink_count; i++)
        if (s->sinks[i])
            s->sinks[i]->type->destroy(s->sinks[i]);
    kn_run_close_sinks(&s->binding);
    free(s->stats);
    s->stats = NULL;
    if (s->listening)
        kn_run_unlisten(s->before);
    s->listening = false;
    return 0;
}

/* Asked by what waits, and by what is about to. */
static uint64_t deadline_of(sender *s) {
    if (!s->deadline_ns && kn_run_stop_requests() > 0)
        s->deadline_ns = kn_time_monotonic_ns() + s->drain_ns + 1;
    return s->deadline_ns;
}

static bool is_over(void *context) {
    sender *s = context;
    uint64_t deadline = deadline_of(s);
    return kn_run_stop_requests() > 1 || (deadline && kn_time_monotonic_ns() >= deadline);
}

static bool open_sinks(sender *s, kn_err *err) {
    size_t n = s->binding.sink_count;
    s->stats = kn_align_alloc(n * sizeof *s->stats);
    if (!s->stats)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) {
        if (!kn_run_open_sink(&s->binding.sinks[i], &s->stats[i], &s->sinks[i], err))
            return false;
        s->sinks[i]->stop = (kn_stop){is_over, s};
    }
    return true;
}

static int l_redrive_open(lua_State *L) {
    kn_err err;
    luaL_checktype(L, KN_RUN_CONFIG, LUA_TTABLE);
    lua_settop(L, KN_RUN_CONFIG);
    sender *s = lua_newuserdatauv(L, sizeof *s, 1);
    *s = (sender){.started_ns = kn_time_monotonic_ns()};
    luaL_setmetatable(L, SENDER);
    lua_pushvalue(L, KN_RUN_CONFIG); /* its texts are borrowed */
    lua_setiuservalue(L, -2, 1);
    lua_getfield(L, KN_RUN_CONFIG, "drain");
    lua_Number drain = luaL_checknumber(L, -1);
    luaL_argcheck(L, drain >= 0 && drain < 1e9, KN_RUN_CONFIG, "drain");
    s->drain_ns = (uint64_t)(drain * 1e9);
    lua_pop(L, 1);
    if (!kn_run_read_sinks(L, &s->binding, &err) || !open_sinks(s, &err))
        return kn_host_error(L, &err);
    kn_run_listen(s->before);
    s->listening = true;
    return 1;
}

static kn_slice check_text(lua_State *L, int index) {
    kn_slice text = {"", 0};
    if (!lua_isnoneornil(L, index))
        text.p = luaL_checklstring(L, index, &text.n);
    return text;
}

static int l_sender_put(lua_State *L) {
    sender *s = check_open(L);
    lua_Integer n = luaL_checkinteger(L, 2);
    luaL_argcheck(L, n >= 1 && (size_t)n <= s->binding.sink_count, 2, "no such sink");
    uint64_t now = kn_time_monotonic_ns();
    kn_record record = {
        .index = (uint64_t)luaL_checkinteger(L, 3),
        .due_ns = now,
        .now_ns = now,
        .data = check_text(L, 4),
        .partition_key = check_text(L, 5),
        .explicit_hash_key = check_text(L, 6),
    };
    kn_sink *sink = s->sinks[n - 1];
    kn_err err;
    kn_count(&sink->stats->generated, 1);
    if (!sink->type->put(sink, &record, &err))
        return kn_host_error(L, &err);
    lua_pushboolean(L, true);
    return 1;
}

static int l_sender_stops(lua_State *L) {
    check_open(L);
    lua_pushinteger(L, kn_run_stop_requests());
    return 1;
}

static bool is_done(const kn_stats *stats) {
    return stats->delivered + stats->failed >= stats->generated;
}

/* Until everything is answered or somebody asks to stop. */
static bool wait_for_answers(sender *s, kn_err *err) {
    for (size_t i = 0; i < s->binding.sink_count; i++)
        while (!is_done(&s->stats[i]) && kn_run_stop_requests() == 0)
            if (!s->sinks[i]->type->poll(s->sinks[i], POLL_MS, err))
                return false;
    return true;
}

static void summarize(sender *s, kn_run_summary *out) {
    *out = (kn_run_summary){.workers = 1, .stopped = kn_run_stop_requests() > 0};
    out->abandoned = is_over(s);
    out->status.seconds = (double)(kn_time_monotonic_ns() - s->started_ns) / 1e9;
    out->status.sink_count = s->binding.sink_count;
    for (size_t i = 0; i < s->binding.sink_count; i++) {
        const kn_stats *stats = &s->stats[i];
        kn_run_totals *t = &out->status.sinks[i];
        *t = (kn_run_totals){.generated = stats->generated,
                             .delivered = stats->delivered,
                             .retried = stats->retried,
                             .failed = stats->failed,
                             .uncertain = stats->uncertain,
                             .throttled = stats->throttled,
                             .requests = stats->requests,
                             .bytes = stats->bytes};
        out->status.generated += t->generated;
        out->first_error[i] = stats->first_error;
    }
}

static int l_sender_finish(lua_State *L) {
    sender *s = check_open(L);
    kn_err err, drained;
    bool ok = wait_for_answers(s, &err);
    for (size_t i = 0; i < s->binding.sink_count; i++)
        if (!s->sinks[i]->type->drain(s->sinks[i], deadline_of(s), &drained) && ok) {
            ok = false;
            err = drained;
        }
    kn_run_summary summary;
    summarize(s, &summary);
    kn_run_push_summary(L, &s->binding, &summary, ok ? NULL : &err);
    return 1;
}

int kn_open_redrive(lua_State *L) {
    static const luaL_Reg functions[] = {{"take", l_redrive_take},
                                         {"replace", l_redrive_replace},
                                         {"open", l_redrive_open},
                                         {NULL, NULL}};
    static const luaL_Reg sender_methods[] = {{"put", l_sender_put},
                                              {"stops", l_sender_stops},
                                              {"finish", l_sender_finish},
                                              {"close", l_sender_close},
                                              {NULL, NULL}};
    static const luaL_Reg lock_methods[] = {{"close", l_lock_close}, {NULL, NULL}};
    kn_host_new_type(L, SENDER, sender_methods, l_sender_close);
    kn_host_new_type(L, LOCK, lock_methods, l_lock_close);
    luaL_newlib(L, functions);
    return 1;
}
