"""Frozen distributions, as in `RandomizedSearchCV.param_distributions`: a name of a closed list and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amber.errors import AuditError, SaveError

if TYPE_CHECKING:
    from amber.adapters.protocol import Special

# Distributions whose sampling and quantiles are direct: no search whose length a parameter could choose.
CONTINUOUS = (
    "alpha", "arcsine", "beta", "betaprime", "bradford", "burr", "burr12", "cauchy", "chi", "chi2", "cosine",
    "crystalball", "dgamma", "dweibull", "erlang", "expon", "exponnorm", "exponpow", "exponweib", "f", "fatiguelife",
    "fisk", "foldcauchy", "foldnorm", "gamma", "gengamma", "genextreme", "genlogistic", "gennorm", "genpareto",
    "gompertz", "gumbel_l", "gumbel_r", "halfcauchy", "halflogistic", "halfnorm", "hypsecant", "invgamma",
    "invgauss", "invweibull", "johnsonsb", "johnsonsu", "kappa3", "laplace", "levy", "levy_l", "loggamma",
    "logistic", "loglaplace", "lognorm", "loguniform", "lomax", "maxwell", "moyal", "nakagami", "norm", "pareto",
    "pearson3", "powerlaw", "powerlognorm", "powernorm", "rayleigh", "rdist", "reciprocal", "semicircular",
    "skewnorm", "t", "trapezoid", "triang", "truncexpon", "truncnorm", "uniform", "wald", "weibull_max",
    "weibull_min",
)  # fmt: skip
DISCRETE = (
    "bernoulli", "betabinom", "binom", "dlaplace", "geom", "hypergeom", "logser", "nbinom", "planck", "poisson",
    "randint", "zipf",
)  # fmt: skip


class Frozen:
    """`scipy.stats.uniform(0, 1)` and the like."""

    def take(self, obj: Any) -> dict[str, Any]:
        """Return name, parameters and the source of randomness."""
        import scipy.stats

        name = obj.dist.name
        # `loguniform` and `reciprocal` are one class with two names
        if name not in CONTINUOUS + DISCRETE or type(getattr(scipy.stats, name)) is not type(obj.dist):
            raise SaveError(
                "value-mismatch",
                f"the distribution {name} is not in the vocabulary",
                hint="use one of the common distributions of scipy.stats, or a list of values",
            )
        return {
            "name": name,
            "args": list(obj.args),
            "kwds": dict(obj.kwds),
            "random_state": obj.random_state,
        }

    def rebuild(self, cls: Any, state: dict[str, Any]) -> Any:
        """Freeze the distribution again."""
        import scipy.stats

        name = state["name"]
        if name not in (DISCRETE if "discrete" in cls.__name__ else CONTINUOUS):
            raise AuditError("value-mismatch", f"{name!r} is not a distribution of this class", where="rv_frozen.name")
        try:
            frozen = getattr(scipy.stats, name)(*state["args"], **state["kwds"])
        except (TypeError, ValueError) as error:
            raise AuditError("value-mismatch", f"{name}: {error}", where="rv_frozen") from error
        frozen.random_state = state["random_state"]
        return frozen


SPECIALS: dict[str, Special] = {"frozen": Frozen()}
