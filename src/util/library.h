/* A library that is loaded when it is needed, and not with the program: what few sessions need costs the others
 * neither memory nor a slower start. */
#pragma once

#include "core/base.h"

/* Loads the library for good, and puts the addresses of the named functions into `ret`, of which each is a pointer to
 * a function. -ENOPKG: it is not installed, or is without one of them; at debug level the log says what. */
int library_load(const char *soname, const char *const *names, void **ret, size_t n);
