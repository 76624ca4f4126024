"""ASGI extensions by which our servers and our applications understand each other."""

# Called with a whole answer's bytes, it sends them in one piece; it returns False where the answer
# has to go the usual way.
WHOLE = "countersign.whole_answer"
