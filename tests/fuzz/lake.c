/* Requests to a lake in a folder of its own: S3's by their method, target, headers and body;
 * operations of Glue on JSON; statements about the catalog. None is answered as an internal
 * failure, and what is answered can be read. A bucket bkt with an object k and an upload (its id is
 * written @) is there for each. */
#include "base/file.h"
#include "lake/athena/parts.h"
#include "lake/route.h"
#include "lake/store/objects.h"
#include "net/xml.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { FIELDS = 16 };

static char folder[] = "/tmp/kn-fuzz-lake-XXXXXX";
static kn_lake *lake;
static kn_route *route;
static char upload[128];

static void clean_up(void) {
    kn_err err;
    kn_lake_close(lake);
    kn_route_free(route);
    if (!kn_file_remove_tree(folder, &err))
        abort();
}

static void open_lake(void) {
    static const kn_service *const services[] = {&kn_glue_service, NULL};
    const kn_lake_config config = {.folder = folder};
    kn_err err;
    if (!mkdtemp(folder) || !kn_lake_open(&config, &lake, &err) ||
        !kn_route_new(lake, services, &route, &err))
        abort();
    atexit(clean_up);
}

/* ---- what is there ---- */

static void ask(const kn_http_request *request, kn_http_response *response) {
    kn_http_response_init(response);
    kn_route_answer(route, request, response);
    if (response->status < 200 || response->status > 599 || response->status == 500)
        abort();
}

static bool note_key(void *keys, const kn_object *object) {
    kn_buf_append(keys, object->key, strlen(object->key) + 1);
    return kn_buf_ok(keys);
}

static void make_upload(void) {
    const kn_http_request begin = {.method = "POST",
                                   .path = "/bkt/u",
                                   .query = "uploads",
                                   .body = KN_SLICE(""),
                                   .body_fd = -1};
    kn_http_response response;
    kn_err err;
    kn_xml *xml;
    ask(&begin, &response);
    if (!kn_xml_parse(kn_buf_view(&response.body), &xml, &err))
        abort();
    snprintf(upload, sizeof upload, "%s", kn_xml_text(kn_xml_root(xml), "UploadId"));
    kn_xml_destroy(xml);
    kn_http_response_free(&response);
}

static void make_fixture(void) {
    kn_objects *objects = kn_lake_objects(lake);
    kn_store *store = kn_lake_store(lake);
    kn_err err;
    kn_buf keys;
    bool exists;
    kn_buf_init(&keys, 1 << 20);
    if (!kn_objects_bucket_exists(objects, "bkt", &exists, &err) ||
        (!exists && !kn_objects_bucket_make(objects, "bkt", &err)) ||
        !kn_objects_list(objects, "bkt", "", NULL, note_key, &keys, &err))
        abort();
    for (size_t at = 0; at < keys.len; at += strlen(keys.p + at) + 1)
        if (!kn_objects_delete(objects, "bkt", keys.p + at, &err))
            abort();
    if (!kn_objects_put(objects, "bkt", "k", KN_SLICE("hello"), NULL, &err) ||
        !kn_store_delete_prefix(store, "s3.upload", "", &err) ||
        !kn_store_delete_prefix(store, "s3.part", "", &err))
        abort();
    make_upload();
    kn_buf_free(&keys);
}

/* ---- requests ---- */

/* Up to the end of the line, NUL-terminated in place; "" at the end of the text. */
static char *next_line(char **rest) {
    char *line = *rest, *end = strchr(line, '\n');
    if (end) {
        *end = '\0';
        *rest = end + 1;
    } else {
        *rest = line + strlen(line);
    }
    return line;
}

static size_t read_fields(char **rest, kn_http_field *fields) {
    size_t count = 0;
    for (char *line; *(line = next_line(rest));) {
        char *colon = strchr(line, ':');
        if (!colon || count == FIELDS)
            continue;
        *colon = '\0';
        for (char *p = line; *p; p++)
            *p = (char)tolower((unsigned char)*p);
        fields[count++] = (kn_http_field){line, colon + 1 + strspn(colon + 1, " ")};
    }
    return count;
}

