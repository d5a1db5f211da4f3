/* See place.h. */
#include "aws/place.h"

#include "base/time.h"

#include <stdlib.h>
#include <string.h>

enum {
    PLACES = 64,
    LEAST_MS = 1000,         /* the resolution of Date */
    DOUBTFUL_MS = 4 * 60000, /* below it a wrong signature is not the clock's fault */
};

/* Atomic, as documented in the header: a free slot is claimed by its name. */
static kn_place places[PLACES];

static uint64_t hash_of(const char *url) { /* FNV-1a */
    uint64_t hash = 0xCBF29CE484222325u;
    for (; *url; url++)
        hash = (hash ^ (unsigned char)*url) * 0x100000001B3u;
    return hash ? hash : 1;
}

kn_place *kn_place_of(const char *url) {
    uint64_t hash = hash_of(url);
    for (size_t i = 0; i < PLACES; i++) {
        kn_place *place = &places[(hash + i) % PLACES];
        uint64_t name = 0;
        if (atomic_compare_exchange_strong(&place->name, &name, hash) || name == hash)
            return place;
    }
    return &places[hash % PLACES];
}

int64_t kn_place_now_ms(kn_place *place) {
    return kn_time_now_ms() + atomic_load_explicit(&place->skew_ms, memory_order_relaxed);
}

static bool is_one_of(const char *code, const char *const *codes) {
    for (; *codes; codes++)
        if (strcmp(code, *codes) == 0)
            return true;
    return false;
}

/* How far apart two times must be for the failure to be the clock's; -1: it never is. */
static int64_t least_ms(const char *code) {
    static const char *const certain[] = {"RequestTimeTooSkewed", "RequestExpired",
                                          "RequestInTheFuture", NULL};
    /* Forbidden: a reply to HEAD, which has no room for a code. */
    static const char *const doubtful[] = {"SignatureDoesNotMatch", "InvalidSignatureException",
                                           "AuthFailure", "Forbidden", NULL};
    return is_one_of(code, certain) ? LEAST_MS : is_one_of(code, doubtful) ? DOUBTFUL_MS : -1;
}

bool kn_place_correct(kn_place *place, const kn_err *failure, const kn_reply *reply,
                      int64_t sent_ms, int64_t signed_ms) {
    int64_t least = least_ms(failure->aws_code), date;
    if (least < 0 || kn_reply_header(reply, "Age").n ||
        !kn_time_parse_http(kn_reply_header(reply, "Date"), &date))
        return false;
    int64_t skew = date - (sent_ms + (kn_time_now_ms() - sent_ms) / 2);
    if (llabs(sent_ms + skew - signed_ms) < least)
        return false;
    atomic_store_explicit(&place->skew_ms, skew, memory_order_relaxed);
    return true;
}
