/* Locks of files: one at a time, gone with their owner. */
#include "base/file.h"

#include "tap.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    char folder[] = "/tmp/kinessis-test.XXXXXX", path[PATH_MAX];
    int one = -1, other = -1;
    kn_err err = {0};
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/lock", folder);
    tap_ok(kn_file_lock(path, &one, &err) && one >= 0, "a file is locked");
    tap_ok(!kn_file_lock(path, &other, &err) && err.code == KN_ESTATE && other == -1,
           "once, in one process, too");
    kn_file_unlock(path, &one);
    kn_file_unlock(path, &one);
    tap_ok(one == -1 && access(path, F_OK) != 0, "unlocked, it is gone");

    int pipes[2] = {-1, -1};
    char byte = 0;
    if (pipe(pipes) != 0)
        return 1;
    pid_t child = fork();
    if (child == 0) { /* ends without unlocking */
        byte = kn_file_lock(path, &one, &err) ? 1 : 0;
        ssize_t put = write(pipes[1], &byte, 1);
        _exit(put == 1 && pause() ? 0 : 1);
    }
    tap_ok(read(pipes[0], &byte, 1) == 1 && byte == 1, "another process locks it");
    tap_ok(!kn_file_lock(path, &other, &err) && err.code == KN_ESTATE, "for all");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    tap_ok(access(path, F_OK) == 0 && kn_file_lock(path, &other, &err), "until it is killed");
    kn_file_unlock(path, &other);
    snprintf(path, sizeof path, "%s/none/lock", folder);
    tap_ok(!kn_file_lock(path, &other, &err) && err.code == KN_EIO && other == -1,
           "in no folder there is none");
    close(pipes[0]);
    close(pipes[1]);
    rmdir(folder);
    return tap_done();
}
