"""Colour profiles that publishers give to everybody, byte for byte: a file that has one says nothing of its maker.

A profile that only looks like one of them may carry a text, a date or a table of its own; then it is a finding.
"""

from __future__ import annotations

from hashlib import sha256

__all__ = ["is_published"]

LONGEST = 1 << 20  # byte: of those in the table
DIGESTS = {  # SHA-256 of the profile
    "304f569a83c1e5eddaddac54e99ed03339333db013738bb499ab64f049887e28",  # Adobe: Adobe RGB (1998)
    "06308db78447394228e90ea0f6c64d8adab627d18abb2bea9de573112de846f8",  # Adobe: Coated FOGRA39 (ISO 12647-2:2004)
    "4855b8fabb96bdc6495d45d089bb8c8efb1ae18389e0dc9e75a5f701a9c0b662",  # Adobe: U.S. Web Coated (SWOP) v2
    "72860842ab20bdd42ab229c72db0906cf66fc87ef8cead828042a4083a029b2e",  # Adobe 1999: Adobe RGB (1998)
    "283e482d9b10db98fb7df2f6ef4bdf4ddf8de5a07d2c7530cc361ec4b29ed39a",  # Apple: Generic RGB Profile
    "ae333404b2162270c292a4ed6aab27a89d87dc38fb84ac4dbf20017fcf4f5404",  # Apple 2015: Display P3
    "e468e89239fc0493d5e8fb9b014e91b210c6caa73c81edf04c3d21a734f377cc",  # Apple 2017: Display P3
    "20789fdbea9835251a4f0796c8bf45cbd964896044886540da21ffc7457af0ab",  # Apple 2022: Display P3
    "51addfaa5db88fb9baa065e804a4e0a593050bf03dd9ffc0d023bc93614c26be",  # ArgyllCMS: BT.2020 color profile
    "50690a677a5d89d3f64442a152b8b64f4bf13c1d3bbd3695803c201f4260da93",  # ArgyllCMS: DCI-P3/SMPTE-431-2 color profile
    "c1abb68abf68a1315b3674ef8733949d8a85c38cfa80beb97f07b1a0d2990b21",  # ArgyllCMS: DCI-P3/SMPTE-431-2 color profile
    "d9098081347d9e7c17b5fdde9cec7e1c0b6b876263ff1f37f2fd289fa010739f",  # ArgyllCMS: DisplayP3 color profile
    "73d9944caaf814269955b8f90f22ea827315439c13dccdef6399070d53560a40",  # ArgyllCMS: EBU 3213 (PAL) primaries with Rec7
    "6646dfa39a0231054982af1da57b23038af9171b9008de0682bc9833f4c9718b",  # ArgyllCMS: Interchangeable with Adobe RGB (19
    "45150dedf2140a39e86f134515849e7bffcac33f1b65729ff00aa2aba9519ddc",  # ArgyllCMS: ProPhoto RGB
    "9765ceaccea8748df3a4a3c3870b9486fefa8b9a89c8aac1b04fd981451a85ed",  # ArgyllCMS: ProPhoto RGB (Linear)
    "29922f9899fa651cff648f2a2826bbb01a95c7f84539cc661af7dc63111bb1f2",  # ArgyllCMS: Rec709 ITU-R BT.709
    "f562b9532f0f1dea014a783cc41016dea81e60c9ee14ca2520e6eb32ba428a4c",  # ArgyllCMS: SMPTE RP 145 (NTSC) primaries with
    "12a3bb4cbc91c48d1267aaa3342fa35e16aa862969dc93ec034b9b6e3c338ba5",  # ArgyllCMS: sRGB IEC61966-2.1 (Equivalent to w
    "ba7062c37f90353145601f79fd05e3bf74b844dc3fb78f28f9d7afdd192272f8",  # colord: Adobe RGB (1998)
    "91041bd1cfc818edafa32dc8af1d7ca44aab1a70d3f225bec5b6ef50c1c17560",  # colord: Apple RGB
    "96064e61257992c05bbd0e38b77d8b179852b1007a9c82b9f3f8b98c2ea12dc1",  # colord: Beta RGB
    "955eb902a37da41a4ed9aa75cfa7ac5f07bd7743e0f5e4b2d32004214ff9c7af",  # colord: Bruce RGB
    "2dc87bdc29c2be4da8b83d3bd9e84c75a96efbd88307c7fddf2c2be28372c4da",  # colord: CIE RGB
    "4937f527ffa37ece2ddae4b101268405b4a3ae987030e2e63c0bb285a207987f",  # colord: ColorMatch RGB
    "0ff805d01d8d383132c1c87072a42c9545d77021dec44de7ff03e44c2aa63462",  # colord: D50
    "a11876ddd18c44725422db85f38b880fa27c284d1133776e5510407ec55a1726",  # colord: D55
    "a579229d4dddaf6c7e2d6ac89ae2c20b021e4a7553d80f1799a007e63a63a3ca",  # colord: D65
    "56dfb1061c99a27e3156cab15b4251de7eba456087640fceda45b1342d647740",  # colord: Don RGB 4
    "d578a1e7a3acde2371ea0c1d5c8eb1093979daa6d5eb05d761e27cc91e9eb6d3",  # colord: eciRGB v1
    "51e1ea54ef370ad4e92e8e9e31675a9917437f881bce31c7bf64bc78b9d66065",  # colord: eciRGB v2
    "e97fc91c567b7107a3913357fe03a01a371882d1afa6e3b26254b4bd2461f5de",  # colord: Ekta Space PS5
    "c2a52dedf1a1e5dda20b5cf8b608dec06940bdffd03929682faf2d8a64df427b",  # colord: Best RGB
    "5bbe37448355117cbe1655112be655ae6291627d2d536a252057dffe43d97549",  # colord: NTSC RGB
    "2ee3f8a50d33f53d0236210434b62f3a2fe74db2c9389a2a724fc36dcaff1191",  # colord: PAL/SECAM RGB
    "131134477dbb07229ead5bda1b2f6d5934d1e708c622d8013476ba18c7a32347",  # colord: ProPhoto RGB
    "1ba328c21d837a559f926aed6f7bc46727e70e32236b849094f5e26d1296a9f2",  # colord: Rec. 709
    "97ca757ac578d55c11f713445c15ee7703eec4010aa8087b67315235eaa564a7",  # colord: Wide Gamut RGB
    "f427f250e064b1d0fd9193d1e30fb4f1df216286e2582a43e339d493810e6971",  # colord: SMPTE-C RGB
    "c87e049275a6729f0fb5afd533d35e4baf7e73bac68d780cfb7690bfa37ea451",  # colord: sRGB
    "184719ed5960bc9350022c724e3c35be20569fc3b15be3e41cd42d219d4672a2",  # Ghostscript: Artifex PS Gray Profile
    "2f83ca112acedf317291315a14e856556e7e36594c601c639a6cae751d491d5f",  # Ghostscript: Artifex PS RGB Profile
    "c0995b8b196223f1c029c013b04d0ee11bce3d3dd8a23f814cac73e50ac0719a",  # Ghostscript: Artifex Software A98 ICC Profile
    "4e09b5549edaff8a229e385306215991481b7d70f02d3ed891cfcd78f196e359",  # Ghostscript: Artifex Software esRGB ICCProfil
    "52f5eade48da10b9ddfe132e6f30ac111b8764acb1228b7a8c5a4033cc6ff072",  # Ghostscript: Artifex Software ROMMRGB ICC
    "c338c5e2fb5cf9baa2d4bb79325a54337de7c6ae8dabc4ca79aa42d8341d8172",  # Ghostscript: Artifex Software scRGB ICCProfil
    "0976fe7bc0f118a47c89747cb707c6f76044b48baf670dad811d0514bc2c4214",  # Ghostscript: Artifex Software sGray ICC Profi
    "d3aaaa8ad45ec8a0108fd393a07488073ee24561fd5ed2d1f88c59771278cabd",  # Ghostscript: Artifex Software sGray ICC Profi
    "eddaf344b5edea13269e0d20055f335610e5e0b6e33e6e536f2701bc18c5f7d5",  # Ghostscript: Artifex Software sRGB ICC Profil
    "33c34ecfeb998459e0075ba26a0f1ea5042e20e2419c5962e495eba3208576f2",  # Google: sRGB IEC61966-2.1
    "2b3aa1645779a9e634744faf9b01e9102b0c9b88fd6deced7934df86b949af7e",  # HP: sRGB IEC61966-2.1
    "3f6d674174f3804eb0dabdac90ae17486e898c5063a66f861c116ea033da8301",  # HP: sRGB IEC61966-2.1
    "c4c1153168e817be61a676e403c370ce2c485a6bd54fbb59c3850845cfefad00",  # ICC: sRGB IEC61966-2-1 black scaled
    "0a8ef7d1d958d98225b3b71d93d9e8e3cecd9c302e014973d025d2a977ecf27c",  # Kodak: ProPhoto RGB
    "cb2032cbc7a726cdee6fbca91e99ef02118bd316dd1edcb3e747a4bbc3ce533b",  # Krita: ACEScg-elle-V4-g10.icc
    "bd1c8833f8bf622325c936345787565daa2626f39d03850ddd078b78855b9ac8",  # Krita: ClayRGB-elle-V2-g22.icc
    "d23fd659796effc62567c170f23a0ecf84350d88188cc52f8395e8a8207611d4",  # Krita: ClayRGB-elle-V4-srgbtrc.icc
    "ec59071f567fb6e3416dcc08ab4f79ba6a585527a3d365dfd9a951d2f9442c02",  # Krita: Gray-D50-elle-V2-g10.icc
    "044ad51d90e16c4bf27af057439eda2ccb34ad4594176439db456b97a5eccc0f",  # Krita: Gray-D50-elle-V2-g18.icc
    "170adb3ec7a049fff78519679849c82e215ad10dd9b751ed3daa643faf52d777",  # Krita: Gray-D50-elle-V2-g22.icc
    "7aced4540ecda8f376be5d61d274ae1b7fc9713962e7b444496d637bb03e00a5",  # Krita: Gray-D50-elle-V2-labl.icc
    "0853f11ba80079466862dc529c18e8a9a4549f9368f819668777272118dbe915",  # Krita: Gray-D50-elle-V2-rec709.icc
    "c96c2c75acdf4732da2f5ce0441a976759dd4ff8948d8e95b8fba63965ff323d",  # Krita: Gray-D50-elle-V2-srgbtrc.icc
    "0d50a441f8532d05917d86dcdc2beb57a646b406017422dc646a8bee98bc2ba9",  # Krita: Gray-D50-elle-V4-g10.icc
    "f52af61627b6cbb20568db5a597229f8e48a8d4c1782fc2f44cb183454532a1e",  # Krita: Gray-D50-elle-V4-g18.icc
    "a8e5de9f7f03162c1ca2aff47d5d20437d3696bd83d5edfcd87e3b333443303f",  # Krita: Gray-D50-elle-V4-g22.icc
    "b6d527385a578b7f7e4431afb42216d529ed3f50e7a285cd81c6a5c584a0833a",  # Krita: Gray-D50-elle-V4-labl.icc
    "b16df722e0148c09529bebefedf078ca0f24da021167e3934f77ff68417f5dec",  # Krita: Gray-D50-elle-V4-rec709.icc
    "5bd5854d87c07d1c87920e6a0c3c1a982ec80939a11eb476c45b5b1cd60eba7d",  # Krita: Gray-D50-elle-V4-srgbtrc.icc
    "8a66e7e397f1a833f34b584681857589144a1da01918e2b52447c56bdebd5e4f",  # Krita: High Dynamic Range UHDTV Wide Color Ga
    "6a9c18dd13e14d698434ce5acebdc2cbf463a886796e0f11fcee5bf395643734",  # Krita: krita-2.5, lcms sRGB built-in with lin
    "0c2f617adc57b99a768b743d781072351eedab5efdc50217c71808b717d1a8ab",  # Krita: LargeRGB-elle-V2-g22.icc
    "7f0774a7434c2bfbe8f0930475112c2d3febad8d22d4f82fde6f20e6301692f2",  # Krita: Rec2020-elle-V4-g10.icc
    "8e81be83371b1e77643c244d8b7007c9ee66a9dbd2b15242934423e1ea466baf",  # Krita: scRGB (linear)
    "51373873702823054c739d013cf68d37bdd5810544fb5cc6285da7380d454704",  # Krita: sRGB-elle-V2-g10.icc
    "5991c8d8fcb628dad5d052d9341df8a32bd3c7a794c913a8ede8eae4b34b4545",  # Krita: sRGB-elle-V2-srgbtrc.icc
    "46c3d4f7646f1a0af73d62e95ed5a1f8411136f7dfad42bdca249da57d293466",  # Krita: WideRGB-elle-V2-g22.icc
    "231752984cd4a5278e1b8d2390fe496767d4511fc81f54e1a5c69ae9ab4c42b5",  # libvips: sP3C
    "c56e1685d888f5edb92fe07f2750f387f8fe8e91b32ff8fb0b56bfbbb9458353",  # libvips: sRGB
    "76f4ad83ad4726d33e2291a5b3e3bf4f30b2f723c65a583b74a9365e30e097c7",  # icc-profiles-free: Compatible with Adobe RGB
    "4704d77882a57dc9631d300a75c33951293cb938984abef6077f0b5bef8dfb1e",  # icc-profiles-free: Gray
    "67fa3514e48720273ee47f2ff6ae1b7950826bc1bc83c32230e62b2c5bd75804",  # icc-profiles-free: Gray CIE*L
    "bebbe3af5a7019a2a60d85e9a0aef805003a7838517f9622f650b75057a8e534",  # icc-profiles-free: Lstar-RGB.icc
    "2a92d4bae450b76d8b0aa42193df974d75f62738ecebf74f01c5e75b12a95796",  # icc-profiles-free: sRGB
    "0d99f14acf0f1fe2136d8500dcd407d147ca39bd31391fba9cdcc571bb798408",  # RawTherapee: DCI-P3
    "f48edeb957e6ee76cc044374186f19177f275c49cc574db26ca82c0e867fff16",  # RawTherapee: DCI-P3 D65
    "e1e878c80fb5ff04c2cdc8a653869da817423db9198a0f4e1f404e0ffc3d282d",  # RawTherapee: RTv2_ACES_AP0
    "ae8773a4fa6a469c26f0e0fd49d4135690093811ce474235dc46ebd465e0f250",  # RawTherapee: RTv2_ACES_AP1
    "26e9bbe553931e4e5a939fe8066b1a503888ac08f0156a26fc34059f7114c15c",  # RawTherapee: RTv2_Best
    "50069b35f558384202017c855876add91f4ad1c876a2dcd2fdabecfb146a6f62",  # RawTherapee: RTv2_Beta
    "14fac35604aeac0cd733586a97f95d1d8fe23d2a3ab3a9bfbe1879274ad1d39b",  # RawTherapee: RTv2_Bruce
    "ac2806fe9f3b173d0972a12d80e1962b687f98596a01c07bb08ae7c218e5bc0a",  # RawTherapee: RTv2_Large
    "ea20143ec34b49e192d7bec4bbaca8f63ded4ef616b13e207f386250e971be3b",  # RawTherapee: RTv2_Medium
    "940b3d8e7b6ee1e97e962e6ef563ebeb8a9dd6eadb2e26b6cf94e7c7752d99f6",  # RawTherapee: RTv2_Rec2020
    "a33396da29aad8bbf4c6c75d65b0b2c4eb00532edd17792ccbc183cebeec3f0f",  # RawTherapee: RTv2_sRGB
    "23fca1ff90378711b6930cd7fe625d628031920bb53079052371ad31e1c22f3b",  # RawTherapee: RTv2_Wide
    "0672e60e4f38cfabe288849a7a241a87df32b3c1af97b17d69ae6313901e6323",  # RawTherapee: RTv4_ACES_AP0
    "edf01451a07a03a42a3f215384a2c9f6fa0ff3c8c8d18444ea62d7b401ab85c3",  # RawTherapee: RTv4_ACES_AP1
    "4156426eb2d09c9d0866c1fe083a1bd690f9bb0fb58f15624a5f0ddab022410f",  # RawTherapee: RTv4_Best
    "e55ada85f7ea1d4cb98d8cf3df7e46e670bea623cbb0abc1c249d847461b1734",  # RawTherapee: RTv4_Beta
    "98b531be22ea08414f10ab8f6726d8c4154b68905681b5b2f967304827e20ba3",  # RawTherapee: RTv4_Bruce
    "42075b188a0cb5ce59a879874961904e432810199b58e765e835c296c96eff37",  # RawTherapee: RTv4_Large
    "b9ba578cd2831e6b884dd1f830fe16165968795316a9ad62c808f36ebecb55e9",  # RawTherapee: RTv4_Medium
    "c901452ca6d6a1619c6267df2247ae79ec850ae3e5a19460a40aa929298c7356",  # RawTherapee: RTv4_Rec2020
    "17aebbdf8a88c39b07eb881dcd824eb1cf9828914d5e74a7324d7a31045e8871",  # RawTherapee: RTv4_sRGB
    "3c4c31b03a95f31e2371c428ffa050e643444f43d89ad4e75db6b0c2b4a6a636",  # RawTherapee: RTv4_Wide
    "6e72ac49fd45d1275f29daca1038a0b9af5befd0e891af9267f47ab066a5dffb",  # Skia: Display P3 Gamut with sRGB Transfer
    "12afb4d9953adee0607d347daee5b78b18d6b3cab2d572b88970703f5edb37bc",  # Skia: sRGB
}


def is_published(profile: bytes | memoryview) -> bool:
    """Whether a profile is one of those, to the byte."""
    return len(profile) <= LONGEST and sha256(profile).hexdigest() in DIGESTS
