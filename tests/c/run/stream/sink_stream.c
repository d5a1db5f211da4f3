/* The sender against a scripted server: what arrives, what is sent again, how it ends. Every record
 * is accounted for: delivered + failed is what was put. */
#include "run/stream/sink_stream.h"

#include "base/base64.h"
#include "base/time.h"
#include "http_server.h"
#include "tap.h"

#include <jansson.h>
#include <limits.h>

enum { NUMBERS = 4000 };

/* A stream that remembers how often each record number arrived, and fails some as told. */
typedef struct stream {
    const char *results, *count, *code;
    int throttle_requests; /* the first n requests are refused whole */
    const char *throttle;  /* ... with 503 and this code; NULL: 400, LimitExceededException */
    const char *page;      /* ... with 503 and this, which has no code */
    int status;            /* all requests are refused with it */
    const char *refusal;
    int fail_each;    /* every n-th record of a first sending fails */
    bool fail_always; /* ... and of later ones */
    bool silent;
    int arrived[NUMBERS], refused[NUMBERS];
    int largest, bad;
} stream;

static int number_of(const json_t *record) {
    const char *text = json_string_value(json_object_get(record, "Data"));
    kn_buf data;
    kn_buf_init(&data, 4096);
    int n = -1;
    if (text && kn_base64_decode(&data, kn_slice_cstr(text)))
        sscanf(kn_buf_view(&data).p, "{\"n\":%d}", &n);
    kn_buf_free(&data);
    return n >= 0 && n < NUMBERS ? n : -1;
}

static size_t serve(void *context, int n, const char *request, const char *body, size_t length,
                    char *out, size_t room, bool *close) {
    stream *s = context;
    (void)close;
    if (s->silent)
        return 0;
    if (strcasestr(request, ".ListShards\r\n")) /* asked for after a throttle; not needed */
        return http_answer(out, room, 400, "",
                           "{\"__type\":\"AccessDeniedException\",\"message\":\"no\"}");
    if (s->status)
        return http_answer(out, room, s->status, "", s->refusal);
    if (n < s->throttle_requests && s->page)
        return http_answer(out, room, 503, "", s->page);
    if (n < s->throttle_requests && s->throttle) {
        char text[100];
        snprintf(text, sizeof text, "{\"__type\":\"%s\",\"message\":\"slow\"}", s->throttle);
        return http_answer(out, room, 503, "", text);
    }
    if (n < s->throttle_requests)
        return http_answer(out, room, 400, "",
                           "{\"__type\":\"LimitExceededException\",\"message\":\"slow\"}");
    json_t *root = json_loadb(body, length, 0, NULL);
    const json_t *records = json_object_get(root, "Records");
    int count = (int)json_array_size(records), failed = 0;
    s->largest = count > s->largest ? count : s->largest;
    s->bad += count == 0;
    json_t *results = json_array();
    for (int i = 0; i < count; i++) {
        int number = number_of(json_array_get(records, (size_t)i));
        if (number < 0) {
            s->bad++;
            continue;
        }
        bool refuse = s->fail_each && number % s->fail_each == 0 &&
                      (s->fail_always || s->refused[number] == 0);
        s->refused[number] += refuse;
        s->arrived[number] += !refuse;
        failed += refuse;
        json_array_append_new(results, refuse ? json_pack("{s:s,s:s}", "ErrorCode", s->code,
                                                          "ErrorMessage", "as told")
                                              : json_pack("{s:s}", "SequenceNumber", "1"));
    }
    json_t *reply = json_pack("{s:i,s:o}", s->count, failed, s->results, results);
    char *text = json_dumps(reply, 0);
    size_t written = http_answer(out, room, 200, "", text);
    free(text);
    json_decref(reply);
    json_decref(root);
    return written;
}

typedef struct run {
    http_server server;
    stream stream;
    kn_stats stats;
    kn_sink *sink;
    kn_aws_config aws;
    kn_err err;
    _Atomic bool abandon;
    uint64_t due_ns;
} run;

