/* Fuzzes what stands between the wire and an operation: JSON bodies, against a table of members
 * that has every type, nested. The answer is the operation's, or an AWS-shaped error. */
#include "lake/route.h"

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
static const kn_op ops[] = {{"Op", op_run, members}, {NULL, NULL, NULL}};
static const kn_service service = {"t", "T", "application/x-amz-json-1.1", "ValidationException",
                                   ops, NULL};
static const kn_service *const services[] = {&service, NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static kn_route *route;
    kn_err err;
    if (!route && !kn_route_new(NULL, services, &route, &err))
        abort();
    const kn_http_field fields[] = {{"content-type", "application/x-amz-json-1.1"},
                                    {"x-amz-target", "T.Op"}};
    const kn_http_request request = {.method = "POST",
                                     .path = "/",
                                     .query = "",
                                     .fields = fields,
                                     .field_count = 2,
                                     .body = {(const char *)data, n},
                                     .body_fd = -1};
    kn_http_response response;
    kn_http_response_init(&response);
    kn_route_answer(route, &request, &response);
    json_t *reply = json_loadb(response.body.p, response.body.len, 0, NULL);
    if (!reply || (response.status != 200 && response.status != 400))
        abort();
    json_decref(reply);
    kn_http_response_free(&response);
    return 0;
}
