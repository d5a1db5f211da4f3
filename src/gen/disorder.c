/* See disorder.h. */
#include "gen/disorder.h"

#include "gen/draw.h"

/* Streams of draws; what they are does not matter, that they differ does. */
enum { SHUFFLE = 1, DUPLICATE, LATE, CORRUPT };

static uint64_t key_of(const kn_disorder_state *s, uint64_t stream, uint64_t number) {
    return kn_rng_record_key(kn_rng_stream_key(s->key, stream), number);
}

bool kn_disorder_init(kn_disorder_state *s, const kn_disorder *d, uint64_t seed_key, kn_err *err) {
    *s = (kn_disorder_state){.key = kn_rng_stream_key(seed_key, kn_rng_hash(KN_SLICE("disorder"))),
                             .block = UINT64_MAX};
    if (!(d->late >= 0 && d->late <= 1 && d->corrupt >= 0 && d->corrupt <= 1))
        return kn_fail(err, KN_EINVAL, "a rate of late or corrupted records is not 0 to 1");
    if (!(d->duplicate >= 0 && d->duplicate <= 0.5))
        return kn_fail(err, KN_EINVAL, "a rate of duplicates is not 0 to 0.5");
    s->active = d->late > 0 || d->corrupt > 0 || d->duplicate > 0 || d->shuffle > 1;
    return true;
}

/* Duplicates among the places before the block. */
static uint64_t duplicates_before(const kn_disorder *d, uint64_t block) {
    return (uint64_t)((double)block * KN_DISORDER_BLOCK * d->duplicate);
}

/* Fills offsets: the record at each place of the block, counted from the block's first. Which
 * places are duplicates is a sample without replacement, taken in order (Knuth, TAOCP 3.4.2,
 * algorithm S). A block begins with a record of its own. */
static void lay_out(kn_disorder_state *s, const kn_disorder *d, uint64_t block) {
    kn_rng rng = kn_rng_at(key_of(s, DUPLICATE, block), 0);
    uint64_t wanted = duplicates_before(d, block + 1) - duplicates_before(d, block);
    uint16_t made = 1;
    s->offsets[0] = 0;
    for (unsigned i = 1; i < KN_DISORDER_BLOCK; i++) {
        if (wanted && kn_rng_below(kn_rng_next(&rng), KN_DISORDER_BLOCK - i) < wanted) {
            uint64_t near = made < KN_DISORDER_NEAR ? made : KN_DISORDER_NEAR;
            uint64_t back = 1 + kn_rng_below(kn_rng_next(&rng), near);
            s->offsets[i] = (uint16_t)(made - back);
            wanted--;
        } else
            s->offsets[i] = made++;
    }
    s->block = block;
}

uint64_t kn_disorder_index(kn_disorder_state *s, const kn_disorder *d, uint64_t position) {
    if (d->shuffle > 1) {
        uint64_t window = position / d->shuffle, first = window * d->shuffle;
        position = first + kn_permute(key_of(s, SHUFFLE, window), position - first, d->shuffle);
    }
    if (d->duplicate <= 0)
        return position;
    uint64_t block = position / KN_DISORDER_BLOCK, first = block * KN_DISORDER_BLOCK;
    if (block != s->block)
        lay_out(s, d, block);
    return first - duplicates_before(d, block) + s->offsets[position - first];
}

int64_t kn_disorder_late_ms(const kn_disorder_state *s, const kn_disorder *d, uint64_t index) {
    if (d->late <= 0)
        return 0;
    kn_rng rng = kn_rng_at(key_of(s, LATE, index), 0);
    if (kn_rng_unit(kn_rng_next(&rng)) >= d->late)
        return 0;
    return 1 + (int64_t)kn_rng_below(kn_rng_next(&rng), d->late_ms > 0 ? (uint64_t)d->late_ms : 1);
}

size_t kn_disorder_corrupt(const kn_disorder_state *s, const kn_disorder *d, uint64_t position,
                           char *p, size_t n) {
    kn_rng rng = kn_rng_at(key_of(s, CORRUPT, position), 0);
    if (d->corrupt <= 0 || n < 2 || kn_rng_unit(kn_rng_next(&rng)) >= d->corrupt)
        return n;
    bool cut = kn_rng_next(&rng) >> 63;
    if (cut)
        return 1 + kn_rng_below(kn_rng_next(&rng), n - 1);
    size_t at = kn_rng_below(kn_rng_next(&rng), n);
    const char *quote = memchr(p + at, '"', n - at);
    if (!quote)
        quote = memchr(p, '"', at);
    p[quote ? (size_t)(quote - p) : at] = '\x01';
    return n;
}
