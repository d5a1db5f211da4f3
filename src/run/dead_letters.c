/* See dead_letters.h. */
#include "run/dead_letters.h"

#include "base/file.h"
#include "base/json.h"
#include "base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = 128 << 20
}; /* the largest record is 10 MiB; escapes take up to six bytes */

struct kn_dead_letters {
    char *path;
    pthread_mutex_t mutex; /* guards what follows */
    int fd;                /* -1: not open */
    kn_buf line;
    uint64_t count;
    kn_err error;
};

bool kn_dead_letters_new(const char *path, kn_dead_letters **out, kn_err *err) {
    kn_dead_letters *d = calloc(1, sizeof *d);
    char *copy = strdup(path);
    *out = NULL;
    if (!d || !copy) {
        free(d);
        free(copy);
        return kn_fail(err, KN_ENOMEM, "out of memory");
    }
    d->path = copy;
    d->fd = -1;
    kn_buf_init(&d->line, LINE_MAX_BYTES);
    pthread_mutex_init(&d->mutex, NULL);
    *out = d;
    return true;
}

void kn_dead_letters_destroy(kn_dead_letters *d) {
    if (!d)
        return;
    if (d->fd >= 0)
        close(d->fd); /* releases the lock */
    pthread_mutex_destroy(&d->mutex);
    kn_buf_free(&d->line);
    free(d->path);
    free(d);
}

static bool is_utf8(kn_slice s) {
    size_t i = 0;
    while (i < s.n) {
        size_t n = kn_utf8_length(s.p + i, s.n - i);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

static void write_error(kn_json *j, const kn_dead_letter *letter) {
    const kn_err *why = letter->why;
    kn_json_begin(j, '{');
    kn_json_key(j, "code");
    kn_json_cstr(j, why->aws_code[0] ? why->aws_code : kn_code_name(why->code));
    kn_json_key(j, "message");
    kn_json_cstr(j, why->message);
    if (letter->uncertain) {
        kn_json_key(j, "may_have_arrived");
        kn_json_bool(j, true);
    }
    kn_json_end(j, '}');
}

static void write_key(kn_json *j, const char *name, kn_slice key) {
    if (key.n == 0)
        return;
    kn_json_key(j, name);
    kn_json_string(j, key);
}

static void write_letter(kn_buf *out, const kn_dead_letter *letter) {
    char time[32];
    kn_json j = kn_json_to(out);
    kn_json_begin(&j, '{');
    kn_json_key(&j, "index");
    kn_json_int(&j, (int64_t)letter->index);
    kn_json_key(&j, "service");
    kn_json_cstr(&j, letter->service);
    kn_json_key(&j, "name");
    kn_json_cstr(&j, letter->name);
    kn_json_key(&j, "target");
    kn_json_cstr(&j, letter->target);
    write_key(&j, "partition_key", letter->partition_key);
    write_key(&j, "explicit_hash_key", letter->explicit_hash_key);
    if (letter->no_newline) {
        kn_json_key(&j, "newline");
        kn_json_bool(&j, false);
    }
    kn_json_key(&j, "error");
    write_error(&j, letter);
    kn_json_key(&j, "time");
    kn_time_iso(time, kn_time_now_ms(), true, true);
    kn_json_cstr(&j, time);
    bool text = is_utf8(letter->data);
    kn_json_key(&j, text ? "data" : "data_base64");
    if (text)
        kn_json_string(&j, letter->data);
    else
        kn_json_base64(&j, letter->data);
    kn_json_end(&j, '}');
    kn_buf_char(out, '\n');
}

static bool make_folder(const kn_dead_letters *d, kn_err *err) {
    char *slash = strrchr(d->path, '/');
    if (!slash || slash == d->path)
        return true;
    *slash = '\0';
    bool ok = kn_file_mkdirs(d->path, err);
    *slash = '/';
    return ok;
}

/* Without waiting: a redrive may hold the file for as long as it sends. */
static bool open_file(kn_dead_letters *d, kn_err *err) {
    struct stat by_name, by_fd;
    if (!make_folder(d, err))
        return false;
    for (;;) {
        d->fd = open(d->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        if (d->fd < 0)
            return kn_fail_errno(err, "cannot write %s", d->path);
        if (flock(d->fd, LOCK_SH | LOCK_NB) != 0) {
            close(d->fd);
            d->fd = -1;
            return kn_fail(err, KN_ESTATE, "cannot write %s: kinessis redrive is sending it",
                           d->path);
        }
        /* A redrive may have put another file in its place before the lock. */
        if (stat(d->path, &by_name) == 0 && fstat(d->fd, &by_fd) == 0 &&
            by_name.st_ino == by_fd.st_ino && by_name.st_dev == by_fd.st_dev)
            return true;
        close(d->fd);
    }
}

/* Half a line is taken back, unless another run has appended behind it. */
static bool append(kn_dead_letters *d, kn_err *err) {
    struct stat before;
    if (fstat(d->fd, &before) != 0)
        return kn_fail_errno(err, "cannot write %s", d->path);
    ssize_t n;
    do
        n = write(d->fd, d->line.p, d->line.len);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)d->line.len)
        return true;
    if (n >= 0)
        errno = ENOSPC;
    kn_fail_errno(err, "cannot write %s", d->path);
    struct stat after;
    if (n > 0 && fstat(d->fd, &after) == 0 && after.st_size == before.st_size + n &&
        ftruncate(d->fd, before.st_size) != 0)
        return false;
    return false;
}

bool kn_dead_letters_add(kn_dead_letters *d, const kn_dead_letter *letter) {
    kn_err err;
    pthread_mutex_lock(&d->mutex);
    kn_buf_clear(&d->line);
    write_letter(&d->line, letter);
    bool ok = kn_buf_check(&d->line, "a dead letter", &err) && (d->fd >= 0 || open_file(d, &err)) &&
              append(d, &err);
    if (ok)
        d->count++;
    else if (d->error.code == KN_OK)
        d->error = err;
    pthread_mutex_unlock(&d->mutex);
    return ok;
}

uint64_t kn_dead_letters_count(kn_dead_letters *d, kn_err *err) {
    pthread_mutex_lock(&d->mutex);
    uint64_t count = d->count;
    *err = d->error;
    pthread_mutex_unlock(&d->mutex);
    return count;
}

bool kn_dead_letters_sync(kn_dead_letters *d, kn_err *err) {
    pthread_mutex_lock(&d->mutex);
    bool ok = d->fd < 0 || fsync(d->fd) == 0 || errno == EINVAL || errno == EROFS; /* a pipe */
    if (!ok)
        kn_fail_errno(err, "cannot write %s", d->path);
    pthread_mutex_unlock(&d->mutex);
    return ok;
}
