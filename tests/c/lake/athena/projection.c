/* Partition projection: which objects a table's rules take in, and the value they give. */
#include "lake/athena/projection.h"
#include "base/time.h"
#include "tap.h"

static json_t *table(const char *parameters, const char *keys) {
    char text[4096];
    json_error_t problem;
    snprintf(text, sizeof text,
             "{\"Parameters\": {\"projection.enabled\": \"true\", %s}, \"PartitionKeys\": [%s], "
             "\"StorageDescriptor\": {\"Location\": \"s3://b/t\"}}",
             parameters, keys);
    json_t *doc = json_loads(text, 0, &problem);
    if (!doc)
        printf("# %s: %s\n", text, problem.text);
    return doc;
}

static int64_t now(void) {
    int64_t ms = 0;
    return kn_time_parse_iso(KN_SLICE("2022-02-02T15:17:07Z"), &ms) ? ms : 0;
}

#define DATEHOUR "{\"Name\": \"datehour\", \"Type\": \"string\"}"
#define FIREHOSE(range)                                                                            \
    "\"projection.datehour.type\": \"date\", \"projection.datehour.format\": \"yyyy/MM/dd/HH\", "  \
    "\"projection.datehour.range\": \"" range                                                      \
    "\", \"projection.datehour.interval\": \"1\", "                                                \
    "\"projection.datehour.interval.unit\": \"HOURS\", "                                           \
    "\"storage.location.template\": \"s3://b/data/${datehour}/\""
#define NUMBERS                                                                                    \
    "\"projection.n.type\": \"integer\", \"projection.n.range\": \"1, 12\", "                      \
    "\"projection.n.digits\": \"2\", \"projection.kind\": \"\", "                                  \
    "\"projection.kind.type\": \"enum\", \"projection.kind.values\": \"a, b.c\", "                 \
    "\"projection.id.type\": \"injected\""
#define WHOLE                                                                                      \
    "\"projection.n.type\": \"integer\", \"projection.n.interval\": \"2\", "                       \
    "\"projection.n.range\": \"-9223372036854775808, 9223372036854775807\""
#define ONE "{\"Name\": \"n\", \"Type\": \"bigint\"}"
#define THREE                                                                                      \
    "{\"Name\": \"kind\", \"Type\": \"string\"}, {\"Name\": \"n\", \"Type\": \"int\"}, "           \
    "{\"Name\": \"id\", \"Type\": \"string\"}"

