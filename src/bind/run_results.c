/* How a run fares, as a Lua table: what progress() is told, and what go() returns at the end.
 *
 *   { seconds, generated, made = those included that are settled, of a resumed run,
 *     paused, closed,
 *     due = records that the pace has asked for so far,          nil without a pace, as asked
 *     asked = records per second that it asks for now (at the end: has asked for on the average),
 *     behind = { records = due and not generated, seconds = for how long the next has been due (at
 *                the end: how late the last ones were), most = the latest in seconds that any were,
 *                waited = seconds that the pace of a closed model waited for the sender },
 *     sinks = { {
 *       kind = "kinesis" | "firehose" | "text" | "null", name = of the stream, the file or nil,
 *       generated, delivered, retried, failed, throttled, requests, bytes,
 *       delivery_lag = for how long the pace has asked for more records than the destination took
 * or gave up (at the end: how late the last one was); seconds, 0 without a pace and of the closed
 * model uncertain = of the failed: they may have arrived, maybe_twice = records that were sent
 * again though the server may have acted: at most so many duplicates are in the stream heat = { {
 * shard = "" (unknown) or its id, records, bytes = taken, throttled = sends, rate = its limit now,
 * where 1 is a shard's 1,000 records/s or 1 MiB/s } }, of a Kinesis stream: what its answers told;
 * after many of them, what a sample of them tells of all latency = { count, mean, p50, p90, p99,
 * p999, max,       seconds, of delivered records within = { how many took at most latency_bounds[i]
 * } }, first_error = why a record failed                        at the end } }, workers, stopped,
 * abandoned, error = what ended the run,    at the end state_error = why the run may not be resumed
 * from here, dead_letters = { path, count, error = why one could not be written } } */
#include "bind/host.h"
#include "bind/run_binding.h"

static void set_integer(lua_State *L, const char *key, uint64_t value) {
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, key);
}

static void set_number(lua_State *L, const char *key, double value) {
    lua_pushnumber(L, value);
    lua_setfield(L, -2, key);
}

static void set_boolean(lua_State *L, const char *key, bool value) {
    lua_pushboolean(L, value);
    lua_setfield(L, -2, key);
}

static void set_latency(lua_State *L, const kn_latency *latency) {
    lua_createtable(L, 0, 8);
    set_integer(L, "count", latency->count);
    set_number(L, "mean", latency->mean);
    set_number(L, "p50", latency->p50);
    set_number(L, "p90", latency->p90);
    set_number(L, "p99", latency->p99);
    set_number(L, "p999", latency->p999);
    set_number(L, "max", latency->max);
    lua_createtable(L, KN_LATENCY_BOUNDS, 0);
    for (int i = 0; i < KN_LATENCY_BOUNDS; i++) {
        lua_pushinteger(L, (lua_Integer)latency->within[i]);
        lua_seti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "within");
    lua_setfield(L, -2, "latency");
}

static void set_heat(lua_State *L, kn_shards *shards) {
    kn_heat heat;
    lua_Integer n = 0;
    lua_newtable(L);
    for (uint32_t i = 0; kn_shards_heat(shards, i, &heat); i++) {
        if (heat.records == 0 && heat.throttled == 0)
            continue;
        lua_createtable(L, 0, 5);
        lua_pushstring(L, heat.shard);
        lua_setfield(L, -2, "shard");
        set_integer(L, "records", heat.records);
        set_integer(L, "bytes", heat.bytes);
        set_integer(L, "throttled", heat.throttled);
        if (heat.rate > 0)
            set_number(L, "rate", heat.rate);
        lua_seti(L, -2, ++n);
    }
    lua_setfield(L, -2, "heat");
}

