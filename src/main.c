/* kinessis: starts the Lua host and hands the command line to lua/kinessis/cli.lua.
 * Exit codes: 0 done, 1 failed, 2 usage. */
#include "bind/host.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

/* cli.main{ "run", "file.lua", ... } -> exit code */
static bool run_command_line(lua_State *L, int argc, char **argv, int *exit_code, kn_err *err) {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "kinessis.cli");
    if (!kn_host_call(L, 1, 1, err))
        return false;
    lua_getfield(L, -1, "main");
    lua_createtable(L, argc, 0);
    for (int i = 1; i < argc; i++) {
        lua_pushstring(L, argv[i]);
        lua_seti(L, -2, i);
    }
    if (!kn_host_call(L, 1, 1, err))
        return false;
    *exit_code = (int)lua_tointeger(L, -1);
    return true;
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_DUMPABLE, 0); /* credentials never reach a core file */
    kn_err err;
    int exit_code = 1;
    lua_State *L = kn_host_new(&err);
    if (!L || !run_command_line(L, argc, argv, &exit_code, &err))
        fprintf(stderr, "kinessis: %s\n", err.message);
    if (L)
        lua_close(L);
    return exit_code;
}
