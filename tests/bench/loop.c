/* The limit of sending: one loop that knows only the quickstart's record. It makes records by hand,
 * writes them as base64 into a PutRecords body, hashes and signs that (OpenSSL) and posts it
 * (libcurl, several requests in flight). No retries, no counters, no choices: a request that fails
 * ends it.
 *
 *     loop URL RECORDS [IN_FLIGHT]
 *     loop --body FILE          writes the body of one request, for wrk
 *
 * Credentials and region are fixed; AWS_CA_BUNDLE names the authority of a TLS server. */
#include "by_hand.h"

#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH = 500, IN_FLIGHT_MAX = 64, BODY_MAX = BATCH * (2 * RECORD_MAX) + 256 };

#define TARGET "Kinesis_20131202.PutRecords"
#define TYPE "application/x-amz-json-1.1"

static char pairs[4096][2]; /* the two characters of every 12 bits */

static void fill_pairs(void) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < 4096; i++) {
        pairs[i][0] = alphabet[i >> 6];
        pairs[i][1] = alphabet[i & 63];
    }
}

static char *put_base64(char *q, const char *text, size_t n) {
    const unsigned char *p = (const unsigned char *)text;
    for (; n >= 3; p += 3, n -= 3, q += 4) {
        uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        memcpy(q, pairs[v >> 12], 2);
        memcpy(q + 2, pairs[v & 4095], 2);
    }
    if (n) {
        uint32_t v = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0);
        memcpy(q, pairs[v >> 12], 2);
        q[2] = n > 1 ? pairs[v & 4095][0] : '=';
        q[3] = '=';
        q += 4;
    }
    return q;
}

/* ---- one request ---- */

typedef struct slot {
    CURL *easy;
    struct curl_slist *headers;
    char *body;
    size_t size, answered;
    bool good;
} slot;

typedef struct loop {
    CURLM *multi;
    char host[256];
    by_hand hand;
    uint64_t next, end;
    slot slots[IN_FLIGHT_MAX];
    slot *free[IN_FLIGHT_MAX];
    int free_count, slot_count;
    unsigned char key[32];
    char day[9];
} loop;

static void fill(loop *l, slot *s) {
    char record[RECORD_MAX], *p = s->body;
    PUT("{\"StreamName\":\"r-d-kinesis-stream\",\"Records\":[");
    for (int n = 0; n < BATCH && l->next < l->end; n++, l->next++) {
        char *end = by_hand_record(&l->hand, l->next, record);
        if (n)
            *p++ = ',';
        PUT("{\"Data\":\"");
        p = put_base64(p, record, (size_t)(end - record));
        PUT("\",\"PartitionKey\":\"");
        p = put(p, record + 9, 36);
        PUT("\"}");
    }
    PUT("]}");
    s->size = (size_t)(p - s->body);
}

/* ---- signing ---- */

static void hmac(const void *key, int key_size, const char *text, unsigned char out[32]) {
    HMAC(EVP_sha256(), key, key_size, (const unsigned char *)text, strlen(text), out, NULL);
}

