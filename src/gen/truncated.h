/* Inside gen: a number of a log-concave density between two bounds, however little of the density
 * lies there: a tangent of its logarithm is the envelope that is drawn from, and what is over the
 * density is refused (C. P. Robert, "Simulation of truncated normal variables", Statistics and
 * Computing 5, 1995; L. Devroye, "Non-Uniform Random Variate Generation", 1986, chapter VII). Of
 * ten draws at least two are taken, where the bounds leave less than half of the density. */
#ifndef KN_GEN_TRUNCATED_H
#define KN_GEN_TRUNCATED_H

#include "base/rng.h"

typedef enum kn_density {
    KN_DENSITY_FALLING, /* e^-x, x >= 0 */
    KN_DENSITY_NORMAL,  /* e^(-x^2 / 2) */
    KN_DENSITY_GAMMA,   /* e^(shape x - e^x): the logarithm of a gamma variate */
} kn_density;

/* Where the tangent touches. lo <= hi, infinite where there is no bound; lo is below infinity. */
double kn_truncated_touch(kn_density density, double shape, double lo, double hi);

/* A number from lo to hi; touch is what kn_truncated_touch said. */
double kn_truncated_draw(kn_rng *rng, kn_density density, double shape, double lo, double hi,
                         double touch);

#endif
