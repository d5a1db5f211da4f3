/* See session.h. */
#include "gen/session.h"

#include <stdlib.h>

typedef struct slot {
    uint16_t session; /* in its block */
    uint8_t position, step;
} slot;

typedef struct span {
    uint16_t first, last; /* slots */
    uint8_t length;
} span;

struct kn_session_layout {
    uint64_t key, block;
    bool made;
    slot slots[KN_SESSION_BLOCK];
    span sessions[KN_SESSION_BLOCK];
};

typedef struct lane {
    uint16_t session;
    uint8_t position, length;
    uint8_t path[KN_SESSION_MOST];
} lane;

bool kn_session_check(const kn_session_spec *spec, kn_err *err) {
    if (spec->steps < 1 || spec->steps > KN_SESSION_STEPS)
        return kn_fail(err, KN_EINVAL, "sessions have 1 to %d steps", KN_SESSION_STEPS);
    if (spec->most < 1 || spec->most > KN_SESSION_MOST)
        return kn_fail(err, KN_EINVAL, "sessions have at most 1 to %d events", KN_SESSION_MOST);
    if (spec->open < 1 || spec->open > KN_SESSION_OPEN)
        return kn_fail(err, KN_EINVAL, "1 to %d sessions are open at once", KN_SESSION_OPEN);
    for (unsigned i = 0; i < spec->steps; i++) {
        double sum = 0;
        for (unsigned j = 0; j < spec->steps; j++) {
            if (!(spec->next[i][j] >= 0))
                return kn_fail(err, KN_EINVAL, "a probability is below 0");
            sum += spec->next[i][j];
        }
        if (sum > 1 + 1e-9)
            return kn_fail(err, KN_EINVAL, "what follows a step has a probability of %g in all",
                           sum);
    }
    return true;
}

bool kn_session_layout_new(kn_session_layout **out, kn_err *err) {
    *out = calloc(1, sizeof **out);
    return *out || kn_fail(err, KN_ENOMEM, "out of memory");
}

void kn_session_layout_free(kn_session_layout *l) {
    free(l);
}

/* Walks from step 0, at most `room` events. */
static void draw_path(const kn_session_spec *spec, unsigned room, kn_rng *rng, lane *a) {
    unsigned most = spec->most < room ? spec->most : room, step = 0;
    a->position = 0;
    a->length = 0;
    while (a->length < most && step < spec->steps) {
        a->path[a->length++] = (uint8_t)step;
        double u = kn_rng_unit(kn_rng_next(rng));
        unsigned next = 0;
        while (next < spec->steps && u >= spec->next[step][next])
            u -= spec->next[step][next++];
        step = next;
    }
}

/* Every slot goes to an open session. Sessions open while their events, and those that the open
 * ones still owe, fit in the slots that are left: so all have ended with the block. */
static void lay_out(kn_session_layout *l, const kn_session_spec *spec, uint64_t key,
                    uint64_t block) {
    kn_rng rng = kn_rng_at(kn_rng_record_key(key, block), 0);
    lane lanes[KN_SESSION_OPEN];
    unsigned open = 0, owed = 0;
    uint16_t begun = 0;
    for (unsigned i = 0; i < KN_SESSION_BLOCK; i++) {
        unsigned left = KN_SESSION_BLOCK - i;
        while (open < spec->open && owed < left) {
            lane *a = &lanes[open++];
            draw_path(spec, left - owed, &rng, a);
            a->session = begun++;
            owed += a->length;
            l->sessions[a->session].length = a->length;
        }
        unsigned chosen = (unsigned)kn_rng_below(kn_rng_next(&rng), open);
        lane *a = &lanes[chosen];
        span *s = &l->sessions[a->session];
        l->slots[i] = (slot){a->session, a->position, a->path[a->position]};
        if (a->position == 0)
            s->first = (uint16_t)i;
        s->last = (uint16_t)i;
        owed--;
        if (++a->position == a->length)
            *a = lanes[--open];
    }
    l->key = key;
    l->block = block;
    l->made = true;
}

kn_session_place kn_session_find(kn_session_layout *l, const kn_session_spec *spec, uint64_t key,
                                 uint64_t index) {
    uint64_t block = index / KN_SESSION_BLOCK, start = block * KN_SESSION_BLOCK;
    if (!l->made || l->block != block || l->key != key)
        lay_out(l, spec, key, block);
    const slot *at = &l->slots[index - start];
    const span *s = &l->sessions[at->session];
    return (kn_session_place){.session = start + at->session,
                              .first = start + s->first,
                              .last = start + s->last,
                              .position = at->position,
                              .length = s->length,
                              .step = at->step};
}
