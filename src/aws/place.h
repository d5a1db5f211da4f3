/* What this process knows about an endpoint, shared by all of its clients of that endpoint, in any
 * thread: how far its clock is from ours.
 *
 * AWS refuses a signature whose time is more than some minutes off. The skew is measured from a
 * refusal's Date against the middle of the exchange; a reply with Age came out of a cache and says
 * nothing about now. The request is then signed again, once.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html */
#ifndef KN_AWS_PLACE_H
#define KN_AWS_PLACE_H

#include "net/transfer.h"

#include <stdatomic.h>

typedef struct kn_place {
    _Atomic uint64_t name; /* hash of the URL; 0: free */
    _Atomic int64_t skew_ms;
} kn_place;

/* Never NULL, and the same for the same URL. When more endpoints than the table holds are in use,
 * some share a place: each then corrects the other's skew. */
kn_place *kn_place_of(const char *url);

/* The endpoint's clock, as far as it is known. */
int64_t kn_place_now_ms(kn_place *place);

/* Whether the failure is one of the clock (by its code, or by a signature that is called wrong
 * while the clocks are far apart), and signing again with the skew that was measured can help.
 * Notes the skew then. sent_ms: our clock when it was sent; signed_ms: what was signed. */
bool kn_place_correct(kn_place *place, const kn_err *failure, const kn_reply *reply,
                      int64_t sent_ms, int64_t signed_ms);

#endif
