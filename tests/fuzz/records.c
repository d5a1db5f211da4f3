/* Any bytes as a reply of GetRecords: what is read as one, jansson reads too, and it says the same.
 */
#include "aws/records.h"

#include "base/base64.h"

#include <jansson.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool same(kn_slice slice, const json_t *value) {
    return json_is_string(value) &&
           kn_slice_eq(slice, (kn_slice){json_string_value(value), json_string_length(value)});
}

/* An object's member that comes twice is the last for jansson, as for the reader. */
static void compare(const kn_records *r, const json_t *reply) {
    const json_t *all = json_object_get(reply, "Records"), *row;
    const json_t *next = json_object_get(reply, "NextShardIterator");
    size_t i;
    if (json_array_size(all) != r->count || (r->next.p && !same(r->next, next)))
        abort();
    json_array_foreach(all, i, row) {
        const json_t *text = json_object_get(row, "Data");
        kn_buf plain;
        kn_buf_init(&plain, 1 << 20);
        if (!same(r->rows[i].key, json_object_get(row, "PartitionKey")) ||
            !same(r->rows[i].sequence, json_object_get(row, "SequenceNumber")) ||
            !kn_base64_decode(&plain,
                              (kn_slice){json_string_value(text), json_string_length(text)}) ||
            !kn_slice_eq(r->rows[i].data, kn_buf_view(&plain)))
            abort();
        kn_buf_free(&plain);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static kn_records r;
    static kn_buf text;
    kn_err err;
    kn_slice body = {(const char *)data, n};
    if (!r.bytes.max) {
        kn_buf_init(&text, 1 << 24);
        if (!kn_records_init(&r, &err))
            abort();
    }
    if (!kn_records_read(&r, body, false, &err))
        return 0;
    json_t *reply = json_loadb(body.p, body.n, JSON_ALLOW_NUL, NULL);
    if (reply) /* jansson takes no lone surrogates, and no numbers that are too large */
        compare(&r, reply);
    json_decref(reply);
    if (!kn_records_read(&r, body, true, &err))
        abort();
    kn_buf_clear(&text);
    for (size_t i = 0; i < r.count; i++) {
        kn_records_line(&r.rows[i], &text);
        size_t start = text.len;
        kn_records_envelope(&r.rows[i], KN_SLICE("shardId-0"), (kn_slice){NULL, 0}, &text);
        if (memchr(text.p + start, '\n', text.len - start) != text.p + text.len - 1)
            abort();
    }
    return 0;
}
