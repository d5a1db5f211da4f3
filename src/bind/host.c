/* See host.h. The only table of C libraries is `libraries`, below: add a row and a file l_<name>.c.
 */
#include "bind/host.h"

#include "base/buf.h"
#include "bind/embedded.h"
#include "bind/libraries.h"

#include <lua-cjson.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_TYPE "kinessis.error"

static const luaL_Reg libraries[] = {
    {"cjson", luaopen_cjson},
    {"kinessis.core.sys", kn_open_sys},
    {NULL, NULL},
};

/* ---- errors ---- */

static int error_tostring(lua_State *L) {
    lua_getfield(L, 1, "message");
    return 1;
}

void kn_host_push_error(lua_State *L, const kn_err *err) {
    lua_createtable(L, 0, 5);
    lua_pushstring(L, kn_code_name(err->code));
    lua_setfield(L, -2, "code");
    lua_pushstring(L, err->message);
    lua_setfield(L, -2, "message");
    lua_pushboolean(L, err->retryable);
    lua_setfield(L, -2, "retryable");
    if (err->http_status) {
        lua_pushinteger(L, err->http_status);
        lua_setfield(L, -2, "status");
    }
    if (err->aws_code[0]) {
        lua_pushstring(L, err->aws_code);
        lua_setfield(L, -2, "aws_code");
    }
    luaL_setmetatable(L, ERROR_TYPE);
}

int kn_host_error(lua_State *L, const kn_err *err) {
    lua_pushnil(L);
    kn_host_push_error(L, err);
    return 2;
}

/* Error objects pass as they are; anything else becomes text with a traceback. */
static int message_handler(lua_State *L) {
    if (lua_type(L, 1) == LUA_TTABLE)
        return 1;
    const char *message = lua_tostring(L, 1);
    if (!message)
        message = luaL_tolstring(L, 1, NULL);
    luaL_traceback(L, L, message, 1);
    return 1;
}

bool kn_host_call(lua_State *L, int nargs, int nresults, kn_err *err) {
    int base = lua_gettop(L) - nargs;
    lua_pushcfunction(L, message_handler);
    lua_insert(L, base);
    int status = lua_pcall(L, nargs, nresults, base);
    lua_remove(L, base);
    if (status == LUA_OK)
        return true;
    size_t n;
    const char *message = luaL_tolstring(L, -1, &n);
    kn_fail(err, status == LUA_ERRMEM ? KN_ENOMEM : KN_ESCRIPT, "%s", message);
    lua_pop(L, 2);
    return false;
}

/* ---- modules ---- */

static const kn_embedded_file *find_embedded(const char *name) {
    for (const kn_embedded_file *f = kn_embedded; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

/* Loads "lua/kinessis/x.lua" from the tree when KINESSIS_LUA_PATH names one, else from the binary.
 * LUA_ERRFILE when it is in neither. */
static int load_library_file(lua_State *L, const char *name) {
    const char *tree = getenv("KINESSIS_LUA_PATH");
    if (tree && *tree) {
        const char *path = lua_pushfstring(L, "%s/%s", tree, name + strlen("lua/"));
        int status = luaL_loadfile(L, path);
        lua_remove(L, -2);
        return status;
    }
    const kn_embedded_file *f = find_embedded(name);
    if (!f) {
        lua_pushnil(L);
        return LUA_ERRFILE;
    }
    const char *chunk = lua_pushfstring(L, "@%s", name);
    int status = luaL_loadbuffer(L, f->start, (size_t)(f->end - f->start), chunk);
    lua_remove(L, -2);
    return status;
}

static int search_library(lua_State *L) {
    const char *module = luaL_checkstring(L, 1);
    if (strncmp(module, "kinessis", 8) != 0)
        return 0;
    const char *path = luaL_gsub(L, module, ".", "/");
    const char *const forms[] = {"lua/%s.lua", "lua/%s/init.lua"};
    for (int i = 0; i < 2; i++) {
        const char *name = lua_pushfstring(L, forms[i], path);
        int status = load_library_file(L, name);
        if (status == LUA_OK) {
            lua_pushstring(L, name);
            return 2;
        }
        if (status != LUA_ERRFILE)
            return luaL_error(L, "error loading module '%s':\n\t%s", module, lua_tostring(L, -1));
        lua_pop(L, 2);
    }
    lua_pushfstring(L, "no module '%s' in the kinessis library", module);
    return 1;
}

/* ---- the state ---- */

static int open_everything(lua_State *L) {
    luaL_openlibs(L);
    luaL_newmetatable(L, ERROR_TYPE);
    lua_pushcfunction(L, error_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 1);

    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    luaL_setfuncs(L, libraries, 0);
    lua_pop(L, 1);

    lua_getglobal(L, "package");
    lua_getfield(L, -1, "searchers");
    for (lua_Integer i = luaL_len(L, -1); i >= 2; i--) { /* after preload, before the paths */
        lua_geti(L, -1, i);
        lua_seti(L, -2, i + 1);
    }
    lua_pushcfunction(L, search_library);
    lua_seti(L, -2, 2);
    lua_pop(L, 2);
    return 0;
}

lua_State *kn_host_new(kn_err *err) {
    lua_State *L = luaL_newstate();
    if (!L) {
        kn_fail(err, KN_ENOMEM, "cannot make a Lua state: out of memory");
        return NULL;
    }
    lua_pushcfunction(L, open_everything);
    if (!kn_host_call(L, 0, 0, err)) {
        lua_close(L);
        return NULL;
    }
    return L;
}
