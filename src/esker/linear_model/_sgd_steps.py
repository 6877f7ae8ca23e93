"""learning_rate, eta0 and power_t: which step and rate they mean, and what they refuse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_classifier

from esker._parameters import check_choice, check_integer, check_number
from esker.folds import Sgd

if TYPE_CHECKING:
    from esker.linear_model._sgd_parameters import Checked

__all__ = [
    "ADAPTIVE_STEPS",
    "ALPHA",
    "AVERAGED",
    "SCHEDULES",
    "Stepping",
    "check_average",
    "check_steps",
    "new_state",
    "penalty_scale_of",
    "stepping",
]

#: scikit-learn's: one rate for all features, which time or the loss lowers.
SCHEDULES = ("constant", "optimal", "invscaling", "adaptive")
#: Steps that adapt to each feature; their rates race as those of "auto" do.
ADAPTIVE_STEPS = ("adagrad", "normalized", "ftrl", "coin")
#: Those whose records hold weights, which can be averaged.
AVERAGED = ("auto", "adagrad", *SCHEDULES)
#: The eta0 of scikit-learn's when nobody says so.
ETA0 = 0.01
#: What alpha="auto" is where no penalties race.
ALPHA = 1e-4

#: Steps that know a feature's scale.
_IN_UNITS = ("auto", "normalized")


@dataclass(frozen=True)
class Stepping:
    """A state's step: its name, how its rate falls, and the rate; None races several."""

    step: str
    rate: float | None
    power: float = 0.0
    offset: float = 0.0


def stepping(model: Any) -> Stepping:
    """What the parameters of a model, which have been checked, mean."""
    name = model.learning_rate
    if name == "coin":
        return Stepping(name, 1.0)  # a lane has to have a rate, and bets do not look at it
    if name not in SCHEDULES:
        return Stepping(name, None if model.eta0 is None else float(model.eta0))
    if name == "optimal":  # 1 / (alpha (t0 + t - 1)), its first step being one of a typical weight (Bottou)
        alpha = ALPHA if model.alpha == "auto" else float(model.alpha)
        return Stepping("plain", 1 / alpha, 1.0, alpha**0.25 / alpha - 1)
    rate = ETA0 if model.eta0 is None else float(model.eta0)
    if name != "invscaling":
        return Stepping("plain", rate)
    power = (0.5 if is_classifier(model) else 0.25) if model.power_t is None else float(model.power_t)
    return Stepping("plain", rate, power)


def penalty_scale_of(model: Any) -> str:
    """The scale that penalties act in."""
    return model.penalty_scale or ("feature" if model.learning_rate in _IN_UNITS else "raw")


def check_steps(model: Any) -> None:
    """Check the parameters of steps; a ValueError names the one that is wrong, or without effect, and the way out."""
    name = model.learning_rate
    if isinstance(name, str) and name in ("pa1", "pa2"):
        raise ValueError(
            f"learning_rate={name!r} is not implemented; use 'auto', whose steps adapt to each feature, or one of "
            f"{', '.join(repr(other) for other in SCHEDULES)}"
        )
    check_choice("learning_rate", name, ("auto", *SCHEDULES, *ADAPTIVE_STEPS))
    if model.eta0 is not None:
        check_number("eta0", model.eta0, 0, open_low=True)
        if name in ("optimal", "coin"):
            why = "whose rate follows from alpha" if name == "optimal" else "which bets, without a rate"
            raise ValueError(
                f"eta0={model.eta0!r} has no effect with learning_rate={name!r}, {why}; leave it None"
            )
    if model.power_t is not None:
        check_number("power_t", model.power_t, 0)
        if name != "invscaling":
            raise ValueError(
                f"power_t={model.power_t!r} has no effect with learning_rate={name!r}; leave it None, or use "
                "learning_rate='invscaling'"
            )
    if name == "optimal" and model.alpha == 0:
        raise ValueError(
            "learning_rate='optimal' divides by alpha, got 0; set an alpha above 0, or use 'auto'"
        )
    if name == "coin":
        if model.penalty not in ("l2", None) or model.penalty_scale is not None:
            raise ValueError(
                f"learning_rate='coin' has no penalty, got penalty={model.penalty!r} and penalty_scale={model.penalty_scale!r}; "
                "leave both as they are"
            )
        if model.alpha not in ("auto", ALPHA):
            raise ValueError(
                f"alpha={model.alpha!r} has no effect with learning_rate='coin', which has no penalty; leave it 'auto'"
            )
    if name == "adaptive" and model.tol is None:
        raise ValueError(
            "learning_rate='adaptive' lowers its rate when epochs gain less than tol, got tol=None; set tol, or use "
            "'constant'"
        )
    if model.penalty_scale is not None:
        check_choice("penalty_scale", model.penalty_scale, ("feature", "raw"))
        if model.penalty_scale == "feature" and name not in _IN_UNITS:
            raise ValueError(
                f"penalty_scale='feature' is for learning_rate='auto' and 'normalized', got {name!r}, which takes features as they are; "
                "leave it None"
            )


def check_average(model: Any) -> int:
    """The first step whose weights count in averages, 0 for none; a ValueError where `average` has no effect."""
    average = model.average
    if average is False or (average == 0 and not isinstance(average, str)):
        return 0
    if isinstance(average, str):
        check_choice("average", average, ("auto",))
        if not model.early_stopping:
            raise ValueError(
                "average='auto' decides by held-out rows, which early_stopping=False has not; use True or False"
            )
    elif not isinstance(average, bool | np.bool_):
        check_integer("average", average, 1)
    if model.learning_rate not in AVERAGED:
        raise ValueError(
            f"average={average!r} is not for learning_rate={model.learning_rate!r}, whose records hold no weights to average; leave "
            "it False, or use 'auto', 'adagrad' or one of " + ", ".join(map(repr, SCHEDULES))
        )
    return 1 if isinstance(average, str) else int(average)


def new_state(model: Any, checked: Checked, targets: Any, rates: Any, l1: Any, l2: Any, **more: Any) -> Sgd:
    """Lanes of these targets, rates and penalties that learn as the checked parameters of a model say."""
    s = checked.stepping
    return Sgd(
        model.loss,
        targets,
        rates,
        l1,
        l2,
        fit_intercept=bool(model.fit_intercept),
        classes=is_classifier(model),
        penalty_scale=penalty_scale_of(model),
        step=s.step,
        step_power=s.power,
        step_offset=s.offset,
        **{"loss_parameter": checked.loss_parameter, **more},
    )
