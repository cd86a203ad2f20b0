"""What providers send by themselves: is it theirs, what does it say, whose is it. One module for each sender, `front` for what all share.

    read the raw body -> check it -> read it -> find the workspace -> one transaction in it: note its id, write what follows

Nothing of a body is read before its signature holds, and nothing is called meanwhile: what takes longer follows from the outbox.
"""
