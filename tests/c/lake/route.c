/* Routing and validation: AWS's codes and words, on a service made for the test. */
#include "lake/route.h"

#include "lake/validate.h"
#include "tap.h"

#include <stdlib.h>

static bool op_echo(kn_op_call *call, kn_err *err) {
    (void)err;
    call->output = json_incref(call->input);
    return true;
}

static bool op_text(kn_op_call *call, kn_err *err) {
    (void)err;
    kn_buf_cstr(call->text, "{\"text\":1}");
    return true;
}

static bool op_nothing(kn_op_call *call, kn_err *err) {
    (void)call, (void)err;
    return true;
}

static bool op_fail(kn_op_call *call, kn_err *err) {
    call->output = json_object();
    return kn_fail_aws(err, 400, "ResourceNotFoundException",
                       "Stream x under account %s not found.", "000000000000");
}

/* Takes bodies that begin with "[", which no operation otherwise does. */
static bool short_text(kn_op_call *call, bool *taken, kn_err *err) {
    *taken = call->request->body.p[0] == '[';
    if (call->request->body.n > 2)
        return !*taken || kn_fail_aws(err, 400, "LimitExceededException", "too long");
    kn_buf_cstr(call->text, *taken ? "{\"short\":1}" : "");
    return true;
}

static const kn_member record_members[] = {
    {.name = "Data", .type = KN_BLOB, .required = true, .min = 0, .max = 6},
    {.name = "PartitionKey", .type = KN_STRING, .required = true, .min = 1, .max = 4},
    {.name = "ExplicitHashKey", .type = KN_STRING, .characters = "0|([1-9]\\d{0,38})"},
    {.name = NULL},
};

static const kn_member members[] = {
    {.name = "StreamName",
     .type = KN_STRING,
     .required = true,
     .min = 1,
     .max = 8,
     .characters = "[a-zA-Z0-9_.-]+"},
    {.name = "Limit", .type = KN_INTEGER, .min = 1, .max = 100},
    {.name = "Floor", .type = KN_INTEGER, .min = 5},
    {.name = "Ratio", .type = KN_NUMBER, .min = 1, .max = 2},
    {.name = "Flag", .type = KN_BOOLEAN},
    {.name = "Records", .type = KN_LIST, .min = 1, .max = 3, .members = record_members},
    {.name = "One", .type = KN_OBJECT, .members = record_members},
    {.name = NULL},
};

static const kn_op ops[] = {
    {"Echo", op_echo, members}, {"Text", op_text, NULL}, {"Nothing", op_nothing, NULL},
    {"Fail", op_fail, NULL},    {NULL, NULL, NULL},
};

static const kn_shortcut shortcuts[] = {{"Text", short_text}, {NULL, NULL}};

static bool is_data(kn_slice name) {
    return kn_slice_eq_cstr(name, "Data");
}

static bool is_time(kn_slice name) {
    return kn_slice_eq_cstr(name, "Ratio");
}

static const kn_cbor_names cbor_names = {is_data, is_time};

static const kn_service service = {
    .name = "test",
    .target = "Test_1",
    .content_type = "application/x-amz-json-1.1",
    .validation_error = "ValidationException",
    .ops = ops,
    .shortcuts = shortcuts,
};
static const kn_service binary_service = {
    .name = "binary",
    .target = "Binary_1",
    .content_type = "application/x-amz-json-1.1",
    .validation_error = "ValidationException",
    .ops = ops,
    .shortcuts = shortcuts,
    .cbor = &cbor_names,
};
static const kn_service *const services[] = {&service, &binary_service, NULL};

static kn_route *route;
static kn_http_response response;

/* Sends a body to an operation; the reply's body, status in response.status. */
static const char *call_slice(const char *method, const char *type, const char *target,
                              kn_slice body) {
    const kn_http_field fields[] = {{"content-type", type}, {"x-amz-target", target}};
    const kn_http_request request = {.method = method,
                                     .path = "/",
                                     .query = "",
                                     .fields = fields,
                                     .field_count = 2,
                                     .body = body,
                                     .body_fd = -1};
    kn_http_response_free(&response);
    kn_http_response_init(&response);
    kn_route_answer(route, &request, &response);
    return response.body.p;
}

static const char *call_with(const char *method, const char *type, const char *target,
                             const char *body) {
    return call_slice(method, type, target, kn_slice_cstr(body));
}

static const char *call(const char *op, const char *body) {
    char target[64];
    snprintf(target, sizeof target, "Test_1.%s", op);
    return call_with("POST", "application/x-amz-json-1.1", target, body);
}

