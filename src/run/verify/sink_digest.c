/* See sink_digest.h. */
#include "run/verify/sink_digest.h"

#include "base/align.h"

#include <stdlib.h>

enum { TEXT_MAX = 256 << 20 };

typedef struct digest_sink {
    kn_sink base;
    kn_expected *expected;
    kn_digest *digest; /* this worker's */
    kn_buf text, key;
} digest_sink;

static bool digest_put(kn_sink *sink, const kn_record *record, kn_err *err) {
    digest_sink *s = (digest_sink *)sink;
    const kn_row *row = s->expected->row;
    bool is_json;
    if (!kn_row_text(row, record->data, &s->text, &s->key, &is_json, err))
        return false;
    kn_slice key = kn_row_has_key(row) ? kn_buf_view(&s->key) : record->partition_key;
    if ((is_json || kn_row_is_whole(row)) &&
        !kn_digest_add(s->digest, key, kn_buf_view(&s->text), record->index, NULL, err))
        return false;
    kn_count(&sink->stats->delivered, 1);
    kn_count(&sink->stats->bytes, record->data.n);
    return true;
}

static bool digest_drain(kn_sink *sink, uint64_t deadline_ns, kn_err *err) {
    digest_sink *s = (digest_sink *)sink;
    (void)deadline_ns;
    pthread_mutex_lock(&s->expected->mutex);
    bool ok = kn_digest_merge(s->expected->digest, s->digest, err);
    pthread_mutex_unlock(&s->expected->mutex);
    return ok;
}

static void digest_destroy(kn_sink *sink) {
    digest_sink *s = (digest_sink *)sink;
    kn_digest_destroy(s->digest);
    kn_buf_free(&s->text);
    kn_buf_free(&s->key);
    free(s);
}

bool kn_sink_digest_open(kn_expected *expected, kn_stats *stats, kn_sink **out, kn_err *err) {
    static const kn_sink_type type = {
        .name = "digest", .put = digest_put, .drain = digest_drain, .destroy = digest_destroy};
    digest_sink *s = kn_align_alloc(sizeof *s);
    *out = NULL;
    if (!s)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    s->base = (kn_sink){.type = &type, .stats = stats};
    s->expected = expected;
    kn_buf_init(&s->text, TEXT_MAX);
    kn_buf_init(&s->key, TEXT_MAX);
    if (!kn_digest_new(expected->choice, expected->limit, &s->digest, err)) {
        digest_destroy(&s->base);
        return false;
    }
    *out = &s->base;
    return true;
}
