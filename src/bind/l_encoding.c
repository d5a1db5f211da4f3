/* kinessis.core.encoding: bytes as text and back, as the services' protocols want them.
 *
 *     encoding.base64(bytes), encoding.unbase64(text) -> bytes, or nil when it is not base64
 *     encoding.uri_encode(text [, keep_slash]), encoding.uri_decode(text)
 *     encoding.token() -> 32 random hexadecimal digits
 *     encoding.xml(text) -> { name =, text =, child, child, ... }; or nil and an error */
#include "base/base64.h"
#include "bind/host.h"
#include "bind/libraries.h"
#include "net/uri.h"
#include "net/xml.h"

#include <lauxlib.h>
#include <stdio.h>
#include <sys/random.h>

#define BOX "kinessis.encoding.box"

enum { TEXT_MAX = 256 << 20 };

/* Holds one of these across calls that may raise. */
typedef struct l_box {
    kn_buf text;
    kn_xml *xml;
} l_box;

static int l_box_free(lua_State *L) {
    l_box *box = luaL_checkudata(L, 1, BOX);
    kn_buf_free(&box->text);
    kn_xml_destroy(box->xml);
    box->xml = NULL;
    return 0;
}

static l_box *new_box(lua_State *L) {
    l_box *box = lua_newuserdatauv(L, sizeof *box, 0);
    *box = (l_box){.xml = NULL};
    kn_buf_init(&box->text, TEXT_MAX);
    luaL_setmetatable(L, BOX);
    return box;
}

static kn_slice check_text(lua_State *L, int index) {
    size_t n;
    const char *p = luaL_checklstring(L, index, &n);
    return (kn_slice){p, n};
}

static int push_box_text(lua_State *L, l_box *box) {
    kn_err err;
    if (!kn_buf_check(&box->text, "the text", &err))
        return luaL_error(L, "%s", err.message);
    lua_pushlstring(L, kn_buf_view(&box->text).p, box->text.len);
    kn_buf_free(&box->text);
    return 1;
}

static int l_encoding_base64(lua_State *L) {
    kn_slice bytes = check_text(L, 1);
    l_box *box = new_box(L);
    kn_base64_encode(&box->text, bytes);
    return push_box_text(L, box);
}

static int l_encoding_unbase64(lua_State *L) {
    kn_slice text = check_text(L, 1);
    l_box *box = new_box(L);
    if (!kn_base64_decode(&box->text, text))
        return luaL_pushfail(L), 1;
    return push_box_text(L, box);
}

static int l_encoding_uri_encode(lua_State *L) {
    kn_slice text = check_text(L, 1);
    bool keep_slash = lua_toboolean(L, 2);
    l_box *box = new_box(L);
    kn_uri_encode(&box->text, text, keep_slash);
    return push_box_text(L, box);
}

static int l_encoding_uri_decode(lua_State *L) {
    kn_slice text = check_text(L, 1);
    l_box *box = new_box(L);
    kn_uri_decode(&box->text, text);
    return push_box_text(L, box);
}

static int l_encoding_token(lua_State *L) {
    unsigned char bytes[16];
    char text[33];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return luaL_error(L, "the system has no random bytes");
    for (int i = 0; i < 16; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    lua_pushstring(L, text);
    return 1;
}

static void push_element(lua_State *L, const kn_xml_element *element) {
    luaL_checkstack(L, 4, NULL);
    lua_newtable(L);
    lua_pushstring(L, element->name);
    lua_setfield(L, -2, "name");
    lua_pushlstring(L, element->text.p, element->text.n);
    lua_setfield(L, -2, "text");
    lua_Integer n = 0;
    for (const kn_xml_element *c = element->children; c; c = c->next) {
        push_element(L, c); /* as deep as the reader allows */
        lua_rawseti(L, -2, ++n);
    }
}

static int l_encoding_xml(lua_State *L) {
    kn_slice text = check_text(L, 1);
    l_box *box = new_box(L);
    kn_err err;
    if (!kn_xml_parse(text, &box->xml, &err))
        return kn_host_error(L, &err);
    push_element(L, kn_xml_root(box->xml));
    kn_xml_destroy(box->xml);
    box->xml = NULL;
    return 1;
}

int kn_open_encoding(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"base64", l_encoding_base64},
        {"unbase64", l_encoding_unbase64},
        {"uri_encode", l_encoding_uri_encode},
        {"uri_decode", l_encoding_uri_decode},
        {"token", l_encoding_token},
        {"xml", l_encoding_xml},
        {NULL, NULL},
    };
    kn_host_new_type(L, BOX, NULL, l_box_free);
    luaL_newlib(L, functions);
    return 1;
}
