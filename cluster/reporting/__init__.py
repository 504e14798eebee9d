"""One page of HTML that tells how a job went, complete in itself."""
