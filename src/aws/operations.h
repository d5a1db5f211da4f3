/* The operations of the client: a table. call.c signs, sends, retries and decodes by what a row
 * says; Lua finds the rows by name. A new operation is a new row. */
#ifndef KN_AWS_OPERATIONS_H
#define KN_AWS_OPERATIONS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum {
    KN_PROTOCOL_JSON,    /* POST /, X-Amz-Target, a JSON object */
    KN_PROTOCOL_QUERY,   /* POST /, a form with Action and Version; replies in XML */
    KN_PROTOCOL_REST_XML /* method and path say what; S3 */
} kn_protocol;

/* How the body of an operation of KN_PROTOCOL_JSON is written. CBOR is the same members, with data
 * as bytes instead of base64 (base/cbor.h). */
typedef enum { KN_WIRE_JSON, KN_WIRE_CBOR } kn_wire;
#define KN_CBOR_TYPE "application/x-amz-cbor-1.1"

typedef struct kn_api {
    const char *name;         /* "kinesis": in Lua and in messages */
    const char *signing_name; /* of the credential scope */
    const char *host; /* of the endpoint on AWS: "<host>.<region>.<suffix>"; NULL: AWS has none */
    const char *variable; /* AWS_ENDPOINT_URL_<variable> */
    kn_protocol protocol;
    const char *content_type; /* of a body; NULL: the caller's */
    const char *target;       /* JSON: before the dot of X-Amz-Target; query: the API's version */
    bool cbor;                /* bodies may be CBOR, too */
} kn_api;

typedef struct kn_operation {
    const kn_api *api;
    const char *name; /* "PutRecords" */
    /* May be sent again when it is not known whether the first was acted upon: reading, replacing
     * whole, and what is promised at least once. */
    bool repeatable;
    /* REST only. */
    const char *method;
    bool bucket, key;  /* the path has a bucket, a key */
    const char *query; /* fixed part, "list-type=2", or NULL */
} kn_operation;

extern const kn_operation kn_operations[]; /* ended by a row without an api; sorted by api */

const kn_api *kn_api_find(const char *name); /* NULL when there is none */
const kn_api *kn_api_at(size_t i);           /* to list them; NULL after the last */
const kn_operation *kn_operation_find(const kn_api *api, const char *name); /* NULL: none */

#endif
