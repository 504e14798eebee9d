"""Storage as the manager needs it, and the local disk; no buckets."""
