"""The service people submit to: API and schemas, HTTP interface, progress streams, signed webhooks."""
