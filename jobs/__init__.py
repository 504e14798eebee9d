"""The vocabulary: what a job is and how it moves. No torch, no ray."""
