/* See batch.h. */
#include "aws/batch.h"

#include "base/base64.h"
#include "base/cbor.h"
#include "base/json.h"

#include <jansson.h>
#include <stdlib.h>

enum {
    KIB = 1024,
    MIB = 1024 * KIB,
    KEY_MAX = 256,      /* characters */
    ENTRY_EXTRA = 1700, /* around the data: names, quotes, the longest escaped keys */
};

static const char *const kinesis_transient[] = {"ProvisionedThroughputExceededException",
                                                "InternalFailure", "KMSThrottlingException", NULL};
static const char *const firehose_transient[] = {"ServiceUnavailableException", "InternalFailure",
                                                 NULL};

const kn_batch_rules kn_batch_kinesis = {
    .api = "kinesis",
    .operation = "PutRecords",
    .stream_member = "StreamName",
    .count_member = "FailedRecordCount",
    .results_member = "Records",
    .transient = kinesis_transient,
    .keyed = true,
    .max_records = 500,
    .default_record_bytes = MIB,
    .most_record_bytes = 10 * MIB,
    .default_bytes = 5 * MIB,
    .most_bytes = 10 * MIB,
};

const kn_batch_rules kn_batch_firehose = {
    .api = "firehose",
    .operation = "PutRecordBatch",
    .stream_member = "DeliveryStreamName",
    .count_member = "FailedPutCount",
    .results_member = "RequestResponses",
    .transient = firehose_transient,
    .busy = "ServiceUnavailableException",
    .max_records = 500,
    .default_record_bytes = 1000 * KIB,
    .most_record_bytes = 1000 * KIB,
    .default_bytes = 4 * MIB,
    .most_bytes = 4 * MIB,
};

bool kn_batch_init(kn_batch *b, const kn_batch_rules *rules, const char *stream,
                   const kn_batch_limits *limits, bool newline, kn_err *err) {
    *b = (kn_batch){.rules = rules, .newline = newline, .limits = *limits};
    kn_batch_limits *l = &b->limits;
    l->records = l->records ? l->records : rules->max_records;
    if (!l->bytes) /* a stream of larger records takes as large requests */
        l->bytes = l->record_bytes > rules->default_bytes ? l->record_bytes : rules->default_bytes;
    l->record_bytes = l->record_bytes ? l->record_bytes : rules->default_record_bytes;
    if (l->records > rules->max_records || l->bytes > rules->most_bytes ||
        l->record_bytes > rules->most_record_bytes)
        return kn_fail(err, KN_EINVAL,
                       "%s %s takes at most %u records and %u bytes, and %u bytes a record",
                       rules->api, rules->operation, rules->max_records, rules->most_bytes,
                       rules->most_record_bytes);
    if (l->record_bytes > l->bytes)
        l->record_bytes = l->bytes;
    kn_buf_init(&b->body, (l->bytes / 3 + 1) * (size_t)4 + (l->records + 1) * (size_t)ENTRY_EXTRA +
                              6 * strlen(stream));
    b->stream = strdup(stream);
    b->entries = malloc(l->records * sizeof *b->entries);
    if (b->stream && b->entries)
        kn_batch_begin(b, KN_WIRE_JSON);
    if (!b->stream || !b->entries || !kn_buf_ok(&b->body)) {
        kn_batch_free(b);
        return kn_fail(err, KN_ENOMEM, "out of memory for a batch of records");
    }
    return true;
}

void kn_batch_free(kn_batch *b) {
    kn_buf_free(&b->body);
    free(b->stream);
    free(b->entries);
    b->stream = NULL;
    b->entries = NULL;
    b->count = 0;
}

static void cut_body(kn_batch *b, size_t length) {
    b->body.len = length;
    b->body.p[length] = '\0';
    b->body.failed = false;
}

void kn_batch_clear(kn_batch *b) {
    cut_body(b, b->prefix);
    b->count = 0;
    b->bytes = 0;
}

static void append_name(kn_buf *out, const char *name) {
    char head[KN_CBOR_HEAD];
    kn_buf_append(out, head, (size_t)(kn_cbor_head(head, KN_CBOR_TEXT, strlen(name)) - head));
    kn_buf_cstr(out, name);
}

void kn_batch_begin(kn_batch *b, kn_wire wire) {
    b->wire = wire;
    kn_buf_clear(&b->body);
    if (wire == KN_WIRE_CBOR) {
        kn_buf_cstr(&b->body, "\xA2");
        append_name(&b->body, b->rules->stream_member);
        append_name(&b->body, b->stream);
        append_name(&b->body, "Records");
        kn_buf_append(&b->body, "\x99\0\0", 3); /* an array; kn_batch_body writes its count */
    } else {
        kn_json j = kn_json_to(&b->body);
        kn_json_begin(&j, '{');
        kn_json_key(&j, b->rules->stream_member);
        kn_json_cstr(&j, b->stream);
        kn_json_key(&j, "Records");
        kn_json_begin(&j, '[');
    }
    b->prefix = b->body.len;
    b->count = 0;
    b->bytes = 0;
}

/* ---- adding ---- */

