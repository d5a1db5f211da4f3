/* Any bytes as a body of PutRecords: what the quick reader takes, the general one takes too, and
 * reads the same. Only base64 is not the quick reader's business. */
#include "lake/kinesis/body.h"

#include "base/base64.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static kn_put_entry entries[KN_PUT_RECORDS_MAX];
    static kn_patterns *patterns;
    kn_err err;
    if (!patterns && !kn_patterns_new(&patterns, &err))
        abort();
    kn_slice stream;
    size_t count;
    if (!kn_put_body_read((kn_slice){(const char *)data, n}, &stream, entries, &count))
        return 0;
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
    return 0;
}
