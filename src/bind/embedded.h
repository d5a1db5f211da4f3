/* The Lua library and the scenarios that travel inside the binary (tools/embed.sh writes the
 * table). */
#ifndef KN_BIND_EMBEDDED_H
#define KN_BIND_EMBEDDED_H

typedef struct kn_embedded_file {
    const char *name; /* path in the project: "lua/kinessis/cli.lua"; NULL in the last row */
    const char *start;
    const char *end;
} kn_embedded_file;

extern const kn_embedded_file kn_embedded[];

#endif
