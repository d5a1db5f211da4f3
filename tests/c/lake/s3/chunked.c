/* The aws-chunked decoder: any cut of the same bytes decodes alike, bad framing is refused. */
#include "lake/s3/chunked.h"

#include "tap.h"

static kn_buf out;
static kn_err err;

static bool on_data(void *context, const char *bytes, size_t n, kn_err *e) {
    (void)context, (void)e;
    kn_buf_append(&out, bytes, n);
    return true;
}

static bool on_trailer(void *context, const char *name, const char *value, kn_err *e) {
    (void)context, (void)e;
    kn_buf_printf(&out, "[%s=%s]", name, value);
    return true;
}

/* Decodes text fed in pieces of the size; the error's code when it fails. */
static const char *decode(const char *text, size_t piece) {
    kn_chunked c = {.data = on_data, .trailer = on_trailer};
    kn_buf_clear(&out);
    size_t n = strlen(text);
    for (size_t at = 0; at < n; at += piece)
        if (!kn_chunked_feed(&c, text + at, n - at < piece ? n - at : piece, &err))
            return err.aws_code;
    return kn_chunked_end(&c, &err) ? (out.p ? out.p : "") : err.aws_code;
}

int main(void) {
    kn_buf_init(&out, 1 << 16);
    static const struct {
        const char *text, *expected, *name;
    } cases[] = {
        {"5\r\nhello\r\n0\r\n\r\n", "hello", "one chunk"},
        {"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "hello!", "two chunks"},
        {"A;chunk-signature=00ff\r\n0123456789\r\n0;chunk-signature=11\r\n\r\n", "0123456789",
         "signed chunks"},
        {"2\r\n\r\n\r\n0\r\nx-amz-checksum-crc32:AAAA\r\nX-Amz-Trailer-Signature: b\r\n\r\n",
         "\r\n[x-amz-checksum-crc32=AAAA][x-amz-trailer-signature=b]", "trailers"},
        {"0\r\nx-amz-checksum-crc32:AAAA\r\n", "[x-amz-checksum-crc32=AAAA]",
         "no empty line behind the trailers"},
        {"0\r\nx-amz-checksum-crc32:AAAA", "[x-amz-checksum-crc32=AAAA]", "nor an end of line"},
        {"0\r\n\r\nmore", "", "what follows the end is not content"},
        {"5\r\nhel", "IncompleteBody", "cut in a chunk"},
        {"5\r\nhello\r\n", "IncompleteBody", "cut before the last chunk"},
        {"", "IncompleteBody", "nothing at all"},
        {"5\r\nhello!\r\n0\r\n\r\n", "InvalidRequest", "a chunk longer than its size"},
        {"x\r\n", "InvalidRequest", "a size that is none"},
        {"\r\n", "InvalidRequest", "no size"},
        {"5 \r\nhello\r\n", "InvalidRequest", "something behind the size"},
        {"1000000000000000000\r\n", "InvalidRequest", "a size that overflows"},
        {"0\r\nno colon\r\n\r\n", "InvalidRequest", "a trailer without a colon"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t piece = 1; piece <= 64; piece = piece * 3 + 1)
            tap_is_str(decode(cases[i].text, piece), cases[i].expected, "%s, by %zu", cases[i].name,
                       piece);
    kn_buf_clear(&out);
    kn_chunked c = {.data = on_data, .trailer = on_trailer};
    bool ok = true;
    for (int i = 0; i < 10000 && ok; i++)
        ok = kn_chunked_feed(&c, "1;", 2, &err);
    tap_ok(!ok && strcmp(err.aws_code, "InvalidRequest") == 0, "a line without an end is refused");
    kn_buf_free(&out);
    return tap_done();
}
