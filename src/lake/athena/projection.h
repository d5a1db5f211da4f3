/* Partition projection: partitions that a Glue table describes by rules instead of storing them.
 *
 * From the table's parameters: projection.enabled, projection.<column>.type (enum, integer, date,
 * injected) with its range, values, format and digits, and storage.location.template, without which
 * the layout is <location>/<column>=<value>/... . The lake knows its objects, so it does not
 * enumerate the partitions: it asks of each object whether a partition would contain it. */
#ifndef KN_LAKE_ATHENA_PROJECTION_H
#define KN_LAKE_ATHENA_PROJECTION_H

#include "base/buf.h"

#include <jansson.h>

typedef struct kn_projection kn_projection;

/* *out is NULL when the table (a Glue Table document) has no projection enabled. now_ms is the NOW
 * of date ranges. KN_EINVAL names the parameter that is wrong. */
KN_MUST_CHECK bool kn_projection_open(const json_t *table, int64_t now_ms, kn_projection **out,
                                      kn_err *err);
void kn_projection_close(kn_projection *projection);

/* What every location begins with: the template up to its first column, "s3://bucket/data/". */
const char *kn_projection_prefix(const kn_projection *projection);

/* Whether the object "s3://bucket/key" lies in one of the partitions. */
bool kn_projection_match(const kn_projection *projection, const char *uri);

/* Appends SQL for the text of a partition column's value (columns count from 0, in the order of the
 * table's PartitionKeys), out of SQL that gives a matching object's URI. */
void kn_projection_sql(const kn_projection *projection, size_t column, const char *uri,
                       kn_buf *out);

/* For a column of type date: the format for DuckDB's strptime, or NULL. */
const char *kn_projection_format(const kn_projection *projection, size_t column);

#endif
