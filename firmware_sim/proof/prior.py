"""Every value of the prior, for all sequences of decisions.

The share of a label is proved by induction over one decision: it begins with 0, and a step toward 0
or a share of 1 stays between them, as `x + rshift(t - x, s)` falls neither with x nor with t. Which
decisions a stream can cause plays no part in it.
"""

from firmware_sim.prior import SHARE_ONE, Prior
from firmware_sim.proof.interval import Interval, Quantity, quantity, step

BONUS, SCORE = "prior.bonus", "prior.score"


def prove_prior(prior: Prior, score: Interval) -> tuple[Quantity, ...]:
    """Prove what a prior keeps, and what it makes of a score.

    Parameters
    ----------
    prior : Prior
    score : Interval
        Its label's score as the network gives it.

    Returns
    -------
    tuple of Quantity
        In the order of computation.

    Raises
    ------
    ValueError
        When the share leaves its interval in one step.
    """
    share = Interval(0, SHARE_ONE)
    change = step("share", share, share, prior.shift)
    bonus = share * prior.gain
    return (
        quantity("prior.share", share, "0, then moves toward 0 or a share of 1"),
        quantity(BONUS, bonus, "gain times share; nothing where the rhythm is irregular"),
        quantity(SCORE, score + bonus, "the label's score, and what is added to it"),
        quantity("prior.change", change, "target - share, then the half that rounds the shift"),
    )
