/* Inside the lake's Kinesis: its streams. For this folder only.
 *
 * A stream is looked up and held (kn_stream_hold), used, and released; a deleted one leaves the
 * table at once and its files go when the last user has released it. Locks, outermost first:
 * changing, table, a stream's layout, its lock. */
#ifndef KN_LAKE_KINESIS_STATE_H
#define KN_LAKE_KINESIS_STATE_H

#include "lake/kinesis/body.h"
#include "lake/kinesis/id.h"
#include "lake/kinesis/kinesis.h"
#include "lake/kinesis/layout.h"
#include "lake/kinesis/rates.h"
#include "lake/service.h"

#include <pthread.h>
#include <stdatomic.h>

#define KN_SHARDS_MAX 1000 /* open ones of all streams */

/* Once made, a shard stays where it is until its stream goes. */
typedef struct kn_shard {
    unsigned number;
    kn_shard_facts facts; /* closed_ms changes, under the stream's lock; a put is not under way
                             then */
    kn_journal *journal;  /* opened by its first user; under the stream's lock */
    _Atomic int64_t trimmed_ms; /* when old records were last looked for */
    kn_rates rates;             /* under the stream's lock */
} kn_shard;

typedef struct kn_shards {
    kn_shard **all;  /* by number */
    kn_shard **open; /* by range */
    unsigned count, open_count;
} kn_shards;

typedef struct kn_stream {
    char name[KN_STREAM_NAME_MAX + 1];
    char id[KN_STREAM_NAME_MAX + 32]; /* name and creation; its folder */
    int64_t created_ms;

    /* Puts hold it (shared) from where they look for a record's shard until the record is in the
     * journal, so that no record comes after a shard was closed. */
    pthread_rwlock_t layout;
    kn_shards shards; /* read under layout or lock, changed under both */

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t idle;
    unsigned users;
    int64_t retention_hours;
    bool on_demand;
    json_t *tags;   /* an object of strings */
    json_t *stored; /* the shards, as the store has them */
} kn_stream;

struct kn_kinesis {
    kn_lake *lake;
    char *folder;
    kn_md5 md5;               /* shared by the calls */
    pthread_mutex_t changing; /* one create, delete or change of a stream at a time */
    int64_t last_created_ms;  /* under changing */
    pthread_rwlock_t table;   /* guards streams */
    kn_stream **streams;      /* by name */
    size_t count, cap;
};

/* The stream of the name; KN_EAWS ResourceNotFoundException when there is none. Release it. */
KN_MUST_CHECK bool kn_stream_hold(kn_kinesis *kinesis, const char *name, kn_stream **out,
                                  kn_err *err);
/* The stream that the call's StreamName or StreamARN names. */
KN_MUST_CHECK bool kn_stream_hold_input(kn_op_call *call, kn_stream **out, kn_err *err);
void kn_stream_release(kn_stream *stream);
/* That name, checked; lives as long as the call's input. */
KN_MUST_CHECK bool kn_stream_name_input(kn_op_call *call, const char **name, kn_err *err);

KN_MUST_CHECK bool kn_stream_create(kn_kinesis *kinesis, const char *name, unsigned shards,
                                    bool on_demand, const json_t *tags, kn_err *err);
KN_MUST_CHECK bool kn_stream_delete(kn_kinesis *kinesis, const char *name, kn_err *err);
/* LimitExceededException when there would be more than KN_SHARDS_MAX. */
KN_MUST_CHECK bool kn_kinesis_allow_shards(kn_kinesis *kinesis, unsigned more, kn_err *err);
/* Calls change with a copy of the document of the stream that the call names, stores it and follows
 * it. */
typedef bool kn_stream_changer(const kn_stream *stream, json_t *doc, void *context, kn_err *err);
KN_MUST_CHECK bool kn_stream_change(kn_op_call *call, kn_stream_changer *change, void *context,
                                    kn_err *err);

/* Calls visit for the streams after `after` (NULL: all), by name, until it returns false; each is
 * locked meanwhile. */
typedef bool kn_stream_visitor(void *context, const kn_stream *stream);
void kn_stream_each(kn_kinesis *kinesis, const char *after, kn_stream_visitor *visit,
                    void *context);

