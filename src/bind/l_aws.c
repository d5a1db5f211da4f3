/* kinessis.core.aws: API clients, for lua/kinessis/aws, which gives them their methods.
 *
 *     core.apis() -> { { name =, protocol =, operations = { "PutRecord", ... } }, ... }
 *     core.open(api, config) -> a client; or nil and an error
 *     core.credentials(config) -> of describe(): credentials, access_key, expires; or nil and an
 * error
 *
 *     client:call { operation =, body =, bucket =, key =, query =, headers = { "Name: value" },
 *         max_reply = } -> { status =, body =, headers = { [lower case name] = value } };
 *         or nil and an error
 *     client:describe() -> { url =, region =, region_from =, credentials = where they were found,
 *         access_key = its ends, expires = seconds, or nil }
 *     client:close() */
#include "aws/call.h"
#include "bind/aws.h"
#include "bind/host.h"
#include "bind/libraries.h"

#include <openssl/crypto.h>
#include <string.h>

#define CLIENT "kinessis.aws.client"

enum { HEADERS_MAX = 40, REPLY_HEADERS_MAX = 64 << 10, REPLY_MAX = 64 << 20 };

/* Everything that a call allocates is held here, so that an error raised on the way leaks nothing.
 */
typedef struct l_client {
    kn_aws_client *client; /* NULL: closed */
    kn_buf headers, body;
} l_client;

/* ---- configuration ---- */

static void read_text(lua_State *L, const char *name, int value, char *out, size_t size) {
    size_t n;
    if (lua_type(L, value) != LUA_TSTRING)
        luaL_error(L, "aws config.%s: expected a string, got %s", name, luaL_typename(L, value));
    const char *text = lua_tolstring(L, value, &n);
    if (n >= size)
        luaL_error(L, "aws config.%s: longer than %d bytes", name, (int)size - 1);
    if (strlen(text) != n)
        luaL_error(L, "aws config.%s: holds a zero byte", name);
    memcpy(out, text, n + 1);
}

static lua_Number read_number(lua_State *L, const char *name, int value, lua_Number max) {
    lua_Number n = lua_tonumber(L, value);
    if (lua_type(L, value) != LUA_TNUMBER || !(n > 0 && n <= max))
        luaL_error(L, "aws config.%s: expected a number above 0, at most %d", name, (int)max);
    return n;
}

static kn_tristate read_flag(lua_State *L, const char *name, int value) {
    if (lua_type(L, value) != LUA_TBOOLEAN)
        luaL_error(L, "aws config.%s: expected true or false, got %s", name,
                   luaL_typename(L, value));
    return lua_toboolean(L, value) ? KN_YES : KN_NO;
}

static void read_setting(lua_State *L, const char *name, int value, kn_aws_config *out) {
    const struct {
        const char *name;
        char *text;
        size_t size;
    } texts[] = {
        {"endpoint", out->endpoint, sizeof out->endpoint},
        {"region", out->region, sizeof out->region},
        {"profile", out->profile, sizeof out->profile},
        {"access_key", out->access_key, sizeof out->access_key},
        {"secret_key", out->secret_key, sizeof out->secret_key},
        {"session_token", out->session_token, sizeof out->session_token},
        {"ca_bundle", out->ca_bundle, sizeof out->ca_bundle},
        {"retry_mode", out->retry_mode, sizeof out->retry_mode},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(name, texts[i].name) == 0) {
            read_text(L, name, value, texts[i].text, texts[i].size);
            return;
        }
    if (strcmp(name, "use_fips_endpoint") == 0)
        out->fips = read_flag(L, name, value);
    else if (strcmp(name, "use_dualstack_endpoint") == 0)
        out->dualstack = read_flag(L, name, value);
    else if (strcmp(name, "verify") == 0)
        out->insecure = read_flag(L, name, value) == KN_NO;
    else if (strcmp(name, "max_attempts") == 0)
        out->max_attempts = (int)read_number(L, name, value, 100);
    else if (strcmp(name, "timeout") == 0)
        out->timeout_ms = (int)(read_number(L, name, value, 86400) * 1000);
    else
        luaL_error(L,
                   "aws config.%s: there is no such setting (there are endpoint, region, profile, "
                   "access_key, secret_key, session_token, use_fips_endpoint, "
                   "use_dualstack_endpoint, ca_bundle, verify, retry_mode, max_attempts, timeout)",
                   name);
}

