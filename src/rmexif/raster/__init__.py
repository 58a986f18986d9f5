"""Operations on decoded pixels: colour conversion, orientation and resize, memory order."""
