"""What an output says of itself: blocks carried over, and Content Credentials."""
