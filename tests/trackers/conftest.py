"""One finished study for all trackers, and the same with more seeds."""

from __future__ import annotations

import pytest

from stepsize.trackers.study_log import StudyLog
from tests.support.logged_studies import iris_log


@pytest.fixture(scope="session")
def log() -> StudyLog:
    return iris_log()


@pytest.fixture(scope="session")
def longer_log() -> StudyLog:
    return iris_log(seeds=6)
