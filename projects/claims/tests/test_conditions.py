from projects.claims.report.conditions import by_blur, by_class, by_labelled
from projects.claims.report.statistics import Results
from projects.claims.runs.run_plan import CAPTIONS, NULL, ORACLE
from projects.claims.tests.synthetic import make_row


def results(*rows) -> Results:
    return Results({row['key']: row for row in rows})


def test_gains_by_number_of_labelled_scenes():
    found = results(
        make_row(NULL, 0, 9.0),
        make_row(CAPTIONS, 0, 12.5),
        make_row(NULL, 0, 7.0, labelled=400),
        make_row(ORACLE, 0, 9.0, labelled=400),
    )
    points = {point.at: point for point in by_labelled(found)}
    # 100 is the configs' own number.
    assert list(points) == [25, 50, 100, 200, 400]
    assert points[100].gains[CAPTIONS].mean == 3.5 and points[400].gains[ORACLE].mean == 2.0
    assert points[25].gains[CAPTIONS].count == points[100].gains[ORACLE].count == 0


def test_gains_by_blur():
    rows = [make_row(NULL, 0, 9.0), make_row(NULL, 0, 6.0, blur=2)]
    points = {
        point.at: point for point in by_blur(results(*rows, make_row(ORACLE, 0, 8.0, None, 2)))
    }
    assert [points[0].cells[NULL].mean, points[2].cells[NULL].mean] == [9, 6]
    assert points[2].gains[ORACLE].mean == 2 and points[0].gains[ORACLE].count == 0


def test_classes_need_all_prompts_and_are_in_order():
    rows = [make_row(NULL, 0, 9.0), make_row(CAPTIONS, 0, 19.0)]
    assert by_class(results(*rows)) == []
    classes = by_class(results(*rows, make_row(ORACLE, 0, 29.0)))
    taken = [gain.confusability for gain in classes]
    assert len(classes) == 4 and taken == sorted(taken)
    assert all(0 < gain.gains[CAPTIONS] < gain.gains[ORACLE] for gain in classes)
