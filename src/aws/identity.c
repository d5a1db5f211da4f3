/* See identity.h. */
#include "aws/identity.h"

#include "base/log.h"
#include "base/time.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    EARLY_MS = 5 * 60 * 1000,
    AGAIN_MS = 60 * 1000,       /* after a failure */
    TRUSTED_MS = 5 * 60 * 1000, /* new credentials that look expired */
};

struct kn_identity {
    kn_aws_config config; /* what matters to credentials; the rest is zero */
    size_t users;         /* behind the registry's lock, as next */
    kn_identity *next;

    _Atomic uint64_t version; /* written behind the lock, read without */
    _Atomic int64_t due_ms;   /* when to look for newer ones */

    pthread_mutex_t lock;
    pthread_cond_t looked;
    bool looking;     /* somebody is, without the lock */
    kn_err failure;   /* of the last look; code KN_OK: none */
    int64_t until_ms; /* credentials are not used after this */
    kn_credentials credentials;
};

/* The process's identities. */
static struct {
    pthread_mutex_t lock;
    kn_identity *first;
} registry = {PTHREAD_MUTEX_INITIALIZER, NULL};

/* ---- sharing ---- */

static void copy_relevant(kn_aws_config *out, const kn_aws_config *config) {
    memset(out, 0, sizeof *out);
    memcpy(out->region, config->region, sizeof out->region);
    memcpy(out->profile, config->profile, sizeof out->profile);
    memcpy(out->access_key, config->access_key, sizeof out->access_key);
    memcpy(out->secret_key, config->secret_key, sizeof out->secret_key);
    memcpy(out->session_token, config->session_token, sizeof out->session_token);
    memcpy(out->ca_bundle, config->ca_bundle, sizeof out->ca_bundle);
}

static bool is_alike(const kn_aws_config *a, const kn_aws_config *b) {
    return strcmp(a->region, b->region) == 0 && strcmp(a->profile, b->profile) == 0 &&
           strcmp(a->access_key, b->access_key) == 0 && strcmp(a->secret_key, b->secret_key) == 0 &&
           strcmp(a->session_token, b->session_token) == 0 &&
           strcmp(a->ca_bundle, b->ca_bundle) == 0;
}

static kn_identity *new_identity(const kn_aws_config *config) {
    kn_identity *i = calloc(1, sizeof *i);
    if (!i)
        return NULL;
    copy_relevant(&i->config, config);
    pthread_mutex_init(&i->lock, NULL);
    pthread_cond_init(&i->looked, NULL);
    return i;
}

bool kn_identity_acquire(const kn_aws_config *config, kn_identity **out, kn_err *err) {
    pthread_mutex_lock(&registry.lock);
    kn_identity *i = registry.first;
    while (i && !is_alike(&i->config, config))
        i = i->next;
    if (!i && (i = new_identity(config))) {
        i->next = registry.first;
        registry.first = i;
    }
    if (i)
        i->users++;
    pthread_mutex_unlock(&registry.lock);
    *out = i;
    return i || kn_fail(err, KN_ENOMEM, "out of memory for credentials");
}

void kn_identity_release(kn_identity *i) {
    if (!i)
        return;
    pthread_mutex_lock(&registry.lock);
    bool last = --i->users == 0;
    if (last) {
        kn_identity **place = &registry.first;
        while (*place != i)
            place = &(*place)->next;
        *place = i->next;
    }
    pthread_mutex_unlock(&registry.lock);
    if (!last)
        return;
    pthread_mutex_destroy(&i->lock);
    pthread_cond_destroy(&i->looked);
    OPENSSL_cleanse(i, sizeof *i);
    free(i);
}

/* ---- looking for credentials ---- */

static bool is_same(const kn_credentials *a, const kn_credentials *b) {
    return strcmp(a->access_key, b->access_key) == 0 && strcmp(a->secret_key, b->secret_key) == 0 &&
           strcmp(a->session_token, b->session_token) == 0;
}

