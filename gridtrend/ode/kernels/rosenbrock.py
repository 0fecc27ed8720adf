"""A linearly implicit step for stiff systems. It needs no iteration, so that the cells of a tile advance together.

RODAS of order 4 with an estimate of order 3, L-stable: Hairer & Wanner 1996, Solving Ordinary Differential Equations II,
section IV.7, doi:10.1007/978-3-642-05221-7.
"""

from gridtrend.engine.jit import lane
from gridtrend.ode.kernels.matrices import inverse_of_shifted, times
from gridtrend.ode.kernels.state_tuples import along, error_norm

GAMMA = 0.25
NODES = (0.0, 0.386, 0.21, 0.63)
TIME_WEIGHTS = (0.25, -0.1043, 0.1035, -0.0362)
A2 = (1.544,)
A3 = (0.9466785280815826, 0.2557011698983284)
A4 = (3.314825187068521, 2.896124015972201, 0.9986419139977817)
A5 = (1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950)
C2 = (-5.6688,)
C3 = (-2.430093356833875, -0.2063599157091915)
C4 = (-0.1073529058151375, -9.594562251023355, -20.47028614809616)
C5 = (7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160)
C6 = (8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054)


def rodas4(field, jacobian, time_slope):
    """The step of the method for a field with its Jacobian and its derivative in time."""

    @lane
    def step(t, y, k, q, h, end, rtol, atol):
        # h is 0 where a segment is finished; the result of such a step is not used.
        inverse_h, after = 1.0 / h, min(t + h, end)
        inverse = inverse_of_shifted(inverse_h / GAMMA, 1.0, jacobian(t, y, q))
        drift = time_slope(t, y, q)
        d1, d2, d3, d4 = TIME_WEIGHTS
        u1 = times(inverse, along(field(t, y, q), h, (d1,), (drift,)))
        f2 = along(field(t + NODES[1] * h, along(y, 1.0, A2, (u1,)), q), h, (d2,), (drift,))
        u2 = times(inverse, along(f2, inverse_h, C2, (u1,)))
        f3 = along(field(t + NODES[2] * h, along(y, 1.0, A3, (u1, u2)), q), h, (d3,), (drift,))
        u3 = times(inverse, along(f3, inverse_h, C3, (u1, u2)))
        f4 = along(field(t + NODES[3] * h, along(y, 1.0, A4, (u1, u2, u3)), q), h, (d4,), (drift,))
        u4 = times(inverse, along(f4, inverse_h, C4, (u1, u2, u3)))
        y5 = along(y, 1.0, A5, (u1, u2, u3, u4))
        u5 = times(inverse, along(field(after, y5, q), inverse_h, C5, (u1, u2, u3, u4)))
        y6 = along(y5, 1.0, (1.0,), (u5,))
        u6 = times(inverse, along(field(after, y6, q), inverse_h, C6, (u1, u2, u3, u4, u5)))
        y1 = along(y6, 1.0, (1.0,), (u6,))
        return y1, k, error_norm(y, y1, (u6,), rtol, atol)

    return step