static void to_hex(const unsigned char digest[32], char hex[65]) {
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

static void hash(const char *p, size_t n, char hex[65]) {
    unsigned char digest[32];
    EVP_Digest(p, n, digest, NULL, EVP_sha256(), NULL);
    to_hex(digest, hex);
}

static void sign(loop *l, slot *s) {
    char stamp[17], payload[65], whole[65], text[1024], line[600];
    unsigned char signature[32];
    kn_time_amz(stamp, kn_time_now_ms());
    if (memcmp(l->day, stamp, 8) != 0) {
        memcpy(l->day, stamp, 8);
        hmac("AWS4bench", 9, l->day, l->key);
        hmac(l->key, 32, "us-east-1", l->key);
        hmac(l->key, 32, "kinesis", l->key);
        hmac(l->key, 32, "aws4_request", l->key);
    }
    hash(s->body, s->size, payload);
    int n =
        snprintf(text, sizeof text,
                 "POST\n/\n\ncontent-type:" TYPE "\nhost:%s\nx-amz-date:%s\nx-amz-target:" TARGET
                 "\n\ncontent-type;host;x-amz-date;x-amz-target\n%s",
                 l->host, stamp, payload);
    hash(text, (size_t)n, whole);
    snprintf(text, sizeof text, "AWS4-HMAC-SHA256\n%s\n%s/us-east-1/kinesis/aws4_request\n%s",
             stamp, l->day, whole);
    hmac(l->key, 32, text, signature);
    to_hex(signature, whole);
    curl_slist_free_all(s->headers);
    s->headers = curl_slist_append(NULL, "Content-Type: " TYPE);
    curl_slist_append(s->headers, "X-Amz-Target: " TARGET);
    curl_slist_append(s->headers, "Expect:");
    snprintf(line, sizeof line, "X-Amz-Date: %s", stamp);
    curl_slist_append(s->headers, line);
    snprintf(line, sizeof line,
             "Authorization: AWS4-HMAC-SHA256 Credential=bench/%s/us-east-1/kinesis/aws4_request, "
             "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=%s",
             l->day, whole);
    curl_slist_append(s->headers, line);
}

/* ---- sending ---- */

/* The count of failed records is at the beginning of the reply. */
static size_t on_reply(char *p, size_t size, size_t n, void *context) {
    slot *s = context;
    if (s->answered == 0)
        s->good = memmem(p, size * n, "\"FailedRecordCount\":0", 21) != NULL;
    s->answered += size * n;
    return size * n;
}

static void open_slot(loop *l, slot *s, const char *url) {
    const char *authority = getenv("AWS_CA_BUNDLE");
    s->easy = curl_easy_init();
    s->body = malloc(BODY_MAX);
    if (!s->easy || !s->body)
        abort();
    curl_easy_setopt(s->easy, CURLOPT_URL, url);
    curl_easy_setopt(s->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(s->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(s->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, on_reply);
    curl_easy_setopt(s->easy, CURLOPT_WRITEDATA, s);
    curl_easy_setopt(s->easy, CURLOPT_PRIVATE, s);
    if (authority)
        curl_easy_setopt(s->easy, CURLOPT_CAINFO, authority);
    l->free[l->free_count++] = s;
}

static void post(loop *l, slot *s) {
    fill(l, s);
    sign(l, s);
    s->answered = 0;
    s->good = false;
    curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, s->headers);
    curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)s->size);
    curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, s->body);
    curl_multi_add_handle(l->multi, s->easy);
}

static bool collect(loop *l) {
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(l->multi, &left));) {
        CURL *easy = m->easy_handle;
        CURLcode code = m->data.result;
        long status = 0;
        char *s;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &s);
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        curl_multi_remove_handle(l->multi, easy);
        if (code != CURLE_OK || status != 200 || !((slot *)s)->good) {
            fprintf(stderr, "loop: a request failed: %s, HTTP %ld\n", curl_easy_strerror(code),
                    status);
            return false;
        }
        l->free[l->free_count++] = (slot *)s;
    }
    return true;
}

static bool run(loop *l) {
    int running = 0;
    while (l->next < l->end || l->free_count < l->slot_count) {
        if (l->free_count && l->next < l->end)
            post(l, l->free[--l->free_count]);
        else
            curl_multi_poll(l->multi, NULL, 0, 1000, NULL);
        curl_multi_perform(l->multi, &running);
        if (!collect(l))
            return false;
    }
    return true;
}

static bool write_body(loop *l, const char *path) {
    slot s = {.body = malloc(BODY_MAX)};
    FILE *file = fopen(path, "w");
    if (!s.body || !file)
        return false;
    fill(l, &s);
    bool ok = fwrite(s.body, 1, s.size, file) == s.size;
    free(s.body);
    return fclose(file) == 0 && ok;
}

int main(int argc, char **argv) {
    static loop l = {.end = BATCH};
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: loop URL RECORDS [IN_FLIGHT] | loop --body FILE\n");
        return 2;
    }
    kn_err err;
    lua_State *L = kn_host_new(&err);
    if (!L || !load_all_words(L, &err)) {
        fprintf(stderr, "loop: %s\n", err.message);
        return 1;
    }
    lua_close(L);
    fill_pairs();
    l.hand = by_hand_new(-1);
    if (strcmp(argv[1], "--body") == 0)
        return write_body(&l, argv[2]) ? 0 : 1;
    l.end = strtoull(argv[2], NULL, 10);
    l.slot_count = argc > 3 ? atoi(argv[3]) : 4;
    if (sscanf(argv[1], "%*[a-z]://%255[^/]", l.host) != 1 || l.slot_count < 1 ||
        l.slot_count > IN_FLIGHT_MAX) {
        fprintf(stderr, "loop: not a URL, or more than %d in flight\n", IN_FLIGHT_MAX);
        return 2;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    l.multi = curl_multi_init();
    for (int i = 0; i < l.slot_count; i++)
        open_slot(&l, &l.slots[i], argv[1]);
    bool ok = run(&l);
    for (int i = 0; i < l.slot_count; i++) {
        curl_slist_free_all(l.slots[i].headers);
        curl_easy_cleanup(l.slots[i].easy);
        free(l.slots[i].body);
    }
    curl_multi_cleanup(l.multi);
    curl_global_cleanup();
    return ok ? 0 : 1;
}
