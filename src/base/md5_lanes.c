/* See md5_lanes.h. */
#include "base/md5_lanes.h"

static bool one_by_one(kn_md5 *md5, const kn_slice *messages, size_t count,
                       unsigned char (*digests)[16], kn_err *err) {
    for (size_t i = 0; i < count; i++)
        if (!kn_md5_digest(md5, messages[i], digests[i], err))
            return false;
    return true;
}

#if defined __x86_64__
#include <immintrin.h>

enum { LANES = 8, BLOCK = 64 };

static const uint32_t sines[64] = {
    0xD76AA478, 0xE8C7B756, 0x242070DB, 0xC1BDCEEE, 0xF57C0FAF, 0x4787C62A, 0xA8304613, 0xFD469501,
    0x698098D8, 0x8B44F7AF, 0xFFFF5BB1, 0x895CD7BE, 0x6B901122, 0xFD987193, 0xA679438E, 0x49B40821,
    0xF61E2562, 0xC040B340, 0x265E5A51, 0xE9B6C7AA, 0xD62F105D, 0x02441453, 0xD8A1E681, 0xE7D3FBC8,
    0x21E1CDE6, 0xC33707D6, 0xF4D50D87, 0x455A14ED, 0xA9E3E905, 0xFCEFA3F8, 0x676F02D9, 0x8D2A4C8A,
    0xFFFA3942, 0x8771F681, 0x6D9D6122, 0xFDE5380C, 0xA4BEEA44, 0x4BDECFA9, 0xF6BB4B60, 0xBEBFBC70,
    0x289B7EC6, 0xEAA127FA, 0xD4EF3085, 0x04881D05, 0xD9D4D039, 0xE6DB99E5, 0x1FA27CF8, 0xC4AC5665,
    0xF4292244, 0x432AFF97, 0xAB9423A7, 0xFC93A039, 0x655B59C3, 0x8F0CCC92, 0xFFEFF47D, 0x85845DD1,
    0x6FA87E4F, 0xFE2CE6E0, 0xA3014314, 0x4E0811A1, 0xF7537E82, 0xBD3AF235, 0x2AD7D2BB, 0xEB86D391};

/* Words A to D of each lane's hash. */
typedef struct state {
    uint32_t words[4][LANES] __attribute__((aligned(32)));
} state;

static const uint32_t initial[4] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476};

#define NEEDS __attribute__((target("avx2")))
#define ADD(x, y) _mm256_add_epi32(x, y)
#define AND(x, y) _mm256_and_si256(x, y)
#define OR(x, y) _mm256_or_si256(x, y)
#define XOR(x, y) _mm256_xor_si256(x, y)

/* RFC 1321's functions of three words, with less to wait for. */
#define F(x, y, z) XOR(z, AND(x, XOR(y, z)))
#define G(x, y, z) OR(AND(z, x), _mm256_andnot_si256(z, y))
#define H(x, y, z) XOR(x, XOR(y, z))
#define I(x, y, z) XOR(y, OR(x, XOR(z, _mm256_set1_epi32(-1))))

#define ROTATE(x, by) OR(_mm256_slli_epi32(x, by), _mm256_srli_epi32(x, 32 - (by)))
#define STEP(f, a, b, c, d, word, at, by)                                                          \
    a = ADD(ADD(a, words[(word)&15]), _mm256_set1_epi32((int)sines[at])), a = ADD(a, f(b, c, d)),  \
    a = ADD(b, ROTATE(a, by))
/* Sixteen steps, four at a time; step i takes word (first + i * stride) mod 16. */
#define ROUND(f, round, first, stride, s0, s1, s2, s3)                                             \
    for (unsigned i = 0; i < 16; i += 4) {                                                         \
        unsigned word = (first) + i * (stride), at = 16 * (round) + i;                             \
        STEP(f, a, b, c, d, word, at, s0);                                                         \
        STEP(f, d, a, b, c, word + (stride), at + 1, s1);                                          \
        STEP(f, c, d, a, b, word + 2 * (stride), at + 2, s2);                                      \
        STEP(f, b, c, d, a, word + 3 * (stride), at + 3, s3);                                      \
    }

/* Eight words of every lane become eight vectors of one word each. */
static inline NEEDS void load_words(const unsigned char *const p[LANES], size_t at,
                                    __m256i out[8]) {
    __m256i r[8], t[8];
    for (int i = 0; i < 8; i++)
        r[i] = _mm256_loadu_si256((const __m256i *)(const void *)(p[i] + at));
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
        for (int k = 0; k < 2; k++) {
            r[i + 2 * k] = _mm256_unpacklo_epi64(t[i + k], t[i + k + 2]);
            r[i + 2 * k + 1] = _mm256_unpackhi_epi64(t[i + k], t[i + k + 2]);
        }
    for (int i = 0; i < 4; i++) {
        out[i] = _mm256_permute2x128_si256(r[i], r[i + 4], 0x20);
        out[i + 4] = _mm256_permute2x128_si256(r[i], r[i + 4], 0x31);
    }
}

