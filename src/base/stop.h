/* Who may give up a wait: asked several times a second by whatever waits long, on its thread. Once
 * it has said true it keeps saying so; what waited fails with KN_ECANCEL. */
#ifndef KN_BASE_STOP_H
#define KN_BASE_STOP_H

#include <stdbool.h>
#include <stddef.h>

enum { KN_STOP_MS = 100 }; /* between two questions */

typedef struct kn_stop {
    bool (*asked)(void *context); /* NULL: never */
    void *context;
} kn_stop;

static inline bool kn_stop_asked(const kn_stop *stop) { /* stop may be NULL */
    return stop && stop->asked && stop->asked(stop->context);
}

static inline bool kn_stop_is_flagged(void *flag) {
    return *(const _Atomic bool *)flag;
}

/* Asked once the flag is set. */
static inline kn_stop kn_stop_at(_Atomic bool *flag) {
    return (kn_stop){kn_stop_is_flagged, flag};
}

#endif
