/* See transfer.h. */
#include "net/transfer.h"

#include "net/uri.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <strings.h>

enum {
    HEADERS_MAX = 64 << 10,
    REPLY_MAX = 64 << 20,
    REPLY_KEEP = 256 << 10,   /* a reused exchange does not hold more than this */
    UPLOAD_CHUNK = 144 << 10, /* a usual body leaves in one send */
    REPLY_CHUNK = 64 << 10,   /* and its reply comes in one */
    SECRET_ROOM = 32 << 10,
};

struct kn_exchange {
    CURL *easy;
    struct curl_slist *headers;
    kn_buf reply_headers;
    kn_buf reply_body;
    kn_transfer_done *done;
    void *context;
    const kn_transfer_source *source;
    char curl_error[CURL_ERROR_SIZE];
    bool secret;
    bool begun;      /* the request was sent, or is being... */
    bool again;      /* ...and curl was about to do so once more */
    bool headed;     /* the reply's headers came, all of them */
    char place[300]; /* "POST http://host/path", for messages */
    kn_exchange *next, *previous;
};

struct kn_transfer {
    CURLM *multi;
    char ca_bundle[4096]; /* "": the system's certificates */
    bool insecure;
    kn_exchange *active;
    kn_exchange *idle;
};

/* ---- replies ---- */

kn_slice kn_reply_header(const kn_reply *reply, const char *name) {
    size_t n = strlen(name);
    kn_slice rest = reply->headers;
    while (rest.n) {
        const char *end = memchr(rest.p, '\n', rest.n);
        kn_slice line = {rest.p, end ? (size_t)(end - rest.p) : rest.n};
        size_t used = line.n + (end != NULL);
        rest = (kn_slice){rest.p + used, rest.n - used};
        if (line.n <= n || line.p[n] != ':' || strncasecmp(line.p, name, n) != 0)
            continue;
        kn_slice value = {line.p + n + 1, line.n - n - 1};
        while (value.n && (value.p[0] == ' ' || value.p[0] == '\t'))
            value = (kn_slice){value.p + 1, value.n - 1};
        while (value.n && strchr(" \t\r", value.p[value.n - 1]))
            value.n--;
        return value;
    }
    return (kn_slice){"", 0};
}

static size_t take_body(char *p, size_t size, size_t n, void *user) {
    kn_exchange *x = user;
    kn_buf_append(&x->reply_body, p, size * n);
    return kn_buf_ok(&x->reply_body) ? size * n : 0;
}

static size_t take_header(char *p, size_t size, size_t n, void *user) {
    kn_exchange *x = user;
    kn_slice line = {p, size * n};
    if (kn_slice_starts(line, KN_SLICE("HTTP/"))) { /* a new reply: the one before was interim */
        kn_buf_clear(&x->reply_headers);
        x->headed = false;
    } else if (!x->headed) { /* what comes behind a body in chunks is left out */
        kn_buf_slice(&x->reply_headers, line);
        x->headed = line.p[0] == '\r' || line.p[0] == '\n'; /* the empty line at their end */
    }
    return kn_buf_ok(&x->reply_headers) ? line.n : 0;
}

static size_t give_body(char *out, size_t size, size_t n, void *user) {
    const kn_transfer_source *source = ((kn_exchange *)user)->source;
    size_t got = source->read(source->context, out, size * n);
    return got == KN_TRANSFER_ABORT ? CURL_READFUNC_ABORT : got;
}

