"""Tables of the paper's claims with our figures and verdicts, as Markdown."""

from projects.claims.runs.run_plan import VARIANTS

from .paper import CLAIMS, ITEMS, Claim
from .statistics import (
    DIGITS,
    LOWER_IS_BETTER,
    NOT_MEASURED,
    NOT_SHOWN,
    OPPOSITE,
    SHOWN,
    UNITS,
    Results,
    verdict,
)

_HEADER = (
    '| claim of the paper | reported | compared here | ours | difference | verdict |\n'
    '| --- | --- | --- | --- | --- | --- |'
)


def verdict_summary(results: Results) -> str:
    """Return the lists of claims by verdict."""
    by_verdict: dict[str, list[str]] = {}
    for claim in CLAIMS:
        found = _verdict(claim, results).split(' (')[0]
        difference = f': {_difference(claim, results)}' if found != NOT_MEASURED else ''
        by_verdict.setdefault(found, []).append(claim.about + difference)
    lines = [
        f'- **{found.capitalize()}**, {len(by_verdict[found])} of {len(CLAIMS)}: '
        f'{"; ".join(by_verdict[found])}.'
        for found in (SHOWN, NOT_SHOWN, OPPOSITE, NOT_MEASURED)
        if found in by_verdict
    ]
    return '\n'.join(lines)


def item_table(item: int, results: Results) -> str:
    """Return the table of an item's claims."""
    rows = (_row(claim, results) for claim in CLAIMS if claim.item == item)
    return '\n'.join([f'\n### {item}. {ITEMS[item]}\n\n{_HEADER}', *rows])


def _row(claim: Claim, results: Results) -> str:
    digits = DIGITS[_task(claim)]
    ours = (results.cell(name).text(digits) for name in (claim.better, claim.worse))
    cells = (
        f'“{claim.sentence}” {claim.place}',
        claim.reported or 'no figure',
        claim.about,
        ' against '.join(ours),
        _difference(claim, results),
        f'**{_verdict(claim, results)}**',
    )
    return f'| {" | ".join(cells)} |'


def _task(claim: Claim) -> str:
    return VARIANTS[claim.better].task


def _verdict(claim: Claim, results: Results) -> str:
    gain = results.gain(claim.better, claim.worse)
    return verdict(gain, results.reference_spread(_task(claim)), claim.expects_gain)


def _difference(claim: Claim, results: Results) -> str:
    task = _task(claim)
    gain = results.gain(claim.better, claim.worse)
    # A gain of RMSE is a decrease of the error.
    less = ' less' if task in LOWER_IS_BETTER else ''
    return f'{gain.text(DIGITS[task])} {UNITS[task]}{less}' if gain.count else '–'
