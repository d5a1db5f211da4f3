/* Firehose's key expressions: the time patterns, the rules of the two prefixes, whole keys. */
#include "lake/firehose/prefix.h"
#include "tap.h"

#include "base/time.h"

#include <ctype.h>

static kn_buf b;
static kn_err err;

static const struct {
    const char *pattern, *expected; /* NULL: refused */
} patterns[] = {
    /* at 2018-08-07T09:05:03.042Z, a Tuesday */
    {"yyyy/MM/dd/HH", "2018/08/07/09"},
    {"'year='yyyy/'month='MM/'day='dd/'hour='HH", "year=2018/month=08/day=07/hour=09"},
    {"y-M-d H:m:s", "2018-8-7 9:5:3"},
    {"yy uuuu yyyyy", "18 2018 02018"},
    {"MMM MMMM MMMMM LLL", "Aug August A Aug"},
    {"E EEE EEEE EEEEE", "Tue Tue Tuesday T"},
    {"D DDD Q QQ", "219 219 3 03"},
    {"h hh K KK k kk a", "9 09 9 09 9 09 AM"},
    {"S SS SSS SSSSSS SSSSSSSSS", "0 04 042 042000 042000000"},
    {"z VV X XXX x xx xxx Z ZZZZZ", "UTC UTC Z Z +00 +0000 +00:00 +0000 Z"},
    {"'it''s' ''H''", "it's '9'"},
    {"yyyy-MM-dd'T'HH:mm", "2018-08-07T09:05"},
    {"", ""},
    {"'open", NULL},
    {"ww", NULL},
    {"HHH", NULL},
    {"ddd", NULL},
    {"DDDD", NULL},
    {"SSSSSSSSSS", NULL},
    {"[HH]", NULL},
    {"year", NULL}, /* 'e' is not a field here: text needs quotes */
};

static const struct {
    const char *prefix, *error, *complaint; /* NULL: accepted */
} rules[] = {
    {NULL, NULL, NULL},
    {"plain/", NULL, NULL},
    {"plain/", "errors/", NULL},
    {NULL, "errors/!{firehose:error-output-type}/", NULL},
    {"d/!{timestamp:yyyy}/", "e/!{firehose:error-output-type}/!{timestamp:yyyy}/", NULL},
    {"d/!{timestamp:yyyy}/", "e/", NULL},
    {"d/!{timestamp:yyyy}/", NULL, "cannot be null"},
    {"d/!{timestamp:yyyy}/", "", "cannot be null"},
    {NULL, "e/!{timestamp:yyyy}/", "add it"},
    {"d/!{firehose:error-output-type}/", "e/!{firehose:error-output-type}/", "not in Prefix"},
    {"d/!{timestamp:yyyy", "e/", "without its '}'"},
    {"d/!{timestamp:ww}/", "e/", "not a supported field"},
    {"d/!{partitionKeyFromQuery:k}/", "e/", "dynamic partitioning"},
    {"d/!{nothing}/", "e/", "is not known"},
    {"d/!{timestamp:'}'yyyy}/", "e/", NULL},
};

static const char *key(const char *prefix, const char *error, const char *type, int64_t ms) {
    kn_buf_clear(&b);
    kn_prefix_key k = {.prefix = prefix,
                       .error_prefix = error,
                       .error_type = type,
                       .stream = "s",
                       .version = "3",
                       .extension = type ? "" : ".parquet",
                       .arrival_ms = ms};
    if (!kn_prefix_write(&k, &b, &err))
        return err.message;
    /* the uuid, with its version and variant, then the extension: checked and cut */
    size_t tail = 36 + strlen(k.extension);
    if (b.len < tail || strcmp(b.p + b.len - strlen(k.extension), k.extension) != 0)
        return "no uuid or extension";
    const char *u = b.p + b.len - tail;
    for (int i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? u[i] != '-' : !isxdigit((unsigned char)u[i]))
            return "not a uuid";
    }
    if (u[14] != '4' || !strchr("89ab", u[19]))
        return "not a uuid of version 4";
    b.p[b.len - tail] = '\0';
    return b.p;
}

