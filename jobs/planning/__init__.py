"""From a spec to tasks: inputs, pages, names, conflicts, the estimate."""
