/* See entity.h: the choice. The operations are in ops_entity.c. */
#include "gen/entity.h"

#include "gen/draw.h"

#include <math.h>

enum { TRIES = 32 };

static const uint64_t life_stream = 0x6C69666574696D65u; /* any number: of the draw of a lifetime */

bool kn_pick_check(const kn_pick *pick, kn_err *err) {
    if (pick->kind == KN_PICK_SESSION)
        return kn_session_check(&pick->session, err);
    if (pick->size < 1 || pick->size > KN_PICK_SIZE_MAX)
        return kn_fail(err, KN_EINVAL, "a population has 1 to %d entities", KN_PICK_SIZE_MAX);
    if (pick->kind == KN_PICK_ZIPF && !(pick->exponent > 0 && pick->exponent <= 10))
        return kn_fail(err, KN_EINVAL, "the exponent %g is not above 0, to 10", pick->exponent);
    if (pick->kind == KN_PICK_ROUNDS && pick->every)
        return kn_fail(err, KN_EINVAL, "rounds need a population that does not change");
    if (pick->every > INT32_MAX || pick->life_max > (uint64_t)1 << 48)
        return kn_fail(err, KN_EINVAL, "a life cycle is too long");
    if (pick->life_max &&
        (pick->life_min > pick->life_max || !pick->every || pick->life_min < pick->every))
        return kn_fail(err, KN_EINVAL,
                       "lifetimes from %llu to %llu records with a new entity every %llu records: "
                       "somebody must always be there, so the least must be that much",
                       (unsigned long long)pick->life_min, (unsigned long long)pick->life_max,
                       (unsigned long long)pick->every);
    return true;
}

/* ---- Zipf ---- */

static double integral(double q, double x) {
    double l = log(x), t = (1 - q) * l;
    return fabs(t) > 1e-8 ? expm1(t) / t * l : l * (1 + t / 2);
}

static double inverse(double q, double u) {
    double t = u * (1 - q);
    if (t < -1)
        t = -1;
    return fabs(t) > 1e-8 ? exp(log1p(t) / t * u) : exp(u * (1 - t / 2));
}

static double density(double q, double x) {
    return exp(-q * log(x));
}

/* A rank from 0 to n - 1. */
static uint64_t draw_zipf(const kn_pick_state *s, uint64_t n, kn_rng *rng) {
    double q = s->pick->exponent, high = integral(q, (double)n + 0.5);
    for (;;) {
        double u = high + kn_rng_unit(kn_rng_next(rng)) * (s->zipf_low - high);
        double x = inverse(q, u), k = floor(x + 0.5);
        if (k < 1)
            k = 1;
        if (k > (double)n)
            k = (double)n;
        if (k - x <= s->zipf_accept || u >= integral(q, k + 0.5) - density(q, k))
            return (uint64_t)k - 1;
    }
}

/* ---- life ---- */

static int64_t floor_divide(int64_t a, int64_t b) {
    int64_t q = a / b;
    return a % b < 0 ? q - 1 : q;
}

static int64_t birth(const kn_pick *pick, uint64_t number) {
    return ((int64_t)number - (int64_t)pick->size + 1) * (int64_t)pick->every;
}

static bool is_alive(const kn_pick_state *s, uint64_t number, int64_t moment) {
    const kn_pick *pick = s->pick;
    if (!pick->life_max)
        return true;
    uint64_t draw = kn_rng_first(kn_rng_record_key(s->population_key, number), life_stream);
    uint64_t life = pick->life_min + kn_rng_below(draw, pick->life_max - pick->life_min + 1);
    return birth(pick, number) + (int64_t)life > moment;
}

/* Of those that have appeared, from the first that can still be there; the newest one is. */
static uint64_t choose_alive(const kn_pick_state *s, kn_rng *rng, int64_t moment) {
    const kn_pick *pick = s->pick;
    uint64_t low = 0, high = pick->size;
    if (moment < 0)
        moment = 0;
    if (pick->every) {
        high += (uint64_t)moment / pick->every;
        int64_t first = pick->life_max
                            ? floor_divide(moment - (int64_t)pick->life_max, (int64_t)pick->every) +
                                  (int64_t)pick->size
                            : 0;
        low = first > 0 ? (uint64_t)first : 0;
    }
    for (int i = 0; i < TRIES; i++) {
        uint64_t rank = pick->kind == KN_PICK_ZIPF ? draw_zipf(s, high - low, rng)
                                                   : kn_rng_below(kn_rng_next(rng), high - low);
        if (is_alive(s, low + rank, moment))
            return low + rank;
    }
    return high - 1;
}

/* ---- choosing ---- */

bool kn_pick_init(kn_pick_state *s, const kn_pick *pick, uint64_t seed_key, kn_err *err) {
    double q = pick->exponent;
    *s = (kn_pick_state){.pick = pick,
                         .stream_key = kn_rng_stream_key(seed_key, pick->stream),
                         .population_key = kn_rng_stream_key(seed_key, pick->population)};
    if (pick->kind == KN_PICK_ZIPF) {
        s->zipf_low = integral(q, 1.5) - 1;
        s->zipf_accept = 2 - inverse(q, integral(q, 2.5) - density(q, 2));
    }
    return pick->kind != KN_PICK_SESSION || kn_session_layout_new(&s->layout, err);
}

void kn_pick_free(kn_pick_state *s) {
    kn_session_layout_free(s->layout);
}

void kn_pick_choose(kn_pick_state *s, uint64_t record_key, uint64_t index, int64_t moment) {
    const kn_pick *pick = s->pick;
    kn_rng rng = kn_rng_at(record_key, s->stream_key);
    s->for_key = record_key;
    s->for_index = index;
    s->chosen = true;
    switch (pick->kind) {
    case KN_PICK_UNIFORM:
    case KN_PICK_ZIPF:
        s->number = choose_alive(s, &rng, moment);
        break;
    case KN_PICK_ROUNDS:
        s->round = index / pick->size;
        s->number =
            kn_permute(kn_rng_record_key(s->stream_key, s->round), index % pick->size, pick->size);
        break;
    case KN_PICK_INDEX:
        s->number = index;
        break;
    case KN_PICK_SESSION:
        s->place = kn_session_find(s->layout, &pick->session, s->population_key, index);
        s->number = s->place.session;
        s->moment = (int64_t)s->place.first;
        return;
    }
    s->moment = birth(pick, s->number);
}
