/* See route.h. Which service: X-Amz-Target names the JSON ones; a form with Action is a Query
 * service; the credential scope decides in doubt; the rest is S3. Credentials are not verified.
 *
 * The order of checks is AWS's: method, body, content type, JSON, operation, types, required
 * members, constraints, then the operation's own rules.
 *
 * Kinesis is spoken in CBOR, too (base/cbor.h), as the AWS SDKs for Java do: but for the shortcuts,
 * a request is rewritten to JSON, and its reply back. */
#include "lake/route.h"

#include "base/json.h"
#include "base/log.h"
#include "lake/validate.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/random.h>

#define JSON_BODY_MAX ((uint64_t)16 << 20)
#define JSON_TYPE "application/x-amz-json-1.1"
#define CBOR_TYPE "application/x-amz-cbor-1.1"
/* 5 GiB of object, and the framing of aws-chunked. */
#define S3_BODY_MAX (((uint64_t)5 << 30) + ((uint64_t)64 << 20))

struct kn_route {
    kn_lake *lake;
    const kn_service *const *services;
    kn_patterns *patterns;
};

bool kn_route_new(kn_lake *lake, const kn_service *const *services, kn_route **out, kn_err *err) {
    kn_route *route = calloc(1, sizeof *route);
    if (!route)
        return kn_fail(err, KN_ENOMEM, "cannot make the routes: out of memory");
    route->lake = lake;
    route->services = services;
    bool ok = kn_patterns_new(&route->patterns, err);
    for (size_t i = 0; ok && services[i]; i++)
        for (const kn_op *op = services[i]->ops; ok && op->name; op++)
            ok = kn_patterns_compile(route->patterns, op->members, err) ||
                 kn_fail_within(err, "%s %s", services[i]->name, op->name);
    if (!ok) {
        kn_route_free(route);
        return false;
    }
    *out = route;
    return true;
}

void kn_route_free(kn_route *route) {
    if (route)
        kn_patterns_free(route->patterns);
    free(route);
}

void kn_route_request_id(char out[37]) {
    unsigned char b[16] = {0};
    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
        memset(b, 0, sizeof b); /* an id is a courtesy */
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    for (int i = 0, at = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[at++] = '-';
        at += snprintf(out + at, 3, "%02x", b[i]);
    }
}

/* ---- which service ---- */

/* The service of the credential scope (.../20220202/us-east-1/kinesis/aws4_request), or "". */
static void scope_service(const kn_http_request *request, char out[32]) {
    out[0] = '\0';
    kn_buf text;
    kn_buf_init(&text, 8192);
    const char *header = kn_http_get(request, "authorization");
    const char *credential = header ? strstr(header, "Credential=") : NULL;
    if (credential)
        kn_buf_cstr(&text, credential);
    else if (!kn_http_query(request->query, "X-Amz-Credential", &text))
        kn_buf_clear(&text);
    const char *at = text.p;
    for (int slashes = 0; at && slashes < 3; slashes++)
        at = (at = strchr(at, '/')) ? at + 1 : NULL;
    if (at)
        snprintf(out, 32, "%.*s", (int)strcspn(at, "/,"), at);
    kn_buf_free(&text);
}

static const kn_service *service_of_target(const kn_route *route, const char *target) {
    size_t n = strcspn(target, ".");
    for (size_t i = 0; route->services[i]; i++)
        if (strncmp(route->services[i]->target, target, n) == 0 &&
            route->services[i]->target[n] == '\0')
            return route->services[i];
    return NULL;
}

static const kn_service *service_of_name(const kn_route *route, const char *name) {
    for (size_t i = 0; route->services[i]; i++)
        if (strcmp(route->services[i]->name, name) == 0)
            return route->services[i];
    return NULL;
}

static bool content_type_is(const kn_http_request *request, const char *type) {
    const char *sent = kn_http_get(request, "content-type");
    size_t n = strlen(type);
    return sent && strncasecmp(sent, type, n) == 0 && strchr("; \t", sent[n]);
}

uint64_t kn_route_body_limit(void *context, const kn_http_request *request) {
    (void)context;
    return kn_http_get(request, "x-amz-target") ||
                   content_type_is(request, "application/x-www-form-urlencoded")
               ? JSON_BODY_MAX
               : S3_BODY_MAX;
}

/* ---- the JSON envelope ---- */

static void answer_error(kn_http_response *response, const kn_err *err) {
    bool aws = err->code == KN_EAWS;
    const char *code = aws && err->aws_code[0] ? err->aws_code : "InternalFailure";
    response->status = !aws ? 500 : err->http_status ? err->http_status : 400;
    if (response->status >= 500)
        kn_log(KN_LOG_ERROR, "lake: %s", err->message);
    kn_buf_clear(&response->body);
    kn_http_set(response, "x-amzn-ErrorType", "%s", code);
    kn_json j = kn_json_to(&response->body); /* a message may be cut within a character */
    kn_json_begin(&j, '{');
    kn_json_key(&j, "__type");
    kn_json_cstr(&j, code);
    kn_json_key(&j, "message");
    kn_json_cstr(&j, err->message);
    kn_json_key(&j, "Message");
    kn_json_cstr(&j, err->message);
    kn_json_end(&j, '}');
}

