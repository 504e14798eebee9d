"""The hashes of deliverables, which jobs check and workers take; kept under this name for workers."""

from giornata.jobs.storage.hashing import deliverable_bytes as deliverable_bytes
from giornata.jobs.storage.hashing import deliverable_sha256 as deliverable_sha256
from giornata.jobs.storage.hashing import file_sha256 as file_sha256
from giornata.jobs.storage.hashing import tree_bytes as tree_bytes
from giornata.jobs.storage.hashing import tree_files as tree_files
from giornata.jobs.storage.hashing import tree_sha256 as tree_sha256
