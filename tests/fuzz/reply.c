/* What others than Kinesis answer a client: errors of the four protocols, XML, credentials of every
 * source, the words of a credential_process. The first byte chooses which. What is said of it is
 * bounded and harmless on a terminal; what is written again is read the same. */
#include "aws/error.h"
#include "aws/place.h"
#include "aws/providers.h"
#include "base/json.h"
#include "net/uri.h"
#include "net/xml.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_text(const char *text, size_t size) {
    char clean[2048];
    size_t n = strnlen(text, size);
    if (n == size)
        abort();
    memcpy(clean, text, n + 1);
    kn_utf8_clean(clean, n);
    if (strcmp(clean, text) != 0)
        abort();
}

/* Headers, an empty line, the body. */
static kn_reply split(kn_slice in) {
    const char *end = memmem(in.p, in.n, "\r\n\r\n", 4);
    kn_reply reply = {.status = 400, .headers = in, .body = {in.p + in.n, 0}};
    if (end) {
        reply.headers.n = (size_t)(end - in.p) + 2;
        reply.body = (kn_slice){end + 4, in.n - reply.headers.n - 2};
    }
    return reply;
}

static void error(kn_slice in, unsigned choice) {
    static const char *const operations[][2] = {
        {"kinesis", "PutRecords"}, {"s3", "PutObject"}, {"sts", "AssumeRole"}};
    static const int statuses[] = {301, 400, 403, 404, 500, 503};
    const char *const *of = operations[choice % 3];
    kn_reply reply = split(in);
    kn_err err;
    reply.status = statuses[choice / 3 % 6];
    kn_aws_decode_error(kn_operation_find(kn_api_find(of[0]), of[1]), &reply, &err);
    check_text(err.message, sizeof err.message);
    check_text(err.aws_code, sizeof err.aws_code);
    if (err.code != KN_EAWS || err.http_status != reply.status || !err.message[0])
        abort();
    kn_aws_is_expired(err.aws_code);
    kn_place_correct(kn_place_of("http://127.0.0.1"), &err, &reply, 0, 0);
}

/* ---- XML ---- */

static void write_element(const kn_xml_element *e, kn_buf *out) {
    kn_buf_printf(out, "<p:%s>", e->name); /* a name without its prefix may begin with a digit */
    kn_xml_escape(out, e->text);
    for (const kn_xml_element *c = e->children; c; c = c->next)
        write_element(c, out);
    kn_buf_printf(out, "</p:%s>", e->name);
}

static void same_element(const kn_xml_element *a, const kn_xml_element *b) {
    if (strcmp(a->name, b->name) != 0 || !kn_slice_eq(a->text, b->text))
        abort();
    const kn_xml_element *c = a->children, *d = b->children;
    for (; c && d; c = c->next, d = d->next)
        same_element(c, d);
    if (c || d)
        abort();
}

static void xml(kn_slice in) {
    kn_xml *first, *second;
    kn_err err;
    kn_buf text;
    if (!kn_xml_parse(in, &first, &err)) {
        check_text(err.message, sizeof err.message);
        return;
    }
    kn_buf_init(&text, 64 * in.n + 64);
    write_element(kn_xml_root(first), &text);
    if (!kn_buf_ok(&text) || !kn_xml_parse(kn_buf_view(&text), &second, &err))
        abort();
    same_element(kn_xml_root(first), kn_xml_root(second));
    kn_xml_destroy(first);
    kn_xml_destroy(second);
    kn_buf_free(&text);
}

/* ---- credentials ---- */

static void check_credentials(const kn_credentials *c, bool ok, const kn_err *err) {
    if (ok && (!c->access_key[0] || !c->secret_key[0] || strpbrk(c->access_key, "\r\n") ||
               strpbrk(c->secret_key, "\r\n") || strpbrk(c->session_token, "\r\n")))
        abort();
    if (!ok)
        check_text(err->message, sizeof err->message);
}

static void credentials(kn_slice in) {
    static kn_credentials c;
    kn_err err;
    json_t *object = json_loadb(in.p, in.n, 0, NULL);
    c = (kn_credentials){.expires_ms = 0};
    check_credentials(&c, kn_credentials_from_json(object, &kn_metadata_names, &c, &err), &err);
    json_decref(object);
    c = (kn_credentials){.expires_ms = 0};
    check_credentials(&c, kn_sts_read(in, "AssumeRoleResult", &c, &err), &err);
}

/* Each word in quotes, they part as before. */
static void words(const char *command) {
    kn_buf first, quoted, second;
    size_t count, again;
    kn_err err;
    kn_buf_init(&first, 64 << 10);
    kn_buf_init(&quoted, 512 << 10);
    kn_buf_init(&second, 64 << 10);
    if (kn_process_split(command, &first, &count, &err)) {
        const char *word = first.p;
        for (size_t i = 0; i < count; i++, word++) {
            kn_buf_cstr(&quoted, i ? "\t '" : "'");
            for (; *word; word++)
                kn_buf_append(&quoted, *word == '\'' ? "'\\''" : word, *word == '\'' ? 4 : 1);
            kn_buf_char(&quoted, '\'');
        }
        if (!kn_process_split(quoted.p, &second, &again, &err) || again != count ||
            !kn_slice_eq(kn_buf_view(&first), kn_buf_view(&second)))
            abort();
    }
    kn_buf_free(&first);
    kn_buf_free(&quoted);
    kn_buf_free(&second);
}

static void container(const char *text, bool relative) {
    kn_buf url;
    kn_err err;
    kn_uri uri;
    kn_buf_init(&url, 4096);
    if (kn_container_url(relative ? text : NULL, text, &url, &err) &&
        (!kn_uri_parse(url.p, &uri, &err) ||
         (uri.scheme.n == 4 && !kn_uri_is_loopback(&uri) && !kn_uri_is_link_local(&uri))))
        abort();
    kn_buf_free(&url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n == 0)
        return 0;
    char *text = malloc(n); /* the bytes after the first, and a NUL */
    if (!text)
        abort();
    memcpy(text, data + 1, n - 1);
    text[n - 1] = '\0';
    char *exact = malloc(n > 1 ? n - 1 : 1);
    if (!exact)
        abort();
    memcpy(exact, data + 1, n - 1);
    kn_slice in = {exact, n - 1};
    unsigned choice = data[0] >> 3;
    switch (data[0] & 7) {
    case 0:
    case 1:
        error(in, choice);
        break;
    case 2:
    case 3:
        xml(in);
        break;
    case 4:
    case 5:
        credentials(in);
        break;
    case 6:
        words(text);
        break;
    default:
        container(text, choice & 1);
        break;
    }
    free(exact);
    free(text);
    return 0;
}
