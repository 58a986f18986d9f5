#include "status.h"

uint32_t rmexif_abi(void) { return RMEXIF_ABI; }
