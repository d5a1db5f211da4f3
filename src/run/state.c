/* See state.h. */
#include "run/state.h"

#include "base/file.h"
#include "base/json.h"
#include "base/time.h"

#include <stdlib.h>

enum {
    FILE_MAX = 64 << 20,
    STEP_PACED = 2000,   /* records reserved at first */
    STEP_FREE = 1 << 20, /* without a pace: so that it does not wait for the first file */
    STEP_MOST = 16 << 20,
};

static const uint64_t WRITE_NS = 250000000;

struct kn_state {
    kn_state_config config;
    uint64_t reserved, step; /* records; how many more than are claimed */
    uint64_t written_ns;
    uint64_t claimed; /* when it was written */
    kn_buf text;
    kn_ranges ranges;
    kn_err error; /* why it could not be written; KN_OK: it was */
};

static void write_destination(kn_state *s, kn_json *j, const kn_destination *to) {
    uint64_t position = 0;
    kn_json_begin(j, '{');
    kn_json_key(j, "service");
    kn_json_cstr(j, to->service);
    kn_json_key(j, "name");
    kn_json_cstr(j, to->name);
    kn_json_key(j, "settled");
    kn_json_begin(j, '[');
    if (kn_settled_copy(to->settled, &s->ranges, &position))
        for (size_t i = 0; i < s->ranges.count; i++) {
            kn_json_begin(j, '[');
            kn_json_int(j, (int64_t)s->ranges.list[i].from);
            kn_json_int(j, (int64_t)s->ranges.list[i].to);
            kn_json_end(j, ']');
        }
    kn_json_end(j, ']');
    if (position) {
        kn_json_key(j, "position");
        kn_json_int(j, (int64_t)position);
    }
    kn_json_end(j, '}');
}

static bool write_state(kn_state *s, uint64_t claimed, uint64_t reserved, bool finished,
                        kn_err *err) {
    char time[32];
    kn_buf_clear(&s->text);
    kn_time_iso(time, kn_time_now_ms(), true, true);
    kn_buf_printf(&s->text, "{%s,\"updated\":\"%s\",\"claimed\":%lld,\"reserved\":%lld",
                  s->config.head, time, (long long)claimed, (long long)reserved);
    kn_buf_printf(&s->text, ",\"finished\":%s,\"destinations\":", finished ? "true" : "false");
    kn_json j = kn_json_to(&s->text);
    kn_json_begin(&j, '[');
    for (size_t i = 0; i < s->config.count; i++)
        write_destination(s, &j, s->config.destinations[i]);
    kn_json_end(&j, ']');
    kn_buf_cstr(&s->text, "}\n");
    return kn_buf_check(&s->text, "the state of the run", err) &&
           kn_file_write(s->config.path, kn_buf_view(&s->text), err);
}

bool kn_state_new(const kn_state_config *config, kn_state **out, kn_err *err) {
    kn_state *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    s->config = *config;
    s->claimed = s->reserved = config->first;
    s->step = config->paced ? STEP_PACED : STEP_FREE;
    s->written_ns = kn_time_monotonic_ns();
    kn_buf_init(&s->text, FILE_MAX);
    if (!write_state(s, s->claimed, s->reserved, false, err)) {
        kn_state_destroy(s);
        return false;
    }
    *out = s;
    return true;
}

void kn_state_destroy(kn_state *s) {
    if (!s)
        return;
    kn_buf_free(&s->text);
    kn_ranges_free(&s->ranges);
    free(s);
}

/* A second's, by the last writing, and more when that was not enough. */
static void choose_step(kn_state *s, uint64_t claimed, uint64_t passed_ns, bool short_of) {
    double per_second = (double)(claimed - s->claimed) * 1e9 / (double)(passed_ns + 1);
    uint64_t least = s->config.paced ? STEP_PACED : STEP_FREE;
    uint64_t wanted = (uint64_t)per_second;
    if (short_of && wanted < 2 * s->step)
        wanted = 2 * s->step;
    s->step = wanted < least ? least : wanted > STEP_MOST ? STEP_MOST : wanted;
}

void kn_state_look(kn_state *s, kn_run *run) {
    uint64_t now = kn_time_monotonic_ns(), passed = now - s->written_ns;
    uint64_t claimed = kn_run_claimed(run);
    bool first = s->reserved == s->config.first;
    bool short_of = !first && s->reserved - claimed < s->step / 4;
    if (s->error.code != KN_OK || (!first && !short_of && passed < WRITE_NS))
        return;
    if (!first)
        choose_step(s, claimed, passed, short_of);
    uint64_t reserved = claimed > UINT64_MAX - s->step ? UINT64_MAX : claimed + s->step;
    reserved = reserved < s->reserved ? s->reserved : reserved;
    s->written_ns = now;
    s->claimed = claimed;
    if (write_state(s, claimed, reserved, false, &s->error)) {
        s->error.code = KN_OK;
        s->reserved = reserved;
    } else {
        reserved = UINT64_MAX;
    }
    kn_run_limit(run, reserved);
}

bool kn_state_end(kn_state *s, kn_run *run, bool finished, kn_err *err) {
    uint64_t claimed = kn_run_claimed(run);
    bool ok = write_state(s, claimed, claimed, finished, err);
    if (s->error.code != KN_OK) {
        *err = s->error;
        return false;
    }
    return ok;
}