static int seek_body(void *user, curl_off_t offset, int origin) {
    const kn_transfer_source *source = ((kn_exchange *)user)->source;
    if (offset || origin != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    return source->rewind(source->context) ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

/* curl itself sends a request again when a connection that it reused ends before an answer. The
 * server may have acted by then: whether to repeat it is the caller's to say. */
static int begin_request(void *user, char *server_ip, char *local_ip, int server_port,
                         int local_port) {
    kn_exchange *x = user;
    (void)server_ip;
    (void)local_ip;
    (void)server_port;
    (void)local_port;
    x->again = x->begun;
    x->begun = true;
    return x->again ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* ---- life ---- */

static CURLcode library_state;

static void open_library(void) {
    library_state = curl_global_init(CURL_GLOBAL_DEFAULT);
}

bool kn_transfer_new(kn_transfer **out, kn_err *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_library);
    if (library_state != CURLE_OK)
        return kn_fail(err, KN_ENET, "libcurl does not start: %s",
                       curl_easy_strerror(library_state));
    kn_transfer *t = calloc(1, sizeof *t);
    if (!t || !(t->multi = curl_multi_init())) {
        free(t);
        return kn_fail(err, KN_ENOMEM, "cannot start HTTP transfers: out of memory");
    }
    *out = t;
    const char *bundle = getenv("AWS_CA_BUNDLE");
    if (kn_transfer_trust(t, bundle ? bundle : "", false, err))
        return true;
    kn_transfer_destroy(t);
    return false;
}

bool kn_transfer_trust(kn_transfer *t, const char *ca_bundle, bool insecure, kn_err *err) {
    int n = snprintf(t->ca_bundle, sizeof t->ca_bundle, "%s", ca_bundle);
    t->insecure = insecure;
    if (n >= (int)sizeof t->ca_bundle)
        return kn_fail(err, KN_EINVAL, "the path of the CA bundle is longer than %zu bytes",
                       sizeof t->ca_bundle - 1);
    return true;
}

static void exchange_destroy(kn_exchange *x) {
    curl_easy_cleanup(x->easy);
    curl_slist_free_all(x->headers);
    kn_buf_free(&x->reply_headers);
    kn_buf_free(&x->reply_body);
    free(x);
}

static void unlink_active(kn_transfer *t, kn_exchange *x) {
    if (x->previous)
        x->previous->next = x->next;
    else
        t->active = x->next;
    if (x->next)
        x->next->previous = x->previous;
}

static void link_active(kn_transfer *t, kn_exchange *x) {
    x->previous = NULL;
    x->next = t->active;
    if (x->next)
        x->next->previous = x;
    t->active = x;
}

/* Keeps the handle and its buffers for the next request. */
static void make_idle(kn_transfer *t, kn_exchange *x) {
    for (struct curl_slist *line = x->headers; line; line = line->next)
        explicit_bzero(line->data, strlen(line->data)); /* tokens are in them */
    curl_slist_free_all(x->headers);
    x->headers = NULL;
    if (x->secret && x->reply_body.p)
        explicit_bzero(x->reply_body.p, x->reply_body.cap);
    if (x->reply_body.cap > REPLY_KEEP)
        kn_buf_free(&x->reply_body);
    x->next = t->idle;
    t->idle = x;
}

void kn_transfer_destroy(kn_transfer *t) {
    if (!t)
        return;
    while (t->active)
        kn_transfer_cancel(t, t->active);
    while (t->idle) {
        kn_exchange *x = t->idle;
        t->idle = x->next;
        exchange_destroy(x);
    }
    curl_multi_cleanup(t->multi);
    free(t);
}

void kn_transfer_cancel(kn_transfer *t, kn_exchange *x) {
    curl_multi_remove_handle(t->multi, x->easy);
    unlink_active(t, x);
    make_idle(t, x);
}

/* ---- submitting ---- */

static kn_exchange *take_exchange(kn_transfer *t) {
    kn_exchange *x = t->idle;
    if (x) {
        t->idle = x->next;
        curl_easy_reset(x->easy); /* keeps connections and caches */
        return x;
    }
    x = calloc(1, sizeof *x);
    if (!x || !(x->easy = curl_easy_init())) {
        free(x);
        return NULL;
    }
    return x;
}

static bool add_header(struct curl_slist **list, const char *line) {
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer)
        *list = longer;
    return longer != NULL;
}

static bool build_headers(kn_exchange *x, const kn_transfer_request *request) {
    /* An empty value removes what curl would send by itself. */
    static const char *const removed[] = {"Expect:", "Transfer-Encoding:", "Content-Type:"};
    bool ok = add_header(&x->headers, removed[0]) && add_header(&x->headers, removed[1]);
    bool typed = false;
    for (size_t i = 0; ok && i < request->header_count; i++) {
        typed = typed || strncasecmp(request->headers[i], removed[2], strlen(removed[2])) == 0;
        ok = add_header(&x->headers, request->headers[i]);
    }
    return ok && (typed || add_header(&x->headers, removed[2]));
}

static void set_source(kn_exchange *x, const kn_transfer_request *request) {
    CURL *easy = x->easy;
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->source->length);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body);
    curl_easy_setopt(easy, CURLOPT_READDATA, x);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, seek_body);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, x);
}

