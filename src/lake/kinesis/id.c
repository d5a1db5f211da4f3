/* See id.h. The layout of sequence numbers is the one that AWS was seen to use (recorded by
 * kinesalite's author). */
#include "lake/kinesis/id.h"

#include "base/base64.h"
#include "base/crc32c.h"
#include "base/digits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

kn_hash_key kn_hash_begin(unsigned shard, unsigned count) {
    kn_hash_key top = ~(kn_hash_key)0;
    kn_hash_key width = top / count + (top % count == count - 1); /* floor(2^128 / count) */
    return count == 1 ? 0 : width * shard;
}

#define SEQUENCE_DIGITS 56
#define SECONDS_MASK ((UINT64_C(1) << 36) - 1)
/* Writes the number of 32-bit limbs, least first, in decimal; the limbs are used up. Each division
 * is one of 64 bits by a constant. */
static void print_limbs(uint32_t *limbs, int n, char *end) {
    while (n > 0) {
        uint64_t rest = 0;
        for (int i = n - 1; i >= 0; i--) {
            rest = rest << 32 | limbs[i];
            limbs[i] = (uint32_t)(rest / 1000000000);
            rest %= 1000000000;
        }
        end -= 9;
        kn_put_padded(end, rest, 9);
        while (n > 0 && limbs[n - 1] == 0)
            n--;
    }
}

void kn_sequence_print(const kn_sequence *sequence, char out[64]) {
    uint64_t created = (uint64_t)sequence->created_s & SECONDS_MASK;
    uint64_t arrival = (uint64_t)sequence->arrival_s & SECONDS_MASK;
    uint64_t words[3] = {
        2 | (uint64_t)sequence->shard << 4 | arrival << 36,
        arrival >> 28 | sequence->number << 16,
        sequence->number >> 48 | (uint64_t)(sequence->shard & 15) << 16 | created << 20 |
            UINT64_C(2) << 56,
    };
    uint32_t limbs[6];
    char digits[63]; /* of which 56 are used: the number has 186 bits */
    for (int i = 0; i < 6; i++)
        limbs[i] = (uint32_t)(words[i / 2] >> 32 * (i % 2));
    print_limbs(limbs, 6, digits + sizeof digits);
    memcpy(out, digits + sizeof digits - SEQUENCE_DIGITS, SEQUENCE_DIGITS);
    out[SEQUENCE_DIGITS] = '\0';
}

bool kn_sequence_parse(kn_slice text, kn_sequence *sequence) {
    uint64_t words[3] = {0};
    if (text.n != SEQUENCE_DIGITS)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        kn_hash_key carry = (unsigned)(text.p[i] - '0');
        for (int w = 0; w < 3; w++) {
            carry += (kn_hash_key)words[w] * 10;
            words[w] = (uint64_t)carry;
            carry >>= 64;
        }
    }
    *sequence = (kn_sequence){
        .created_s = (int64_t)(words[2] >> 20 & SECONDS_MASK),
        .number = words[1] >> 16 | words[2] << 48,
        .arrival_s = (int64_t)((words[0] >> 36 | words[1] << 28) & SECONDS_MASK),
        .shard = (uint32_t)(words[0] >> 4),
    };
    char again[64];
    kn_sequence_print(sequence, again);
    return kn_slice_eq_cstr(text, again);
}

void kn_page_token_print(const kn_page_token *token, kn_buf *out) {
    char text[320];
    int n = snprintf(text, sizeof text, "%c:%" PRId64 ":%" PRIu32 ":%" PRIu64 ":%s:", token->kind,
                     token->issued_ms, token->shard, token->index, token->stream);
    uint32_t crc = kn_crc32c(0, text, (size_t)n);
    n += snprintf(text + n, sizeof text - (size_t)n, "%08" PRIx32, crc);
    kn_base64_encode(out, (kn_slice){text, (size_t)n});
}

bool kn_page_token_parse(kn_slice text, char kind, kn_page_token *token) {
    kn_buf plain;
    kn_buf_init(&plain, 320);
    bool ok = kn_base64_decode(&plain, text) && plain.len > 9;
    if (ok) {
        char *crc = plain.p + plain.len - 8, *end;
        int at = 0;
        ok = crc[-1] == ':' && strtoul(crc, &end, 16) == kn_crc32c(0, plain.p, plain.len - 8) &&
             *end == '\0' &&
             sscanf(plain.p, "%c:%" SCNd64 ":%" SCNu32 ":%" SCNu64 ":%n", &token->kind,
                    &token->issued_ms, &token->shard, &token->index, &at) == 4 &&
             at > 0 && token->kind == kind && token->issued_ms >= 0 && plain.len - 9 > (size_t)at &&
             plain.len - 9 - (size_t)at < sizeof token->stream;
        if (ok) {
            size_t n = plain.len - 9 - (size_t)at;
            memcpy(token->stream, plain.p + at, n);
            token->stream[n] = '\0';
        }
    }
    kn_buf_free(&plain);
    return ok;
}