/* To CBOR: all strings. */
static void rewrite_error(kn_http_response *response) {
    static const kn_cbor_names none;
    kn_err err;
    kn_buf json = response->body;
    kn_buf_init(&response->body, json.max);
    if (!kn_cbor_from_json(kn_buf_view(&json), &none, &response->body, &err))
        kn_log(KN_LOG_ERROR, "lake: an error cannot be written: %s", err.message);
    kn_buf_free(&json);
}

static const kn_op *find_op(const kn_service *service, const char *target) {
    const char *name = strchr(target, '.');
    for (const kn_op *op = service->ops; name && op->name; op++)
        if (strcmp(op->name, name + 1) == 0)
            return op;
    return NULL;
}

static const kn_shortcut *find_shortcut(const kn_service *service, const kn_op *op) {
    for (const kn_shortcut *s = service->shortcuts; s && s->name; s++)
        if (strcmp(s->name, op->name) == 0)
            return s;
    return NULL;
}

static bool is_cbor(const kn_service *service, const kn_http_request *request) {
    return service && service->cbor && content_type_is(request, CBOR_TYPE);
}

static bool check_content_type(const kn_http_request *request, kn_err *err) {
    if (content_type_is(request, JSON_TYPE) ||
        content_type_is(request, "application/x-amz-json-1.0") ||
        content_type_is(request, "application/json"))
        return true;
    if (content_type_is(request, CBOR_TYPE) || content_type_is(request, "application/cbor"))
        return kn_fail_aws(err, 415, "UnsupportedMediaTypeException",
                           "the lake speaks CBOR for Kinesis only, as " CBOR_TYPE
                           ": turn it off in the client (AWS_CBOR_DISABLE=true, or "
                           "-Daws.cborEnabled=false)");
    const char *sent = kn_http_get(request, "content-type");
    return kn_fail_aws(err, 404, "UnknownOperationException",
                       "Content-Type must be " JSON_TYPE ", not %s", sent ? sent : "absent");
}

static bool parse_body(const kn_http_request *request, json_t **input, kn_err *err) {
    if (request->too_large || request->body_fd >= 0)
        return kn_fail_aws(err, 413, "RequestEntityTooLargeException",
                           "the request's body is larger than %llu bytes",
                           (unsigned long long)JSON_BODY_MAX);
    if (request->body.n == 0)
        return kn_fail_aws(err, 400, "SerializationException",
                           "the request has no body; it must be a JSON object");
    json_error_t why;
    *input = json_loadb(request->body.p, request->body.n, JSON_ALLOW_NUL, &why); /* kn_validate */
    if (!*input)
        return kn_fail_aws(err, 400, "SerializationException",
                           "the body is not JSON: %s (line %d, column %d)", why.text, why.line,
                           why.column);
    if (!json_is_object(*input))
        return kn_fail_aws(err, 400, "SerializationException", "the body must be a JSON object");
    return true;
}

static int dump_into(const char *p, size_t n, void *buf) {
    kn_buf_append(buf, p, n);
    return kn_buf_ok(buf) ? 0 : -1;
}

/* Parses the body, checks its members and runs the operation; op NULL: there is none such. */
static bool run_parsed(kn_route *route, const kn_service *service, const kn_op *op,
                       const char *target, kn_op_call *call, kn_err *err) {
    json_t *input = NULL;
    bool ok = parse_body(call->request, &input, err) &&
              (op || kn_fail_aws(err, 400, "UnknownOperationException",
                                 service ? "the lake has no operation %s"
                                         : "the lake has no service for the target %s",
                                 target)) &&
              kn_validate(route->patterns, op->members, service->validation_error, input, err);
    if (ok) {
        call->input = input;
        ok = op->run(call, err);
    }
    if (ok && call->output)
        ok = json_dump_callback(call->output, dump_into, call->text,
                                JSON_COMPACT | JSON_ENCODE_ANY) == 0 ||
             kn_fail(err, KN_ELIMIT, "%s: the reply cannot be written", target);
    json_decref(call->output);
    json_decref(input);
    return ok;
}

/* The same for a body in CBOR, answered in CBOR. */
static bool run_binary(kn_route *route, const kn_service *service, const kn_op *op,
                       const char *target, kn_op_call *call, kn_err *err) {
    kn_http_request request = *call->request;
    kn_buf body, reply, *out = call->text;
    kn_err why;
    bool ok = true;
    kn_buf_init(&body, JSON_BODY_MAX * 2); /* base64 is longer than the bytes */
    kn_buf_init(&reply, KN_HTTP_RESPONSE_MAX);
    if (request.body.n) {
        ok = kn_cbor_to_json(request.body, &body, &why) ||
             kn_fail_aws(err, 400, "SerializationException", "the body is %s", why.message);
        request.body = kn_buf_view(&body);
    }
    call->request = &request;
    call->text = &reply;
    ok = ok && run_parsed(route, service, op, target, call, err) &&
         kn_buf_check(&reply, "the reply", err) &&
         kn_cbor_from_json(reply.len ? kn_buf_view(&reply) : KN_SLICE("{}"), service->cbor, out,
                           err);
    call->text = out;
    kn_buf_free(&body);
    kn_buf_free(&reply);
    return ok;
}

