"""The dashboard: pages made on the server, small modules that keep them fresh, and the pictures on them."""
