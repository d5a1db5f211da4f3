/* See hold.h. */
#include "run/stream/hold.h"

#include <stdlib.h>

static size_t size_of(const kn_piece *p) {
    size_t riders = p->riders ? p->riders->count * sizeof *p->riders->list : 0;
    return sizeof(kn_held) + p->data.n + p->key.n + p->hash.n + riders;
}

static char *copy(char *to, kn_slice *s) {
    if (s->n)
        memcpy(to, s->p, s->n);
    s->p = to;
    return to + s->n;
}

bool kn_hold_add(kn_hold *h, const kn_piece *piece, uint64_t ready_ns, kn_err *err) {
    kn_held *held = malloc(sizeof *held + piece->data.n + piece->key.n + piece->hash.n);
    if (!held)
        return kn_fail(err, KN_ENOMEM, "out of memory for a record that waits");
    held->next = NULL;
    held->ready_ns = ready_ns;
    held->piece = *piece;
    copy(copy(copy(held->bytes, &held->piece.data), &held->piece.key), &held->piece.hash);
    if (h->last)
        h->last->next = held;
    else
        h->first = held;
    h->last = held;
    h->next_ns = h->count == 0 || ready_ns < h->next_ns ? ready_ns : h->next_ns;
    h->count++;
    h->bytes += size_of(piece);
    return true;
}

bool kn_hold_is_full(const kn_hold *h) {
    return h->count >= h->most_pieces || h->bytes >= h->most_bytes;
}

kn_held *kn_hold_take(kn_hold *h, kn_held *before) {
    kn_held *held = before ? before->next : h->first;
    if (before)
        before->next = held->next;
    else
        h->first = held->next;
    if (h->last == held)
        h->last = before;
    h->count--;
    h->bytes -= size_of(&held->piece);
    return held;
}

void kn_held_free(kn_held *held) {
    free(held);
}
