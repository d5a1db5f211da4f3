/* Who makes which records: the only thing that workers share. Blocks of record indices are handed
 * out in order, one mutex taken per block: without a pace as fast as they are asked for, with one
 * as its records come due, so that a slow pace flows record by record and a fast one in blocks.
 *
 * Open model: a record is due when the pace says so, whether or not anybody was free to make it;
 * what is late is made as fast as it can be. Closed model: time that the pace lost because nobody
 * was free (beyond a few milliseconds) is not made up for: its clock stops meanwhile. A pause stops
 * the pace's clock in both. */
#ifndef KN_RUN_CLAIM_H
#define KN_RUN_CLAIM_H

#include "run/schedule.h"

#include <pthread.h>

enum { KN_BLOCK_MIN = 250 }; /* fewer records than this are not split between workers */

typedef struct kn_block {
    uint64_t number; /* of the run, from 0 */
    uint64_t first, count;
    uint64_t due_ns; /* of the first record; 0: each is due when it is made */
    double step_ns;  /* from one record to the next */
} kn_block;

typedef struct kn_claims {
    pthread_mutex_t mutex; /* guards all of this */
    pthread_cond_t work;   /* there is something new to claim, or nothing ever again */
    uint64_t first, next, end;
    uint64_t limit; /* no record at or after it is handed out */
    uint64_t next_block;
    unsigned workers, idle; /* idle: wait, and have nothing else to look after */
    bool paced, closed, paused, ending;
    bool stopped;       /* ended before the last record */
    bool watching;      /* an idle worker waits for the time of the next record; others follow */
    uint64_t paused_ns; /* since when */
    uint64_t ended_ns;
    uint64_t late_ns, most_late_ns; /* of blocks claimed: the last, the latest */
    uint64_t waited_ns;             /* of the closed model: how long the pace's clock stopped */
    double last_seconds;            /* when the last record claimed was due, by the pace's clock */
    kn_schedule schedule;           /* of records since `first` */
} kn_claims;

/* amount UINT64_MAX: no end. */
void kn_claims_init(kn_claims *c, uint64_t first, uint64_t amount, unsigned workers, bool paced,
                    bool closed);
void kn_claims_free(kn_claims *c);

/* The clock starts. */
void kn_claims_start(kn_claims *c);

/* What a waiting worker has to do besides. */
typedef struct kn_claimant {
    void *worker;
    bool (*busy)(void *worker); /* it has requests to look after */
    void (*look_after)(void *worker, int timeout_ms);
} kn_claimant;

/* Takes the next block, waiting for it. False: nothing is claimed any more. */
bool kn_claims_take(kn_claims *c, const kn_claimant *who, kn_block *out);

/* Nothing at or after this index is handed out for now. */
void kn_claims_limit(kn_claims *c, uint64_t limit);
/* The next record that will be. */
uint64_t kn_claims_next(kn_claims *c);

/* Ends all claims; `early`: unless all records were claimed, this is a stop. */
void kn_claims_end(kn_claims *c, bool early);

/* ---- the pace; called by one thread ---- */

/* The pace's clock, in seconds since the start. */
double kn_claims_seconds(kn_claims *c);

/* The pace has asked for so many records (since the first) by then; see kn_schedule_draw. */
void kn_claims_draw(kn_claims *c, double seconds, double records);

/* Nothing more will be due: the run ends with what was drawn. */
void kn_claims_draw_end(kn_claims *c);

void kn_claims_pause(kn_claims *c, bool paused);

/* Another pace goes on from now: what the one before had asked for by now stays due (but if that
 * was everything, nothing does). Says where it goes on; `amount` as for init. */
kn_schedule_point kn_claims_change(kn_claims *c, bool paced, uint64_t amount);

/* How the pace is kept; all 0 without one. */
typedef struct kn_claims_status {
    bool paced, paused;
    double seconds;        /* the pace's clock */
    uint64_t due;          /* records asked for so far */
    double due_seconds;    /* when the last of those was due, by the pace's clock */
    double behind_seconds; /* how long the next record has been due; once ended, how late the last
                              block was */
    double most_behind_seconds;
    double waited_seconds;
    bool ended;           /* nothing is claimed any more: the pace's clock stands still ... */
    double ended_seconds; /* ... since so long */
} kn_claims_status;

kn_claims_status kn_claims_look(kn_claims *c);

#endif
