/* What the tests of the user's other machines share: what one of them tells, and who hears it. */
#pragma once

#include <criterion/criterion.h>
#include <stdio.h>

#include "matrix/machines/heard.h"
#include "json/json.h"
#include "util/log.h"

/* The machine has been up for two hours. */
#define NOW (2 * USEC_PER_HOUR)

#define TYPE ENTRY_TYPE "D"

/* As busyd writes it; an hour of life. */
#define PRIOR   "\"prior\":{\"state\":\"online\",\"text\":\"Working\"}"
#define OURS    "\"ours\":[{\"state\":\"busy\",\"text\":\"In a call\"}]"
#define CLAIMED "\"state_claimed\":true,\"text_claimed\":true"
#define ORDER   "\"order\":1"
#define FLAGS   "\"live\":true,\"waits\":false,\"done\":false,\"text_lost\":false"
#define CLAIM   "{" PRIOR "," OURS "," CLAIMED "," ORDER "," FLAGS "}"
#define TIMES   "\"told\":1700000000000,\"expires\":1700003600000"

#define ENTRY(claims)              "{\"version\":1,\"claims\":" claims "," TIMES "}"
#define PRESENCE(claim)            ENTRY("{\"presence\":" claim "}")
#define TIMED(told, expires)       "{\"version\":1,\"claims\":{\"presence\":" CLAIM "}" told expires "}"
#define DONE                       "{" PRIOR "," OURS "," CLAIMED "," ORDER ",\"done\":true}"
#define WITH(prior, ours, claimed) "{" prior "," ours "," claimed "," FLAGS "}"
#define WITHOUT_CLAIMS             ENTRY("{}")

static inline json_t *json(const char *text) {
        json_t *v = NULL;

        cr_assert_eq(json_parse(text, strlen(text), &v), 0, "%s", text);
        return v;
}

static inline struct heard *new_peers(void) {
        struct heard *p = NULL;

        log_set_max_level(LOG_EMERG);
        cr_assert_eq(heard_new(&p), 0);
        return p;
}

static inline bool take(struct heard *p, const char *type, const char *content) {
        SCOPED(json_decref) json_t *v = json(content);

        return heard_take(p, type, v, 0, NOW);
}

/* One of many machines. */
static inline bool take_nth(struct heard *p, unsigned n, const char *content) {
        char type[64];

        snprintf(type, sizeof(type), ENTRY_TYPE "%u", n);
        return take(p, type, content);
}

static inline size_t n_claims(const struct heard *p, const char *output) {
        struct claim_other claims[HEARD_MAX];

        return heard_claims(p, output, "", claims);
}

static inline struct claim_other only_claim(const struct heard *p, const char *output) {
        struct claim_other claims[HEARD_MAX];

        cr_assert_eq(heard_claims(p, output, "", claims), 1, "%s", output);
        return claims[0];
}