static void push_totals(lua_State *L, const kn_sink_spec *spec, const kn_run_totals *t) {
    lua_createtable(L, 0, 14);
    lua_pushstring(L, spec->kind_name);
    lua_setfield(L, -2, "kind");
    lua_pushstring(L, spec->name);
    lua_setfield(L, -2, "name");
    set_integer(L, "generated", t->generated);
    set_integer(L, "delivered", t->delivered);
    set_integer(L, "retried", t->retried);
    set_integer(L, "failed", t->failed);
    set_integer(L, "uncertain", t->uncertain);
    set_integer(L, "maybe_twice", t->maybe_twice);
    set_integer(L, "throttled", t->throttled);
    set_integer(L, "requests", t->requests);
    set_integer(L, "bytes", t->bytes);
    set_number(L, "delivery_lag", t->lag_seconds);
    set_latency(L, &t->latency);
    if (spec->kind == KN_SINK_KINESIS)
        set_heat(L, spec->stream.shards);
}

void kn_run_push_status(lua_State *L, const kn_run_binding *b, const kn_run_status *s) {
    luaL_checkstack(L, 10, NULL);
    lua_createtable(L, 0, 12);
    set_number(L, "seconds", s->seconds);
    set_integer(L, "generated", s->generated);
    set_integer(L, "made", s->made);
    set_boolean(L, "paused", s->paused);
    set_boolean(L, "closed", s->closed);
    if (s->paced) {
        set_integer(L, "due", s->due);
        set_number(L, "asked", s->asked);
    }
    lua_createtable(L, 0, 4);
    set_integer(L, "records", s->behind_records);
    set_number(L, "seconds", s->behind_seconds);
    set_number(L, "most", s->most_behind_seconds);
    set_number(L, "waited", s->waited_seconds);
    lua_setfield(L, -2, "behind");
    lua_createtable(L, (int)s->sink_count, 0);
    for (size_t i = 0; i < s->sink_count; i++) {
        push_totals(L, &b->sinks[i], &s->sinks[i]);
        lua_seti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "sinks");
}

static void push_dead_letters(lua_State *L, const kn_run_binding *b) {
    kn_err err;
    lua_createtable(L, 0, 3);
    lua_pushstring(L, b->dead_letters_path);
    lua_setfield(L, -2, "path");
    set_integer(L, "count", kn_dead_letters_count(b->dead_letters, &err));
    if (err.code != KN_OK || !kn_dead_letters_sync(b->dead_letters, &err)) {
        kn_host_push_error(L, &err);
        lua_setfield(L, -2, "error");
    }
}

/* No worker counts any more: what was neither delivered nor given up by then has failed, too; but
 * what a closed stdout did not take, nobody wanted. */
static void settle_totals(const kn_run_binding *b, kn_run_status *s) {
    for (size_t i = 0; i < s->sink_count; i++) {
        const kn_sink_spec *spec = &b->sinks[i];
        if (spec->kind != KN_SINK_TEXT || spec->name)
            s->sinks[i].failed = s->sinks[i].generated - s->sinks[i].delivered;
    }
}

static void push_first_errors(lua_State *L, const kn_run_summary *s) {
    lua_getfield(L, -1, "sinks");
    for (size_t i = 0; i < s->status.sink_count; i++) {
        if (s->first_error[i].code == KN_OK)
            continue;
        lua_geti(L, -1, (lua_Integer)i + 1);
        kn_host_push_error(L, &s->first_error[i]);
        lua_setfield(L, -2, "first_error");
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

void kn_run_push_summary(lua_State *L, const kn_run_binding *b, const kn_run_summary *s,
                         const kn_err *err) {
    kn_run_status status = s->status;
    settle_totals(b, &status);
    kn_run_push_status(L, b, &status);
    set_integer(L, "workers", s->workers);
    set_boolean(L, "stopped", s->stopped);
    set_boolean(L, "abandoned", s->abandoned);
    if (err) {
        kn_host_push_error(L, err);
        lua_setfield(L, -2, "error");
    }
    if (b->dead_letters) {
        push_dead_letters(L, b);
        lua_setfield(L, -2, "dead_letters");
    }
    push_first_errors(L, s);
}

void kn_run_push_end(lua_State *L, const kn_run_binding *b, const kn_run_summary *s,
                     const kn_err *err) {
    kn_err unkept;
    kn_run_push_summary(L, b, s, err);
    if (b->state && !kn_state_end(b->state, b->run, !err && !s->stopped, &unkept)) {
        kn_host_push_error(L, &unkept);
        lua_setfield(L, -2, "state_error");
    }
}
