#include "matrix/machines/heard.h"

#include <errno.h>
#include <stdio.h>

#include "json/json.h"
#include "util/log.h"

/* An output's name; the device id is whatever the server says. */
#define OUTPUT_MAX 32

struct machine {
        char type[ENTRY_TYPE_SIZE];
        json_t *content;
        usec_t at;    /* it came then */
        usec_t until; /* believed until then */
        bool seen;    /* since the resync began */
        size_t n;
        struct heard_claim {
                char output[OUTPUT_MAX];
                struct claim_other claim;
        } claims[ENTRY_CLAIMS_MAX];
};

struct heard {
        struct machine of[HEARD_MAX];
        size_t n;
        bool told_full;
};

int heard_new(struct heard **ret) {
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

static void machine_done(struct machine *m) {
        json_decref(m->content);
}

struct heard *heard_free(struct heard *h) {
        for (size_t i = 0; h && i < h->n; i++)
                machine_done(&h->of[i]);
        free(h);
        return NULL;
}

static void drop(struct heard *h, size_t i) {
        machine_done(&h->of[i]);
        h->of[i] = h->of[--h->n];
}

static struct machine *find(struct heard *h, const char *type) {
        for (size_t i = 0; i < h->n; i++)
                if (streq(h->of[i].type, type))
                        return &h->of[i];
        return NULL;
}

static bool has_claims(const struct machine *m) {
        for (size_t i = 0; i < m->n; i++)
                if (!m->claims[i].claim.done)
                        return true;
        return false;
}

/* ---- one entry ---- */

static void read_claims(struct machine *m) {
        const json_t *claims = json_member_object(m->content, "claims");
        const char *output;
        const json_t *o;

        m->n = 0;
        json_object_foreach((json_t *) claims, output, o) {
                if (m->n < ENTRY_CLAIMS_MAX && strlen(output) < OUTPUT_MAX &&
                    entry_claim_read(o, &m->claims[m->n].claim))
                        (void) snprintf(m->claims[m->n++].output, OUTPUT_MAX, "%s", output);
        }
}

static bool is_there(const struct machine *m) {
        return entry_is_one(m->content);
}

/* A claim that begins now has found nothing of what was over long before. */
static void date_done(struct machine *m, usec_t age) {
        for (size_t i = 0; i < m->n; i++)
                m->claims[i].claim.done_for = m->claims[i].claim.done ? age : 0;
}

/* Whoever sees its value may still ask what was before it. `silent`: nobody has said that they are done. */
static void finish_claim(struct claim_other *c, bool silent) {
        c->live = c->waits = false;
        c->silent = silent && (c->silent || !c->done);
        c->done = true;
}

static void finish_claims(struct machine *m, bool silent) {
        for (size_t i = 0; i < m->n; i++)
                finish_claim(&m->claims[i].claim, silent);
}

static bool has_output(const struct machine *m, const char *output) {
        for (size_t i = 0; i < m->n; i++)
                if (streq(m->claims[i].output, output))
                        return true;
        return false;
}

/* One that has started anew tells nothing of what it was done with before: who was away meanwhile hears of that by
 * what is missing. */
static void finish_missing(struct machine *m, const struct heard_claim *before, size_t n) {
        for (size_t i = 0; i < n && m->n < ENTRY_CLAIMS_MAX; i++) {
                if (has_output(m, before[i].output))
                        continue;
                m->claims[m->n] = before[i];
                finish_claim(&m->claims[m->n++].claim, /* silent= */ false);
        }
}

/* ---- all of them ---- */

/* One that owes nothing makes room for one that does. */
static struct machine *add(struct heard *h, const char *type) {
        for (size_t i = 0; h->n == HEARD_MAX && i < HEARD_MAX; i++)
                if (!has_claims(&h->of[i]))
                        drop(h, i);
        if (h->n == HEARD_MAX) {
                if (!h->told_full)
                        log_warning("More than %d machines of one user tell of claims, ignoring the rest", HEARD_MAX);
                h->told_full = true;
                return NULL;
        }
        h->of[h->n] = (struct machine){ .n = 0 };
        (void) snprintf(h->of[h->n].type, sizeof(h->of[0].type), "%s", type);
        return &h->of[h->n++];
}

bool heard_take(struct heard *h, const char *type, const json_t *content, usec_t age, usec_t now) {
        struct heard_claim before[ENTRY_CLAIMS_MAX];
        struct machine *m;
        size_t n_before;
        usec_t life;

        if (strncmp(type, ENTRY_TYPE, strlen(ENTRY_TYPE)) != 0 || strlen(type) >= ENTRY_TYPE_SIZE)
                return false;
        m = find(h, type);
        if (!m && entry_is_one(content))
                m = add(h, type);
        if (!m)
                return false;
        m->seen = true;
        if (m->content && json_equal(m->content, content))
                return false;
        json_decref(m->content);
        m->content = json_incref((json_t *) content);
        m->at = now;
        if (!is_there(m)) {
                finish_claims(m, /* silent= */ false);
                return true;
        }
        life = entry_life(content, age);
        m->until = usec_add(now, life);
        n_before = m->n;
        memcpy(before, m->claims, sizeof(before));
        read_claims(m);
        date_done(m, age);
        finish_missing(m, before, n_before);
        if (life > 0)
                return true;
        finish_claims(m, /* silent= */ true);
        if (entry_life(content, 0) == 0 || age >= ENTRY_KNOWN_MAX)
                m->n = 0; /* it makes no sense, or is long over */
        return true;
}

void heard_resync_begin(struct heard *h) {
        for (size_t i = 0; i < h->n; i++)
                h->of[i].seen = false;
}

bool heard_resync_end(struct heard *h) {
        bool changed = false;

        for (size_t i = h->n; i > 0; i--)
                if (!h->of[i - 1].seen) {
                        changed = changed || is_there(&h->of[i - 1]);
                        drop(h, i - 1);
                }
        return changed;
}

bool heard_expire(struct heard *h, usec_t now) {
        bool changed = false;

        for (size_t i = 0; i < h->n; i++) {
                struct machine *m = &h->of[i];

                if (now < m->until || !has_claims(m))
                        continue;
                finish_claims(m, /* silent= */ true);
                changed = true;
        }
        return changed;
}

usec_t heard_deadline(const struct heard *h) {
        usec_t at = USEC_NEVER;

        for (size_t i = 0; i < h->n; i++)
                if (has_claims(&h->of[i]))
                        at = usec_min(at, h->of[i].until);
        return at;
}

static const char *device_of(const struct machine *m) {
        return m->type + strlen(ENTRY_TYPE);
}

static bool is_named(const json_t *devices, const char *device_id) {
        for (size_t i = 0; i < json_array_size(devices); i++) {
                const char *id = json_member_string(json_array_get(devices, i), "device_id");

                if (id && streq(id, device_id))
                        return true;
        }
        return false;
}

bool heard_take_devices(struct heard *h, const json_t *devices, const char *device_id, usec_t asked_at) {
        bool changed = false;

        if (!is_named(devices, device_id))
                return false;
        for (size_t i = 0; i < h->n; i++) {
                struct machine *m = &h->of[i];

                if (!has_claims(m) || m->at > asked_at || is_named(devices, device_of(m)))
                        continue;
                finish_claims(m, /* silent= */ true);
                changed = true;
        }
        return changed;
}

bool heard_any(const struct heard *h) {
        for (size_t i = 0; i < h->n; i++)
                if (is_there(&h->of[i]))
                        return true;
        return false;
}

bool heard_has(const struct heard *h, const char *device_id) {
        for (size_t i = 0; i < h->n; i++)
                if (is_there(&h->of[i]) && streq(device_of(&h->of[i]), device_id))
                        return true;
        return false;
}

size_t heard_claims(const struct heard *h, const char *output, const char *device_id,
                    struct claim_other ret[HEARD_MAX]) {
        size_t n = 0;

        for (size_t i = 0; i < h->n; i++)
                for (size_t j = 0; j < h->of[i].n; j++)
                        if (streq(h->of[i].claims[j].output, output) && n < HEARD_MAX) {
                                ret[n] = h->of[i].claims[j].claim;
                                ret[n++].first = strcmp(device_of(&h->of[i]), device_id) < 0;
                        }
        return n;
}

bool heard_holds(const struct heard *h, const char *output) {
        struct claim_other claims[HEARD_MAX];
        size_t n = heard_claims(h, output, "", claims);

        for (size_t i = 0; i < n; i++)
                if (claims[i].live && claims[i].owed.state_claimed)
                        return true;
        return false;
}
