/* See gzip.h. zlib at its default level; the header has no time and no name. */
#include "run/sinks/gzip.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

enum {
    GZIP_FORMAT = 16, /* added to the window's bits */
    MEMORY_LEVEL = 8,
};

struct kn_gzip {
    z_stream stream;
};

bool kn_gzip_new(kn_gzip **out, kn_err *err) {
    kn_gzip *g = calloc(1, sizeof *g);
    *out = g;
    if (!g || deflateInit2(&g->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + GZIP_FORMAT,
                           MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(g);
        *out = NULL;
        return kn_fail(err, KN_ENOMEM, "out of memory to compress");
    }
    return true;
}

void kn_gzip_destroy(kn_gzip *g) {
    if (!g)
        return;
    deflateEnd(&g->stream);
    free(g);
}

bool kn_gzip_member(kn_gzip *g, kn_slice bytes, kn_buf *out, kn_err *err) {
    z_stream *z = &g->stream;
    if (bytes.n == 0)
        return true;
    size_t bound = deflateBound(z, bytes.n);
    if (bytes.n > UINT_MAX / 2)
        return kn_fail(err, KN_ELIMIT, "%zu bytes are too many to compress at once", bytes.n);
    if (!kn_buf_reserve(out, bound))
        return kn_buf_check(out, "what is compressed", err);
    z->next_in = (Bytef *)(uintptr_t)bytes.p;
    z->avail_in = (uInt)bytes.n;
    z->next_out = (Bytef *)out->p + out->len;
    z->avail_out = (uInt)bound;
    int state = deflate(z, Z_FINISH);
    size_t made = bound - z->avail_out;
    if (deflateReset(z) != Z_OK || state != Z_STREAM_END)
        return kn_fail(err, KN_EIO, "cannot compress");
    out->len += made;
    out->p[out->len] = '\0';
    return true;
}
