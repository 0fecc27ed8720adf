"""The vocabulary of results: one name, one meaning, one set of CF attributes for the whole family."""

from gridtrend.engine.output import Output

TAU = Output("tau", "Kendall rank correlation of {data} with time", attrs=(("valid_range", (-1.0, 1.0)),))
S = Output("s", "Mann-Kendall score S of {data}")
VAR_S = Output("var_s", "variance of the Mann-Kendall score S of {data} under no trend")
Z = Output("z", "standardised Mann-Kendall score of {data}")
P_VALUE = Output("p_value", "p-value of the Mann-Kendall test of {data}", attrs=(("valid_range", (0.0, 1.0)),))
SLOPE = Output("slope", "Theil-Sen slope of {data}", units="{slope}")
INTERCEPT = Output("intercept", "intercept of the Theil-Sen line of {data}", units="{units}")
SLOPE_LOWER = Output("slope_lower", "lower confidence limit of the Theil-Sen slope of {data}", units="{slope}")
SLOPE_UPPER = Output("slope_upper", "upper confidence limit of the Theil-Sen slope of {data}", units="{slope}")
N_VALID = Output(
    "n_valid",
    "number of valid values of {data}",
    dtype="i4",
    attrs=(("standard_name", "number_of_observations"),),
)
TREND = Output(
    "trend",
    "direction of a significant trend of {data}",
    units=None,
    dtype="i1",
    attrs=(
        ("standard_name", "status_flag"),
        ("flag_values", (-1, 0, 1)),
        ("flag_meanings", "decreasing no_trend increasing"),
    ),
)
VARIANCE_FACTOR = Output(
    "variance_factor", "factor by which serial correlation changes the variance of the Mann-Kendall score of {data}"
)
VARIANCE_FALLBACK = Output(
    "variance_fallback",
    "origin of the variance factor of {data}",
    units=None,
    dtype="i1",
    attrs=(
        ("standard_name", "status_flag"),
        ("flag_values", (0, 1)),
        ("flag_meanings", "as_estimated raised_to_first_order_autoregressive"),
    ),
)
AUTOCORRELATION = Output("r1", "lag-1 autocorrelation that was removed from {data}")
BLOCK_LENGTH = Output("block_length", "length of the blocks that {data} was resampled in", dtype="i4")
HURST = Output("hurst", "Hurst exponent of the detrended {data}")
