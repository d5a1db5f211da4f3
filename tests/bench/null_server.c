/* A Kinesis and Firehose that keeps nothing: it counts the records of a request and answers with a
 * result for each, as long as the service's. On loopback, one thread, HTTP/1.1, with TLS when it is
 * given a certificate; signatures are not looked at.
 *
 *     null_server [CERTIFICATE KEY]      PEM files; prints its port, serves until it is killed
 *
 * JSON of any spacing: records are counted by their opening braces, which base64 cannot hold; a
 * partition key with a brace would be taken for one. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { RECORDS_MAX = 500, CONNECTION_MEMORY = 512 << 10, PEM_MAX = 64 << 10 };

#define SEQUENCE "49590338271490256608559692538361571095921575989136588898"
#define HIGHEST_KEY "340282366920938463463374607431768211455"

typedef enum { PUT_RECORDS, PUT_RECORD_BATCH, FIXED } shape;

typedef struct operation {
    const char *name;
    shape shape;
    const char *answer; /* of a fixed one */
} operation;

static const operation operations[] = {
    {"Kinesis_20131202.PutRecords", PUT_RECORDS, NULL},
    {"Firehose_20150804.PutRecordBatch", PUT_RECORD_BATCH, NULL},
    {"Kinesis_20131202.PutRecord", FIXED,
     "{\"SequenceNumber\":\"" SEQUENCE "\",\"ShardId\":\"shardId-000000000000\"}"},
    {"Kinesis_20131202.ListShards", FIXED,
     "{\"Shards\":[{\"ShardId\":\"shardId-000000000000\",\"HashKeyRange\":{\"StartingHashKey\":"
     "\"0\","
     "\"EndingHashKey\":\"" HIGHEST_KEY "\"},\"SequenceNumberRange\":{\"StartingSequenceNumber\":"
     "\"" SEQUENCE "\"}}]}"},
    {"Kinesis_20131202.DescribeStreamSummary", FIXED,
     "{\"StreamDescriptionSummary\":{\"StreamName\":\"r-d-kinesis-stream\",\"StreamARN\":"
     "\"arn:aws:kinesis:us-east-1:123456789012:stream/r-d-kinesis-stream\",\"StreamStatus\":"
     "\"ACTIVE\",\"RetentionPeriodHours\":24,\"StreamCreationTimestamp\":1700000000,"
     "\"EnhancedMonitoring\":[{\"ShardLevelMetrics\":[]}],\"EncryptionType\":\"NONE\","
     "\"OpenShardCount\":1,\"ConsumerCount\":0,\"StreamModeDetails\":{\"StreamMode\":"
     "\"PROVISIONED\"}}}"},
};

static struct MHD_Response *fixed[sizeof operations / sizeof *operations], *unknown;
static struct MHD_Response *batches[2][RECORDS_MAX + 1]; /* by shape and number of records */

/* ---- answers, made once ---- */

static struct MHD_Response *make_response(const char *body) {
    struct MHD_Response *r =
        MHD_create_response_from_buffer(strlen(body), (void *)body, MHD_RESPMEM_MUST_COPY);
    if (!r)
        abort();
    MHD_add_response_header(r, "Content-Type", "application/x-amz-json-1.1");
    MHD_add_response_header(r, "x-amzn-RequestId", "d3f0a5a0-7f0c-4a38-9d3a-6d8f0a1c2b3d");
    return r;
}

