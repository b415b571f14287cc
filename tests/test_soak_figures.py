"""What has grown without bound is told; what comes and goes is not."""

from tests.soak.figures import FIRST_AND_LAST, Figures, Look, grown


def looks(bridge: list[int], descriptors: list[int] | None = None) -> list[Look]:
    return [Look(*pair, 0, 0) for pair in zip(bridge, descriptors or [20] * len(bridge), strict=True)]


def test_memory_that_grows_from_look_to_look_is_told() -> None:
    (said,) = grown(looks([80_000 + 8_000 * number for number in range(10)]))
    assert said == "the bridge took 80000 KiB of memory at first and takes 136000 KiB at the end"


def test_connections_that_are_never_closed_are_told() -> None:
    (said,) = grown(looks([80_000] * 8, list(range(20, 60, 5))))
    assert "had 20 files and connections open at first and has 45" in said


def test_a_passing_peak_is_no_growth() -> None:
    assert grown(looks([80_000, 80_000, 80_000, 80_000, 160_000, 80_000], [20, 20, 20, 20, 60, 20])) == []


def test_of_a_short_run_nothing_can_be_said() -> None:
    figures = Figures()
    figures.looks = looks([80_000 * number for number in range(1, 2 * FIRST_AND_LAST)])
    assert figures.growth() == []