void kn_bind_aws_config(lua_State *L, int index, kn_aws_config *out) {
    *out = (kn_aws_config){.endpoint = ""};
    if (lua_isnoneornil(L, index))
        return;
    index = lua_absindex(L, index);
    if (lua_type(L, index) != LUA_TTABLE)
        luaL_error(L, "aws config: expected a table, got %s", luaL_typename(L, index));
    lua_pushnil(L);
    while (lua_next(L, index)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "aws config: a setting's name is a %s", luaL_typename(L, -2));
        read_setting(L, lua_tostring(L, -2), lua_gettop(L), out);
        lua_pop(L, 1);
    }
}

/* ---- clients ---- */

/* core.open(api, config) -> client, or nil and an error */
static int l_aws_open(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    const kn_api *api = kn_api_find(name);
    if (!api)
        return luaL_argerror(L, 1, "no such service");
    l_client *self = lua_newuserdatauv(L, sizeof *self, 0);
    *self = (l_client){.client = NULL};
    kn_buf_init(&self->headers, REPLY_HEADERS_MAX);
    kn_buf_init(&self->body, REPLY_MAX);
    luaL_setmetatable(L, CLIENT);
    kn_aws_config config;
    kn_err err;
    kn_bind_aws_config(L, 2, &config);
    bool ok = kn_aws_client_new(&config, api, &self->client, &err);
    OPENSSL_cleanse(&config, sizeof config);
    return ok ? 1 : kn_host_error(L, &err);
}

static int l_client_close(lua_State *L) {
    l_client *self = luaL_checkudata(L, 1, CLIENT);
    kn_aws_client_destroy(self->client);
    self->client = NULL;
    kn_buf_free(&self->headers);
    kn_buf_free(&self->body);
    return 0;
}

static l_client *check_open(lua_State *L) {
    l_client *self = luaL_checkudata(L, 1, CLIENT);
    if (!self->client)
        luaL_error(L, "the client is closed");
    return self;
}

/* The optional text of the call's field; its string stays on the stack, so the view stays valid. */
static kn_slice optional_field(lua_State *L, const char *name) {
    int type = lua_getfield(L, 2, name);
    if (type == LUA_TNIL)
        return (kn_slice){NULL, 0};
    if (type != LUA_TSTRING)
        luaL_error(L, "%s: expected a string, got %s", name, luaL_typename(L, -1));
    size_t n;
    const char *p = lua_tolstring(L, -1, &n);
    return (kn_slice){p, n};
}

static size_t read_headers(lua_State *L, const char *lines[HEADERS_MAX]) {
    if (lua_getfield(L, 2, "headers") == LUA_TNIL)
        return 0;
    luaL_checktype(L, -1, LUA_TTABLE);
    lua_Integer n = luaL_len(L, -1);
    luaL_checkstack(L, HEADERS_MAX + LUA_MINSTACK, NULL);
    int list = lua_gettop(L);
    if (n < 0 || n > HEADERS_MAX)
        luaL_error(L, "headers: more than %d", HEADERS_MAX);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_geti(L, list, i); /* stays on the stack */
        lines[i - 1] = luaL_checkstring(L, -1);
    }
    return (size_t)n;
}

/* The REPL's Ctrl-C sets a hook: a call that waits is given up, so that the hook can run. */
typedef struct hook_watch {
    lua_State *L, *main;
    lua_Hook hook, main_hook;
} hook_watch;

