/* kinessis.core.sys: the process and its surroundings, for the Lua library. */
#include "base/file.h"
#include "base/log.h"
#include "base/time.h"
#include "bind/host.h"
#include "bind/libraries.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* sys.log(level, text): level is "debug", "info", "warning" or "error". */
static int l_sys_log(lua_State *L) {
    static const char *const names[] = {"debug", "info", "warning", "error", NULL};
    int level = luaL_checkoption(L, 1, NULL, names);
    kn_log((kn_log_level)level, "%s", luaL_checkstring(L, 2));
    return 0;
}

/* sys.log_level(level): the lowest level that is printed; "none" silences all. */
static int l_sys_log_level(lua_State *L) {
    static const char *const names[] = {"debug", "info", "warning", "error", "none", NULL};
    kn_log_set_level((kn_log_level)luaL_checkoption(L, 1, NULL, names));
    return 0;
}

/* sys.now() -> seconds since 1970 with a fraction; sys.monotonic() -> seconds of a clock that never
 * goes back */
static int l_sys_now(lua_State *L) {
    lua_pushnumber(L, (lua_Number)kn_time_now_ms() / 1000);
    return 1;
}

static int l_sys_monotonic(lua_State *L) {
    lua_pushnumber(L, (lua_Number)kn_time_monotonic_ns() / 1e9);
    return 1;
}

/* sys.sleep(seconds) -> whether it slept through: at most a year; a signal ends it. SIGINT is let
 * in during ppoll only, so that the REPL's Ctrl-C cannot come between the look at its flag and the
 * sleep. */
static int l_sys_sleep(lua_State *L) {
    lua_Number seconds = luaL_checknumber(L, 1);
    luaL_argcheck(L, seconds >= 0 && seconds <= 366 * 86400.0, 1, "0 to a year");
    struct timespec time = {(time_t)seconds, (long)((seconds - (lua_Number)(time_t)seconds) * 1e9)};
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    bool through = !kn_repl_interrupted() && ppoll(NULL, 0, &time, &before) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    lua_pushboolean(L, through);
    return 1;
}

/* sys.isatty(fd) -> boolean */
static int l_sys_isatty(lua_State *L) {
    lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
    return 1;
}

/* sys.terminal_size(fd) -> columns, rows as they are now; nil where there is none */
static int l_sys_terminal_size(lua_State *L) {
    struct winsize size;
    if (ioctl((int)luaL_checkinteger(L, 1), TIOCGWINSZ, &size) != 0 || size.ws_col == 0 ||
        size.ws_row == 0)
        return luaL_pushfail(L), 1;
    lua_pushinteger(L, size.ws_col);
    lua_pushinteger(L, size.ws_row);
    return 2;
}

/* sys.live(text, rows): see kn_log_live */
static int l_sys_live(lua_State *L) {
    kn_slice text;
    text.p = luaL_checklstring(L, 1, &text.n);
    lua_Integer rows = luaL_checkinteger(L, 2);
    luaL_argcheck(L, rows >= 0 && rows <= UINT16_MAX, 2, "rows");
    kn_log_live(text, (unsigned)rows);
    return 0;
}

/* sys.iso(seconds [, millis]) -> "2022-02-02T15:17:07Z" (UTC) */
static int l_sys_iso(lua_State *L) {
    char text[32];
    lua_Number seconds = luaL_checknumber(L, 1);
    luaL_argcheck(L, seconds >= -62135596800.0 && seconds < 253402300800.0, 1, "years 1 to 9999");
    size_t n = kn_time_iso(text, (int64_t)(seconds * 1000), lua_toboolean(L, 2), true);
    lua_pushlstring(L, text, n);
    return 1;
}

/* sys.parse_iso(text) -> seconds, or nil when it is not an ISO 8601 date or time */
static int l_sys_parse_iso(lua_State *L) {
    size_t n;
    const char *text = luaL_checklstring(L, 1, &n);
    int64_t ms;
    if (!kn_time_parse_iso((kn_slice){text, n}, &ms))
        return luaL_pushfail(L), 1;
    lua_pushnumber(L, (lua_Number)ms / 1000);
    return 1;
}

/* sys.temporary_folder() -> the path of a new folder under $TMPDIR (or /tmp), or nil and an error
 */
