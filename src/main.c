/* kinessis: starts the Lua host and hands the command line to lua/kinessis/cli.lua.
 * Exit codes: 0 done, 1 failed, 2 usage. */
#include "bind/host.h"

#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* (argc, argv) -> exit code: require("kinessis.cli").main{ "run", "file.lua", ... } */
static int run_command_line(lua_State *L) {
    int argc = (int)lua_tointeger(L, 1);
    char **argv = lua_touserdata(L, 2);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "kinessis.cli");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "main");
    lua_createtable(L, argc, 0);
    for (int i = 1; i < argc; i++) {
        lua_pushstring(L, argv[i]);
        lua_seti(L, -2, i);
    }
    lua_call(L, 1, 1);
    return 1;
}

static bool call_command_line(lua_State *L, int argc, char **argv, int *exit_code, kn_err *err) {
    lua_pushcfunction(L, run_command_line);
    lua_pushinteger(L, argc);
    lua_pushlightuserdata(L, argv);
    if (!kn_host_call(L, 2, 1, err))
        return false;
    *exit_code = (int)lua_tointeger(L, -1);
    return true;
}

/* A closed standard descriptor would be given to the next file that is opened, and records printed
 * into that file. These are open, but the wrong way round: using them still fails. */
static void reserve_standard_descriptors(void) {
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            _exit(1);
}

/* Credentials are in memory: no core files. The limit does not hold for a core that the kernel
 * pipes to a program (systemd-coredump, apport); for those, no memory is part of it: stacks, heap
 * and mappings are left out. (Not PR_SET_DUMPABLE, which would keep debuggers and the leak checker
 * out as well.) See core(5). */
static void keep_out_of_core_files(void) {
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return; /* no /proc: the limit is all there is */
    if (write(fd, "0", 1) != 1)
        fputs("kinessis: credentials may get into core files: /proc/self/coredump_filter\n",
              stderr);
    close(fd);
}

/* Bodies and replies of some hundred KB come and go thousands of times a second: memory that was
 * given back to the kernel each time would be cleared and mapped in again, page by page. */
static void keep_freed_memory(void) {
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
#endif
}

int main(int argc, char **argv) {
    reserve_standard_descriptors();
    keep_freed_memory();
    signal(SIGPIPE, SIG_IGN); /* a reader that has gone is an error of its write */
    keep_out_of_core_files();
    kn_err err;
    int exit_code = 1;
    lua_State *L = kn_host_new(&err);
    if (!L || !call_command_line(L, argc, argv, &exit_code, &err))
        fprintf(stderr, "kinessis: %s\n", err.message);
    if (L)
        lua_close(L);
    return exit_code;
}
