/* Decodes aws-chunked bodies (STREAMING-...): chunks "<hex>[;chunk-signature=...]\r\n<bytes>\r\n",
 * a last one of size 0, then trailers "name:value\r\n" and an empty line. Signatures of chunks are
 * not verified. A push decoder: feed it pieces of any size. */
#ifndef KN_LAKE_S3_CHUNKED_H
#define KN_LAKE_S3_CHUNKED_H

#include "base/buf.h"

typedef struct kn_chunked {
    /* Called with decoded bytes, and with each trailer (name in lower case). False stops. */
    bool (*data)(void *context, const char *bytes, size_t n, kn_err *err);
    bool (*trailer)(void *context, const char *name, const char *value, kn_err *err);
    void *context;
    int state; /* 0 to begin */
    uint64_t left;
    size_t line_length;
    char line[4096];
} kn_chunked;

/* KN_EAWS IncompleteBody or InvalidRequest when the framing is wrong, or the callback's error. */
KN_MUST_CHECK bool kn_chunked_feed(kn_chunked *chunked, const char *bytes, size_t n, kn_err *err);

/* At the end of the body: IncompleteBody unless the last chunk has been seen. */
KN_MUST_CHECK bool kn_chunked_end(kn_chunked *chunked, kn_err *err);

#endif
