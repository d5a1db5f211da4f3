/* Inside the lake's Firehose; for this folder only.
 *
 * A delivery stream is looked up and held, used, and released; a deleted one leaves the table at
 * once and ends when its last user has released it. Locks, outermost first: changing, a stream's
 * delivering, the firehose's lock. None is held while the store is in a transaction of another.
 *
 * Store, kind "firehose.stream", by name: {"Id": uuid, "Created": ms, "Updated": ms, "Version": n,
 * "Source": {...} or absent, "Destination": {...}, "Legacy": bool, "Tags": {...}}; the source and
 * the destination as they were sent, with the defaults filled in. Kind "firehose.position", by id:
 * {"Source": when the source stream was made, or 0, "Next": [index of each source journal]}. */
#ifndef KN_LAKE_FIREHOSE_STATE_H
#define KN_LAKE_FIREHOSE_STATE_H

#include "lake/kinesis/kinesis.h"
#include "lake/service.h"
#include "lake/sql/sql.h"
#include "lake/store/journal.h"
#include "lake/store/store.h"

#include <pthread.h>

#define KN_FIREHOSE_STREAM "firehose.stream"
#define KN_FIREHOSE_POSITION "firehose.position"
#define KN_FIREHOSE_NAME_MAX 64

/* How far the journals of the source have been delivered. */
typedef struct kn_positions {
    int64_t source_ms; /* when the source stream was made; 0 for records put directly */
    uint64_t *next;    /* by shard; a shard beyond the end is new: from its first record on */
    size_t count;
} kn_positions;

typedef struct kn_delivery {
    char name[KN_FIREHOSE_NAME_MAX + 1];
    char id[40];
    kn_journal *journal; /* of the records put directly; NULL when a stream is the source */
    char *source;        /* name of that stream, or NULL */

    json_t *doc; /* never changed, only replaced; under the firehose's lock */
    unsigned users;

    pthread_mutex_t delivering; /* guards the rest */
    bool deleted;               /* its last users deliver nothing more */
    kn_positions positions;
    uint64_t limit;   /* bytes of a batch, made smaller while memory does not suffice; 0: none */
    int64_t retry_ms; /* after a failure: not before then; 0: the last delivery went well */
    int64_t wait_ms;  /* and how long that was */
} kn_delivery;

struct kn_firehose {
    kn_lake *lake;
    char *folder;
    pthread_mutex_t changing; /* one create, update or delete at a time */
    pthread_mutex_t lock;     /* guards what follows */
    pthread_cond_t idle;      /* a stream has lost its last user */
    pthread_cond_t wake;      /* the delivery thread has a reason to look */
    kn_delivery **streams;    /* by name */
    size_t count, cap;
    kn_sql *sql; /* opened by the first conversion */
    bool stopping;
    bool started;
    pthread_t thread;
};

/* --- firehose.c: the table of streams ------------------------------------------------------- */

/* ResourceNotFoundException when there is none. Release it. */
KN_MUST_CHECK bool kn_delivery_hold(kn_firehose *firehose, const char *name, kn_delivery **out,
                                    kn_err *err);
void kn_delivery_release(kn_firehose *firehose, kn_delivery *delivery);
/* The stream's document; a new reference, not to be changed. */
json_t *kn_delivery_doc(kn_firehose *firehose, const kn_delivery *delivery);
/* Every stream, held; release each and free the array. */
KN_MUST_CHECK bool kn_delivery_hold_all(kn_firehose *firehose, kn_delivery ***out, size_t *count,
                                        kn_err *err);

/* doc is stored, borrowed. LimitExceeded- and ResourceInUseException. */
KN_MUST_CHECK bool kn_delivery_create(kn_firehose *firehose, const char *name, const json_t *doc,
                                      const kn_positions *positions, kn_err *err);
KN_MUST_CHECK bool kn_delivery_delete(kn_firehose *firehose, const char *name, kn_err *err);
/* Calls change with a copy of the document, stores it and follows it. */
typedef bool kn_delivery_changer(json_t *doc, void *context, kn_err *err);
KN_MUST_CHECK bool kn_delivery_change(kn_firehose *firehose, const char *name,
                                      kn_delivery_changer *change, void *context, kn_err *err);

/* The database that writes Parquet. */
KN_MUST_CHECK bool kn_firehose_sql(kn_firehose *firehose, kn_sql **out, kn_err *err);

/* --- config.c: what may be sent, and the defaults ----------------------------------- */

/* Checks a destination (of kind ExtendedS3DestinationConfiguration) and fills in defaults. */
KN_MUST_CHECK bool kn_firehose_check(kn_lake *lake, json_t *destination, kn_err *err);

/* The conversion's configuration, or NULL when there is none or it is switched off. */
const json_t *kn_firehose_conversion(const json_t *destination);
uint64_t kn_firehose_buffer_bytes(const json_t *destination);
int64_t kn_firehose_buffer_ms(const json_t *destination);
/* What AppendDelimiterToRecord puts after each record; empty without it. */
kn_slice kn_firehose_delimiter(const json_t *destination);
/* The name after the last '/' of a stream's ARN, after the last ':' of a bucket's. */
const char *kn_firehose_arn_name(const char *arn, char mark);

