/* See file.h. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool kn_file_mkdirs(const char *path, kn_err *err) {
    char part[PATH_MAX];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof part)
        return kn_fail(err, KN_EINVAL, "folder name of %zu bytes: must be 1 to %d", n,
                       PATH_MAX - 1);
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        char saved = part[i];
        part[i] = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return kn_fail_errno(err, "cannot make folder %s", part);
        part[i] = saved;
    }
    struct stat st;
    if (stat(path, &st) != 0)
        return kn_fail_errno(err, "cannot make folder %s", path);
    if (!S_ISDIR(st.st_mode))
        return kn_fail(err, KN_EIO, "%s is not a folder", path);
    return true;
}

bool kn_file_read(const char *path, kn_buf *out, kn_err *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return kn_fail_errno(err, "cannot open %s", path);
    bool ok = false;
    for (;;) {
        if (!kn_buf_reserve(out, 1) && !kn_buf_check(out, path, err))
            break;
        size_t room = out->cap - out->len;
        ssize_t got = read(fd, out->p + out->len, room);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            kn_fail_errno(err, "cannot read %s", path);
            break;
        }
        if (got == 0) {
            ok = true;
            break;
        }
        out->len += (size_t)got;
        out->p[out->len] = '\0';
    }
    close(fd);
    return ok;
}

bool kn_file_write_all(int fd, const void *p, size_t n, kn_err *err) {
    const char *q = p;
    while (n) {
        ssize_t put = write(fd, q, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return kn_fail_errno(err, "cannot write");
        q += put;
        n -= (size_t)put;
    }
    return true;
}

bool kn_file_write(const char *path, kn_slice bytes, kn_err *err) {
    char temporary[PATH_MAX];
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.XXXXXX", path) >= sizeof temporary)
        return kn_fail(err, KN_EINVAL, "file name is too long: %s", path);
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return kn_fail_errno(err, "cannot write %s", path);
    bool ok = kn_file_write_all(fd, bytes.p, bytes.n, err) || kn_fail_within(err, "%s", path);
    if (close(fd) != 0 && ok)
        ok = kn_fail_errno(err, "cannot write %s", path);
    if (ok && rename(temporary, path) != 0)
        ok = kn_fail_errno(err, "cannot write %s", path);
    if (!ok)
        unlink(temporary);
    return ok;
}

/* What was opened is no lock any more when its owner has removed it meanwhile. */
static bool is_named(const char *path, int fd) {
    struct stat by_name, by_fd;
    return stat(path, &by_name) == 0 && fstat(fd, &by_fd) == 0 && by_name.st_ino == by_fd.st_ino &&
           by_name.st_dev == by_fd.st_dev;
}

bool kn_file_lock(const char *path, int *fd, kn_err *err) {
    for (;;) {
        struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (*fd < 0)
            return kn_fail_errno(err, "cannot open %s", path);
        if (fcntl(*fd, F_OFD_SETLK, &whole) != 0)
            break;
        if (is_named(path, *fd))
            return true;
        close(*fd);
    }
    if (errno == EAGAIN || errno == EACCES)
        kn_fail(err, KN_ESTATE, "%s is locked", path);
    else
        kn_fail_errno(err, "cannot lock %s", path);
    close(*fd);
    *fd = -1;
    return false;
}

void kn_file_unlock(const char *path, int *fd) {
    if (*fd < 0)
        return;
    unlink(path); /* while it is ours: see is_named */
    close(*fd);
    *fd = -1;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at) {
    (void)st, (void)kind, (void)at;
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

bool kn_file_remove_tree(const char *path, kn_err *err) {
    if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
        return kn_fail_errno(err, "cannot remove %s", path);
    return true;
}
