/* Memory that one thread writes often gets cache lines of its own: beside another thread's, each
 * write would take the line away from the other (false sharing; measured, a quarter of the CPU). */
#ifndef KN_BASE_ALIGN_H
#define KN_BASE_ALIGN_H

#include <stdlib.h>
#include <string.h>

#define KN_CACHE_LINE 64

/* Zeroed memory of whole cache lines, for free(); NULL when memory is out. size is above 0. */
static inline void *kn_align_alloc(size_t size) {
    size_t whole = (size + KN_CACHE_LINE - 1) / KN_CACHE_LINE * KN_CACHE_LINE;
    void *p = whole < size ? NULL : aligned_alloc(KN_CACHE_LINE, whole);
    if (p)
        memset(p, 0, whole);
    return p;
}

#endif