/* "Code: message" of an error reply. */
static const char *error_of(const char *body) {
    static char text[4096];
    json_t *doc = json_loads(body ? body : "", 0, NULL);
    const char *code = json_string_value(json_object_get(doc, "__type"));
    const char *message = json_string_value(json_object_get(doc, "message"));
    snprintf(text, sizeof text, "%d %s: %s", response.status, code ? code : "none",
             message ? message : "");
    json_decref(doc);
    return text;
}

#define AT " failed to satisfy constraint: Member must "

static void test_envelope(void) {
    tap_is_str(call("Echo", "{\"StreamName\":\"s\"}"), "{\"StreamName\":\"s\"}", "an answer");
    tap_is_int(response.status, 200, "its status");
    tap_ok(strstr(response.fields.p, "Content-Type: application/x-amz-json-1.1\n"), "its type");
    tap_ok(strstr(response.fields.p, "x-amzn-RequestId: "), "its id");
    tap_is_str(call("Text", "{}"), "{\"text\":1}", "text written by the operation");
    tap_is_str(call("Nothing", "{}"), "{}", "no output");
    tap_is_str(error_of(call("Fail", "{}")),
               "400 ResourceNotFoundException: Stream x under account 000000000000 not found.",
               "the operation's error");
    tap_ok(strstr(response.fields.p, "x-amzn-ErrorType: ResourceNotFoundException\n"),
           "its code in a header too");
}

static void test_order_of_checks(void) {
    tap_ok(strncmp(error_of(call("None", "{}")), "400 UnknownOperationException", 29) == 0,
           "unknown operation");
    tap_ok(strncmp(error_of(call_with("POST", "application/x-amz-json-1.1", "Other.Echo", "{}")),
                   "400 UnknownOperationException", 29) == 0,
           "unknown service");
    tap_ok(strncmp(error_of(call("None", "{")), "400 SerializationException", 26) == 0,
           "JSON is read before the operation is known");
    tap_ok(strncmp(error_of(call("Echo", "")), "400 SerializationException", 26) == 0, "no body");
    tap_ok(strncmp(error_of(call("Echo", "[]")), "400 SerializationException", 26) == 0, "a list");
    tap_ok(strncmp(error_of(call("Echo", "{\"a\":1} x")), "400 SerializationException", 26) == 0,
           "something behind the object");
    tap_ok(strncmp(error_of(call_with("GET", "application/x-amz-json-1.1", "Test_1.Echo", "{}")),
                   "405 ", 4) == 0,
           "not by GET");
    tap_ok(strncmp(error_of(call_with("POST", "text/plain", "Test_1.Echo", "{}")), "404 ", 4) == 0,
           "a wrong content type");
    tap_ok(strstr(error_of(call_with("POST", "application/x-amz-cbor-1.1", "Test_1.Echo", "{}")),
                  "CBOR"),
           "CBOR is refused by name");
    kn_buf deep;
    kn_buf_init(&deep, 1 << 20);
    for (int i = 0; i < 100000; i++)
        kn_buf_cstr(&deep, "[");
    tap_ok(strncmp(error_of(call("Echo", deep.p)), "400 SerializationException", 26) == 0,
           "a hundred thousand brackets");
    kn_buf_free(&deep);
}

static void test_shortcut(void) {
    tap_is_str(call("Text", "[]"), "{\"short\":1}", "a body that the shortcut takes");
    tap_is_str(error_of(call("Text", "[1]")), "400 LimitExceededException: too long", "its error");
    tap_is_str(call("Text", "{}"), "{\"text\":1}", "a body that it leaves");
    tap_ok(strncmp(error_of(call("Text", "")), "400 SerializationException", 26) == 0,
           "it is not asked without a body");
    tap_ok(strncmp(error_of(call_with("POST", "text/plain", "Test_1.Text", "[]")), "404 ", 4) == 0,
           "... nor before the content type is known");
}

/* The reply to a CBOR text, as JSON. */
static const char *call_cbor(const char *op, kn_slice body) {
    static kn_buf json = {.max = 4096};
    char target[64];
    static kn_err err;
    snprintf(target, sizeof target, "Binary_1.%s", op);
    call_slice("POST", "application/x-amz-cbor-1.1", target, body);
    kn_buf_clear(&json);
    return kn_cbor_to_json(kn_buf_view(&response.body), &json, &err) ? json.p : err.message;
}