/* Takes what was found; the lock is held. */
static void take(kn_identity *i, const kn_credentials *found) {
    int64_t now = kn_time_now_ms(), left = found->expires_ms - now;
    bool same = i->version && is_same(&i->credentials, found);
    i->credentials = *found;
    i->failure.code = KN_OK;
    i->until_ms = INT64_MAX;
    i->due_ms = INT64_MAX;
    if (found->expires_ms && left > 0) {
        i->until_ms = found->expires_ms;
        i->due_ms = found->expires_ms - (left / 4 < EARLY_MS ? left / 4 : EARLY_MS);
    } else if (found->expires_ms) {
        char then[32];
        kn_time_iso(then, found->expires_ms, false, true);
        i->due_ms = i->until_ms = now + TRUSTED_MS;
        kn_log(KN_LOG_WARNING,
               "The credentials (%s) expired at %s by this machine's clock; they are used all the "
               "same.",
               found->source, then);
    }
    if (!same)
        i->version++;
}

/* The lock is held, but not while looking. Others wait for looked, or go on with what there is. */
static void look(kn_identity *i, const kn_stop *stop) {
    kn_credentials found;
    kn_err err;
    i->looking = true;
    pthread_mutex_unlock(&i->lock);
    bool ok = kn_credentials_find(&i->config, stop, &found, &err);
    pthread_mutex_lock(&i->lock);
    if (ok)
        take(i, &found);
    else
        i->failure = err;
    kn_credentials_wipe(&found);
    i->looking = false;
    pthread_cond_broadcast(&i->looked);
}

static bool is_usable(const kn_identity *i) {
    return i->version && kn_time_now_ms() < i->until_ms;
}

/* For whoever looks. False: stopped. */
static bool wait_for_look(kn_identity *i, const kn_stop *stop, kn_err *err) {
    while (i->looking) {
        if (kn_stop_asked(stop))
            return kn_fail(err, KN_ECANCEL, "interrupted while waiting for credentials");
        uint64_t end = kn_time_monotonic_ns() + KN_STOP_MS * 1000000ull;
        struct timespec until = {(time_t)(end / 1000000000), (long)(end % 1000000000)};
        pthread_cond_clockwait(&i->looked, &i->lock, CLOCK_MONOTONIC, &until);
    }
    return true;
}

/* Looks, or waits for whoever does; again when that one was stopped, and we are not. False: that
 * look found nothing, and says why. */
static bool look_once(kn_identity *i, const kn_stop *stop, kn_err *err) {
    do {
        if (!i->looking)
            look(i, stop);
        else if (!wait_for_look(i, stop, err))
            return false;
    } while (i->failure.code == KN_ECANCEL && !kn_stop_asked(stop));
    if (i->failure.code == KN_OK)
        return true;
    if (err)
        *err = i->failure;
    return false;
}

bool kn_identity_update(kn_identity *i, const kn_stop *stop, kn_signer *signer, kn_err *err) {
    if (signer->version && signer->version == i->version && kn_time_now_ms() < i->due_ms)
        return true;
    bool ok = true;
    pthread_mutex_lock(&i->lock);
    if (!is_usable(i)) {
        ok = look_once(i, stop, err);
    } else if (kn_time_now_ms() >= i->due_ms && !i->looking) {
        look(i, stop);
        bool stopped = i->failure.code == KN_ECANCEL;
        if (i->failure.code != KN_OK && is_usable(i) && !stopped) {
            int64_t again_ms = kn_time_now_ms() + AGAIN_MS;
            i->due_ms = again_ms < i->until_ms ? again_ms : i->until_ms;
            kn_log(KN_LOG_WARNING, "The credentials (%s) could not be refreshed: %s",
                   i->credentials.source, i->failure.message);
        } else if (i->failure.code != KN_OK) { /* or they have expired meanwhile */
            *err = i->failure;
            ok = false;
        }
    }
    if (ok) {
        signer->credentials = i->credentials;
        signer->version = i->version;
    }
    pthread_mutex_unlock(&i->lock);
    return ok;
}

bool kn_identity_renew(kn_identity *i, uint64_t refused, const kn_stop *stop, kn_signer *signer,
                       kn_err *err) {
    bool ok = true;
    pthread_mutex_lock(&i->lock);
    if (i->version == refused) {
        ok = look_once(i, stop, err) &&
             (i->version != refused ||
              kn_fail(err, KN_EINVAL, "%s has no others", i->credentials.source));
    }
    if (ok) {
        signer->credentials = i->credentials;
        signer->version = i->version;
    }
    pthread_mutex_unlock(&i->lock);
    return ok;
}
