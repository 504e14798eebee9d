"""Errors of the jobs package.

JobError
├── BadSpec             a job spec that cannot be read or says something it cannot mean
├── BadManifest         a row of an input manifest that cannot be used
├── MissingInput        an input that names no picture
├── BadName             a target name that cannot be made or leaves its destination
├── TargetTaken         a file that is not ours stands where an output should go
├── PlanRefused         checks found problems before anything ran
├── UnknownJob          the store has no such job
├── UnknownItem         the job has no such item
├── IllegalTransition   a state and an event that do not go together
├── Superseded          a newer manager has taken the job over
├── StoreUnavailable    the database cannot be opened or answered too late
└── StorageError     a bucket did not do what was asked
    ├── UnsupportedUrl        a name that no storage here understands
    ├── ObjectNotFound        no object of that name is there
    ├── ObjectChanged         another version is there than the one that was listed
    ├── ReadLimitReached      more of an object would be read than its structure can need
    ├── StorageThrottled      the storage asks to slow down
    ├── StorageUnavailable    the connection failed, or the storage had a fault of its own
    └── StorageAccessDenied   credentials are missing, expired, or not enough
"""


class JobError(Exception):
    """Root of what can go wrong with a job; the arguments survive pickling, `__str__` builds the words."""


class BadSpec(JobError):
    """`BadSpec(where, reason, *more)`: `where` is file, line, field; `more` are further (where, reason)."""

    def __str__(self) -> str:
        where, reason, *more = self.args
        return "\n".join(f"reading {place}: {what}" for place, what in [(where, reason), *more])


class BadManifest(JobError):
    """`BadManifest(path, line, field, reason)`; `field` may be empty."""

    def __str__(self) -> str:
        path, line, field, reason = self.args
        return f"reading manifest {path} line {line}{f', {field}' if field else ''}: {reason}"


class MissingInput(JobError):
    """`MissingInput(entry, reason)`."""

    def __str__(self) -> str:
        entry, reason = self.args
        return f"listing input {entry}: {reason}"


class BadName(JobError):
    """`BadName(source, reason)`: no target name can be made for this source."""

    def __str__(self) -> str:
        source, reason = self.args
        return f"naming the output of {source}: {reason}"


class TargetTaken(JobError):
    """`TargetTaken(target, reason)`."""

    def __str__(self) -> str:
        target, reason = self.args
        return f"delivering {target}: {reason}"


class PlanRefused(JobError):
    """`PlanRefused(problems, total)`: the first problems in words, and how many there were in all."""

    def __str__(self) -> str:
        problems, total = self.args
        rest = [f"and {total - len(problems)} more problems"] if total > len(problems) else []
        return "\n".join([*problems, *rest])


class UnknownJob(JobError):
    """`UnknownJob(job_id)`."""

    def __str__(self) -> str:
        return f"looking up job {self.args[0]!r}: the store has no such job"


class UnknownItem(JobError):
    """`UnknownItem(job_id, item_id)`."""

    def __str__(self) -> str:
        job_id, item_id = self.args
        return f"looking up item {item_id!r}: job {job_id!r} has no such item"


class IllegalTransition(JobError):
    """`IllegalTransition(kind, state, event, allowed)`: `kind` is item or job."""

    def __str__(self) -> str:
        kind, state, event, allowed = self.args
        return f"moving a {kind} that is {state}: got {event}, needed one of: {', '.join(allowed) or 'none'}"


class Superseded(JobError):
    """`Superseded(job_id, epoch, current)`: this manager's epoch is no longer the job's."""

    def __str__(self) -> str:
        job_id, epoch, current = self.args
        return f"running job {job_id}: this manager has epoch {epoch}, another has taken over with {current}"


class StoreUnavailable(JobError):
    """`StoreUnavailable(url, reason, transient=False)`: the database refused, or something else holds it."""

    def __str__(self) -> str:
        url, reason, *_ = self.args
        return f"{'using' if self.transient else 'opening'} the job store {url}: {reason}"

    @property
    def transient(self) -> bool:
        """Whether trying again later may help: a lock, a lost connection, a server that restarts."""
        return bool(self.args[2]) if len(self.args) > 2 else False


class StorageError(JobError):
    """`StorageError(name, reason)`: `name` as people write it, without anything that was signed."""

    def __str__(self) -> str:
        name, reason = self.args
        return f"using {name}: {reason}"


class UnsupportedUrl(StorageError):
    """`UnsupportedUrl(name, reason)`."""


class ObjectNotFound(StorageError):
    """`ObjectNotFound(name, reason)`."""


class ObjectChanged(StorageError):
    """`ObjectChanged(name, reason)`."""


class ReadLimitReached(StorageError):
    """`ReadLimitReached(name, reason)`: the file is damaged or hostile, trying again does not help."""


class StorageThrottled(StorageError):
    """`StorageThrottled(name, reason)`: the same will do in a while."""


class StorageUnavailable(StorageError):
    """`StorageUnavailable(name, reason)`: trying again may help."""


class StorageAccessDenied(StorageError):
    """`StorageAccessDenied(name, reason)`: a person has to do something first."""
