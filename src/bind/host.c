/* See host.h. A C library is a row in `libraries`, a line in libraries.h and a file l_<name>.c. */
#include "bind/host.h"

#include "base/file.h"
#include "bind/libraries.h"

#include <errno.h>
#include <lua-cjson.h>
#include <lualib.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY_FILE_MAX (1 << 20)
#define LIBRARY "lua/kinessis/" /* what the names of our own chunks begin with */

static const luaL_Reg libraries[] = {
    {"cjson", luaopen_cjson},
    {"kinessis.core.repl", kn_open_repl},
    {"kinessis.core.aggregate", kn_open_aggregate},
    {"kinessis.core.aws", kn_open_aws},
    {"kinessis.core.convert", kn_open_convert},
    {"kinessis.core.encoding", kn_open_encoding},
    {"kinessis.core.lake", kn_open_lake},
    {"kinessis.core.page", kn_open_page},
    {"kinessis.core.plan", kn_open_plan},
    {"kinessis.core.redrive", kn_open_redrive},
    {"kinessis.core.records", kn_open_records},
    {"kinessis.core.run", kn_open_run},
    {"kinessis.core.sys", kn_open_sys},
    {"kinessis.core.verify", kn_open_verify},
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
    luaL_setmetatable(L, KN_HOST_ERROR);
}

int kn_host_error(lua_State *L, const kn_err *err) {
    lua_pushnil(L);
    kn_host_push_error(L, err);
    return 2;
}

/* ---- the gate ---- */

