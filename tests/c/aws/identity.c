/* Credentials over time: who shares them, when they are looked for again, and what a service's
 * refusal does. The environment is the source that changes here, and a container agent; a
 * whole run is in tests/e2e/credentials_run.t.py. */
#include "aws/identity.h"

#include "aws/call.h"
#include "base/time.h"
#include "http_server.h"
#include "tap.h"

static void set_keys(const char *access_key) {
    setenv("AWS_ACCESS_KEY_ID", access_key, 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
}

static kn_identity *acquire(const kn_aws_config *config) {
    kn_identity *identity;
    kn_err err;
    if (!kn_identity_acquire(config, &identity, &err)) {
        tap_ok(false, "%s", err.message);
        exit(1);
    }
    return identity;
}

static void shares(void) {
    kn_aws_config config = {.region = "eu-west-1"}, other = {.region = "eu-west-2"};
    kn_identity *a = acquire(&config), *c = acquire(&other);
    strcpy(config.endpoint, "http://127.0.0.1:1");
    config.timeout_ms = 7;
    kn_identity *b = acquire(&config);
    tap_ok(a == b, "clients of other endpoints share it");
    tap_ok(a != c, "another region is another");
    kn_signer signer = {.version = 0};
    kn_err err;
    set_keys("FIRST");
    tap_ok(kn_identity_update(a, &signer, &err), "found");
    tap_is_str(signer.credentials.access_key, "FIRST", "the environment's");
    kn_identity_release(a);
    uint64_t version = signer.version;
    set_keys("SECOND");
    tap_ok(kn_identity_update(b, &signer, &err) && signer.version == version,
           "what does not expire is not looked for again, and lives while it is used");
    tap_ok(kn_identity_renew(b, version, &signer, &err), "refused: others are looked for");
    tap_is_str(signer.credentials.access_key, "SECOND", "the new ones");
    set_keys("THIRD");
    kn_signer late = {.version = version};
    tap_ok(kn_identity_renew(b, version, &late, &err), "somebody has done so since");
    tap_is_str(late.credentials.access_key, "SECOND", "what that one found");
    tap_ok(kn_identity_renew(b, late.version, &late, &err), "refused too");
    tap_ok(!kn_identity_renew(b, late.version, &late, &err) &&
               strstr(err.message, "environment has no others"),
           "there are only these: %s", err.message);
    kn_identity_release(b);
    kn_identity_release(c);
}

/* ---- many threads ---- */

enum { THREADS = 8, LIFETIME_MS = 1200, VERSIONS = 3 };

static size_t give(void *context, int n, const char *request, const char *body, size_t length,
                   char *out, size_t room, bool *close) {
    char expires[32], text[200];
    (void)context, (void)request, (void)body, (void)length, (void)close;
    /* the last ones last: a thread that comes late asks for no others */
    int64_t lifetime = n + 1 < VERSIONS ? LIFETIME_MS : 3600000;
    kn_time_iso(expires, kn_time_now_ms() + lifetime, true, true);
    snprintf(text, sizeof text,
             "{\"AccessKeyId\":\"KEY%d\",\"SecretAccessKey\":\"SECRET%d\",\"Token\":\"t\","
             "\"Expiration\":\"%s\"}",
             n, n, expires);
    return http_answer(out, room, 200, "", text);
}

/* Updates until the credentials have changed a few times; they are never torn. */
static void *use(void *user) {
    static char failed[] = "failed", late[] = "late";
    kn_identity *identity = user;
    kn_signer signer = {.version = 0};
    kn_err err;
    uint64_t deadline = kn_time_monotonic_ns() + 60000000000u;
    while (signer.version < VERSIONS && kn_time_monotonic_ns() < deadline) {
        if (!kn_identity_update(identity, &signer, &err) ||
            strcmp(signer.credentials.access_key + 3, signer.credentials.secret_key + 6) != 0)
            return failed;
        kn_sleep_ms(1);
    }
    return signer.version < VERSIONS ? late : NULL;
}

static void threads(void) {
    http_server server;
    http_start(&server, give, NULL);
    unsetenv("AWS_ACCESS_KEY_ID");
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url, 1);
    kn_aws_config config = {.region = "eu-west-1"};
    kn_identity *identity = acquire(&config);
    pthread_t ids[THREADS];
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&ids[i], NULL, use, identity) != 0)
            exit(1);
    for (int i = 0; i < THREADS; i++) {
        void *problem;
        pthread_join(ids[i], &problem);
        tap_is_str(problem, NULL, "thread %d", i);
    }
    tap_is_int(server.requests, VERSIONS, "%d threads: each credentials are asked for once",
               THREADS);
    kn_identity_release(identity);
    unsetenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    http_stop(&server);
}

