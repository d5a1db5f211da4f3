/* Plans and cursors for the other bindings (the run). */
#ifndef KN_BIND_PLAN_H
#define KN_BIND_PLAN_H

#include "gen/plan.h"

#include <lua.h>

/* The plan userdata at index (schema:plan() makes it), or a Lua argument error. The plan lives as
 * long as the userdata: keep that on the stack or referenced. */
const kn_plan *kn_check_plan(lua_State *L, int index);

/* A cursor on the plan whose script functions run in L, through the one gate. `call`,
 * `call_context` and `release` of config are set here. Use the cursor in the thread that uses L,
 * and destroy it before L is closed. Does not raise. *thread becomes the Lua thread that the
 * functions run in, for a hook; NULL when there are none. */
KN_MUST_CHECK bool kn_open_cursor(lua_State *L, int plan_index, const kn_cursor_config *config,
                                  kn_cursor **out, lua_State **thread, kn_err *err);

/* Reads field "disorder" of the table at index, if there: { late =, late_ms =, duplicate =,
 * corrupt =, shuffle = }, none of them needed. May raise. */
void kn_read_disorder(lua_State *L, int index, kn_disorder *out);

#endif
