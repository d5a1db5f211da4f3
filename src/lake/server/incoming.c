/* See incoming.h. A body up to BODY_IN_MEMORY stays in memory; a larger one goes to an
 * unlinked file in the spool folder. */
#include "lake/server/incoming.h"

#include "base/file.h"
#include "base/log.h"
#include "base/time.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BODY_IN_MEMORY ((size_t)16 << 20)
#define TEXT_MAX ((size_t)128 << 10)
/* What is read and thrown away of a body over its limit, so that its sender sees the error. */
#define DRAIN_MAX ((uint64_t)64 << 20)
/* A body may take this long, and a second more for every SLOWEST bytes. */
#define BODY_SECONDS 300
#define SLOWEST ((uint64_t)16 << 10)

kn_incoming *kn_incoming_new(kn_server_shared *shared) {
    kn_incoming *in = calloc(1, sizeof *in);
    if (!in)
        return NULL;
    in->shared = shared;
    in->request.body_fd = -1;
    in->started_ns = kn_time_monotonic_ns();
    kn_buf_init(&in->text, TEXT_MAX);
    kn_buf_init(&in->body, BODY_IN_MEMORY);
    kn_buf_char(&in->text, '\0'); /* offset 0 is the empty text */
    return in;
}

void kn_incoming_free(kn_incoming *in) {
    if (!in)
        return;
    if (in->request.body_fd >= 0)
        close(in->request.body_fd);
    kn_buf_free(&in->text);
    kn_buf_free(&in->body);
    free(in);
}

static size_t keep(kn_incoming *in, kn_slice s) {
    size_t at = in->text.len;
    kn_buf_slice(&in->text, s);
    kn_buf_char(&in->text, '\0');
    return at;
}

void kn_incoming_method(kn_incoming *in, kn_slice method) {
    in->method_at = keep(in, method);
}

void kn_incoming_target(kn_incoming *in, kn_slice target) {
    if (target.n && target.p[0] != '/') { /* absolute form: http://host/path */
        const char *authority = memmem(target.p, target.n, "://", 3);
        const char *end = target.p + target.n;
        const char *path =
            authority ? memchr(authority + 3, '/', (size_t)(end - authority - 3)) : 0;
        target = path ? (kn_slice){path, (size_t)(end - path)} : KN_SLICE("/");
    }
    const char *mark = memchr(target.p, '?', target.n);
    size_t n = mark ? (size_t)(mark - target.p) : target.n;
    in->path_at = keep(in, (kn_slice){target.p, n});
    if (mark)
        in->query_at = keep(in, (kn_slice){mark + 1, target.n - n - 1});
}

void kn_incoming_field(kn_incoming *in, kn_slice name, kn_slice value) {
    if (in->request.field_count == KN_INCOMING_FIELDS) {
        in->failed = true;
        return;
    }
    size_t *at = in->offsets[in->request.field_count++];
    at[0] = keep(in, name);
    at[1] = keep(in, value);
    if (kn_buf_ok(&in->text))
        for (char *c = in->text.p + at[0]; *c; c++)
            *c = (char)tolower((unsigned char)*c);
}

bool kn_incoming_fields_done(kn_incoming *in) {
    if (in->failed || !kn_buf_ok(&in->text))
        return false;
    kn_http_request *request = &in->request;
    request->method = in->text.p + in->method_at;
    request->path = in->text.p + in->path_at;
    request->query = in->text.p + in->query_at;
    for (size_t i = 0; i < request->field_count; i++)
        in->fields[i] =
            (kn_http_field){in->text.p + in->offsets[i][0], in->text.p + in->offsets[i][1]};
    request->fields = in->fields;
    const kn_server_config *config = &in->shared->config;
    in->limit = config->body_limit(config->context, request);
    const char *length = kn_http_get(request, "content-length");
    uint64_t announced = length ? strtoull(length, NULL, 10) : 0;
    request->too_large = announced > in->limit;
    /* One allocation instead of many copies; its pages are touched only when the body comes. */
    in->failed = !request->too_large && announced <= BODY_IN_MEMORY &&
                 !kn_buf_reserve(&in->body, (size_t)announced);
    return !in->failed;
}

bool kn_incoming_refuse_now(const kn_incoming *in) {
    if (!in->request.too_large)
        return false;
    const char *length = kn_http_get(&in->request, "content-length");
    return kn_http_get(&in->request, "expect") ||
           strtoull(length, NULL, 10) > in->limit + DRAIN_MAX;
}

static bool spool_open(kn_incoming *in, kn_err *err) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/body.XXXXXX", in->shared->config.spool);
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return kn_fail_errno(err, "cannot spool a request's body in %s", in->shared->config.spool);
    unlink(path);
    in->request.body_fd = fd;
    bool ok = kn_file_write_all(fd, in->body.p, in->body.len, err);
    kn_buf_free(&in->body);
    return ok;
}

static bool body_keep(kn_incoming *in, const char *bytes, size_t n) {
    if (in->request.body_fd < 0 && in->body.len + n <= BODY_IN_MEMORY) {
        kn_buf_append(&in->body, bytes, n);
        return kn_buf_ok(&in->body);
    }
    kn_err err;
    if ((in->request.body_fd >= 0 || spool_open(in, &err)) &&
        kn_file_write_all(in->request.body_fd, bytes, n, &err))
        return true;
    kn_log(KN_LOG_ERROR, "lake: %s", err.message);
    return false;
}

static bool take_body(kn_incoming *in, const char *bytes, size_t n) {
    in->received += n;
    uint64_t seconds = (kn_time_monotonic_ns() - in->started_ns) / 1000000000;
    if (seconds > BODY_SECONDS + in->received / SLOWEST)
        return false;
    if (in->received > in->limit)
        in->request.too_large = true;
    if (in->request.too_large)
        return in->received <= in->limit + DRAIN_MAX;
    return body_keep(in, bytes, n);
}

bool kn_incoming_body(kn_incoming *in, const char *bytes, size_t n) {
    in->failed = in->failed || !take_body(in, bytes, n);
    return !in->failed;
}

void kn_incoming_answer(kn_incoming *in, kn_http_response *response) {
    kn_http_request *request = &in->request;
    request->body_length = in->received;
    if (request->body_fd >= 0)
        lseek(request->body_fd, 0, SEEK_SET);
    else if (!request->too_large)
        request->body = kn_buf_view(&in->body);
    in->shared->config.handler(in->shared->config.context, request, response);
}
