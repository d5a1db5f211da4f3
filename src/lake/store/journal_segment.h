/* Inside the journal: how a segment file is laid out, and how its frames are walked. For journal*.c
 * only.
 *
 * A segment is named after the index of its first record ("%020llu.seg"); numbers are
 * little-endian.
 *     header   magic 8, first index 8, data bytes before it in the journal 8, arrival of the record
 *              before it 8, CRC-32C of those 4
 *     frame    CRC-32C of the rest 4, data length 4, key length 4, arrival 8, key, data
 * The header's sums let a journal be opened, and a backlog told, without reading sealed segments.
 */
#ifndef KN_LAKE_STORE_JOURNAL_SEGMENT_H
#define KN_LAKE_STORE_JOURNAL_SEGMENT_H

#include "lake/store/journal.h"

#include <limits.h>
#include <pthread.h>

#define KN_SEGMENT_HEADER 36u
#define KN_FRAME_HEADER 20u
#define KN_MARK_STEP (64u << 10) /* bytes of a segment from one mark to the next */

/* A place in a segment: what is known before the frame at offset. */
typedef struct kn_mark {
    uint64_t index;
    uint64_t offset;
    uint64_t bytes;     /* data bytes of the journal before it */
    int64_t arrival_ms; /* of the frame at offset; of the one before for a segment's start */
} kn_mark;

typedef struct kn_segment {
    uint64_t first;
    uint64_t size; /* bytes of the file that hold whole frames */
    uint64_t bytes_before;
    int64_t arrival_before;
    kn_mark *marks; /* sparse, from the first step on; NULL while not known */
    size_t mark_count, mark_cap;
    bool marked;   /* marks are complete */
    uint64_t used; /* when its marks were last asked for */
} kn_segment;

struct kn_journal {
    char *folder;
    uint64_t segment_max;

    pthread_mutex_t writing; /* one append or trim at a time; taken before lock */
    int fd;                  /* of the last segment, or -1; the writer's */
    bool untidy;             /* the last segment may have bytes after its size */
    kn_buf batch;

    pthread_mutex_t lock; /* guards the rest; held for work in memory, open() and unlink() */
    kn_segment *segments; /* at least one */
    size_t count;
    uint64_t end, bytes;
    int64_t last_ms;
    uint64_t clock; /* counts uses of marks */
};

typedef struct kn_frame {
    uint64_t offset, length; /* in the file, header included */
    int64_t arrival_ms;
    uint32_t key_length, data_length;
} kn_frame;

/* Walks the frames of an open segment file. */
typedef struct kn_frames {
    int fd;
    const char *path;
    uint64_t offset; /* of the next frame */
    uint64_t limit;  /* no frame goes past it */
    char *chunk;     /* bytes [chunk_at, chunk_at + have) of the file */
    size_t have, cap;
    uint64_t chunk_at;
} kn_frames;

void kn_segment_path(char out[PATH_MAX], const char *folder, uint64_t first);

/* Makes the segment file whole or not at all, and opens it for reading and writing. */
KN_MUST_CHECK bool kn_segment_create(const char *path, const kn_segment *segment, int *fd,
                                     kn_err *err);
/* Fills first, size (the file's), bytes_before and arrival_before. *cut: the file is shorter than a
 * header. */
KN_MUST_CHECK bool kn_segment_read_header(const char *path, kn_segment *segment, bool *cut,
                                          kn_err *err);

kn_mark kn_segment_start(const kn_segment *segment);
/* Adds a mark for the frame unless the one before is near; false when out of memory. */
bool kn_segment_mark(kn_segment *segment, const kn_mark *mark);

void kn_frame_encode(kn_buf *out, const kn_journal_record *record);

/* Reads the header of the next frame and moves past it; KN_EPARSE when its lengths go past the
 * limit. The caller stops at offset == limit. */
KN_MUST_CHECK bool kn_frames_next(kn_frames *frames, kn_frame *frame, kn_err *err);
/* Reads the whole frame and compares the checksum (KN_EPARSE); record's slices stay valid until the
 * next call. */
KN_MUST_CHECK bool kn_frames_load(kn_frames *frames, const kn_frame *frame,
                                  kn_journal_record *record, kn_err *err);
void kn_frames_free(kn_frames *frames);

#endif
