/* Fuzzes what stands between the wire and an operation: bodies in JSON or (by the first byte) CBOR,
 * against a table of members that has every type, nested. The answer is the operation's, or an
 * AWS-shaped error, written as the request was. */
#include "lake/route.h"

#include "lake/service.h"

#include <stdlib.h>

static bool op_run(kn_op_call *call, kn_err *err) {
    (void)err;
    call->output = json_incref(call->input);
    return true;
}

static const kn_member inner[] = {
    {.name = "B", .type = KN_BLOB, .required = true, .min = 1, .max = 9},
    {.name = "S", .type = KN_STRING, .required = true, .min = 1, .max = 4, .characters = "[\\d_]+"},
    {.name = NULL},
};
static const kn_member members[] = {
    {.name = "S", .type = KN_STRING, .required = true, .min = 1, .max = 8},
    {.name = "I", .type = KN_INTEGER, .min = 1, .max = 100},
    {.name = "N", .type = KN_NUMBER, .min = 1, .max = 2},
    {.name = "F", .type = KN_BOOLEAN},
    {.name = "L", .type = KN_LIST, .min = 1, .max = 3, .members = inner},
    {.name = "O", .type = KN_OBJECT, .members = inner},
    {.name = NULL},
};
static bool is_blob(kn_slice name) {
    return kn_slice_eq_cstr(name, "B");
}

static bool is_moment(kn_slice name) {
    return kn_slice_eq_cstr(name, "N");
}

static const kn_op ops[] = {{"Op", op_run, members}, {NULL, NULL, NULL}};
static const kn_cbor_names names = {is_blob, is_moment};
static const kn_service service = {.name = "t",
                                   .target = "T",
                                   .content_type = "application/x-amz-json-1.1",
                                   .validation_error = "ValidationException",
                                   .ops = ops,
                                   .cbor = &names};
static const kn_service *const services[] = {&service, NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static json_t *read_reply(const kn_http_response *response, bool cbor) {
    kn_slice body = kn_buf_view(&response->body);
    kn_err err;
    kn_buf text;
    kn_buf_init(&text, 1 << 24);
    if (!cbor)
        kn_buf_slice(&text, body);
    else if (!kn_cbor_to_json(body, &text, &err))
        abort();
    json_t *reply = json_loadb(text.p, text.len, 0, NULL);
    kn_buf_free(&text);
    return reply;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static kn_route *route;
    kn_err err;
    if (!route && !kn_route_new(NULL, services, &route, &err))
        abort();
    bool cbor = n && data[0] & 1;
    const kn_http_field fields[] = {
        {"content-type", cbor ? "application/x-amz-cbor-1.1" : "application/x-amz-json-1.1"},
        {"x-amz-target", "T.Op"}};
    const kn_http_request request = {.method = "POST",
                                     .path = "/",
                                     .query = "",
                                     .fields = fields,
                                     .field_count = 2,
                                     .body = {(const char *)data + (n > 0), n - (n > 0)},
                                     .body_fd = -1};
    kn_http_response response;
    kn_http_response_init(&response);
    kn_route_answer(route, &request, &response);
    json_t *reply = read_reply(&response, cbor);
    if (!reply || (response.status != 200 && response.status != 400))
        abort();
    json_decref(reply);
    kn_http_response_free(&response);
    return 0;
}
