"""What was left out of a data set, counted: a log line for each cause, not for each of ten thousand records."""

import logging
from collections import Counter, defaultdict

from squeezesam_core.records import InvalidRecordError, Problem

EXAMPLES = 3


class Tally:
    """Called with each bad record; keeps the count of each cause and its first examples."""

    def __init__(self) -> None:
        self.counts: Counter[Problem] = Counter()
        self._examples: dict[Problem, list[InvalidRecordError]] = defaultdict(list)

    def __call__(self, error: InvalidRecordError) -> None:
        self.counts[error.problem] += 1
        examples = self._examples[error.problem]
        if len(examples) < EXAMPLES:
            examples.append(error)

    def examples(self) -> list[InvalidRecordError]:
        """The first ones of each cause, the most frequent cause first."""
        return [error for problem, _ in self.counts.most_common() for error in self._examples[problem]]

    def log(self, logger: logging.Logger, name: str) -> None:
        """One warning for each cause."""
        for problem, count in self.counts.most_common():
            examples = " ".join(error.cause for error in self._examples[problem])
            logger.warning("%s: %d left out, %s. %s", name, count, problem, examples)
