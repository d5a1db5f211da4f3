/* A Kinesis and Firehose that keeps nothing: it counts the records of a request and answers with a
 * result for each, as long as the service's. On loopback, one thread, HTTP/1.1, with TLS when it is
 * given a certificate; signatures are not looked at.
 *
 *     null_server [CERTIFICATE KEY]      PEM files; prints its port, serves until it is killed
 *
 * In JSON of any spacing, records are counted by their opening braces, which base64 cannot hold; a
 * partition key with a brace would be taken for one. In CBOR, the count is that of the array. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { RECORDS_MAX = 500, CONNECTION_MEMORY = 512 << 10, PEM_MAX = 64 << 10, BEGIN = 256 };

#define JSON "application/x-amz-json-1.1"
#define CBOR "application/x-amz-cbor-1.1"

#define SEQUENCE "49590338271490256608559692538361571095921575989136588898"
#define HIGHEST_KEY "340282366920938463463374607431768211455"

typedef enum { PUT_RECORDS, PUT_RECORD_BATCH, PUT_RECORDS_CBOR, FIXED } shape;

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

/* Of STS, which the Producer Library asks for the stream's account. */
static const char identity[] =
    "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
    "<GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/bench</Arn><UserId>bench</UserId>"
    "<Account>123456789012</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>1"
    "</RequestId></ResponseMetadata></GetCallerIdentityResponse>";

static struct MHD_Response *fixed[sizeof operations / sizeof *operations], *unknown, *caller;
static struct MHD_Response *batches[FIXED][RECORDS_MAX + 1]; /* by shape and number of records */

/* ---- answers, made once ---- */

static struct MHD_Response *make_response(const char *type, const char *body, size_t n) {
    struct MHD_Response *r =
        MHD_create_response_from_buffer(n, (void *)body, MHD_RESPMEM_MUST_COPY);
    if (!r)
        abort();
    MHD_add_response_header(r, "Content-Type", type);
    MHD_add_response_header(r, "Accept-Post", JSON ", " CBOR);
    MHD_add_response_header(r, "x-amzn-RequestId", "d3f0a5a0-7f0c-4a38-9d3a-6d8f0a1c2b3d");
    return r;
}

static struct MHD_Response *make_json(const char *body) {
    return make_response(JSON, body, strlen(body));
}

typedef struct bytes {
    const char *p;
    size_t n;
} bytes;

#define BYTES(literal)                                                                             \
    { literal, sizeof(literal) - 1 }

/* What the reply of an operation is put together from; in CBOR, of lists without a count. */
static const struct {
    const char *type;
    bytes begin, each, between, end;
} parts[FIXED] = {
    {JSON, BYTES("{\"FailedRecordCount\":0,\"EncryptionType\":\"NONE\",\"Records\":["),
     BYTES("{\"SequenceNumber\":\"" SEQUENCE "\",\"ShardId\":\"shardId-000000000000\"}"),
     BYTES(","), BYTES("]}")},
    {JSON, BYTES("{\"FailedPutCount\":0,\"Encrypted\":false,\"RequestResponses\":["),
     BYTES("{\"RecordId\":\"" SEQUENCE SEQUENCE SEQUENCE SEQUENCE "\"}"), BYTES(","), BYTES("]}")},
    {CBOR,
     BYTES("\xBF\x71"
           "FailedRecordCount"
           "\0\x67"
           "Records"
           "\x9F"),
     BYTES("\xA2\x6E"
           "SequenceNumber"
           "\x78\x38" SEQUENCE "\x67"
           "ShardId"
           "\x74"
           "shardId-000000000000"),
     BYTES(""), BYTES("\xFF\xFF")},
};

static char *put(char *p, bytes b) {
    memcpy(p, b.p, b.n);
    return p + b.n;
}

static struct MHD_Response *batch_response(shape s, unsigned records) {
    struct MHD_Response **r = &batches[s][records];
    if (*r)
        return *r;
    size_t most = parts[s].begin.n + parts[s].end.n;
    most += records * (parts[s].each.n + parts[s].between.n);
    char *body = malloc(most), *p = body;
    if (!body)
        abort();
    p = put(p, parts[s].begin);
    for (unsigned i = 0; i < records; i++) {
        if (i)
            p = put(p, parts[s].between);
        p = put(p, parts[s].each);
    }
    p = put(p, parts[s].end);
    *r = make_response(parts[s].type, body, (size_t)(p - body));
    free(body);
    return *r;
}

/* ---- requests ---- */

enum { UNKNOWN = -1, STS = -2 };

typedef struct request {
    int operation; /* of the table, or: */
    bool cbor;
    size_t braces;
    unsigned char begin[BEGIN]; /* of the body */
    size_t begun;
} request;

static int find_operation(struct MHD_Connection *connection) {
    const char *target = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-Amz-Target");
    for (size_t i = 0; target && i < sizeof operations / sizeof *operations; i++)
        if (strcmp(target, operations[i].name) == 0)
            return (int)i;
    return target ? UNKNOWN : STS;
}

static size_t count_braces(const char *p, size_t n) {
    size_t all = 0;
    for (const char *end = p + n; (p = memchr(p, '{', (size_t)(end - p))); p++)
        all++;
    return all;
}

static bool is_cbor(struct MHD_Connection *connection) {
    const char *type = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Type");
    return type && strcmp(type, CBOR) == 0;
}

static void take(request *r, const char *data, size_t n) {
    size_t room = BEGIN - r->begun, some = n < room ? n : room;
    if (!r->cbor) {
        r->braces += count_braces(data, n);
        return;
    }
    memcpy(r->begin + r->begun, data, some);
    r->begun += some;
}

/* 0: the request is not as it should be. */
static size_t count_records(const request *r) {
    static const char array[] =
        "\x67"
        "Records"
        "\x99"; /* and its length in two bytes */
    if (!r->cbor)
        return r->braces ? r->braces - 1 : 0;
    const unsigned char *at = memmem(r->begin, r->begun, array, sizeof array - 1);
    if (!at || at + sizeof array + 1 > r->begin + r->begun)
        return 0;
    at += sizeof array - 1;
    return (size_t)at[0] << 8 | at[1];
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
        *r = (request){.operation = find_operation(connection), .cbor = is_cbor(connection)};
        return MHD_YES;
    }
    if (*size) {
        take(r, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (r->operation == STS)
        return MHD_queue_response(connection, 200, caller);
    shape s = r->operation < 0 ? FIXED : operations[r->operation].shape;
    if (r->operation >= 0 && s == FIXED && !r->cbor)
        return MHD_queue_response(connection, 200, fixed[r->operation]);
    if (s == PUT_RECORDS && r->cbor)
        s = PUT_RECORDS_CBOR;
    else if (r->cbor)
        s = FIXED;
    size_t records = count_records(r);
    if (s == FIXED || records == 0 || records > RECORDS_MAX)
        return MHD_queue_response(connection, 400, unknown);
    return MHD_queue_response(connection, 200, batch_response(s, (unsigned)records));
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
    unknown = make_json(
        "{\"__type\":\"InvalidArgumentException\",\"message\":"
        "\"the null server does not know this request\"}");
    caller = make_response("text/xml", identity, sizeof identity - 1);
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (operations[i].shape == FIXED)
            fixed[i] = make_json(operations[i].answer);
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
