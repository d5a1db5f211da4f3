/* The file of records that could not be delivered: one JSON line each, with the reason and all that
 * is needed to send it again (kinessis redrive).
 *
 *   {"index":41,"service":"kinesis","name":"clicks","target":"lake","partition_key":"a",
 *    "explicit_hash_key":"7","error":{"code":"InternalFailure","message":"...",
 *    "may_have_arrived":true},"time":"2022-02-02T15:17:08.123Z","data":"{...}"}
 *
 * data is the record's text; where it is no UTF-8, data_base64 takes its place. Keys that a record
 * does not have are absent, as are may_have_arrived where it is false and newline where the service
 * has none to leave out ("newline":false: Firehose got it without one).
 *
 * The file is opened (and made with its folder, mode 0600) when the first record comes, and
 * appended to, a line by one write. Who appends holds a shared lock (flock) until it closes:
 * redrive takes the file only when nobody else has it. */
#ifndef KN_RUN_DEAD_LETTERS_H
#define KN_RUN_DEAD_LETTERS_H

#include "base/buf.h"

typedef struct kn_dead_letters kn_dead_letters; /* shared by threads */

typedef struct kn_dead_letter {
    const char *service, *name, *target;
    bool no_newline;
    uint64_t index;
    kn_slice data, partition_key, explicit_hash_key;
    const kn_err *why;
    bool uncertain; /* it was on its way when it was given up */
} kn_dead_letter;

KN_MUST_CHECK bool kn_dead_letters_new(const char *path, kn_dead_letters **out, kn_err *err);
void kn_dead_letters_destroy(kn_dead_letters *letters);

/* False when it could not be written: the first reason is kept. */
bool kn_dead_letters_add(kn_dead_letters *letters, const kn_dead_letter *letter);

/* How many were written; *err: why one was not, code KN_OK when all were. */
uint64_t kn_dead_letters_count(kn_dead_letters *letters, kn_err *err);

/* Has the disk take what was written. */
KN_MUST_CHECK bool kn_dead_letters_sync(kn_dead_letters *letters, kn_err *err);

#endif
