/* The same without a library that decrypts: there is never anything of it. */
#include <errno.h>

#include "matrix/calls/kinds.h"
#include "matrix/encrypted.h"

int encrypted_new(struct encrypted **ret, const struct encrypted_keeper *keeper,
                  const struct encrypted_options *options, const struct instant *at) {
        return -EOPNOTSUPP;
}

struct encrypted *encrypted_free(struct encrypted *e) {
        return NULL;
}

void encrypted_set_scope(struct encrypted *e, enum encrypted_calls scope) {
}

int encrypted_take(struct encrypted *e, const json_t *answer, const struct instant *at) {
        return 0;
}

void encrypted_resync(struct encrypted *e) {
}

bool encrypted_awaits(const struct encrypted *e, usec_t now) {
        return false;
}

bool encrypted_expects(struct encrypted *e) {
        return false;
}

int encrypted_apply(struct encrypted *e, struct kinds *kinds, const struct room_events *events,
                    const struct instant *at) {
        kinds_apply(kinds, events, &(struct kind_time){ .now = at->now, .wall = at->wall });
        return 0;
}

void encrypted_torn(struct encrypted *e, const char *room_id) {
}

int encrypted_apply_late(struct encrypted *e, struct kinds *kinds, const struct instant *at) {
        return 0;
}

usec_t encrypted_run(struct encrypted *e, const char *says, const struct instant *at) {
        return USEC_NEVER;
}

void encrypted_retry_now(struct encrypted *e) {
}

void encrypted_answers_again(struct encrypted *e) {
}

void encrypted_stop(struct encrypted *e) {
}

bool encrypted_facts(const struct encrypted *e, struct encrypted_facts *ret) {
        return false;
}
