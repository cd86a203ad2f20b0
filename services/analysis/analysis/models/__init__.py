"""Language models: what they are asked, what they may answer, and the two providers' clients behind one port."""
