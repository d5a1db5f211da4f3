/* See http.h. Percent-encoding is RFC 3986's; forms are application/x-www-form-urlencoded. */
#include "lake/http.h"

#include <stdarg.h>
#include <stdio.h>

const char *kn_http_get(const kn_http_request *request, const char *name) {
    for (size_t i = 0; i < request->field_count; i++)
        if (strcmp(request->fields[i].name, name) == 0)
            return request->fields[i].value;
    return NULL;
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool kn_http_decode(kn_slice text, bool plus, kn_buf *out) {
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%') {
            int high = i + 2 < text.n ? hex_value(text.p[i + 1]) : -1;
            int low = high >= 0 ? hex_value(text.p[i + 2]) : -1;
            if (low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        kn_buf_char(out, c);
    }
    return kn_buf_ok(out);
}

bool kn_http_query(const char *text, const char *name, kn_buf *out) {
    size_t wanted = strlen(name);
    while (*text) {
        size_t n = strcspn(text, "&");
        const char *equals = memchr(text, '=', n);
        size_t name_length = equals ? (size_t)(equals - text) : n;
        if (name_length == wanted && memcmp(text, name, wanted) == 0)
            return !equals ||
                   kn_http_decode((kn_slice){equals + 1, n - name_length - 1}, true, out);
        text += n + (text[n] == '&');
    }
    return false;
}

void kn_http_set(kn_http_response *response, const char *name, const char *fmt, ...) {
    kn_buf_printf(&response->fields, "%s: ", name);
    size_t start = response->fields.len;
    char value[4096];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(value, sizeof value, fmt, args);
    va_end(args);
    kn_buf_append(&response->fields, value,
                  n < 0                      ? 0
                  : (size_t)n < sizeof value ? (size_t)n
                                             : sizeof value - 1);
    /* A value that came from a request must not begin a new line. */
    for (size_t i = start; i < response->fields.len; i++)
        if ((unsigned char)response->fields.p[i] < 0x20 || response->fields.p[i] == 0x7f)
            response->fields.p[i] = ' ';
    kn_buf_char(&response->fields, '\n');
}

void kn_http_response_init(kn_http_response *response) {
    *response = (kn_http_response){.status = 200, .fd = -1};
    kn_buf_init(&response->fields, 64 << 10);
    kn_buf_init(&response->body, KN_HTTP_RESPONSE_MAX);
}

void kn_http_response_free(kn_http_response *response) {
    kn_buf_free(&response->fields);
    kn_buf_free(&response->body);
}

bool kn_http_next_field(const char **at, kn_slice *name, kn_slice *value) {
    const char *end = strchr(*at, '\n'), *colon = strchr(*at, ':');
    if (!end || !colon || colon > end)
        return false;
    *name = (kn_slice){*at, (size_t)(colon - *at)};
    *value = (kn_slice){colon + 2, (size_t)(end - colon - 2)};
    *at = end + 1;
    return true;
}
