/* Digests for the other bindings (the run). */
#ifndef KN_BIND_VERIFY_H
#define KN_BIND_VERIFY_H

#include "run/verify/sink_digest.h"

#include <lua.h>

/* The digest userdata at index (verify.digest makes it), or a Lua argument error. Lives as long as
 * the userdata. */
kn_expected *kn_check_expected(lua_State *L, int index);

#endif
