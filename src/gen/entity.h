/* Entities: things that records are about (users, devices, sessions), whose attributes are a pure
 * function of the seed and their number. An operation `entity` picks one and runs its body as if
 * the entity were the record: what draws by the record's key then draws by the entity's, so the
 * same user has the same email in every record of every stream.
 *
 * Which one is picked is a function of (seed, index) too, without a look at other records:
 *
 *   uniform, zipf  a draw among those alive at the record's index
 *   rounds         each once per round of `size` records, in an order permuted anew each round: the
 *                  round is how often the entity had a record before
 *   index          entity i for record i: the population itself as a stream
 *   session        by the layout of the record's block, session.h
 *
 * Zipf: rejection inversion (Hörmann, Derflinger, "Rejection-inversion to generate variates from
 * monotone discrete distributions", 1996); number 0 is the most active. */
#ifndef KN_GEN_ENTITY_H
#define KN_GEN_ENTITY_H

#include "gen/plan.h"
#include "gen/session.h"

typedef enum kn_pick_kind {
    KN_PICK_UNIFORM,
    KN_PICK_ZIPF,
    KN_PICK_ROUNDS,
    KN_PICK_INDEX,
    KN_PICK_SESSION,
} kn_pick_kind;

/* Entity e appears with record (e - size + 1) * every: `size` of them are there at record 0, of
 * which the last is new. It leaves life_min to life_max records later. */
struct kn_pick {
    kn_pick_kind kind;
    uint64_t population; /* kn_rng_hash of its name */
    uint64_t stream;     /* of the choice */
    uint64_t size;
    uint64_t every;              /* 0: all are there from the start */
    uint64_t life_min, life_max; /* 0: for ever; else life_min >= every */
    double exponent;
    kn_session_spec session;
};

enum { KN_PICK_SIZE_MAX = 1 << 30, KN_PICKS_MAX = 256 };

/* What is wrong with it, if anything. */
KN_MUST_CHECK bool kn_pick_check(const kn_pick *pick, kn_err *err);

/* A pick in a cursor: its keys under the seed, and the last choice. */
typedef struct kn_pick_state {
    const kn_pick *pick;
    uint64_t stream_key, population_key;
    double zipf_low, zipf_accept; /* constants of the exponent */
    uint64_t for_key, for_index;  /* whom the choice was made for */
    bool chosen;
    uint64_t number; /* of the entity */
    int64_t moment;  /* when it appeared, as a record's index; before the first: negative */
    uint64_t round;
    kn_session_place place;
    kn_session_layout *layout; /* of sessions */
} kn_pick_state;

KN_MUST_CHECK bool kn_pick_init(kn_pick_state *s, const kn_pick *pick, uint64_t seed_key,
                                kn_err *err);
void kn_pick_free(kn_pick_state *s);

/* Chooses for the record (or the entity) with that key and index, at that moment. */
void kn_pick_choose(kn_pick_state *s, uint64_t record_key, uint64_t index, int64_t moment);

#endif
