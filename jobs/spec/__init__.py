"""What people write: the models of a job's spec, and its loader."""
