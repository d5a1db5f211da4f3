/* credential_process: a command that prints credentials as JSON. No shell: its words are parted
 * as a shell would, and nothing is expanded. Its stdin is empty, its stderr is ours; of what else
 * is open here it gets nothing.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html */
#include "aws/providers.h"
#include "base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_MAX = 256, COMMAND_MAX = 64 << 10, OUTPUT_MAX = 64 << 10 };

extern char **environ;

/* ---- words ---- */

/* One word from p; returns its end, or NULL when a quote does not end. */
static const char *take_word(const char *p, kn_buf *out) {
    char quote = '\0';
    for (; *p; p++) {
        bool escapes =
            quote != '\'' && *p == '\\' && p[1] && (!quote || p[1] == '"' || p[1] == '\\');
        if (escapes)
            kn_buf_char(out, *++p);
        else if (quote && *p == quote)
            quote = '\0';
        else if (!quote && (*p == '\'' || *p == '"'))
            quote = *p;
        else if (!quote && strchr(" \t\r\n", *p))
            break;
        else
            kn_buf_char(out, *p);
    }
    return quote ? NULL : p;
}

bool kn_process_split(const char *command, kn_buf *out, size_t *count, kn_err *err) {
    const char *p = command + strspn(command, " \t\r\n");
    for (*count = 0; *p; p += strspn(p, " \t\r\n")) {
        p = take_word(p, out);
        if (!p)
            return kn_fail(err, KN_EPARSE, "a quote in the command does not end");
        kn_buf_append(out, "", 1);
        ++*count;
    }
    if (*count == 0 || *count >= WORDS_MAX)
        return kn_fail(err, KN_EINVAL, "the command has %s words", *count ? "too many" : "no");
    return kn_buf_check(out, "the command", err);
}

/* ---- the process ---- */

static bool start(char **argv, int out, pid_t *pid, kn_err *err) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE); /* ignored here, and that would be inherited */
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int code = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (code == 0)
        code = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (code == 0) /* libcurl's sockets are not close-on-exec */
        code = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    if (code == 0)
        code = posix_spawnp(pid, argv[0], &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    errno = code;
    return code == 0 || kn_fail_errno(err, "cannot run %s", argv[0]);
}

/* False: nobody waits any longer. */
static bool may_wait(uint64_t deadline_ns, const kn_stop *stop, kn_err *err) {
    if (kn_time_monotonic_ns() >= deadline_ns)
        return kn_fail(err, KN_ETIMEOUT, "it did not end in time, and was stopped");
    return !kn_stop_asked(stop) || kn_fail(err, KN_ECANCEL, "interrupted, and it was stopped");
}

/* Reads until the end, at most until the deadline. */
static bool drain(int fd, uint64_t deadline_ns, const kn_stop *stop, kn_buf *out, kn_err *err) {
    for (;;) {
        struct pollfd p = {fd, POLLIN, 0};
        if (!may_wait(deadline_ns, stop, err))
            return false;
        int ready = poll(&p, 1, KN_STOP_MS);
        if (ready == 0)
            continue;
        ssize_t got = ready < 0 ? -1 : read(fd, out->p + out->len, out->cap - out->len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return kn_fail_errno(err, "cannot read what it prints");
        if (got == 0 && out->len == out->cap)
            return kn_fail(err, KN_ELIMIT, "it prints more than %d bytes", OUTPUT_MAX - 1);
        if (got == 0)
            return true;
        out->len += (size_t)got;
    }
}

static void kill_and_reap(pid_t pid) {
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

/* It may have closed its stdout, and go on. */
static bool await(pid_t pid, uint64_t deadline_ns, const kn_stop *stop, kn_err *err) {
    int status = 0;
    pid_t ended;
    while ((ended = waitpid(pid, &status, WNOHANG)) != pid) {
        if (ended < 0 && errno != EINTR)
            return kn_fail_errno(err, "cannot wait for it");
        if (!may_wait(deadline_ns, stop, err)) {
            kill_and_reap(pid);
            return false;
        }
        kn_sleep_ms(1);
    }
    if (WIFSIGNALED(status))
        return kn_fail(err, KN_EIO, "it was ended by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        return kn_fail(err, KN_EIO, "it failed with exit code %d", WEXITSTATUS(status));
    return true;
}

static bool run(char **argv, int timeout_ms, const kn_stop *stop, kn_buf *out, kn_err *err) {
    int ends[2];
    pid_t pid;
    uint64_t deadline = kn_time_monotonic_ns() + (uint64_t)timeout_ms * 1000000u;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return kn_fail_errno(err, "cannot make a pipe");
    bool ok = start(argv, ends[1], &pid, err);
    close(ends[1]);
    if (ok) {
        ok = drain(ends[0], deadline, stop, out, err);
        if (ok)
            ok = await(pid, deadline, stop, err);
        else
            kill_and_reap(pid);
    }
    close(ends[0]);
    return ok;
}

static bool read_output(const kn_buf *output, kn_credentials *out, kn_err *err) {
    static const kn_credential_names names = {"AccessKeyId", "SecretAccessKey", "SessionToken",
                                              "Expiration"};
    json_t *printed = json_loadb(output->p, output->len, 0, NULL);
    const json_t *version = json_object_get(printed, "Version");
    bool ok = json_integer_value(version) == 1;
    if (!printed)
        kn_fail(err, KN_EPARSE, "what it prints is not JSON");
    else if (!ok)
        kn_fail(err, KN_EPARSE, "the Version of what it prints is not 1");
    ok = ok && kn_credentials_from_json(printed, &names, out, err);
    json_decref(printed);
    return ok;
}

bool kn_process_credentials(const char *command, int timeout_ms, const kn_stop *stop,
                            kn_credentials *out, kn_err *err) {
    kn_buf words, output;
    size_t count;
    char *argv[WORDS_MAX + 1];
    kn_buf_init(&words, COMMAND_MAX);
    kn_buf_init(&output, OUTPUT_MAX);
    bool ok = kn_process_split(command, &words, &count, err);
    if (ok) {
        char *word = words.p;
        for (size_t i = 0; i < count; i++, word += strlen(word) + 1)
            argv[i] = word;
        argv[count] = NULL;
        kn_buf_reserve(&output, OUTPUT_MAX);
        ok = kn_buf_check(&output, "what it prints", err) &&
             run(argv, timeout_ms, stop, &output, err) && read_output(&output, out, err);
    }
    if (output.p)
        OPENSSL_cleanse(output.p, output.cap);
    kn_buf_free(&output);
    kn_buf_free(&words);
    return ok;
}
