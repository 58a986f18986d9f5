"""What several formats share: parts, orientation, palettes, LZW, code points."""
