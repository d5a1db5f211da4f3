/* See trail.h. */
#include "run/trail.h"

#include <string.h>

/* The first point that has the n-th record; count: none has. */
static size_t find(const kn_trail *t, uint64_t n) {
    size_t low = 0, high = t->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->points[middle].due < n)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void make_room(kn_trail *t, uint64_t settled) {
    size_t at = find(t, settled + 1), kept = 0;
    if (at > 1) { /* the line to that point begins one before it */
        t->count -= at - 1;
        memmove(t->points, t->points + at - 1, t->count * sizeof *t->points);
    }
    if (t->count < KN_TRAIL_POINTS)
        return;
    for (size_t i = 0; i < t->count; i += 2)
        t->points[kept++] = t->points[i];
    t->count = kept;
}

void kn_trail_draw(kn_trail *t, double seconds, uint64_t due, uint64_t settled) {
    kn_trail_point *last = t->count ? &t->points[t->count - 1] : NULL;
    if (last && (seconds < last->seconds || due < last->due)) {
        t->count = 0;
        last = NULL;
    }
    if (last && t->count > 1 && last->due == due && last[-1].due == due) {
        last->seconds = seconds; /* nothing is due for long */
        return;
    }
    if (t->count == KN_TRAIL_POINTS)
        make_room(t, settled);
    t->points[t->count++] = (kn_trail_point){seconds, due};
}

double kn_trail_when(const kn_trail *t, uint64_t n) {
    size_t at = find(t, n);
    if (at == 0)
        return t->count ? t->points[0].seconds : 0;
    const kn_trail_point *before = &t->points[at - 1];
    if (at == t->count)
        return before->seconds;
    const kn_trail_point *after = &t->points[at];
    return before->seconds + (after->seconds - before->seconds) * (double)(n - before->due) /
                                 (double)(after->due - before->due);
}