static void set_method(CURL *easy, const kn_transfer_request *request) {
    bool get = strcmp(request->method, "GET") == 0, head = strcmp(request->method, "HEAD") == 0;
    if (head) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (get && request->body.n == 0) {
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    } else {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body.n ? request->body.p : "");
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    }
}

static void set_tls(const kn_transfer *t, CURL *e) {
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, t->insecure ? 0L : 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, t->insecure ? 0L : 2L);
    if (!t->ca_bundle[0])
        return;
    curl_easy_setopt(e, CURLOPT_CAINFO, t->ca_bundle);
    curl_easy_setopt(e, CURLOPT_PROXY_CAINFO, t->ca_bundle);
}

/* curl itself reads https_proxy, HTTPS_PROXY, http_proxy, ALL_PROXY and NO_PROXY. */
static void set_proxy(CURL *e, const kn_uri *uri) {
    const char *upper = getenv("HTTP_PROXY"), *lower = getenv("http_proxy");
    if (kn_uri_is_loopback(uri) || kn_uri_is_link_local(uri))
        curl_easy_setopt(e, CURLOPT_PROXY, "");
    else if (uri->scheme.n == 4 && !lower && upper && *upper && !getenv("REQUEST_METHOD"))
        curl_easy_setopt(e, CURLOPT_PROXY, upper); /* in CGI it would be a client's header */
}

static void set_options(const kn_transfer *t, kn_exchange *x, const kn_transfer_request *request,
                        const kn_uri *uri) {
    CURL *e = x->easy;
    long connect = request->connect_timeout_ms ? request->connect_timeout_ms : 5000;
    long whole = request->timeout_ms ? request->timeout_ms : 60000;
    curl_easy_setopt(e, CURLOPT_URL, request->url);
    curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L); /* what was signed is what is sent */
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, x->headers);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "kinessis/" KN_VERSION);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); /* a name server that is silent holds up nobody */
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, connect < whole ? connect : whole);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, whole);
    if (request->stall_ms) {
        curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (request->stall_ms + 999L) / 1000);
    }
    curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_CHUNK);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)REPLY_CHUNK);
    curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* a proxy's are not the reply's */
    curl_easy_setopt(e, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE); /* nor ours the proxy's */
    set_tls(t, e);
    if (request->direct)
        curl_easy_setopt(e, CURLOPT_PROXY, "");
    else
        set_proxy(e, uri);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, x->curl_error);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, begin_request);
    curl_easy_setopt(e, CURLOPT_PREREQDATA, x);
    curl_easy_setopt(e, CURLOPT_PRIVATE, x);
    x->source = request->source;
    if (request->source)
        set_source(x, request);
    else
        set_method(e, request);
}

bool kn_transfer_submit(kn_transfer *t, const kn_transfer_request *request, kn_exchange **exchange,
                        kn_err *err) {
    kn_uri uri;
    if (!kn_uri_parse(request->url, &uri, err))
        return false;
    kn_exchange *x = take_exchange(t);
    if (!x)
        return kn_fail(err, KN_ENOMEM, "out of memory for a request");
    x->done = request->done;
    x->context = request->context;
    x->secret = request->secret;
    x->begun = x->again = x->headed = false;
    x->curl_error[0] = '\0';
    snprintf(x->place, sizeof x->place, "%s %.*s://%.*s%.*s", request->method, (int)uri.scheme.n,
             uri.scheme.p, (int)uri.authority.n, uri.authority.p, (int)uri.path.n, uri.path.p);
    x->reply_headers.max = HEADERS_MAX;
    x->reply_body.max = request->max_reply ? request->max_reply : REPLY_MAX;
    if (x->reply_body.cap > x->reply_body.max) /* what is already there would evade the maximum */
        kn_buf_free(&x->reply_body);
    kn_buf_clear(&x->reply_headers);
    kn_buf_clear(&x->reply_body);
    if (x->secret) /* a buffer that grows leaves copies behind */
        kn_buf_reserve(&x->reply_body,
                       x->reply_body.max < SECRET_ROOM ? x->reply_body.max : SECRET_ROOM);
    if (!build_headers(x, request)) {
        make_idle(t, x);
        return kn_fail(err, KN_ENOMEM, "out of memory for a request's headers");
    }
    set_options(t, x, request, &uri);
    CURLMcode code = curl_multi_add_handle(t->multi, x->easy);
    if (code != CURLM_OK) {
        make_idle(t, x);
        return kn_fail(err, KN_ENET, "%s: %s", x->place, curl_multi_strerror(code));
    }
    link_active(t, x);
    if (exchange)
        *exchange = x;
    return true;
}