/* ---- credentials that cannot be refreshed ---- */

static size_t give_once(void *context, int n, const char *request, const char *body, size_t length,
                        char *out, size_t room, bool *close) {
    return n ? http_answer(out, room, 400, "", "")
             : give(context, n, request, body, length, out, room, close);
}

static void expires(void) {
    http_server server;
    kn_err err;
    kn_signer signer = {.version = 0};
    http_start(&server, give_once, NULL);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url, 1);
    kn_aws_config config = {.region = "eu-west-1"};
    kn_identity *identity = acquire(&config);
    tap_ok(kn_identity_update(identity, &signer, &err), "credentials that live a moment");
    uint64_t deadline = kn_time_monotonic_ns() + 20000000000u;
    while (kn_identity_update(identity, &signer, &err) && kn_time_monotonic_ns() < deadline)
        kn_sleep_ms(10);
    tap_ok(kn_time_monotonic_ns() < deadline, "are not used after it: %s", err.message);
    kn_identity_release(identity);
    unsetenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    http_stop(&server);
}

/* ---- a refusal, in a call ---- */

typedef struct script {
    char keys[8][32]; /* that signed each request */
    bool always;
} script;

static size_t refuse(void *context, int n, const char *request, const char *body, size_t length,
                     char *out, size_t room, bool *close) {
    script *s = context;
    (void)body, (void)length, (void)close;
    const char *credential = strstr(request, "Credential=");
    sscanf(credential ? credential : "", "Credential=%31[^/]", s->keys[n % 8]);
    if (n > 0 && !s->always)
        return http_answer(out, room, 200, "", "{}");
    set_keys(s->keys[n % 8][0] == 'O' ? "NEW" : "NEWER");
    return http_answer(out, room, 400, "",
                       "{\"__type\":\"ExpiredTokenException\",\"message\":\"x\"}");
}

static int call(const char *url, kn_err *err) {
    kn_aws_config config = {.region = "eu-west-1", .max_attempts = 1};
    snprintf(config.endpoint, sizeof config.endpoint, "%s", url);
    kn_aws_client *client;
    kn_buf body;
    kn_buf_init(&body, 4096);
    set_keys("OLD");
    if (!kn_aws_client_new(&config, kn_api_find("kinesis"), &client, err))
        return -1;
    kn_aws_request request = {.operation = kn_operation_find(kn_api_find("kinesis"), "ListStreams"),
                              .body = KN_SLICE("{}")};
    int status = 0;
    bool ok = kn_aws_invoke(client, &request, NULL, NULL, &status, NULL, &body, err);
    kn_aws_client_destroy(client);
    kn_buf_free(&body);
    return ok ? status : 0;
}

static void refusals(void) {
    static script s;
    http_server server;
    kn_err err;
    http_start(&server, refuse, &s);
    tap_is_int(call(server.url, &err), 200, "an expired token is renewed, whatever max_attempts");
    tap_is_str(s.keys[0], "OLD", "signed with the old");
    tap_is_str(s.keys[1], "NEW", "and with the new");
    tap_is_int(server.requests, 2, "two requests");
    http_stop(&server);

    s = (script){.always = true};
    http_start(&server, refuse, &s);
    tap_is_int(call(server.url, &err), 0, "refused again");
    tap_ok(strstr(err.message, "ExpiredTokenException"), "%s", err.message);
    tap_is_int(server.requests, 2, "once is enough");
    http_stop(&server);
}

int main(void) {
    unsetenv("AWS_PROFILE");
    unsetenv("AWS_SESSION_TOKEN");
    setenv("AWS_CONFIG_FILE", "/nowhere", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere", 1);
    shares();
    threads();
    expires();
    refusals();
    return tap_done();
}
