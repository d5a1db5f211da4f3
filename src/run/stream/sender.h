/* Inside of sink_stream: a sender, and what its sources share. One thread's.
 *
 *   sink_stream.c   takes records, lingers, drains
 *   sender.c        requests: what is sent, what is answered, what waits
 *   fate.c          what became of a record: delivered or given up
 *   gather.c        aggregates: which records travel together
 *   listing.c       the map of shards, asked for
 *
 * A piece (hold.h) is what becomes one entry of a request: a record, or an aggregate of them. It is
 * put into the request that is being filled or, where that cannot be now, held. Nothing but put
 * and drain ever waits. */
#ifndef KN_RUN_STREAM_SENDER_H
#define KN_RUN_STREAM_SENDER_H

#include "aws/batch.h"
#include "aws/call.h"
#include "run/destination.h"
#include "run/stream/hold.h"
#include "run/stream/lanes.h"
#include "run/stream/shards.h"
#include "run/stream/sink_stream.h"

typedef struct kn_sender kn_sender;

/* A request: free, or being filled, or on its way (then it belongs to a call). */
typedef struct kn_parcel {
    kn_batch batch;
    kn_sender *sender;
    kn_aws_call *call; /* on its way */
    uint64_t since_ns; /* when its first record came */
    int round;         /* calls that this whole request took, less one */
    bool doubtful;     /* a send ended without saying whether the records arrived */
    struct kn_parcel *next_free;
} kn_parcel;

typedef struct kn_listing {
    kn_aws_call *call; /* NULL: none is under way */
    kn_shard_pages pages;
    kn_buf body;
} kn_listing;

/* Finished aggregates that wait for others, as their MD5s are computed together. */
typedef struct kn_seals {
    struct kn_unsealed {
        kn_piece piece; /* its slices are set when it is sealed */
        kn_buf blob;
        char hash[KN_HASH_TEXT];
    } list[KN_AGGREGATE_SEALS];
    uint32_t count;
    size_t bytes;
    uint64_t since_ns; /* when the first record of any came; meaningless when there is none */
} kn_seals;

/* So much they may hold together; one may be larger. */
#define KN_SEALS_BYTES (1u << 20)

enum { KN_SHARD_CACHE = 64 };

/* What the answer to one request says, by shard. */
typedef struct kn_tally {
    kn_shard_answer *list; /* by number */
    uint32_t capacity;
    uint32_t touched[500]; /* numbers with something to tell: no more than results */
    uint32_t count;
    struct {
        char name[KN_SHARD_NAME];
        uint32_t number;
    } cache[KN_SHARD_CACHE];
} kn_tally;

struct kn_sender {
    kn_sink sink;
    kn_aws_client *client;
    const kn_operation *operation;
    const kn_batch_rules *rules;
    char *stream;
    int max_attempts; /* the user's; 0: ours */
    uint64_t linger_ns;
    bool aggregate;
    uint64_t lingered_ns; /* the time for which it was looked whether something has lingered */
    uint64_t now_ns;      /* the monotonic clock, looked at by put, poll, and after each wait */
    bool inside;          /* put or drain is at work: a poll from inside of it does less */

    kn_parcel *filling; /* NULL: none */
    kn_parcel *free;
    uint32_t in_flight;
    bool broken; /* a fatal error came; `fatal` says which */
    kn_err fatal;

    kn_hold hold;
    double retries; /* that may be sent now */
    uint64_t retries_ns;

    kn_shards *shards;
    bool own_shards;
    kn_shard_map *map; /* NULL: not known */
    kn_listing listing;
    kn_lanes lanes;
    uint32_t lanes_version; /* of the map by which they were begun */
    kn_seals seals;
    kn_md5 md5;
    kn_deaggregator deaggregator, rerouting;
    kn_tally tally;
    uint64_t replies, looked_ns, unlooked; /* unlooked: since that time */

    kn_pending pending;
    kn_buf scratch;
    uint32_t parcel_count;
    kn_parcel parcels[];
};

/* ---- sender.c ---- */

/* Keeps it for later. It is copied but for its riders, which are taken. */
void kn_sender_hold(kn_sender *s, const kn_piece *piece, uint64_t ready_ns);
/* Puts the piece into a request, or holds it. It is copied but for its riders, which are taken. */
void kn_sender_place(kn_sender *s, const kn_piece *piece);
/* Sends again what is ready. */
void kn_sender_release(kn_sender *s);
void kn_sender_send_filling(kn_sender *s);
/* A request can be filled. */
bool kn_sender_has_room(const kn_sender *s);
/* Makes requests progress; false once a fatal error came. */
bool kn_sender_progress(kn_sender *s, int timeout_ms, kn_err *err);
void kn_sender_break(kn_sender *s, const kn_err *why);
/* Cancels what is on its way, and gives up everything. */
void kn_sender_abandon(kn_sender *s, const kn_err *why);
void kn_sender_recycle(kn_sender *s, kn_parcel *p);
/* Of an attempt: less while no server has answered yet. */
int kn_sender_timeout_ms(const kn_sender *s);

/* ---- fate.c ---- */

/* Records that one reply says were delivered: counted together where they are alike. Zeroed but for
 * now_ns is empty. */
typedef struct kn_delivery {
    uint64_t now_ns;
    uint64_t records, bytes;
    uint64_t due_ns, due_count;    /* the last, all due at that time */
    uint64_t number, number_count; /* the last, one after another */
} kn_delivery;

void kn_sender_delivered(kn_sender *s, kn_delivery *delivery, const kn_batch_entry *entry);
/* After the last of them. */
void kn_sender_count_delivery(kn_sender *s, kn_delivery *delivery);
/* The riders are freed. uncertain: it was on its way just now, and may have arrived. */
void kn_sender_give_up(kn_sender *s, const kn_piece *piece, const kn_err *why, bool uncertain);
/* As it was placed; its slices point into the batch or scratch. False: it cannot be read. */
bool kn_sender_read_entry(kn_sender *s, const kn_batch *b, const kn_batch_entry *entry,
                          kn_piece *piece);
/* What the answer said of an entry's records. */
void kn_sender_tally(kn_sender *s, uint32_t shard, const kn_shard_answer *answer);
void kn_sender_tell_tally(kn_sender *s, uint64_t since_ns, uint64_t now_ns);
uint32_t kn_sender_shard_number(kn_sender *s, kn_slice name);

/* ---- gather.c ---- */

/* Adds a record to the aggregate of its shard, by the map, which must be there. */
void kn_sender_gather(kn_sender *s, const kn_user_record *record, const kn_rider *rider);
/* When the oldest record came that is in an aggregate not yet placed; UINT64_MAX: there is none. */
uint64_t kn_sender_gathered_ns(const kn_sender *s);
/* Places the aggregates that were begun at or before then. */
void kn_sender_close_lanes(kn_sender *s, uint64_t then_ns);
void kn_sender_give_up_lanes(kn_sender *s, const kn_err *why);
/* The aggregate was made by an older map: its records may be of several shards by now. */
bool kn_sender_is_outdated(const kn_sender *s, const kn_piece *piece);
/* Holds it, if all its records are of one shard; or gathers them anew. The riders are taken. */
void kn_sender_reroute(kn_sender *s, kn_piece *piece);

/* ---- listing.c ---- */

/* Asks for the map of shards when it is this sender's turn; takes a newer map over. */
void kn_sender_refresh_map(kn_sender *s);
void kn_sender_cancel_listing(kn_sender *s);

#endif
