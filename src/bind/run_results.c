/* The summary of a run as a Lua table. */
#include "bind/host.h"
#include "bind/run_binding.h"

static void push_totals(lua_State *L, const kn_run_totals *t, const kn_err *first_error) {
    const struct {
        const char *key;
        uint64_t value;
    } fields[] = {
        {"generated", t->generated}, {"delivered", t->delivered}, {"retried", t->retried},
        {"failed", t->failed},       {"throttled", t->throttled}, {"requests", t->requests},
        {"bytes", t->bytes},
    };
    lua_createtable(L, 0, 8);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        lua_pushinteger(L, (lua_Integer)fields[i].value);
        lua_setfield(L, -2, fields[i].key);
    }
    if (first_error->code != KN_OK) {
        kn_host_push_error(L, first_error);
        lua_setfield(L, -2, "first_error");
    }
}

void kn_run_push_summary(lua_State *L, const kn_run_summary *s, size_t sinks, const kn_err *err) {
    lua_createtable(L, 0, 7);
    lua_pushinteger(L, (lua_Integer)s->generated);
    lua_setfield(L, -2, "generated");
    lua_pushnumber(L, s->seconds);
    lua_setfield(L, -2, "seconds");
    lua_pushinteger(L, s->workers);
    lua_setfield(L, -2, "workers");
    lua_pushboolean(L, s->stopped);
    lua_setfield(L, -2, "stopped");
    lua_pushboolean(L, s->abandoned);
    lua_setfield(L, -2, "abandoned");
    if (err) {
        kn_host_push_error(L, err);
        lua_setfield(L, -2, "error");
    }
    lua_createtable(L, (int)sinks, 0);
    for (size_t i = 0; i < sinks; i++) {
        push_totals(L, &s->sinks[i], &s->first_error[i]);
        lua_seti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "sinks");
}