static bool run_op(kn_route *route, const kn_service *service, const kn_http_request *request,
                   const char *target, kn_http_response *response, kn_err *err) {
    if (strcmp(request->method, "POST") != 0)
        return kn_fail_aws(err, 405, "UnknownOperationException",
                           "operations are called by POST, not %s", request->method);
    bool cbor = is_cbor(service, request);
    if (!cbor && !check_content_type(request, err))
        return false;
    kn_op_call call = {
        .lake = route->lake, .request = request, .cbor = cbor, .text = &response->body};
    const kn_op *op = service ? find_op(service, target) : NULL;
    const kn_shortcut *shortcut = op ? find_shortcut(service, op) : NULL;
    bool taken = false, ok = true;
    if (shortcut && request->body.n)
        ok = shortcut->run(&call, &taken, err);
    if (!taken && cbor)
        ok = run_binary(route, service, op, target, &call, err);
    else if (!taken)
        ok = run_parsed(route, service, op, target, &call, err);
    ok = ok && kn_buf_check(call.text, "the reply", err);
    if (ok && call.text->len == 0)
        kn_buf_cstr(call.text, "{}");
    return ok;
}

static void answer_json(kn_route *route, const kn_http_request *request, const char *target,
                        kn_http_response *response) {
    const kn_service *service = service_of_target(route, target);
    bool cbor = is_cbor(service, request);
    char id[37];
    kn_route_request_id(id);
    kn_http_set(response, "x-amzn-RequestId", "%s", id);
    kn_http_set(response, "Content-Type", "%s",
                cbor      ? CBOR_TYPE
                : service ? service->content_type
                          : JSON_TYPE);
    if (service && service->cbor)
        kn_http_set(response, "Accept-Post", JSON_TYPE ", " CBOR_TYPE);
    kn_err err = {0};
    if (run_op(route, service, request, target, response, &err))
        return;
    answer_error(response, &err);
    if (cbor)
        rewrite_error(response);
}

/* ---- Query services ---- */

static void answer_unknown_action(kn_http_response *response, const char *action) {
    response->status = 400;
    kn_buf_clear(&response->body);
    kn_buf_cstr(&response->body,
                "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code><Message>"
                "the lake has no action ");
    for (const char *c = action; *c; c++) /* names are letters; anything else is not repeated */
        kn_buf_char(&response->body,
                    ((*c | 0x20) >= 'a' && (*c | 0x20) <= 'z') || (*c >= '0' && *c <= '9') ? *c
                                                                                           : '?');
    kn_buf_cstr(&response->body, "</Message></Error></ErrorResponse>");
}

/* True when it was a Query request, and has been answered. */
static bool answer_query(kn_route *route, const kn_http_request *request, const char *scope,
                         kn_http_response *response) {
    bool form = strcmp(request->method, "POST") == 0 && strcmp(request->path, "/") == 0 &&
                content_type_is(request, "application/x-www-form-urlencoded") &&
                request->body_fd < 0;
    if (!form && strcmp(scope, "sts") != 0)
        return false;
    kn_buf text, action;
    kn_buf_init(&text, JSON_BODY_MAX);
    kn_buf_init(&action, 256);
    if (form)
        kn_buf_slice(&text, request->body);
    else
        kn_buf_cstr(&text, request->query);
    bool is_query = kn_http_query(text.p ? text.p : "", "Action", &action);
    if (is_query) {
        char id[37];
        kn_route_request_id(id);
        kn_http_set(response, "x-amzn-RequestId", "%s", id);
        kn_http_set(response, "Content-Type", "text/xml");
        if (!kn_query_answer(route->lake, action.p ? action.p : "", text.p, response))
            answer_unknown_action(response, action.p ? action.p : "");
    }
    kn_buf_free(&text);
    kn_buf_free(&action);
    return is_query;
}

/* ---- the handler ---- */

void kn_route_answer(void *context, const kn_http_request *request, kn_http_response *response) {
    kn_route *route = context;
    const char *target = kn_http_get(request, "x-amz-target");
    if (target) {
        answer_json(route, request, target, response);
        return;
    }
    char scope[32];
    scope_service(request, scope);
    if (answer_query(route, request, scope, response))
        return;
    if (scope[0] && service_of_name(route, scope)) {
        kn_err err;
        kn_fail_aws(&err, 400, "UnknownOperationException",
                    "the request is signed for %s but has no X-Amz-Target header", scope);
        kn_http_set(response, "Content-Type", JSON_TYPE);
        answer_error(response, &err);
        return;
    }
    kn_s3_answer(route->lake, request, response);
}
