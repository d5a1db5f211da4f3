/* See sender.h: ListShards, page by page, by one sender for all of a stream.
 * https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ListShards.html */
#include "base/json.h"
#include "base/time.h"
#include "run/stream/sender.h"

enum { ATTEMPTS = 4, BODY_MAX = 2 << 20, PAGE = 10000 };

static void on_page(void *context, const kn_aws_result *result);

static void finish(kn_sender *s, kn_shard_map *map, const kn_err *why) {
    kn_shard_pages_free(&s->listing.pages);
    kn_shards_end_refresh(s->shards, map, why, kn_time_monotonic_ns());
}

static void ask(kn_sender *s) {
    kn_listing *l = &s->listing;
    kn_err err;
    kn_json j = kn_json_to(&l->body);
    kn_buf_clear(&l->body);
    kn_json_begin(&j, '{');
    if (l->pages.next) { /* it says all the rest */
        kn_json_key(&j, "NextToken");
        kn_json_cstr(&j, l->pages.next);
    } else {
        kn_json_key(&j, "StreamName");
        kn_json_cstr(&j, s->stream);
        kn_json_key(&j, "ShardFilter");
        kn_json_begin(&j, '{');
        kn_json_key(&j, "Type");
        kn_json_cstr(&j, "AT_LATEST");
        kn_json_end(&j, '}');
    }
    kn_json_key(&j, "MaxResults");
    kn_json_int(&j, PAGE);
    kn_json_end(&j, '}');
    kn_aws_request request = {
        .operation = kn_operation_find(kn_aws_client_api(s->client), "ListShards"),
        .body = kn_buf_view(&l->body),
        .max_attempts = ATTEMPTS,
        .timeout_ms = kn_sender_timeout_ms(s),
        .delay_ms = 1, /* it may be asked from within a callback */
    };
    if (!kn_buf_check(&l->body, "a request", &err) ||
        !kn_aws_submit(s->client, &request, on_page, s, &l->call, &err))
        finish(s, NULL, &err);
}

static void on_page(void *context, const kn_aws_result *result) {
    kn_sender *s = context;
    kn_listing *l = &s->listing;
    kn_err err;
    kn_shard_map *map = NULL;
    l->call = NULL;
    if (result->err) {
        finish(s, NULL, result->err);
        return;
    }
    bool ok = kn_shard_pages_add(&l->pages, result->reply->body, &err);
    if (ok && l->pages.next) {
        ask(s);
        return;
    }
    ok = ok && kn_shard_pages_finish(&l->pages, &map, &err);
    finish(s, ok ? map : NULL, &err);
}

void kn_sender_refresh_map(kn_sender *s) {
    kn_shards_update(s->shards, &s->map);
    if (s->listing.call || s->broken)
        return;
    if (kn_shards_begin_refresh(s->shards, kn_time_monotonic_ns()))
        ask(s);
}

void kn_sender_cancel_listing(kn_sender *s) {
    kn_err cancelled;
    if (!s->listing.call)
        return;
    kn_aws_cancel(s->listing.call);
    s->listing.call = NULL;
    kn_fail(&cancelled, KN_ECANCEL, "the sender was closed");
    finish(s, NULL, &cancelled);
}