/* The first @ of a query is the upload's id. */
static void write_query(const char *given, kn_buf *out) {
    const char *at = strchr(given, '@');
    kn_buf_append(out, given, at ? (size_t)(at - given) : strlen(given));
    if (at) {
        kn_buf_cstr(out, upload);
        kn_buf_cstr(out, at + 1);
    }
    kn_buf_append(out, "", 1);
}

static void s3(unsigned method, char *text, const char *end, bool plain) {
    static const char *const methods[] = {"GET", "PUT", "POST", "DELETE", "HEAD"};
    kn_http_field fields[FIELDS];
    kn_http_response response;
    kn_err err;
    kn_buf query;
    kn_xml *xml;
    kn_buf_init(&query, 1 << 20);
    char *rest = text, *path = next_line(&rest), *mark = strchr(path, '?');
    if (mark)
        *mark = '\0';
    write_query(mark ? mark + 1 : "", &query);
    kn_http_request request = {.method = methods[method % 5],
                               .path = path,
                               .query = query.p,
                               .fields = fields,
                               .field_count = read_fields(&rest, fields),
                               .body_fd = -1};
    request.body = (kn_slice){rest, (size_t)(end - rest)};
    request.body_length = request.body.n;
    ask(&request, &response);
    /* other buckets may hold keys of earlier inputs, which XML cannot */
    plain = plain && (response.status >= 300 || strncmp(path, "/bkt", 4) == 0);
    if (plain && response.fd < 0 && kn_slice_starts(kn_buf_view(&response.body), KN_SLICE("<"))) {
        if (!kn_xml_parse(kn_buf_view(&response.body), &xml, &err))
            abort();
        kn_xml_destroy(xml);
    }
    if (response.fd >= 0)
        close(response.fd);
    kn_http_response_free(&response);
    kn_buf_free(&query);
    if (strcmp(request.method, "GET") != 0 && strcmp(request.method, "HEAD") != 0)
        make_fixture();
}

static void glue(unsigned choice, kn_slice body) {
    size_t count = 0;
    while (kn_glue_service.ops[count].name)
        count++;
    char target[80];
    snprintf(target, sizeof target, "%s.%s", kn_glue_service.target,
             kn_glue_service.ops[choice % count].name);
    const kn_http_field fields[] = {{"content-type", "application/x-amz-json-1.1"},
                                    {"x-amz-target", target}};
    const kn_http_request request = {.method = "POST",
                                     .path = "/",
                                     .query = "",
                                     .fields = fields,
                                     .field_count = 2,
                                     .body = body,
                                     .body_fd = -1};
    kn_http_response response;
    ask(&request, &response);
    json_t *reply = json_loadb(response.body.p, response.body.len, 0, NULL);
    if (!reply)
        abort();
    json_decref(reply);
    kn_http_response_free(&response);
}

/* It comes in JSON: what is no UTF-8 does not reach it. */
static void statement(const char *text) {
    kn_buf out;
    kn_err err;
    json_t *columns = NULL, *sent = json_string(text);
    json_decref(sent);
    if (!sent)
        return;
    kn_buf_init(&out, 1 << 20);
    if (!kn_athena_ddl(lake, text, "db", &out, &columns, &err) && !err.message[0])
        abort();
    json_decref(columns);
    kn_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (!lake) {
        open_lake();
        make_fixture();
    }
    if (n < 2)
        return 0;
    char *text = malloc(n);
    if (!text)
        abort();
    memcpy(text, data + 1, n - 1);
    text[n - 1] = '\0';
    bool plain = true; /* what XML can hold */
    for (const char *p = text; p < text + n - 1; p++)
        plain = plain && *p != '%' && (*p == '\n' || (*p >= ' ' && *p < 0x7F));
    if (data[0] & 0x80)
        statement(text);
    else if (data[0] & 0x40)
        glue((unsigned char)text[0], (kn_slice){text + 1, n - 2});
    else
        s3(data[0], text, text + n - 1, plain);
    free(text);
    return 0;
}