int main(void) {
    kn_buf_init(&b, 1 << 16);
    kn_civil when = {2018, 8, 7, 9, 5, 3, 42, 0};
    int64_t ms = kn_civil_to_ms(&when);

    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        kn_buf_clear(&b);
        bool ok = kn_prefix_format_time(kn_slice_cstr(patterns[i].pattern), ms, &b, &err);
        if (patterns[i].expected)
            tap_is_str(ok ? kn_buf_view(&b).p : err.message, patterns[i].expected, "pattern %s",
                       patterns[i].pattern);
        else
            tap_ok(!ok && strcmp(err.aws_code, "InvalidArgumentException") == 0,
                   "pattern %s is refused", patterns[i].pattern);
    }
    kn_buf_clear(&b);
    when.hour = 0;
    tap_ok(kn_prefix_format_time(KN_SLICE("h K k a"), kn_civil_to_ms(&when), &b, &err), "midnight");
    tap_is_str(b.p, "12 0 24 AM", "is 12 AM, hour 24 of k");
    kn_buf_clear(&b);
    when.hour = 12;
    tap_ok(kn_prefix_format_time(KN_SLICE("h K k a"), kn_civil_to_ms(&when), &b, &err), "noon");
    tap_is_str(b.p, "12 0 12 PM", "is 12 PM");

    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        bool ok = kn_prefix_check(rules[i].prefix, rules[i].error, &err);
        if (!rules[i].complaint)
            tap_ok(ok, "rule %zu: accepted", i);
        else if (!tap_ok(!ok && strstr(err.message, rules[i].complaint), "rule %zu: %s", i,
                         rules[i].complaint))
            printf("#   got: %s\n", ok ? "accepted" : err.message);
    }
    char longest[1100];
    memset(longest, 'x', sizeof longest);
    longest[513] = '\0';
    tap_ok(!kn_prefix_check(longest, NULL, &err), "513 evaluated characters are refused");
    longest[512] = '\0';
    tap_ok(kn_prefix_check(longest, NULL, &err), "512 are not");
    memcpy(longest + 495, "!{timestamp:MMMMEEEE}", 22); /* JanuaryThursday: 510 in all, in 1970 */
    tap_ok(!kn_prefix_check(longest, "e/!{firehose:error-output-type}", &err),
           "what would be too long in some other month is refused");

    tap_is_str(key(NULL, NULL, NULL, ms), "2018/08/07/09/s-3-2018-08-07-09-05-03-", "default key");
    tap_is_str(key("in", NULL, NULL, ms), "in2018/08/07/09/s-3-2018-08-07-09-05-03-",
               "the time is appended as it is");
    tap_is_str(key("d/!{timestamp:yyyy}", "e/", NULL, ms), "d/2018s-3-2018-08-07-09-05-03-",
               "nothing is appended after expressions");
    tap_is_str(key("in/", NULL, "format-conversion-failed", ms),
               "in/format-conversion-failed/2018/08/07/09/s-3-2018-08-07-09-05-03-",
               "errors without a prefix of their own");
    tap_is_str(key("in/", "bad/", "format-conversion-failed", ms),
               "bad/format-conversion-failed/2018/08/07/09/s-3-2018-08-07-09-05-03-",
               "errors with a plain prefix");
    tap_is_str(key("in/", "bad/!{firehose:error-output-type}/!{timestamp:HH}/",
                   "format-conversion-failed", ms),
               "bad/format-conversion-failed/09/s-3-2018-08-07-09-05-03-",
               "errors with expressions");

    static const unsigned char id[] = "an id of objects";
    kn_prefix_key named = {.stream = "s", .version = "1", .extension = "", .id = id};
    kn_buf_clear(&b);
    tap_ok(kn_prefix_write(&named, &b, &err), "a key with a given uuid");
    tap_is_str(b.p, "1970/01/01/00/s-1-1970-01-01-00-00-00-616e2069-6420-4f66-a06f-626a65637473",
               "is always the same");

    char first[64], second[64];
    snprintf(first, sizeof first, "%s", key("!{firehose:random-string}/", "e/", NULL, ms));
    snprintf(second, sizeof second, "%s", key("!{firehose:random-string}/", "e/", NULL, ms));
    tap_is_int(strspn(first, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"), 11,
               "a random string of eleven characters");
    tap_is_str(strchr(first, '/'), "/s-3-2018-08-07-09-05-03-", "and then the name");
    tap_ok(memcmp(first, second, 11) != 0, "another one each time");
    kn_buf_free(&b);
    return tap_done();
}
