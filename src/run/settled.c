/* See settled.h. */
#include "run/settled.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_RECORDS = 1000, FIRST_BLOCKS = 64 };

/* ---- ranges ---- */

/* The first range that ends at `index` or later. */
static size_t find_range(const kn_ranges *r, uint64_t index) {
    size_t low = 0, high = r->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->list[middle].to < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool make_room(kn_ranges *r, size_t count) {
    if (count <= r->capacity)
        return true;
    size_t capacity = r->capacity ? r->capacity * 2 : 16;
    capacity = capacity < count ? count : capacity;
    kn_range *list = realloc(r->list, capacity * sizeof *list);
    if (!list)
        return false;
    r->list = list;
    r->capacity = capacity;
    return true;
}

bool kn_ranges_add(kn_ranges *r, uint64_t from, uint64_t to) {
    if (from >= to)
        return true;
    size_t at = find_range(r, from), end = at;
    while (end < r->count && r->list[end].from <= to)
        end++;
    if (at == end) { /* touches none */
        if (!make_room(r, r->count + 1))
            return false;
        memmove(r->list + at + 1, r->list + at, (r->count - at) * sizeof *r->list);
        r->list[at] = (kn_range){from, to};
        r->count++;
        return true;
    }
    if (r->list[at].from < from)
        from = r->list[at].from;
    if (r->list[end - 1].to > to)
        to = r->list[end - 1].to;
    r->list[at] = (kn_range){from, to};
    memmove(r->list + at + 1, r->list + end, (r->count - end) * sizeof *r->list);
    r->count -= end - at - 1;
    return true;
}

bool kn_ranges_hold(const kn_ranges *r, uint64_t index) {
    size_t at = index < UINT64_MAX ? find_range(r, index + 1) : r->count;
    return at < r->count && r->list[at].from <= index;
}

void kn_ranges_free(kn_ranges *r) {
    free(r->list);
    *r = (kn_ranges){0};
}

/* ---- shared ---- */

struct kn_settled {
    pthread_mutex_t mutex;
    kn_ranges ranges;
    uint64_t position;
};

bool kn_settled_new(kn_settled **out, kn_err *err) {
    kn_settled *s = calloc(1, sizeof *s);
    *out = s;
    if (!s)
        return kn_fail(err, KN_ENOMEM, "out of memory");
    pthread_mutex_init(&s->mutex, NULL);
    return true;
}

void kn_settled_destroy(kn_settled *s) {
    if (!s)
        return;
    pthread_mutex_destroy(&s->mutex);
    kn_ranges_free(&s->ranges);
    free(s);
}

void kn_settled_add(kn_settled *s, uint64_t from, uint64_t to) {
    pthread_mutex_lock(&s->mutex);
    kn_ranges_add(&s->ranges, from, to); /* else: forgotten, as the header says */
    pthread_mutex_unlock(&s->mutex);
}

void kn_settled_add_at(kn_settled *s, uint64_t from, uint64_t to, uint64_t position) {
    pthread_mutex_lock(&s->mutex);
    if (kn_ranges_add(&s->ranges, from, to))
        s->position = position;
    pthread_mutex_unlock(&s->mutex);
}

bool kn_settled_copy(kn_settled *s, kn_ranges *out, uint64_t *position) {
    pthread_mutex_lock(&s->mutex);
    bool ok = make_room(out, s->ranges.count);
    if (ok && s->ranges.count)
        memcpy(out->list, s->ranges.list, s->ranges.count * sizeof *out->list);
    if (ok)
        out->count = s->ranges.count;
    *position = s->position;
    pthread_mutex_unlock(&s->mutex);
    return ok;
}

/* ---- a worker's ---- */

/* Takes out the blocks that are done; then there is room, or the list grows. */
static bool make_block_room(kn_pending *p) {
    size_t kept = 0;
    for (size_t i = 0; i < p->count; i++)
        if (p->blocks[i].left)
            p->blocks[kept++] = p->blocks[i];
    p->count = kept;
    p->last = 0;
    if (kept < p->capacity / 2)
        return true;
    size_t capacity = p->capacity ? p->capacity * 2 : FIRST_BLOCKS;
    kn_pending_block *blocks = realloc(p->blocks, capacity * sizeof *blocks);
    if (!blocks)
        return kept < p->capacity;
    p->blocks = blocks;
    p->capacity = capacity;
    return true;
}

void kn_pending_put(kn_pending *p, uint64_t index) {
    if (!p->settled)
        return;
    kn_pending_block *last = p->count ? &p->blocks[p->count - 1] : NULL;
    if (last && last->left && last->put < BLOCK_RECORDS && last->first + last->put == index) {
        last->put++;
        last->left++;
        return;
    }
    if (p->count == p->capacity && !make_block_room(p))
        return;
    p->blocks[p->count++] = (kn_pending_block){index, 1, 1};
}

static kn_pending_block *find_block(kn_pending *p, uint64_t index) {
    size_t at = p->last;
    if (at < p->count && index - p->blocks[at].first < p->blocks[at].put)
        return &p->blocks[at];
    size_t low = 0, high = p->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->blocks[middle].first <= index)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || index - p->blocks[low - 1].first >= p->blocks[low - 1].put)
        return NULL;
    p->last = low - 1;
    return &p->blocks[low - 1];
}

void kn_pending_settle(kn_pending *p, uint64_t index, uint64_t count) {
    if (!p->settled)
        return;
    for (uint64_t end = index + count, n = 1; index < end; index += n) {
        kn_pending_block *block = find_block(p, index);
        n = 1;
        if (!block || !block->left)
            continue;
        n = block->first + block->put - index;
        n = n < end - index ? n : end - index;
        block->left = n < block->left ? block->left - (uint32_t)n : 0;
        if (block->left == 0)
            kn_settled_add(p->settled, block->first, block->first + block->put);
    }
}

void kn_pending_free(kn_pending *p) {
    free(p->blocks);
    p->blocks = NULL;
    p->count = p->capacity = p->last = 0;
}
