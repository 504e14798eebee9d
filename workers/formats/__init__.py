"""What file formats hold and how: tags, profiles, packets, signatures."""
