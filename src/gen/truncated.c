/* See truncated.h. */
#include "gen/truncated.h"

#include <math.h>

enum { TRIES = 1024, BISECTIONS = 100 };

/* The derivative of the density's logarithm. */
static double slope_at(kn_density density, double shape, double x) {
    return density == KN_DENSITY_FALLING ? -1 : density == KN_DENSITY_NORMAL ? -x : shape - exp(x);
}

/* How far the density's logarithm at x is below its tangent at touch. */
static double below_tangent(kn_density density, double x, double touch) {
    double d = x - touch;
    return density == KN_DENSITY_FALLING  ? 0
           : density == KN_DENSITY_NORMAL ? d * d / 2
                                          : exp(touch) * (expm1(d) - d);
}

/* ---- the tangent ---- */

/* The best tangent for what lies beyond `edge`, to the right (side 1) or left (side -1) of the
 * mode: it falls by e from the edge to where it touches. Not beyond limit. */
static double touch_beyond(kn_density density, double shape, double edge, double start,
                           double limit, double side) {
    double near = start, step = 1, far = limit;
    if (isinf(limit))
        for (far = start + side; (far - edge) * -slope_at(density, shape, far) < 1 && step < 1e300;
             step *= 2)
            far = start + side * step;
    else if ((far - edge) * -slope_at(density, shape, far) < 1)
        return far;
    for (int i = 0; i < BISECTIONS; i++) {
        double middle = near + (far - near) / 2;
        if ((middle - edge) * -slope_at(density, shape, middle) < 1)
            near = middle;
        else
            far = middle;
    }
    return near;
}

/* What is under the tangent from lo to hi, in units of the density at its mode. */
static double area(kn_density density, double shape, double lo, double hi, double touch,
                   double mode) {
    double slope = slope_at(density, shape, touch);
    double height = exp(-below_tangent(density, touch, mode)), rate = fabs(slope);
    double end = slope < 0 ? lo : hi;
    if (isinf(slope == 0 ? hi - lo : end))
        return INFINITY;
    return slope == 0 ? height * (hi - lo)
                      : height * exp(rate * fabs(touch - end)) * -expm1(-rate * (hi - lo)) / rate;
}

double kn_truncated_touch(kn_density density, double shape, double lo, double hi) {
    if (density == KN_DENSITY_FALLING || !(lo < hi))
        return lo;
    double mode = density == KN_DENSITY_NORMAL ? 0 : log(shape);
    if (lo >= mode)
        return touch_beyond(density, shape, lo, lo, hi, 1);
    if (hi <= mode)
        return touch_beyond(density, shape, hi, hi, lo, -1);
    double best = mode, least = area(density, shape, lo, hi, mode, mode);
    for (int side = -1; side <= 1; side += 2) {
        double edge = side > 0 ? lo : hi;
        if (isinf(edge))
            continue;
        double touch = touch_beyond(density, shape, edge, mode, side > 0 ? hi : lo, side);
        double under = area(density, shape, lo, hi, touch, mode);
        if (under < least) {
            least = under;
            best = touch;
        }
    }
    return best;
}

/* ---- drawing ---- */

/* In proportion to e^(slope x), from lo to hi. */
static double draw_exponential(kn_rng *rng, double lo, double hi, double slope) {
    double u = kn_rng_unit(kn_rng_next(rng)), rate = fabs(slope);
    if (rate == 0)
        return lo + u * (hi - lo);
    double from_end = -log1p(u * expm1(-rate * (hi - lo))) / rate;
    return slope < 0 ? lo + from_end : hi - from_end;
}

double kn_truncated_draw(kn_rng *rng, kn_density density, double shape, double lo, double hi,
                         double touch) {
    double slope = slope_at(density, shape, touch), x = touch;
    for (int i = 0; i < TRIES && lo < hi; i++) {
        x = draw_exponential(rng, lo, hi, slope);
        if (density == KN_DENSITY_FALLING ||
            log(1 - kn_rng_unit(kn_rng_next(rng))) <= -below_tangent(density, x, touch))
            break;
    }
    return x < lo ? lo : x > hi ? hi : x;
}
