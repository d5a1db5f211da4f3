/* See log.h. */
#include "base/log.h"

#include "base/json.h"
#include "base/time.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static _Atomic int lowest_level = KN_LOG_INFO;

/* The terminal is one: so is what stands on it. */
static pthread_mutex_t live_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
    char *p;
    size_t n;
    unsigned rows;
    bool line; /* somebody else's */
} live;        /* with the mutex held */

/* ---- the live text ---- */

/* To the start of the text, and all from there on away. */
static size_t erase_live(char *out, size_t room) {
    if (!live.n)
        return 0;
    int n = live.rows > 1 ? snprintf(out, room, "\r\33[%uA\33[J", live.rows - 1)
                          : snprintf(out, room, "\r\33[J");
    return (size_t)n;
}

/* In place of the live text: the line, then the live text again. With the mutex held. */
static void write_above(const char *line, size_t n, bool newline) {
    char erase[32];
    struct iovec parts[] = {{erase, erase_live(erase, sizeof erase)},
                            {(void *)line, n},
                            {(void *)"\n", newline},
                            {live.p, live.n}};
    if (writev(STDERR_FILENO, parts, 4) < 0)
        return; /* nowhere left to complain */
}

static unsigned count_rows(kn_slice text) {
    unsigned rows = 1;
    for (size_t i = 0; i < text.n; i++)
        rows += text.p[i] == '\n';
    return rows;
}

static void keep_live(kn_slice text) {
    free(live.p);
    live.n = 0;
    live.p = text.n ? malloc(text.n) : NULL;
    if (live.p) {
        memcpy(live.p, text.p, text.n);
        live.n = text.n;
    }
}

void kn_log_live_line(kn_slice text, unsigned rows) {
    pthread_mutex_lock(&live_mutex);
    keep_live(text);
    live.rows = rows;
    live.line = text.n > 0;
    pthread_mutex_unlock(&live_mutex);
}

void kn_log_lines(kn_slice lines) {
    pthread_mutex_lock(&live_mutex);
    if (lines.n)
        write_above(lines.p, lines.n, lines.p[lines.n - 1] != '\n');
    pthread_mutex_unlock(&live_mutex);
}

void kn_log_live(kn_slice text, unsigned rows) {
    pthread_mutex_lock(&live_mutex);
    if (live.line) {
        pthread_mutex_unlock(&live_mutex);
        return;
    }
    char erase[32];
    live.rows = rows;
    size_t n = erase_live(erase, sizeof erase);
    keep_live(text);
    if (live.n)
        live.rows = count_rows(text);
    struct iovec parts[] = {{erase, n}, {live.p, live.n}};
    if (writev(STDERR_FILENO, parts, 2) < 0)
        live.n = 0;
    pthread_mutex_unlock(&live_mutex);
}

/* ---- lines ---- */

void kn_log_set_level(kn_log_level lowest) {
    lowest_level = lowest;
}

void kn_log(kn_log_level level, const char *fmt, ...) {
    static const char *const names[] = {"DEBUG", "INFO", "WARNING", "ERROR"};
    if ((int)level < lowest_level || level >= KN_LOG_NONE)
        return;
    char line[4096], now[32];
    kn_time_iso(now, kn_time_now_ms(), false, false);
    size_t room = sizeof line - 1; /* for the newline */
    size_t n = (size_t)snprintf(line, room, "%s - %s - ", now, names[level]);
    va_list args;
    va_start(args, fmt);
    int m = vsnprintf(line + n, room - n, fmt, args);
    va_end(args);
    size_t head = n;
    if (m > 0)
        n += (size_t)m < room - n ? (size_t)m : room - n - 1;
    kn_utf8_clean(line + head, n - head); /* it may hold what a server said */
    line[n++] = '\n';
    pthread_mutex_lock(&live_mutex);
    write_above(line, n, false);
    pthread_mutex_unlock(&live_mutex);
}
