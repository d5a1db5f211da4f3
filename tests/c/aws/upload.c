/* A file as a signed, chunked body: AWS's documented example, and files of every awkward size read
 * in pieces of every awkward size. */
#include "aws/upload.h"

#include "base/file.h"
#include "tap.h"

#include <unistd.h>

static char path[] = "/tmp/kinessis-upload-XXXXXX";
static char body[1 << 20];

static bool write_file(size_t size) {
    kn_err err;
    kn_buf bytes;
    kn_buf_init(&bytes, sizeof body);
    for (size_t i = 0; i < size; i++)
        kn_buf_char(&bytes, 'a');
    bool ok = kn_file_write(path, kn_buf_view(&bytes), &err);
    kn_buf_free(&bytes);
    return ok;
}

/* The whole body, read in pieces of `room` bytes; its length, or KN_TRANSFER_ABORT. */
static size_t read_all(const kn_transfer_source *source, size_t room) {
    size_t length = 0;
    for (;;) {
        size_t n = source->read(source->context, body + length,
                                room < sizeof body - length ? room : sizeof body - length);
        if (n == KN_TRANSFER_ABORT)
            return n;
        length += n;
        if (n == 0)
            return length;
    }
}

static kn_upload *begin(const kn_transfer_source **source) {
    static const kn_sigv4_scope scope = {1369353600000, "us-east-1", "s3"};
    kn_sigv4_key key = {0};
    kn_upload *upload;
    kn_err err;
    if (!kn_sigv4_key_derive(&key, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", &scope, &err) ||
        !kn_upload_open(path, &upload, &err)) {
        tap_ok(false, "%s", err.message);
        exit(1);
    }
    *source = kn_upload_begin(upload, &key, &scope,
                              "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e");
    return upload;
}

static void documented(void) {
    const kn_transfer_source *source;
    write_file(66560);
    kn_upload *upload = begin(&source);
    size_t length = read_all(source, 1000);
    tap_is_int(length, source->length, "as long as announced");
    tap_is_int(kn_upload_size(upload), 66560, "the file's size");
    static const char first[] =
        "10000;chunk-signature="
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"
        "\r\naaa";
    static const char second[] =
        "\r\n400;chunk-signature="
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"
        "\r\naaa";
    static const char end[] =
        "aaa\r\n0;chunk-signature="
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"
        "\r\nx-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:"
        "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"
        "\r\n\r\n";
    tap_ok(strncmp(body, first, strlen(first)) == 0, "the first chunk");
    tap_ok(memcmp(body + strlen(first) - 3 + 65536, second, strlen(second)) == 0, "the second");
    tap_ok(memcmp(body + length - strlen(end), end, strlen(end)) == 0, "the end and the trailer");
    static char before[sizeof body];
    memcpy(before, body, length);
    tap_ok(source->rewind(source->context) && read_all(source, 70000) == length &&
               memcmp(before, body, length) == 0,
           "rewound, it is the same again");
    kn_upload_close(upload);
}

static void sizes(void) {
    static const size_t files[] = {0, 1, 15, 16, 65535, 65536, 65537, 131072, 300000};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const kn_transfer_source *source;
        write_file(files[i]);
        kn_upload *upload = begin(&source);
        tap_is_int(read_all(source, 1 + i * 4099), source->length, "a file of %zu bytes", files[i]);
        kn_upload_close(upload);
    }
}

static void failures(void) {
    const kn_transfer_source *source;
    kn_upload *upload;
    kn_err err;
    write_file(100000);
    upload = begin(&source);
    tap_ok(kn_upload_failure(upload) == NULL, "nothing has gone wrong");
    tap_ok(truncate(path, 70000) == 0 && read_all(source, 5000) == KN_TRANSFER_ABORT,
           "a file that shrinks is given up");
    tap_ok(kn_upload_failure(upload) &&
               strstr(kn_upload_failure(upload)->message, "became shorter"),
           "... and that is said");
    kn_upload_close(upload);
    tap_ok(!kn_upload_open("/nowhere/at/all", &upload, &err) &&
               strstr(err.message, "/nowhere/at/all"),
           "%s", err.message);
    tap_ok(!kn_upload_open("/dev/null", &upload, &err) && err.code == KN_EINVAL, "%s", err.message);
}

int main(void) {
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    documented();
    sizes();
    failures();
    unlink(path);
    return tap_done();
}
