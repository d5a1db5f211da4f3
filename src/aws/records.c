/* See records.h. */
#include "aws/records.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/scan.h"
#include "base/time.h"

#include <stdlib.h>

enum { BODY_MAX = 256 << 20 };

static const int64_t LATEST_MS = 253402300799999; /* the end of the year 9999 */

bool kn_records_init(kn_records *r, kn_err *err) {
    *r = (kn_records){.count = 0};
    kn_buf_init(&r->bytes, 2 * (size_t)BODY_MAX + 1);
    return kn_deaggregator_init(&r->reader, err);
}

void kn_records_free(kn_records *r) {
    kn_deaggregator_free(&r->reader);
    kn_buf_free(&r->bytes);
    free(r->rows);
    *r = (kn_records){.count = 0};
}

static bool push(kn_records *r, const kn_stream_record *record, kn_err *err) {
    if (r->count == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 1024;
        kn_stream_record *rows = realloc(r->rows, cap * sizeof *rows);
        if (!rows)
            return kn_fail(err, KN_ENOMEM, "out of memory");
        r->rows = rows;
        r->cap = cap;
    }
    r->rows[r->count++] = *record;
    return true;
}

/* One as the stream has it: as itself, or as those that it holds. */
static bool push_all(kn_records *r, kn_stream_record *record, bool deaggregate, kn_err *err) {
    kn_user_record user;
    bool ok = true;
    record->sub = KN_RECORDS_WHOLE;
    r->sequence = record->sequence;
    if (!deaggregate)
        return push(r, record, err);
    if (!kn_deaggregate(&r->reader, record->data, err))
        return false;
    kn_slice key = record->key;
    for (int64_t n = 0; ok && kn_deaggregator_next(&r->reader, &user); n++) {
        record->data = user.data;
        record->key = user.key.p ? user.key : key;
        record->hash = user.hash;
        record->sub = r->reader.aggregated ? n : KN_RECORDS_WHOLE;
        ok = push(r, record, err);
    }
    return ok;
}

/* ---- the reply ---- */

/* The characters of a string; what null is, is not there. */
static bool take_text(kn_records *r, const kn_token *value, kn_slice *out) {
    *out = (kn_slice){NULL, 0};
    if (value->kind == KN_TOKEN_NULL)
        return true;
    if (value->kind != KN_TOKEN_STRING)
        return false;
    *out = value->text;
    if (value->escaped) {
        size_t start = r->bytes.len;
        kn_scan_unescape(value->text, &r->bytes);
        *out = (kn_slice){r->bytes.p + start, r->bytes.len - start};
    }
    return true;
}

static bool take_data(kn_records *r, const kn_token *value, kn_slice *out) {
    kn_slice text;
    size_t start;
    if (value->kind != KN_TOKEN_STRING || !take_text(r, value, &text))
        return false;
    start = r->bytes.len;
    bool ok = kn_base64_decode(&r->bytes, text);
    *out = (kn_slice){r->bytes.p + start, r->bytes.len - start};
    return ok;
}

/* 1700000000.123 or 1.700000000123E9 */
static bool take_number(const kn_token *value, double *out) {
    char text[64];
    *out = 0;
    if (value->kind == KN_TOKEN_NULL)
        return true;
    if ((value->kind != KN_TOKEN_INTEGER && value->kind != KN_TOKEN_NUMBER) ||
        value->text.n >= sizeof text)
        return false;
    memcpy(text, value->text.p, value->text.n);
    text[value->text.n] = '\0';
    *out = strtod(text, NULL);
    return true;
}

static int64_t whole(double v) {
    return v < 0 ? 0 : v > 1e18 ? (int64_t)1e18 : (int64_t)(v + 0.5);
}

static bool take_member(kn_records *r, kn_slice name, const kn_token *value,
                        kn_stream_record *record) {
    double seconds;
    if (kn_slice_eq_cstr(name, "Data"))
        return take_data(r, value, &record->data);
    if (kn_slice_eq_cstr(name, "PartitionKey"))
        return take_text(r, value, &record->key);
    if (kn_slice_eq_cstr(name, "SequenceNumber"))
        return take_text(r, value, &record->sequence);
    if (kn_slice_eq_cstr(name, "ApproximateArrivalTimestamp")) {
        bool ok = take_number(value, &seconds);
        record->arrival_ms = whole(seconds * 1000);
        if (record->arrival_ms > LATEST_MS)
            record->arrival_ms = LATEST_MS;
        return ok;
    }
    return true;
}

static bool take_record(kn_records *r, kn_scan *scan, kn_stream_record *record) {
    kn_token value, name;
    kn_slice text;
    bool first = true, done = false;
    *record = (kn_stream_record){.sub = KN_RECORDS_WHOLE};
    if (!kn_scan_value(scan, &value) || value.kind != KN_TOKEN_OBJECT)
        return false;
    for (;;) {
        if (!kn_scan_member(scan, &first, &name, &done))
            return false;
        if (done)
            return record->data.p && record->key.p && record->sequence.p;
        if (!kn_scan_value(scan, &value) || !take_member(r, name.text, &value, record) ||
            !kn_scan_rest(scan, &value, &text))
            return false;
    }
}

