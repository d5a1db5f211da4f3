/* The sinks of kinessis.core.run: their tables, what all workers share of one, and each worker's
 * own. */
#include "bind/aws.h"
#include "bind/run_binding.h"
#include "bind/verify.h"

#include <fcntl.h>
#include <lauxlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a killed run wrote after that is written again. */
static bool go_on_at(int fd, const char *path, off_t position, kn_err *err) {
    struct stat st;
    if (fstat(fd, &st) != 0)
        return kn_fail_errno(err, "cannot write %s", path);
    if (S_ISREG(st.st_mode) && st.st_size < position)
        return kn_fail(err, KN_ESTATE, "%s is shorter than the run left it: it cannot be resumed",
                       path);
    if (S_ISREG(st.st_mode) &&
        (ftruncate(fd, position) != 0 || lseek(fd, position, SEEK_SET) != position))
        return kn_fail_errno(err, "cannot write %s", path);
    return true;
}

/* False: the file cannot be opened. */
static bool read_text_sink(lua_State *L, int table, kn_sink_spec *spec, kn_err *err) {
    const char *path = spec->name, *header = kn_field_text(L, table, "header");
    int fd = STDOUT_FILENO;
    uint64_t position = (uint64_t)kn_field_integer(L, table, "position", 0);
    if (path) {
        int fresh = position ? 0 : O_TRUNC;
        fd = spec->fd = open(path, O_WRONLY | O_CREAT | fresh | O_CLOEXEC, 0666);
        if (fd < 0)
            return kn_fail_errno(err, "cannot write %s", path);
        if (position && !go_on_at(fd, path, (off_t)position, err))
            return false;
    }
    lua_getfield(L, table, "gzip");
    kn_text_config config = {.fd = fd,
                             .name = spec->to.name,
                             .header = position ? NULL : header,
                             .gzip = lua_toboolean(L, -1),
                             .position = position};
    lua_pop(L, 1);
    return kn_text_new(&config, &spec->text, err);
}

static bool read_s3_sink(lua_State *L, int table, const kn_cursor_config *cursor,
                         kn_sink_spec *spec, kn_err *err) {
    lua_getfield(L, table, "gzip");
    kn_s3_config config = {
        .aws = &spec->aws,
        .bucket = spec->name,
        .prefix = kn_field_text(L, table, "prefix"),
        .stem = kn_field_text(L, table, "stem"),
        .size = (size_t)kn_field_integer(L, table, "size", 0),
        .gzip = lua_toboolean(L, -1),
        .clock_start_ms = cursor->clock_start_ms,
        .clock_step_us = cursor->clock_step_us,
        .destination = &spec->to,
    };
    lua_pop(L, 1);
    luaL_argcheck(L, config.bucket && config.prefix && config.stem, KN_RUN_CONFIG,
                  "an S3 sink without its names");
    return kn_s3_new(&config, &spec->s3, err);
}

/* The number of a kept value. */
static uint32_t read_key(lua_State *L, int table, const char *name) {
    lua_Integer number = kn_field_integer(L, table, name, 0);
    luaL_argcheck(L, number >= 0 && number <= KN_PLAN_KEPT, KN_RUN_CONFIG, name);
    return (uint32_t)number;
}

