import pytest

from colorquant import batch, naming
from colorquant.outputs import Destination


@pytest.mark.parametrize("jobs", [1, 3])
def test_outcomes_come_in_order_and_failures_do_not_end_the_run(jobs, tmp_path):
    items = [(naming.Input(str(number)), Destination(None)) for number in range(20)]

    def task(item, destination):
        if int(item.name) % 7 == 3:
            raise ZeroDivisionError("a bug")
        return int(item.name) ** 2

    outcomes = list(batch.run(items, task, jobs))
    assert [outcome.input.name for outcome in outcomes] == [str(number) for number in range(20)]
    assert [outcome.result for outcome in outcomes[:3]] == [0, 1, 4]
    assert "unexpected ZeroDivisionError" in outcomes[3].error
    assert "Traceback" in outcomes[3].details


def test_few_inputs_are_under_way_at_a_time(tmp_path):
    started = []
    items = [(naming.Input(str(number)), Destination(None)) for number in range(50)]
    outcomes = batch.run(items, lambda item, destination: started.append(item.name), 2)
    next(outcomes)
    assert len(started) <= 5
    outcomes.close()
    assert len(started) < 50
