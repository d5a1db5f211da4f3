/* Opens a journal whose only segment has arbitrary bytes and reads it: what is visited must fit the
 * file, and opening again must find the same. By the first byte, the header is a good one, and the
 * frames get their right checksums (the fuzzer cannot guess those). */
#include "lake/store/journal.h"

#include "base/crc32c.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static bool count(void *context, const kn_journal_record *record) {
    uint64_t *bytes = context;
    static volatile uint32_t touched;
    touched = kn_crc32c(touched, record->data.p, record->data.n);
    *bytes += record->data.n;
    return true;
}

/* Puts the right checksum on every frame whose lengths fit. */
static void repair(unsigned char *p, size_t n) {
    while (n >= 20) {
        uint32_t length[2];
        memcpy(length, p + 4, 8);
        if ((uint64_t)length[0] + length[1] + 20 > n)
            break;
        size_t frame = 20 + (size_t)length[0] + length[1];
        uint32_t crc = kn_crc32c(0, p + 4, frame - 4);
        memcpy(p, &crc, 4);
        p += frame;
        n -= frame;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
    static char folder[] = "/tmp/kn-fuzz-journal-XXXXXX", path[128];
    kn_journal *journal;
    kn_err err;
    if (!path[0]) {
        if (!mkdtemp(folder))
            abort();
        snprintf(path, sizeof path, "%s/%020d.seg", folder, 0);
    }
    unlink(path);
    unsigned char *data = malloc(size + 1);
    if (!data)
        abort();
    memcpy(data, input, size);
    if (size && data[0] & 2)
        repair(data + 1, size - 1);
    bool raw = size && data[0] & 1; /* the header is the fuzzer's too */
    if (!raw) {
        if (!kn_journal_open(folder, &journal, &err))
            abort();
        kn_journal_close(journal);
    }
    int fd = open(path, O_WRONLY | O_CREAT | (raw ? O_TRUNC : O_APPEND), 0600);
    if (fd < 0 || (size && write(fd, data + 1, size - 1) != (ssize_t)(size - 1)))
        abort();
    close(fd);
    free(data);
    uint64_t ends[2] = {0};
    for (int i = 0; i < 2; i++) {
        uint64_t bytes = 0, next, backlog;
        int64_t oldest;
        if (!kn_journal_open(folder, &journal, &err))
            return 0;
        ends[i] = kn_journal_end(journal);
        if (!kn_journal_read(journal, 0, count, &bytes, &next, &err) || next != ends[i] ||
            !kn_journal_backlog(journal, 0, &backlog, &oldest, &err) || backlog < bytes ||
            bytes > size)
            abort();
        kn_journal_close(journal);
    }
    if (ends[0] != ends[1])
        abort();
    return 0;
}