static bool read_sink(lua_State *L, int table, kn_run_binding *b, kn_sink_spec *spec, kn_err *err) {
    static const char *const kinds[] = {"kinesis", "firehose", "s3", "text",
                                        "null",    "digest",   NULL};
    lua_getfield(L, table, "kind");
    spec->fd = -1;
    spec->kind = (kn_sink_kind)luaL_checkoption(L, -1, NULL, kinds);
    lua_pop(L, 1);
    spec->kind_name = kinds[spec->kind];
    spec->name = kn_field_text(L, table, spec->kind == KN_SINK_TEXT ? "path" : "name");
    const char *service = kn_field_text(L, table, "service");
    spec->to.service = service ? service : spec->kind_name;
    spec->to.name = spec->name ? spec->name : spec->kind == KN_SINK_TEXT ? "stdout" : "";
    spec->keys.partition_key = read_key(L, table, "partition_key");
    spec->keys.explicit_hash_key = read_key(L, table, "explicit_hash_key");
    if (spec->kind == KN_SINK_NULL)
        return true;
    if (spec->kind == KN_SINK_TEXT)
        return read_text_sink(L, table, spec, err);
    if (spec->kind == KN_SINK_DIGEST) {
        lua_getfield(L, table, "digest");
        spec->expected = kn_check_expected(L, -1);
        lua_pop(L, 1);
        return true;
    }
    lua_getfield(L, table, "aws");
    kn_bind_aws_config(L, -1, &spec->aws);
    lua_pop(L, 1);
    if (spec->kind == KN_SINK_S3)
        return read_s3_sink(L, table, &b->cursor, spec, err);
    lua_getfield(L, table, "aggregate");
    bool aggregate = lua_toboolean(L, -1);
    lua_pop(L, 1);
    lua_getfield(L, table, "no_newline");
    spec->stream = (kn_sink_stream_config){
        .aws = &spec->aws,
        .service = spec->kind == KN_SINK_KINESIS ? KN_STREAM_KINESIS : KN_STREAM_FIREHOSE,
        .stream = spec->name,
        .max_records = (uint32_t)kn_field_integer(L, table, "max_records", 0),
        .max_bytes = (uint32_t)kn_field_integer(L, table, "max_bytes", 0),
        .max_record_bytes = (uint32_t)kn_field_integer(L, table, "max_record_bytes", 0),
        .requests_in_flight = (uint32_t)kn_field_integer(L, table, "requests_in_flight", 0),
        .linger_ms = (uint32_t)kn_field_integer(L, table, "linger_ms", 0),
        .no_newline = lua_toboolean(L, -1),
        .aggregate = aggregate,
        .aggregate_bytes = (uint32_t)kn_field_integer(L, table, "aggregate_bytes", 0),
        .destination = &spec->to,
    };
    spec->to.no_newline = spec->stream.no_newline;
    lua_pop(L, 1);
    luaL_argcheck(L, spec->stream.stream, KN_RUN_CONFIG, "a stream without a name");
    return kn_shards_new(&spec->stream.shards, err);
}

static bool open_dead_letters(lua_State *L, kn_run_binding *b, kn_err *err) {
    b->dead_letters_path = kn_field_text(L, KN_RUN_CONFIG, "dead_letters");
    b->target = kn_field_text(L, KN_RUN_CONFIG, "target");
    return !b->dead_letters_path ||
           kn_dead_letters_new(b->dead_letters_path, &b->dead_letters, err);
}

