/* run/dead_letters.c: the lines, the lock, a disk that is full. tests/e2e/dead_letters.t.py has the
 * whole. */
#include "run/dead_letters.h"

#include "base/file.h"
#include "run/destination.h"
#include "tap.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/kn-letters-XXXXXX";

static kn_dead_letter letter_of(kn_slice data, const kn_err *why) {
    return (kn_dead_letter){.service = "kinesis",
                            .name = "s",
                            .target = "lake",
                            .index = 9007199254740993u,
                            .data = data,
                            .partition_key = KN_SLICE("k\"1"),
                            .why = why};
}

static json_t *read_line(const char *path, int n) {
    kn_buf text;
    kn_err err;
    kn_buf_init(&text, 1 << 20);
    if (!kn_file_read(path, &text, &err))
        return NULL;
    char *at = text.p;
    for (; n > 0 && at; n--)
        at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL;
    if (at && strchr(at, '\n'))
        *strchr(at, '\n') = '\0';
    json_t *line = at ? json_loads(at, 0, NULL) : NULL;
    kn_buf_free(&text);
    return line;
}

static const char *text_of(const json_t *line, const char *name) {
    const char *text = json_string_value(json_object_get(line, name));
    return text ? text : "";
}

static void lines(void) {
    char path[64];
    struct stat st;
    kn_err why, err;
    kn_dead_letters *d = NULL;
    snprintf(path, sizeof path, "%s/a/b/dead.jsonl", folder);
    kn_fail_aws(&why, 200, "InternalFailure", "it failed");
    tap_ok(kn_dead_letters_new(path, &d, &err) && stat(path, &st) != 0, "no record, no file");
    kn_dead_letter first = letter_of(KN_SLICE("{\"n\":\"\xc3\xa9\"}"), &why);
    kn_dead_letter second = letter_of(KN_SLICE("\xff\xfe"), &why);
    second.uncertain = second.no_newline = true;
    second.explicit_hash_key = KN_SLICE("7");
    tap_ok(kn_dead_letters_add(d, &first) && kn_dead_letters_add(d, &second), "two records");
    tap_is_int(kn_dead_letters_count(d, &err), 2, "are counted");
    tap_ok(kn_dead_letters_sync(d, &err), "are on the disk");
    tap_ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "for the owner alone");
    json_t *a = read_line(path, 0), *b = read_line(path, 1);
    tap_is_str(text_of(a, "data"), "{\"n\":\"\xc3\xa9\"}", "text is text");
    tap_is_int(json_integer_value(json_object_get(a, "index")), 9007199254740993, "exact index");
    tap_is_str(text_of(a, "partition_key"), "k\"1", "the key");
    tap_ok(!json_object_get(a, "explicit_hash_key") && !json_object_get(a, "newline"),
           "what is not there is absent");
    tap_is_str(text_of(json_object_get(a, "error"), "code"), "InternalFailure", "the reason");
    tap_is_str(text_of(b, "data_base64"), "//4=", "bytes are base64");
    tap_ok(!json_object_get(b, "data"), "and not text");
    tap_is_str(text_of(b, "explicit_hash_key"), "7", "the explicit hash key");
    tap_ok(json_is_false(json_object_get(b, "newline")), "no newline");
    tap_ok(json_is_true(json_object_get(json_object_get(b, "error"), "may_have_arrived")), "doubt");
    json_decref(a);
    json_decref(b);

    int fd = open(path, O_RDONLY);
    tap_ok(flock(fd, LOCK_EX | LOCK_NB) != 0, "nobody takes the file while it is written");
    kn_dead_letters_destroy(d);
    tap_ok(flock(fd, LOCK_EX | LOCK_NB) == 0, "afterwards it is free");
    d = NULL;
    tap_ok(kn_dead_letters_new(path, &d, &err) && !kn_dead_letters_add(d, &first),
           "and nobody writes it while it is taken");
    tap_is_int(kn_dead_letters_count(d, &err), 0, "which is counted");
    tap_ok(strstr(err.message, "kinessis redrive is sending it") != NULL, "%s", err.message);
    kn_dead_letters_destroy(d);
    close(fd);
}

static void full_disk(void) {
    kn_err why, err;
    kn_dead_letters *d = NULL;
    kn_fail(&why, KN_ENET, "gone");
    kn_dead_letter letter = letter_of(KN_SLICE("{}"), &why);
    tap_ok(kn_dead_letters_new("/dev/full", &d, &err) && !kn_dead_letters_add(d, &letter),
           "a full disk takes none");
    tap_is_int(kn_dead_letters_count(d, &err), 0, "none is counted");
    tap_ok(err.sys_errno != 0, "%s", err.message);
    kn_dead_letters_destroy(d);
}

/* Memory for it was out: a letter without its data would be sent again as an empty record. */
static void lost_data(void) {
    char path[64];
    kn_err why, err;
    kn_dead_letters *d = NULL;
    snprintf(path, sizeof path, "%s/lost.jsonl", folder);
    kn_fail(&why, KN_ENET, "gone");
    tap_ok(kn_dead_letters_new(path, &d, &err), "a file");
    const kn_destination to = {.service = "kinesis", .name = "s", .target = "x", .dead_letters = d};
    kn_stats stats = {0};
    kn_sink sink = {.stats = &stats, .destination = &to};
    kn_record empty = {.index = 1, .data = {"", 0}}, lost = {.index = 2};
    tap_ok(kn_sink_give_up(&sink, &empty, &why, false), "an empty record is in it");
    tap_ok(!kn_sink_give_up(&sink, &lost, &why, false), "one whose data is lost is not");
    tap_is_int(kn_dead_letters_count(d, &err), 1, "one letter");
    tap_is_int(kn_counted(&stats.failed), 2, "both have failed");
    kn_dead_letters_destroy(d);
}

int main(void) {
    if (!mkdtemp(folder))
        return 1;
    lines();
    full_disk();
    lost_data();
    kn_err err;
    tap_ok(kn_file_remove_tree(folder, &err), "clean");
    return tap_done();
}