static void check_match(void) {
    static const struct {
        const char *parameters, *keys, *uri;
        bool in;
    } cases[] = {
        {FIREHOSE("2021/01/01/00,NOW"), DATEHOUR, "s3://b/data/2022/02/02/15/x.parquet", true},
        {FIREHOSE("2021/01/01/00,NOW"), DATEHOUR, "s3://b/data/2021/01/01/00/x", true},
        {FIREHOSE("2021/01/01/00,NOW"), DATEHOUR, "s3://b/data/2020/12/31/23/x", false},
        {FIREHOSE("2021/01/01/00,NOW"), DATEHOUR, "s3://b/data/2022/02/02/16/x", false},
        {FIREHOSE("NOW-1DAYS,NOW"), DATEHOUR, "s3://b/data/2022/02/01/15/x", true},
        {FIREHOSE("NOW-1DAYS,NOW"), DATEHOUR, "s3://b/data/2022/02/01/14/x", false},
        {FIREHOSE("NOW-1MONTH,NOW+1HOURS"), DATEHOUR, "s3://b/data/2022/02/02/16/x", true},
        {FIREHOSE("NOW-3YEARS,NOW"), DATEHOUR, "s3://b/data/2019/02/02/15/x", true},
        {FIREHOSE("2021/01/01/00,NOW"), DATEHOUR, "s3://b/data/2022/02/02/x", false},
        {FIREHOSE("2021/01/01/00,NOW"), DATEHOUR, "s3://b/dataX2022/02/02/15/x", false},
        {FIREHOSE("2021/01/01/00,NOW"), DATEHOUR, "s3://other/data/2022/02/02/15/x", false},
        {NUMBERS, THREE, "s3://b/t/kind=a/n=07/id=q/x", true},
        {NUMBERS, THREE, "s3://b/t/kind=b.c/n=12/id=q/x", true},
        {NUMBERS, THREE, "s3://b/t/kind=bxc/n=12/id=q/x", false},
        {NUMBERS, THREE, "s3://b/t/kind=a/n=13/id=q/x", false},
        {NUMBERS, THREE, "s3://b/t/kind=a/n=7/id=q/x", false},
        {WHOLE, ONE, "s3://b/t/n=9223372036854775806/x", true},
        {WHOLE, ONE, "s3://b/t/n=9223372036854775807/x", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kn_projection *p = NULL;
        kn_err err = {0};
        json_t *doc = table(cases[i].parameters, cases[i].keys);
        bool ok = kn_projection_open(doc, now(), &p, &err) && p;
        tap_ok(ok && kn_projection_match(p, cases[i].uri) == cases[i].in, "%s is %s%s",
               cases[i].uri, cases[i].in ? "in" : "out", ok ? "" : err.message);
        kn_projection_close(p);
        json_decref(doc);
    }
}

static void check_sql(void) {
    kn_projection *p = NULL;
    kn_err err = {0};
    kn_buf sql;
    kn_buf_init(&sql, 4096);
    json_t *doc = table(FIREHOSE("2021/01/01/00,NOW"), DATEHOUR);
    if (!tap_ok(kn_projection_open(doc, now(), &p, &err) && p, "the table of the tutorial"))
        return;
    tap_is_str(kn_projection_prefix(p), "s3://b/data/", "prefix");
    tap_is_str(kn_projection_format(p, 0), "%Y/%m/%d/%H", "strptime's format");
    kn_projection_sql(p, 0, "uri", &sql);
    tap_is_str(sql.p,
               "regexp_extract(uri, '^s3://b/data/([0-9]{4}/[0-9]{2}/[0-9]{2}/[0-9]{2})/', 1)",
               "the value's SQL");
    kn_projection_close(p);
    json_decref(doc);
    kn_buf_free(&sql);
}

static void check_errors(void) {
    static const char *const cases[][3] = {
        {"\"projection.datehour.type\": \"dates\"", DATEHOUR, "projection.datehour.type"},
        {"\"projection.datehour.type\": \"date\"", DATEHOUR, "projection.datehour.format"},
        {"\"projection.datehour.type\": \"integer\"", DATEHOUR, "projection.datehour.range"},
        {"\"projection.datehour.type\": \"enum\"", DATEHOUR, "projection.datehour.values"},
        {FIREHOSE("yesterday,NOW"), DATEHOUR, "projection.datehour.range"},
        {FIREHOSE("NOW-3SOONS,NOW"), DATEHOUR, "projection.datehour.range"},
        {"\"projection.datehour.type\": \"injected\", \"storage.location.template\": \"s3://b/\"",
         DATEHOUR, "lacks ${datehour}"},
        {"\"projection.datehour.type\": \"injected\", \"storage.location.template\": "
         "\"s3://b/${hour}/\"",
         DATEHOUR, "${hour}"},
        {FIREHOSE("NOW-9223372036854775808YEARS,NOW"), DATEHOUR, "projection.datehour.range"},
        {FIREHOSE("NOW-90000YEARS,NOW"), DATEHOUR, "projection.datehour.range"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kn_projection *p = NULL;
        kn_err err = {0};
        json_t *doc = table(cases[i][0], cases[i][1]);
        bool ok = kn_projection_open(doc, now(), &p, &err);
        tap_ok(!ok && strstr(err.message, cases[i][2]), "the error names %s", cases[i][2]);
        if (ok || !strstr(err.message, cases[i][2]))
            printf("# %s\n", err.message);
        kn_projection_close(p);
        json_decref(doc);
    }
    kn_projection *p = NULL;
    kn_err err = {0};
    json_t *plain = json_pack("{s:{}}", "Parameters");
    tap_ok(kn_projection_open(plain, now(), &p, &err) && !p, "a table without projection");
    json_decref(plain);
    json_t *nowhere = json_pack("{s:{s:s}}", "Parameters", "projection.enabled", "true");
    tap_ok(kn_projection_open(nowhere, now(), &p, &err) && p, "one without location and columns");
    tap_is_str(kn_projection_prefix(p), "", "... whose objects begin with anything");
    kn_projection_close(p);
    json_decref(nowhere);
}

int main(void) {
    check_match();
    check_sql();
    check_errors();
    return tap_done();
}
