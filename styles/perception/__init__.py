"""The encoders that styles are measured by, and where their weights come from."""
