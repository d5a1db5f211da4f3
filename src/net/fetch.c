/* See fetch.h. */
#include "net/fetch.h"

#include "base/time.h"

#include <stdlib.h>

enum { PAUSE_MS = 100, BODY_MAX = 1 << 20, HEADERS_MAX = 64 << 10, SECRET_ROOM = 32 << 10 };

typedef struct waiting {
    kn_fetched *out;
    bool ended, ok;
    kn_err *err;
} waiting;

static void on_done(void *context, const kn_reply *reply, bool sent, const kn_err *err) {
    waiting *w = context;
    (void)sent;
    w->ended = true;
    if (!reply) {
        *w->err = *err;
        return;
    }
    w->out->status = reply->status;
    kn_buf_slice(&w->out->headers, reply->headers);
    kn_buf_slice(&w->out->body, reply->body);
    w->ok = kn_buf_check(&w->out->headers, "the reply's headers", w->err) &&
            kn_buf_check(&w->out->body, "the reply", w->err);
}

static bool fail_stopped(kn_err *err) {
    return kn_fail(err, KN_ECANCEL, "interrupted while waiting for an answer");
}

static bool fetch_once(kn_transfer *transfer, const kn_transfer_request *request,
                       const kn_stop *stop, kn_fetched *out, kn_err *err) {
    waiting w = {.out = out, .err = err};
    kn_transfer_request mine = *request;
    mine.done = on_done;
    mine.context = &w;
    kn_buf_clear(&out->headers);
    kn_buf_clear(&out->body);
    kn_exchange *exchange;
    if (!kn_transfer_submit(transfer, &mine, &exchange, err))
        return false;
    while (!w.ended) {
        bool ok = kn_transfer_poll(transfer, KN_STOP_MS, err);
        if (!w.ended && ok && kn_stop_asked(stop))
            ok = fail_stopped(err);
        if (!w.ended && !ok)
            kn_transfer_cancel(transfer, exchange);
        if (!ok)
            return false;
    }
    return w.ok;
}

/* False: stopped. */
static bool pause_for(int ms, const kn_stop *stop, kn_err *err) {
    for (; ms > 0 && !kn_stop_asked(stop); ms -= KN_STOP_MS)
        kn_sleep_ms(ms < KN_STOP_MS ? ms : KN_STOP_MS);
    return !kn_stop_asked(stop) || fail_stopped(err);
}

bool kn_fetch(const kn_transfer_request *request, const char *ca_bundle, int attempts,
              const kn_stop *stop, kn_fetched *out, kn_err *err) {
    kn_err mine;
    kn_transfer *transfer;
    if (!err)
        err = &mine;
    *out = (kn_fetched){.status = 0};
    kn_buf_init(&out->headers, HEADERS_MAX);
    kn_buf_init(&out->body, request->max_reply ? request->max_reply : BODY_MAX);
    if (out->body.max > SECRET_ROOM) /* one that grows would leave copies behind */
        kn_buf_reserve(&out->body, SECRET_ROOM);
    if (!kn_transfer_new(&transfer, err))
        return false;
    bool ready = !ca_bundle || kn_transfer_trust(transfer, ca_bundle, false, err);
    bool ok = false;
    for (int n = 0; ready && n < attempts; n++) {
        ok = n == 0 || pause_for(PAUSE_MS << (n < 6 ? n - 1 : 5), stop, err);
        ok = ok && fetch_once(transfer, request, stop, out, err);
        if (ok ? out->status != 429 && out->status < 500 : !err->retryable)
            break;
    }
    kn_transfer_destroy(transfer);
    return ok;
}

kn_reply kn_fetched_reply(const kn_fetched *fetched) {
    return (kn_reply){fetched->status, kn_buf_view(&fetched->headers), kn_buf_view(&fetched->body)};
}

void kn_fetched_free(kn_fetched *fetched) {
    if (fetched->body.p)
        explicit_bzero(fetched->body.p, fetched->body.cap);
    kn_buf_free(&fetched->headers);
    kn_buf_free(&fetched->body);
}
