"""`sawlog view`: a full-screen browser of the index in a terminal."""