/* As the service sees them: each byte that is not UTF-8 goes out as a character of its own. */
static size_t count_characters(kn_slice text) {
    size_t count = 0;
    for (size_t i = 0, n; i < text.n; i += n ? n : 1, count++)
        n = kn_utf8_length(text.p + i, text.n - i);
    return count;
}

static bool is_hash_key(kn_slice s) {
    static const char most[] = "340282366920938463463374607431768211455"; /* 2^128 - 1 */
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    if (s.n > 1 && s.p[0] == '0')
        return false;
    return s.n < sizeof most - 1 || (s.n == sizeof most - 1 && memcmp(s.p, most, s.n) <= 0);
}

static size_t size_of(const kn_batch *b, kn_slice data, kn_slice key) {
    return data.n + b->newline + (b->rules->keyed ? key.n : 0);
}

bool kn_batch_check(const kn_batch *b, kn_slice data, kn_slice key, kn_slice hash, kn_err *err) {
    size_t size = size_of(b, data, key);
    if (size > b->limits.record_bytes)
        return kn_fail(err, KN_ELIMIT, "a record of %zu bytes%s is over the limit of %u", size,
                       b->rules->keyed ? " with its partition key" : "", b->limits.record_bytes);
    if (b->rules->keyed && key.n == 0)
        return kn_fail(err, KN_EINVAL, "a record has an empty partition key");
    if (b->rules->keyed && key.n > KEY_MAX && count_characters(key) > KEY_MAX)
        return kn_fail(err, KN_ELIMIT, "a partition key of %zu characters is over the limit of %d",
                       count_characters(key), KEY_MAX);
    if (hash.n && !is_hash_key(hash))
        return kn_fail(err, KN_EINVAL,
                       "an explicit hash key is a whole number below 2^128 in decimal digits, "
                       "not \"%.*s\"",
                       hash.n < 60 ? (int)hash.n : 60, hash.p);
    return true;
}

static char *put(char *p, kn_slice s) {
    if (s.n)
        memcpy(p, s.p, s.n);
    return p + s.n;
}

/* The newline is part of what is encoded: whole triplets first, then the rest with it. */
static char *put_base64(const kn_batch *b, char *p, kn_slice data) {
    if (!b->newline)
        return kn_base64_put(p, data);
    size_t whole = data.n / 3 * 3, rest = data.n - whole;
    char tail[3];
    p = kn_base64_put(p, (kn_slice){data.p, whole});
    *put(tail, (kn_slice){data.p + whole, rest}) = '\n';
    return kn_base64_put(p, (kn_slice){tail, rest + 1});
}

static void append_json(kn_batch *b, kn_slice data, kn_slice key, kn_slice hash) {
    kn_buf *out = &b->body;
    char *p = out->p + out->len;
    if (b->count)
        *p++ = ',';
    p = put(p, KN_SLICE("{\"Data\":\""));
    p = put_base64(b, p, data);
    *p++ = '"';
    if (b->rules->keyed && kn_json_plain(key) == key.n) {
        p = put(p, KN_SLICE(",\"PartitionKey\":\""));
        p = put(p, key);
        *p++ = '"';
    } else if (b->rules->keyed) {
        p = put(p, KN_SLICE(",\"PartitionKey\":"));
        out->len = (size_t)(p - out->p);
        kn_json_escape(out, key);
        p = out->p + out->len;
    }
    if (b->rules->keyed && hash.n) {
        p = put(p, KN_SLICE(",\"ExplicitHashKey\":\""));
        p = put(p, hash);
        *p++ = '"';
    }
    *p++ = '}';
    out->len = (size_t)(p - out->p);
}

static bool is_ascii(kn_slice s) {
    uint64_t seen = 0, word = 0;
    size_t i = 0;
    for (; i + sizeof word <= s.n; i += sizeof word) {
        memcpy(&word, s.p + i, sizeof word);
        seen |= word;
    }
    for (word = 0; i < s.n; i++)
        word |= (unsigned char)s.p[i];
    return ((seen | word) & 0x8080808080808080u) == 0;
}

/* A text, in which every byte that is not UTF-8 becomes U+FFFD, as in JSON. */
static char *put_text(char *p, kn_slice text) {
    size_t bad = 0;
    if (!is_ascii(text))
        for (size_t i = 0, n; i < text.n; i += n ? n : 1)
            bad += (n = kn_utf8_length(text.p + i, text.n - i)) == 0;
    p = kn_cbor_head(p, KN_CBOR_TEXT, text.n + 2 * bad);
    if (!bad)
        return put(p, text);
    for (size_t i = 0, n; i < text.n; i += n ? n : 1) {
        n = kn_utf8_length(text.p + i, text.n - i);
        p = put(p, n ? (kn_slice){text.p + i, n} : KN_SLICE("\xEF\xBF\xBD"));
    }
    return p;
}

