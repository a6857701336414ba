"""The progress watch, with seconds that pass when somebody says so."""

from aimass_stream.kafka.progress import MAX_STEP_S, Look, ProgressWatch

STUCK = Look(done=5, is_behind=True, is_excused=False)


def still_s(
    watch: ProgressWatch[int], look: Look, most_s: float = 100, step_s: float = 1.0
) -> float:
    """Seconds until partition 0 counts as stalled; `most_s` if it never does."""
    passed = 0.0
    while passed < most_s:
        passed += step_s
        if watch.look({0: look}, step_s):
            return passed
    return most_s


def test_what_stands_still_is_named_after_the_time() -> None:
    watch = ProgressWatch[int](10)
    watch.look({0: STUCK}, 1.0)
    assert still_s(watch, STUCK) == 10


def test_progress_counts_anew() -> None:
    watch = ProgressWatch[int](10)
    for done in range(50):
        assert not watch.look({0: Look(done, is_behind=True, is_excused=False)}, 1.0)


def test_who_has_nothing_to_do_does_not_stand_still() -> None:
    assert still_s(ProgressWatch[int](10), Look(5, is_behind=False, is_excused=False)) == 100


def test_what_is_held_up_on_purpose_is_excused_and_starts_anew_after_it() -> None:
    watch = ProgressWatch[int](10)
    for _ in range(9):
        watch.look({0: STUCK}, 1.0)
    assert still_s(watch, Look(5, is_behind=True, is_excused=True)) == 100
    assert still_s(watch, STUCK) == 10


def test_time_in_which_the_process_was_stopped_counts_as_little() -> None:
    watch = ProgressWatch[int](10)
    watch.look({0: STUCK}, 1.0)
    assert not watch.look({0: STUCK}, 3600.0)
    assert still_s(watch, STUCK) == 10 - MAX_STEP_S


def test_an_allowance_is_added() -> None:
    watch = ProgressWatch[int](10)
    watch.look({0: STUCK}, 1.0)
    looks = 1
    while not watch.look({0: STUCK}, 1.0, allowance_s=5):
        looks += 1
    assert looks == 15


def test_who_is_forgiven_starts_anew() -> None:
    watch = ProgressWatch[int](10)
    for _ in range(10):
        watch.look({0: STUCK}, 1.0)
    watch.forgive(0)
    assert still_s(watch, STUCK) == 10


def test_a_partition_that_left_is_forgotten() -> None:
    watch = ProgressWatch[int](10)
    for _ in range(10):
        watch.look({0: STUCK, 1: STUCK}, 1.0)
    assert not watch.look({}, 1.0)
    watch.look({0: STUCK}, 1.0)
    assert still_s(watch, STUCK) == 10
