/* See page.h. libmicrohttpd with one thread for all clients: they wait for one another, which for
 * a text that is scraped every few seconds is well. Versions 0.9.75 (Debian 12) to 1.0. */
#include "net/page.h"

#include "base/time.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_S = 2, CLIENT_TIMEOUT_S = 10, CLIENTS = 16, TEXT_MAX = 64 << 20 };

struct kn_page {
    char path[64], type[128], url[NI_MAXHOST + 64];
    struct MHD_Daemon *daemon;
    int listener; /* the daemon's, once it runs */
    pthread_mutex_t mutex;
    pthread_cond_t published; /* by the monotonic clock */
    bool wanted, closing;     /* these with the mutex held */
    uint64_t number;          /* of the text */
    kn_buf text;
};

/* ---- answering ---- */

/* A copy of the newest text, made for this call if its owner is in time. */
static struct MHD_Response *take_text(kn_page *page, unsigned *status) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&page->mutex);
    uint64_t number = page->number;
    page->wanted = true;
    while (page->number == number && !page->closing &&
           pthread_cond_timedwait(&page->published, &page->mutex, &until) == 0)
        continue;
    *status = page->number ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE; /* nothing has begun */
    struct MHD_Response *response =
        MHD_create_response_from_buffer(page->text.len, page->text.p, MHD_RESPMEM_MUST_COPY);
    pthread_mutex_unlock(&page->mutex);
    if (response)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, page->type);
    return response;
}

static struct MHD_Response *make_note(const char *begin, const char *path) {
    char text[128];
    int n = snprintf(text, sizeof text, "%s%s\n", begin, path);
    return MHD_create_response_from_buffer((size_t)n, text, MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *bytes, size_t *n, void **state) {
    static int seen;
    (void)version, (void)bytes;
    kn_page *page = context;
    if (!*state) { /* first the fields alone; the answer is for the second call */
        *state = &seen;
        return MHD_YES;
    }
    if (*n) {
        *n = 0;
        return MHD_YES;
    }
    unsigned status = MHD_HTTP_OK;
    struct MHD_Response *response;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        status = MHD_HTTP_METHOD_NOT_ALLOWED;
        response = make_note("GET ", page->path);
        if (response)
            MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    } else if (strcmp(path, page->path) != 0) {
        status = MHD_HTTP_NOT_FOUND;
        response = make_note("There is only ", page->path);
    } else {
        response = take_text(page, &status);
    }
    if (!response)
        return MHD_NO;
    enum MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

/* ---- opening and closing ---- */

static bool bind_to(kn_page *page, const struct addrinfo *at, kn_err *err, const char *shown) {
    page->listener = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (page->listener < 0)
        return kn_fail_errno(err, "cannot make a socket");
    int on = 1;
    setsockopt(page->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(page->listener, at->ai_addr, at->ai_addrlen) != 0 || listen(page->listener, 64) != 0)
        return kn_fail_errno(err, "cannot listen on %s", shown);
    return true;
}

static bool name_url(kn_page *page, kn_err *err) {
    struct sockaddr_storage at;
    socklen_t n = sizeof at;
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (getsockname(page->listener, (struct sockaddr *)&at, &n) != 0 ||
        getnameinfo((struct sockaddr *)&at, n, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return kn_fail_errno(err, "cannot learn the port");
    snprintf(page->url, sizeof page->url,
             at.ss_family == AF_INET6 ? "http://[%s]:%s%s" : "http://%s:%s%s", host, port,
             page->path);
    return true;
}

static bool start_listening(kn_page *page, const kn_page_config *config, kn_err *err) {
    char shown[NI_MAXHOST + 32];
    snprintf(shown, sizeof shown, "%s:%s", config->host, config->port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    int code = getaddrinfo(config->host, config->port, &hints, &list);
    if (code != 0)
        return kn_fail(err, KN_EINVAL, "cannot listen on %s: %s", shown, gai_strerror(code));
    bool ok = bind_to(page, list, err, shown) && name_url(page, err);
    freeaddrinfo(list);
    return ok;
}

static void discard_log(void *context, const char *fmt, va_list args) {
    (void)context, (void)fmt, (void)args; /* it tells of clients that went away */
}

/* Signals are for the threads that wait for them. */
static bool start_daemon(kn_page *page, kn_err *err) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    page->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG, 0, NULL,
        NULL, on_request, page,                                    /**/
        MHD_OPTION_EXTERNAL_LOGGER, discard_log, NULL,             /* must come first */
        MHD_OPTION_LISTEN_SOCKET, page->listener,                  /**/
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CLIENT_TIMEOUT_S, /**/
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CLIENTS, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!page->daemon)
        return kn_fail(err, KN_ESTATE, "cannot start the HTTP server (libmicrohttpd)");
    return true;
}

bool kn_page_open(const kn_page_config *config, kn_page **out, kn_err *err) {
    *out = NULL;
    kn_page *page = calloc(1, sizeof *page);
    if (!page)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&page->published, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&page->mutex, NULL);
    kn_buf_init(&page->text, TEXT_MAX);
    page->listener = -1;
    snprintf(page->path, sizeof page->path, "%s", config->path);
    snprintf(page->type, sizeof page->type, "%s", config->type);
    if (!start_listening(page, config, err) || !start_daemon(page, err)) {
        kn_page_close(page);
        return false;
    }
    *out = page;
    return true;
}

const char *kn_page_url(const kn_page *page) {
    return page->url;
}

bool kn_page_wanted(kn_page *page) {
    pthread_mutex_lock(&page->mutex);
    bool wanted = page->wanted;
    pthread_mutex_unlock(&page->mutex);
    return wanted;
}

bool kn_page_publish(kn_page *page, kn_slice text, kn_err *err) {
    pthread_mutex_lock(&page->mutex);
    page->text.len = 0;
    kn_buf_append(&page->text, text.p, text.n);
    bool ok = kn_buf_check(&page->text, "the text of a page", err);
    page->wanted = false;
    page->number++;
    pthread_cond_broadcast(&page->published);
    pthread_mutex_unlock(&page->mutex);
    return ok;
}

void kn_page_close(kn_page *page) {
    if (!page)
        return;
    pthread_mutex_lock(&page->mutex);
    page->closing = true;
    pthread_cond_broadcast(&page->published);
    pthread_mutex_unlock(&page->mutex);
    if (page->daemon)
        MHD_stop_daemon(page->daemon); /* closes the listener */
    else if (page->listener >= 0)
        close(page->listener);
    kn_buf_free(&page->text);
    pthread_cond_destroy(&page->published);
    pthread_mutex_destroy(&page->mutex);
    free(page);
}
