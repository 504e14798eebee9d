"""The only place that knows Ray, and the faces people see."""