static void append_cbor(kn_batch *b, kn_slice data, kn_slice key, kn_slice hash) {
    kn_buf *out = &b->body;
    char *p = out->p + out->len;
    bool keyed = b->rules->keyed, hashed = keyed && hash.n;
    p = kn_cbor_head(p, KN_CBOR_MAP, 1u + keyed + hashed);
    p = put(p, KN_SLICE("\x64"
                        "Data"));
    p = kn_cbor_head(p, KN_CBOR_BYTES, data.n + b->newline);
    p = put(p, data);
    if (b->newline)
        *p++ = '\n';
    if (keyed) {
        p = put(p, KN_SLICE("\x6C"
                            "PartitionKey"));
        p = put_text(p, key);
    }
    if (hashed) {
        p = put(p, KN_SLICE("\x6F"
                            "ExplicitHashKey"));
        p = put_text(p, hash);
    }
    out->len = (size_t)(p - out->p);
}

static size_t records_end(const kn_batch *b) {
    const kn_batch_entry *last = b->count ? &b->entries[b->count - 1] : NULL;
    return last ? last->offset + last->length : b->prefix;
}

kn_batch_answer kn_batch_add(kn_batch *b, kn_slice data, kn_slice key, kn_slice hash, kn_err *err) {
    size_t size = size_of(b, data, key);
    if (!kn_batch_check(b, data, key, hash, err))
        return KN_BATCH_REFUSED;
    if (b->count == b->limits.records || size > b->limits.bytes - b->bytes)
        return KN_BATCH_FULL;
    size_t before = records_end(b);
    cut_body(b, before);
    if (!kn_buf_reserve(&b->body, kn_base64_length(data.n + 1) + ENTRY_EXTRA)) {
        cut_body(b, before);
        kn_fail(err, KN_ENOMEM, "out of memory for a record of %zu bytes", data.n);
        return KN_BATCH_REFUSED;
    }
    if (b->wire == KN_WIRE_CBOR)
        append_cbor(b, data, key, hash);
    else
        append_json(b, data, key, hash);
    size_t start = before + (b->wire == KN_WIRE_JSON && b->count > 0);
    b->entries[b->count++] = (kn_batch_entry){.offset = (uint32_t)start,
                                              .length = (uint32_t)(b->body.len - start),
                                              .size = (uint32_t)size,
                                              .data = (uint32_t)data.n};
    b->bytes += (uint32_t)size;
    return KN_BATCH_ADDED;
}

kn_slice kn_batch_body(kn_batch *b) {
    cut_body(b, records_end(b));
    if (b->wire == KN_WIRE_CBOR) {
        b->body.p[b->prefix - 2] = (char)(b->count >> 8);
        b->body.p[b->prefix - 1] = (char)b->count;
    } else {
        kn_buf_cstr(&b->body, "]}"); /* within the room that ENTRY_EXTRA leaves */
    }
    return kn_buf_view(&b->body);
}

/* ---- reading back ---- */

static bool read_json(kn_slice entry, kn_buf *scratch, kn_slice out[3]) {
    json_t *record = json_loadb(entry.p, entry.n, JSON_ALLOW_NUL, NULL); /* in a key */
    const char *data = json_string_value(json_object_get(record, "Data"));
    const json_t *key = json_object_get(record, "PartitionKey");
    const json_t *hash = json_object_get(record, "ExplicitHashKey");
    out[1].n = json_string_length(key);
    out[2].n = json_string_length(hash);
    kn_buf_append(scratch, json_string_value(key), out[1].n);
    kn_buf_append(scratch, json_string_value(hash), out[2].n);
    bool ok = data && kn_base64_decode(scratch, kn_slice_cstr(data)) && kn_buf_ok(scratch);
    json_decref(record);
    kn_slice all = kn_buf_view(scratch);
    out[1].p = all.p;
    out[2].p = all.p + out[1].n;
    out[0] = (kn_slice){out[2].p + out[2].n, all.n - out[1].n - out[2].n};
    return ok;
}

/* The body is the text: nothing is copied. */
static bool read_cbor(kn_slice entry, kn_slice out[3]) {
    static const char *const names[] = {"Data", "PartitionKey", "ExplicitHashKey"};
    kn_cbor_item map, name, text;
    if (!kn_cbor_take(&entry, &map))
        return false;
    for (uint64_t i = 0; i < map.value; i++) {
        if (!kn_cbor_take(&entry, &name) || !kn_cbor_take(&entry, &text))
            return false;
        for (int k = 0; k < 3; k++)
            if (kn_slice_eq_cstr(name.text, names[k]))
                out[k] = text.text;
    }
    return true;
}

bool kn_batch_read(const kn_batch *b, const kn_batch_entry *entry, kn_buf *scratch,
                   kn_batch_record *out, kn_err *err) {
    kn_slice bytes = {b->body.p + entry->offset, entry->length};
    kn_slice parts[3] = {{"", 0}, {"", 0}, {"", 0}};
    kn_buf_clear(scratch);
    bool ok = b->wire == KN_WIRE_CBOR ? read_cbor(bytes, parts) : read_json(bytes, scratch, parts);
    if (!ok)
        return kn_fail(err, KN_ENOMEM, "out of memory to read a record of a batch");
    parts[0].n -= b->newline;
    *out = (kn_batch_record){parts[0], parts[1], parts[2]};
    return true;
}
