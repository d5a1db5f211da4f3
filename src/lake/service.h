/* A service of the lake is data: its name on the wire, how its errors are spelled, and a table of
 * operations. route.c finds the operation, checks its members, calls it and writes the envelope. */
#ifndef KN_LAKE_SERVICE_H
#define KN_LAKE_SERVICE_H

#include "base/cbor.h"
#include "lake/http.h"
#include "lake/lake.h"

#include <jansson.h>

typedef enum {
    KN_STRING,
    KN_INTEGER,
    KN_NUMBER,
    KN_BOOLEAN,
    KN_LIST,
    KN_OBJECT,
    KN_BLOB
} kn_member_type;

/* A member of an operation's input, as the API model has it. */
typedef struct kn_member {
    const char *name; /* "StreamName" */
    kn_member_type type;
    bool required;
    bool any_character; /* of a string: NUL, too; others are taken as C strings */
    int64_t min, max;   /* length (strings, blobs after base64, lists) or value; both 0: unchecked;
                           a max below min: no upper bound */
    const char
        *characters; /* the pattern as the API model prints it, e.g. "[a-zA-Z0-9_.-]+"; NULL: any */
    const struct kn_member
        *members; /* of the object, or of each element of the list; NULL: unchecked */
} kn_member;

/* One call of one operation. */
typedef struct kn_op_call {
    kn_lake *lake;
    const kn_http_request *request;
    bool cbor;      /* the body is; a shortcut answers in kind, others read and write JSON */
    json_t *input;  /* an object whose members have been checked; borrowed */
    json_t *output; /* the operation sets it (owned by the caller); NULL answers {} */
    kn_buf *text;   /* or the operation appends the reply's JSON here (large replies) */
} kn_op_call;

/* Returns false with err filled by kn_fail_aws for the errors of the API; any other code is
 * answered as the service's internal failure (500) and logged. */
typedef bool kn_op_function(kn_op_call *call, kn_err *err);

typedef struct kn_op {
    const char *name; /* "PutRecords" */
    kn_op_function *run;
    const kn_member *members; /* ended by a row without a name; NULL: no input */
} kn_op;

/* An operation straight from the body's bytes, for one that is measured to need it. *taken false:
 * the body is not of the usual form, or something about it is wrong; nothing has been done, and the
 * body is parsed, checked and run like any other. So errors are in one place. */
typedef struct kn_shortcut {
    const char *name; /* of the operation; NULL ends the table */
    bool (*run)(kn_op_call *call, bool *taken, kn_err *err); /* call->input is NULL */
} kn_shortcut;

typedef struct kn_service {
    const char *name;             /* "kinesis": the signing name, and the name in ARNs */
    const char *target;           /* of X-Amz-Target: "Kinesis_20131202" */
    const char *content_type;     /* "application/x-amz-json-1.1" */
    const char *validation_error; /* the code for a bad member: "ValidationException", ... */
    const kn_op *ops;             /* ended by a row without a name */
    const kn_shortcut *shortcuts; /* tried first; NULL: none */
    const kn_cbor_names *cbor;    /* CBOR is spoken, too, with these members; NULL: it is not */
} kn_service;

extern const kn_service kn_kinesis_service;
extern const kn_service kn_firehose_service;
extern const kn_service kn_lake_service; /* what only the lake has; in firehose/api.c */
extern const kn_service kn_glue_service;
extern const kn_service kn_athena_service;

/* Each service opens and closes its state; called by lake.c in this order, closed in reverse. */
KN_MUST_CHECK bool kn_kinesis_open(kn_lake *lake, kn_kinesis **out, kn_err *err);
void kn_kinesis_close(kn_kinesis *kinesis);
KN_MUST_CHECK bool kn_firehose_open(kn_lake *lake, kn_firehose **out, kn_err *err);
void kn_firehose_close(kn_firehose *firehose);
KN_MUST_CHECK bool kn_athena_open(kn_lake *lake, kn_athena **out, kn_err *err);
void kn_athena_close(kn_athena *athena);

/* STS and its like speak the Query protocol: form fields in, XML out. False: it has no such action.
 */
bool kn_query_answer(kn_lake *lake, const char *action, const char *form,
                     kn_http_response *response);

/* S3 is REST, not JSON: it answers the request itself. */
void kn_s3_answer(kn_lake *lake, const kn_http_request *request, kn_http_response *response);

#endif