/* --- stream.c: one stream ------------------------------------------------------------------- */

/* From the store's document, and back (a new reference, NULL when out of memory). */
KN_MUST_CHECK bool kn_stream_new(const char *name, const json_t *doc, kn_stream **out, kn_err *err);
json_t *kn_stream_document(const kn_stream *stream);
void kn_stream_destroy(kn_stream *stream); /* NULL is allowed */
/* Readies the shards of a changed document; then kn_stream_follow, which cannot fail, follows the
 * document and takes them, or kn_stream_forget drops them. */
KN_MUST_CHECK bool kn_stream_prepare(const kn_stream *stream, const json_t *doc, kn_shards *next,
                                     kn_err *err);
void kn_stream_follow(kn_stream *stream, const json_t *doc, kn_shards *next);
void kn_stream_forget(const kn_stream *stream, kn_shards *next);

/* The shard of the number, or NULL; and its facts as they are now. */
kn_shard *kn_stream_shard(kn_stream *stream, uint64_t number);
kn_shard_facts kn_shard_now(kn_stream *stream, const kn_shard *shard);

/* The shard's journal, opened; records past the retention period are forgotten now and then. */
KN_MUST_CHECK bool kn_stream_journal(kn_kinesis *kinesis, kn_stream *stream, kn_shard *shard,
                                     kn_journal **out, kn_err *err);
/* Before then, records are past their retention period. */
int64_t kn_stream_horizon_ms(kn_stream *stream);
/* Index of the oldest record within the retention period. */
KN_MUST_CHECK bool kn_stream_horizon(kn_stream *stream, kn_journal *journal, uint64_t *index,
                                     kn_err *err);

/* "arn:aws:kinesis:us-east-1:000000000000:stream/name"; to be freed, NULL when out of memory. */
char *kn_stream_arn(const kn_kinesis *kinesis, const char *name);

/* Holds the stream that a token was made for; ResourceNotFoundException when it is gone. */
KN_MUST_CHECK bool kn_stream_hold_token(kn_kinesis *kinesis, const kn_page_token *token,
                                        kn_stream **out, kn_err *err);

/* "shardId-000000000001" */
#define KN_SHARD_ID_SIZE 24
void kn_shard_id_print(unsigned shard, char out[KN_SHARD_ID_SIZE]);
bool kn_shard_id_parse(const char *text, unsigned *shard);

/* HashKeyRange; NULL when out of memory. */
json_t *kn_shard_range_json(const kn_shard_facts *facts);

/* Members of the call's input: NULL, or fallback, when absent. Types have been checked. */
const char *kn_input_string(const kn_op_call *call, const char *name);
int64_t kn_input_integer(const kn_op_call *call, const char *name, int64_t fallback);

bool kn_fail_memory(kn_err *err);
/* ProvisionedThroughputExceededException */
bool kn_fail_rate(kn_err *err, const kn_kinesis *kinesis, const kn_stream *stream,
                  const kn_shard *shard);
/* ResourceNotFoundException: the stream has no such shard. */
bool kn_fail_shard(kn_err *err, const kn_kinesis *kinesis, const char *stream, const char *shard);

/* The operations, by file: streams.c, shards.c, reshard.c, put.c, get.c. */
kn_op_function kn_kinesis_create_stream, kn_kinesis_delete_stream, kn_kinesis_describe_stream,
    kn_kinesis_describe_stream_summary, kn_kinesis_list_streams, kn_kinesis_describe_limits,
    kn_kinesis_add_tags, kn_kinesis_list_tags, kn_kinesis_remove_tags,
    kn_kinesis_increase_retention, kn_kinesis_decrease_retention, kn_kinesis_update_mode,
    kn_kinesis_list_shards, kn_kinesis_split_shard, kn_kinesis_merge_shards,
    kn_kinesis_update_shard_count, kn_kinesis_put_record, kn_kinesis_put_records,
    kn_kinesis_get_shard_iterator, kn_kinesis_get_records;
/* A shortcut for PutRecords (put.c). */
KN_MUST_CHECK bool kn_kinesis_put_records_body(kn_op_call *call, bool *taken, kn_err *err);

#endif
