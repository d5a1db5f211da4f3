/* See body.h. */
#include "lake/kinesis/body.h"

#include "base/cbor.h"
#include "base/json.h"
#include "base/scan.h"

static bool take_string(kn_scan *scan, kn_slice *out) {
    kn_token value;
    if (out->p || !kn_scan_value(scan, &value) || value.kind != KN_TOKEN_STRING || value.escaped)
        return false;
    *out = value.text;
    return true;
}

/* A key that is short enough in bytes is so in characters. */
static bool read_entry(kn_scan *scan, kn_put_entry *entry) {
    kn_token key = {0};
    bool first = true, done;
    for (*entry = (kn_put_entry){0};;) {
        if (!kn_scan_member(scan, &first, &key, &done) || key.escaped)
            return false;
        if (done)
            return entry->data.p && entry->key.n > 0 && entry->key.n <= KN_PUT_KEY_MAX;
        kn_slice *member = kn_slice_eq(key.text, KN_SLICE("Data"))           ? &entry->data
                           : kn_slice_eq(key.text, KN_SLICE("PartitionKey")) ? &entry->key
                                                                             : NULL;
        if (!member || !take_string(scan, member))
            return false;
    }
}

static bool read_entries(kn_scan *scan, kn_put_entry *entries, size_t *count) {
    kn_token value;
    bool first = true, done;
    if (*count || !kn_scan_value(scan, &value) || value.kind != KN_TOKEN_ARRAY)
        return false;
    for (;; ++*count) {
        if (!kn_scan_element(scan, &first, &done))
            return false;
        if (done)
            return *count > 0;
        if (*count == KN_PUT_RECORDS_MAX || !kn_scan_value(scan, &value) ||
            value.kind != KN_TOKEN_OBJECT || !read_entry(scan, &entries[*count]))
            return false;
    }
}

static bool is_stream_name(kn_slice name) {
    if (name.n == 0 || name.n > KN_STREAM_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i], letter = c | 0x20;
        if (!(letter >= 'a' && letter <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '.' &&
            c != '-')
            return false;
    }
    return true;
}

bool kn_put_body_read(kn_slice body, kn_slice *stream, kn_put_entry entries[KN_PUT_RECORDS_MAX],
                      size_t *count) {
    kn_scan scan = kn_scan_of(body);
    kn_token value;
    bool first = true, done;
    *stream = (kn_slice){0};
    *count = 0;
    if (!kn_scan_value(&scan, &value) || value.kind != KN_TOKEN_OBJECT)
        return false;
    for (;;) {
        if (!kn_scan_member(&scan, &first, &value, &done) || value.escaped)
            return false;
        if (done)
            return *count > 0 && is_stream_name(*stream) && kn_scan_at_end(&scan);
        if (kn_slice_eq(value.text, KN_SLICE("StreamName"))
                ? !take_string(&scan, stream)
                : !kn_slice_eq(value.text, KN_SLICE("Records")) ||
                      !read_entries(&scan, entries, count))
            return false;
    }
}

/* ---- CBOR ---- */

/* What is left of a map or an array. */
typedef struct rest {
    bool indefinite;
    uint64_t items;
} rest;

static bool open_items(kn_slice *in, kn_cbor_major major, rest *r) {
    kn_cbor_item item;
    if (!kn_cbor_take(in, &item) || item.major != major)
        return false;
    *r = (rest){item.indefinite, item.indefinite ? 0 : item.value};
    return true;
}

/* *done at the end; false when it is cut off. A break is one byte. */
static bool next_item(kn_slice *in, rest *r, bool *done) {
    kn_cbor_item item;
    if (!r->indefinite) {
        *done = r->items == 0;
        r->items -= !*done;
        return true;
    }
    *done = in->n > 0 && (unsigned char)in->p[0] == 0xFF;
    return in->n > 0 && (!*done || kn_cbor_take(in, &item));
}

static bool take_text(kn_slice *in, kn_cbor_major major, kn_slice *out) {
    kn_cbor_item item;
    if (out->p || !kn_cbor_take(in, &item) || item.major != major || item.indefinite)
        return false;
    *out = item.text;
    return major == KN_CBOR_BYTES || kn_json_plain(item.text) == item.text.n;
}

static bool read_entry_cbor(kn_slice *in, kn_put_entry *entry) {
    rest members;
    bool done;
    *entry = (kn_put_entry){0};
    if (!open_items(in, KN_CBOR_MAP, &members))
        return false;
    for (;;) {
        kn_slice name = {0};
        if (!next_item(in, &members, &done))
            return false;
        if (done)
            return entry->data.p && entry->key.n > 0 && entry->key.n <= KN_PUT_KEY_MAX;
        if (!take_text(in, KN_CBOR_TEXT, &name))
            return false;
        if (kn_slice_eq(name, KN_SLICE("Data")) ? !take_text(in, KN_CBOR_BYTES, &entry->data)
                                                : !kn_slice_eq(name, KN_SLICE("PartitionKey")) ||
                                                      !take_text(in, KN_CBOR_TEXT, &entry->key))
            return false;
    }
}

static bool read_entries_cbor(kn_slice *in, kn_put_entry *entries, size_t *count) {
    rest elements;
    bool done;
    if (*count || !open_items(in, KN_CBOR_ARRAY, &elements))
        return false;
    for (;; ++*count) {
        if (!next_item(in, &elements, &done))
            return false;
        if (done)
            return *count > 0;
        if (*count == KN_PUT_RECORDS_MAX || !read_entry_cbor(in, &entries[*count]))
            return false;
    }
}

bool kn_put_body_read_cbor(kn_slice in, kn_slice *stream, kn_put_entry entries[KN_PUT_RECORDS_MAX],
                           size_t *count) {
    rest members;
    bool done;
    *stream = (kn_slice){0};
    *count = 0;
    if (!open_items(&in, KN_CBOR_MAP, &members))
        return false;
    for (;;) {
        kn_slice name = {0};
        if (!next_item(&in, &members, &done))
            return false;
        if (done)
            return *count > 0 && is_stream_name(*stream) && in.n == 0;
        if (!take_text(&in, KN_CBOR_TEXT, &name))
            return false;
        if (kn_slice_eq(name, KN_SLICE("StreamName")) ? !take_text(&in, KN_CBOR_TEXT, stream)
                                                      : !kn_slice_eq(name, KN_SLICE("Records")) ||
                                                            !read_entries_cbor(&in, entries, count))
            return false;
    }
}
