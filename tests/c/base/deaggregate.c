/* What is an aggregated record, and what is a plain one; messages that no producer writes. */
#include "base/deaggregate.h"

#include "tap.h"

static kn_deaggregator d;
static kn_buf blob;

/* The message in its frame. */
static kn_slice framed(kn_slice message) {
    unsigned char digest[16];
    kn_err err;
    kn_buf_clear(&blob);
    kn_buf_cstr(&blob, KN_AGGREGATE_MAGIC);
    kn_buf_slice(&blob, message);
    if (kn_md5_digest(&d.md5, message, digest, &err))
        kn_buf_append(&blob, digest, sizeof digest);
    return kn_buf_view(&blob);
}

#define MESSAGE(literal) framed(KN_SLICE(literal))

static void is_plain(kn_slice data, const char *name) {
    kn_user_record r;
    kn_err err;
    bool ok = kn_deaggregate(&d, data, &err) && !d.aggregated && d.count == 1 &&
              kn_deaggregator_next(&d, &r) && kn_slice_eq(r.data, data) && !r.key.p && !r.hash.p;
    tap_ok(ok && !kn_deaggregator_next(&d, &r), "plain: %s", name);
}

/* The records of the data, as "key/hash/data key/hash/data", '-' for what is not there. */
static void is_records(kn_slice data, const char *expected, const char *name) {
    kn_user_record r;
    kn_err err;
    kn_buf text;
    size_t n = 0;
    kn_buf_init(&text, 1 << 16);
    bool ok = kn_deaggregate(&d, data, &err) && d.aggregated;
    while (ok && kn_deaggregator_next(&d, &r)) {
        kn_slice none = KN_SLICE("-");
        if (n++)
            kn_buf_char(&text, ' ');
        kn_buf_slice(&text, r.key.p ? r.key : none);
        kn_buf_char(&text, '/');
        kn_buf_slice(&text, r.hash.p ? r.hash : none);
        kn_buf_char(&text, '/');
        kn_buf_slice(&text, r.data);
    }
    tap_ok(ok && d.count == n, "%s: aggregated, with its count", name);
    tap_is_str(kn_buf_view(&text).p, expected, "... and its records");
    kn_buf_free(&text);
}

static void plain(void) {
    is_plain((kn_slice){"", 0}, "nothing");
    is_plain(KN_SLICE("{\"a\":1}"), "JSON");
    is_plain(KN_SLICE(KN_AGGREGATE_MAGIC), "the magic alone");
    is_plain(MESSAGE(""), "20 bytes, though the MD5 is right");
    is_plain(KN_SLICE(KN_AGGREGATE_MAGIC "\x0A\x01k0123456789abcdef"), "a wrong MD5");
    kn_slice good = MESSAGE("\x0A\x01k\x1A\x05\x08\x00\x1A\x01x");
    is_records(good, "k/-/x", "a message");
    blob.p[0] ^= 1;
    is_plain(good, "... with another magic");
    is_plain(MESSAGE("\x1A\x03\x1A\x01x"), "a record without a key");
    is_plain(MESSAGE("\x1A\x02\x08\x00"), "a record without data");
    is_plain(MESSAGE("\x1A\x7F\x08\x00"), "a record longer than the message");
    is_plain(MESSAGE("\x1A\x04\x08\x00\x1A\x09"), "data longer than the record");
    is_plain(MESSAGE("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), "an endless number");
    is_plain(MESSAGE("\x00\x01"), "a field numbered 0");
    is_plain(MESSAGE("\x0B\x0C"), "a group");
    is_plain(MESSAGE("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"), "a length of 2^64 - 1");
}

static void messages(void) {
    is_records(MESSAGE("\x0A\x01k\x12\x01"
                       "7\x1A\x07\x08\x00\x10\x00\x1A\x01x"),
               "k/7/x", "an explicit hash key");
    is_records(MESSAGE("\x0A\x01k\x12\x01"
                       "7\x1A\x05\x08\x00\x1A\x01x"),
               "k/-/x", "a table of hash keys that the record does not use");
    is_records(MESSAGE("\x1A\x05\x08\x05\x1A\x01x\x1A\x07\x08\x00\x10\x09\x1A\x01y\x0A\x01k"),
               "-/-/x k/-/y", "numbers outside the tables; the table last");
    is_records(MESSAGE("\x0A\x01k\x1A\x0F\x08\x00\x1A\x01x\x22\x03\x0A\x01t\x2D"
                       "abcd"),
               "k/-/x", "a tag, and a field that nobody knows");
    is_records(MESSAGE("\x0A\x01k\x1A\x0A\x08\x09\x1A\x01w\x08\x00\x1A\x01x"), "k/-/x",
               "of a field that comes twice, the last");
    is_records(MESSAGE("\x0A\x01k\x31"
                       "12345678\x20\x05"),
               "", "no records");
    is_records(MESSAGE("\x0A\x00\x1A\x04\x08\x00\x1A\x00"), "/-/", "empty key, empty data");
    is_records(MESSAGE("\x0A\x01k\x1A\x0E\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00\x1A\x01x"),
               "k/-/x", "a number written longer than it need be");
}

int main(void) {
    kn_err err;
    kn_buf_init(&blob, 1 << 16);
    if (!kn_deaggregator_init(&d, &err))
        return 1;
    plain();
    messages();
    kn_buf_free(&blob);
    kn_deaggregator_free(&d);
    return tap_done();
}
