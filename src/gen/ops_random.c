/* Numbers with a distribution. Each draws a double, again while it is outside of min and max, and
 * writes it with `scale` digits after the point. Where so few are inside that this would take long,
 * the number is drawn between them (truncated.h): the distribution is the same.
 *
 * Normal: G. Box and M. Muller, 1958. Gamma: G. Marsaglia and W. Tsang, "A Simple Method for
 * Generating Gamma Variables", ACM TOMS 26(3), 2000. Others by inversion. They use the C library's
 * log, exp, cos and pow, so a last digit may differ between C libraries; `walk` uses none of these.
 */
#include "base/digits.h"
#include "gen/draw.h"
#include "gen/ops.h"
#include "gen/truncated.h"

#include <math.h>

/* FEW: of SAMPLES numbers fewer than these are inside, so that they are drawn between the bounds.
 * At TRIES none in 10^40 is outside where more are. */
enum { TRIES = 1024, SAMPLES = 256, FEW = 64, MAX_SCALE = 15 };

static const double two_pi = 6.283185307179586476925;

/* ---- writing ---- */

/* args: two parameters, digits after the point, min, max; where a truncated density is touched, or
 * NaN (prepare_truncated). Bounds are also those of what 18 digits can hold. */
static bool prepare(kn_op *op, size_t *length, kn_err *err) {
    int64_t scale = op->args[2].i;
    if (scale < 0 || scale > MAX_SCALE)
        return kn_fail(err, KN_EINVAL, "a scale of %lld is not 0 to %d", (long long)scale,
                       MAX_SCALE);
    double most = 9e17;
    for (int64_t i = 0; i < scale; i++)
        most /= 10;
    double *min = &op[1].args[0].d, *max = &op[1].args[1].d;
    *min = *min > -most ? *min : -most;
    *max = *max < most ? *max : most;
    if (!(*min <= *max))
        return kn_fail(err, KN_EINVAL, "min %g is greater than max %g", *min, *max);
    op[1].args[2].d = NAN;
    double largest = -*min > *max ? -*min : *max;
    *length = (size_t)scale + 3;
    for (; largest >= 1; largest /= 10)
        ++*length;
    return true;
}

