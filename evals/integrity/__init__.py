"""Whether an arm was measured at all: what stands between its estimates and a verdict.

Invariant: everything here follows from the stored rows and the stored experiment, so any ledger can be asked. A fault
says which share it touches, whose it is, where to look at the first example, and what to do; an arm with a fault has no
verdict and no place on a front, and neither has an arm that is compared with it.

Checks, and the share from which each is a fault:
    model     a graph called another chat model (any step), or never asked the run's       20 % of the steps
    answer    what a graph decided or recommended is in no answer of the run's model       20 % of the steps
    failed    the decision is an error, refused or truncated                              20 % of the steps
    unread    no legal action could be read from an answer, or a vote had no winner        50 % of the steps
    agent     an agent's own answers are empty, cut off before what they were to hold,
              refused, failed, or read as another label than they give                     20 % of its answers
    rationale a rationale was asked for and failed, or none could be read or was stated    50 % of those asked for
    settings  what the arm changes was asked for and not sent to the model                 any step
    slot      an agent of the plan, or a slot that a graph declares, asked at no step      every step
    unchanged every request equals the baseline's, and so does every decision              every step
    leading   in a fork, the arm that led to its situations was not measured               as for that arm
    missing   episodes that the experiment asks for are absent, or were cut short where
              the run ended early (a spent budget, a provider that is down, a stop)        20 % of the episodes

In a rollout a failure can end its episode, so the first four take whichever is larger: their share of the steps, or
the share of the episodes whose last decision they touch. Beside a `model` fault nothing is said of unread answers.
"""

from .arms import ExpectedArm, same_requests
from .checks import arm_cautions, arm_faults, integrity_faults
from .faults import IntegrityFault, unmeasured_contrast

__all__ = [
    "ExpectedArm",
    "IntegrityFault",
    "arm_cautions",
    "arm_faults",
    "integrity_faults",
    "same_requests",
    "unmeasured_contrast",
]
