"""The commands of `giornata`, one file each."""