static char *put_number(char *p, double v, unsigned scale) {
    static const double units[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    double unit = units[scale];
    if (v < 0 && v * unit <= -0.5) {
        *p++ = '-';
        v = -v;
    }
    uint64_t whole = (uint64_t)(fabs(v) * unit + 0.5), divisor = (uint64_t)unit;
    p = kn_put_uint(p, whole / divisor);
    if (scale == 0)
        return p;
    *p++ = '.';
    return kn_put_padded(p, whole % divisor, scale);
}

typedef double draw_fn(kn_rng *rng, const kn_op *op);

/* A distribution by one that kn_truncated_draw knows: the number for v there, and back. */
typedef struct truncation {
    kn_density density;
    double (*inner)(const kn_op *op, double v);
    double (*outer)(const kn_op *op, double x);
} truncation;

static double clamp(double v, double min, double max) {
    return v < min ? min : v > max ? max : v;
}

static bool prepare_truncated(kn_op *op, size_t *length, draw_fn *next, const truncation *in,
                              kn_err *err) {
    if (!prepare(op, length, err))
        return false;
    double min = kn_op_more(op, 3).d, max = kn_op_more(op, 4).d;
    kn_rng rng = kn_rng_at(0, 0);
    int inside = 0;
    for (int i = 0; i < SAMPLES; i++) {
        double v = next(&rng, op);
        inside += v >= min && v <= max;
    }
    double lo = in->inner(op, min), hi = in->inner(op, max);
    if (inside < FEW && lo < INFINITY)
        op[1].args[2].d = kn_truncated_touch(in->density, op->args[0].d, lo, hi);
    return true;
}

static inline char *run(const kn_cursor *c, const kn_op *op, char *p, draw_fn *next,
                        const truncation *in) {
    kn_rng rng = kn_rng_at(c->record_key, op->key);
    double min = kn_op_more(op, 3).d, max = kn_op_more(op, 4).d, v = 0;
    double touch = kn_op_more(op, 5).d;
    if (in && !isnan(touch)) {
        double x = kn_truncated_draw(&rng, in->density, op->args[0].d, in->inner(op, min),
                                     in->inner(op, max), touch);
        return put_number(p, clamp(in->outer(op, x), min, max), (unsigned)op->args[2].i);
    }
    for (int i = 0; i < TRIES; i++) {
        v = next(&rng, op);
        if (v >= min && v <= max)
            break;
    }
    return put_number(p, clamp(v, min, max), (unsigned)op->args[2].i);
}

/* ---- distributions ---- */

/* In (0, 1], so that its logarithm is finite. */
static double positive_unit(kn_rng *rng) {
    return 1 - kn_rng_unit(kn_rng_next(rng));
}

static double draw_standard(kn_rng *rng) {
    double radius = sqrt(-2 * log(positive_unit(rng)));
    return radius * cos(two_pi * kn_rng_unit(kn_rng_next(rng)));
}

/* mean, standard deviation */
static double draw_normal(kn_rng *rng, const kn_op *op) {
    return op->args[0].d + op->args[1].d * draw_standard(rng);
}

static double inner_normal(const kn_op *op, double v) {
    return (v - op->args[0].d) / op->args[1].d;
}

static double outer_normal(const kn_op *op, double x) {
    return op->args[0].d + op->args[1].d * x;
}

/* median, standard deviation of the logarithm */
static double draw_lognormal(kn_rng *rng, const kn_op *op) {
    return op->args[0].d * exp(op->args[1].d * draw_standard(rng));
}

/* Of v, which may be 0 or less, in units of the first parameter. */
static double log_of(const kn_op *op, double v) {
    return v > 0 ? log(v / op->args[0].d) : -INFINITY;
}

static double inner_lognormal(const kn_op *op, double v) {
    return log_of(op, v) / op->args[1].d;
}

static double outer_lognormal(const kn_op *op, double x) {
    return op->args[0].d * exp(op->args[1].d * x);
}

/* mean */
static double draw_exponential(kn_rng *rng, const kn_op *op) {
    return -op->args[0].d * log(positive_unit(rng));
}

static double inner_exponential(const kn_op *op, double v) {
    return fmax(0, v / op->args[0].d);
}

static double outer_exponential(const kn_op *op, double x) {
    return op->args[0].d * x;
}

/* least value, exponent */
static double draw_pareto(kn_rng *rng, const kn_op *op) {
    return op->args[0].d * pow(positive_unit(rng), -1 / op->args[1].d);
}

static double inner_pareto(const kn_op *op, double v) {
    return fmax(0, log_of(op, v) * op->args[1].d);
}

static double outer_pareto(const kn_op *op, double x) {
    return op->args[0].d * exp(x / op->args[1].d);
}

/* scale, shape */
static double draw_weibull(kn_rng *rng, const kn_op *op) {
    return op->args[0].d * pow(-log(positive_unit(rng)), 1 / op->args[1].d);
}

static double inner_weibull(const kn_op *op, double v) {
    return pow(fmax(0, v / op->args[0].d), op->args[1].d);
}

static double outer_weibull(const kn_op *op, double x) {
    return op->args[0].d * pow(x, 1 / op->args[1].d);
}

/* The rejection accepts more than 95 of 100. */
static double draw_gamma_of(kn_rng *rng, double shape) {
    double boost = 1;
    if (shape < 1) {
        boost = pow(positive_unit(rng), 1 / shape);
        shape += 1;
    }
    double d = shape - 1.0 / 3, k = 1 / sqrt(9 * d);
    for (;;) {
        double x = draw_standard(rng), v = 1 + k * x;
        if (v <= 0)
            continue;
        v = v * v * v;
        if (log(positive_unit(rng)) < 0.5 * x * x + d - d * v + d * log(v))
            return d * v * boost;
    }
}

/* shape, scale */
static double draw_gamma(kn_rng *rng, const kn_op *op) {
    return op->args[1].d * draw_gamma_of(rng, op->args[0].d);
}

static double inner_gamma(const kn_op *op, double v) {
    return v > 0 ? log(v / op->args[1].d) : -INFINITY;
}

static double outer_gamma(const kn_op *op, double x) {
    return op->args[1].d * exp(x);
}

static double draw_beta(kn_rng *rng, const kn_op *op) {
    double x = draw_gamma_of(rng, op->args[0].d), y = draw_gamma_of(rng, op->args[1].d);
    return x + y > 0 ? x / (x + y) : op->args[0].d > op->args[1].d; /* both may be too small */
}

/* mode; from min to max */
static double draw_triangular(kn_rng *rng, const kn_op *op) {
    double u = kn_rng_unit(kn_rng_next(rng)), mode = op->args[0].d;
    double min = kn_op_more(op, 3).d, max = kn_op_more(op, 4).d, range = max - min;
    if (u * range < mode - min)
        return min + sqrt(u * range * (mode - min));
    return max - sqrt((1 - u) * range * (max - mode));
}

/* the probability of success: failures before it */
static double draw_geometric(kn_rng *rng, const kn_op *op) {
    return op->args[0].d >= 1 ? 0 : floor(log(positive_unit(rng)) / log1p(-op->args[0].d));
}

#define RUN(name)                                                                                  \
    static char *run_##name(kn_cursor *c, const kn_op *op, char *p) {                              \
        return run(c, op, p, draw_##name, NULL);                                                   \
    }
RUN(beta)
RUN(triangular)
RUN(geometric)

#define RUN_TRUNCATED(name, density)                                                               \
    static const truncation in_##name = {density, inner_##name, outer_##name};                     \
    static bool prepare_##name(kn_op *op, size_t *length, kn_err *err) {                           \
        return prepare_truncated(op, length, draw_##name, &in_##name, err);                        \
    }                                                                                              \
    static char *run_##name(kn_cursor *c, const kn_op *op, char *p) {                              \
        return run(c, op, p, draw_##name, &in_##name);                                             \
    }
RUN_TRUNCATED(normal, KN_DENSITY_NORMAL)
RUN_TRUNCATED(lognormal, KN_DENSITY_NORMAL)
RUN_TRUNCATED(exponential, KN_DENSITY_FALLING)
RUN_TRUNCATED(pareto, KN_DENSITY_FALLING)
RUN_TRUNCATED(weibull, KN_DENSITY_FALLING)
RUN_TRUNCATED(gamma, KN_DENSITY_GAMMA)

/* args: n, exponent */
static bool prepare_zipf(kn_op *op, size_t *length, kn_err *err) {
    int64_t n = op->args[0].i;
    if (n < 1 || !(op->args[1].d > 0))
        return kn_fail(err, KN_EINVAL, "Zipf's law over %lld values with exponent %g", (long long)n,
                       op->args[1].d);
    *length = kn_digits_count((uint64_t)n);
    return true;
}

static char *run_zipf(kn_cursor *c, const kn_op *op, char *p) {
    kn_rng rng = kn_rng_at(c->record_key, op->key);
    return kn_put_uint(p, kn_zipf(&rng, (uint64_t)op->args[0].i, op->args[1].d));
}

/* ---- random walk ----
 *
 * The sum of i bell-shaped steps, without making the i - 1 before it: P. Levy's construction of
 * Brownian motion, in whole numbers. The walk's value at 2^k is the one at 2^(k-1) and an
 * increment; between them each midpoint is the mean of the ends and a deviation, drawn by the
 * midpoint's number. So record i needs at most 2 log2(i) draws, and neighbours share all but the
 * last of them. */

/* About normal, variance 1: four uniform numbers out of one draw. */
static double draw_bell(uint64_t key, uint64_t at) {
    uint64_t draw = kn_rng_record_key(key, at);
    uint64_t sum = (draw & 0xFFFF) + (draw >> 16 & 0xFFFF) + (draw >> 32 & 0xFFFF) + (draw >> 48);
    return ((double)sum * 0x1p-16 + 0x1p-15 - 2) * 1.7320508075688772;
}

static double walk_at(uint64_t key, uint64_t i) {
    if (i == 0)
        return 0;
    double left = draw_bell(key, 1), right = left,
           deviation = 1; /* of the step from 2^k to 2^k+1 */
    uint64_t a = 1, b = 2;
    right += draw_bell(key, 2);
    while (b <= i) {
        deviation *= 1.4142135623730951;
        left = right;
        right += deviation * draw_bell(key, b * 2);
        a = b;
        b *= 2;
    }
    deviation /= 2; /* of a midpoint: the square root of a quarter of the length */
    while (a != i) {
        uint64_t middle = a + (b - a) / 2;
        double v = (left + right) / 2 + deviation * draw_bell(key, middle);
        if (i >= middle) {
            a = middle;
            left = v;
        } else {
            b = middle;
            right = v;
        }
        deviation *= 0.70710678118654752;
    }
    return left;
}

/* args: value of record 0, standard deviation of a step, digits after the point, bounds that
 * reflect */
static char *run_walk(kn_cursor *c, const kn_op *op, char *p) {
    double min = kn_op_more(op, 3).d, max = kn_op_more(op, 4).d, range = max - min;
    double v =
        op->args[0].d + op->args[1].d * walk_at(op->key ^ c->whose, c->index & (UINT64_MAX >> 2));
    if ((v < min || v > max) && range > 0) {
        v = fmod(v - min, 2 * range);
        v = v < 0 ? v + 2 * range : v;
        v = min + (v > range ? 2 * range - v : v);
    }
    /* Steps so large that their sum is no number any more end at min. */
    return put_number(p, v >= min ? (v > max ? max : v) : min, (unsigned)op->args[2].i);
}

#define INT KN_ARG_INT
#define DOUBLE KN_ARG_DOUBLE
#define ARGUMENTS                                                                                  \
    { DOUBLE("a"), DOUBLE("b"), INT("scale"), DOUBLE("min"), DOUBLE("max") }

/* clang-format off */
const kn_op_type kn_ops_random[] = {
    /* name         arguments                   takes length prepare              run */
    {"normal",      ARGUMENTS,                  0,    0,     prepare_normal,      run_normal},
    {"lognormal",   ARGUMENTS,                  0,    0,     prepare_lognormal,   run_lognormal},
    {"exponential", ARGUMENTS,                  0,    0,     prepare_exponential, run_exponential},
    {"pareto",      ARGUMENTS,                  0,    0,     prepare_pareto,      run_pareto},
    {"weibull",     ARGUMENTS,                  0,    0,     prepare_weibull,     run_weibull},
    {"gamma",       ARGUMENTS,                  0,    0,     prepare_gamma,       run_gamma},
    {"beta",        ARGUMENTS,                  0,    0,     prepare,             run_beta},
    {"triangular",  ARGUMENTS,                  0,    0,     prepare,             run_triangular},
    {"geometric",   ARGUMENTS,                  0,    0,     prepare,             run_geometric},
    {"walk",        ARGUMENTS,                  0,    0,     prepare,             run_walk},
    {"zipf",        {INT("n"), DOUBLE("skew")}, 0,    0,     prepare_zipf,        run_zipf},
    {NULL,          {{0}},                      0,    0,     NULL,                NULL},
};
/* clang-format on */