static void test_cbor(void) {
    static const char echo[] =
        "\xBF\x6AStreamName\x61s\x65Ratio\xC1\x19\x05\xDC\x67Records\x81"
        "\xA2\x64"
        "Data\x42\x01\x02\x6CPartitionKey\x61k\xFF";
    tap_is_str(call_cbor("Echo", (kn_slice){echo, sizeof echo - 1}),
               "{\"StreamName\":\"s\",\"Ratio\":1.5,\"Records\":[{\"Data\":\"AQI=\","
               "\"PartitionKey\":\"k\"}]}",
               "a body in CBOR");
    tap_is_int(response.status, 200, "its status");
    tap_ok(memmem(response.body.p, response.body.len, "Data\x42\x01\x02", 7) &&
               memmem(response.body.p, response.body.len, "Ratio\xC1\x19\x05\xDC", 9),
           "data as bytes and moments as milliseconds, both ways");
    tap_ok(strstr(response.fields.p, "Content-Type: application/x-amz-cbor-1.1\n"), "its type");
    tap_is_str(call_cbor("Nothing", KN_SLICE("\xA0")), "{}", "no output");
    tap_is_str(call_cbor("Fail", KN_SLICE("\xA0")),
               "{\"__type\":\"ResourceNotFoundException\",\"message\":\"Stream x under account "
               "000000000000 not found.\",\"Message\":\"Stream x under account 000000000000 not "
               "found.\"}",
               "an error");
    tap_is_int(response.status, 400, "its status");
    tap_ok(strstr(call_cbor("Echo", KN_SLICE("\xA0")), "'streamName'" AT "not be null"),
           "what validation says");
    static const char *const wrong[] = {"", "{}", "\x80", "\xA1\x61"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        tap_ok(strncmp(call_cbor("Echo", kn_slice_cstr(wrong[i])),
                       "{\"__type\":\"SerializationException\"", 33) == 0,
               "not a body: case %zu", i);
    tap_ok(strstr(call_cbor("None", KN_SLICE("\xA0")), "UnknownOperationException"),
           "unknown operation");
    call_with("POST", "application/x-amz-json-1.1", "Binary_1.Nothing", "{}");
    tap_is_str(response.body.p, "{}", "JSON is answered in JSON");
    tap_ok(strstr(response.fields.p,
                  "Accept-Post: application/x-amz-json-1.1, application/x-amz-cbor-1.1\n"),
           "... with word of CBOR");
    call("Nothing", "{}");
    tap_ok(!strstr(response.fields.p, "Accept-Post"), "but not where it is not spoken");
}

static void test_validation(void) {
    static const struct {
        const char *input, *expected;
    } cases[] = {
        {"{}", "ValidationException: 1 validation error detected: Value null at 'streamName'" AT
               "not be null"},
        {"{\"StreamName\":null}",
         "ValidationException: 1 validation error detected: Value null at 'streamName'" AT
         "not be null"},
        {"{\"StreamName\":\"\"}",
         "ValidationException: 2 validation errors detected: Value '' at 'streamName'" AT
         "have length greater than or equal to 1; Value '' at 'streamName'" AT
         "satisfy regular expression pattern: [a-zA-Z0-9_.-]+"},
        {"{\"StreamName\":\"a b\"}",
         "ValidationException: 1 validation error detected: Value 'a b' at 'streamName'" AT
         "satisfy regular expression pattern: [a-zA-Z0-9_.-]+"},
        {"{\"StreamName\":\"123456789\"}",
         "ValidationException: 1 validation error detected: Value '123456789' at 'streamName'" AT
         "have length less than or equal to 8"},
        {"{\"StreamName\":\"s\",\"Limit\":0}",
         "ValidationException: 1 validation error detected: Value '0' at 'limit'" AT
         "have value greater than or equal to 1"},
        {"{\"StreamName\":\"s\",\"Limit\":101}",
         "ValidationException: 1 validation error detected: Value '101' at 'limit'" AT
         "have value less than or equal to 100"},
        {"{\"StreamName\":\"s\",\"Floor\":4}",
         "ValidationException: 1 validation error detected: Value '4' at 'floor'" AT
         "have value greater than or equal to 5"},
        {"{\"StreamName\":\"s\",\"Records\":[]}",
         "ValidationException: 1 validation error detected: Value '[]' at 'records'" AT
         "have length greater than or equal to 1"},
        {"{\"StreamName\":\"s\",\"Records\":[{\"Data\":\"\",\"PartitionKey\":\"ok\"},"
         "{\"Data\":\"AAAAAAAAAA==\"}]}",
         "ValidationException: 2 validation errors detected: Value 'AAAAAAAAAA==' at "
         "'records.2.member.data'" AT "have length less than or equal to 6; Value null at "
         "'records.2.member.partitionKey'" AT "not be null"},
        {"{\"StreamName\":\"s\",\"One\":{\"Data\":\"\",\"PartitionKey\":\"k\","
         "\"ExplicitHashKey\":\"01\"}}",
         "ValidationException: 1 validation error detected: Value '01' at 'one.explicitHashKey'" AT
         "satisfy regular expression pattern: 0|([1-9]\\d{0,38})"},
        {"{\"StreamName\":5}", "SerializationException: StreamName must be a string, not a number"},
        {"{\"Limit\":\"5\"}", "SerializationException: Limit must be an integer, not a string"},
        {"{\"Limit\":1.5}", "SerializationException: Limit must be an integer, not a number"},
        {"{\"Limit\":1e300}", "SerializationException: Limit must be an integer, not a number"},
        {"{\"StreamName\":\"s\",\"Ratio\":2.5}",
         "ValidationException: 1 validation error detected: Value '2.5' at 'ratio'" AT
         "have value less than or equal to 2"},
        {"{\"StreamName\":\"s\",\"Ratio\":0.5}",
         "ValidationException: 1 validation error detected: Value '0.5' at 'ratio'" AT
         "have value greater than or equal to 1"},
        {"{\"StreamName\":\"s\",\"Ratio\":-1e300}",
         "ValidationException: 1 validation error detected: Value '-1e+300' at 'ratio'" AT
         "have value greater than or equal to 1"},
        {"{\"Flag\":1}", "SerializationException: Flag must be a boolean, not a number"},
        {"{\"Records\":{}}", "SerializationException: Records must be a list, not a structure"},
        {"{\"Records\":[1]}",
         "SerializationException: each element of Records must be a structure, not a number"},
        {"{\"Records\":[{\"Data\":\"A\"}]}",
         "SerializationException: Records[0]: Data must be base64 text, not other text"},
        {"{\"Records\":[{\"Data\":\"A===\"}]}",
         "SerializationException: Records[0]: Data must be base64 text, not other text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[2048];
        snprintf(expected, sizeof expected, "400 %s", cases[i].expected);
        tap_is_str(error_of(call("Echo", cases[i].input)), expected, "%s", cases[i].input);
    }
    static const char *const good[] = {
        "{\"StreamName\":\"a_b.c-9\",\"Limit\":10.0,\"Ratio\":1.5,\"Flag\":false}",
        ("{\"StreamName\":\"s\",\"One\":{\"Data\":\"AAAA\",\"PartitionKey\":\"éééé\","
         "\"ExplicitHashKey\":\"340282366920938463463374607431768211455\"}}"),
        "{\"StreamName\":\"s\",\"Unknown\":[1,{}],\"Limit\":null}",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        call("Echo", good[i]);
        tap_is_int(response.status, 200, "%s", good[i]);
    }
    const char *many = "{\"Records\":[{},{},{}],\"One\":{},\"Limit\":0,\"Floor\":0}";
    const char *text = error_of(call("Echo", many));
    tap_ok(strstr(text, "10 validation errors detected"), "at most ten are told");
}

static void test_patterns(void) {
    static const kn_member bad[] = {{.name = "X", .type = KN_STRING, .characters = "(unclosed"},
                                    {.name = NULL}};
    static const kn_op bad_ops[] = {{"Op", op_echo, bad}, {NULL, NULL, NULL}};
    static const kn_service bad_service = {"bad", "Bad", "t", "V", bad_ops, NULL, NULL};
    const kn_service *const list[] = {&bad_service, NULL};
    kn_route *none = NULL;
    kn_err err;
    tap_ok(!kn_route_new(NULL, list, &none, &err) && strstr(err.message, "bad Op"),
           "a bad pattern is found when the routes are made: %s", err.message);
}

int main(void) {
    kn_err err;
    kn_http_response_init(&response);
    if (!kn_route_new(NULL, services, &route, &err)) {
        printf("Bail out! %s\n", err.message);
        return 1;
    }
    test_envelope();
    test_order_of_checks();
    test_shortcut();
    test_cbor();
    test_validation();
    test_patterns();
    kn_http_response_free(&response);
    kn_route_free(route);
    return tap_done();
}
