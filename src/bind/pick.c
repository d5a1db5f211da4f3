/* See pick.h. */
#include "bind/pick.h"

#include <lauxlib.h>

static uint64_t read_count(lua_State *L, const char *name) {
    lua_getfield(L, -1, name);
    lua_Integer n = luaL_optinteger(L, -1, 0);
    lua_pop(L, 1);
    return n > 0 ? (uint64_t)n : 0;
}

static uint64_t read_hash(lua_State *L, const char *name) {
    kn_slice text;
    lua_getfield(L, -1, name);
    text.p = luaL_checklstring(L, -1, &text.n);
    uint64_t hash = kn_rng_hash(text);
    lua_pop(L, 1);
    return hash;
}

/* The list of lists of probabilities on top of the stack. */
static void read_steps(lua_State *L, kn_session_spec *spec) {
    luaL_checktype(L, -1, LUA_TTABLE);
    lua_Integer n = luaL_len(L, -1);
    if (n > KN_SESSION_STEPS)
        luaL_error(L, "sessions have at most %d steps", KN_SESSION_STEPS);
    spec->steps = (unsigned)n;
    for (lua_Integer i = 0; i < n; i++) {
        lua_geti(L, -1, i + 1);
        luaL_checktype(L, -1, LUA_TTABLE);
        for (lua_Integer j = 0; j < n; j++) {
            lua_geti(L, -1, j + 1);
            spec->next[i][j] = luaL_checknumber(L, -1);
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
}

void kn_read_pick(lua_State *L, kn_pick *pick) {
    static const char *const kinds[] = {"uniform", "zipf", "rounds", "index", "session", NULL};
    memset(pick, 0, sizeof *pick); /* picks are compared by their bytes */
    luaL_checktype(L, -1, LUA_TTABLE);
    lua_getfield(L, -1, "kind");
    pick->kind = (kn_pick_kind)luaL_checkoption(L, -1, NULL, kinds);
    lua_pop(L, 1);
    pick->population = read_hash(L, "population");
    pick->stream = read_hash(L, "stream");
    pick->size = read_count(L, "size");
    pick->every = read_count(L, "every");
    pick->life_min = read_count(L, "life_min");
    pick->life_max = read_count(L, "life_max");
    lua_getfield(L, -1, "exponent");
    pick->exponent = luaL_optnumber(L, -1, 0);
    lua_pop(L, 1);
    if (pick->kind != KN_PICK_SESSION)
        return;
    pick->session.most = (unsigned)read_count(L, "most");
    pick->session.open = (unsigned)read_count(L, "open");
    lua_getfield(L, -1, "steps");
    read_steps(L, &pick->session);
    lua_pop(L, 1);
}
