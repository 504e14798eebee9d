"""Contact sheets and approvals."""