bool kn_run_read_sinks(lua_State *L, kn_run_binding *b, kn_err *err) {
    if (!open_dead_letters(L, b, err))
        return false;
    lua_getfield(L, KN_RUN_CONFIG, "sinks");
    luaL_checktype(L, -1, LUA_TTABLE);
    lua_Integer n = luaL_len(L, -1);
    luaL_argcheck(L, n >= 1 && n <= KN_RUN_SINKS, KN_RUN_CONFIG, "1 to 4 sinks");
    for (lua_Integer i = 1; i <= n; i++) {
        lua_geti(L, -1, i);
        luaL_checktype(L, -1, LUA_TTABLE);
        kn_sink_spec *spec = &b->sinks[b->sink_count++];
        if (!read_sink(L, lua_gettop(L), b, spec, err))
            return false;
        b->keyed = b->keyed || spec->keys.partition_key || spec->keys.explicit_hash_key;
        spec->to.target = b->target;
        spec->to.dead_letters = b->dead_letters;
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return true;
}

static bool open_sink(kn_sink_spec *spec, kn_stats *stats, kn_sink **out, kn_err *err) {
    switch (spec->kind) {
    case KN_SINK_TEXT:
        return kn_sink_text_open(spec->text, stats, out, err);
    case KN_SINK_DIGEST:
        return kn_sink_digest_open(spec->expected, stats, out, err);
    case KN_SINK_S3:
        return kn_sink_s3_open(spec->s3, stats, out, err);
    case KN_SINK_NULL:
        return kn_sink_null_open(stats, out, err);
    default:
        return kn_sink_stream_open(&spec->stream, stats, out, err);
    }
}

bool kn_run_open_sink(kn_sink_spec *spec, kn_stats *stats, kn_sink **out, kn_err *err) {
    if (!open_sink(spec, stats, out, err))
        return false;
    (*out)->destination = &spec->to;
    (*out)->skip = spec->skip.count ? &spec->skip : NULL;
    return true;
}

/* ---- the state file ---- */

/* The list of { from, to } that is settled already. */
static bool read_settled(lua_State *L, int table, kn_sink_spec *spec, kn_err *err) {
    if (!kn_settled_new(&spec->to.settled, err))
        return false;
    lua_getfield(L, table, "settled");
    bool ok = true;
    for (lua_Integer i = 1; ok && lua_istable(L, -1) && i <= luaL_len(L, -1); i++) {
        lua_geti(L, -1, i);
        luaL_checktype(L, -1, LUA_TTABLE);
        lua_geti(L, -1, 1);
        lua_geti(L, -2, 2);
        uint64_t from = (uint64_t)luaL_checkinteger(L, -2), to = (uint64_t)luaL_checkinteger(L, -1);
        ok = kn_ranges_add(&spec->skip, from, to);
        kn_settled_add_at(spec->to.settled, from, to,
                          (uint64_t)kn_field_integer(L, table, "position", 0));
        lua_pop(L, 3);
    }
    lua_pop(L, 1);
    return ok ? true : kn_fail(err, KN_ENOMEM, "out of memory");
}

bool kn_run_open_state(lua_State *L, kn_run_binding *b, const kn_run_config *run, kn_err *err) {
    if (lua_getfield(L, KN_RUN_CONFIG, "state") == LUA_TNIL)
        return true;
    luaL_checktype(L, -1, LUA_TTABLE);
    kn_state_config config = {.first = run->first, .paced = run->due != NULL};
    config.path = kn_field_text(L, lua_gettop(L), "path");
    config.head = kn_field_text(L, lua_gettop(L), "head");
    luaL_argcheck(L, config.path && config.head, KN_RUN_CONFIG, "a state without path and head");
    lua_getfield(L, KN_RUN_CONFIG, "sinks");
    for (; config.count < b->sink_count; config.count++) {
        kn_sink_spec *spec = &b->sinks[config.count];
        lua_geti(L, -1, (lua_Integer)config.count + 1);
        if (!read_settled(L, lua_gettop(L), spec, err))
            return false;
        lua_pop(L, 1);
        config.destinations[config.count] = &spec->to;
    }
    lua_pop(L, 2);
    return kn_state_new(&config, &b->state, err);
}

void kn_run_close_sinks(kn_run_binding *b) {
    for (size_t i = 0; i < b->sink_count; i++) {
        kn_sink_spec *spec = &b->sinks[i];
        kn_text_destroy(spec->text);
        kn_s3_destroy(spec->s3);
        kn_shards_destroy(spec->stream.shards);
        kn_settled_destroy(spec->to.settled);
        kn_ranges_free(&spec->skip);
        if (spec->kind == KN_SINK_TEXT && spec->fd >= 0)
            close(spec->fd);
        explicit_bzero(&spec->aws, sizeof spec->aws);
    }
    b->sink_count = 0;
    kn_state_destroy(b->state);
    b->state = NULL;
    kn_dead_letters_destroy(b->dead_letters);
    b->dead_letters = NULL;
}
