"""Risk: named checks with stable reason codes, and a state that only a person takes back up."""

from jaxmm.live.risk.dissimilarity import Dissimilarity
from jaxmm.live.risk.events import Blocked, Breach, Release, Verdict
from jaxmm.live.risk.facts import Facts, OwnOrder
from jaxmm.live.risk.limits import RiskLimits
from jaxmm.live.risk.memory import Memory
from jaxmm.live.risk.reasons import Action, Quoting, Reason, State
from jaxmm.live.risk.risk import Risk
from jaxmm.live.risk.switches import Switches

__all__ = [
    "Action",
    "Blocked",
    "Breach",
    "Dissimilarity",
    "Facts",
    "Memory",
    "OwnOrder",
    "Quoting",
    "Reason",
    "Release",
    "Risk",
    "RiskLimits",
    "State",
    "Switches",
    "Verdict",
]
