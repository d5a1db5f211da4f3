/* The C libraries that scripts load as kinessis.core.<name>; each is a file l_<name>.c. */
#ifndef KN_BIND_LIBRARIES_H
#define KN_BIND_LIBRARIES_H

#include <lua.h>
#include <stdbool.h>

int kn_open_aggregate(lua_State *L); /* aggregated records */
int kn_open_aws(lua_State *L);       /* API clients */
int kn_open_convert(lua_State *L);   /* Firehose's conversion of records */
int kn_open_encoding(lua_State *L);  /* base64, URIs, XML */
int kn_open_lake(lua_State *L);      /* the lake inside this process */
int kn_open_page(lua_State *L);      /* a text for whoever asks over HTTP */
int kn_open_plan(lua_State *L);      /* schemas, compiled; cursors on them */
int kn_open_redrive(lua_State *L);   /* sending records of a file again */
int kn_open_records(lua_State *L);   /* replies of GetRecords */
int kn_open_repl(lua_State *L);      /* line editing, interrupts */
int kn_open_run(lua_State *L);       /* a run: plan, pace, sinks */
int kn_open_sys(lua_State *L);       /* the process, files, clocks */
int kn_open_verify(lua_State *L);    /* digests of what was expected and found */

/* Ctrl-C was pressed and the REPL's running chunk is about to end: stop waiting. */
bool kn_repl_interrupted(void);

#endif
