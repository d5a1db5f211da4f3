/* Small texts from outside: times, hash keys, sequence numbers, tokens of pages, URLs, queries, and
 * what is signed of them. The first byte chooses which. They are read as by other libraries, or
 * what is written again is read the same. */
#include "aws/sigv4.h"
#include "base/time.h"
#include "lake/http.h"
#include "lake/kinesis/id.h"
#include "net/uri.h"

#include <curl/curl.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const int64_t YEAR_0_MS = -62167219200000, YEAR_10000_MS = 253402300800000;

/* ---- times ---- */

static void same_time(int64_t ms) {
    kn_civil c = kn_civil_from_ms(ms);
    time_t seconds = (time_t)(ms / 1000 - (ms % 1000 < 0));
    struct tm tm;
    if (!gmtime_r(&seconds, &tm) || tm.tm_year + 1900 != c.year || tm.tm_mon + 1 != c.month ||
        tm.tm_mday != c.day || tm.tm_hour != c.hour || tm.tm_min != c.minute ||
        tm.tm_sec != c.second || tm.tm_wday != c.weekday || kn_civil_to_ms(&c) != ms)
        abort();
    char text[40], expected[40];
    int64_t back;
    if (ms < YEAR_0_MS || ms >= YEAR_10000_MS)
        return;
    size_t n = kn_time_iso(text, ms, true, true);
    if (!kn_time_parse_iso((kn_slice){text, n}, &back) || back != ms)
        abort();
    kn_time_http(text, ms);
    strftime(expected, sizeof expected, "%a, %d %b ", &tm);
    snprintf(expected + 12, sizeof expected - 12, "%04d %02d:%02d:%02d GMT", c.year, c.hour,
             c.minute, c.second);
    if (strcmp(text, expected) != 0 || !kn_time_parse_http(kn_slice_cstr(text), &back) ||
        back != ms - c.millis)
        abort();
}

static void times(kn_slice in) {
    int64_t ms;
    if (kn_time_parse_iso(in, &ms))
        same_time(ms);
    if (kn_time_parse_http(in, &ms))
        same_time(ms);
    if (in.n >= sizeof ms) {
        memcpy(&ms, in.p, sizeof ms);
        same_time(ms % (INT64_C(1) << 50));
    }
}

/* ---- numbers of Kinesis ---- */

static void hash_keys(kn_slice in, const char *text) {
    kn_hash_key hash;
    char digits[KN_HASH_TEXT];
    BIGNUM *number = NULL;
    bool plain = in.n > 0 && in.n < 60 && strspn(text, "0123456789") == in.n &&
                 (in.n == 1 || text[0] != '0') && BN_dec2bn(&number, text) == (int)in.n;
    bool ok = kn_hash_parse(in, &hash);
    if (ok != (plain && BN_num_bits(number) <= 128))
        abort();
    if (ok) {
        kn_hash_print(hash, digits);
        if (!kn_slice_eq_cstr(in, digits))
            abort();
    }
    BN_free(number);
}

static void sequences(kn_slice in) {
    kn_sequence s, back;
    char text[64];
    if (kn_sequence_parse(in, &s)) {
        kn_sequence_print(&s, text);
        if (!kn_slice_eq_cstr(in, text))
            abort();
    }
    if (in.n < sizeof s)
        return;
    memcpy(&s, in.p, sizeof s);
    s.created_s &= (INT64_C(1) << 36) - 1;
    s.arrival_s &= (INT64_C(1) << 36) - 1;
    kn_sequence_print(&s, text);
    if (!kn_sequence_parse(kn_slice_cstr(text), &back) || back.created_s != s.created_s ||
        back.arrival_s != s.arrival_s || back.number != s.number || back.shard != s.shard)
        abort();
}

static void page_tokens(kn_slice in) {
    kn_page_token t, back;
    kn_buf out;
    kn_buf_init(&out, 1024);
    if (kn_page_token_parse(in, 'i', &t) && strnlen(t.stream, sizeof t.stream) == sizeof t.stream)
        abort();
    size_t fixed = offsetof(kn_page_token, stream);
    if (in.n > fixed && in.p[fixed]) {
        memcpy(&t, in.p, fixed);
        t.issued_ms &= INT64_MAX; /* none before 1970 is taken */
        t.kind = 's';
        size_t n = in.n - fixed < sizeof t.stream - 1 ? in.n - fixed : sizeof t.stream - 1;
        memcpy(t.stream, in.p + fixed, n);
        t.stream[n] = '\0';
        kn_page_token_print(&t, &out);
        if (!kn_page_token_parse(kn_buf_view(&out), 's', &back) || back.issued_ms != t.issued_ms ||
            back.shard != t.shard || back.index != t.index || strcmp(back.stream, t.stream) != 0 ||
            kn_page_token_parse(kn_buf_view(&out), 'i', &back))
            abort();
    }
    kn_buf_free(&out);
}

/* ---- URLs ---- */