/* ---- completion ---- */

static bool is_worth_repeating(CURLcode code, bool sent) {
    switch (code) {
    case CURLE_WEIRD_SERVER_REPLY: /* the connection ended within the first line */
    case CURLE_UNSUPPORTED_PROTOCOL:
        return sent;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
        return true;
    default:
        return false;
    }
}

/* What to do about a certificate that is not trusted: a company's own, for one. */
static const char *advice(const kn_exchange *x, CURLcode code) {
    if (code == CURLE_SSL_CACERT_BADFILE)
        return " (AWS_CA_BUNDLE, or ca_bundle of the profile, names it)";
    if (code == CURLE_PEER_FAILED_VERIFICATION &&
        (strstr(x->curl_error, "issuer") || strstr(x->curl_error, "self")))
        return " (AWS_CA_BUNDLE names a file of the certificates to trust)";
    return "";
}

static void describe_failure(const kn_exchange *x, CURLcode code, bool sent, kn_err *err) {
    if (!kn_buf_ok(&x->reply_body)) {
        kn_fail(err, KN_ELIMIT, "%s: the reply is larger than %zu bytes", x->place,
                x->reply_body.max);
        return;
    }
    if (!kn_buf_ok(&x->reply_headers)) {
        kn_fail(err, KN_ELIMIT, "%s: the reply's headers are larger than %d bytes", x->place,
                HEADERS_MAX);
        return;
    }
    if (strncmp(x->curl_error, "Unsupported proxy", 17) == 0) { /* it goes on with a password */
        kn_fail(err, KN_ENET,
                "%s: what HTTPS_PROXY, HTTP_PROXY or ALL_PROXY says is not the URL of a proxy",
                x->place);
        return;
    }
    bool late = code == CURLE_OPERATION_TIMEDOUT;
    kn_fail(err, late ? KN_ETIMEOUT : KN_ENET, "%s: %s%s", x->place,
            x->curl_error[0] ? x->curl_error : curl_easy_strerror(code),
            late && sent ? " (the server may have acted)" : advice(x, code));
    err->retryable = is_worth_repeating(code, sent);
}

static void complete(kn_transfer *t, kn_exchange *x, CURLcode code) {
    long status = 0, request_size = 0;
    curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(x->easy, CURLINFO_REQUEST_SIZE, &request_size);
    bool sent = x->begun && (request_size > 0 || x->again); /* a proxy's CONNECT has a size, too */
    if (x->again) {
        code = CURLE_GOT_NOTHING;
        x->curl_error[0] = '\0';
    } else if (code == CURLE_OK && !x->headed) {
        code = CURLE_PARTIAL_FILE; /* to curl that is a whole reply */
        snprintf(x->curl_error, sizeof x->curl_error, "the reply ended within its headers");
    }
    curl_multi_remove_handle(t->multi, x->easy);
    unlink_active(t, x);
    if (code == CURLE_OK) {
        kn_reply reply = {(int)status, kn_buf_view(&x->reply_headers), kn_buf_view(&x->reply_body)};
        x->done(x->context, &reply, sent, NULL);
    } else {
        kn_err err;
        describe_failure(x, code, sent, &err);
        x->done(x->context, NULL, sent, &err);
    }
    make_idle(t, x); /* only now: the callback may submit, and must not get this one */
}

static bool complete_all(kn_transfer *t) {
    bool any = false;
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(t->multi, &left));) {
        if (m->msg != CURLMSG_DONE)
            continue;
        CURLcode code = m->data.result;
        char *x;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x);
        complete(t, (kn_exchange *)x, code);
        any = true;
    }
    return any;
}

bool kn_transfer_poll(kn_transfer *t, int timeout_ms, kn_err *err) {
    int running;
    CURLMcode code = curl_multi_perform(t->multi, &running);
    if (code == CURLM_OK && !complete_all(t) && timeout_ms > 0) {
        code = curl_multi_poll(t->multi, NULL, 0, timeout_ms, NULL);
        if (code == CURLM_OK)
            code = curl_multi_perform(t->multi, &running);
        if (code == CURLM_OK)
            complete_all(t);
    }
    if (code != CURLM_OK)
        return kn_fail(err, KN_ENET, "HTTP transfers: %s", curl_multi_strerror(code));
    return true;
}
