/* Fuzzes the aws-chunked decoder: the first byte chooses the size of the pieces. Decoded content is
 * never longer than the input, and any cut gives the same. */
#include "lake/s3/chunked.h"

#include <stdlib.h>

typedef struct total {
    size_t bytes, trailers;
} total;

static bool on_data(void *context, const char *bytes, size_t n, kn_err *err) {
    (void)bytes, (void)err;
    ((total *)context)->bytes += n;
    return true;
}

static bool on_trailer(void *context, const char *name, const char *value, kn_err *err) {
    (void)err;
    ((total *)context)->trailers += 1 + strlen(name) + strlen(value);
    return true;
}

static bool decode(const uint8_t *data, size_t n, size_t piece, total *t) {
    kn_err err;
    kn_chunked c = {.data = on_data, .trailer = on_trailer, .context = t};
    for (size_t at = 0; at < n; at += piece)
        if (!kn_chunked_feed(&c, (const char *)data + at, n - at < piece ? n - at : piece, &err))
            return false;
    return kn_chunked_end(&c, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n == 0)
        return 0;
    total whole = {0, 0}, cut = {0, 0};
    bool a = decode(data + 1, n - 1, n, &whole);
    bool b = decode(data + 1, n - 1, 1u + data[0] % 16, &cut);
    if (a != b || whole.bytes > n ||
        (a && (whole.bytes != cut.bytes || whole.trailers != cut.trailers)))
        abort();
    return 0;
}
