/* An address as a picture that a telephone reads. */
#pragma once

#include <stdio.h>

#include "core/base.h"

/* Prints the text as a QR code if `f` is a terminal in UTF-8 that is wide and high enough; else, and where busyctl was
 * built without libqrencode, nothing. */
void qr_print(FILE *f, const char *text);