static struct MHD_Response *batch_response(shape s, unsigned records) {
    struct MHD_Response **r = &batches[s][records];
    if (*r)
        return *r;
    static const char *const begin[] = {
        "{\"FailedRecordCount\":0,\"EncryptionType\":\"NONE\",\"Records\":[",
        "{\"FailedPutCount\":0,\"Encrypted\":false,\"RequestResponses\":["};
    static const char *const each[] = {
        "{\"SequenceNumber\":\"" SEQUENCE "\",\"ShardId\":\"shardId-000000000000\"}",
        "{\"RecordId\":\"" SEQUENCE SEQUENCE SEQUENCE SEQUENCE "\"}"};
    size_t one = strlen(each[s]) + 1;
    char *body = malloc(strlen(begin[s]) + records * one + 3), *p = body;
    if (!body)
        abort();
    p = stpcpy(p, begin[s]);
    for (unsigned i = 0; i < records; i++) {
        p = stpcpy(p, i ? "," : "");
        p = stpcpy(p, each[s]);
    }
    strcpy(p, "]}");
    *r = make_response(body);
    free(body);
    return *r;
}

/* ---- requests ---- */

typedef struct request {
    int operation; /* of the table; below 0: unknown */
    size_t braces;
} request;

static int find_operation(struct MHD_Connection *connection) {
    const char *target = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-Amz-Target");
    for (size_t i = 0; target && i < sizeof operations / sizeof *operations; i++)
        if (strcmp(target, operations[i].name) == 0)
            return (int)i;
    return -1;
}

static size_t count_braces(const char *p, size_t n) {
    size_t all = 0;
    for (const char *end = p + n; (p = memchr(p, '{', (size_t)(end - p))); p++)
        all++;
    return all;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state) {
    (void)context, (void)url, (void)method, (void)version;
    request *r = *state;
    if (!r) {
        r = *state = malloc(sizeof *r);
        if (!r)
            return MHD_NO;
        *r = (request){find_operation(connection), 0};
        return MHD_YES;
    }
    if (*size) {
        r->braces += count_braces(data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (r->operation < 0)
        return MHD_queue_response(connection, 400, unknown);
    const operation *o = &operations[r->operation];
    if (o->shape == FIXED)
        return MHD_queue_response(connection, 200, fixed[r->operation]);
    if (r->braces < 2 || r->braces - 1 > RECORDS_MAX)
        return MHD_queue_response(connection, 400, unknown);
    return MHD_queue_response(connection, 200, batch_response(o->shape, (unsigned)(r->braces - 1)));
}

static void on_end(void *context, struct MHD_Connection *connection, void **state,
                   enum MHD_RequestTerminationCode code) {
    (void)context, (void)connection, (void)code;
    free(*state);
    *state = NULL;
}

/* ---- serving ---- */

static bool read_file(const char *path, char text[PEM_MAX]) {
    FILE *file = fopen(path, "r");
    size_t n = file ? fread(text, 1, PEM_MAX - 1, file) : 0;
    text[n] = '\0';
    if (file)
        fclose(file);
    return n > 0;
}

static struct MHD_Daemon *start(const char *certificate, const char *key) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)certificate},
                                   {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)key},
                                   {MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | (certificate ? MHD_USE_TLS : 0), 0,
                            NULL, NULL, on_request, NULL, MHD_OPTION_SOCK_ADDR, &address,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                            MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_ARRAY,
                            certificate ? tls : none, MHD_OPTION_END);
}

int main(int argc, char **argv) {
    static char certificate[PEM_MAX], key[PEM_MAX];
    bool tls = argc == 3;
    if (argc != 1 && !tls) {
        fprintf(stderr, "usage: null_server [CERTIFICATE KEY]\n");
        return 2;
    }
    if (tls && (!read_file(argv[1], certificate) || !read_file(argv[2], key))) {
        fprintf(stderr, "null_server: cannot read %s or %s\n", argv[1], argv[2]);
        return 1;
    }
    unknown = make_response(
        "{\"__type\":\"InvalidArgumentException\",\"message\":"
        "\"the null server does not know this request\"}");
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (operations[i].shape == FIXED)
            fixed[i] = make_response(operations[i].answer);
    struct MHD_Daemon *daemon = start(tls ? certificate : NULL, tls ? key : NULL);
    if (!daemon) {
        fprintf(stderr, "null_server: cannot start\n");
        return 1;
    }
    printf("%u\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    for (;;)
        pause();
}
