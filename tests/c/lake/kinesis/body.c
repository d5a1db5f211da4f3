/* Reading PutRecords without a tree: what it takes, and all that it leaves to the general reader.
 */
#include "lake/kinesis/body.h"

#include "tap.h"

static kn_put_entry entries[KN_PUT_RECORDS_MAX];
static kn_slice stream;
static size_t count;

static bool read_text(const char *text) {
    return kn_put_body_read(kn_slice_cstr(text), &stream, entries, &count);
}

static void takes(void) {
    tap_ok(
        read_text("{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"eHl6\",\"PartitionKey\":\"k\"},"
                  "{\"PartitionKey\":\"Zoë\",\"Data\":\"\"}]}"),
        "records of data and key");
    tap_is_int(count, 2, "two of them");
    tap_ok(kn_slice_eq_cstr(stream, "s") && kn_slice_eq_cstr(entries[0].data, "eHl6") &&
               kn_slice_eq_cstr(entries[0].key, "k") && entries[1].data.n == 0 &&
               kn_slice_eq_cstr(entries[1].key, "Zoë") && !entries[0].hash.p && !entries[1].hash.p,
           "... as sent");
    tap_ok(read_text(" { \"Records\" : [ { \"Data\" : \"eA==\" , \"PartitionKey\" : \"k\" } ] ,\r\n"
                     "\t\"StreamName\" : \"a_b.C-9\" } "),
           "in any order, with space");
}

#define RECORD "{\"Data\":\"eA==\",\"PartitionKey\":\"k\"}"

static void leaves(void) {
    static const char *const texts[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"StreamName\":\"s\"}",
        "{\"Records\":[" RECORD "]}",
        "{\"StreamName\":\"s\",\"Records\":[]}",
        "{\"StreamName\":\"s\",\"Records\":{}}",
        "{\"StreamName\":\"s\",\"Records\":[{}]}",
        "{\"StreamName\":\"s\",\"Records\":[1]}",
        "{\"StreamName\":\"s\",\"Records\":[" RECORD "]",
        "{\"StreamName\":\"s\",\"Records\":[" RECORD "]}x",
        "{\"StreamName\":\"s\",\"Records\":[" RECORD ",]}",
        "{\"StreamName\":\"s\",\"Records\":[" RECORD "],}",
        "{\"StreamName\":\"s\",\"Records\":[" RECORD "],\"Records\":[" RECORD "]}",
        "{\"StreamName\":\"s\",\"StreamName\":\"s\",\"Records\":[" RECORD "]}",
        "{\"StreamName\":\"s\",\"StreamARN\":\"s\",\"Records\":[" RECORD "]}",
        "{\"StreamName\":\"s\",\"Other\":1,\"Records\":[" RECORD "]}",
        "{\"StreamName\":null,\"Records\":[" RECORD "]}",
        "{\"StreamName\":\"\",\"Records\":[" RECORD "]}",
        "{\"StreamName\":\"a b\",\"Records\":[" RECORD "]}",
        "{\"StreamName\":\"a@\",\"Records\":[" RECORD "]}",
        "{\"StreamName\":\"\\u0061\",\"Records\":[" RECORD "]}",
        "{\"Stream\\u004eame\":\"s\",\"Records\":[" RECORD "]}",
        "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"eA==\"}]}",
        "{\"StreamName\":\"s\",\"Records\":[{\"PartitionKey\":\"k\"}]}",
        "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"eA==\",\"PartitionKey\":\"\"}]}",
        "{\"StreamName\":\"s\",\"Records\":[{\"Data\":5,\"PartitionKey\":\"k\"}]}",
        "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"\\/w==\",\"PartitionKey\":\"k\"}]}",
        "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"\",\"Data\":\"\",\"PartitionKey\":\"k\"}]}",
        "{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"\",\"PartitionKey\":\"\xff\"}]}",
        ("{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"\",\"PartitionKey\":\"k\","
         "\"ExplicitHashKey\":\"1\"}]}"),
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        tap_ok(!read_text(texts[i]), "not %s", texts[i]);
}

/* A body of n records with a key of so many bytes. */
static bool read_made(size_t n, size_t name, size_t key) {
    kn_buf b;
    kn_buf_init(&b, 1 << 20);
    kn_buf_printf(&b, "{\"StreamName\":\"%0*d\",\"Records\":[", (int)name, 0);
    for (size_t i = 0; i < n; i++)
        kn_buf_printf(&b, "%s{\"Data\":\"eA==\",\"PartitionKey\":\"%0*d\"}", i ? "," : "", (int)key,
                      0);
    kn_buf_cstr(&b, "]}");
    bool ok = kn_put_body_read(kn_buf_view(&b), &stream, entries, &count);
    kn_buf_free(&b);
    return ok;
}

int main(void) {
    takes();
    leaves();
    tap_ok(read_made(500, 128, 256) && count == 500, "as much as is allowed");
    tap_ok(!read_made(501, 1, 1), "not 501 records");
    tap_ok(!read_made(1, 129, 1), "not a longer name");
    tap_ok(!read_made(1, 1, 257), "not a longer key");
    return tap_done();
}
