/* A multiset of records, told by sums: how many there are and the sum of their hashes, whole and by
 * 65,536 ranges of their keys' hashes. Two multisets with the same sums are the same (but for a
 * chance of 2^-60); where they differ, the ranges that differ are looked at record by record.
 * Memory does not grow with the number of records: a digest keeps sums, and single records only of
 * chosen ranges, of at most `limit` records.
 *
 * A row's hash is the first 60 bits of the MD5 of its text (run/verify/row.h), a key's range the
 * first 16 bits of the MD5 of the key: numbers that SQL can make too. */
#ifndef KN_RUN_VERIFY_DIGEST_H
#define KN_RUN_VERIFY_DIGEST_H

#include "base/hash_key.h"

enum { KN_DIGEST_RANGES = 1 << 16, KN_DIGEST_KEYS = 1 << 22 };

__extension__ typedef unsigned __int128 kn_sum;

typedef struct kn_digest kn_digest; /* one thread's, but for kn_digest_merge */

typedef struct kn_digest_total {
    uint64_t count;
    kn_sum sum;
    uint64_t distinct; /* keys; exact up to KN_DIGEST_KEYS, else UINT64_MAX: not known */
} kn_digest_total;

/* A record of a chosen range. */
typedef struct kn_digest_entry {
    uint64_t row, key; /* hashes */
    uint64_t place;    /* what was given with it: its index, or where its text is kept */
} kn_digest_entry;

/* Ranges to look at: a bit each. */
typedef struct kn_digest_choice {
    uint8_t bits[KN_DIGEST_RANGES / 8];
    uint32_t ranges;
} kn_digest_choice;

/* choice NULL: sums only, and distinct keys; else records of the chosen ranges only, at most limit.
 * The choice is borrowed. */
KN_MUST_CHECK bool kn_digest_new(const kn_digest_choice *choice, size_t limit, kn_digest **out,
                                 kn_err *err);
void kn_digest_destroy(kn_digest *digest);

/* *taken (may be NULL): the record is in a chosen range. KN_ELIMIT: more than limit of them. */
KN_MUST_CHECK bool kn_digest_add(kn_digest *digest, kn_slice key, kn_slice row, uint64_t place,
                                 bool *taken, kn_err *err);
/* The same of a whole range of sums, computed elsewhere. */
void kn_digest_add_range(kn_digest *digest, uint32_t range, uint64_t count, kn_sum sum);
/* Adds what other has; any thread, one at a time. */
KN_MUST_CHECK bool kn_digest_merge(kn_digest *digest, const kn_digest *other, kn_err *err);

kn_digest_total kn_digest_total_of(const kn_digest *digest);
size_t kn_digest_size(const kn_digest *digest); /* single records kept */

/* Chooses, from range `from` on, ranges in which the two differ, until the larger of the two has
 * more than `limit` records there (a range that has more alone is left for the next time, unless it
 * is the first). Returns the range to go on from; KN_DIGEST_RANGES at the end. */
uint32_t kn_digest_choose(const kn_digest *a, const kn_digest *b, uint32_t from, size_t limit,
                          kn_digest_choice *choice);

typedef enum {
    KN_RECORD_LOST,       /* expected, not found */
    KN_RECORD_DUPLICATED, /* found more often than expected */
    KN_RECORD_ALTERED,    /* found with its key, but not with its values */
    KN_RECORD_FOREIGN,    /* found, with a key that no missing record has */
} kn_digest_verdict;

typedef struct kn_digest_finding {
    kn_digest_verdict verdict;
    uint64_t expected; /* place; not of FOREIGN */
    uint64_t found;    /* place; not of LOST */
} kn_digest_finding;

/* What differs between two collections of the same ranges. The findings are the caller's to free;
 * sorted by verdict and place. */
KN_MUST_CHECK bool kn_digest_compare(kn_digest *expected, kn_digest *found,
                                     kn_digest_finding **findings, size_t *n, kn_err *err);

#endif
