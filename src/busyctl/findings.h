/* What doctor has found, and what to do about it: kept in its document, said as its lines. */
#pragma once

#include <jansson.h>

#include "core/base.h"

/* The worse the later. */
enum finding {
        FINDING_OK,
        FINDING_NOTE,    /* less than there could be */
        FINDING_PROBLEM, /* does not work */
};

const char *finding_word(enum finding level); /* "ok", "note" or "problem" */
enum finding finding_level(const char *word);

/* Adds {"level": "ok"|"note"|"problem", "what", "advice" or null} to "findings" of the object. */
void finding_add(json_t *doc, enum finding level, const char *advice, const char *format, ...)
        __attribute__((format(printf, 4, 5)));
/* The findings of the object for people: a line each, and what to do. */
void findings_print(const json_t *object);
