"""What an operator sees and edits of one clip before the full job: ``session.ClipSession`` is the way in."""
