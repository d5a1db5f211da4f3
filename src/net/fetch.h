/* One HTTP exchange, waited for: for what is asked seldom, such as credentials. Repeats what did
 * not get through (no connection, no answer, 429, 5xx), with a pause that doubles from 100 ms. */
#ifndef KN_NET_FETCH_H
#define KN_NET_FETCH_H

#include "base/stop.h"
#include "net/transfer.h"

typedef struct kn_fetched {
    int status; /* whatever the server said */
    kn_buf headers, body;
} kn_fetched;

/* request: done and context are not used. ca_bundle as of kn_transfer_trust; NULL: as of a new
 * kn_transfer. attempts: sends, the first included. stop may be NULL. Free out also after a
 * failure. */
KN_MUST_CHECK bool kn_fetch(const kn_transfer_request *request, const char *ca_bundle, int attempts,
                            const kn_stop *stop, kn_fetched *out, kn_err *err);
kn_reply kn_fetched_reply(const kn_fetched *fetched);
void kn_fetched_free(kn_fetched *fetched); /* wipes */

#endif
