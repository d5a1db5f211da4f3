/* Any bytes as an aggregated record: with a frame made around them, so that the message is read.
 * What is read and written again is read the same. */
#include "aws/aggregate.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool same(kn_slice a, kn_slice b) {
    return !a.p == !b.p && (!a.p || kn_slice_eq(a, b));
}

/* The records of d once more, through the writer; false when they cannot be written. */
static void again(kn_deaggregator *d, kn_aggregate *a, kn_deaggregator *reader) {
    kn_deaggregator begin = *d;
    kn_user_record r, out, got;
    kn_err err;
    kn_aggregate_clear(a);
    while (kn_deaggregator_next(d, &r)) {
        kn_hash_key hash;
        if (!r.key.p || (r.hash.p && !kn_hash_parse(r.hash, &hash)))
            return;
        if (kn_aggregate_add(a, &r, &err) != KN_AGGREGATE_ADDED)
            abort();
    }
    if (a->count < 2)
        return;
    if (!kn_aggregate_finish(a, &out, &err) || out.data.n != kn_aggregate_size(a) ||
        !kn_deaggregate(reader, out.data, &err) || !reader->aggregated || reader->count != a->count)
        abort();
    *d = begin;
    while (kn_deaggregator_next(d, &r))
        if (!kn_deaggregator_next(reader, &got) || !same(got.data, r.data) ||
            !same(got.key, r.key) || !same(got.hash, r.hash))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static kn_deaggregator d, reader;
    static kn_aggregate a;
    kn_user_record r;
    kn_err err;
    if (!d.md5.context &&
        (!kn_deaggregator_init(&d, &err) || !kn_deaggregator_init(&reader, &err) ||
         !kn_aggregate_init(&a, KN_AGGREGATE_MOST, &err)))
        abort();
    kn_slice raw = {(const char *)data, n};
    unsigned char *framed = malloc(n + KN_AGGREGATE_FRAME); /* of its exact size */
    memcpy(framed, KN_AGGREGATE_MAGIC, 4);
    memcpy(framed + 4, data, n);
    if (!kn_md5_digest(&d.md5, raw, framed + 4 + n, &err))
        abort();
    kn_slice inputs[2] = {raw, {(const char *)framed, n + KN_AGGREGATE_FRAME}};
    for (int i = 0; i < 2; i++) {
        size_t count = 0, bytes = 0;
        if (!kn_deaggregate(&d, inputs[i], &err))
            abort();
        kn_deaggregator begin = d;
        for (; kn_deaggregator_next(&d, &r); count++)
            bytes += r.data.n;
        if (count != d.count || bytes > inputs[i].n)
            abort();
        d = begin;
        if (d.aggregated)
            again(&d, &a, &reader);
    }
    free(framed);
    return 0;
}
