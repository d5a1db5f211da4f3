/* kinessis.core.page: a text for whoever asks over HTTP (net/page.h). */
#include "bind/host.h"
#include "bind/libraries.h"
#include "net/page.h"

#define PAGE_TYPE "kinessis.page"

typedef struct page_handle {
    kn_page *page; /* NULL: closed */
} page_handle;

/* page.open(host, port, path, type) -> page, or nil and an error */
static int l_page_open(lua_State *L) {
    kn_page_config config = {.host = luaL_checkstring(L, 1),
                             .port = luaL_checkstring(L, 2),
                             .path = luaL_checkstring(L, 3),
                             .type = luaL_checkstring(L, 4)};
    page_handle *h = lua_newuserdatauv(L, sizeof *h, 0);
    h->page = NULL;
    luaL_setmetatable(L, PAGE_TYPE);
    kn_err err;
    if (!kn_page_open(&config, &h->page, &err))
        return kn_host_error(L, &err);
    return 1;
}

static kn_page *check_open(lua_State *L) {
    page_handle *h = luaL_checkudata(L, 1, PAGE_TYPE);
    luaL_argcheck(L, h->page, 1, "the page is closed");
    return h->page;
}

/* page:url() */
static int l_page_url(lua_State *L) {
    lua_pushstring(L, kn_page_url(check_open(L)));
    return 1;
}

/* page:wanted() -> whether somebody waits for it */
static int l_page_wanted(lua_State *L) {
    lua_pushboolean(L, kn_page_wanted(check_open(L)));
    return 1;
}

/* page:publish(text) -> true, or nil and an error */
static int l_page_publish(lua_State *L) {
    kn_page *page = check_open(L);
    kn_slice text;
    text.p = luaL_checklstring(L, 2, &text.n);
    kn_err err;
    if (!kn_page_publish(page, text, &err))
        return kn_host_error(L, &err);
    lua_pushboolean(L, 1);
    return 1;
}

static int l_page_close(lua_State *L) {
    page_handle *h = luaL_checkudata(L, 1, PAGE_TYPE);
    kn_page_close(h->page);
    h->page = NULL;
    return 0;
}

int kn_open_page(lua_State *L) {
    static const luaL_Reg functions[] = {{"open", l_page_open}, {NULL, NULL}};
    static const luaL_Reg methods[] = {{"url", l_page_url},
                                       {"wanted", l_page_wanted},
                                       {"publish", l_page_publish},
                                       {"close", l_page_close},
                                       {NULL, NULL}};
    kn_host_new_type(L, PAGE_TYPE, methods, l_page_close);
    luaL_newlib(L, functions);
    return 1;
}
