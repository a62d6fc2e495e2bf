"""One desk on Ionosphere with short runs, for all tests of the page that only talk to it."""

import pytest

from stepsize.live_page.desks import Desks


@pytest.fixture(scope="session")
def desks(engine):
    return Desks("ionosphere", engine, epochs=10)


@pytest.fixture(scope="session")
def desk(desks):
    return desks.first


@pytest.fixture
def ask(desks):
    """Return a function that sends a message and returns the last reply."""

    def last_reply(**message):
        replies = []
        desks.answer({"id": "1", "page": "test", **message}, replies.append)
        assert {reply["id"] for reply in replies} == {"1"}
        return replies[-1]

    return last_reply
