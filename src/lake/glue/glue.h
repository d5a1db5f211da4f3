/* What the lake's catalog offers to its neighbours. */
#ifndef KN_LAKE_GLUE_GLUE_H
#define KN_LAKE_GLUE_GLUE_H

#include "lake/lake.h"

#include <jansson.h>

/* *table is the Glue Table document (as GetTable returns it), a new reference;
 * EntityNotFoundException when there is none. Names are compared in lower case. */
KN_MUST_CHECK bool kn_glue_get_table(kn_lake *lake, const char *database, const char *table,
                                     json_t **out, kn_err *err);

#endif