static void start(run *r, kn_stream_service service, kn_sink_stream_config config) {
    bool firehose = service == KN_STREAM_FIREHOSE;
    r->stream.results = firehose ? "RequestResponses" : "Records";
    r->stream.count = firehose ? "FailedPutCount" : "FailedRecordCount";
    if (!r->aws.endpoint[0]) {
        http_start(&r->server, serve, &r->stream);
        strcpy(r->aws.endpoint, r->server.url);
    }
    strcpy(r->aws.access_key, "AKID");
    strcpy(r->aws.secret_key, "secret");
    config.aws = &r->aws;
    config.service = service;
    config.stream = "s";
    if (!config.linger_ms)
        config.linger_ms = 60000; /* a slow machine sends no request before it is full */
    if (!tap_ok(kn_sink_stream_open(&config, &r->stats, &r->sink, &r->err), "open"))
        exit(1);
    r->sink->stop = kn_stop_at(&r->abandon);
}

static bool put(run *r, int n) {
    char data[64], key[16];
    snprintf(data, sizeof data, "{\"n\":%d}", n);
    snprintf(key, sizeof key, "%d", n);
    kn_record record = {.index = (uint64_t)n,
                        .due_ns = r->due_ns,
                        .now_ns = kn_time_monotonic_ns(),
                        .data = kn_slice_cstr(data),
                        .partition_key = kn_slice_cstr(key)};
    return r->sink->type->put(r->sink, &record, &r->err);
}

static bool drain(run *r, uint64_t deadline) {
    return r->sink->type->drain(r->sink, deadline, &r->err);
}

static void end(run *r, uint64_t generated) {
    if (r->sink)
        r->sink->type->destroy(r->sink);
    if (r->server.port)
        http_stop(&r->server);
    tap_is_int(r->stats.delivered + r->stats.failed, generated, "every record is accounted for");
    tap_is_int(r->stream.bad, 0, "every request was well-formed");
    free(r);
}

static int arrived_once(const run *r, int n) {
    int once = 0;
    for (int i = 0; i < n; i++)
        once += r->stream.arrived[i] == 1;
    return once;
}

static bool put_many(run *r, int n) {
    for (int i = 0; i < n; i++)
        if (!put(r, i))
            return false;
    return true;
}

static void delivers(kn_stream_service service) {
    run *r = calloc(1, sizeof *r);
    start(r, service, (kn_sink_stream_config){0});
    tap_ok(put_many(r, 1234), "put 1234");
    tap_ok(drain(r, 0), "drained");
    tap_is_int(arrived_once(r, 1234), 1234, "each arrived once");
    tap_is_int(r->stream.largest, 500, "500 in a request");
    tap_is_int(r->stats.requests, 3, "three requests");
    tap_is_int(r->stats.bytes, 10 * 7 + 90 * 8 + 900 * 9 + 234 * 10, "bytes of data");
    tap_ok(!r->stats.retried && !r->stats.failed && r->stats.first_error.code == KN_OK,
           "nothing else happened");
    end(r, 1234);
}

static void only_failed_again(kn_stream_service service, const char *code) {
    run *r = calloc(1, sizeof *r);
    r->stream.fail_each = 3;
    r->stream.code = code;
    start(r, service, (kn_sink_stream_config){.requests_in_flight = 2});
    tap_ok(put_many(r, 1500) && drain(r, 0), "%s: put and drained", code);
    tap_is_int(arrived_once(r, 1500), 1500, "each arrived once: only what failed was sent again");
    tap_is_int(r->stats.retried, 500, "a third was retried");
    tap_is_int(r->stats.failed, 0, "none failed");
    end(r, 1500);
}