static int l_sys_temporary_folder(lua_State *L) {
    const char *parent = getenv("TMPDIR");
    char path[PATH_MAX];
    kn_err err;
    int n = snprintf(path, sizeof path, "%s/kinessis.XXXXXX", parent && *parent ? parent : "/tmp");
    if (n < 0 || (size_t)n >= sizeof path) {
        kn_fail(&err, KN_EINVAL, "TMPDIR is longer than %zu bytes", sizeof path - 1);
        return kn_host_error(L, &err);
    }
    if (!mkdtemp(path)) {
        kn_fail_errno(&err, "cannot make a temporary folder %s", path);
        return kn_host_error(L, &err);
    }
    lua_pushstring(L, path);
    return 1;
}

/* sys.remove_tree(path) -> true, or nil and an error: the folder and everything in it */
static int l_sys_remove_tree(lua_State *L) {
    kn_err err;
    if (!kn_file_remove_tree(luaL_checkstring(L, 1), &err))
        return kn_host_error(L, &err);
    lua_pushboolean(L, 1);
    return 1;
}

/* sys.mkdirs(path) -> true, or nil and an error */
static int l_sys_mkdirs(lua_State *L) {
    kn_err err;
    if (!kn_file_mkdirs(luaL_checkstring(L, 1), &err))
        return kn_host_error(L, &err);
    lua_pushboolean(L, 1);
    return 1;
}

#define LOCK "kinessis.lock"

typedef struct lock {
    int fd;
    char path[PATH_MAX];
} lock;

static int l_lock_close(lua_State *L) {
    lock *l = luaL_checkudata(L, 1, LOCK);
    kn_file_unlock(l->path, &l->fd);
    return 0;
}

/* sys.lock(path) -> a lock, to be closed (see kn_file_lock); or nil and an error, whose code is
 * "state" where somebody has it */
static int l_sys_lock(lua_State *L) {
    size_t n;
    const char *path = luaL_checklstring(L, 1, &n);
    luaL_argcheck(L, n < PATH_MAX, 1, "too long a path");
    lock *l = lua_newuserdatauv(L, sizeof *l, 0);
    l->fd = -1;
    memcpy(l->path, path, n + 1);
    luaL_setmetatable(L, LOCK);
    kn_err err;
    return kn_file_lock(l->path, &l->fd, &err) ? 1 : kn_host_error(L, &err);
}

/* A pipe, a terminal, /dev/null: written, not replaced. */
static bool write_special(const char *path, kn_slice text, kn_err *err) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return kn_fail_errno(err, "cannot write %s", path);
    bool ok = kn_file_write_all(fd, text.p, text.n, err) || kn_fail_within(err, "%s", path);
    close(fd);
    return ok;
}

/* sys.write_file(path, text) -> true, or nil and an error: a file, whole or not at all; where the
 * path leads to something else, into that */
static int l_sys_write_file(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    kn_slice text;
    text.p = luaL_checklstring(L, 2, &text.n);
    char real[PATH_MAX];
    struct stat st;
    kn_err err;
    bool there = realpath(path, real) && stat(real, &st) == 0;
    bool ok = there && !S_ISREG(st.st_mode) ? write_special(path, text, &err)
                                            : kn_file_write(there ? real : path, text, &err);
    if (!ok)
        return kn_host_error(L, &err);
    lua_pushboolean(L, 1);
    return 1;
}

/* sys.real_path(path) -> what another name of the same file gives, too, before and after the file
 * and its folders are made; a ".." in folders that are to be made stays */
static int l_sys_real_path(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    char there[PATH_MAX], real[PATH_MAX];
    if (snprintf(there, sizeof there, "%s", path) >= (int)sizeof there)
        return luaL_argerror(L, 1, "too long a path");
    while (!realpath(*there ? there : ".", real)) {
        char *slash = strrchr(there, '/');
        if (errno != ENOENT || slash == there || !*there) /* !*there: we stand in a removed one */
            return lua_pushvalue(L, 1), 1;
        *(slash ? slash : there) = '\0';
    }
    luaL_Buffer out;
    luaL_buffinit(L, &out);
    luaL_addstring(&out, real[1] ? real : ""); /* the root ends with the slash that follows */
    for (const char *part = path + strlen(there); *part;) {
        size_t n = strcspn(part, "/");
        if (n > 0 && !(n == 1 && *part == '.')) {
            luaL_addchar(&out, '/');
            luaL_addlstring(&out, part, n);
        }
        part += n + (part[n] == '/');
    }
    luaL_pushresult(&out);
    return 1;
}

/* sys.error(code, message) -> an error object, to be returned after nil or raised with level 0 */
static int l_sys_error(lua_State *L) {
    luaL_checkstring(L, 1);
    luaL_checkstring(L, 2);
    lua_createtable(L, 0, 2);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "code");
    lua_pushvalue(L, 2);
    lua_setfield(L, -2, "message");
    luaL_setmetatable(L, KN_HOST_ERROR);
    return 1;
}

