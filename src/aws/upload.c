/* See upload.h. The reader is asked for pieces of any size: a chunk with its framing is made in a
 * buffer, and handed out of it. */
#include "aws/upload.h"

#include "base/base64.h"
#include "base/crc32c.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CHUNK = 64 << 10,
    FRAME = 200, /* more than what is around a chunk */
};

const char kn_upload_trailer[] = "x-amz-checksum-crc32c";

struct kn_upload {
    int fd;
    uint64_t size, done; /* bytes of the file */
    uint32_t crc;
    bool ended; /* the last piece is in the buffer */
    kn_sigv4_key key;
    kn_sigv4_scope scope;
    char seed[65], signature[65];
    kn_transfer_source source;
    kn_err failure;
    char *path;
    size_t taken; /* of out */
    kn_buf out;
    char chunk[CHUNK];
};

static bool rewind_upload(void *context) {
    kn_upload *u = context;
    u->done = 0;
    u->crc = 0;
    u->ended = false;
    u->taken = 0;
    u->failure.code = KN_OK;
    memcpy(u->signature, u->seed, sizeof u->signature);
    kn_buf_clear(&u->out);
    return true;
}

static bool read_chunk(kn_upload *u, size_t n, kn_err *err) {
    for (size_t got = 0; got < n;) {
        ssize_t r = pread(u->fd, u->chunk + got, n - got, (off_t)(u->done + got));
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return kn_fail_errno(err, "cannot read %s", u->path);
        if (r == 0)
            return kn_fail(err, KN_EIO, "%s became shorter while it was sent", u->path);
        got += (size_t)r;
    }
    return true;
}

static bool append_trailer(kn_upload *u, kn_err *err) {
    unsigned char crc[4] = {(unsigned char)(u->crc >> 24), (unsigned char)(u->crc >> 16),
                            (unsigned char)(u->crc >> 8), (unsigned char)u->crc};
    kn_buf line;
    kn_buf_init(&line, 200);
    kn_buf_printf(&line, "%s:", kn_upload_trailer);
    kn_base64_encode(&line, (kn_slice){(char *)crc, sizeof crc});
    kn_buf_slice(&u->out, kn_buf_view(&line));
    kn_buf_char(&line, '\n');
    bool ok = kn_buf_check(&line, "a trailer", err) &&
              kn_sigv4_sign_trailer(&u->key, &u->scope, u->signature, kn_buf_view(&line),
                                    u->signature, err);
    kn_buf_printf(&u->out, "\r\nx-amz-trailer-signature:%s\r\n\r\n", u->signature);
    kn_buf_free(&line);
    return ok;
}

/* The next chunk, framed, into out. */
static bool make_piece(kn_upload *u, kn_err *err) {
    uint64_t left = u->size - u->done;
    size_t n = left < CHUNK ? (size_t)left : CHUNK;
    if (!read_chunk(u, n, err))
        return false;
    kn_slice data = {u->chunk, n};
    u->crc = kn_crc32c(u->crc, u->chunk, n);
    u->done += n;
    if (!kn_sigv4_sign_chunk(&u->key, &u->scope, u->signature, data, u->signature, err))
        return false;
    kn_buf_clear(&u->out);
    u->taken = 0;
    kn_buf_printf(&u->out, "%zx;chunk-signature=%s\r\n", n, u->signature);
    kn_buf_slice(&u->out, data);
    if (n)
        kn_buf_cstr(&u->out, "\r\n");
    else if (!append_trailer(u, err))
        return false;
    u->ended = n == 0;
    return kn_buf_check(&u->out, "a chunk", err);
}

static size_t read_upload(void *context, char *out, size_t room) {
    kn_upload *u = context;
    if (u->taken == u->out.len && !u->ended && !make_piece(u, &u->failure))
        return KN_TRANSFER_ABORT;
    size_t left = u->out.len - u->taken, n = left < room ? left : room;
    memcpy(out, u->out.p + u->taken, n);
    u->taken += n;
    return n;
}

/* What make_piece will make of the file. */
static uint64_t encoded_length(uint64_t size) {
    static const size_t frame = sizeof ";chunk-signature=" - 1 + 64 + 2;
    uint64_t whole = size / CHUNK, rest = size % CHUNK;
    uint64_t length = size + whole * (sizeof "10000" - 1 + frame + 2);
    if (rest)
        length += (uint64_t)snprintf(NULL, 0, "%llx", (unsigned long long)rest) + frame + 2;
    length += 1 + frame;
    length += sizeof kn_upload_trailer + sizeof "AAAAAA==" - 1 + 2;
    return length + sizeof "x-amz-trailer-signature:" - 1 + 64 + 4;
}

bool kn_upload_open(const char *path, kn_upload **out, kn_err *err) {
    struct stat about;
    kn_upload *u = calloc(1, sizeof *u);
    if (!u || !(u->path = strdup(path))) {
        free(u);
        return kn_fail(err, KN_ENOMEM, "out of memory for an upload");
    }
    kn_buf_init(&u->out, CHUNK + 2 * FRAME);
    u->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (u->fd < 0 || fstat(u->fd, &about) != 0) {
        kn_fail_errno(err, "cannot read %s", path);
        kn_upload_close(u);
        return false;
    }
    if (!S_ISREG(about.st_mode)) {
        kn_upload_close(u);
        return kn_fail(err, KN_EINVAL, "%s is not a regular file: its size is not known", path);
    }
    u->size = (uint64_t)about.st_size;
    *out = u;
    return true;
}

void kn_upload_close(kn_upload *u) {
    if (!u)
        return;
    if (u->fd >= 0)
        close(u->fd);
    kn_sigv4_key_wipe(&u->key);
    kn_buf_free(&u->out);
    free(u->path);
    free(u);
}

uint64_t kn_upload_size(const kn_upload *u) {
    return u->size;
}

const kn_transfer_source *kn_upload_begin(kn_upload *u, const kn_sigv4_key *key,
                                          const kn_sigv4_scope *scope, const char signature[65]) {
    u->key = *key;
    u->scope = *scope;
    memcpy(u->seed, signature, sizeof u->seed);
    u->source = (kn_transfer_source){encoded_length(u->size), read_upload, rewind_upload, u};
    rewind_upload(u);
    return &u->source;
}

const kn_err *kn_upload_failure(const kn_upload *u) {
    return u->failure.code == KN_OK ? NULL : &u->failure;
}
