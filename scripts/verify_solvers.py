"""The published numbers of the quoting models, as printed, and where `jaxmm solve --json` says each of them."""

from collections.abc import Iterator
from typing import Any

Printed = dict[str, str]  # path in the answer → the number as published or computed elsewhere

PRINTED: dict[str, Printed] = {
    "rl-a": {
        "J_star": "17.526268710",
        "sd": "3.653771",
        "scores.constant.J": "11.981169",
        "facts.constant_depth": ".955",
        "scores.random.J": "5.326602",
        "policy.actions.bid_depth.0.10": ".734913687",
        "policy.actions.ask_depth.0.10": ".734913687",
    },
    "rl-b": {
        "J_star": "6.763948547",
        "sd": "2.808361",
        "scores.constant.J": "1.038189",
        "facts.constant_depth": "2.15",
        "scores.random.J": "-5.653932",
        "policy.actions.bid_depth.0.5": ".885586677",
        "policy.actions.ask_depth.0.5": ".885586677",
    },
    "rl-a-49": {"J_star": "17.418341993"},
    "rl-b-49": {"J_star": "6.667219896"},
    "rl-b --set actions=.25,.75,1.5": {"J_star": "6.400666112"},
    "spm": {
        "scores.cj.J": ".132556",
        "scores.cj.sd": ".070852",
        "scores.cj_rounded.J": ".128127",
        "scores.cj_rounded.sd": ".075779",
        "scores.constant.J": ".098304",
        "scores.constant.sd": ".079144",
        "scores.random.J": ".062704",
        "scores.random.sd": ".095447",
        "J_star": ".129729069",
    },
    "as-2008": {
        "J_star": "64.8925",
        "sd": "6.5432",
        "facts.sd_q_inventory": "2.9268",
        "scores.symmetric.J": "68.2228",
        "scores.symmetric.sd": "13.4558",
        "facts.sd_q_symmetric": "8.3994",
        "facts.spread_at_start": "1.690770423",
        "facts.spread_at_end": "1.290770423",
        "facts.reservation_price_at_1": "99.6",
        "facts.certain_inventory": "62.7871",
        "facts.certain_glft": "65.2365",
    },
    "as --set gamma=.01": {
        "J_star": "68.3996",
        "sd": "8.9606",
        "facts.sd_q_inventory": "5.2125",
        "scores.symmetric.J": "68.6661",
        "scores.symmetric.sd": "13.6775",
        "facts.sd_q_symmetric": "8.7117",
    },
    "glft": {
        "J_star": "1290.625095247",
        "policy.actions.bid_depth.0.30": "3.313045410",
        "policy.actions.ask_depth.0.30": "3.313045410",
        "policy.actions.bid_depth.0.31": "3.381168074",
        "policy.actions.ask_depth.0.31": "3.244919155",
        "policy.actions.bid_depth.0.40": "3.992932562",
        "policy.actions.ask_depth.0.40": "2.632801993",
        "policy.actions.bid_depth.0.50": "4.665541985",
        "policy.actions.ask_depth.0.50": "1.959199631",
        "facts.ergodic_bid_depth.30": "3.313045419",
        "facts.ergodic_bid_depth.31": "3.381168101",
        "facts.ergodic_bid_depth.40": "3.992932747",
        "facts.ergodic_bid_depth.50": "4.665542334",
        "facts.asymptotic_bid_depth.30": "3.312915199",
        "facts.asymptotic_bid_depth.31": "3.380781031",
        "facts.asymptotic_bid_depth.40": "3.991573524",
        "facts.asymptotic_bid_depth.50": "4.670231849",
    },
    "glft --set Q=100": {
        "policy.actions.bid_depth.0.165": "7.459403276",
        "policy.actions.bid_depth.0.199": "9.320167979",
    },
    "cj --set Q=100 --set lam=140 --set phi=.01 --set alpha=.001": {
        "J_star": "68.255834762",
        "facts.ergodic_rate": "68.085490401",
        "facts.depth_at_0": ".672137149",
        "facts.bid_at_1": ".683077783",
        "facts.ask_at_1": ".661196185",
    },
    "cj": {
        "J_star": "17.393340110",
        "facts.ergodic_rate": "17.437210903",
        "facts.depth_at_0": ".745303429",
        "facts.bid_at_1": ".901365619",
        "facts.ask_at_1": ".588029904",
    },
}


def differences(answer: dict[str, Any], printed: Printed) -> Iterator[str]:
    """What is not the printed number when rounded to its digits."""
    for path, number in printed.items():
        found: Any = answer
        for step in path.split("."):
            found = found[int(step)] if isinstance(found, list) else found[step]
        digits = len(number.partition(".")[2])
        if round(found, digits) != float(number):
            yield f"{path} is {found}, printed {number}"
