/* Decides which service a request is for, and wraps its answer in that service's envelope. */
#ifndef KN_LAKE_ROUTE_H
#define KN_LAKE_ROUTE_H

#include "lake/service.h"

typedef struct kn_route kn_route;

/* services: ended by NULL, borrowed. KN_EINVAL when a member's pattern is not a valid expression.
 */
KN_MUST_CHECK bool kn_route_new(kn_lake *lake, const kn_service *const *services, kn_route **out,
                                kn_err *err);
void kn_route_free(kn_route *route);

/* A kn_http_handler; context is the kn_route. */
void kn_route_answer(void *context, const kn_http_request *request, kn_http_response *response);

/* How large a body may be: 16 MiB, or an S3 object. */
uint64_t kn_route_body_limit(void *context, const kn_http_request *request);

/* Writes a version 4 UUID, for request ids. */
void kn_route_request_id(char out[37]);

#endif
