"""Fit the numbers of the ranking to labelled logs, and say how well it does on logs it was not fitted to.

    python -m bench.calibrate fixtures/cases ../shared/cases                # figures only
    python -m bench.calibrate fixtures/cases ../shared/cases --write all    # and write checks/calibration.json

`--write temperature` writes the temperature alone: on the 297 cases of November 2026 the fitted priors, leaks and links
were no better by leave-one-out than the words of the YAML with the right temperature.

Every number keeps the YAML's value behind it as so many cases seen before: 8 for a link word, 200 for a leak.
Leave-one-out: each case is ranked with numbers fitted to all the others. (The signatures themselves are written by
people who saw some of the cases; only logs that nobody looked at tell how good those are.)
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.cases import Case, Figures, Score, figures, read_cases, score
from gradio_doctor.knowledge.calibration import FILE, Calibration, apply
from gradio_doctor.knowledge.model import Knowledge
from gradio_doctor.registry import builtin_directory, load

LINK_CASES, LEAK_CASES, PRIOR_CASES = 8.0, 200.0, 400.0
# With a temperature below 1 every finding counts for more; the unknown's prior (0.3 at 1) is raised with it, so that
# weak findings on healthy logs stay below it.
UNKNOWN_PRIOR = 0.6
TEMPERATURES = (0.7, 0.8, 0.9, 1.0, 1.25, 1.5)


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
    return Calibration(priors, leaks, links, UNKNOWN_PRIOR, temperature)


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


def best_temperature(tried: Mapping[float, Figures]) -> float:
    """The temperature with the lowest Brier score among those that raise no more false alarms than any other."""
    fewest = min(f.false_alarms for f in tried.values())
    return min((t for t in tried if tried[t].false_alarms == fewest), key=lambda t: tried[t].brier)


def main() -> None:
    """Print the figures, and write the fitted numbers when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directories", nargs="+", type=Path)
    parser.add_argument("--write", choices=("temperature", "all"))
    parser.add_argument("--misses", action="store_true", help="list the cases that are wrong by leave-one-out")
    arguments = parser.parse_args()
    loaded = load(plugins=False, calibrated=False)
    cases = read_cases(arguments.directories, loaded)
    print(f"{len(cases)} cases\nas written, temperature 1    {figures([score(c, loaded.knowledge) for c in cases])}")
    plain = {t: _plain(loaded.knowledge, cases, t) for t in TEMPERATURES}
    temperature = best_temperature({t: figures(scores) for t, scores in plain.items()})
    print(f"as written, temperature {temperature:<4} {figures(plain[temperature])}")
    left_out = {t: leave_one_out(loaded.knowledge, cases, t) for t in (temperature, 1.0)}
    for t, scores in left_out.items():
        print(f"leave-one-out, temperature {t} {figures(scores)}")
    if arguments.misses:
        _print_misses(left_out[temperature])
    if arguments.write == "all":
        _write(fit(loaded.knowledge, cases, temperature), builtin_directory() / FILE)
    elif arguments.write:
        _write(Calibration(unknown_prior=UNKNOWN_PRIOR, temperature=temperature), builtin_directory() / FILE)


def _plain(knowledge: Knowledge, cases: Sequence[Case], temperature: float) -> list[Score]:
    """Every case ranked with the numbers of the YAML."""
    cooled = apply(knowledge, Calibration(unknown_prior=UNKNOWN_PRIOR, temperature=temperature))
    return [score(c, cooled) for c in cases]


def _print_misses(scores: Sequence[Score]) -> None:
    for s in scores:
        if not s.right_within(1):
            got = ", ".join(f"{n} {p:.2f}" for n, p in s.shown[:3]) or "nothing"
            print(f"  {s.case.id:44} wanted {s.case.label:26} got {got}")


def _write(fitted: Calibration, path: Path) -> None:
    def table(numbers: dict[str, float]) -> dict[str, float]:
        return {name: float(f"{value:.4g}") for name, value in sorted(numbers.items())}

    data = {
        "temperature": fitted.temperature, "unknown_prior": fitted.unknown_prior,
        "priors": table(dict(fitted.priors)), "leaks": table(dict(fitted.leaks)),
        "links": {cause: table(dict(links)) for cause, links in sorted(fitted.links.items())},
    }
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