static void fails_for_good(void) {
    run *r = calloc(1, sizeof *r);
    r->stream.fail_each = 10;
    r->stream.fail_always = true;
    r->stream.code = "KMSDisabledException";
    start(r, KN_STREAM_KINESIS, (kn_sink_stream_config){0});
    tap_ok(put_many(r, 1000) && drain(r, 0), "the run goes on");
    tap_is_int(r->stats.failed, 100, "those records failed");
    tap_is_int(r->stats.delivered, 900, "the others were delivered");
    tap_is_str(r->stats.first_error.aws_code, "KMSDisabledException", "the reason is kept");
    end(r, 1000);

    r = calloc(1, sizeof *r);
    r->stream.fail_each = 10;
    r->stream.fail_always = true;
    r->stream.code = "InternalFailure";
    r->aws.max_attempts = 3;
    start(r, KN_STREAM_KINESIS, (kn_sink_stream_config){0});
    tap_ok(put_many(r, 100) && drain(r, 0), "a record that is always refused");
    tap_is_int(r->stats.failed, 10, "is given up");
    tap_is_int(r->stats.retried, 20, "after three sends");
    end(r, 100);
}

static void refuses_records(void) {
    run *r = calloc(1, sizeof *r);
    start(r, KN_STREAM_KINESIS, (kn_sink_stream_config){0});
    static char large[(1 << 20) + 1];
    memset(large, 'x', sizeof large);
    kn_record record = {.index = 1, .data = {large, sizeof large}, .partition_key = KN_SLICE("k")};
    tap_ok(put(r, 0) && r->sink->type->put(r->sink, &record, &r->err) && put(r, 2),
           "a record that is too large fails alone");
    tap_ok(drain(r, 0), "drained");
    tap_ok(r->stats.delivered == 2 && r->stats.failed == 1, "its neighbours arrive");
    tap_ok(strstr(r->stats.first_error.message, "record 1: a record of 1048578 bytes") != NULL,
           "it is named: %s", r->stats.first_error.message);
    end(r, 3);

    r = calloc(1, sizeof *r);
    start(r, KN_STREAM_KINESIS, (kn_sink_stream_config){0});
    tap_ok(r->sink->type->put(r->sink, &record, &r->err) && drain(r, 0), "one that is alone too");
    tap_is_int(r->stats.requests, 0, "no request is sent for it");
    end(r, 1);
}

static void retries_requests(void) {
    run *r = calloc(1, sizeof *r);
    r->stream.throttle_requests = 3;
    start(r, KN_STREAM_KINESIS, (kn_sink_stream_config){.requests_in_flight = 1});
    tap_ok(put_many(r, 600) && drain(r, 0), "put and drained over throttled requests");
    tap_is_int(arrived_once(r, 600), 600, "each arrived once");
    tap_is_int(r->stats.requests, 5, "three refused requests were sent again");
    tap_is_int(r->stats.retried, r->stats.throttled, "records of refused requests are counted");
    end(r, 600);
}

static void outlasts_throttles(void) {
    run *r = calloc(1, sizeof *r);
    r->stream.throttle_requests = 3; /* more than the attempts of one call */
    r->aws.max_attempts = 2;
    start(r, KN_STREAM_KINESIS, (kn_sink_stream_config){.requests_in_flight = 1});
    tap_ok(put_many(r, 500) && drain(r, 0),
           "a request throttled by all its attempts is sent again");
    tap_is_int(arrived_once(r, 500), 500, "each arrived once");
    tap_is_int(r->stats.retried, 1500, "every send beyond the first is counted");
    tap_is_int(r->stats.throttled, 1500, "and was throttled");
    end(r, 500);

    r = calloc(1, sizeof *r);
    r->stream.throttle_requests = 1;
    r->aws.max_attempts = 1;
    start(r, KN_STREAM_KINESIS, (kn_sink_stream_config){.requests_in_flight = 1});
    tap_ok(put_many(r, 600) && drain(r, 0), "a throttle never ends the run");
    tap_ok(r->stats.failed == 500 && r->stats.delivered == 100, "only its records fail");
    tap_is_str(r->stats.first_error.aws_code, "LimitExceededException", "and why");
    end(r, 600);
}

