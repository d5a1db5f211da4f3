/* The lake: Kinesis, Firehose, S3, Glue and Athena on one machine, in one process, behind one port.
 *
 *     data folder     lock            byte 0 is locked while a lake runs on it, byte 1 is shared by
 * those who use it lake.json       {"port", "pid", ...} of that lake; how clients find it lake.db
 * SQLite: everything but the bytes (store/store.h) kinesis/, firehose/   journals (store/journal.h)
 *                     s3/<bucket>/<key>     objects as plain files (store/objects.h)
 *
 * The services see one another only through the headers of this folder; the outside sees HTTP. */
#ifndef KN_LAKE_LAKE_H
#define KN_LAKE_LAKE_H

#include "base/err.h"

#include <stdint.h>

typedef struct kn_lake kn_lake;

typedef struct kn_lake_config {
    const char *folder; /* made when absent */
    uint16_t port;      /* 0 takes a free one */
    const char *region; /* of every ARN; NULL means us-east-1 */
    bool shard_limits;  /* shards throttle as on AWS (kinesis/rates.h) */
} kn_lake_config;

/* Locks the folder, opens the services, serves on 127.0.0.1. KN_ESTATE when another lake holds the
 * folder (the message names its port and pid). */
KN_MUST_CHECK bool kn_lake_open(const kn_lake_config *config, kn_lake **out, kn_err *err);

/* Stops serving, lets background deliveries finish their present object, closes everything. */
void kn_lake_close(kn_lake *lake);

uint16_t kn_lake_port(const kn_lake *lake);

/* One that uses the lake of another process. */
typedef struct kn_lake_use {
    int lock; /* -1: none */
    uint16_t port;
} kn_lake_use;

/* Finds the lake that runs on the folder. False when none does (or it is starting or stopping).
 * Until kn_lake_leave, that lake's kn_lake_retire is false. */
bool kn_lake_find(const char *folder, kn_lake_use *use);
void kn_lake_leave(kn_lake_use *use); /* idempotent */

/* Lets nobody else find the lake; true when nobody uses it any longer. */
bool kn_lake_retire(kn_lake *lake);

/* What the services of this lake share. Valid from before the first service opens until after the
 * last closes. */
typedef struct kn_store kn_store;
typedef struct kn_objects kn_objects;
typedef struct kn_kinesis kn_kinesis;
typedef struct kn_firehose kn_firehose;
typedef struct kn_athena kn_athena;

const char *kn_lake_folder(const kn_lake *lake);
const char *kn_lake_region(const kn_lake *lake);  /* "us-east-1" */
const char *kn_lake_account(const kn_lake *lake); /* "000000000000" */
bool kn_lake_shard_limits(const kn_lake *lake);
kn_store *kn_lake_store(kn_lake *lake);
kn_objects *kn_lake_objects(kn_lake *lake);
kn_kinesis *kn_lake_kinesis(kn_lake *lake);
kn_firehose *kn_lake_firehose(kn_lake *lake);
kn_athena *kn_lake_athena(kn_lake *lake);

#endif
