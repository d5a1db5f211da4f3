/* See base64.h. Encoding is a sixth of the sender's work when done by table, so processors that
 * have AVX2 do 24 bytes at a time: W. Mula, D. Lemire, "Faster Base64 Encoding and Decoding Using
 * AVX2 Instructions", ACM Transactions on the Web 12 (3), 2018. */
#include "base/base64.h"

#include <endian.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The two characters of every 12 bits. */
#define PAIRS(c)                                                                                   \
    c "A" c "B" c "C" c "D" c "E" c "F" c "G" c "H" c "I" c "J" c "K" c "L" c "M" c "N" c "O" c    \
      "P" c "Q" c "R" c "S" c "T" c "U" c "V" c "W" c "X" c "Y" c "Z" c "a" c "b" c "c" c "d" c    \
      "e" c "f" c "g" c "h" c "i" c "j" c "k" c "l" c "m" c "n" c "o" c "p" c "q" c "r" c "s" c    \
      "t" c "u" c "v" c "w" c "x" c "y" c "z" c "0" c "1" c "2" c "3" c "4" c "5" c "6" c "7" c    \
      "8" c "9" c "+" c "/"
/* clang-format off */
static const char pairs[] =
    PAIRS("A") PAIRS("B") PAIRS("C") PAIRS("D") PAIRS("E") PAIRS("F") PAIRS("G") PAIRS("H")
    PAIRS("I") PAIRS("J") PAIRS("K") PAIRS("L") PAIRS("M") PAIRS("N") PAIRS("O") PAIRS("P")
    PAIRS("Q") PAIRS("R") PAIRS("S") PAIRS("T") PAIRS("U") PAIRS("V") PAIRS("W") PAIRS("X")
    PAIRS("Y") PAIRS("Z") PAIRS("a") PAIRS("b") PAIRS("c") PAIRS("d") PAIRS("e") PAIRS("f")
    PAIRS("g") PAIRS("h") PAIRS("i") PAIRS("j") PAIRS("k") PAIRS("l") PAIRS("m") PAIRS("n")
    PAIRS("o") PAIRS("p") PAIRS("q") PAIRS("r") PAIRS("s") PAIRS("t") PAIRS("u") PAIRS("v")
    PAIRS("w") PAIRS("x") PAIRS("y") PAIRS("z") PAIRS("0") PAIRS("1") PAIRS("2") PAIRS("3")
    PAIRS("4") PAIRS("5") PAIRS("6") PAIRS("7") PAIRS("8") PAIRS("9") PAIRS("+") PAIRS("/");
/* clang-format on */

/* Each kernel encodes triplets from *p while enough bytes are left, and returns the end of what it
 * wrote. */
static char *encode_pairs(char *q, const unsigned char **at, size_t *left) {
    const unsigned char *p = *at;
    size_t n = *left;
    for (; n >= 8; p += 6, n -= 6, q += 8) { /* six of eight bytes at a time */
        uint64_t v;
        memcpy(&v, p, sizeof v);
        v = be64toh(v);
        memcpy(q, pairs + 2 * (v >> 52), 2);
        memcpy(q + 2, pairs + 2 * (v >> 40 & 4095), 2);
        memcpy(q + 4, pairs + 2 * (v >> 28 & 4095), 2);
        memcpy(q + 6, pairs + 2 * (v >> 16 & 4095), 2);
    }
    for (; n >= 3; p += 3, n -= 3, q += 4) {
        uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        memcpy(q, pairs + 2 * (v >> 12), 2);
        memcpy(q + 2, pairs + 2 * (v & 4095), 2);
    }
    *at = p;
    *left = n;
    return q;
}

#ifdef __x86_64__
/* In each lane, 12 bytes become 16 characters: the bytes b0 b1 b2 are spread to b1 b0 b2 b1, two
 * multiplications move each of the four sextets to a byte of its own, and a table of 16 by the
 * range that a sextet is in (A-Z, a-z, each digit, +, /) holds what is added to make it a
 * character. */
__attribute__((target("avx2"))) static char *encode_avx2(char *q, const unsigned char **at,
                                                         size_t *left) {
    const __m256i spread = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10));
    const __m256i add = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        'A', 'a' - 26, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, '+' - 62, '/' - 63, 0, 0));
    const unsigned char *p = *at;
    size_t n = *left;
    for (; n >= 28; p += 24, n -= 24, q += 32) { /* 16 are read at 12 */
        __m128i low = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(p + 12));
        __m256i v = _mm256_shuffle_epi8(_mm256_set_m128i(high, low), spread);
        __m256i odd = _mm256_mulhi_epu16(_mm256_and_si256(v, _mm256_set1_epi32(0x0FC0FC00)),
                                         _mm256_set1_epi32(0x04000040));
        __m256i even = _mm256_mullo_epi16(_mm256_and_si256(v, _mm256_set1_epi32(0x003F03F0)),
                                          _mm256_set1_epi32(0x01000010));
        __m256i sextets = _mm256_or_si256(odd, even);
        __m256i range = _mm256_sub_epi8(_mm256_subs_epu8(sextets, _mm256_set1_epi8(51)),
                                        _mm256_cmpgt_epi8(sextets, _mm256_set1_epi8(25)));
        __m256i text = _mm256_add_epi8(sextets, _mm256_shuffle_epi8(add, range));
        _mm256_storeu_si256((__m256i *)(void *)q, text);
    }
    *at = p;
    *left = n;
    return q;
}
#endif

