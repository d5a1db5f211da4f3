/* DuckDB: the library, databases, connections, statements. See sql.h; results are in result.c.
 *
 * The sandbox: external access is off and the folder allowed before the configuration is locked, so
 * SQL text reaches no other file, no network, and loads no extension.
 * Left out on purpose: several statements in one text (Athena takes one). */
#include "lake/sql/duckdb.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Of each database: enough for the lake's queries beside a run on a small machine. */
#define MEMORY_LIMIT "1GB"
#define THREADS "2"

enum { STATEMENT_MAX = 16 << 20 };

/* The library is opened once per process and stays: the one mutable global, guarded by once. */
static pthread_once_t load_once = PTHREAD_ONCE_INIT;
static kn_duckdb load_api;
static kn_err load_error;

static bool load_functions(void *library, kn_duckdb *api, kn_err *err) {
    static const char *const names[] = {
#define NAME(name) #name,
        KN_DUCKDB_FUNCTIONS(NAME)
#undef NAME
    };
    /* POSIX: a data pointer from dlsym converts to a function pointer; the table holds only those.
     */
    void **slots = (void **)api;
    _Static_assert(sizeof(kn_duckdb) == sizeof names / sizeof *names * sizeof(void *), "one each");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        slots[i] = dlsym(library, names[i]);
        if (!slots[i])
            return kn_fail(err, KN_EINVAL, "this DuckDB has no %s: 1.4 or newer is needed",
                           names[i]);
    }
    return true;
}

/* Tries one path; an absent file is noted in `tried` and is no error. */
static bool load_from(const char *path, kn_buf *tried, bool *found, kn_err *err) {
    *found = access(path, F_OK) == 0;
    if (!*found) {
        kn_buf_printf(tried, "%s%s", tried->len ? ", " : "", path);
        return true;
    }
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return kn_fail(err, KN_EINVAL, "DuckDB cannot be loaded: %s", dlerror());
    return load_functions(library, &load_api, err) || kn_fail_within(err, "%s", path);
}

static void load_library(void) {
    kn_buf tried;
    kn_buf_init(&tried, 1024);
    char path[PATH_MAX + 64], folder[PATH_MAX] = "";
    bool found = false, ok = true;
    kn_err *err = &load_error;
    const char *prefix = getenv("DUCKDB_PREFIX");
    for (int i = 0; prefix && *prefix && ok && !found && i < 2; i++) {
        snprintf(path, sizeof path, "%s%s/libduckdb.so", prefix, i ? "" : "/lib");
        ok = load_from(path, &tried, &found, err);
    }
    ssize_t n = readlink("/proc/self/exe", folder, sizeof folder - 1);
    char *slash = n > 0 ? strrchr(folder, '/') : NULL;
    if (ok && !found && slash) {
        *slash = '\0';
        snprintf(path, sizeof path, "%s/../lib/kinessis/libduckdb.so", folder);
        ok = load_from(path, &tried, &found, err);
    }
    const char *built = KN_DUCKDB_BUILD; /* "" when the build found none */
    if (ok && !found && *built)
        ok = load_from(built, &tried, &found, err);
    if (ok && !found)
        kn_fail(err, KN_EINVAL,
                "DuckDB's library is missing (looked for %s): install it, or set DUCKDB_PREFIX to "
                "its folder",
                tried.p ? tried.p : "");
    else if (ok)
        load_error.code = KN_OK;
    kn_buf_free(&tried);
}

const kn_duckdb *kn_duckdb_load(kn_err *err) {
    pthread_once(&load_once, load_library);
    if (load_error.code == KN_OK)
        return &load_api;
    if (err)
        *err = load_error;
    return NULL;
}

/* DuckDB names the kind of an error at the start of its message. */
static bool fail_sql(kn_err *err, const char *message) {
    static const struct {
        const char *prefix;
        kn_code code;
    } kinds[] = {
        {"Parser Error", KN_EPARSE},
        {"Syntax Error", KN_EPARSE},
        {"INTERRUPT Error", KN_ECANCEL},
        {"Out of Memory Error", KN_ELIMIT},
        {"IO Error", KN_EIO},
    };
    kn_code code = KN_EINVAL;
    if (!message || !*message)
        message = "DuckDB gave no reason";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strncmp(message, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
            code = kinds[i].code;
    }
    return kn_fail(err, code, "%s", message);
}

bool kn_sql_fail(const kn_duckdb *api, duckdb_result *result, kn_err *err) {
    return fail_sql(err, api->duckdb_result_error(result));
}

static bool run_script(kn_sql *sql, const char *text, kn_err *err) {
    duckdb_connection connection = NULL;
    duckdb_result result;
    if (sql->api->duckdb_connect(sql->database, &connection) == DuckDBError)
        return kn_fail(err, KN_ENOMEM, "DuckDB opens no connection");
    bool ok = sql->api->duckdb_query(connection, text, &result) == DuckDBSuccess ||
              kn_sql_fail(sql->api, &result, err);
    sql->api->duckdb_destroy_result(&result);
    sql->api->duckdb_disconnect(&connection);
    return ok;
}

