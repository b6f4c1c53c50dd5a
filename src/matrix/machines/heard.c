#include "matrix/machines/heard.h"

#include <errno.h>
#include <stdio.h>

#include "state/owed.h"
#include "json/json.h"
#include "util/log.h"

#define ENTRY_VERSION 1

/* An output's name; the device id is whatever the server says. */
#define OUTPUT_MAX 32

struct peer {
        char *type;
        json_t *content;
        usec_t until; /* believed until then */
        bool seen;    /* since the resync began */
        size_t n;
        struct {
                char output[OUTPUT_MAX];
                struct claim_other claim;
        } claims[PEER_CLAIMS_MAX];
};

struct peers {
        struct peer of[PEERS_MAX];
        size_t n;
        bool told_full;
};

int peers_new(struct peers **ret) {
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

static void peer_done(struct peer *peer) {
        free(peer->type);
        json_decref(peer->content);
}

struct peers *peers_free(struct peers *p) {
        for (size_t i = 0; p && i < p->n; i++)
                peer_done(&p->of[i]);
        free(p);
        return NULL;
}

static void drop(struct peers *p, size_t i) {
        peer_done(&p->of[i]);
        p->of[i] = p->of[--p->n];
}

static struct peer *find(struct peers *p, const char *type) {
        for (size_t i = 0; i < p->n; i++)
                if (streq(p->of[i].type, type))
                        return &p->of[i];
        return NULL;
}

static bool has_claims(const struct peer *peer) {
        for (size_t i = 0; i < peer->n; i++)
                if (!peer->claims[i].claim.done)
                        return true;
        return false;
}

/* ---- one entry ---- */

static usec_t life_of(const json_t *content, usec_t age) {
        int64_t told = json_member_int(content, "told", -1), expires = json_member_int(content, "expires", -1);
        usec_t life;

        if (told < 0 || expires < told)
                return 0;
        life = (usec_t) (expires - told) > PEER_LIFE_MAX / USEC_PER_MSEC ? PEER_LIFE_MAX
                                                                         : (usec_t) (expires - told) * USEC_PER_MSEC;
        return age < life ? life - age : 0;
}

static bool claim_from_json(const json_t *o, struct claim_other *ret) {
        struct claim_other c = {
                .live = json_member_bool(o, "live", false),
                .waits = json_member_bool(o, "waits", false),
                .done = json_member_bool(o, "done", false),
                .text_lost = json_member_bool(o, "text_lost", false),
        };

        if (!owed_from_json(o, &c.owed) || (c.live && c.done))
                return false;
        *ret = c;
        return true;
}

static void read_claims(struct peer *peer) {
        const json_t *claims = json_member_object(peer->content, "claims");
        const char *output;
        const json_t *o;

        peer->n = 0;
        json_object_foreach((json_t *) claims, output, o) {
                if (peer->n < PEER_CLAIMS_MAX && strlen(output) < OUTPUT_MAX &&
                    claim_from_json(o, &peer->claims[peer->n].claim))
                        (void) snprintf(peer->claims[peer->n++].output, OUTPUT_MAX, "%s", output);
        }
}

static bool is_entry(const json_t *content) {
        return json_member_int(content, "version", -1) == ENTRY_VERSION && json_member_object(content, "claims");
}

static bool is_there(const struct peer *peer) {
        return is_entry(peer->content);
}

/* Whoever sees its value may still ask what was before it. */
static void finish_claims(struct peer *peer) {
        for (size_t i = 0; i < peer->n; i++) {
                peer->claims[i].claim.live = peer->claims[i].claim.waits = false;
                peer->claims[i].claim.done = true;
        }
}

json_t *peer_entry_new(const struct peer_claim *claims, size_t n, usec_t wall) {
        SCOPED(json_decref) json_t *all = json_object();

        for (size_t i = 0; i < n; i++) {
                const struct claim_other *c = &claims[i].claim;
                json_t *o = owed_to_json(&c->owed);

                if (json_object_set_new(o, "live", json_boolean(c->live)) < 0 ||
                    json_object_set_new(o, "waits", json_boolean(c->waits)) < 0 ||
                    json_object_set_new(o, "done", json_boolean(c->done)) < 0 ||
                    json_object_set_new(o, "text_lost", json_boolean(c->text_lost)) < 0 ||
                    json_object_set(all, claims[i].output, o) < 0) {
                        json_decref(o);
                        return NULL;
                }
                json_decref(o);
        }
        return json_pack("{si sO sI sI}", "version", ENTRY_VERSION, "claims", all, "told",
                         (json_int_t) (wall / USEC_PER_MSEC), "expires",
                         (json_int_t) ((wall + PEER_LIFE_MAX) / USEC_PER_MSEC));
}

bool peer_entry_same(const json_t *a, const json_t *b) {
        return json_member_int(a, "version", -1) == json_member_int(b, "version", -1) &&
               json_equal(json_object_get(a, "claims"), json_object_get(b, "claims"));
}

usec_t peer_entry_told(const json_t *entry) {
        int64_t told = json_member_int(entry, "told", -1);

        return told < 0 || (usec_t) told > USEC_NEVER / USEC_PER_MSEC ? USEC_NEVER : (usec_t) told * USEC_PER_MSEC;
}

/* ---- all of them ---- */

/* One that owes nothing makes room for one that does. */
static struct peer *add(struct peers *p, const char *type) {
        for (size_t i = 0; p->n == PEERS_MAX && i < PEERS_MAX; i++)
                if (!has_claims(&p->of[i]))
                        drop(p, i);
        if (p->n == PEERS_MAX) {
                if (!p->told_full)
                        log_warning("More than %d machines of one user tell of claims, ignoring the rest", PEERS_MAX);
                p->told_full = true;
                return NULL;
        }
        p->of[p->n] = (struct peer){ .type = strdup(type) };
        return p->of[p->n].type ? &p->of[p->n++] : NULL;
}

bool peers_take(struct peers *p, const char *type, const json_t *content, usec_t age, usec_t now) {
        struct peer *peer;
        usec_t life;

        if (strncmp(type, PEERS_TYPE, strlen(PEERS_TYPE)) != 0)
                return false;
        peer = find(p, type);
        if (!peer && is_entry(content))
                peer = add(p, type);
        if (!peer)
                return false;
        peer->seen = true;
        if (peer->content && json_equal(peer->content, content))
                return false;
        json_decref(peer->content);
        peer->content = json_incref((json_t *) content);
        if (!is_there(peer)) {
                finish_claims(peer);
                return true;
        }
        life = life_of(content, age);
        peer->until = usec_add(now, life);
        read_claims(peer);
        if (life == 0)
                peer->n = 0; /* whatever it told is long over */
        return true;
}

void peers_resync_begin(struct peers *p) {
        for (size_t i = 0; i < p->n; i++)
                p->of[i].seen = false;
}

bool peers_resync_end(struct peers *p) {
        bool changed = false;

        for (size_t i = p->n; i > 0; i--)
                if (!p->of[i - 1].seen) {
                        changed = changed || is_there(&p->of[i - 1]);
                        drop(p, i - 1);
                }
        return changed;
}

bool peers_expire(struct peers *p, usec_t now) {
        bool changed = false;

        for (size_t i = 0; i < p->n; i++) {
                struct peer *peer = &p->of[i];

                if (now < peer->until || !has_claims(peer))
                        continue;
                finish_claims(peer);
                changed = true;
        }
        return changed;
}

usec_t peers_deadline(const struct peers *p) {
        usec_t at = USEC_NEVER;

        for (size_t i = 0; i < p->n; i++)
                if (has_claims(&p->of[i]))
                        at = usec_min(at, p->of[i].until);
        return at;
}

bool peers_exist(const struct peers *p) {
        for (size_t i = 0; i < p->n; i++)
                if (is_there(&p->of[i]))
                        return true;
        return false;
}

static const char *device_of(const struct peer *peer) {
        return peer->type + strlen(PEERS_TYPE);
}

bool peers_have(const struct peers *p, const char *device_id) {
        for (size_t i = 0; i < p->n; i++)
                if (is_there(&p->of[i]) && streq(device_of(&p->of[i]), device_id))
                        return true;
        return false;
}

size_t peers_claims(const struct peers *p, const char *output, const char *device_id,
                    struct claim_other ret[PEERS_MAX]) {
        size_t n = 0;

        for (size_t i = 0; i < p->n; i++)
                for (size_t j = 0; j < p->of[i].n; j++)
                        if (streq(p->of[i].claims[j].output, output) && n < PEERS_MAX) {
                                ret[n] = p->of[i].claims[j].claim;
                                ret[n++].first = strcmp(device_of(&p->of[i]), device_id) < 0;
                        }
        return n;
}

bool peers_hold(const struct peers *p, const char *output) {
        struct claim_other claims[PEERS_MAX];
        size_t n = peers_claims(p, output, "", claims);

        for (size_t i = 0; i < n; i++)
                if (claims[i].live && claims[i].owed.state_claimed)
                        return true;
        return false;
}
