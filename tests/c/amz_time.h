/* The time of a signature, "20150830T123600Z", as a server reads it. */
#ifndef KN_TESTS_AMZ_TIME_H
#define KN_TESTS_AMZ_TIME_H

#include "base/time.h"

#include <stdio.h>

static inline bool amz_time(const char *text, int64_t *ms) {
    char iso[32];
    int n = snprintf(iso, sizeof iso, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", text, text + 4, text + 6,
                     text + 9, text + 11, text + 13);
    return text[8] == 'T' && text[15] == 'Z' && kn_time_parse_iso((kn_slice){iso, (size_t)n}, ms);
}

#endif
