/* Operations that write identifiers, addresses and texts by a pattern. UUID version 7: RFC 9562.
 * ULID: github.com/ulid/spec. Check digits: ISO/IEC 7812-1 (Luhn), GS1 General Specifications
 * (EAN), ISO 2108 (ISBN-10), ISO 13616 (IBAN, by ISO/IEC 7064 MOD 97-10). */
#include "base/digits.h"
#include "gen/ops.h"

static const char digits[] = "0123456789";
static const char lower[] = "abcdefghijklmnopqrstuvwxyz";
static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
static const char hex[] = "0123456789abcdef";
static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
static const char code[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* ---- identifiers that grow with time ----
 *
 * After the milliseconds come 26 bits of order. On a simulated clock that moves by microseconds
 * they begin with the fraction of the millisecond, in 12 bits (RFC 9562, 6.2, method 3), and 14
 * random ones. Else they count records: their index, modulo 2^26. */
static uint64_t order_bits(const kn_cursor *c, uint64_t random) {
    uint64_t step = c->config.clock_step_us;
    if (c->config.clock_start_ms < 0 || step == 0)
        return c->index & 0x3FFFFFF;
    uint64_t us = (uint64_t)((unsigned __int128)c->index * step % 1000);
    return (us * 4096 / 1000) << 14 | (random & 0x3FFF);
}

static char *run_uuid7(kn_cursor *c, const kn_op *op, char *p) {
    kn_rng rng = kn_rng_at(c->record_key, op->key);
    uint64_t random = kn_rng_next(&rng), order = order_bits(c, random);
    uint64_t high = (uint64_t)kn_cursor_now_ms(c) << 16 | 0x7000 | order >> 14;
    uint64_t low = UINT64_C(2) << 62 | (order & 0x3FFF) << 48 | random >> 16;
    char text[32];
    kn_put_hex32(kn_put_hex32(text, (uint32_t)(high >> 32)), (uint32_t)high);
    kn_put_hex32(kn_put_hex32(text + 16, (uint32_t)(low >> 32)), (uint32_t)low);
    memcpy(p, text, 8);
    memcpy(p + 9, text + 8, 4);
    memcpy(p + 14, text + 12, 4);
    memcpy(p + 19, text + 16, 4);
    memcpy(p + 24, text + 20, 12);
    p[8] = p[13] = p[18] = p[23] = '-';
    return p + 36;
}

static char *run_ulid(kn_cursor *c, const kn_op *op, char *p) {
    kn_rng rng = kn_rng_at(c->record_key, op->key);
    uint64_t random = kn_rng_next(&rng), more = kn_rng_next(&rng);
    unsigned __int128 v = (unsigned __int128)kn_cursor_now_ms(c) << 26 | order_bits(c, more);
    v = v << 54 | random >> 10;
    for (int i = 25; i >= 0; i--, v >>= 5)
        p[i] = crockford[v & 31];
    return p + 26;
}

/* args: first millisecond, machine: 41 bits of milliseconds, 10 of machine, 12 of the index */
static char *run_snowflake(kn_cursor *c, const kn_op *op, char *p) {
    uint64_t ms = (uint64_t)(kn_cursor_now_ms(c) - op->args[0].i) & 0x1FFFFFFFFFF;
    return kn_put_uint(p, ms << 22 | (uint64_t)op->args[1].i << 12 | (c->index & 0xFFF));
}

/* ---- random characters ---- */

/* Characters of one draw, up to 8 of any alphabet; then the next draw. */
typedef struct stock {
    kn_rng rng;
    uint64_t left;
    int used;
} stock;

static inline char draw_char(stock *s, const char *from, unsigned n) {
    if (s->used == 8) {
        s->left = kn_rng_next(&s->rng);
        s->used = 0;
    }
    s->used++;
    unsigned __int128 product = (unsigned __int128)s->left * n;
    s->left = (uint64_t)product;
    return from[(unsigned)(product >> 64)];
}

static stock stock_of(const kn_cursor *c, const kn_op *op) {
    return (stock){.rng = kn_rng_at(c->record_key, op->key), .used = 8};
}

/* args: how many */
static bool prepare_count(kn_op *op, size_t *length, kn_err *err) {
    int64_t n = op->args[0].i;
    *length = n > 0 ? (size_t)n * (op->words ? op->words->longest : 1) : 0;
    return (n >= 0 && n <= 65536) ||
           kn_fail(err, KN_EINVAL, "%lld characters are not 0 to 65536", (long long)n);
}

/* words: the characters; args: how many */
static char *run_letters(kn_cursor *c, const kn_op *op, char *p) {
    kn_rng rng = kn_rng_at(c->record_key, op->key);
    const kn_words *w = op->words;
    uint64_t left = 0;
    for (int64_t i = 0; i < op->args[0].i; i++) {
        if (i % 4 == 0)
            left = kn_rng_next(&rng);
        unsigned __int128 product = (unsigned __int128)left * w->count;
        const kn_word *word = &w->items[(uint64_t)(product >> 64)];
        left = (uint64_t)product;
        p = kn_copy_blocks(p, w->text + word->offset, word->length);
    }
    return p;
}

static char *run_nanoid(kn_cursor *c, const kn_op *op, char *p) {
    stock s = stock_of(c, op);
    for (int64_t i = 0; i < op->args[0].i; i++)
        *p++ = draw_char(&s, url, 64);
    return p;
}

static char *run_hex(kn_cursor *c, const kn_op *op, char *p) {
    kn_rng rng = kn_rng_at(c->record_key, op->key);
    char *end = p + op->args[0].i;
    while (p < end) { /* up to 15 bytes more: the slack is for that */
        uint64_t draw = kn_rng_next(&rng);
        p = kn_put_hex32(kn_put_hex32(p, (uint32_t)(draw >> 32)), (uint32_t)draw);
    }
    return end;
}

/* ---- patterns ---- */

/* The bytes of a pattern that stand for a character; UTF-8 has none of them. */
enum { CLASS_FIRST = 0xF5, CLASS_CHECK = 0xFC };

static const struct {
    const char *chars;
    unsigned n;
} classes[] = {
    {digits, 10},    /* F5 */
    {digits + 1, 9}, /* F6: not 0 */
    {upper, 26},     /* F7 */
    {lower, 26},     /* F8 */
    {hex, 16},       /* F9 */
    {code, 36},      /* FA */
    {url, 52},       /* FB: any letter */
};

static int digit_at(const char *p) {
    return *p >= '0' && *p <= '9' ? *p - '0' : -1;
}

/* The check digit for the digits before `end`, the last of which has weights[0], the one before it
 * weights[1], and so on; a product of two digits counts as its sum where `luhn`. */
static int weigh(const char *start, const char *end, bool luhn) {
    int sum = 0, heavy = 1;
    for (const char *p = end; p-- > start;) {
        int d = digit_at(p);
        if (d < 0)
            continue;
        int v = d * (heavy ? (luhn ? 2 : 3) : 1);
        sum += luhn && v > 9 ? v - 9 : v;
        heavy = !heavy;
    }
    return (10 - sum % 10) % 10;
}

static char check_isbn10(const char *start, const char *end) {
    int sum = 0, weight = 2;
    for (const char *p = end; p-- > start;)
        if (digit_at(p) >= 0)
            sum += digit_at(p) * weight++;
    int check = (11 - sum % 11) % 11;
    return check == 10 ? 'X' : (char)('0' + check);
}

static unsigned mod97(unsigned m, const char *p, const char *end) {
    for (; p < end; p++) {
        if (digit_at(p) >= 0)
            m = (m * 10 + (unsigned)digit_at(p)) % 97;
        else if (*p >= 'A' && *p <= 'Z')
            m = (m * 100 + (unsigned)(*p - 'A' + 10)) % 97;
    }
    return m;
}

enum { CHECK_NONE, CHECK_LUHN, CHECK_EAN, CHECK_ISBN10, CHECK_IBAN };

static void put_check(char *start, char *end, int64_t scheme) {
    switch (scheme) {
    case CHECK_LUHN:
    case CHECK_EAN:
        end[-1] = (char)('0' + weigh(start, end - 1, scheme == CHECK_LUHN));
        break;
    case CHECK_ISBN10:
        end[-1] = check_isbn10(start, end - 1);
        break;
    case CHECK_IBAN: /* the rest, then the country and 00, which stands there */
        kn_put_padded(start + 2, 98 - mod97(mod97(0, start + 4, end), start, start + 4), 2);
        break;
    }
}

/* words: patterns; args: the check, whose digit is the last character (of an IBAN the third and
 * fourth) */
static bool prepare_pattern(kn_op *op, size_t *length, kn_err *err) {
    *length = op->words->longest;
    for (uint64_t i = 0; i < op->words->count; i++) {
        const kn_word *word = &op->words->items[i];
        if (op->args[0].i != CHECK_NONE && word->length < 5)
            return kn_fail(err, KN_EINVAL, "a pattern is too short for a check digit");
        for (uint32_t k = 0; k < word->length; k++)
            if ((unsigned char)op->words->text[word->offset + k] > CLASS_CHECK)
                return kn_fail(err, KN_EINVAL, "a pattern holds a byte that stands for nothing");
    }
    return true;
}

static char *run_pattern(kn_cursor *c, const kn_op *op, char *p) {
    const kn_words *w = op->words;
    stock s = stock_of(c, op);
    char *start = p;
    const kn_word *word = w->items;
    if (w->count > 1)
        word += kn_words_pick(w, kn_rng_next(&s.rng));
    const char *from = w->text + word->offset;
    for (const char *end = from + word->length; from < end; from++) {
        unsigned at = (unsigned char)*from;
        if (at < CLASS_FIRST)
            *p++ = *from;
        else if (at == CLASS_CHECK)
            *p++ = '0';
        else
            *p++ = draw_char(&s, classes[at - CLASS_FIRST].chars, classes[at - CLASS_FIRST].n);
    }
    if (op->args[0].i != CHECK_NONE)
        put_check(start, p, op->args[0].i);
    return p;
}

/* ---- addresses ---- */

/* args: first and last address */
static bool prepare_ipv4(kn_op *op, size_t *length, kn_err *err) {
    int64_t min = op->args[0].i, max = op->args[1].i;
    *length = 15;
    return (min >= 0 && min <= max && max <= UINT32_MAX) ||
           kn_fail(err, KN_EINVAL, "%lld to %lld are no IPv4 addresses", (long long)min,
                   (long long)max);
}

static char *run_ipv4(kn_cursor *c, const kn_op *op, char *p) {
    uint64_t min = (uint64_t)op->args[0].i, n = (uint64_t)op->args[1].i - min + 1;
    uint64_t v = min + kn_rng_below(kn_op_draw(c, op), n);
    for (int shift = 24; shift >= 0; shift -= 8) {
        p = kn_put_uint(p, v >> shift & 0xFF);
        *p++ = '.';
    }
    return p - 1;
}

/* args: groups. None is 0, so that there is nothing to shorten to "::" (RFC 5952). */
static char *run_ipv6(kn_cursor *c, const kn_op *op, char *p) {
    kn_rng rng = kn_rng_at(c->record_key, op->key);
    uint64_t draw = 0;
    for (int64_t i = 0; i < op->args[0].i; i++) {
        if (i % 2 == 0)
            draw = kn_rng_next(&rng);
        unsigned group = 1 + (unsigned)kn_rng_below(draw << 32, 0xFFFF);
        draw >>= 32;
        for (int shift = group > 0xFFF  ? 12
                         : group > 0xFF ? 8
                         : group > 0xF  ? 4
                                        : 0;
             shift >= 0; shift -= 4)
            *p++ = hex[group >> shift & 15];
        *p++ = ':';
    }
    return p - 1;
}

static bool prepare_ipv6(kn_op *op, size_t *length, kn_err *err) {
    int64_t n = op->args[0].i;
    *length = 40;
    return (n >= 1 && n <= 8) ||
           kn_fail(err, KN_EINVAL, "%lld groups are not 1 to 8", (long long)n);
}

#define INT KN_ARG_INT

/* clang-format off */
const kn_op_type kn_ops_text[] = {
    /* name       arguments                       takes        length prepare          run */
    {"uuid7",     {{0}},                          0,           36,    NULL,            run_uuid7},
    {"ulid",      {{0}},                          0,           26,    NULL,            run_ulid},
    {"snowflake", {INT("epoch"), INT("machine")}, 0,           20,    NULL,            run_snowflake},
    {"letters",   {INT("n")},                     KN_OP_WORDS, 0,     prepare_count,   run_letters},
    {"nanoid",    {INT("n")},                     0,           0,     prepare_count,   run_nanoid},
    {"hex",       {INT("n")},                     0,           0,     prepare_count,   run_hex},
    {"pattern",   {INT("check")},                 KN_OP_WORDS, 0,     prepare_pattern, run_pattern},
    {"ipv4",      {INT("min"), INT("max")},       0,           0,     prepare_ipv4,    run_ipv4},
    {"ipv6",      {INT("groups")},                0,           0,     prepare_ipv6,    run_ipv6},
    {NULL,        {{0}},                          0,           0,     NULL,            NULL},
};
/* clang-format on */