static bool take_records(kn_records *r, kn_scan *scan, bool deaggregate, bool *memory,
                         kn_err *err) {
    kn_stream_record record;
    bool first = true, done = false;
    for (;;) {
        if (!kn_scan_element(scan, &first, &done))
            return false;
        if (done)
            return true;
        if (!take_record(r, scan, &record))
            return false;
        if (!push_all(r, &record, deaggregate, err)) {
            *memory = false;
            return false;
        }
    }
}

static bool take_reply(kn_records *r, kn_scan *scan, bool deaggregate, bool *memory, kn_err *err) {
    kn_token value, name;
    kn_slice text;
    double ms;
    bool first = true, done = false, found = false, ok = true;
    if (!kn_scan_value(scan, &value) || value.kind != KN_TOKEN_OBJECT)
        return false;
    while (ok) {
        if (!kn_scan_member(scan, &first, &name, &done))
            return false;
        if (done)
            return found && kn_scan_at_end(scan);
        if (!kn_scan_value(scan, &value))
            return false;
        if (kn_slice_eq_cstr(name.text, "Records")) {
            ok = value.kind == KN_TOKEN_ARRAY && !found &&
                 take_records(r, scan, deaggregate, memory, err);
            found = true;
            continue;
        }
        if (kn_slice_eq_cstr(name.text, "NextShardIterator"))
            ok = take_text(r, &value, &r->next);
        if (kn_slice_eq_cstr(name.text, "MillisBehindLatest")) {
            ok = take_number(&value, &ms);
            r->behind_ms = whole(ms);
        }
        ok = ok && kn_scan_rest(scan, &value, &text);
    }
    return false;
}

bool kn_records_read(kn_records *r, kn_slice body, bool deaggregate, kn_err *err) {
    kn_scan scan = kn_scan_of(body);
    bool memory = true;
    r->count = 0;
    r->next = r->sequence = (kn_slice){NULL, 0};
    r->behind_ms = 0;
    kn_buf_clear(&r->bytes);
    /* once, so that slices stay: a string is unescaped, and decoded from that */
    if (!kn_buf_reserve(&r->bytes, 2 * body.n + 1))
        return kn_buf_check(&r->bytes, "the reply of GetRecords", err);
    if (take_reply(r, &scan, deaggregate, &memory, err))
        return true;
    r->count = 0;
    return memory ? kn_fail(err, KN_EPARSE, "the reply of GetRecords is not one%s%s",
                            scan.problem ? ": " : "", scan.problem ? scan.problem : "")
                  : false;
}

/* ---- printing ---- */

void kn_records_line(const kn_stream_record *record, kn_buf *out) {
    kn_buf_slice(out, record->data);
    if (record->data.n == 0 || record->data.p[record->data.n - 1] != '\n')
        kn_buf_char(out, '\n');
}

static bool is_json(kn_slice text) {
    kn_scan scan = kn_scan_of(text);
    kn_token value;
    kn_slice all;
    return kn_scan_value(&scan, &value) && kn_scan_rest(&scan, &value, &all) &&
           kn_scan_at_end(&scan);
}

static bool is_utf8(kn_slice text) {
    for (size_t i = 0, n; i < text.n; i += n)
        if ((n = kn_utf8_length(text.p + i, text.n - i)) == 0)
            return false;
    return true;
}

/* JSON on one line: a newline can only be white space there. */
static void write_json(kn_json *j, kn_slice text) {
    while (text.n && strchr(" \t\r\n", text.p[text.n - 1]))
        text.n--;
    size_t start = j->out->len;
    kn_json_raw(j, text);
    for (size_t i = start; kn_buf_ok(j->out) && i < j->out->len; i++)
        if (j->out->p[i] == '\n' || j->out->p[i] == '\r')
            j->out->p[i] = ' ';
}

static void write_data(kn_json *j, kn_slice data) {
    if (is_json(data)) {
        kn_json_key(j, "data");
        write_json(j, data);
    } else if (is_utf8(data)) {
        kn_json_key(j, "data");
        kn_json_string(j, data);
    } else {
        kn_json_key(j, "data_base64");
        kn_json_base64(j, data);
    }
}

static void write_text(kn_json *j, const char *key, kn_slice text) {
    kn_json_key(j, key);
    kn_json_string(j, text);
}

void kn_records_envelope(const kn_stream_record *record, kn_slice shard, kn_slice data,
                         kn_buf *out) {
    char time[32];
    kn_json j = kn_json_to(out);
    kn_json_begin(&j, '{');
    write_text(&j, "shard", shard);
    write_text(&j, "sequence", record->sequence);
    if (record->sub != KN_RECORDS_WHOLE) {
        kn_json_key(&j, "sub_sequence");
        kn_json_int(&j, record->sub);
    }
    size_t n = kn_time_iso(time, record->arrival_ms, true, true);
    write_text(&j, "arrival", (kn_slice){time, n});
    write_text(&j, "partition_key", record->key);
    if (record->hash.p)
        write_text(&j, "explicit_hash_key", record->hash);
    if (data.p) {
        kn_json_key(&j, "data");
        write_json(&j, data);
    } else {
        write_data(&j, record->data);
    }
    kn_json_end(&j, '}');
    kn_buf_char(out, '\n');
}
