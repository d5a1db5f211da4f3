/* Any bytes as a body of PutRecords, in JSON and in CBOR: what the quick readers take, the general
 * ones take too, and read the same. Only base64 is not the quick readers' business. */
#include "lake/kinesis/body.h"

#include "base/base64.h"
#include "base/cbor.h"
#include "lake/validate.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const kn_member *members_of_put_records(void) {
    const kn_op *op = kn_kinesis_service.ops;
    while (op->name && strcmp(op->name, "PutRecords") != 0)
        op++;
    return op->members;
}

static bool same(kn_slice slice, const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    return kn_slice_eq(slice, (kn_slice){json_string_value(value), json_string_length(value)});
}

static void check_json(const uint8_t *data, size_t n, kn_patterns *patterns) {
    static kn_put_entry entries[KN_PUT_RECORDS_MAX];
    kn_err err;
    kn_slice stream;
    size_t count;
    if (!kn_put_body_read((kn_slice){(const char *)data, n}, &stream, entries, &count))
        return;
    json_t *input = json_loadb((const char *)data, n, 0, NULL);
    const json_t *records = json_object_get(input, "Records");
    if (!same(stream, input, "StreamName") || json_array_size(records) != count)
        abort();
    bool decodes = true;
    for (size_t i = 0; i < count; i++) {
        const json_t *record = json_array_get(records, i);
        kn_buf plain;
        kn_buf_init(&plain, 1 << 20);
        if (!same(entries[i].data, record, "Data") || !same(entries[i].key, record, "PartitionKey"))
            abort();
        decodes = kn_base64_decode(&plain, entries[i].data) && decodes;
        kn_buf_free(&plain);
    }
    if (decodes &&
        !kn_validate(patterns, members_of_put_records(), "ValidationException", input, &err))
        abort();
    json_decref(input);
}

static void check_cbor(const uint8_t *data, size_t n, kn_patterns *patterns) {
    static kn_put_entry entries[KN_PUT_RECORDS_MAX];
    kn_slice stream, cbor = {(const char *)data, n}, rest = cbor;
    kn_buf text, data64;
    kn_err err;
    size_t count;
    if (!kn_put_body_read_cbor(cbor, &stream, entries, &count))
        return;
    kn_buf_init(&text, 8 * n + 64);
    kn_buf_init(&data64, 2 * n + 64);
    if (!kn_cbor_skip(&rest) || rest.n || !kn_cbor_to_json(cbor, &text, &err))
        abort();
    json_t *input = json_loadb(text.p, text.len, 0, NULL);
    const json_t *records = json_object_get(input, "Records");
    if (!same(stream, input, "StreamName") || json_array_size(records) != count ||
        !kn_validate(patterns, members_of_put_records(), "ValidationException", input, &err))
        abort();
    for (size_t i = 0; i < count; i++) {
        const json_t *record = json_array_get(records, i);
        kn_buf_clear(&data64);
        kn_base64_encode(&data64, entries[i].data);
        if (!same(kn_buf_view(&data64), record, "Data") ||
            !same(entries[i].key, record, "PartitionKey"))
            abort();
    }
    json_decref(input);
    kn_buf_free(&text);
    kn_buf_free(&data64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static kn_patterns *patterns;
    kn_err err;
    if (!patterns && !kn_patterns_new(&patterns, &err))
        abort();
    check_json(data, n, patterns);
    check_cbor(data, n, patterns);
    return 0;
}
