/* See chunked.h. */
#include "lake/s3/chunked.h"

#include <ctype.h>

enum { SIZE, DATA, AFTER_DATA, TRAILERS, DONE };

/* A chunk is at most 5 GiB, an object's maximum; 15 hexadecimal digits cannot overflow. */
#define SIZE_DIGITS_MAX 15

static bool fail_framing(kn_err *err, const char *what) {
    return kn_fail_aws(err, 400, "InvalidRequest", "the aws-chunked body is malformed: %s", what);
}

static bool read_size(kn_chunked *c, kn_err *err) {
    uint64_t size = 0;
    size_t digits = 0;
    for (; digits < c->line_length && isxdigit((unsigned char)c->line[digits]); digits++) {
        int digit = tolower((unsigned char)c->line[digits]);
        size = size << 4 | (uint64_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
        if (digits == SIZE_DIGITS_MAX)
            return fail_framing(err, "a chunk is too large");
    }
    if (digits == 0 || (digits < c->line_length && c->line[digits] != ';'))
        return fail_framing(err, "a chunk must begin with its size in hexadecimal");
    c->left = size;
    c->state = size ? DATA : TRAILERS;
    return true;
}

static bool read_trailer(kn_chunked *c, kn_err *err) {
    if (c->line_length == 0) {
        c->state = DONE;
        return true;
    }
    c->line[c->line_length] = '\0';
    char *colon = strchr(c->line, ':');
    if (!colon)
        return fail_framing(err, "a trailer has no colon");
    *colon = '\0';
    for (char *p = c->line; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    const char *value = colon + 1;
    while (*value == ' ' || *value == '\t')
        value++;
    return c->trailer(c->context, c->line, value, err);
}

static bool end_line(kn_chunked *c, kn_err *err) {
    if (c->line_length && c->line[c->line_length - 1] == '\r')
        c->line_length--;
    bool ok = true;
    if (c->state == SIZE)
        ok = read_size(c, err);
    else if (c->state == TRAILERS)
        ok = read_trailer(c, err);
    else if (c->line_length)
        ok = fail_framing(err, "a chunk is longer than its size");
    else
        c->state = SIZE;
    c->line_length = 0;
    return ok;
}

/* Takes bytes up to the end of the line; returns how many. */
static size_t take_line(kn_chunked *c, const char *bytes, size_t n, bool *ok, kn_err *err) {
    const char *end = memchr(bytes, '\n', n);
    size_t taken = end ? (size_t)(end - bytes) : n;
    if (c->line_length + taken >= sizeof c->line) {
        *ok = fail_framing(err, "a line is too long");
        return n;
    }
    memcpy(c->line + c->line_length, bytes, taken);
    c->line_length += taken;
    if (!end)
        return n;
    *ok = end_line(c, err);
    return taken + 1;
}

bool kn_chunked_feed(kn_chunked *c, const char *bytes, size_t n, kn_err *err) {
    bool ok = true;
    while (ok && n && c->state != DONE) {
        size_t taken;
        if (c->state == DATA) {
            taken = c->left < n ? (size_t)c->left : n;
            ok = c->data(c->context, bytes, taken, err);
            c->left -= taken;
            if (c->left == 0)
                c->state = AFTER_DATA;
        } else {
            taken = take_line(c, bytes, n, &ok, err);
        }
        bytes += taken;
        n -= taken;
    }
    return ok;
}

bool kn_chunked_end(kn_chunked *c, kn_err *err) {
    /* Some clients leave out the empty line after the last trailer. */
    if (c->state == TRAILERS && c->line_length && !end_line(c, err))
        return false;
    if (c->state == TRAILERS || c->state == DONE)
        return true;
    return kn_fail_aws(err, 400, "IncompleteBody",
                       "You did not provide the number of bytes specified by the "
                       "Content-Length HTTP header.");
}
