/* See error.h. The classes are those of every AWS SDK's standard retry mode. */
#include "aws/error.h"

#include "base/cbor.h"
#include "net/xml.h"

#include <jansson.h>
#include <string.h>

enum { BODY_MAX = 1 << 20 }; /* of an error */

static bool is_in(const char *code, const char *const *list) {
    for (; *list; list++)
        if (strcmp(code, *list) == 0)
            return true;
    return false;
}

bool kn_aws_is_throttle(const char *code) {
    static const char *const codes[] = {"TooManyRequestsException",
                                        "RequestLimitExceeded",
                                        "LimitExceededException",
                                        "SlowDown",
                                        "BandwidthLimitExceeded",
                                        "PriorRequestNotComplete",
                                        "ProvisionedThroughputExceededException",
                                        "KMSThrottlingException",
                                        "EC2ThrottledException",
                                        NULL};
    return strncmp(code, "Throttl", 7) == 0 || is_in(code, codes);
}

bool kn_aws_is_expired(const char *code) {
    static const char *const codes[] = {"ExpiredToken",
                                        "ExpiredTokenException",
                                        "TokenRefreshRequired",
                                        "InvalidToken",
                                        "UnrecognizedClientException",
                                        "InvalidClientTokenId",
                                        "InvalidAccessKeyId",
                                        NULL};
    return is_in(code, codes);
}

static bool is_retryable(int status, const char *code) {
    static const char *const codes[] = {
        "RequestTimeout",     "RequestTimeoutException",     "InternalFailure",
        "InternalError",      "InternalServerError",         "InternalServerException",
        "ServiceUnavailable", "ServiceUnavailableException", NULL};
    if (status == 429 || status == 500 || status == 502 || status == 503 || status == 504)
        return true;
    return kn_aws_is_throttle(code) || is_in(code, codes);
}

/* "com.amazonaws.kinesis#ResourceNotFoundException:http://..." -> "ResourceNotFoundException" */
static void copy_code(kn_err *err, kn_slice code) {
    const char *hash = memchr(code.p, '#', code.n);
    if (hash)
        code = (kn_slice){hash + 1, code.n - (size_t)(hash + 1 - code.p)};
    const char *colon = memchr(code.p, ':', code.n);
    if (colon)
        code.n = (size_t)(colon - code.p);
    snprintf(err->aws_code, sizeof err->aws_code, "%.*s", (int)code.n, code.p);
}

static const char *first_string(const json_t *object, const char *const *names) {
    for (; *names; names++) {
        const char *value = json_string_value(json_object_get(object, *names));
        if (value)
            return value;
    }
    return NULL;
}

/* Written as the request was. What cannot be read is shown as it came. */
static json_t *load_body(const kn_reply *reply) {
    kn_slice type = kn_reply_header(reply, "Content-Type");
    if (!memmem(type.p, type.n, "cbor", 4))
        return json_loadb(reply->body.p, reply->body.n, 0, NULL);
    kn_err ignored;
    kn_buf text;
    kn_buf_init(&text, BODY_MAX);
    json_t *body = kn_cbor_to_json(reply->body, &text, &ignored)
                       ? json_loadb(text.p, text.len, 0, NULL)
                       : NULL;
    kn_buf_free(&text);
    return body;
}

static void read_json(const kn_reply *reply, kn_err *err, char *text, size_t size) {
    static const char *const codes[] = {"__type", "code", "Code", NULL};
    static const char *const messages[] = {"message", "Message", "errorMessage", NULL};
    json_t *body = load_body(reply);
    kn_slice header = kn_reply_header(reply, "x-amzn-errortype");
    const char *code = first_string(body, codes);
    const char *message = first_string(body, messages);
    if (header.n)
        copy_code(err, header);
    else if (code)
        copy_code(err, kn_slice_cstr(code));
    if (message)
        snprintf(text, size, "%s", message);
    json_decref(body);
}

/* <Error> of S3, or <ErrorResponse><Error> of the query services. */
static void read_xml(const kn_reply *reply, kn_err *err, char *text, size_t size) {
    kn_xml *xml;
    kn_err ignored; /* what is not XML is shown as it came */
    if (!kn_xml_parse(reply->body, &xml, &ignored))
        return;
    const kn_xml_element *e = kn_xml_root(xml);
    if (strcmp(e->name, "Error") != 0)
        e = kn_xml_child(e, "Error");
    const char *code = kn_xml_text(e, "Code"), *message = kn_xml_text(e, "Message");
    if (code)
        copy_code(err, kn_slice_cstr(code));
    if (message)
        snprintf(text, size, "%s", message);
    kn_xml_destroy(xml);
}

/* Replies to HEAD have no body: the status is all there is. */
static const char *code_of_status(int status) {
    switch (status) {
    case 301:
        return "PermanentRedirect";
    case 304:
        return "NotModified";
    case 400:
        return "BadRequest";
    case 403:
        return "Forbidden";
    case 404:
        return "NotFound";
    case 405:
        return "MethodNotAllowed";
    case 412:
        return "PreconditionFailed";
    default:
        return "";
    }
}

static void show_body(const kn_reply *reply, char *text, size_t size) {
    int n = snprintf(text, size, "HTTP status %d%s%.*s", reply->status, reply->body.n ? ": " : "",
                     reply->body.n < 300 ? (int)reply->body.n : 300, reply->body.p);
    for (int i = 0; i < n && (size_t)i < size; i++)
        if ((unsigned char)text[i] < ' ')
            text[i] = ' ';
}

void kn_aws_decode_error(const kn_operation *operation, const kn_reply *reply, kn_err *err) {
    char text[1600] = "";
    kn_err found = {0};
    if (operation->api->protocol == KN_PROTOCOL_JSON)
        read_json(reply, &found, text, sizeof text);
    else if (reply->body.n)
        read_xml(reply, &found, text, sizeof text);
    if (!text[0])
        show_body(reply, text, sizeof text);
    const char *code = found.aws_code[0] ? found.aws_code : code_of_status(reply->status);
    kn_fail_aws(err, reply->status, code, "%s %s: %s%s%s", operation->api->name, operation->name,
                code, code[0] ? ": " : "", text);
    err->retryable = is_retryable(reply->status, code);
}