/* Firehose refuses whole requests where a delivery stream takes no more. */
static void outlasts_busy_firehose(void) {
    run *r = calloc(1, sizeof *r);
    r->stream.throttle_requests = 3;
    r->stream.throttle = "ServiceUnavailableException";
    r->aws.max_attempts = 2;
    start(r, KN_STREAM_FIREHOSE, (kn_sink_stream_config){.requests_in_flight = 1});
    tap_ok(put_many(r, 500) && drain(r, 0), "a delivery stream that takes no more for now");
    tap_is_int(arrived_once(r, 500), 500, "each arrived once");
    tap_ok(r->stats.maybe_twice == 0 && r->stats.throttled == 1500,
           "as told: it has refused them, %llu times", (unsigned long long)r->stats.throttled);
    end(r, 500);

    r = calloc(1, sizeof *r);
    r->stream.throttle_requests = 2;
    r->stream.page = "<html>ServiceUnavailableException</html>";
    start(r, KN_STREAM_FIREHOSE, (kn_sink_stream_config){.requests_in_flight = 1});
    tap_ok(put_many(r, 500) && drain(r, 0), "a 503 of somebody between");
    tap_ok(r->stats.maybe_twice == 1000 && r->stats.throttled == 0,
           "says nothing of what was taken");
    end(r, 500);

    r = calloc(1, sizeof *r);
    r->stream.throttle_requests = 2;
    r->stream.throttle = "ServiceUnavailableException";
    start(r, KN_STREAM_KINESIS, (kn_sink_stream_config){.requests_in_flight = 1});
    tap_ok(put_many(r, 500) && drain(r, 0), "a 503 of Kinesis");
    tap_ok(r->stats.maybe_twice == 1000 && r->stats.throttled == 0, "is no word of its rate");
    end(r, 500);
}

/* The first requests are sent before it is known that somebody is there. */
static void outlasts_a_start(void) {
    run *r = calloc(1, sizeof *r);
    r->stream.throttle_requests = 6;
    r->stream.throttle = "InternalFailure";
    start(r, KN_STREAM_KINESIS, (kn_sink_stream_config){.requests_in_flight = 1});
    tap_ok(put_many(r, 500) && drain(r, 0), "a server that is not ready at first");
    tap_is_int(arrived_once(r, 500), 500, "each arrived once");
    end(r, 500);
}

static void stops(void) {
    run *r = calloc(1, sizeof *r);
    r->stream.status = 400;
    r->stream.refusal = "{\"__type\":\"ResourceNotFoundException\",\"message\":\"no stream s\"}";
    start(r, KN_STREAM_KINESIS, (kn_sink_stream_config){.requests_in_flight = 2});
    int n = 0;
    while (n < 100000 && put(r, n % NUMBERS))
        n++;
    n++; /* the record of the failing put counts too */
    tap_ok(n < 5000, "a refused stream stops the run (after %d records)", n);
    tap_is_str(r->err.aws_code, "ResourceNotFoundException", "with the service's reason");
    tap_ok(!put(r, 0), "nothing more is taken");
    tap_ok(!drain(r, 0), "drain says so too");
    tap_is_int(r->stats.delivered, 0, "nothing was delivered");
    end(r, (uint64_t)n + 1);
}

static void dead_endpoint(void) {
    run *r = calloc(1, sizeof *r);
    int port, fd = http_bind(&port, false);
    snprintf(r->aws.endpoint, sizeof r->aws.endpoint, "http://127.0.0.1:%d", port);
    start(r, KN_STREAM_KINESIS, (kn_sink_stream_config){0});
    int n = 0;
    while (n < 1000000 && put(r, n % NUMBERS))
        n++;
    tap_ok(n < 1000000, "no server: stopped after %d records", n);
    tap_ok(strstr(r->err.message, "no server answers at http://127.0.0.1:") != NULL, "%s",
           r->err.message);
    tap_ok(!drain(r, 0), "drain fails too");
    end(r, (uint64_t)n + 1);
    close(fd);
}

