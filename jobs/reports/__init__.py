"""What a job leaves beside its outputs: manifest, checksums, bag."""
