"""Four-character codes of chunks, boxes, items and brands: those that are published have a name that may be printed.

Any other could be a word of a message that somebody spells with the names of structures.
"""

from __future__ import annotations

__all__ = ["PUBLISHED", "name_of"]

# W3C PNG third edition and its extensions; C2PA; what Apple, ImageMagick, Adobe, libultrahdr and ExifTool write
_PNG = """
    IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sBIT sRGB cICP mDCV cLLI mDCv cLLi tEXt zTXt iTXt bKGD hIST pHYs sPLT eXIf
    tIME acTL fcTL fdAT oFFs pCAL sCAL gIFg gIFt gIFx sTER dSIG fRAc zxIf tXMP caBX C2PA C2CI C2CS seAl gdAT gmAP iDOT
    CgBI vpAg orNT meTa mkBF mkBS mkBT mkTS prVW cpIp npTc npLb npOl caNv
"""
# RFC 9649 and RIFF
_RIFF = "RIFF WEBP VP8 VP8L VP8X ALPH ANIM ANMF ICCP EXIF XMP C2PA SEAL FRGM JUNK LIST INFO"
# ISO/IEC 14496-12, 14496-15, 23000-22, 23008-12, 23001-17, 18181-2, 15444-1, 19566-5; AV1 in ISOBMFF; Apple, Samsung
_BOXES = """
    ftyp styp meta mdat free skip wide uuid moov moof mfra meco mere udta hdlr pitm iloc iinf infe iref iprp ipco ipma
    ipro idat imda imdt dinf dref url urn imir grpl altr eqiv ster slid aebr afbr wbbr fobr dobr pano tsyn brst iaug
    ispe pixi colr pasp clap irot auxC rloc lsel rref crtt mdft udes altt iscl subs tols oinf reve ndwt cmin cmex itai
    clli mdcv cclv amve hvcC lhvC vvcC avcC av1C a1op a1lx j2kH jpgC mskC uncC cmpd cmpC icef splz dvcC dvvC hvce
    btrt elng av01 hvc1 hev1 lhv1 vvc1 avc1 j2k1 jpeg unci mski grid iovl iden tmap mime uri Exif xml bxml
    cdsc thmb dimg prem tbas base dpnd exbl auxl pred fdel mvhd trak tkhd tref edts elst mdia mdhd minf vmhd smhd nmhd
    hmhd sthd gmhd stbl stsd stts ctts cslg stss stsz stz2 stsc stco co64 sdtp sbgp sgpd saiz saio padb stdp stsh ccst
    auxi pict vide auxv soun mvex mehd trex pdin prft sidx ssix emsg tfra mfro mpvd sefd sefT jumb jumd json cbor c2pa
    brob jxlc jxlp jxll jxli jbrd JXL jhgm jP jp2h jp2c ihdr xml xmlp keys ilst data name cprt titl dscp perf gnre auth
    albm yrrc loci rtng clsf kywd
"""
PUBLISHED = frozenset(word.encode() for word in (_PNG + " " + _RIFF + " " + _BOXES).split())


def name_of(code: bytes) -> str:
    """The name of a published code, without the spaces or zeros that fill it; of any other "unknown"."""
    bare = code.rstrip(b" \0")
    return bare.decode() if bare in PUBLISHED else "unknown"
