/* Entries that wait, and open aggregates: what goes in comes out, and what they hold is known. */
#include "run/stream/hold.h"
#include "run/stream/lanes.h"

#include "tap.h"

static kn_err err;

static void holds(void) {
    kn_hold hold = {.most_pieces = 3, .most_bytes = 10000};
    char data[10] = "abc";
    kn_piece piece = {.data = {data, 3}, .key = KN_SLICE("k"), .hash = {"", 0}};
    for (uint64_t i = 0; i < 3; i++) {
        piece.number = i;
        tap_ok(!kn_hold_is_full(&hold) && kn_hold_add(&hold, &piece, 100 - i, &err), "add");
    }
    tap_ok(kn_hold_is_full(&hold), "three are many");
    tap_is_int(hold.next_ns, 98, "the first is ready then");
    data[0] = 'x';
    kn_held *second = kn_hold_take(&hold, hold.first);
    tap_ok(second->piece.number == 1 && kn_slice_eq_cstr(second->piece.data, "abc") &&
               kn_slice_eq_cstr(second->piece.key, "k") && second->piece.hash.n == 0,
           "taken from the middle, a copy");
    kn_held_free(second);
    kn_held *last = kn_hold_take(&hold, hold.first);
    tap_is_int(last->piece.number, 2, "from the end");
    kn_held_free(last);
    tap_ok(kn_hold_add(&hold, &piece, 7, &err) && hold.last->piece.number == 2, "added behind");
    for (int i = 0; i < 2; i++)
        kn_held_free(kn_hold_take(&hold, NULL));
    tap_ok(hold.count == 0 && hold.bytes == 0 && !hold.first && !hold.last, "empty again");
    hold.most_bytes = 1000;
    static char large[2000];
    piece.data = (kn_slice){large, sizeof large};
    tap_ok(kn_hold_add(&hold, &piece, 1, &err) && kn_hold_is_full(&hold), "full by its bytes");
    kn_held_free(kn_hold_take(&hold, NULL));
}

static kn_aggregate_answer add(kn_lanes *l, uint32_t shard, uint64_t number, uint64_t now) {
    static char data[1000];
    memset(data, 'd', sizeof data);
    kn_user_record record = {{data, 300}, KN_SLICE("key"), {NULL, 0}};
    kn_rider rider = {number, number * 10};
    return kn_lanes_add(l, shard, 2, &record, &rider, now, &err);
}

static void lanes(void) {
    kn_lanes l = {.max_bytes = 1000};
    kn_piece piece;
    tap_ok(add(&l, 3, 0, 50) == KN_AGGREGATE_ADDED && add(&l, 900, 1, 40) == KN_AGGREGATE_ADDED &&
               add(&l, 3, 2, 60) == KN_AGGREGATE_ADDED && add(&l, 3, 3, 70) == KN_AGGREGATE_ADDED,
           "records of two shards");
    tap_is_int(add(&l, 3, 4, 80), KN_AGGREGATE_FULL, "one is full");
    tap_ok(l.filled == 2 && l.first_ns == 40, "two are begun");
    tap_is_int(kn_lanes_due(&l, 0, 45), 900, "one before then");
    tap_is_int(kn_lanes_due(&l, 0, 55), 3, "two, by number");
    tap_ok(kn_lanes_due(&l, 901, 55) >= l.count, "and no more");
    tap_ok(kn_lanes_close(&l, 3, &piece, &err) && piece.riders && piece.riders->count == 3 &&
               piece.riders->list[1].number == 2 && piece.riders->list[2].due_ns == 30 &&
               piece.user_bytes == 900 && piece.shard == 3 && kn_piece_records(&piece) == 3,
           "an aggregate, and who is in it");
    tap_ok(kn_slice_eq_cstr(piece.key, "a") && piece.hash.n > 20, "with an explicit hash key");
    kn_lanes_clear(&l, 3);
    free(piece.riders);
    tap_ok(!kn_lanes_holds(&l, 3) && kn_lanes_holds(&l, 900) && l.filled == 1, "it is empty");
    tap_ok(kn_lanes_close(&l, 900, &piece, &err) && !piece.riders && piece.number == 1 &&
               piece.due_ns == 10 && piece.data.n == 300 && kn_slice_eq_cstr(piece.key, "key") &&
               piece.hash.n == 0 && kn_piece_records(&piece) == 1,
           "one record alone goes as it is");
    kn_lanes_clear(&l, 900);
    tap_is_int(add(&l, 900, 5, 90), KN_AGGREGATE_ADDED, "the lane is used again");
    kn_lanes_free(&l);
    tap_is_int(l.count, 0, "freed with a record in it");
}

int main(void) {
    holds();
    lanes();
    return tap_done();
}