static bool is_hooked(void *context) {
    const hook_watch *w = context;
    return lua_gethook(w->L) != w->hook || lua_gethook(w->main) != w->main_hook;
}

static hook_watch watch_hooks(lua_State *L) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    lua_State *main = lua_tothread(L, -1);
    lua_pop(L, 1);
    return (hook_watch){L, main, lua_gethook(L), lua_gethook(main)};
}

static void push_headers(lua_State *L, kn_slice text) {
    lua_newtable(L);
    while (text.n) {
        const char *end = memchr(text.p, '\n', text.n);
        kn_slice line = {text.p, end ? (size_t)(end - text.p) : text.n};
        size_t used = line.n + (end != NULL);
        text = (kn_slice){text.p + used, text.n - used};
        const char *colon = memchr(line.p, ':', line.n);
        if (!colon)
            continue;
        luaL_Buffer name;
        luaL_buffinit(L, &name);
        for (const char *p = line.p; p < colon; p++)
            luaL_addchar(&name, *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p);
        luaL_pushresult(&name);
        kn_reply one = {0, line, {0}};
        kn_slice value = kn_reply_header(&one, lua_tostring(L, -1));
        lua_pushlstring(L, value.p, value.n);
        lua_rawset(L, -3);
    }
}

/* The request that the table at 2 describes; its strings stay on the stack. */
static kn_aws_request read_request(lua_State *L, const kn_api *api,
                                   const char *lines[HEADERS_MAX]) {
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    kn_aws_request request = {.headers = lines};
    kn_slice name = optional_field(L, "operation");
    request.operation = name.p ? kn_operation_find(api, name.p) : NULL;
    if (!request.operation)
        luaL_error(L, "%s has no operation '%s'", api->name, name.p ? name.p : "nil");
    request.body = optional_field(L, "body");
    request.bucket = optional_field(L, "bucket").p;
    request.file = optional_field(L, "file").p;
    request.key = optional_field(L, "key");
    request.query = optional_field(L, "query");
    request.header_count = read_headers(L, lines);
    return request;
}

/* client:call{...} */
static int l_client_call(lua_State *L) {
    l_client *self = check_open(L);
    const char *lines[HEADERS_MAX];
    kn_aws_request request = read_request(L, kn_aws_client_api(self->client), lines);
    lua_getfield(L, 2, "max_reply");
    lua_Integer max_reply = luaL_optinteger(L, -1, REPLY_MAX);
    luaL_argcheck(L, max_reply > 0, 2, "max_reply: expected a positive integer");
    request.max_reply = (size_t)max_reply;

    kn_err err;
    int status;
    hook_watch watch = watch_hooks(L);
    kn_buf_clear(&self->headers);
    kn_buf_clear(&self->body);
    self->body.max = request.max_reply;
    if (!kn_aws_invoke(self->client, &request, is_hooked, &watch, &status, &self->headers,
                       &self->body, &err))
        return kn_host_error(L, &err);
    lua_createtable(L, 0, 3);
    lua_pushinteger(L, status);
    lua_setfield(L, -2, "status");
    lua_pushlstring(L, kn_buf_view(&self->body).p, self->body.len);
    lua_setfield(L, -2, "body");
    push_headers(L, kn_buf_view(&self->headers));
    lua_setfield(L, -2, "headers");
    kn_buf_free(&self->body);
    return 1;
}

/* client:presign{..., expires = seconds} -> the URL */
static int l_client_presign(lua_State *L) {
    l_client *self = check_open(L);
    const char *lines[HEADERS_MAX];
    kn_aws_request request = read_request(L, kn_aws_client_api(self->client), lines);
    lua_getfield(L, 2, "expires");
    lua_Integer expires = luaL_checkinteger(L, -1);
    luaL_argcheck(L, expires >= 1 && expires <= 604800, 2,
                  "expires: expected 1 to 604800 seconds (7 days)");
    kn_err err;
    kn_buf_clear(&self->body);
    self->body.max = REPLY_MAX;
    if (!kn_aws_presign(self->client, &request, (int)expires, &self->body, &err))
        return kn_host_error(L, &err);
    lua_pushlstring(L, kn_buf_view(&self->body).p, self->body.len);
    return 1;
}

