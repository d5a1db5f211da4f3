/* An append-only journal of records: a Kinesis shard, or the records put straight to a delivery
 * stream.
 *
 * A folder of segment files; every record carries its arrival time, its partition key, its data and
 * a CRC-32C. Records are numbered from 0 without gaps. What append has returned for is in the file
 * (it survives kill -9; see docs/lake.md for power loss); a torn tail is cut when the journal is
 * opened. Opening reads the last segment only.
 *
 * One writer at a time (serialised inside); readers run beside it and never block it for long. */
#ifndef KN_LAKE_STORE_JOURNAL_H
#define KN_LAKE_STORE_JOURNAL_H

#include "base/buf.h"

typedef struct kn_journal kn_journal;

typedef struct kn_journal_record {
    uint64_t index;     /* assigned by append */
    int64_t arrival_ms; /* never less than the record before it; assigned by append */
    kn_slice key;       /* partition key; may be empty */
    kn_slice data;
} kn_journal_record;

/* The folder is made when absent. A record whose checksum is wrong although a whole one follows was
 * damaged after it was written: that is KN_EPARSE, not a torn tail. */
KN_MUST_CHECK bool kn_journal_open(const char *folder, kn_journal **out, kn_err *err);
/* The same with segments of another size than 64 MiB. */
KN_MUST_CHECK bool kn_journal_open_sized(const char *folder, uint64_t segment_bytes,
                                         kn_journal **out, kn_err *err);
void kn_journal_close(kn_journal *journal);

/* Appends n records as one write; fills in their index and arrival_ms. All or nothing: after a full
 * disk (KN_EIO) the journal is as before and can be used. KN_ELIMIT: over 64 MiB at once. */
KN_MUST_CHECK bool kn_journal_append(kn_journal *journal, kn_journal_record *records, size_t n,
                                     kn_err *err);

uint64_t kn_journal_begin(kn_journal *journal); /* index of the oldest record kept */
uint64_t kn_journal_end(kn_journal *journal);   /* index the next record will get */

/* Visits records from `from` (or the oldest kept) on, until the visitor returns false or the end;
 * the slices are valid during the visit. *next is the index after the last one visited, also after
 * a failure. Records appended meanwhile are not visited. Fails with KN_EPARSE on a record whose
 * checksum is wrong. The visitor may append, but not trim or close. */
typedef bool kn_journal_visitor(void *context, const kn_journal_record *record);
KN_MUST_CHECK bool kn_journal_read(kn_journal *journal, uint64_t from, kn_journal_visitor *visit,
                                   void *context, uint64_t *next, kn_err *err);

/* Data bytes (keys and framing not counted) from index `from` to the end, and the arrival of the
 * record at `from` (0 when there is none): what buffering hints are compared with. Constant time,
 * or nearly. */
KN_MUST_CHECK bool kn_journal_backlog(kn_journal *journal, uint64_t from, uint64_t *bytes,
                                      int64_t *oldest_ms, kn_err *err);

/* Index of the first record that arrived at or after ms (the end when there is none). */
KN_MUST_CHECK bool kn_journal_seek_time(kn_journal *journal, int64_t ms, uint64_t *index,
                                        kn_err *err);

/* Forgets whole segments in which every record is below index, the last one too. */
KN_MUST_CHECK bool kn_journal_trim(kn_journal *journal, uint64_t index, kn_err *err);

#endif
