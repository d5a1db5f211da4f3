/* What other bindings need of kinessis.core.aws. */
#ifndef KN_BIND_AWS_H
#define KN_BIND_AWS_H

#include "aws/config.h"

#include <lua.h>

/* Reads the configuration of clients from the table at index (nil or none: nothing is given):
 * endpoint, region, profile, access_key, secret_key, session_token, use_fips_endpoint,
 * use_dualstack_endpoint, ca_bundle, verify, retry_mode, max_attempts, timeout (seconds of one
 * attempt). Raises on other keys, wrong types and values that are too long. Wipe it when done with:
 * it may hold a secret. */
void kn_bind_aws_config(lua_State *L, int index, kn_aws_config *out);

#endif
