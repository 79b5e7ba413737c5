"""Several pytests share one set of tests, file by file: who makes a file's mark runs it.

The marks are folders below one folder that all of them see, since mkdir(2)
either makes one or says that somebody else did.  Files with many tests come
first, so that the last one taken is short.
"""

import itertools
from collections import Counter

import pytest


class Claims:
    def __init__(self, place):
        self.place = place

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items):
        size = Counter(item.path for item in items)
        items.sort(key=lambda item: -size[item.path])

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        if session.testsfailed and not session.config.option.continue_on_collection_errors:
            raise session.Interrupted("errors while collecting")
        for path, items in itertools.groupby(session.items, key=lambda item: item.path):
            if self._claim(path):
                self._run(session, list(items))
        return True

    def _claim(self, path):
        try:
            (self.place / path.name).mkdir()
        except FileExistsError:
            return False
        return True

    @staticmethod
    def _run(session, items):
        for item, following in itertools.zip_longest(items, items[1:]):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail or session.shouldstop:
                raise session.Failed(session.shouldfail or session.shouldstop)
