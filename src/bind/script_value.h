/* Values between a script's functions and records. */
#ifndef KN_BIND_SCRIPT_VALUE_H
#define KN_BIND_SCRIPT_VALUE_H

#include "base/buf.h"

#include <lua.h>

/* Appends the value at index as JSON: string, number, boolean, nil (null), and tables of those: a
 * table with an item 1 is an array, another an object whose keys go in byte order (so that bytes do
 * not depend on the state). An empty table is [] where empty_array. Returns NULL, or what is not
 * supported, as text that stays valid while the stack does. */
const char *kn_script_value_write(lua_State *L, int index, bool empty_array, kn_buf *out);

/* The same for a string, a finite number, a boolean or nil, without raising. False, and nothing is
 * appended, for other values. */
bool kn_script_value_write_plain(lua_State *L, int index, kn_buf *out);

/* Writes such a value at p, where there is room for KN_PLAN_ANSWER bytes, and returns its end; NULL
 * when it may be longer, or is another value. */
char *kn_script_value_put(lua_State *L, int index, char *p);

/* Pushes a JSON string, number, boolean or null as we write them; whole numbers stay integers.
 * False, and nothing is pushed, for an object or array. */
bool kn_script_value_push(lua_State *L, kn_slice json);

/* The same for the content of a JSON string, without its quotes. */
void kn_script_value_push_text(lua_State *L, kn_slice content);

#endif
