/* Private to src/lake/glue: keys, errors and paging that the catalog's files share. */
#ifndef KN_LAKE_GLUE_PARTS_H
#define KN_LAKE_GLUE_PARTS_H

#include "lake/service.h"
#include "lake/store/store.h"

#define KN_GLUE_DATABASE "glue.database"
#define KN_GLUE_TABLE "glue.table"
#define KN_GLUE_PARTITION "glue.partition"
#define KN_GLUE_TAGS "glue.tags"

enum { KN_GLUE_KEY_MAX = 8192 };

/* "database" or "database\x1ftable", in lower case; key is initialised here, freed by the caller.
 */
KN_MUST_CHECK bool kn_glue_key(kn_buf *key, const char *database, const char *table, kn_err *err);

/* The same followed by the values of a partition, each after '\x1f'; InvalidInputException unless
 * there are as many as the table has partition keys. table_doc may be NULL (unchecked). */
KN_MUST_CHECK bool kn_glue_partition_key(kn_buf *key, const char *database, const char *table,
                                         const json_t *table_doc, const json_t *values,
                                         kn_err *err);

/* Fails with EntityNotFoundException when the database is unknown. */
KN_MUST_CHECK bool kn_glue_need_database(kn_lake *lake, const char *database, kn_err *err);

/* A member of the input, NULL when it is absent or null. */
const char *kn_glue_text(const json_t *input, const char *name);

/* A list operation: adds to output the documents under prefix, as the list `member`, from the
 * input's NextToken on, at most limit (or the input's MaxResults), and the NextToken for the rest.
 * accept may be NULL; else it tells whether a document belongs to the answer. */
typedef bool kn_glue_accept(void *context, json_t *doc);
KN_MUST_CHECK bool kn_glue_list(kn_op_call *call, const char *kind, const char *prefix,
                                const char *member, size_t limit, kn_glue_accept *accept,
                                void *context, kn_err *err);

/* Whether a regular expression that a client sent takes little enough memory. */
bool kn_glue_pattern_fits(const char *text);

/* Seconds since the epoch, now. */
json_t *kn_glue_now(void);

extern const kn_member kn_glue_partition_input[];

/* The operations of partition.c, for the table in glue.c. */
kn_op_function kn_glue_create_partition, kn_glue_get_partition, kn_glue_get_partitions,
    kn_glue_update_partition, kn_glue_delete_partition, kn_glue_batch_create_partition,
    kn_glue_batch_get_partition, kn_glue_batch_delete_partition;

#endif
