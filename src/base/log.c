/* See log.h. */
#include "base/log.h"

#include "base/time.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static _Atomic int lowest_level = KN_LOG_INFO;

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
    if (m > 0)
        n += (size_t)m < room - n ? (size_t)m : room - n - 1;
    line[n++] = '\n';
    if (write(STDERR_FILENO, line, n) < 0)
        return; /* nowhere left to complain */
}
