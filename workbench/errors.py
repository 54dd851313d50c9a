"""The error tree. Every error a user can cause is one of these, with a message that says what, which and what to do.

WorkbenchError
├── UsageError                wrong options, presets or arguments             exit code 2
├── SourceError               a video that cannot be read, or is no video     exit code 1
├── OutputError               a place that cannot be written                  exit code 1
├── TimelineError             a timeline or truth file that does not fit      exit code 1
├── ModelError                weights missing, damaged or of the wrong kind   exit code 1
│   └── EngineError           an inference engine that does not work here     exit code 1
├── MaskingError              a frame whose faces could not be hidden         exit code 1
│   └── TornTrackError        a face that was invented and no longer can be   exit code 1
└── Cancelled                 the user stopped the work                       exit code 130
"""


class WorkbenchError(Exception):
    """Base of all errors with a one-line message meant for the user."""

    exit_code = 1


class UsageError(WorkbenchError):
    """Options, a preset or an argument is wrong."""

    exit_code = 2


class SourceError(WorkbenchError):
    """The source cannot be read as a video."""


class OutputError(WorkbenchError):
    """The output cannot be written."""


class TimelineError(WorkbenchError):
    """A timeline or a truth file cannot be used."""


class ModelError(WorkbenchError):
    """A model file is missing, damaged or of the wrong kind."""


class EngineError(ModelError):
    """An inference engine was asked for and does not work on this machine."""


class MaskingError(WorkbenchError):
    """The faces of a frame could not be hidden, so the frame was not written."""


class TornTrackError(MaskingError):
    """A track that was given an invented face cannot go on with it: it must be hidden otherwise, from its beginning."""


class Cancelled(WorkbenchError):
    """The user stopped the work."""

    exit_code = 130