static void ends_in_time(void) {
    run *r = calloc(1, sizeof *r);
    r->stream.silent = true;
    start(r, KN_STREAM_KINESIS, (kn_sink_stream_config){.requests_in_flight = 2});
    tap_ok(put_many(r, 700), "put");
    uint64_t deadline = kn_time_monotonic_ns() + 200000000u;
    tap_ok(drain(r, deadline), "a deadline is no error of the run");
    tap_ok(kn_time_monotonic_ns() >= deadline, "until it an answer is waited for");
    tap_is_int(r->stats.failed, 700, "what had no answer failed");
    tap_is_str(r->stats.first_error.message, "kinesis PutRecords: no answer when the run ended",
               "and why");
    end(r, 700);

    r = calloc(1, sizeof *r);
    r->stream.silent = true;
    start(r, KN_STREAM_KINESIS, (kn_sink_stream_config){.requests_in_flight = 2});
    tap_ok(put_many(r, 1000), "two requests on their way are as many as may be");
    r->abandon = true;
    tap_ok(!put(r, 1000) && r->err.code == KN_ECANCEL, "when abandoned, put does not wait");
    tap_ok(drain(r, 0), "nor does drain");
    end(r, 1001);
}

/* Given up while its request waits to be sent again: what was refused before has not arrived. In
 * each try the request may just be on its way. */
static void knows_what_waits(void) {
    bool certain = false;
    for (int i = 0; i < 8 && !certain; i++) {
        run *r = calloc(1, sizeof *r);
        r->stream.throttle_requests = INT_MAX;
        start(r, KN_STREAM_KINESIS, (kn_sink_stream_config){.linger_ms = 1});
        tap_ok(put(r, 0), "a record that is refused for now");
        for (int n = 0, after = 0; n < 1000 && after < 5; n++) {
            if (!r->sink->type->poll(r->sink, 5, &r->err))
                break;
            kn_sleep_ms(1);
            after += r->server.requests >= 3;
        }
        tap_ok(drain(r, 1) && r->stats.failed == 1, "is given up");
        certain = r->stats.uncertain == 0;
        end(r, 1);
    }
    tap_ok(certain, "and has not arrived");
}

static void lingers(void) {
    run *r = calloc(1, sizeof *r);
    start(r, KN_STREAM_KINESIS, (kn_sink_stream_config){.linger_ms = 30});
    tap_ok(put(r, 0), "one record");
    uint64_t stop = kn_time_monotonic_ns() + 60000000000u;
    while (!r->stats.delivered && kn_time_monotonic_ns() < stop)
        if (!r->sink->type->poll(r->sink, 10, &r->err))
            break;
        else
            kn_sleep_ms(1);
    tap_is_int(r->stats.delivered, 1, "is sent when it has waited long enough");
    tap_ok(put(r, 1), "another");
    kn_sleep_ms(60);
    tap_ok(put(r, 2), "a put after its time sends both");
    tap_ok(drain(r, 0), "drained");
    tap_is_int(r->stats.requests, 2, "in two requests");
    end(r, 3);
}

/* Latency counts from when a record was due, not from when it was put, or sent again. */
static void counts_latency(void) {
    run *r = calloc(1, sizeof *r);
    r->stream.fail_each = 3;
    r->stream.code = "ProvisionedThroughputExceededException";
    r->due_ns = kn_time_monotonic_ns() - 2000000000u;
    start(r, KN_STREAM_KINESIS, (kn_sink_stream_config){0});
    tap_ok(put_many(r, 999), "records that were due two seconds ago");
    r->due_ns = kn_time_monotonic_ns() + 3600000000000u;
    tap_ok(put(r, 999) && drain(r, 0), "and one that is due in an hour");
    kn_latency l = kn_histogram_latency(&r->stats.latency);
    tap_is_int(l.count, 1000, "each delivered record counts once, retried or not");
    tap_ok(l.p50 >= 1.98, "with the time since it was due (%.2f s)", l.p50);
    tap_is_int(l.within[0], 1, "and never less than 0");
    end(r, 1000);
}

int main(void) {
    delivers(KN_STREAM_KINESIS);
    delivers(KN_STREAM_FIREHOSE);
    only_failed_again(KN_STREAM_KINESIS, "ProvisionedThroughputExceededException");
    only_failed_again(KN_STREAM_FIREHOSE, "ServiceUnavailableException");
    fails_for_good();
    refuses_records();
    retries_requests();
    outlasts_throttles();
    outlasts_busy_firehose();
    outlasts_a_start();
    stops();
    dead_endpoint();
    ends_in_time();
    knows_what_waits();
    lingers();
    counts_latency();
    return tap_done();
}
