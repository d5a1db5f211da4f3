/* A choice of entities as kinessis.population describes it. */
#ifndef KN_BIND_PICK_H
#define KN_BIND_PICK_H

#include "gen/entity.h"

#include <lua.h>

/* Reads the table on top of the stack: { kind =, population =, stream =, size =, every =, life_min
 * =, life_max =, exponent =, steps = { { probability of each step that follows } }, most =, open =
 * }; fields that the kind does not use are left out. May raise. */
void kn_read_pick(lua_State *L, kn_pick *pick);

#endif
