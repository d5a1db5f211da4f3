/* How large a regular expression becomes. glibc writes repetitions out, those within others too, so
 * that a few characters could take all memory: "((((a+)+)+)+)+" doubles with each pair. */
#include "lake/glue/parts.h"

#include <math.h>
#include <stdlib.h>

enum { SIZE_MAX_NODES = 100000, GROUPS_MAX = 100 };

/* The end of a set that begins at p: "[]a-z]". */
static const char *skip_set(const char *p) {
    p += p[1] == '^' ? 2 : 1;
    p += *p == ']';
    while (*p && *p != ']')
        p++;
    return p;
}

/* {n}, {n,} or {n,m} at p: how often what is before it is written out. */
static double times(const char *p) {
    char *end;
    double least = strtod(p + 1, &end), most = *end == ',' ? strtod(end + 1, NULL) : least;
    return fmax(fmax(least, most), 0) + 1; /* what is no number is refused when it is compiled */
}

bool kn_glue_pattern_fits(const char *text) {
    double sum[GROUPS_MAX] = {0}, last[GROUPS_MAX] = {0}; /* of each open group */
    size_t depth = 0;
    for (const char *p = text; *p; p++) {
        double size = 1;
        if (*p == '(') {
            if (++depth == GROUPS_MAX)
                return false;
            sum[depth] = last[depth] = 0;
            continue;
        }
        if (*p == '+' || *p == '{') {
            size = last[depth] * ((*p == '+' ? 2 : times(p)) - 1);
            last[depth] += size;
        } else if (*p == ')' && depth > 0) {
            size = sum[depth--] + 1;
            last[depth] = size;
        } else {
            if (*p == '[')
                p = skip_set(p);
            else if (*p == '\\' && p[1])
                p++;
            if (*p != '*' && *p != '?')
                last[depth] = size;
        }
        sum[depth] += size;
        if (!(sum[depth] <= SIZE_MAX_NODES))
            return false;
        if (!*p)
            break;
    }
    return true;
}
