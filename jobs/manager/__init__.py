"""The job manager: listing, dispatch, completion, recovery."""