static bool lock_down(kn_sql *sql, const kn_sql_options *options, kn_err *err) {
    kn_buf text;
    kn_buf_init(&text, STATEMENT_MAX);
    if (options && options->setup)
        kn_buf_printf(&text, "%s;", options->setup);
    if (options && options->temporary) {
        kn_buf_cstr(&text, "SET temp_directory = ");
        kn_sql_quote_string(&text, kn_slice_cstr(options->temporary));
        kn_buf_char(&text, ';');
    }
    if (options && options->folder) {
        kn_buf_cstr(&text, "SET allowed_directories = [");
        kn_sql_quote_string(&text, kn_slice_cstr(options->folder));
        kn_buf_cstr(&text, "];");
    }
    kn_buf_cstr(&text,
                "SET GLOBAL TimeZone = 'UTC'; SET enable_external_access = false; SET "
                "lock_configuration = true;");
    bool ok = kn_buf_check(&text, "the setup", err) && run_script(sql, text.p, err);
    kn_buf_free(&text);
    return ok;
}

bool kn_sql_open(const kn_sql_options *options, kn_sql **out, kn_err *err) {
    static const char *const settings[][2] = {
        {"memory_limit", MEMORY_LIMIT},
        {"threads", THREADS},
        {"temp_directory", ""},
        {"autoload_known_extensions", "false"},
        {"autoinstall_known_extensions", "false"},
    };
    const kn_duckdb *api = kn_duckdb_load(err);
    if (!api)
        return false;
    kn_sql *sql = calloc(1, sizeof *sql);
    duckdb_config config = NULL;
    char *reason = NULL;
    bool ok = false;
    if (!sql || api->duckdb_create_config(&config) == DuckDBError) {
        kn_fail(err, KN_ENOMEM, "out of memory");
        goto out;
    }
    sql->api = api;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        api->duckdb_set_config(config, settings[i][0], settings[i][1]);
    if (options && options->single_thread)
        api->duckdb_set_config(config, "threads", "1");
    if (api->duckdb_open_ext(NULL, &sql->database, config, &reason) == DuckDBError) {
        kn_fail(err, KN_EINVAL, "DuckDB does not open: %s", reason ? reason : "no reason given");
        goto out;
    }
    ok = lock_down(sql, options, err);
out:
    api->duckdb_free(reason);
    if (config)
        api->duckdb_destroy_config(&config);
    if (!ok) {
        kn_sql_close(sql);
        sql = NULL;
    }
    *out = sql;
    return ok;
}

void kn_sql_close(kn_sql *sql) {
    if (!sql)
        return;
    if (sql->database)
        sql->api->duckdb_close(&sql->database);
    free(sql);
}

bool kn_sql_connect(kn_sql *sql, kn_sql_connection **out, kn_err *err) {
    kn_sql_connection *connection = calloc(1, sizeof *connection);
    *out = NULL;
    if (!connection ||
        sql->api->duckdb_connect(sql->database, &connection->connection) == DuckDBError) {
        free(connection);
        return kn_fail(err, KN_ENOMEM, "DuckDB opens no connection");
    }
    connection->api = sql->api;
    *out = connection;
    return true;
}

void kn_sql_disconnect(kn_sql_connection *connection) {
    if (!connection)
        return;
    connection->api->duckdb_disconnect(&connection->connection);
    free(connection);
}

void kn_sql_interrupt(kn_sql_connection *connection) {
    connection->api->duckdb_interrupt(connection->connection);
}

static bool prepare(kn_sql_connection *c, const char *text, duckdb_prepared_statement *statement,
                    kn_err *err) {
    const kn_duckdb *api = c->api;
    duckdb_extracted_statements list = NULL;
    bool ok = false;
    idx_t n = api->duckdb_extract_statements(c->connection, text, &list);
    if (n == 0) {
        const char *reason = api->duckdb_extract_statements_error(list);
        if (reason && *reason)
            fail_sql(err, reason);
        else
            kn_fail(err, KN_EPARSE, "the query is empty");
    } else if (n > 1) {
        kn_fail(err, KN_EPARSE, "only one SQL statement is allowed, and this text has %llu",
                (unsigned long long)n);
    } else {
        ok = api->duckdb_prepare_extracted_statement(c->connection, list, 0, statement) ==
             DuckDBSuccess;
        if (!ok)
            fail_sql(err, api->duckdb_prepare_error(*statement));
    }
    api->duckdb_destroy_extracted(&list);
    return ok;
}

bool kn_sql_run(kn_sql_connection *c, const char *text, kn_sql_result **out, kn_err *err) {
    const kn_duckdb *api = c->api;
    duckdb_prepared_statement statement = NULL;
    duckdb_result result = {0};
    if (out)
        *out = NULL;
    bool ok = prepare(c, text, &statement, err);
    if (ok) {
        duckdb_state state = out ? api->duckdb_execute_prepared_streaming(statement, &result)
                                 : api->duckdb_execute_prepared(statement, &result);
        ok = state == DuckDBSuccess || kn_sql_fail(api, &result, err);
        if (ok && out)
            ok = kn_sql_result_new(api, &result, out, err);
        else
            api->duckdb_destroy_result(&result);
    }
    api->duckdb_destroy_prepare(&statement);
    return ok;
}

static void quote(kn_buf *out, kn_slice text, char mark) {
    kn_buf_char(out, mark);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == mark)
            kn_buf_char(out, mark);
        kn_buf_char(out, text.p[i]);
    }
    kn_buf_char(out, mark);
}

void kn_sql_quote_string(kn_buf *out, kn_slice text) {
    quote(out, text, '\'');
}

void kn_sql_quote_name(kn_buf *out, kn_slice name) {
    quote(out, name, '"');
}
