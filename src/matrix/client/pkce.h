/* Words that nobody guesses, and the proof key for code exchange that is made of one (RFC 7636). */
#pragma once

#include "core/base.h"

#define SECRET_WORD_SIZE 44 /* 32 bytes in base64url, without padding, and a NUL */

/* Drawn from the kernel. -EIO: there was nothing to draw. */
int secret_word(char buf[static SECRET_WORD_SIZE]);
/* What may be shown of a verifier, by the method "S256". -EIO: the library does not do SHA-256. */
int pkce_challenge(const char *verifier, char buf[static SECRET_WORD_SIZE]);
