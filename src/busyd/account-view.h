/* What the bus shows of an account that is taken up. */
#pragma once

#include "core/base.h"

struct account;
struct control;

void account_show(struct control *control, const char *name, struct account *a, const struct instant *at);