static bool starts(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

static bool is_ours(const lua_Debug *frame) {
    return *frame->what == 'C' || starts(frame->short_src, LIBRARY);
}

/* The first level, from the error outwards, that is in a user's file; 1 when none is. */
static int first_user_level(lua_State *L) {
    lua_Debug frame;
    for (int level = 1; lua_getstack(L, level, &frame); level++) {
        lua_getinfo(L, "S", &frame);
        if (!is_ours(&frame))
            return level;
    }
    return 1;
}

/* The length of the traceback text without the lines of ours at its end; 0 when every line is. */
static size_t user_lines(const char *text) {
    size_t length = 0;
    for (const char *line = strstr(text, "\n\t"), *next; line; line = next) {
        next = strstr(line + 2, "\n\t");
        if (!starts(line + 2, "[C]") && !starts(line + 2, LIBRARY) && !starts(line + 2, "...") &&
            !starts(line + 2, "(..."))
            length = next ? (size_t)(next - text) : strlen(text);
    }
    return length;
}

/* Replaces the value at index 1 with text and a traceback. Where no line of a user's is on the
 * stack, our lines are shown for an error of ours only. */
static int push_traceback(lua_State *L) {
    const char *message = lua_tostring(L, 1);
    if (!message)
        message = lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
    luaL_traceback(L, L, NULL, first_user_level(L));
    const char *trace = lua_tostring(L, -1);
    size_t length = user_lines(trace);
    if (!length && !starts(message, LIBRARY)) {
        lua_pushstring(L, message);
        return 1;
    }
    lua_pushlstring(L, trace, length ? length : strlen(trace));
    lua_pushfstring(L, "%s\n%s", message, lua_tostring(L, -1));
    return 1;
}

static bool tells_for_itself(lua_State *L) {
    if (lua_type(L, 1) == LUA_TSTRING || luaL_getmetafield(L, 1, "__tostring") == LUA_TNIL)
        return false;
    lua_pop(L, 1);
    return true;
}

int kn_host_traceback(lua_State *L) {
    lua_settop(L, 1);
    return tells_for_itself(L) ? 1 : push_traceback(L);
}

/* As above, but always text: so that after the call nothing that can fail is left to do. */
static int message_handler(lua_State *L) {
    lua_settop(L, 1);
    if (!tells_for_itself(L))
        return push_traceback(L);
    luaL_tolstring(L, 1, NULL);
    return 1;
}

bool kn_host_call(lua_State *L, int nargs, int nresults, kn_err *err) {
    int base = lua_gettop(L) - nargs;
    if (!lua_checkstack(L, LUA_MINSTACK)) {
        lua_settop(L, base - 1);
        return kn_fail(err, KN_ENOMEM, "the Lua stack is full");
    }
    lua_pushcfunction(L, message_handler);
    lua_insert(L, base);
    int status = lua_pcall(L, nargs, nresults, base);
    lua_remove(L, base);
    if (status == LUA_OK)
        return true;
    bool text = lua_type(L, -1) == LUA_TSTRING;
    kn_fail(err, status == LUA_ERRMEM ? KN_ENOMEM : KN_ESCRIPT, "%s",
            text ? lua_tostring(L, -1) : "error in error handling");
    lua_pop(L, 1);
    return false;
}

/* ---- modules ---- */

void kn_host_new_type(lua_State *L, const char *name, const luaL_Reg *methods,
                      lua_CFunction close) {
    luaL_newmetatable(L, name);
    lua_pushboolean(L, false); /* what getmetatable gives: a script has no business with __gc */
    lua_setfield(L, -2, "__metatable");
    if (close) {
        lua_pushcfunction(L, close);
        lua_setfield(L, -2, "__gc");
        lua_pushcfunction(L, close);
        lua_setfield(L, -2, "__close");
    }
    if (methods) {
        lua_newtable(L);
        luaL_setfuncs(L, methods, 0);
        lua_setfield(L, -2, "__index");
    }
    lua_pop(L, 1);
}

const kn_embedded_file *kn_host_embedded(const char *name) {
    for (const kn_embedded_file *f = kn_embedded; f->name; f++)
        if (strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

static bool load(lua_State *L, kn_slice text, const char *chunk) {
    return luaL_loadbuffer(L, text.p, text.n, chunk) == LUA_OK;
}

/* Pushes the chunk of "lua/kinessis/x.lua", from the tree when KINESSIS_LUA_PATH names one, else
 * from the binary. *found: it is there. False: it is there but cannot be read or compiled, and the
 * message is pushed. Either way the chunk has the same name, so that errors read alike. */
static bool load_library_file(lua_State *L, const char *name, bool *found) {
    const char *tree = getenv("KINESSIS_LUA_PATH");
    const char *chunk = lua_pushfstring(L, "@%s", name);
    if (!tree || !*tree) {
        const kn_embedded_file *f = kn_host_embedded(name);
        *found = f != NULL;
        return !f || load(L, (kn_slice){f->start, (size_t)(f->end - f->start)}, chunk);
    }
    const char *path = lua_pushfstring(L, "%s/%s", tree, name + strlen("lua/"));
    kn_buf text;
    kn_err err;
    kn_buf_init(&text, LIBRARY_FILE_MAX);
    bool ok = kn_file_read(path, &text, &err);
    *found = ok || err.sys_errno != ENOENT;
    if (ok)
        ok = load(L, kn_buf_view(&text), chunk);
    else
        lua_pushstring(L, err.message);
    kn_buf_free(&text);
    return ok || !*found;
}

/* package.searchers: (module) -> loader, file name; or why not */
static int search_library(lua_State *L) {
    const char *module = luaL_checkstring(L, 1);
    if (strcmp(module, "kinessis") != 0 && strncmp(module, "kinessis.", 9) != 0)
        return 0;
    const char *path = luaL_gsub(L, module, ".", "/");
    const char *const forms[] = {"lua/%s.lua", "lua/%s/init.lua"};
    for (int i = 0; i < 2; i++) {
        bool found;
        const char *name = lua_pushfstring(L, forms[i], path);
        if (!load_library_file(L, name, &found))
            return luaL_error(L, "error loading module '%s':\n\t%s", module, lua_tostring(L, -1));
        if (found) {
            lua_pushstring(L, name);
            return 2;
        }
    }
    lua_pushfstring(L, "no module '%s' in the kinessis library", module);
    return 1;
}

bool kn_host_reader_gone(void) {
    struct pollfd out = {.fd = STDOUT_FILENO, .events = 0};
    return poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLHUP));
}

/* ---- the state ---- */

static int open_everything(lua_State *L) {
    luaL_openlibs(L);
    luaL_newmetatable(L, KN_HOST_ERROR);
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
