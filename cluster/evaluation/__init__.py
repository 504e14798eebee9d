"""`giornata evaluate`: methods, photographs and paintings in, a table, a plot and sheets out."""
