"""Fit the numbers of the ranking to labelled logs, and say how well it does on logs it was not fitted to.

    python -m bench.calibrate fixtures/cases ../shared/cases            # figures only
    python -m bench.calibrate fixtures/cases ../shared/cases --write    # and write checks/calibration.json

Every number keeps the YAML's value behind it as so many cases seen before: 8 for a link word, 200 for a leak.
Leave-one-out: each case is ranked with numbers fitted to all the others. (The signatures themselves are written by
people who saw some of the cases; only logs that nobody looked at tell how good those are.)
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from bench.cases import Case, Figures, Score, figures, read_cases, score
from gradio_doctor.knowledge.calibration import FILE, Calibration, apply
from gradio_doctor.knowledge.model import Knowledge
from gradio_doctor.registry import builtin_directory, load

LINK_CASES, LEAK_CASES, PRIOR_CASES = 8.0, 200.0, 400.0
TEMPERATURES = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0)


def fit(knowledge: Knowledge, cases: Sequence[Case], temperature: float = 1.0) -> Calibration:
    """Counts with the YAML's numbers as pseudo-cases."""
    seen = {c.id: {f.id for f in c.findings.values() if f.seen} for c in cases}
    by_label: dict[str, list[Case]] = {}
    for case in cases:
        by_label.setdefault(case.label, []).append(case)
    links = {}
    for name, mine in by_label.items():
        if name in knowledge.causes:
            links[name] = {
                f: (LINK_CASES * p + sum(f in seen[c.id] for c in mine)) / (LINK_CASES + len(mine))
                for f, p in knowledge.causes[name].links.items()
            }
    leaks = _leaks(knowledge, cases, seen)
    total = sum(c.prior for c in knowledge.causes.values())
    priors = {
        c.id: (PRIOR_CASES * c.prior + total * len(by_label.get(c.id, []))) / (PRIOR_CASES + len(cases))
        for c in knowledge.causes.values()
    }
    return Calibration(priors, leaks, links, None, temperature)


def _leaks(knowledge: Knowledge, cases: Sequence[Case], seen: dict[str, set[str]]) -> dict[str, float]:
    causes_of: dict[str, set[str]] = {}
    for cause in knowledge.causes.values():
        for finding in cause.links:
            causes_of.setdefault(finding, set()).add(cause.id)
    out = {}
    for finding, causes in causes_of.items():
        kind = knowledge.findings.get(finding) or knowledge.signatures[finding]
        without = [c for c in cases if not c.accepted & causes]
        count = sum(finding in seen[c.id] for c in without)
        out[finding] = (LEAK_CASES * kind.leak + count) / (LEAK_CASES + len(without))
    return out


def leave_one_out(knowledge: Knowledge, cases: Sequence[Case], temperature: float) -> list[Score]:
    """Each case ranked with numbers fitted to all the others."""
    out = []
    for index, case in enumerate(cases):
        rest = [*cases[:index], *cases[index + 1 :]]
        out.append(score(case, apply(knowledge, fit(knowledge, rest, temperature))))
    return out


def best_temperature(knowledge: Knowledge, cases: Sequence[Case]) -> tuple[float, Figures]:
    """The temperature with the lowest Brier score by leave-one-out."""
    tried = {t: figures(leave_one_out(knowledge, cases, t)) for t in TEMPERATURES}
    best = min(tried, key=lambda t: tried[t].brier)
    return best, tried[best]


def main() -> None:
    """Print the figures, and write the fitted numbers when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directories", nargs="+", type=Path)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--misses", action="store_true", help="list the cases that are wrong by leave-one-out")
    arguments = parser.parse_args()
    loaded = load(plugins=False, calibrated=False)
    cases = read_cases(arguments.directories, loaded)
    plain = [score(c, loaded.knowledge) for c in cases]
    print(f"{len(cases)} cases\nas written     {figures(plain)}")
    temperature, out = best_temperature(loaded.knowledge, cases)
    print(f"leave-one-out  {out}  at temperature {temperature}")
    fitted = fit(loaded.knowledge, cases, temperature)
    print(f"fitted to all  {figures([score(c, apply(loaded.knowledge, fitted)) for c in cases])}")
    if arguments.misses:
        for s in leave_one_out(loaded.knowledge, cases, temperature):
            if not s.right_within(1):
                got = ", ".join(f"{n} {p:.2f}" for n, p in s.shown[:3]) or "nothing"
                print(f"  {s.case.id:44} wanted {s.case.label:26} got {got}")
    if arguments.write:
        _write(fitted, builtin_directory() / FILE)


def _write(fitted: Calibration, path: Path) -> None:
    def table(numbers: dict[str, float]) -> dict[str, float]:
        return {name: float(f"{value:.4g}") for name, value in sorted(numbers.items())}

    data = {
        "temperature": fitted.temperature, "priors": table(dict(fitted.priors)), "leaks": table(dict(fitted.leaks)),
        "links": {cause: table(dict(links)) for cause, links in sorted(fitted.links.items())},
    }
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
