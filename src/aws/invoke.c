/* A call that is waited for: see call.h. */
#include "aws/call.h"

typedef struct waited {
    bool ended, ok;
    int status;
    kn_buf *headers, *body;
    kn_err *err;
} waited;

static void on_waited(void *context, const kn_aws_result *result) {
    waited *w = context;
    w->ended = true;
    if (result->err) {
        if (w->err)
            *w->err = *result->err;
        return;
    }
    w->status = result->reply->status;
    if (w->headers)
        kn_buf_slice(w->headers, result->reply->headers);
    kn_buf_slice(w->body, result->reply->body);
    w->ok = (!w->headers || kn_buf_check(w->headers, "the reply's headers", w->err)) &&
            kn_buf_check(w->body, "the reply", w->err);
}

static bool invoke(kn_aws_client *c, const kn_aws_request *request, const kn_stop *stop, waited *w,
                   kn_err *err) {
    kn_aws_call *call;
    if (!kn_aws_submit(c, request, on_waited, w, &call, err))
        return false;
    while (!w->ended) {
        bool ok = kn_aws_poll(c, KN_STOP_MS, err);
        if (!w->ended && ok && kn_stop_asked(stop))
            ok = kn_fail(err, KN_ECANCEL, "%s %s: interrupted", kn_aws_client_api(c)->name,
                         request->operation->name);
        if (!w->ended && !ok) {
            kn_aws_cancel(call);
            return false;
        }
    }
    return w->ok;
}

bool kn_aws_invoke(kn_aws_client *c, const kn_aws_request *request, bool (*stop)(void *context),
                   void *context, int *status, kn_buf *headers, kn_buf *body, kn_err *err) {
    waited w = {.headers = headers, .body = body, .err = err};
    kn_stop mine = {stop, context}, before = kn_aws_client_heed(c, mine);
    bool ok = invoke(c, request, &mine, &w, err);
    kn_aws_client_heed(c, before);
    if (ok && status)
        *status = w.status;
    return ok;
}