char *kn_base64_put(char *q, kn_slice bytes) {
    const unsigned char *p = (const unsigned char *)bytes.p;
    size_t n = bytes.n;
#ifdef __x86_64__
    if (n >= 28 && __builtin_cpu_supports("avx2"))
        q = encode_avx2(q, &p, &n);
#endif
    q = encode_pairs(q, &p, &n);
    if (n) {
        uint32_t v = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0);
        *q++ = alphabet[v >> 18];
        *q++ = alphabet[v >> 12 & 63];
        *q++ = n > 1 ? alphabet[v >> 6 & 63] : '=';
        *q++ = '=';
    }
    return q;
}

void kn_base64_encode(kn_buf *out, kn_slice bytes) {
    if (!kn_buf_reserve(out, kn_base64_length(bytes.n)))
        return;
    char *end = kn_base64_put(out->p + out->len, bytes);
    out->len = (size_t)(end - out->p);
    *end = '\0';
}

/* The six bits of each character, BAD for those outside the alphabet. */
#define BAD 0x80
static const unsigned char sextets[256] = {
    [0 ... 42] = BAD, ['+'] = 62, [44 ... 46] = BAD,   ['/'] = 63, ['0'] = 52, ['1'] = 53,
    ['2'] = 54,       ['3'] = 55, ['4'] = 56,          ['5'] = 57, ['6'] = 58, ['7'] = 59,
    ['8'] = 60,       ['9'] = 61, [58 ... 64] = BAD,   ['A'] = 0,  ['B'] = 1,  ['C'] = 2,
    ['D'] = 3,        ['E'] = 4,  ['F'] = 5,           ['G'] = 6,  ['H'] = 7,  ['I'] = 8,
    ['J'] = 9,        ['K'] = 10, ['L'] = 11,          ['M'] = 12, ['N'] = 13, ['O'] = 14,
    ['P'] = 15,       ['Q'] = 16, ['R'] = 17,          ['S'] = 18, ['T'] = 19, ['U'] = 20,
    ['V'] = 21,       ['W'] = 22, ['X'] = 23,          ['Y'] = 24, ['Z'] = 25, [91 ... 96] = BAD,
    ['a'] = 26,       ['b'] = 27, ['c'] = 28,          ['d'] = 29, ['e'] = 30, ['f'] = 31,
    ['g'] = 32,       ['h'] = 33, ['i'] = 34,          ['j'] = 35, ['k'] = 36, ['l'] = 37,
    ['m'] = 38,       ['n'] = 39, ['o'] = 40,          ['p'] = 41, ['q'] = 42, ['r'] = 43,
    ['s'] = 44,       ['t'] = 45, ['u'] = 46,          ['v'] = 47, ['w'] = 48, ['x'] = 49,
    ['y'] = 50,       ['z'] = 51, [123 ... 255] = BAD,
};

bool kn_base64_decode(kn_buf *out, kn_slice text) {
    if (text.n % 4)
        return false;
    const unsigned char *p = (const unsigned char *)text.p;
    size_t quads = text.n / 4;
    if (!kn_buf_reserve(out, quads * 3))
        return false;
    unsigned char *q = (unsigned char *)out->p + out->len;
    size_t padding =
        quads == 0 ? 0 : (p[text.n - 1] == '=') + (p[text.n - 1] == '=' && p[text.n - 2] == '=');
    unsigned seen = 0; /* the BAD bit stays once set */
    for (size_t i = padding ? 1 : 0; i < quads; i++, p += 4, q += 3) {
        unsigned a = sextets[p[0]], b = sextets[p[1]], c = sextets[p[2]], d = sextets[p[3]];
        seen |= a | b | c | d;
        q[0] = (unsigned char)(a << 2 | b >> 4);
        q[1] = (unsigned char)(b << 4 | c >> 2);
        q[2] = (unsigned char)(c << 6 | d);
    }
    if (padding) {
        unsigned a = sextets[p[0]], b = sextets[p[1]], c = padding == 1 ? sextets[p[2]] : 0;
        seen |= a | b | c;
        if (padding == 2 ? b & 0x0F : c & 0x03)
            return false; /* bits that padding should have left zero */
        *q++ = (unsigned char)(a << 2 | b >> 4);
        if (padding == 1)
            *q++ = (unsigned char)(b << 4 | c >> 2);
    }
    if (seen & BAD)
        return false;
    out->len = (size_t)((char *)q - out->p);
    out->p[out->len] = '\0';
    return true;
}
