"""The page, from raw results of which everything is known."""

import re

import cv2
import pytest

from projects.claims.report.paper import CLAIMS
from projects.claims.report.report import write_report
from projects.claims.report.statistics import figure
from projects.claims.runs.results_file import ResultsFile
from projects.claims.tests.synthetic import make_row, make_rows

_SCORES = {
    'scenes': 400,
    'scores': {'day': {'long': {'precision': {'value': 0.912}, 'recall': {'value': 0.834}}}},
}


@pytest.fixture
def page(tmp_path):
    results = ResultsFile(tmp_path / 'claims' / 'results.jsonl')
    for row in make_rows().values():
        results.append(row)
    out = tmp_path / 'claims.md'
    write_report(results.rows(), out, results.path, _SCORES)
    return out


def claim_row(text: str, about: str) -> str:
    (row,) = [line for line in text.splitlines() if f'| {about} |' in line]
    return row


def test_claims(page):
    text = page.read_text()
    row = claim_row(text, 'captions against null text')
    assert 'ADE20K, 4k steps, mIoU 50.2 against 41.5 (Tab. S1)' in row
    assert '21.0 ± 1.7 (3 seeds) against 10.0 ± 1.0 (3 seeds)' in row
    assert '11.0 ± 1.0 (3 seeds) mIoU' in row and row.endswith('| **shown** |')
    row = claim_row(text, 'pretrained U-Net against the same U-Net from scratch')
    assert '-9.0 ± 1.7 (3 seeds)' in row and row.endswith('| **opposite** |')
    row = claim_row(text, 'oracle against captions')
    assert '0.5 ± 0.7 (2 seeds)' in row and row.endswith('| **not shown** |')
    row = claim_row(text, 'captions against average EOS')
    assert row.endswith('21.0 ± 1.7 (3 seeds) against – | – | **not measured yet** |')
    row = claim_row(text, 'long against short captions')
    assert row.endswith('| **shown (one seed)** |')
    row = claim_row(text, 'no difference: nouns only, whole captions')
    assert row.endswith('| -0.5 (one seed) mIoU | **shown (one seed)** |')
    row = claim_row(text, 'day to night: simple against null modifier')
    assert '8.0 (one seed) against 7.0 (one seed) | 1.0 (one seed)' in row
    depth = next(line for line in text.splitlines() if '| depth (RMSE' in line)
    assert '0.500 (one seed) against 0.600 (one seed) | 0.100 (one seed) RMSE in m less' in depth
    assert text.count('“') == len(CLAIMS)


def test_summary_of_verdicts(page):
    lines = re.findall(r'^- \*\*(.+?)\*\*, (\d+) of (\d+): (.*)$', page.read_text(), re.MULTILINE)
    assert [line[0] for line in lines] == ['Shown', 'Not shown', 'Opposite', 'Not measured yet']
    assert sum(int(line[1]) for line in lines) == int(lines[0][2]) == len(CLAIMS)
    assert 'captions against null text: 11.0 ± 1.0 (3 seeds) mIoU; ' in lines[0][3]
    assert lines[2][1:] == (
        '1',
        str(len(CLAIMS)),
        'pretrained U-Net against the same U-Net from scratch: -9.0 ± 1.7 (3 seeds) mIoU.',
    )


def test_head_and_conditions(page):
    text = page.read_text()
    done = len(make_rows())
    assert f'**{done} of 129 runs' in text and 'CPU (2 cores, 1 thread a run)' in text
    assert '100 labelled scenes, 400 steps of 8 images, 300 test scenes, 5 classes' in text
    assert 'day: precision 0.91, recall 0.83' in text and 'torch 2.0' in text
    assert '`oracle_shapescenes` | mIoU | 21.0 ± 1.4 (2 seeds) | 0, 1 |' in text
    labelled = next(line for line in text.splitlines() if line.startswith('| 25 |'))
    assert '| 4.0 (one seed) | 5.0 (one seed) | – | 1.0 (one seed) | – |' in labelled
    blurred = next(line for line in text.splitlines() if line.startswith('| 1 |'))
    assert '| 4.0 (one seed) | 6.0 (one seed) |' in blurred
    assert 'Over 4 classes' in text and 'rank correlation' in text


def test_same_results_same_bytes(page):
    files = {page: page.read_bytes()}
    files.update({file: file.read_bytes() for file in page.with_suffix('').glob('*.png')})
    assert len(files) == 8
    for file in files:
        file.unlink()
    results = ResultsFile(page.with_suffix('') / 'results.jsonl')
    write_report(results.rows(), page, results.path, _SCORES)
    assert {file: file.read_bytes() for file in files} == files


def test_plots_show_the_results(page, tmp_path):
    names = re.findall(r'!\[.*?\]\((.*?)\)', page.read_text())
    assert len(names) == 7
    changed = [
        make_row(
            row['config'],
            row['seed'],
            1.3 * figure(row),
            labelled=row['labelled'],
            blur=row['blur'],
        )
        for row in make_rows().values()
    ]
    other = tmp_path / 'other' / 'claims.md'
    write_report({row['key']: row for row in changed}, other, tmp_path / 'other' / 'raw.jsonl')
    for name in names:
        first, second = (cv2.imread(str(folder / name)) for folder in (page.parent, other.parent))
        assert first.shape == second.shape and (first != second).any()


def test_no_results(tmp_path):
    write_report({}, tmp_path / 'claims.md', tmp_path / 'claims' / 'results.jsonl')
    text = (tmp_path / 'claims.md').read_text()
    assert text.count('**not measured yet**') == len(CLAIMS) and '**0 of 129 runs' in text
    assert 'nan' not in text and '![' not in text


def test_sentences_are_the_papers(shared):
    """But for white space, ligatures and the way that symbols are typeset."""

    def plain(text: str) -> str:
        text = text.replace('’', "'").replace('C_', 'C').replace('ﬁ', 'fi').replace('ﬀ', 'ff')
        return re.sub(r'[\s-]', '', text)

    paper = plain((shared / 'paper' / 'tadp_cvpr2024.txt').read_text())
    wrong = [claim.sentence for claim in CLAIMS if plain(claim.sentence) not in paper]
    assert wrong == []


def test_figures_are_the_papers(shared):
    reported = (shared / 'reported_results.json').read_text()
    numbers = [
        n for claim in CLAIMS for n in re.findall(r'\d+\.\d+', claim.reported.split(' (')[0])
    ]
    known = {float(number) for number in re.findall(r'\d+\.\d+', reported)}
    assert len(numbers) == 2 * sum(bool(claim.reported) for claim in CLAIMS) == 46
    assert {float(number) for number in numbers} <= known