/* As much of an access key as tells which it is. */
static void push_hint(lua_State *L, const char *access_key) {
    size_t n = strlen(access_key);
    if (n >= 12)
        lua_pushfstring(L, "%c%c%c%c...%s", access_key[0], access_key[1], access_key[2],
                        access_key[3], access_key + n - 4);
    else
        lua_pushliteral(L, "...");
}

static void push_credentials(lua_State *L, const kn_credentials *credentials) {
    lua_createtable(L, 0, 6);
    push_hint(L, credentials->access_key);
    lua_setfield(L, -2, "access_key");
    if (credentials->expires_ms) {
        lua_pushnumber(L, (lua_Number)credentials->expires_ms / 1000);
        lua_setfield(L, -2, "expires");
    }
    lua_pushstring(L, credentials->source);
    lua_setfield(L, -2, "credentials");
}

/* core.credentials(config) -> { credentials, access_key, expires }, or nil and an error: those of
 * this configuration, also where no client can be opened. */
static int l_aws_credentials(lua_State *L) {
    kn_aws_config config;
    kn_credentials found;
    kn_err err;
    kn_bind_aws_config(L, 1, &config);
    bool ok = kn_credentials_find(&config, NULL, &found, &err);
    OPENSSL_cleanse(&config, sizeof config);
    if (!ok)
        return kn_host_error(L, &err);
    push_credentials(L, &found);
    kn_credentials_wipe(&found);
    return 1;
}

static int l_client_describe(lua_State *L) {
    const kn_aws_client *client = check_open(L)->client;
    push_credentials(L, kn_aws_client_credentials(client));
    lua_pushstring(L, kn_aws_client_region_from(client));
    lua_setfield(L, -2, "region_from");
    lua_pushstring(L, kn_aws_client_url(client));
    lua_setfield(L, -2, "url");
    lua_pushstring(L, kn_aws_client_region(client));
    lua_setfield(L, -2, "region");
    return 1;
}

/* ---- the table of operations ---- */

static int l_aws_apis(lua_State *L) {
    static const char *const protocols[] = {
        [KN_PROTOCOL_JSON] = "json", [KN_PROTOCOL_QUERY] = "query", [KN_PROTOCOL_REST_XML] = "s3"};
    const kn_api *api;
    lua_newtable(L);
    for (size_t i = 0; (api = kn_api_at(i)); i++) {
        lua_createtable(L, 0, 4);
        lua_pushstring(L, api->name);
        lua_setfield(L, -2, "name");
        lua_pushstring(L, protocols[api->protocol]);
        lua_setfield(L, -2, "protocol");
        lua_pushstring(L, api->target);
        lua_setfield(L, -2, "target");
        lua_newtable(L);
        lua_Integer n = 0;
        for (const kn_operation *o = kn_operations; o->api; o++)
            if (o->api == api) {
                lua_pushstring(L, o->name);
                lua_seti(L, -2, ++n);
            }
        lua_setfield(L, -2, "operations");
        lua_seti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

int kn_open_aws(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"apis", l_aws_apis},
        {"open", l_aws_open},
        {"credentials", l_aws_credentials},
        {NULL, NULL},
    };
    static const luaL_Reg methods[] = {
        {"call", l_client_call},
        {"presign", l_client_presign},
        {"describe", l_client_describe},
        {"close", l_client_close},
        {NULL, NULL},
    };
    kn_host_new_type(L, CLIENT, methods, l_client_close);
    luaL_newlib(L, functions);
    return 1;
}
