/* See deaggregate.h. The message is walked twice: once to check it, count, and find the tables;
 * then from record to record. https://protobuf.dev/programming-guides/encoding/ */
#include "base/deaggregate.h"

#include <stdlib.h>

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

typedef struct field {
    uint64_t number; /* of the field */
    unsigned wire;
    uint64_t varint;
    kn_slice bytes;
} field;

static bool take_varint(kn_slice *s, uint64_t *v) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < 10 && i < s->n; i++) {
        unsigned char byte = (unsigned char)s->p[i];
        sum |= i < 9 ? (uint64_t)(byte & 0x7F) << 7 * i : (uint64_t)byte << 63;
        if (byte < 0x80) {
            *s = (kn_slice){s->p + i + 1, s->n - i - 1};
            *v = sum;
            return true;
        }
    }
    return false;
}

static bool take_bytes(kn_slice *s, uint64_t n, kn_slice *bytes) {
    if (n > s->n)
        return false;
    *bytes = (kn_slice){s->p, (size_t)n};
    *s = (kn_slice){s->p + n, s->n - (size_t)n};
    return true;
}

/* False when what follows is not a field. */
static bool take_field(kn_slice *s, field *f) {
    uint64_t tag, n;
    if (!take_varint(s, &tag) || tag >> 3 == 0 || tag >> 32)
        return false;
    f->number = tag >> 3;
    f->wire = (unsigned)(tag & 7);
    switch (f->wire) {
    case WIRE_VARINT:
        return take_varint(s, &f->varint);
    case WIRE_64:
        return take_bytes(s, 8, &f->bytes);
    case WIRE_BYTES:
        return take_varint(s, &n) && take_bytes(s, n, &f->bytes);
    case WIRE_32:
        return take_bytes(s, 4, &f->bytes);
    default:
        return false;
    }
}

typedef struct record {
    kn_slice data;
    uint64_t key, hash;
    bool has_data, has_key, has_hash;
} record;

/* A field that comes twice counts by its last; the key and the data must be there. */
static bool read_record(kn_slice s, record *r) {
    *r = (record){.has_data = false};
    while (s.n > 0) {
        field f;
        if (!take_field(&s, &f))
            return false;
        if (f.number == KN_RECORD_KEY && f.wire == WIRE_VARINT) {
            r->key = f.varint;
            r->has_key = true;
        } else if (f.number == KN_RECORD_HASH && f.wire == WIRE_VARINT) {
            r->hash = f.varint;
            r->has_hash = true;
        } else if (f.number == KN_RECORD_DATA && f.wire == WIRE_BYTES) {
            r->data = f.bytes;
            r->has_data = true;
        }
    }
    return r->has_data && r->has_key;
}

static bool add(kn_slice_table *table, kn_slice row, kn_err *err) {
    if (table->count == table->cap) {
        size_t cap = table->cap ? 2 * table->cap : 16;
        kn_slice *rows = realloc(table->rows, cap * sizeof *rows);
        if (!rows)
            return kn_fail(err, KN_ENOMEM, "out of memory");
        table->rows = rows;
        table->cap = cap;
    }
    table->rows[table->count++] = row;
    return true;
}

/* *parses: the message is one. */
static bool read_message(kn_deaggregator *d, kn_slice message, bool *parses, kn_err *err) {
    *parses = false;
    while (message.n > 0) {
        field f;
        record r;
        if (!take_field(&message, &f))
            return true;
        if (f.wire != WIRE_BYTES)
            continue;
        if (f.number == KN_AGGREGATE_RECORDS) {
            if (!read_record(f.bytes, &r))
                return true;
            d->count++;
        } else if (f.number == KN_AGGREGATE_KEYS || f.number == KN_AGGREGATE_HASHES) {
            kn_slice_table *table = f.number == KN_AGGREGATE_KEYS ? &d->keys : &d->hashes;
            if (!add(table, f.bytes, err))
                return false;
        }
    }
    *parses = true;
    return true;
}

bool kn_deaggregator_init(kn_deaggregator *d, kn_err *err) {
    *d = (kn_deaggregator){.count = 0};
    return kn_md5_init(&d->md5, err);
}

void kn_deaggregator_free(kn_deaggregator *d) {
    kn_md5_free(&d->md5);
    free(d->keys.rows);
    free(d->hashes.rows);
    *d = (kn_deaggregator){.count = 0};
}

bool kn_deaggregate(kn_deaggregator *d, kn_slice data, kn_err *err) {
    const size_t magic = sizeof KN_AGGREGATE_MAGIC - 1;
    d->keys.count = d->hashes.count = d->count = 0;
    d->aggregated = false;
    if (data.n > KN_AGGREGATE_FRAME && memcmp(data.p, KN_AGGREGATE_MAGIC, magic) == 0) {
        unsigned char digest[16];
        kn_slice message = {data.p + magic, data.n - KN_AGGREGATE_FRAME};
        if (!kn_md5_digest(&d->md5, message, digest, err))
            return false;
        if (memcmp(digest, message.p + message.n, sizeof digest) == 0 &&
            !read_message(d, message, &d->aggregated, err))
            return false;
        d->rest = message;
    }
    d->plain_left = !d->aggregated;
    if (!d->aggregated) {
        d->rest = data;
        d->count = 1;
    }
    return true;
}

static kn_slice row_of(const kn_slice_table *table, uint64_t number) {
    return number < table->count ? table->rows[number] : (kn_slice){NULL, 0};
}

bool kn_deaggregator_next(kn_deaggregator *d, kn_user_record *out) {
    if (!d->aggregated) {
        bool left = d->plain_left;
        *out = (kn_user_record){.data = d->rest};
        d->plain_left = false;
        return left;
    }
    while (d->rest.n > 0) {
        field f;
        record r;
        if (!take_field(&d->rest, &f))
            return false; /* not reached: the message has been read */
        if (f.number != KN_AGGREGATE_RECORDS || f.wire != WIRE_BYTES || !read_record(f.bytes, &r))
            continue;
        *out = (kn_user_record){
            .data = r.data,
            .key = row_of(&d->keys, r.key),
            .hash = r.has_hash ? row_of(&d->hashes, r.hash) : (kn_slice){NULL, 0},
        };
        return true;
    }
    return false;
}
