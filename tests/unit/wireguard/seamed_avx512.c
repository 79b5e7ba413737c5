/* The kernel's own source, with constants that can be changed. */
#include "wireguard/seam.h"

#include "wireguard/aead_avx512.c"
