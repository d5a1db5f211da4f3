/* The Lua host: states with the whole library, the one gate from C into Lua, and errors across it.
 *
 * Modules are found in this order: package.preload (the C libraries, `kinessis.core.*`, and cjson),
 * the Lua library (embedded, or the tree named by KINESSIS_LUA_PATH), then the folder of the script
 * (kn_host_script_folder) and Lua's own paths. */
#ifndef KN_BIND_HOST_H
#define KN_BIND_HOST_H

#include "base/err.h"

#include <lauxlib.h>
#include <lua.h>

/* A state with everything loaded, or NULL. The caller closes it with lua_close. */
lua_State *kn_host_new(kn_err *err);

/* Calls the function below its nargs arguments, protected, with a traceback. On failure the results
 * are absent, the code is KN_ESCRIPT and the message is the error with its traceback (an error
 * object, below, gives its message alone). */
KN_MUST_CHECK bool kn_host_call(lua_State *L, int nargs, int nresults, kn_err *err);

/* Pushes nil and an error object: { code, message, status, retryable, aws_code }, whose tostring()
 * is its message. Returns 2: `return kn_host_error(L, &err);` */
int kn_host_error(lua_State *L, const kn_err *err);

/* Pushes only the error object. */
void kn_host_push_error(lua_State *L, const kn_err *err);

#endif
