/* One request type for both HTTP versions: server/h1.c and server/h2.c fill it, route.c answers it.
 */
#ifndef KN_LAKE_HTTP_H
#define KN_LAKE_HTTP_H

#include "base/buf.h"

typedef struct kn_http_field {
    const char *name; /* lower case */
    const char *value;
} kn_http_field;

typedef struct kn_http_request {
    const char *method; /* "GET" */
    const char *path;   /* as sent, still percent-encoded, without the query: "/bucket/a%20b" */
    const char *query;  /* as sent, without the question mark; "" when absent */
    const kn_http_field *fields;
    size_t field_count;
    kn_slice body; /* the body, unless it was spooled */
    int body_fd;   /* a temporary file, read position 0, or -1 */
    uint64_t body_length;
    bool too_large; /* the body was over its limit and is not here */
} kn_http_request;

/* The value of a header (name in lower case), or NULL. HTTP/2's :authority is "host". */
const char *kn_http_get(const kn_http_request *request, const char *name);

/* Appends the decoded value of a query (or form) parameter to out; false when it is absent or
 * malformed. text is request->query, or a form body. A parameter without "=" has the value "". */
bool kn_http_query(const char *text, const char *name, kn_buf *out);

/* Appends the percent-decoded text; false when malformed. plus: '+' means a space (forms, queries).
 */
bool kn_http_decode(kn_slice text, bool plus, kn_buf *out);

typedef struct kn_http_response {
    int status;    /* 200 until set */
    kn_buf fields; /* "Name: value\n" lines; kn_http_set appends */
    kn_buf body;   /* unless fd is set */
    int fd; /* -1, or a file whose bytes [offset, offset + length) are the body; closed by the
               server */
    uint64_t offset;
    uint64_t length;
} kn_http_response;

void kn_http_set(kn_http_response *response, const char *name, const char *fmt, ...)
    KN_PRINTF(3, 4);

/* The largest reply in memory; larger ones are files. */
#define KN_HTTP_RESPONSE_MAX ((size_t)256 << 20)

/* For the server: an empty 200, its release, and a walk over its fields (*at starts at fields.p).
 */
void kn_http_response_init(kn_http_response *response);
void kn_http_response_free(kn_http_response *response); /* the file stays open */
bool kn_http_next_field(const char **at, kn_slice *name, kn_slice *value);

/* Answers one request; called on any of the server's threads, several at once. Never fails: errors
 * are answers. */
typedef void kn_http_handler(void *context, const kn_http_request *request,
                             kn_http_response *response);

#endif
