/* Pages of a stream's records for the other bindings (digests). */
#ifndef KN_BIND_RECORDS_H
#define KN_BIND_RECORDS_H

#include "aws/records.h"

#include <lua.h>

/* The page userdata at index (kinessis.core.records makes it), or a Lua argument error. */
const kn_records *kn_check_records(lua_State *L, int index);

#endif
