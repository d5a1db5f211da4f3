/* Tables of texts to choose from, with Vose's alias method for weights (M. Vose, "A Linear
 * Algorithm for Generating Random Numbers with a Given Distribution", 1991): one draw and one
 * comparison, whatever the weights. */
#include "gen/ops.h"

#include <math.h>
#include <stdlib.h>

void kn_words_free(kn_words *w) {
    free(w->text);
    free(w->items);
    free(w->threshold);
    free(w->alias);
    *w = (kn_words){0};
}

/* Fills threshold and alias; share and stack are n long each. */
static void make_alias(kn_words *w, double *share, uint32_t *stack, const double *weights,
                       double sum) {
    size_t n = w->count, small = 0, large = n; /* two stacks that grow to each other */
    for (size_t i = 0; i < n; i++) {
        share[i] = weights[i] / sum * (double)n;
        stack[share[i] < 1 ? small++ : --large] = (uint32_t)i;
        w->alias[i] = (uint32_t)i;
        w->threshold[i] = UINT64_MAX;
    }
    while (small > 0 && large < n) {
        uint32_t s = stack[--small], l = stack[large];
        w->threshold[s] = (uint64_t)(share[s] * 0x1p64);
        w->alias[s] = l;
        share[l] -= 1 - share[s];
        if (share[l] < 1) {
            large++;
            stack[small++] = l;
        }
    }
    /* What is left on the small stack is 1 but for rounding; a weight of 0 is never left: it was
     * paired while any large one was there, and rounding cannot make its share 1. */
}

static bool add_weights(kn_words *w, const double *weights, kn_err *err) {
    double sum = 0;
    for (size_t i = 0; i < w->count; i++) {
        if (!(weights[i] >= 0) || !isfinite(weights[i]))
            return kn_fail(err, KN_EINVAL, "weight %zu is %g: it must be 0 or more", i + 1,
                           weights[i]);
        sum += weights[i];
    }
    if (!(sum > 0) || !isfinite(sum))
        return kn_fail(err, KN_EINVAL, "the weights sum to %g", sum);
    double *share = malloc(w->count * sizeof *share);
    uint32_t *stack = malloc(w->count * sizeof *stack);
    w->threshold = malloc(w->count * sizeof *w->threshold);
    w->alias = malloc(w->count * sizeof *w->alias);
    bool ok = share && stack && w->threshold && w->alias;
    if (ok)
        make_alias(w, share, stack, weights, sum);
    else
        kn_fail(err, KN_ENOMEM, "out of memory");
    free(share);
    free(stack);
    return ok;
}

bool kn_words_init(kn_words *w, const kn_slice *words, const double *weights, size_t n,
                   kn_err *err) {
    size_t total = 0;
    *w = (kn_words){.count = n};
    if (n == 0)
        return kn_fail(err, KN_EINVAL, "there is nothing to choose from");
    for (size_t i = 0; i < n; i++) {
        if (words[i].n > KN_PLAN_MAX || (total += words[i].n) > KN_PLAN_MAX)
            return kn_fail(err, KN_ELIMIT, "the choices are larger than %d bytes", KN_PLAN_MAX);
        if (words[i].n > w->longest)
            w->longest = words[i].n;
    }
    w->text = calloc(1, total + 16); /* padded for kn_copy_blocks */
    w->items = malloc(n * sizeof *w->items);
    if (!w->text || !w->items) {
        kn_words_free(w);
        return kn_fail(err, KN_ENOMEM, "out of memory");
    }
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        w->items[i] = (kn_word){(uint32_t)at, (uint32_t)words[i].n};
        if (words[i].n)
            memcpy(w->text + at, words[i].p, words[i].n);
        at += words[i].n;
    }
    if (weights && !add_weights(w, weights, err)) {
        kn_words_free(w);
        return false;
    }
    return true;
}