/* sys.embedded(name) -> the text of a file that the binary carries ("scripts/quickstart.lua"), or
 * nil
 */
static int l_sys_embedded(lua_State *L) {
    const kn_embedded_file *f = kn_host_embedded(luaL_checkstring(L, 1));
    if (!f)
        return luaL_pushfail(L), 1;
    lua_pushlstring(L, f->start, (size_t)(f->end - f->start));
    return 1;
}

/* ---- the line that runs ---- */

typedef struct watch {
    const char *source; /* the chunk's, as Lua keeps it */
    int line;           /* 0: none yet */
} watch;

static const char watch_key; /* in the registry: the watch of the hook */

static void on_line(lua_State *L, lua_Debug *ar) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &watch_key);
    watch *w = lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (w && lua_getinfo(L, "S", ar) && ar->source == w->source)
        w->line = ar->currentline;
}

static int watched_line(lua_State *L) {
    const watch *w = lua_touserdata(L, lua_upvalueindex(1));
    if (w->line == 0)
        return 0;
    lua_pushinteger(L, w->line);
    return 1;
}

/* Back to the watch that the last one took over from, if there was one. */
static void end_watch(lua_State *L) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &watch_key) == LUA_TUSERDATA)
        lua_getiuservalue(L, -1, 2);
    else
        lua_pushnil(L);
    bool none = lua_isnil(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &watch_key);
    if (none)
        lua_sethook(L, NULL, 0, 0);
}

/* sys.watch_lines([chunk]) -> a function that returns the last line that ran of the chunk's file,
 * nil before any; without a chunk it ends, and the one goes on during which it began. A hook of Lua
 * costs five times as much. */
static int l_sys_watch_lines(lua_State *L) {
    lua_Debug ar;
    if (lua_isnoneornil(L, 1)) {
        end_watch(L);
        return 0;
    }
    luaL_checktype(L, 1, LUA_TFUNCTION);
    watch *w = lua_newuserdatauv(L, sizeof *w, 2);
    lua_pushvalue(L, 1); /* keeps the source where it is */
    lua_setiuservalue(L, -2, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &watch_key);
    lua_setiuservalue(L, -2, 2);
    lua_pushvalue(L, 1);
    lua_getinfo(L, ">S", &ar);
    *w = (watch){ar.source, 0};
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &watch_key);
    lua_sethook(L, on_line, LUA_MASKLINE, 0);
    lua_pushcclosure(L, watched_line, 1);
    return 1;
}

/* sys.flush() -> true when everything written to stdout so far got there; or nil, an error, and
 * whether it is only that the reader has gone (| head) */
static int l_sys_flush(lua_State *L) {
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return lua_pushboolean(L, 1), 1;
    bool earlier = errno == 0; /* that write's reason is lost */
    bool gone = errno == EPIPE || (earlier && kn_host_reader_gone());
    kn_err err;
    if (earlier)
        kn_fail(&err, KN_EIO, "cannot write all to stdout: is the disk full?");
    else
        kn_fail_errno(&err, "cannot write to stdout");
    kn_host_error(L, &err);
    lua_pushboolean(L, gone);
    return 3;
}

int kn_open_sys(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"log", l_sys_log},
        {"log_level", l_sys_log_level},
        {"now", l_sys_now},
        {"monotonic", l_sys_monotonic},
        {"sleep", l_sys_sleep},
        {"isatty", l_sys_isatty},
        {"terminal_size", l_sys_terminal_size},
        {"live", l_sys_live},
        {"iso", l_sys_iso},
        {"parse_iso", l_sys_parse_iso},
        {"mkdirs", l_sys_mkdirs},
        {"temporary_folder", l_sys_temporary_folder},
        {"remove_tree", l_sys_remove_tree},
        {"write_file", l_sys_write_file},
        {"lock", l_sys_lock},
        {"real_path", l_sys_real_path},
        {"error", l_sys_error},
        {"traceback", kn_host_traceback},
        {"embedded", l_sys_embedded},
        {"flush", l_sys_flush},
        {"watch_lines", l_sys_watch_lines},
        {NULL, NULL},
    };
    static const luaL_Reg lock_methods[] = {{"close", l_lock_close}, {NULL, NULL}};
    kn_host_new_type(L, LOCK, lock_methods, l_lock_close);
    luaL_newlib(L, functions);
    lua_pushstring(L, KN_VERSION);
    lua_setfield(L, -2, "version");
    return 1;
}
