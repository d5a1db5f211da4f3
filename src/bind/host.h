/* The Lua host: states with the whole library, the one gate from C into Lua, and errors across it.
 *
 * Modules are found in this order: package.preload (the C libraries, `kinessis.core.*`, and cjson),
 * the Lua library (embedded, or the tree named by KINESSIS_LUA_PATH), then Lua's own paths, to
 * which the commands add the folder of the script. */
#ifndef KN_BIND_HOST_H
#define KN_BIND_HOST_H

#include "base/err.h"
#include "bind/embedded.h"

#include <lauxlib.h>
#include <lua.h>

/* The metatable (in the registry) of error objects: { code, message, status, retryable, aws_code },
 * whose tostring() is the message. */
#define KN_HOST_ERROR "kinessis.error"

/* A state with everything loaded, or NULL. The caller closes it with lua_close. */
lua_State *kn_host_new(kn_err *err);

/* Calls the function below its nargs arguments, protected. On failure nothing is left on the stack,
 * the code is KN_ESCRIPT (KN_ENOMEM when memory is out) and the message is the error with its
 * traceback; an error object gives its message alone. */
KN_MUST_CHECK bool kn_host_call(lua_State *L, int nargs, int nresults, kn_err *err);

/* The message handler for xpcall in Lua: what tells for itself (a table or userdata with
 * __tostring) passes; anything else becomes text with a traceback that starts and ends in the
 * user's files. */
int kn_host_traceback(lua_State *L);

/* Pushes nil and an error object. Returns 2: `return kn_host_error(L, &err);` */
int kn_host_error(lua_State *L, const kn_err *err);

/* Pushes only the error object. */
void kn_host_push_error(lua_State *L, const kn_err *err);

/* Whether stdout is a pipe or a socket that nobody reads any more. */
bool kn_host_reader_gone(void);

/* Registers a type of userdata. close: its __gc and __close, idempotent, or NULL; methods may be
 * NULL. */
void kn_host_new_type(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction close);

/* The file of the project's lua/ or scripts/ folder that the binary carries, or NULL. */
const kn_embedded_file *kn_host_embedded(const char *name);

#endif
