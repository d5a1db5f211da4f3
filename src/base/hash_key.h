/* Where a record belongs: a hash key is a number of 128 bits, and each shard owns a range of them.
 * A record's is its explicit hash key, else the MD5 of its partition key, read big-endian.
 * https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecordsRequestEntry.html */
#ifndef KN_BASE_HASH_KEY_H
#define KN_BASE_HASH_KEY_H

#include "base/md5.h"

__extension__ typedef unsigned __int128 kn_hash_key; /* compared and counted like any integer */

#define KN_HASH_TOP (~(kn_hash_key)0)
#define KN_HASH_TEXT 40 /* decimal digits and a NUL */

void kn_hash_print(kn_hash_key hash, char out[KN_HASH_TEXT]); /* decimal */
/* Decimal, no leading zeros, below 2^128. */
bool kn_hash_parse(kn_slice text, kn_hash_key *hash);
kn_hash_key kn_hash_from_md5(const unsigned char digest[16]);

/* Of a record; explicit_hash.p NULL: it has none. KN_EINVAL when that is not a hash key. */
KN_MUST_CHECK bool kn_hash_of(kn_md5 *md5, kn_slice partition_key, kn_slice explicit_hash,
                              kn_hash_key *hash, kn_err *err);

#endif
