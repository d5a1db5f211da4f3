/* Credentials over time: who shares them, when they are looked for again, and what a service's
 * refusal does. The environment is the source that changes here, and a container agent; a
 * whole run is in tests/e2e/credentials_run.t.py. */
#include "aws/identity.h"

#include "aws/call.h"
#include "base/time.h"
#include "http_server.h"
#include "tap.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/types.h>

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
    tap_ok(kn_identity_update(a, NULL, &signer, &err), "found");
    tap_is_str(signer.credentials.access_key, "FIRST", "the environment's");
    kn_identity_release(a);
    uint64_t version = signer.version;
    set_keys("SECOND");
    tap_ok(kn_identity_update(b, NULL, &signer, &err) && signer.version == version,
           "what does not expire is not looked for again, and lives while it is used");
    tap_ok(kn_identity_renew(b, version, NULL, &signer, &err), "refused: others are looked for");
    tap_is_str(signer.credentials.access_key, "SECOND", "the new ones");
    set_keys("THIRD");
    kn_signer late = {.version = version};
    tap_ok(kn_identity_renew(b, version, NULL, &late, &err), "somebody has done so since");
    tap_is_str(late.credentials.access_key, "SECOND", "what that one found");
    tap_ok(kn_identity_renew(b, late.version, NULL, &late, &err), "refused too");
    tap_ok(!kn_identity_renew(b, late.version, NULL, &late, &err) &&
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
        if (!kn_identity_update(identity, NULL, &signer, &err) ||
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
    tap_ok(kn_identity_update(identity, NULL, &signer, &err), "credentials that live a moment");
    uint64_t deadline = kn_time_monotonic_ns() + 20000000000u;
    while (kn_identity_update(identity, NULL, &signer, &err) && kn_time_monotonic_ns() < deadline)
        kn_sleep_ms(10);
    tap_ok(kn_time_monotonic_ns() < deadline, "are not used after it: %s", err.message);
    kn_identity_release(identity);
    unsetenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    http_stop(&server);
}

/* ---- one who is stopped ---- */

typedef struct patient {
    _Atomic bool stopped;
    _Atomic int asked;
    kn_identity *identity;
    kn_signer signer;
    bool ok;
    kn_err err;
} patient;

static bool asks(void *context) {
    patient *p = context;
    p->asked++;
    return p->stopped;
}

static void *update(void *context) {
    patient *p = context;
    kn_stop stop = {asks, p};
    p->ok = kn_identity_update(p->identity, &stop, &p->signer, &p->err);
    return NULL;
}

KN_PRINTF(3, 4)
static void write_file(const char *folder, const char *name, const char *format, ...) {
    char path[300];
    va_list arguments;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    if (!file)
        exit(1);
    va_start(arguments, format);
    vfprintf(file, format, arguments);
    va_end(arguments);
    fclose(file);
}

/* The pid that the command in the folder has written, once it hangs; not twice the same. */
static pid_t hanging(const char *folder) {
    char path[300];
    long pid = 0;
    snprintf(path, sizeof path, "%s/hangs", folder);
    FILE *file;
    while (!(file = fopen(path, "r")))
        kn_sleep_ms(10);
    if (fscanf(file, "%ld", &pid) != 1)
        exit(1);
    fclose(file);
    unlink(path);
    return (pid_t)pid;
}

/* A command that hangs until there is a file `go`. */
static void write_command(const char *folder) {
    write_file(folder, "command",
               "if [ -e %s/go ]; then\n"
               "  echo '{\"Version\":1,\"AccessKeyId\":\"HIS\",\"SecretAccessKey\":\"s\"}'\n"
               "else\n"
               "  echo $$ > %s/new && mv %s/new %s/hangs\n"
               "  exec sleep 3600 > /dev/null\n"
               "fi\n",
               folder, folder, folder, folder);
    write_file(folder, "config", "[default]\ncredential_process = sh %s/command\n", folder);
}

static void remove_files(const char *folder) {
    static const char *const names[] = {"command", "config", "go"};
    char path[300];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static void start(pthread_t *thread, patient *p) {
    if (pthread_create(thread, NULL, update, p) != 0)
        exit(1);
}

/* Three clients: one looks, two wait. The first is stopped, then one that waits; the last is not.
 */
static void stopped(void) {
    char folder[] = "/tmp/kinessis-test.XXXXXX", path[300];
    kn_aws_config config = {.region = "eu-west-1"};
    pthread_t threads[3];
    if (!mkdtemp(folder))
        exit(1);
    write_command(folder);
    snprintf(path, sizeof path, "%s/config", folder);
    setenv("AWS_CONFIG_FILE", path, 1);
    unsetenv("AWS_ACCESS_KEY_ID");
    static patient looks, waits, stays;
    looks.identity = waits.identity = stays.identity = acquire(&config);
    start(&threads[0], &looks);
    pid_t command = hanging(folder);
    start(&threads[1], &waits);
    start(&threads[2], &stays);
    while (waits.asked == 0 || stays.asked == 0)
        kn_sleep_ms(1);
    waits.stopped = true;
    pthread_join(threads[1], NULL);
    tap_ok(!waits.ok && waits.err.code == KN_ECANCEL, "one who waits is stopped: %s",
           waits.err.message);
    tap_is_int(kill(command, 0), 0, "the other goes on looking");
    write_file(folder, "go", "%s", "");
    looks.stopped = true;
    pthread_join(threads[0], NULL);
    tap_ok(!looks.ok && looks.err.code == KN_ECANCEL, "who looks is stopped: %s",
           looks.err.message);
    tap_ok(kill(command, 0) != 0 && errno == ESRCH, "and so is the command");
    tap_is_int(looks.signer.version, 0, "without credentials");
    pthread_join(threads[2], NULL);
    tap_ok(stays.ok, "who waited for it, and is not, looks: %s", stays.ok ? "" : stays.err.message);
    tap_is_str(stays.signer.credentials.access_key, "HIS", "and finds");
    kn_identity_release(looks.identity);
    setenv("AWS_CONFIG_FILE", "/nowhere", 1);
    remove_files(folder);
}

static bool asks_once(void *context) { /* true but for the first time */
    return ++((patient *)context)->asked > 1;
}

static size_t say_nothing(void *context, int n, const char *request, const char *body,
                          size_t length, char *out, size_t room, bool *close) {
    (void)context, (void)n, (void)request, (void)body, (void)length, (void)out, (void)room;
    (void)close;
    return 0;
}

/* A provider that takes silence for absence does not make it "there are none". */
static void stopped_at_instance(void) {
    http_server server;
    kn_aws_config config = {.region = "eu-west-1"};
    kn_signer signer = {.version = 0};
    kn_err err;
    http_start(&server, say_nothing, NULL);
    unsetenv("AWS_ACCESS_KEY_ID");
    setenv("AWS_EC2_METADATA_DISABLED", "false", 1);
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url, 1);
    kn_identity *identity = acquire(&config);
    patient p = {.asked = 0};
    kn_stop stop = {asks_once, &p};
    tap_ok(!kn_identity_update(identity, &stop, &signer, &err) && err.code == KN_ECANCEL,
           "stopped while the instance is asked: %s", err.message);
    kn_identity_release(identity);
    unsetenv("AWS_EC2_METADATA_DISABLED");
    unsetenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
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
    stopped();
    stopped_at_instance();
    refusals();
    return tap_done();
}
