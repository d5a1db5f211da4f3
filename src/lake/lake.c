/* See lake.h. Who opens when is the table `parts`; who answers what is the table `services`: a new
 * service adds a row to each. */
#include "lake/lake.h"

#include "base/file.h"
#include "lake/route.h"
#include "lake/server/server.h"
#include "lake/store/objects.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ACCOUNT "000000000000"
#define IDLE_SECONDS 60
#define CONNECTIONS_MAX 512

struct kn_lake {
    char *folder, *region;
    int lock;
    uint16_t wanted_port;
    bool shard_limits;
    kn_store *store;
    kn_objects *objects;
    kn_kinesis *kinesis;
    kn_firehose *firehose;
    kn_athena *athena;
    kn_route *route;
    kn_server *server;
    size_t opened; /* rows of parts */
};

static const kn_service *const services[] = {
    &kn_kinesis_service, &kn_firehose_service, &kn_glue_service,
    &kn_athena_service,  &kn_lake_service,     NULL,
};

/* ---- the folder's lock, and the file that tells where the lake is ---- */

static void file_in(const char *folder, const char *name, char out[PATH_MAX]) {
    if (snprintf(out, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX)
        out[0] = '\0'; /* opening it will fail */
}

/* What lake.json says; 0 when it says nothing. */
static void read_announcement(const char *folder, unsigned *port, long *pid) {
    char path[PATH_MAX];
    file_in(folder, "lake.json", path);
    json_t *doc = json_load_file(path, 0, NULL);
    json_int_t p = json_integer_value(json_object_get(doc, "port"));
    *port = p > 0 && p < 65536 ? (unsigned)p : 0;
    *pid = (long)json_integer_value(json_object_get(doc, "pid"));
    json_decref(doc);
}

static bool fail_locked(const char *folder, kn_err *err) {
    unsigned port;
    long pid;
    read_announcement(folder, &port, &pid);
    if (!port)
        return kn_fail(err, KN_ESTATE, "another lake is starting or stopping on %s", folder);
    return kn_fail(err, KN_ESTATE,
                   "another lake runs on %s: port %u, process %ld; use it, stop it, or choose "
                   "another folder",
                   folder, port, pid);
}

static void close_announcement(kn_lake *lake) {
    char path[PATH_MAX];
    file_in(lake->folder, "lake.json", path);
    unlink(path);
}

/* Bytes of the file "lock". Open file description locks: they end with the process, however that
 * ends. */
enum { BYTE_OWNER, BYTE_USERS };

static bool lock_byte(int fd, int command, short type, off_t byte) {
    struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    return fcntl(fd, command, &range) == 0;
}

/* Asking does not take it for a moment. */
static bool is_owned(int fd) {
    struct flock range = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = BYTE_OWNER, .l_len = 1};
    return fcntl(fd, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
}

static bool open_lock(kn_lake *lake, kn_err *err) {
    char path[PATH_MAX];
    file_in(lake->folder, "lock", path);
    lake->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lake->lock < 0)
        return kn_fail_errno(err, "cannot open %s", path);
    if (lock_byte(lake->lock, F_OFD_SETLK, F_WRLCK, BYTE_OWNER)) {
        close_announcement(lake); /* of a lake that was killed */
        return true;
    }
    if (errno == EAGAIN || errno == EACCES)
        return fail_locked(lake->folder, err);
    return kn_fail_errno(err, "cannot lock %s", path);
}

static void close_lock(kn_lake *lake) {
    if (lake->lock >= 0)
        close(lake->lock);
    lake->lock = -1;
}

bool kn_lake_find(const char *folder, kn_lake_use *use) {
    char path[PATH_MAX];
    file_in(folder, "lock", path);
    *use = (kn_lake_use){.lock = open(path, O_RDWR | O_CLOEXEC)};
    if (use->lock < 0)
        return false;
    unsigned port = 0;
    long pid;
    /* First the lock, then the announcement: a lake that retires takes these back in the same
     * order. */
    if (lock_byte(use->lock, F_OFD_SETLK, F_RDLCK, BYTE_USERS) && is_owned(use->lock))
        read_announcement(folder, &port, &pid);
    use->port = (uint16_t)port;
    if (!port)
        kn_lake_leave(use);
    return port != 0;
}

void kn_lake_leave(kn_lake_use *use) {
    if (use->lock >= 0)
        close(use->lock);
    use->lock = -1;
}

bool kn_lake_retire(kn_lake *lake) {
    close_announcement(lake);
    return lock_byte(lake->lock, F_OFD_SETLK, F_WRLCK, BYTE_USERS);
}

static bool open_announcement(kn_lake *lake, kn_err *err) {
    char path[PATH_MAX], text[256];
    file_in(lake->folder, "lake.json", path);
    int n = snprintf(text, sizeof text,
                     "{\"port\":%u,\"pid\":%ld,\"region\":\"%s\",\"version\":\"%s\"}\n",
                     kn_lake_port(lake), (long)getpid(), lake->region, KN_VERSION);
    return kn_file_write(path, (kn_slice){text, (size_t)n}, err);
}

/* ---- the parts ---- */

