/* Script functions of a schema, as a cursor calls them. */
#ifndef KN_BIND_SCRIPT_H
#define KN_BIND_SCRIPT_H

#include "gen/plan.h"

#include <lua.h>

/* Sets call, guard, call_context and release of config, so that a cursor reaches the operations in
 * the list at functions_index ({ fn =, path =, stream =, empty_array = }, ...) in L. make_context
 * at context_index is called once: make_context(core) -> ctx, where core has the functions at the
 * end of script.c; then for each record fn(ctx), with the record's number as ctx.index. May raise.
 * After it kn_cursor_destroy, or config->release, must be called. */
void kn_script_open(lua_State *L, int functions_index, int context_index, kn_cursor_config *config);

/* Tells the functions which cursor they serve. */
void kn_script_attach(const kn_cursor_config *config, kn_cursor *cursor);

/* Functions run in this thread (coroutine) of the state from now on. Its stack has room for
 * LUA_MINSTACK more values whenever the cursor makes a record. */
void kn_script_move(const kn_cursor_config *config, lua_State *L);

#endif
