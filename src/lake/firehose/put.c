/* PutRecord and PutRecordBatch: into the stream's own journal, acknowledged once it is there. */
#include "lake/firehose/state.h"

#include "base/base64.h"
#include "base/json.h"

#include <stdlib.h>

enum { RECORDS_MAX = 500, RECORD_MAX = 1000 << 10, BATCH_MAX = 4 << 20 };

static const kn_member record_members[] = {
    {.name = "Data", .type = KN_BLOB, .required = true, .min = 0, .max = RECORD_MAX},
    {0},
};

const kn_member kn_firehose_put_record_members[] = {
    {.name = "DeliveryStreamName", KN_FIREHOSE_STREAM_NAME, .required = true},
    {.name = "Record", .type = KN_OBJECT, .required = true, .members = record_members},
    {0},
};

const kn_member kn_firehose_put_record_batch_members[] = {
    {.name = "DeliveryStreamName", KN_FIREHOSE_STREAM_NAME, .required = true},
    {.name = "Records",
     .type = KN_LIST,
     .required = true,
     .min = 1,
     .max = RECORDS_MAX,
     .members = record_members},
    {0},
};

/* Decodes the records one behind the other into bytes. */
static bool decode(const json_t *list, kn_journal_record *records, kn_buf *bytes, kn_err *err) {
    const json_t *item;
    size_t i;
    json_array_foreach(list, i, item) {
        const json_t *data = json_object_get(item, "Data");
        size_t before = bytes->len;
        kn_slice base64 = {json_string_value(data), json_string_length(data)};
        if (!kn_base64_decode(bytes, base64) && !bytes->failed)
            return kn_fail_aws(err, 400, "SerializationException", "Data is not base64");
        if (bytes->failed || bytes->len > BATCH_MAX)
            return kn_fail_aws(err, 400, "InvalidArgumentException",
                               "Records size exceeds 4 MB limit");
        records[i].data.n = bytes->len - before;
    }
    size_t at = 0;
    for (i = 0; i < json_array_size(list); i++) { /* only now: the buffer moves while it grows */
        records[i].data.p = (bytes->p ? bytes->p : "") + at;
        at += records[i].data.n;
    }
    return true;
}

static bool append(kn_op_call *call, const json_t *list, kn_journal_record *records, char id[40],
                   kn_err *err) {
    kn_firehose *f = kn_lake_firehose(call->lake);
    const char *name = json_string_value(json_object_get(call->input, "DeliveryStreamName"));
    kn_delivery *d;
    kn_buf bytes;
    if (!kn_delivery_hold(f, name, &d, err))
        return false;
    kn_buf_init(&bytes, BATCH_MAX + 2); /* the padding of the last record counts until decoded */
    memcpy(id, d->id, sizeof d->id);
    bool ok = d->journal ||
              kn_fail_aws(err, 400, "InvalidArgumentException",
                          "This operation is not permitted on KinesisStreamAsSource delivery "
                          "stream type.");
    ok = ok && decode(list, records, &bytes, err) &&
         kn_journal_append(d->journal, records, json_array_size(list), err);
    kn_buf_free(&bytes);
    kn_delivery_release(f, d);
    return ok;
}

static void put_record_id(kn_json *j, const char *id, const kn_journal_record *record) {
    char text[80];
    snprintf(text, sizeof text, "%s-%020llu", id, (unsigned long long)record->index);
    kn_json_key(j, "RecordId");
    kn_json_cstr(j, text);
}

bool kn_firehose_put_record(kn_op_call *call, kn_err *err) {
    kn_journal_record record = {0};
    char id[40];
    json_t *list = json_pack("[O]", json_object_get(call->input, "Record"));
    bool ok =
        list ? append(call, list, &record, id, err) : kn_fail(err, KN_ENOMEM, "out of memory");
    json_decref(list);
    if (!ok)
        return false;
    kn_json j = kn_json_to(call->text);
    kn_json_begin(&j, '{');
    put_record_id(&j, id, &record);
    kn_json_key(&j, "Encrypted");
    kn_json_bool(&j, false);
    kn_json_end(&j, '}');
    return true;
}

bool kn_firehose_put_record_batch(kn_op_call *call, kn_err *err) {
    const json_t *list = json_object_get(call->input, "Records");
    size_t n = json_array_size(list);
    kn_journal_record *records = calloc(n + 1, sizeof *records);
    char id[40];
    if (!records)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    bool ok = append(call, list, records, id, err);
    if (ok) {
        kn_json j = kn_json_to(call->text);
        kn_json_begin(&j, '{');
        kn_json_key(&j, "FailedPutCount");
        kn_json_int(&j, 0);
        kn_json_key(&j, "Encrypted");
        kn_json_bool(&j, false);
        kn_json_key(&j, "RequestResponses");
        kn_json_begin(&j, '[');
        for (size_t i = 0; i < n; i++) {
            kn_json_begin(&j, '{');
            put_record_id(&j, id, &records[i]);
            kn_json_end(&j, '}');
        }
        kn_json_end(&j, ']');
        kn_json_end(&j, '}');
    }
    free(records);
    return ok;
}