static bool is_local(const char *host) {
    static const char local[] = "localhost";
    size_t n = strlen(host), m = sizeof local - 1;
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "[::1]") == 0 ||
           (n >= m && strcasecmp(host + n - m, local) == 0);
}

/* What may be asked over plain http, and past any proxy, is by the host: it must be the one that
 * curl connects to. */
static void urls(const char *text) {
    kn_uri uri;
    kn_err err;
    char *host = NULL;
    if (!kn_uri_parse(text, &uri, &err))
        return;
    CURLU *other = curl_url();
    if (curl_url_set(other, CURLUPART_URL, text, 0) == CURLUE_OK &&
        curl_url_get(other, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        if (kn_uri_is_loopback(&uri) && !is_local(host))
            abort();
        if (kn_uri_is_link_local(&uri) && uri.host.p[0] == '1' && strncmp(host, "169.254.", 8) != 0)
            abort();
    }
    curl_free(host);
    curl_url_cleanup(other);
}

static void queries(kn_slice in, const char *text) {
    kn_buf coded, plain;
    kn_buf_init(&coded, 3 * in.n + 64);
    kn_buf_init(&plain, 3 * in.n + 64);
    for (int slash = 0; slash < 2; slash++) {
        kn_buf_clear(&coded);
        kn_buf_clear(&plain);
        kn_uri_encode(&coded, in, slash);
        kn_uri_decode(&plain, kn_buf_view(&coded));
        if (!kn_slice_eq(kn_buf_view(&plain), in))
            abort();
        kn_buf_clear(&plain);
        if (!kn_http_decode(kn_buf_view(&coded), true, &plain) ||
            !kn_slice_eq(kn_buf_view(&plain), in))
            abort();
    }
    kn_buf_clear(&plain);
    kn_uri_decode(&plain, in);
    kn_buf_clear(&coded);
    if (kn_http_decode(in, false, &coded) && !kn_slice_eq(kn_buf_view(&plain), kn_buf_view(&coded)))
        abort();
    kn_buf_clear(&plain);
    if (kn_http_query(text, "a", &plain) && plain.len > in.n)
        abort();
    kn_buf_free(&coded);
    kn_buf_free(&plain);
}

/* ---- signatures ---- */

static kn_slice next_line(kn_slice *rest) {
    const char *end = memchr(rest->p, '\n', rest->n);
    kn_slice line = {rest->p, end ? (size_t)(end - rest->p) : rest->n};
    size_t used = line.n + (end != NULL);
    *rest = (kn_slice){rest->p + used, rest->n - used};
    return line;
}

/* Path, query, and headers as lines. A verifier makes the same of it, by the names that were
 * signed; and a query that is canonical stays as it is. */
static void signatures(kn_slice in, uint8_t style) {
    enum { HEADERS = 12 };
    kn_sigv4_header headers[HEADERS];
    kn_sigv4_request request = {.method = KN_SLICE("GET"),
                                .headers = headers,
                                .payload_hash = KN_SLICE(KN_SIGV4_UNSIGNED),
                                .s3 = style & 8,
                                .keep_path = style & 16};
    request.path = next_line(&in);
    request.query = next_line(&in);
    while (in.n && request.header_count < HEADERS) {
        kn_slice name = next_line(&in);
        headers[request.header_count++] = (kn_sigv4_header){name, next_line(&in)};
        if (memchr(name.p, ';', name.n))
            return; /* no name of HTTP: it parts their list */
    }
    kn_buf first, second, names, again;
    kn_buf_init(&first, 1 << 20);
    kn_buf_init(&second, 1 << 20);
    kn_buf_init(&names, 1 << 16);
    kn_buf_init(&again, 1 << 16);
    kn_err err;
    if (kn_sigv4_canonical_request(&request, (kn_slice){0}, &first, &names, &err)) {
        kn_slice rest = kn_buf_view(&first);
        next_line(&rest);
        next_line(&rest);
        request.query = next_line(&rest);
        if (!kn_sigv4_canonical_request(&request, kn_buf_view(&names), &second, &again, &err) ||
            (names.len && !kn_slice_eq(kn_buf_view(&first), kn_buf_view(&second))))
            abort();
    }
    kn_buf_free(&first);
    kn_buf_free(&second);
    kn_buf_free(&names);
    kn_buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n == 0)
        return 0;
    char *exact = malloc(n), *text = malloc(n);
    if (!exact || !text)
        abort();
    kn_slice in = {exact, n - 1};
    memcpy(exact, data + 1, n - 1);
    memcpy(text, data + 1, n - 1);
    text[n - 1] = '\0';
    exact = realloc(exact, n > 1 ? n - 1 : 1);
    in.p = exact;
    switch (data[0] & 7) {
    case 0:
        times(in);
        break;
    case 1:
        hash_keys(in, text);
        break;
    case 2:
        sequences(in);
        break;
    case 3:
        page_tokens(in);
        break;
    case 4:
        urls(text);
        break;
    case 5:
        queries(in, text);
        break;
    default:
        signatures(in, data[0]);
        break;
    }
    free(exact);
    free(text);
    return 0;
}
