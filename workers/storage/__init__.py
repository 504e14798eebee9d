"""Buckets and local disks by URL: listing, reading, publishing."""
