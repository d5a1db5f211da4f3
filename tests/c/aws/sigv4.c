/* The official cases (KINESSIS_VECTORS/sigv4.json), header and query signing, each stage compared;
 * then vectors of our own that need no file. */
#include "aws/sigv4.h"

#include "base/file.h"
#include "base/time.h"
#include "tap.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <strings.h>

/* A request as the cases write it: request line, headers, an empty line, the body. */
typedef struct parsed {
    kn_sigv4_request request;
    kn_sigv4_header headers[20];
    kn_slice body;
} parsed;

static kn_slice next_line(kn_slice *rest) {
    const char *end = memchr(rest->p, '\n', rest->n);
    kn_slice line = {rest->p, end ? (size_t)(end - rest->p) : rest->n};
    size_t used = line.n + (end != NULL);
    *rest = (kn_slice){rest->p + used, rest->n - used};
    return line;
}

static void parse_request(const char *text, parsed *out) {
    memset(out, 0, sizeof *out);
    kn_slice rest = kn_slice_cstr(text);
    kn_slice line = next_line(&rest);
    const char *space = memchr(line.p, ' ', line.n);
    const char *last = line.p + line.n - strlen(" HTTP/1.1");
    out->request.method = (kn_slice){line.p, (size_t)(space - line.p)};
    kn_slice target = {space + 1, (size_t)(last - space - 1)};
    const char *mark = memchr(target.p, '?', target.n);
    out->request.path = (kn_slice){target.p, mark ? (size_t)(mark - target.p) : target.n};
    if (mark)
        out->request.query = (kn_slice){mark + 1, target.n - (size_t)(mark - target.p) - 1};
    size_t n = 0;
    while (rest.n) {
        line = next_line(&rest);
        if (line.n == 0)
            break;
        if (line.p[0] == ' ') { /* a folded line belongs to the header before it */
            kn_slice *value = &out->headers[n - 1].value;
            value->n = (size_t)(line.p + line.n - value->p);
            continue;
        }
        const char *colon = memchr(line.p, ':', line.n);
        size_t name = (size_t)(colon - line.p);
        out->headers[n++] = (kn_sigv4_header){{line.p, name}, {colon + 1, line.n - name - 1}};
    }
    out->body = rest;
    out->request.headers = out->headers;
    out->request.header_count = n;
}

static void add_header(parsed *p, const char *name, const char *value) {
    p->headers[p->request.header_count++] =
        (kn_sigv4_header){kn_slice_cstr(name), kn_slice_cstr(value)};
}

