/* One text that others may look at over HTTP while the program runs (a run's metrics): GET and HEAD
 * of one path. The text is made when somebody asks: the server's thread waits for it until the
 * owner, who looks in now and then, has published it; when that takes too long, the last one is
 * served.
 *
 * Left out on purpose: TLS, authentication, compression: it listens on loopback unless an address
 * is given. */
#ifndef KN_NET_PAGE_H
#define KN_NET_PAGE_H

#include "base/buf.h"

typedef struct kn_page kn_page;

typedef struct kn_page_config {
    const char *host; /* a name or an address, without brackets */
    const char *port; /* "0" takes a free one */
    const char *path; /* "/metrics" */
    const char *type; /* of the content */
} kn_page_config;

/* Copies what it needs of the configuration. */
KN_MUST_CHECK bool kn_page_open(const kn_page_config *config, kn_page **out, kn_err *err);
const char *kn_page_url(const kn_page *page);

/* Somebody waits for the text. */
bool kn_page_wanted(kn_page *page);
KN_MUST_CHECK bool kn_page_publish(kn_page *page, kn_slice text, kn_err *err);

void kn_page_close(kn_page *page); /* NULL is allowed */

#endif
