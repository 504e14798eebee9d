"""The pages that people watch: images, previews, style trials, sign-in."""
