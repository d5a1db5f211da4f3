/* Ranges of hash keys, sequence numbers and tokens, against known numbers. */
#include "lake/kinesis/id.h"

#include "tap.h"

#include <inttypes.h>

static void hashes(void) {
    char text[40];
    static const char *const four[] = {"0", "85070591730234615865843651857942052864",
                                       "170141183460469231731687303715884105728",
                                       "255211775190703847597530955573826158592"};
    for (unsigned i = 0; i < 4; i++) {
        kn_hash_print(kn_hash_begin(i, 4), text);
        tap_is_str(text, four[i], "shard %u of 4 begins", i);
    }
    kn_hash_print(kn_hash_begin(1, 3), text);
    tap_is_str(text, "113427455640312821154458202477256070485", "shard 1 of 3 begins");
    kn_hash_print(kn_hash_begin(0, 1), text);
    tap_is_str(text, "0", "the only shard begins");
    kn_hash_print(kn_hash_begin(3, 4) - 1 + kn_hash_begin(1, 4) + 1, text);
    tap_is_str(text, "0", "four shards cover all keys");
}

static void sequences(void) {
    char text[64], before[64] = "";
    static const struct {
        kn_sequence sequence;
        const char *text;
    } known[] = {
        /* the layout's hexadecimal digits by another language's big integers */
        {{1421799720, 0, 0, 0}, "49547172400173438417772080942570699060562239650583805954"},
        /* what kinesalite 3.3.3 writes */
        {{1421799720, 0, 1421799720, 0},
         "49547172400173438417772080942570699158267572432375119874"},
        {{1421799720, 77, 1421799999, 21},
         "49547172400284942143764734058371465037741159859091407186"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        kn_sequence_print(&known[i].sequence, text);
        tap_is_str(text, known[i].text, "sequence number %zu", i);
    }
    static const kn_sequence cases[] = {
        {1421799720, 0, 1421799720, 0},
        {1421799720, 1, 1421799720, 0},
        {1421799720, 1, 1421799721, 0},
        {1421799720, 2, 1421799721, 0},
        {1421799720, UINT64_C(1) << 48, 1421799721, 0},
        {1421799720, UINT64_MAX, 1421799721, 0},
        {1421799720, 0, 0, 1},
        {1421799720, 77, (INT64_C(1) << 36) - 1, 12},
        {(INT64_C(1) << 36) - 1, 77, 0, 15},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kn_sequence back = {0};
        kn_sequence_print(&cases[i], text);
        tap_ok(strlen(text) == 56 && strcmp(text, before) > 0, "case %zu is larger", i);
        strcpy(before, text);
        bool ok = kn_sequence_parse(kn_slice_cstr(text), &back);
        tap_ok(ok && back.created_s == cases[i].created_s && back.number == cases[i].number &&
                   back.arrival_s == cases[i].arrival_s && back.shard == cases[i].shard,
               "... and read back");
    }
    kn_sequence big = {1421799720, 5, 1421799721, 4000000000u}, back;
    kn_sequence_print(&big, text);
    tap_ok(kn_sequence_parse(kn_slice_cstr(text), &back) && back.shard == 4000000000u,
           "32 bits of shard");
    text[55] = text[55] == '9' ? '8' : '9';
    tap_ok(!kn_sequence_parse(kn_slice_cstr(text), &back), "another last digit is refused");
    tap_ok(!kn_sequence_parse(KN_SLICE("0"), &back), "0 is refused");
    tap_ok(!kn_sequence_parse(KN_SLICE("99999999999999999999999999999999999999999999999999999999"),
                              &back),
           "56 nines are refused");
    tap_ok(!kn_sequence_parse(KN_SLICE("4954703424854153384621817045457715371114437604193658675x"),
                              &back),
           "a letter is refused");
}

static void tokens(void) {
    kn_page_token token = {'i', 1700000000123, 7, UINT64_MAX, "my.stream-1700000000000"}, back;
    kn_buf text;
    kn_buf_init(&text, 512);
    kn_page_token_print(&token, &text);
    tap_ok(kn_page_token_parse(kn_buf_view(&text), 'i', &back) &&
               back.issued_ms == token.issued_ms && back.shard == 7 && back.index == UINT64_MAX &&
               back.kind == 'i',
           "a token is read back");
    tap_is_str(back.stream, token.stream, "... with its stream");
    tap_ok(!kn_page_token_parse(kn_buf_view(&text), 's', &back), "another kind is refused");
    unsigned accepted = 0;
    for (size_t i = 0; i < text.len; i++) {
        char saved = text.p[i];
        text.p[i] = saved == 'A' ? 'B' : 'A';
        accepted += kn_page_token_parse(kn_buf_view(&text), 'i', &back);
        accepted += kn_page_token_parse((kn_slice){text.p, i}, 'i', &back);
        text.p[i] = saved;
    }
    tap_is_int(accepted, 0, "a changed or cut token is refused");
    token.issued_ms = INT64_MIN;
    kn_buf_clear(&text);
    kn_page_token_print(&token, &text);
    tap_ok(!kn_page_token_parse(kn_buf_view(&text), 'i', &back),
           "so is one that was issued before 1970, whatever its checksum");
    kn_buf_free(&text);
}

int main(void) {
    hashes();
    sequences();
    tokens();
    return tap_done();
}
