/* See journal_segment.h. */
#include "lake/store/journal_segment.h"

#include "base/crc32c.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (64u << 10)

static const char magic[8] = {'K', 'N', 'J', 'R', 'N', 'L', '1', '\n'};

static void put32(char *p, uint32_t v) {
    for (int i = 0; i < 4; i++)
        p[i] = (char)(v >> 8 * i);
}

static void put64(char *p, uint64_t v) {
    put32(p, (uint32_t)v);
    put32(p + 4, (uint32_t)(v >> 32));
}

static uint32_t get32(const char *p) {
    const unsigned char *q = (const unsigned char *)p;
    return (uint32_t)q[0] | (uint32_t)q[1] << 8 | (uint32_t)q[2] << 16 | (uint32_t)q[3] << 24;
}

static uint64_t get64(const char *p) {
    return get32(p) | (uint64_t)get32(p + 4) << 32;
}

void kn_segment_path(char out[PATH_MAX], const char *folder, uint64_t first) {
    snprintf(out, PATH_MAX, "%s/%020" PRIu64 ".seg", folder, first);
}

bool kn_segment_create(const char *path, const kn_segment *segment, int *fd, kn_err *err) {
    char header[KN_SEGMENT_HEADER], temporary[PATH_MAX];
    memcpy(header, magic, sizeof magic);
    put64(header + 8, segment->first);
    put64(header + 16, segment->bytes_before);
    put64(header + 24, (uint64_t)segment->arrival_before);
    put32(header + 32, kn_crc32c(0, header, 32));
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.new", path) >= sizeof temporary)
        return kn_fail(err, KN_EINVAL, "file name is too long: %s", path);
    *fd = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (*fd < 0)
        return kn_fail_errno(err, "cannot make %s", path);
    bool ok = kn_file_write_all(*fd, header, sizeof header, err) || kn_fail_within(err, "%s", path);
    if (ok && rename(temporary, path) != 0)
        ok = kn_fail_errno(err, "cannot make %s", path);
    if (!ok) {
        close(*fd);
        *fd = -1;
        unlink(temporary);
    }
    return ok;
}

bool kn_segment_read_header(const char *path, kn_segment *segment, bool *cut, kn_err *err) {
    char header[KN_SEGMENT_HEADER];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return kn_fail_errno(err, "cannot open %s", path);
    ssize_t got = pread(fd, header, sizeof header, 0);
    bool ok = got >= 0 && fstat(fd, &st) == 0;
    if (!ok)
        kn_fail_errno(err, "cannot read %s", path);
    close(fd);
    if (!ok)
        return false;
    *cut = (size_t)got < sizeof header;
    if (*cut)
        return true;
    if (memcmp(header, magic, sizeof magic) != 0 || get32(header + 32) != kn_crc32c(0, header, 32))
        return kn_fail(err, KN_EPARSE, "%s, offset 0: not the header of a journal segment", path);
    segment->first = get64(header + 8);
    segment->size = (uint64_t)st.st_size;
    segment->bytes_before = get64(header + 16);
    segment->arrival_before = (int64_t)get64(header + 24);
    return true;
}

kn_mark kn_segment_start(const kn_segment *segment) {
    return (kn_mark){segment->first, KN_SEGMENT_HEADER, segment->bytes_before,
                     segment->arrival_before};
}

bool kn_segment_mark(kn_segment *segment, const kn_mark *mark) {
    uint64_t before =
        segment->mark_count ? segment->marks[segment->mark_count - 1].offset : KN_SEGMENT_HEADER;
    if (mark->offset < before + KN_MARK_STEP)
        return true;
    if (segment->mark_count == segment->mark_cap) {
        size_t cap = segment->mark_cap ? segment->mark_cap * 2 : 16;
        kn_mark *grown = realloc(segment->marks, cap * sizeof *grown);
        if (!grown)
            return false;
        segment->marks = grown;
        segment->mark_cap = cap;
    }
    segment->marks[segment->mark_count++] = *mark;
    return true;
}

