"""The service people submit to: verbs, views, the HTTP interface, progress streams, signed webhooks."""
