/* See sha256_pair.h. Intel's "Intel SHA Extensions" (2013) describes the instructions. */
#include "base/sha256_pair.h"

#if defined __x86_64__
#include <cpuid.h>
#include <immintrin.h>

enum { BLOCK = 64 };

static const uint32_t rounds[64] __attribute__((aligned(16))) = {
    0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5,
    0xD807AA98, 0x12835B01, 0x243185BE, 0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174,
    0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA, 0x5CB0A9DC, 0x76F988DA,
    0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967,
    0x27B70A85, 0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85,
    0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3, 0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070,
    0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F, 0x682E6FF3,
    0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2};

/* The eight words of a hash under way, as the instructions want them: A B E F and C D G H, the
 * first in the highest place. */
typedef struct state {
    __m128i abef, cdgh;
} state;

bool kn_sha256_pair_works(void) {
    unsigned a, b, c, d;
    return __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1") &&
           __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

static state initial(void) {
    return (state){_mm_set_epi32(0x6A09E667, (int)0xBB67AE85, 0x510E527F, (int)0x9B05688C),
                   _mm_set_epi32(0x3C6EF372, (int)0xA54FF53A, 0x1F83D9AB, 0x5BE0CD19)};
}

#define NEEDS __attribute__((target("sha,sse4.1,ssse3")))

static inline NEEDS __m128i load_words(const unsigned char *p) {
    const __m128i big_endian = _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), big_endian);
}

/* Four rounds with four words of the schedule. */
static inline NEEDS void mix(state *s, __m128i words, const uint32_t *constants) {
    __m128i k = _mm_load_si128((const __m128i *)(const void *)constants);
    __m128i sum = _mm_add_epi32(words, k);
    s->cdgh = _mm_sha256rnds2_epu32(s->cdgh, s->abef, sum);
    s->abef = _mm_sha256rnds2_epu32(s->abef, s->cdgh, _mm_shuffle_epi32(sum, 0x0E));
}

/* The next four words of the schedule take the place of the oldest four. */
static inline NEEDS void extend(__m128i *oldest, __m128i second, __m128i third, __m128i newest) {
    __m128i sum =
        _mm_add_epi32(_mm_sha256msg1_epu32(*oldest, second), _mm_alignr_epi8(newest, third, 4));
    *oldest = _mm_sha256msg2_epu32(sum, newest);
}

#define MIX(words, at) mix(&s, s##words, rounds + (at)), mix(&t, t##words, rounds + (at))
#define EXTEND(a, b, c, d) extend(&s##a, s##b, s##c, s##d), extend(&t##a, t##b, t##c, t##d)
#define SIXTEEN(at)                                                                                \
    EXTEND(0, 1, 2, 3), MIX(0, at), EXTEND(1, 2, 3, 0), MIX(1, (at) + 4), EXTEND(2, 3, 0, 1),      \
        MIX(2, (at) + 8), EXTEND(3, 0, 1, 2), MIX(3, (at) + 12)

static NEEDS void compress(state *first, const unsigned char *p, state *second,
                           const unsigned char *q, size_t blocks) {
    state s = *first, t = *second;
    for (; blocks; blocks--, p += BLOCK, q += BLOCK) {
        state s_before = s, t_before = t;
        __m128i s0 = load_words(p), t0 = load_words(q);
        __m128i s1 = load_words(p + 16), t1 = load_words(q + 16);
        __m128i s2 = load_words(p + 32), t2 = load_words(q + 32);
        __m128i s3 = load_words(p + 48), t3 = load_words(q + 48);
        MIX(0, 0), MIX(1, 4), MIX(2, 8), MIX(3, 12);
        SIXTEEN(16);
        SIXTEEN(32);
        SIXTEEN(48);
        s.abef = _mm_add_epi32(s.abef, s_before.abef),
        t.abef = _mm_add_epi32(t.abef, t_before.abef);
        s.cdgh = _mm_add_epi32(s.cdgh, s_before.cdgh),
        t.cdgh = _mm_add_epi32(t.cdgh, t_before.cdgh);
    }
    *first = s;
    *second = t;
}

/* What is left of a message. */
typedef struct stretch {
    const unsigned char *p;
    size_t blocks;
} stretch;

/* Both stretches, together as far as both go; the rest beside a hash that nobody wants. */
static void compress_all(state s[2], const stretch in[2]) {
    size_t both = in[0].blocks < in[1].blocks ? in[0].blocks : in[1].blocks;
    int longer = in[1].blocks > both;
    const unsigned char *rest = in[longer].p + both * BLOCK;
    state unwanted = initial();
    compress(&s[0], in[0].p, &s[1], in[1].p, both);
    compress(&s[longer], rest, &unwanted, rest, in[longer].blocks - both);
}

/* The message's end, the bit after it, zeros and its length in bits: one block or two. */
static size_t pad(kn_slice message, unsigned char end[2 * BLOCK]) {
    size_t rest = message.n % BLOCK, blocks = rest < BLOCK - 8 ? 1 : 2;
    uint64_t bits = (uint64_t)message.n * 8;
    memset(end, 0, 2 * BLOCK);
    if (rest)
        memcpy(end, message.p + message.n - rest, rest);
    end[rest] = 0x80;
    for (size_t i = 0; i < 8; i++)
        end[blocks * BLOCK - 1 - i] = (unsigned char)(bits >> (8 * i));
    return blocks;
}

static void write_digest(const state *s, unsigned char out[32]) {
    static const int places[] = {3, 2, 7, 6, 1, 0, 5, 4}; /* of A to H: abef, then cdgh */
    uint32_t words[8];
    memcpy(words, &s->abef, 16);
    memcpy(words + 4, &s->cdgh, 16);
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < 4; k++)
            out[4 * i + k] = (unsigned char)(words[places[i]] >> (24 - 8 * k));
}

void kn_sha256_pair(kn_slice first, kn_slice second, unsigned char digests[2][32]) {
    const kn_slice messages[2] = {first, second};
    unsigned char ends[2][2 * BLOCK];
    state s[2] = {initial(), initial()};
    stretch whole[2], end[2];
    for (int i = 0; i < 2; i++) {
        whole[i] = (stretch){(const unsigned char *)messages[i].p, messages[i].n / BLOCK};
        end[i] = (stretch){ends[i], pad(messages[i], ends[i])};
    }
    compress_all(s, whole);
    compress_all(s, end);
    for (int i = 0; i < 2; i++)
        write_digest(&s[i], digests[i]);
}

#else

bool kn_sha256_pair_works(void) {
    return false;
}

void kn_sha256_pair(kn_slice first, kn_slice second, unsigned char digests[2][32]) {
    (void)first, (void)second, (void)digests;
}

#endif
