/* Files and texts that the Lua library reads: tests/fuzz/script.lua says which, by the first byte,
 * and what must hold. Started from the project's root. The fuzzer learns which lines of Lua were
 * run from counters of our own: a line after another is an edge; functions are told apart by where
 * they begin. */
#include "bind/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { EDGES = 1 << 14, COLLECT_EACH = 256 };

__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t edges[EDGES];

static void on_line(lua_State *L, lua_Debug *about) {
    static uint32_t before;
    lua_getinfo(L, "S", about);
    uint32_t place = (uint32_t)about->srclen * 0x9E3779B1u + (uint32_t)about->linedefined;
    place = place * 0x85EBCA77u + (uint32_t)about->currentline;
    place ^= place >> 15;
    edges[(place ^ before) % EDGES]++;
    before = place >> 1;
}

/* A state that has grown is taken for a leak, and looking for those takes the most of the time. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "detect_leaks=0";
}

static lua_State *open_state(void) {
    kn_err err;
    lua_State *L = kn_host_new(&err);
    if (!L || luaL_dofile(L, "tests/fuzz/script.lua") != LUA_OK) {
        fprintf(stderr, "tests/fuzz/script.lua: %s\n", L ? lua_tostring(L, -1) : err.message);
        abort();
    }
    return L; /* the function that reads is on the stack */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static lua_State *L;
    static unsigned count;
    if (!L)
        L = open_state();
    if (n == 0)
        return 0;
    lua_pushvalue(L, -1);
    lua_pushinteger(L, data[0]);
    lua_pushlstring(L, (const char *)data + 1, n - 1);
    lua_sethook(L, on_line, LUA_MASKLINE, 0);
    int code = lua_pcall(L, 2, 0, 0);
    lua_sethook(L, NULL, 0, 0);
    if (code != LUA_OK) {
        fprintf(stderr, "%s\n", luaL_tolstring(L, -1, NULL));
        abort();
    }
    if (++count % COLLECT_EACH == 0)
        lua_gc(L, LUA_GCCOLLECT, 0);
    return 0;
}