static NEEDS void compress(state *s, const unsigned char *const p[LANES], size_t blocks) {
    __m256i *vectors = (__m256i *)(void *)s->words;
    __m256i a = vectors[0], b = vectors[1], c = vectors[2], d = vectors[3], words[16];
    for (size_t offset = 0; offset < blocks * BLOCK; offset += BLOCK) {
        __m256i a_before = a, b_before = b, c_before = c, d_before = d;
        load_words(p, offset, words);
        load_words(p, offset + BLOCK / 2, words + 8);
        ROUND(F, 0, 0, 1, 7, 12, 17, 22)
        ROUND(G, 1, 1, 5, 5, 9, 14, 20)
        ROUND(H, 2, 5, 3, 4, 11, 16, 23)
        ROUND(I, 3, 0, 7, 6, 10, 15, 21)
        a = ADD(a, a_before), b = ADD(b, b_before), c = ADD(c, c_before), d = ADD(d, d_before);
    }
    vectors[0] = a, vectors[1] = b, vectors[2] = c, vectors[3] = d;
}

/* A message on its way: its whole blocks, then its end. */
typedef struct lane {
    const unsigned char *p;
    size_t blocks;    /* left at p */
    size_t message;   /* its number */
    size_t end_count; /* blocks of end that come after those; 0: they are at p, or done */
    unsigned char end[2 * BLOCK];
} lane;

/* The message's end, the bit after it, zeros and its length in bits: one block or two. */
static size_t pad(kn_slice message, unsigned char end[2 * BLOCK]) {
    size_t rest = message.n % BLOCK, blocks = rest < BLOCK - 8 ? 1 : 2;
    uint64_t bits = (uint64_t)message.n * 8;
    memset(end, 0, 2 * BLOCK);
    if (rest)
        memcpy(end, message.p + message.n - rest, rest);
    end[rest] = 0x80;
    for (size_t i = 0; i < 8; i++)
        end[blocks * BLOCK - 8 + i] = (unsigned char)(bits >> (8 * i));
    return blocks;
}

static void begin(state *s, int i, lane *l, const kn_slice *messages, size_t number) {
    l->message = number;
    l->p = (const unsigned char *)messages[number].p;
    l->blocks = messages[number].n / BLOCK;
    l->end_count = pad(messages[number], l->end);
    for (int k = 0; k < 4; k++)
        s->words[k][i] = initial[k];
}

static void write_digest(const state *s, int i, unsigned char out[16]) {
    for (int k = 0; k < 16; k++)
        out[k] = (unsigned char)(s->words[k / 4][i] >> (8 * (k % 4)));
}

/* All lanes as far as the shortest goes; those without a message go where it goes. */
static void advance(state *s, lane lanes[LANES]) {
    const lane *shortest = NULL;
    const unsigned char *p[LANES];
    for (int i = 0; i < LANES; i++)
        if (lanes[i].blocks && (!shortest || lanes[i].blocks < shortest->blocks))
            shortest = &lanes[i];
    if (!shortest)
        return;
    size_t blocks = shortest->blocks;
    for (int i = 0; i < LANES; i++)
        p[i] = lanes[i].blocks ? lanes[i].p : shortest->p;
    compress(s, p, blocks);
    for (int i = 0; i < LANES; i++)
        if (lanes[i].blocks) {
            lanes[i].p += blocks * BLOCK;
            lanes[i].blocks -= blocks;
        }
}

static void in_lanes(const kn_slice *messages, size_t count, unsigned char (*digests)[16]) {
    state s = {0};
    lane lanes[LANES];
    bool busy[LANES] = {false};
    size_t begun = 0, done = 0;
    for (int i = 0; i < LANES; i++)
        lanes[i].blocks = 0;
    while (done < count) {
        for (int i = 0; i < LANES; i++) {
            lane *l = &lanes[i];
            if (l->blocks)
                continue;
            if (busy[i] && !l->end_count) {
                write_digest(&s, i, digests[l->message]);
                busy[i] = false;
                done++;
            }
            if (!busy[i] && begun < count) {
                begin(&s, i, l, messages, begun++);
                busy[i] = true;
            }
            if (busy[i] && !l->blocks) {
                l->p = l->end;
                l->blocks = l->end_count;
                l->end_count = 0;
            }
        }
        advance(&s, lanes);
    }
}

bool kn_md5_lanes(kn_md5 *md5, const kn_slice *messages, size_t count, unsigned char (*digests)[16],
                  kn_err *err) {
    if (count < 2 || !__builtin_cpu_supports("avx2"))
        return one_by_one(md5, messages, count, digests, err);
    in_lanes(messages, count, digests);
    return true;
}

#else

bool kn_md5_lanes(kn_md5 *md5, const kn_slice *messages, size_t count, unsigned char (*digests)[16],
                  kn_err *err) {
    return one_by_one(md5, messages, count, digests, err);
}

#endif
