/* Choices of entities: whom, when they appear and leave, how often, in which order. */
#include "gen/entity.h"

#include "tap.h"

#include <math.h>
#include <stdlib.h>

static uint64_t seed_key;

static kn_pick_state start(const kn_pick *pick) {
    kn_pick_state s;
    kn_err err;
    if (!kn_pick_check(pick, &err) || !kn_pick_init(&s, pick, seed_key, &err)) {
        printf("Bail out! %s\n", err.message);
        exit(1);
    }
    return s;
}

static uint64_t choose(kn_pick_state *s, uint64_t index) {
    kn_pick_choose(s, kn_rng_record_key(seed_key, index), index, (int64_t)index);
    return s->number;
}

/* Pearson's statistic against 1 / rank ^ q (q = 0: uniform). */
static double chi_squared(const kn_pick *pick, uint64_t draws) {
    double expected[64], sum = 0, chi = 0;
    uint64_t seen[64] = {0};
    kn_pick_state s = start(pick);
    for (uint64_t i = 0; i < pick->size; i++)
        sum += expected[i] = pow((double)i + 1, -pick->exponent);
    for (uint64_t i = 0; i < draws; i++)
        seen[choose(&s, i)]++;
    for (uint64_t i = 0; i < pick->size; i++) {
        double e = expected[i] / sum * (double)draws, d = (double)seen[i] - e;
        chi += d * d / e;
    }
    return chi;
}

static void test_shares(void) {
    static const double exponents[] = {0.5, 1.0, 1.1, 2.5};
    kn_pick pick = {.kind = KN_PICK_UNIFORM, .size = 50};
    /* 49 degrees of freedom, some with few draws: 150 is beyond 1 in 10^9 */
    double chi = chi_squared(&pick, 400000);
    tap_ok(chi < 150, "uniform: chi squared %.1f", chi);
    pick.kind = KN_PICK_ZIPF;
    for (size_t i = 0; i < sizeof exponents / sizeof *exponents; i++) {
        pick.exponent = exponents[i];
        chi = chi_squared(&pick, 400000);
        tap_ok(chi < 150, "zipf %g: chi squared %.1f", exponents[i], chi);
    }
    pick = (kn_pick){.kind = KN_PICK_ZIPF, .size = 1, .exponent = 1.1};
    kn_pick_state s = start(&pick);
    tap_is_int(choose(&s, 5), 0, "zipf of one");
    pick = (kn_pick){.kind = KN_PICK_ZIPF, .size = KN_PICK_SIZE_MAX, .exponent = 0.1};
    s = start(&pick);
    bool below = true;
    for (uint64_t i = 0; i < 10000; i++)
        below = below && choose(&s, i) < KN_PICK_SIZE_MAX;
    tap_ok(below, "zipf of very many");
}

static void test_rounds(void) {
    enum { SIZE = 37 };
    kn_pick pick = {.kind = KN_PICK_ROUNDS, .size = SIZE};
    kn_pick_state s = start(&pick);
    uint64_t before[SIZE], order[SIZE], same = 0;
    bool once = true, counted = true;
    memset(before, 0, sizeof before);
    for (uint64_t i = 0; i < 100 * SIZE; i++) {
        uint64_t e = choose(&s, i);
        counted = counted && s.round == before[e];
        once = once && ++before[e] == i / SIZE + 1;
        same += i >= SIZE && order[i % SIZE] == e;
        order[i % SIZE] = e;
    }
    tap_ok(once, "each once in a round");
    tap_ok(counted, "the round is how often it was there before");
    tap_ok(same < 300, "another order every round (%llu of 3663 places agree)",
           (unsigned long long)same);
}

static void test_life(void) {
    kn_pick pick = {.kind = KN_PICK_UNIFORM,
                    .population = 9,
                    .size = 100,
                    .every = 10,
                    .life_min = 50,
                    .life_max = 1500};
    kn_pick_state s = start(&pick);
    enum { MOST = 2200, RECORDS = 20000 };
    uint64_t first[MOST], last[MOST], people = 0;
    bool born = true, gone = true;
    memset(first, 0xff, sizeof first);
    memset(last, 0, sizeof last);
    for (uint64_t i = 0; i < RECORDS; i++) {
        uint64_t e = choose(&s, i);
        int64_t birth = ((int64_t)e - 99) * 10;
        born = born && e < MOST && s.moment == birth && birth <= (int64_t)i;
        gone = gone && (int64_t)i < birth + 1500;
        people += first[e] == UINT64_MAX;
        first[e] = first[e] < i ? first[e] : i;
        last[e] = i;
    }
    tap_ok(born, "nobody is there before they appear");
    tap_ok(gone, "or after the longest life");
    tap_ok(people > 1000, "generations follow each other (%llu)", (unsigned long long)people);
    bool one_life = true;
    for (uint64_t i = 0; i < RECORDS; i += 7) { /* any order: lives are the same */
        uint64_t e = choose(&s, RECORDS - 1 - i);
        one_life = one_life && first[e] <= RECORDS - 1 - i && last[e] >= RECORDS - 1 - i;
    }
    tap_ok(one_life, "whichever record is asked first");
    pick.life_min = pick.life_max = 10; /* one at a time */
    s = start(&pick);
    bool newest = true;
    for (uint64_t i = 0; i < 1000; i++)
        newest = newest && choose(&s, i) == 99 + i / 10;
    tap_ok(newest, "the newest is there when all others have left");
}

static void test_refused(void) {
    static const kn_pick wrong[] = {
        {.kind = KN_PICK_UNIFORM, .size = 0},
        {.kind = KN_PICK_ZIPF, .size = 5, .exponent = 0},
        {.kind = KN_PICK_ZIPF, .size = 5, .exponent = NAN},
        {.kind = KN_PICK_ROUNDS, .size = 5, .every = 2},
        {.kind = KN_PICK_UNIFORM, .size = 5, .every = 10, .life_min = 5, .life_max = 20},
        {.kind = KN_PICK_UNIFORM, .size = 5, .life_min = 5, .life_max = 20},
        {.kind = KN_PICK_SESSION, .session = {.steps = 0, .most = 1, .open = 1}},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        kn_err err;
        tap_ok(!kn_pick_check(&wrong[i], &err), "refused: %s", err.message);
    }
}

int main(void) {
    uint64_t seed = tap_seed();
    seed_key = kn_rng_seed_key(seed);
    test_shares();
    test_rounds();
    test_life();
    test_refused();
    return tap_done();
}
