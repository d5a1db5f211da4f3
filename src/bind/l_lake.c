/* kinessis.core.lake: starts the lake inside this process, or finds the one that is running.
 *
 *     local use = core.find(".kinessis")    -- nil when none runs there
 *     print(use:port())
 *     use:close()                           -- now that lake may end
 *
 *     core.hold_signals()
 *     local lake = assert(core.open { folder = ".kinessis", port = 4566, shard_limits = false })
 *     print(lake:port())
 *     lake:wait()    -- until SIGINT or SIGTERM
 *     lake:close()
 */
#include "bind/host.h"
#include "bind/libraries.h"
#include "lake/lake.h"

#include <signal.h>

#define LAKE_TYPE "kinessis.lake"
#define USE_TYPE "kinessis.lake.use"

typedef struct l_lake {
    kn_lake *lake; /* NULL when closed */
} l_lake;

static kn_lake *check_open(lua_State *L) {
    l_lake *self = luaL_checkudata(L, 1, LAKE_TYPE);
    if (!self->lake)
        luaL_error(L, "the lake is closed");
    return self->lake;
}

/* The string at key of the table at 1, left on the stack; NULL when absent and optional. */
static const char *string_field(lua_State *L, const char *key, bool required) {
    int type = lua_getfield(L, 1, key);
    if (type == LUA_TSTRING)
        return lua_tostring(L, -1);
    if (type != LUA_TNIL || required)
        luaL_error(L, "lake.open: %s must be a string, not %s", key, luaL_typename(L, -1));
    return NULL;
}

/* lake.open { folder =, port = 0, region = "us-east-1", shard_limits = false } -> lake, or nil and
 * an error. port 0 takes a free one. */
static int l_lake_open(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    kn_lake_config config = {0};
    config.folder = string_field(L, "folder", true);
    config.region = string_field(L, "region", false);
    if (lua_getfield(L, 1, "port") != LUA_TNIL) {
        int is_integer;
        lua_Integer port = lua_tointegerx(L, -1, &is_integer);
        if (!is_integer || port < 0 || port > 65535)
            return luaL_error(L, "lake.open: port must be an integer from 0 to 65535");
        config.port = (uint16_t)port;
    }
    lua_getfield(L, 1, "shard_limits");
    config.shard_limits = lua_toboolean(L, -1);
    l_lake *self = lua_newuserdatauv(L, sizeof *self, 0);
    self->lake = NULL;
    luaL_setmetatable(L, LAKE_TYPE);
    kn_err err;
    if (!kn_lake_open(&config, &self->lake, &err))
        return kn_host_error(L, &err);
    return 1;
}

/* lake.find(folder) -> the use of the lake that runs on the folder: port(), close(); or nil */
static int l_lake_find(lua_State *L) {
    const char *folder = luaL_checkstring(L, 1);
    kn_lake_use *use = lua_newuserdatauv(L, sizeof *use, 0);
    use->lock = -1;
    luaL_setmetatable(L, USE_TYPE);
    if (!kn_lake_find(folder, use))
        lua_pushnil(L);
    return 1;
}

static int l_use_port(lua_State *L) {
    lua_pushinteger(L, ((kn_lake_use *)luaL_checkudata(L, 1, USE_TYPE))->port);
    return 1;
}

/* use:close(): idempotent */
static int l_use_close(lua_State *L) {
    kn_lake_leave(luaL_checkudata(L, 1, USE_TYPE));
    return 0;
}

/* lake:retire() -> whether nobody uses it any longer; nobody finds it from here on */
static int l_lake_retire(lua_State *L) {
    lua_pushboolean(L, kn_lake_retire(check_open(L)));
    return 1;
}

static int l_lake_port(lua_State *L) {
    lua_pushinteger(L, kn_lake_port(check_open(L)));
    return 1;
}

static sigset_t ending_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return set;
}

/* lake.hold_signals(): from here on SIGINT and SIGTERM wait for lake:wait(). For a process that
 * does nothing but serve: called before open, so that no signal finds it announced and unprepared.
 */
static int l_lake_hold_signals(lua_State *L) {
    (void)L;
    sigset_t set = ending_signals();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return 0;
}

/* lake:wait() -> "interrupt" or "terminate": waits for that signal, after lake.hold_signals() */
static int l_lake_wait(lua_State *L) {
    check_open(L);
    sigset_t set = ending_signals();
    int signal_number = 0;
    while (sigwait(&set, &signal_number) != 0)
        continue;
    lua_pushstring(L, signal_number == SIGINT ? "interrupt" : "terminate");
    return 1;
}

/* lake:close(): idempotent */
static int l_lake_close(lua_State *L) {
    l_lake *self = luaL_checkudata(L, 1, LAKE_TYPE);
    kn_lake *lake = self->lake;
    self->lake = NULL;
    kn_lake_close(lake);
    return 0;
}

int kn_open_lake(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"open", l_lake_open},
        {"find", l_lake_find},
        {"hold_signals", l_lake_hold_signals},
        {NULL, NULL},
    };
    static const luaL_Reg methods[] = {{"port", l_lake_port},
                                       {"wait", l_lake_wait},
                                       {"retire", l_lake_retire},
                                       {"close", l_lake_close},
                                       {NULL, NULL}};
    static const luaL_Reg use_methods[] = {
        {"port", l_use_port}, {"close", l_use_close}, {NULL, NULL}};
    kn_host_new_type(L, LAKE_TYPE, methods, l_lake_close);
    kn_host_new_type(L, USE_TYPE, use_methods, l_use_close);
    luaL_newlib(L, functions);
    return 1;
}
