/* FNV-1a of 64 bits, piece by piece: of texts of one length that differ in one byte it never is the same. It keeps
 * nobody from making two that are alike. */
#pragma once

#include "core/base.h"

#define FNV1A_BEGIN UINT64_C(0xcbf29ce484222325)

static inline uint64_t fnv1a_add(uint64_t hash, const void *bytes, size_t n) {
        const unsigned char *at = bytes;

        for (; n > 0; n--)
                hash = (hash ^ *at++) * UINT64_C(0x100000001b3);
        return hash;
}