static bool open_store(kn_lake *lake, kn_err *err) {
    char path[PATH_MAX];
    file_in(lake->folder, "lake.db", path);
    return kn_store_open(path, &lake->store, err);
}

static void close_store(kn_lake *lake) {
    kn_store_close(lake->store);
}

static bool open_objects(kn_lake *lake, kn_err *err) {
    return kn_objects_open(lake->folder, lake->store, &lake->objects, err);
}

static void close_objects(kn_lake *lake) {
    kn_objects_close(lake->objects);
}

static bool open_kinesis(kn_lake *lake, kn_err *err) {
    return kn_kinesis_open(lake, &lake->kinesis, err);
}

static void close_kinesis(kn_lake *lake) {
    kn_kinesis_close(lake->kinesis);
}

static bool open_firehose(kn_lake *lake, kn_err *err) {
    return kn_firehose_open(lake, &lake->firehose, err);
}

static void close_firehose(kn_lake *lake) {
    kn_firehose_close(lake->firehose);
}

static bool open_athena(kn_lake *lake, kn_err *err) {
    return kn_athena_open(lake, &lake->athena, err);
}

static void close_athena(kn_lake *lake) {
    kn_athena_close(lake->athena);
}

static bool open_server(kn_lake *lake, kn_err *err) {
    if (!kn_route_new(lake, services, &lake->route, err))
        return false;
    kn_server_config config = {
        .port = lake->wanted_port,
        .spool = kn_objects_spool(lake->objects),
        .timeout_s = IDLE_SECONDS,
        .connections = CONNECTIONS_MAX,
        .handler = kn_route_answer,
        .body_limit = kn_route_body_limit,
        .context = lake->route,
    };
    if (kn_server_open(&config, &lake->server, err))
        return true;
    kn_route_free(lake->route);
    return false;
}

static void close_server(kn_lake *lake) {
    kn_server_close(lake->server);
    kn_route_free(lake->route);
}

/* Opened in this order, closed in reverse. */
static const struct {
    bool (*open)(kn_lake *lake, kn_err *err);
    void (*close)(kn_lake *lake);
} parts[] = {
    {open_lock, close_lock},         {open_store, close_store},
    {open_objects, close_objects},   {open_kinesis, close_kinesis},
    {open_firehose, close_firehose}, {open_athena, close_athena},
    {open_server, close_server},     {open_announcement, close_announcement},
};

static bool open_folder(kn_lake *lake, const kn_lake_config *config, kn_err *err) {
    lake->wanted_port = config->port;
    lake->shard_limits = config->shard_limits;
    if (!kn_file_mkdirs(config->folder, err))
        return false;
    lake->folder = realpath(config->folder, NULL);
    if (!lake->folder)
        return kn_fail_errno(err, "cannot find folder %s", config->folder);
    lake->region = strdup(config->region ? config->region : "us-east-1");
    return lake->region || kn_fail(err, KN_ENOMEM, "cannot open the lake: out of memory");
}

bool kn_lake_open(const kn_lake_config *config, kn_lake **out, kn_err *err) {
    const char *region = config->region ? config->region : "us-east-1";
    size_t n = strlen(region);
    if (n == 0 || n > 32 || strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") != n)
        return kn_fail(err, KN_EINVAL, "region must be like us-east-1, not '%s'", region);
    kn_lake *lake = calloc(1, sizeof *lake);
    if (!lake)
        return kn_fail(err, KN_ENOMEM, "cannot open the lake: out of memory");
    lake->lock = -1;
    /* Signals are for the host's threads; all threads of the lake inherit this mask. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool ok = open_folder(lake, config, err);
    for (size_t i = 0; ok && i < sizeof parts / sizeof *parts; i++)
        if ((ok = parts[i].open(lake, err)))
            lake->opened++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!ok) {
        kn_lake_close(lake);
        return false;
    }
    *out = lake;
    return true;
}

void kn_lake_close(kn_lake *lake) {
    if (!lake)
        return;
    while (lake->opened)
        parts[--lake->opened].close(lake);
    close_lock(lake); /* when taking it failed */
    free(lake->folder);
    free(lake->region);
    free(lake);
}

/* ---- what the services share ---- */

uint16_t kn_lake_port(const kn_lake *lake) {
    return kn_server_port(lake->server);
}

const char *kn_lake_folder(const kn_lake *lake) {
    return lake->folder;
}

bool kn_lake_shard_limits(const kn_lake *lake) {
    return lake->shard_limits;
}

const char *kn_lake_region(const kn_lake *lake) {
    return lake->region;
}

const char *kn_lake_account(const kn_lake *lake) {
    (void)lake;
    return ACCOUNT;
}

kn_store *kn_lake_store(kn_lake *lake) {
    return lake->store;
}

kn_objects *kn_lake_objects(kn_lake *lake) {
    return lake->objects;
}

kn_kinesis *kn_lake_kinesis(kn_lake *lake) {
    return lake->kinesis;
}

kn_firehose *kn_lake_firehose(kn_lake *lake) {
    return lake->firehose;
}

kn_athena *kn_lake_athena(kn_lake *lake) {
    return lake->athena;
}