/* --- source.c: what there is to deliver --------------------------------------------- */

typedef struct kn_source {
    unsigned shard;
    uint64_t next;  /* first record not delivered */
    uint64_t end;   /* index after the last record that was there */
    uint64_t bytes; /* between them */
} kn_source;

typedef struct kn_backlog {
    int64_t source_ms; /* see kn_positions */
    uint64_t bytes;
    int64_t oldest_ms; /* arrival of the oldest record; 0: nothing to deliver */
    kn_source *sources;
    size_t count;
} kn_backlog;

/* The caller holds delivering. Free it with kn_backlog_free, also after a failure. */
KN_MUST_CHECK bool kn_backlog_read(kn_firehose *firehose, kn_delivery *delivery, kn_backlog *out,
                                   kn_err *err);
void kn_backlog_free(kn_backlog *backlog);

/* Calls visit for each source journal: that of the stream's own, or those of its source's shards.
 */
KN_MUST_CHECK bool kn_source_each(kn_firehose *firehose, const kn_delivery *delivery,
                                  kn_kinesis_shard_visitor *visit, void *context, kn_err *err);

/* The present end of a stream's shards: where a new delivery stream begins. */
KN_MUST_CHECK bool kn_positions_latest(kn_lake *lake, const char *stream, kn_positions *out,
                                       kn_err *err);
KN_MUST_CHECK bool kn_positions_load(kn_store *store, const char *id, kn_positions *out,
                                     kn_err *err);
KN_MUST_CHECK bool kn_positions_save(kn_store *store, const char *id, const kn_positions *positions,
                                     kn_err *err);

/* --- batch.c: from records to objects ------------------------------------------------ */

typedef struct kn_delivered {
    uint64_t objects, records, failed, bytes;
} kn_delivered;

/* Delivers one batch of the backlog: up to `limit` bytes of records before its ends. The caller
 * holds delivering. Adds to *total. */
KN_MUST_CHECK bool kn_firehose_deliver(kn_firehose *firehose, kn_delivery *delivery,
                                       const kn_backlog *backlog, uint64_t limit,
                                       kn_delivered *total, kn_err *err);

/* --- output.c: the files of a batch -------------------------------------------------- */

typedef struct kn_output kn_output;

/* doc is the stream's document, borrowed. id: 16 bytes that name the objects. */
KN_MUST_CHECK bool kn_output_open(kn_firehose *firehose, const kn_delivery *delivery,
                                  const json_t *doc, const unsigned char *id, kn_output **out,
                                  kn_err *err);
void kn_output_close(kn_output *output); /* removes files that were not adopted */
/* origin: the shard of the source stream, which gives the record its sequence number in an error
 * object; NULL: it was put directly. */
KN_MUST_CHECK bool kn_output_record(kn_output *output, const kn_journal_record *record,
                                    const kn_shard_view *origin, kn_err *err);
uint64_t kn_output_records(const kn_output *output); /* those of aggregates each */
uint64_t kn_output_rows(const kn_output *output);
uint64_t kn_output_failed(const kn_output *output);
/* Completes the files; no transaction may be open. */
KN_MUST_CHECK bool kn_output_finish(kn_output *output, kn_err *err);
/* Registers them as objects, in the transaction of the caller. */
KN_MUST_CHECK bool kn_output_adopt(kn_output *output, uint64_t *objects, kn_err *err);

/* --- thread.c: when ------------------------------------------------------------------ */

KN_MUST_CHECK bool kn_firehose_start(kn_firehose *firehose, kn_err *err);
void kn_firehose_stop(kn_firehose *firehose);
/* Delivers everything up to the present end, now. */
KN_MUST_CHECK bool kn_firehose_flush(kn_firehose *firehose, kn_delivery *delivery,
                                     kn_delivered *total, kn_err *err);

/* --- put.c ----------------------------------------------------------------------------
 */

kn_op_function kn_firehose_put_record, kn_firehose_put_record_batch;
extern const kn_member kn_firehose_put_record_members[], kn_firehose_put_record_batch_members[];

/* ---- tags (tags.c) ---- */

enum { KN_FIREHOSE_TAGS_MAX = 50 };

/* Adds a list of {Key, Value} to an object. */
KN_MUST_CHECK bool kn_firehose_add_tags(json_t *tags, const json_t *list, kn_err *err);
kn_op_function kn_firehose_tag_stream, kn_firehose_untag_stream, kn_firehose_list_tags;
extern const kn_member kn_firehose_tag_members[], kn_firehose_tag_stream_members[],
    kn_firehose_untag_stream_members[], kn_firehose_list_tags_members[];

/* How a member names a delivery stream. */
#define KN_FIREHOSE_STREAM_NAME                                                                    \
    .type = KN_STRING, .min = 1, .max = KN_FIREHOSE_NAME_MAX, .characters = "[a-zA-Z0-9_.-]+"

#endif
