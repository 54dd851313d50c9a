"""Training ``face-small``: CenterFace with fewer channels, taught dim light and small faces."""