static const char *text_of(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

static void init_stages(kn_sigv4_stages *s) {
    kn_buf_init(&s->canonical_request, 65536);
    kn_buf_init(&s->string_to_sign, 65536);
}

static void check_stages(kn_sigv4_stages *s, const json_t *expected, const char *name,
                         const char *kind) {
    tap_is_str(kn_buf_view(&s->canonical_request).p, text_of(expected, "canonical_request"),
               "%s, %s: canonical request", name, kind);
    tap_is_str(kn_buf_view(&s->string_to_sign).p, text_of(expected, "string_to_sign"),
               "%s, %s: string to sign", name, kind);
    tap_is_str(s->signature, text_of(expected, "signature"), "%s, %s: signature", name, kind);
    kn_buf_free(&s->canonical_request);
    kn_buf_free(&s->string_to_sign);
}

static void run_case(const json_t *c) {
    const char *name = text_of(c, "name");
    const json_t *context = json_object_get(c, "context");
    const json_t *credentials = json_object_get(context, "credentials");
    const char *token = text_of(credentials, "token");
    bool token_after = json_is_true(json_object_get(context, "omit_session_token"));
    bool sign_body = json_is_true(json_object_get(context, "sign_body"));
    kn_sigv4_identity identity = {text_of(credentials, "access_key_id"),
                                  text_of(credentials, "secret_access_key"), token};
    kn_sigv4_scope scope = {0, text_of(context, "region"), text_of(context, "service")};
    if (!tap_ok(kn_time_parse_iso(kn_slice_cstr(text_of(context, "timestamp")), &scope.time_ms),
                "%s: timestamp", name))
        return;
    char time[17], hash[65];
    kn_err err;
    kn_time_amz(time, scope.time_ms);
    parsed p;
    parse_request(text_of(c, "request"), &p);
    tap_ok(kn_sigv4_hash(sign_body ? p.body : (kn_slice){"", 0}, hash, &err), "hashed");
    p.request.payload_hash = kn_slice_cstr(hash);
    p.request.keep_path = !json_is_true(json_object_get(context, "normalize"));

    kn_sigv4_key key = {0};
    kn_sigv4_stages stages;
    kn_buf out;
    kn_buf_init(&out, 65536);
    init_stages(&stages);
    int expires = (int)json_integer_value(json_object_get(context, "expiration_in_seconds"));
    tap_ok(kn_sigv4_presign(&key, &identity, &scope, &p.request, expires, token_after, &out,
                            &stages, &err),
           "%s: presigned", name);
    check_stages(&stages, json_object_get(c, "query"), name, "query");

    add_header(&p, "X-Amz-Date", time);
    if (token && !token_after)
        add_header(&p, "X-Amz-Security-Token", token);
    if (sign_body)
        add_header(&p, "x-amz-content-sha256", hash);
    init_stages(&stages);
    kn_buf_clear(&out);
    tap_ok(kn_sigv4_sign(&key, &identity, &scope, &p.request, &out, &stages, &err), "%s: signed",
           name);
    const json_t *header = json_object_get(c, "header");
    check_stages(&stages, header, name, "header");
    tap_ok(strstr(text_of(header, "signed_request"), kn_buf_view(&out).p) != NULL,
           "%s: Authorization", name);
    kn_buf_free(&out);
    kn_sigv4_key_wipe(&key);
}

static void official_cases(void) {
    const char *folder = getenv("KINESSIS_VECTORS");
    const char *ci = getenv("CI");
    char path[4096];
    snprintf(path, sizeof path, "%s/sigv4.json", folder ? folder : ".");
    json_error_t why;
    json_t *all = json_load_file(path, 0, &why);
    if (!all && !(ci && *ci)) {
        printf("ok %d - the official cases # SKIP no %s\n", ++tap_count, path);
        return;
    }
    if (!tap_ok(all != NULL, "the official cases are readable: %s", path))
        return;
    const json_t *cases = json_object_get(all, "cases");
    tap_is_int(json_array_size(cases), 38, "38 official cases");
    for (size_t i = 0; i < json_array_size(cases); i++)
        run_case(json_array_get(cases, i));
    json_decref(all);
}

/* From AWS's page on S3 header signing ("GET Object") and on presigned URLs. */
static void documented_s3(void) {
    static const kn_sigv4_identity identity = {"AKIAIOSFODNN7EXAMPLE",
                                               "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", NULL};
    kn_sigv4_scope scope = {0, "us-east-1", "s3"};
    tap_ok(kn_time_parse_iso(KN_SLICE("2013-05-24T00:00:00Z"), &scope.time_ms), "time");
    char empty[65];
    kn_err err;
    tap_ok(kn_sigv4_hash((kn_slice){"", 0}, empty, &err), "hashed");
    const kn_sigv4_header headers[] = {
        {KN_SLICE("Host"), KN_SLICE("examplebucket.s3.amazonaws.com")},
        {KN_SLICE("Range"), KN_SLICE("bytes=0-9")},
        {KN_SLICE("User-Agent"), KN_SLICE("never signed")},
        {KN_SLICE("x-amz-content-sha256"), kn_slice_cstr(empty)},
        {KN_SLICE("x-amz-date"), KN_SLICE("20130524T000000Z")},
    };
    kn_sigv4_request request = {.method = KN_SLICE("GET"),
                                .path = KN_SLICE("/test.txt"),
                                .headers = headers,
                                .header_count = 5,
                                .payload_hash = kn_slice_cstr(empty),
                                .s3 = true};
    kn_sigv4_key key = {0};
    kn_buf out;
    kn_buf_init(&out, 65536);
    tap_ok(kn_sigv4_sign(&key, &identity, &scope, &request, &out, NULL, &err), "S3 GET signed");
    tap_is_str(out.p,
               "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
               "aws4_request, SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
               "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
               "S3 GET");
    kn_buf_clear(&out);
    request.header_count = 1;
    request.payload_hash = KN_SLICE(KN_SIGV4_UNSIGNED);
    tap_ok(kn_sigv4_presign(&key, &identity, &scope, &request, 86400, false, &out, NULL, &err),
           "S3 GET presigned");
    tap_ok(strstr(out.p,
                  "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751"
                  "f604d404") != NULL,
           "S3 presigned URL");
    kn_buf_clear(&out);
    tap_ok(!kn_sigv4_presign(&key, &identity, &scope, &request, 604801, false, &out, NULL, &err),
           "more than 7 days is refused");
    kn_buf_free(&out);
}

/* From AWS's pages on chunked uploads, without and with a trailer: 66,560 bytes 'a'. The figures of
 * the first are also in awslabs/aws-c-auth's tests. */
static void documented_chunks(void) {
    static const kn_sigv4_identity identity = {"AKIAIOSFODNN7EXAMPLE",
                                               "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", NULL};
    static const struct {
        const char *payload;
        kn_sigv4_header extra;
        const char *seed, *first, *second, *last;
    } cases[] = {
        {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
         {KN_SLICE("content-length"), KN_SLICE("66824")},
         "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
         "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
         "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
         "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"},
        {KN_SIGV4_STREAMING,
         {KN_SLICE("x-amz-trailer"), KN_SLICE("x-amz-checksum-crc32c")},
         "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
         "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
         "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
         "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"},
    };
    static char data[66560];
    memset(data, 'a', sizeof data);
    for (size_t i = 0; i < 2; i++) {
        kn_sigv4_scope scope = {1369353600000, "us-east-1", "s3"};
        const kn_sigv4_header headers[] = {
            {KN_SLICE("Host"), KN_SLICE("s3.amazonaws.com")},
            {KN_SLICE("x-amz-date"), KN_SLICE("20130524T000000Z")},
            {KN_SLICE("x-amz-storage-class"), KN_SLICE("REDUCED_REDUNDANCY")},
            {KN_SLICE("Content-Encoding"), KN_SLICE("aws-chunked")},
            {KN_SLICE("x-amz-decoded-content-length"), KN_SLICE("66560")},
            {KN_SLICE("x-amz-content-sha256"), kn_slice_cstr(cases[i].payload)},
            cases[i].extra,
        };
        kn_sigv4_request request = {.method = KN_SLICE("PUT"),
                                    .path = KN_SLICE("/examplebucket/chunkObject.txt"),
                                    .headers = headers,
                                    .header_count = 7,
                                    .payload_hash = kn_slice_cstr(cases[i].payload),
                                    .s3 = true};
        kn_sigv4_key key = {0};
        kn_sigv4_stages stages;
        kn_err err;
        kn_buf out;
        kn_buf_init(&out, 65536);
        init_stages(&stages);
        tap_ok(kn_sigv4_sign(&key, &identity, &scope, &request, &out, &stages, &err), "%s",
               cases[i].payload);
        tap_is_str(stages.signature, cases[i].seed, "... the request's signature");
        char hex[65];
        tap_ok(
            kn_sigv4_sign_chunk(&key, &scope, stages.signature, (kn_slice){data, 65536}, hex, &err),
            "signed");
        tap_is_str(hex, cases[i].first, "... of 64 KiB");
        tap_ok(kn_sigv4_sign_chunk(&key, &scope, hex, (kn_slice){data, 1024}, hex, &err), "signed");
        tap_is_str(hex, cases[i].second, "... of 1 KiB");
        tap_ok(kn_sigv4_sign_chunk(&key, &scope, hex, (kn_slice){"", 0}, hex, &err), "signed");
        tap_is_str(hex, cases[i].last, "... of the end");
        tap_ok(kn_sigv4_sign_trailer(&key, &scope, hex,
                                     KN_SLICE("x-amz-checksum-crc32c:sOO8/Q==\n"), hex, &err),
               "signed");
        if (i == 1)
            tap_is_str(hex, "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435",
                       "... of the trailer");
        kn_buf_free(&stages.canonical_request);
        kn_buf_free(&stages.string_to_sign);
        kn_buf_free(&out);
    }
}

static void verifier(void) {
    const kn_sigv4_header headers[] = {{KN_SLICE("host"), KN_SLICE("h")},
                                       {KN_SLICE("X-Added-By-Proxy"), KN_SLICE("1")},
                                       {KN_SLICE("User-Agent"), KN_SLICE("u")}};
    kn_sigv4_request request = {.method = KN_SLICE("GET"),
                                .path = KN_SLICE("/a//b/../%20"),
                                .query = KN_SLICE("b=%7e&a&b=+&&%62=%2f"),
                                .headers = headers,
                                .header_count = 3,
                                .payload_hash = KN_SLICE("hash"),
                                .s3 = true};
    kn_err err;
    kn_buf out, names;
    kn_buf_init(&out, 65536);
    kn_buf_init(&names, 65536);
    tap_ok(kn_sigv4_canonical_request(&request, KN_SLICE("host;user-agent"), &out, &names, &err),
           "canonical request of the named headers");
    tap_is_str(
        out.p,
        "GET\n/a//b/../%20\na=&b=%2B&b=%2F&b=~\nhost:h\nuser-agent:u\n\nhost;user-agent\nhash",
        "only what the client signed; S3 path as sent, query recoded and sorted");
    kn_buf_clear(&out);
    kn_buf_clear(&names);
    request.s3 = false;
    tap_ok(kn_sigv4_canonical_request(&request, KN_SLICE("host"), &out, &names, &err), "not S3");
    tap_is_str(out.p, "GET\n/a/%2520\na=&b=%2B&b=%2F&b=~\nhost:h\n\nhost\nhash",
               "other services: normalized, encoded twice");
    kn_buf_free(&out);
    kn_buf_free(&names);
}

static void cached_key(void) {
    kn_sigv4_key key = {0};
    kn_sigv4_scope scope = {1440938160000, "us-east-1", "iam"};
    kn_err err;
    tap_ok(kn_sigv4_key_derive(&key, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", &scope, &err),
           "derived");
    char hex[65];
    tap_ok(kn_sigv4_signature(&key, KN_SLICE("x"), hex, &err), "signed");
    kn_sigv4_key again = key;
    tap_ok(kn_sigv4_key_derive(&again, "another", &scope, &err) &&
               memcmp(&key, &again, sizeof key) == 0,
           "the same day, region and service: not derived again");
    scope.time_ms += 86400000;
    tap_ok(kn_sigv4_key_derive(&again, "another", &scope, &err) &&
               memcmp(key.bytes, again.bytes, 32) != 0,
           "the next day: derived again");
    kn_sigv4_key_wipe(&again);
    static const kn_sigv4_key zero;
    tap_ok(memcmp(&again, &zero, sizeof zero) == 0, "wiped");
    char secret[2000];
    memset(secret, 's', sizeof secret - 1);
    secret[sizeof secret - 1] = '\0';
    tap_ok(!kn_sigv4_key_derive(&again, secret, &scope, &err) && !strstr(err.message, "ssss"),
           "an endless secret is refused, and not shown");
}

/* OpenSSL's memory, which runs out. */
static bool no_memory;

static void *give(size_t n, const char *file, int line) {
    (void)file, (void)line;
    return no_memory ? NULL : malloc(n);
}

static void *give_again(void *p, size_t n, const char *file, int line) {
    (void)file, (void)line;
    return no_memory ? NULL : realloc(p, n);
}

static void take_back(void *p, const char *file, int line) {
    (void)file, (void)line;
    free(p);
}

static void out_of_memory(void) {
    kn_sigv4_scope scope = {1440938160000, "us-east-1", "service"};
    kn_sigv4_key key = {0};
    char hex[65];
    kn_err err;
    tap_ok(kn_sigv4_hash(KN_SLICE("x"), hex, &err) &&
               kn_sigv4_key_derive(&key, "secret", &scope, &err),
           "OpenSSL has begun");
    kn_sigv4_key_wipe(&key);
    no_memory = true;
    bool hashed = kn_sigv4_hash(KN_SLICE("x"), hex, &err);
    bool derived = kn_sigv4_key_derive(&key, "secret", &scope, &err);
    no_memory = false;
    tap_ok(!hashed && !derived && err.code == KN_ENOMEM, "out of memory: %s", err.message);
    tap_ok(kn_sigv4_key_derive(&key, "secret", &scope, &err) &&
               kn_sigv4_signature(&key, KN_SLICE("x"), hex, &err),
           "and then there is some again");
}

int main(void) {
    if (!CRYPTO_set_mem_functions(give, give_again, take_back))
        return 1;
    official_cases();
    out_of_memory();
    documented_s3();
    documented_chunks();
    verifier();
    cached_key();
    return tap_done();
}