void kn_frame_encode(kn_buf *out, const kn_journal_record *record) {
    char header[KN_FRAME_HEADER];
    put32(header + 4, (uint32_t)record->data.n);
    put32(header + 8, (uint32_t)record->key.n);
    put64(header + 12, (uint64_t)record->arrival_ms);
    uint32_t crc = kn_crc32c(0, header + 4, sizeof header - 4);
    crc = kn_crc32c(crc, record->key.p, record->key.n);
    put32(header, kn_crc32c(crc, record->data.p, record->data.n));
    kn_buf_append(out, header, sizeof header);
    kn_buf_slice(out, record->key);
    kn_buf_slice(out, record->data);
}

/* *p: the n bytes at offset; the caller has checked that they are below the limit. */
static bool frames_bytes(kn_frames *frames, uint64_t offset, size_t n, const char **p,
                         kn_err *err) {
    if (offset < frames->chunk_at || offset + n > frames->chunk_at + frames->have) {
        uint64_t left = frames->limit - offset;
        size_t want = n > CHUNK ? n : left < CHUNK ? (size_t)left : CHUNK;
        if (want > frames->cap) {
            free(frames->chunk);
            frames->have = 0;
            frames->cap = 0;
            if (!(frames->chunk = malloc(want)))
                return kn_fail(err, KN_ENOMEM, "out of memory reading %s", frames->path);
            frames->cap = want;
        }
        frames->chunk_at = offset;
        frames->have = 0;
        while (frames->have < want) {
            ssize_t got = pread(frames->fd, frames->chunk + frames->have, want - frames->have,
                                (off_t)(offset + frames->have));
            if (got < 0 && errno == EINTR)
                continue;
            if (got < 0)
                return kn_fail_errno(err, "cannot read %s", frames->path);
            if (got == 0)
                return kn_fail(err, KN_EPARSE, "%s, offset %" PRIu64 ": the file ends too early",
                               frames->path, offset + frames->have);
            frames->have += (size_t)got;
        }
    }
    *p = frames->chunk + (offset - frames->chunk_at);
    return true;
}

bool kn_frames_next(kn_frames *frames, kn_frame *frame, kn_err *err) {
    const char *p;
    uint64_t left = frames->limit - frames->offset;
    if (left < KN_FRAME_HEADER)
        return kn_fail(err, KN_EPARSE, "%s, offset %" PRIu64 ": the record is cut off",
                       frames->path, frames->offset);
    if (!frames_bytes(frames, frames->offset, KN_FRAME_HEADER, &p, err))
        return false;
    frame->offset = frames->offset;
    frame->data_length = get32(p + 4);
    frame->key_length = get32(p + 8);
    frame->arrival_ms = (int64_t)get64(p + 12);
    frame->length = KN_FRAME_HEADER + (uint64_t)frame->data_length + frame->key_length;
    if (frame->length > left)
        return kn_fail(err, KN_EPARSE, "%s, offset %" PRIu64 ": the record is cut off",
                       frames->path, frames->offset);
    frames->offset += frame->length;
    return true;
}

bool kn_frames_load(kn_frames *frames, const kn_frame *frame, kn_journal_record *record,
                    kn_err *err) {
    const char *p;
    if (!frames_bytes(frames, frame->offset, (size_t)frame->length, &p, err))
        return false;
    if (get32(p) != kn_crc32c(0, p + 4, (size_t)frame->length - 4))
        return kn_fail(err, KN_EPARSE,
                       "%s, offset %" PRIu64 ": the record is damaged (wrong checksum)",
                       frames->path, frame->offset);
    record->arrival_ms = frame->arrival_ms;
    record->key = (kn_slice){p + KN_FRAME_HEADER, frame->key_length};
    record->data = (kn_slice){p + KN_FRAME_HEADER + frame->key_length, frame->data_length};
    return true;
}

void kn_frames_free(kn_frames *frames) {
    free(frames->chunk);
    frames->chunk = NULL;
    frames->have = frames->cap = 0;
}
