/* What a receiver asks for and what becomes of it, see receiver.h. Keys are made here, stored by RECEIVER_SAVE, and
 * only then uploaded: the server never has one that a crash could lose. */
#include <errno.h>
#include <stdio.h>

#include "json/json.h"
#include "matrix/crypto/healer.h"
#include "matrix/crypto/receiver-parts.h"
#include "matrix/crypto/signed.h"

#define ASK_AGAIN_USEC USEC_PER_HOUR
/* ... where what may have ended a call waits for it: no more often than query-limit.h allows in the long run. */
#define ASK_SOON_USEC (5 * USEC_PER_MIN)

static int sign(const struct receiver *r, json_t *object) {
        SCOPED(free) char *bytes = NULL;
        char signature[CRYPTO_SIGNATURE_TEXT];
        int e = signed_json_bytes(object, &bytes);

        if (e == 0)
                e = crypto_account_sign(r->account, bytes, strlen(bytes), signature);
        return e < 0 ? e : signed_json_add(object, r->user_id, r->device_id, signature);
}

static int add_key(const struct receiver *r, json_t *to, const struct crypto_public_key *key, bool is_fallback) {
        SCOPED(free) char *name = NULL;
        json_t *v = is_fallback ? json_pack("{ss sb}", "key", key->key, "fallback", true)
                                : json_pack("{ss}", "key", key->key);
        int e = v ? sign(r, v) : -ENOMEM;

        if (e == 0 && asprintf(&name, SIGNED ":%s", key->id) < 0)
                e = -ENOMEM;
        if (e < 0) {
                json_decref(v);
                return e;
        }
        return json_object_set_new(to, name, v) < 0 ? -ENOMEM : 0;
}

/* The keys that the server does not have; 0 if there are none. */
static int make_upload(const struct receiver *r, json_t **ret) {
        SCOPED(json_decref) json_t *one_time = json_object(), *fallback = json_object();
        struct crypto_public_key keys[STOCK_FULL];
        int n = crypto_account_one_time_keys(r->account, keys, ARRAY_SIZE(keys)), e = 0;
        bool any = n > 0;

        if (!one_time || !fallback)
                return -ENOMEM;
        for (int i = 0; i < n && e == 0; i++)
                e = add_key(r, one_time, &keys[i], /* is_fallback= */ false);
        if (n >= 0 && e == 0)
                n = crypto_account_fallback_key(r->account, keys);
        if (n > 0 && e == 0)
                e = add_key(r, fallback, keys, /* is_fallback= */ true);
        if (n < 0 || e < 0)
                return n < 0 ? n : e;
        if (!any && n == 0)
                return 0;
        *ret = json_pack("{sO sO}", "one_time_keys", one_time, "fallback_keys", fallback);
        return *ret ? 1 : -ENOMEM;
}

static int fill_stock(struct receiver *r, const struct instant *at, usec_t *wake_at) {
        const struct stock_order o = stock_decide(&r->stock, at->now, at->wall);
        int e = 0;

        *wake_at = usec_min(*wake_at, o.wake_at);
        if (o.forget_fallback)
                crypto_account_forget_fallback(r->account);
        if (o.make_fallback)
                e = crypto_account_generate_fallback(r->account);
        if (e == 0 && o.n_make > 0)
                e = crypto_account_generate(r->account, o.n_make);
        if (e < 0)
                return e;
        stock_done(&r->stock, &o, at->now, at->wall);
        r->changed |= o.forget_fallback || o.make_fallback || o.n_make > 0;
        return 0;
}

static int ask(struct receiver *r, const char *user_id) {
        if (json_object_get(r->unanswered, user_id) || json_object_get(r->asked, user_id) ||
            json_object_size(r->asked) >= RECEIVER_ASKED_MAX)
                return 0;
        return json_object_set_new(r->asked, user_id, json_array()) < 0 ? -ENOMEM : 0;
}

static usec_t ask_again_at(const struct receiver *r) {
        if (json_object_size(r->unanswered) == 0)
                return USEC_NEVER;
        if (!receiver_awaits_unanswered(r))
                return r->ask_again_at;
        return usec_min(r->ask_again_at, usec_add(r->put_off_at, ASK_SOON_USEC));
}

/* Those of whom something came that their devices have to prove. */
static int ask_of_others(struct receiver *r) {
        const struct room_key *k;
        struct heal_device broken;
        int e = 0;

        for (size_t i = 0; (k = room_keys_at(r->rooms, i)) && e == 0; i++)
                if ((!k->device_id || !k->cross_signed) && !identities_know(r->identities, k->user_id))
                        e = ask(r, k->user_id);
        if (e == 0 && heal_next(r->heal, &broken) && !identities_know(r->identities, broken.user_id))
                e = ask(r, broken.user_id);
        return e;
}

/* Whose devices are to be asked for; 0 if nobody's, or not now. Who is asked with the own ones costs no query. */
static int make_query(struct receiver *r, const struct instant *at, json_t **ret, usec_t *wake_at) {
        const usec_t own_at = query_limit_at(&r->own_queries), others_at = query_limit_at(&r->queries);
        const bool wants_own = r->own == OWN_UNKNOWN || (r->own == OWN_UNSIGNED && at->now >= r->own_again_at),
                   has_own = wants_own && at->now >= own_at;
        int e;

        json_decref(r->asked);
        r->asked = json_object();
        if (!r->asked)
                return -ENOMEM;
        e = wants_own ? ask(r, r->user_id) : 0;
        if (e == 0 && !r->deaf)
                e = ask_of_others(r);
        if (e < 0 || json_object_size(r->asked) == 0)
                return e;
        if (!has_own && at->now < others_at) {
                *wake_at = usec_min(*wake_at, wants_own ? usec_min(own_at, others_at) : others_at);
                return 0;
        }
        *ret = json_pack("{sO}", "device_keys", r->asked);
        if (!*ret)
                return -ENOMEM;
        query_limit_spend(has_own ? &r->own_queries : &r->queries, at->now);
        return 1;
}

/* The device whose session is to be healed: 1 as soon as all is known of it, 0 if there is none. */
static int find_broken(struct receiver *r, const struct instant *at, struct device_keys *ret_own,
                       struct device_keys *ret) {
        struct heal_device d;

        while (r->own == OWN_SIGNED && heal_next(r->heal, &d)) {
                int found = identities_find(r->identities, d.user_id, d.sender_key, NULL, ret);

                if (found > 0)
                        return identities_find(r->identities, r->user_id, r->curve25519, r->ed25519, ret_own) > 0;
                /* Its server may be out of reach, and it is asked for again with the next message. */
                if (found < 0 && !json_object_get(r->unanswered, d.user_id))
                        return 0;
                heal_done(r->heal, &d, at->now);
        }
        return 0;
}

static int make_claim(struct receiver *r, const struct instant *at, json_t **ret) {
        struct device_keys own, device;

        if (!find_broken(r, at, &own, &device))
                return 0;
        *ret = json_pack("{s{s{ss}}}", "one_time_keys", device.user_id, device.device_id, SIGNED);
        return *ret ? 1 : -ENOMEM;
}

static int make_message(struct receiver *r, struct receiver_order *o) {
        SCOPED(free) char *bytes = json_dumps_whole(r->to_send, JSON_COMPACT | JSON_SORT_KEYS);
        struct digest d;

        if (!bytes || digest_of(bytes, &d) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < sizeof(d.bytes); i++)
                (void) snprintf(o->txn + 2 * i, 3, "%02x", d.bytes[i]);
        o->body = json_pack("{sO}", "messages", r->to_send);
        return o->body ? 1 : -ENOMEM;
}

static int make_step(struct receiver *r, enum receiver_step step, const struct instant *at, struct receiver_order *o) {
        switch (step) {
        case RECEIVER_SEND:
                return r->to_send ? make_message(r, o) : 0;
        case RECEIVER_UPLOAD:
                if (at->now < r->upload_at) {
                        o->wake_at = usec_min(o->wake_at, r->upload_at);
                        return 0;
                }
                return r->unsure ? 0 : make_upload(r, &o->body);
        case RECEIVER_QUERY:
                return make_query(r, at, &o->body, &o->wake_at);
        case RECEIVER_CLAIM:
                return make_claim(r, at, &o->body);
        case RECEIVER_IDLE:
        case RECEIVER_SAVE:
                return 0;
        }
        return 0;
}

static bool is_wanted(const struct receiver *r, enum receiver_step step) {
        return step == RECEIVER_QUERY || !r->deaf;
}

/* The next request: 1, or 0 if there is none. Which of them a server fails at, and whether for good, nobody knows: the
 * one that failed does not keep out the others. */
static int make_request(struct receiver *r, const struct instant *at, struct receiver_order *o) {
        static const enum receiver_step steps[] = { RECEIVER_SEND, RECEIVER_UPLOAD, RECEIVER_QUERY, RECEIVER_CLAIM };
        const enum receiver_step last = r->failed;
        int e = 0;

        for (size_t i = 0; i <= ARRAY_SIZE(steps) && e == 0; i++) {
                enum receiver_step step = i < ARRAY_SIZE(steps) ? steps[i] : last;

                if ((i < ARRAY_SIZE(steps) && step == last) || !is_wanted(r, step))
                        continue;
                e = make_step(r, step, at, o);
                if (e != 0)
                        o->step = step;
        }
        return e;
}

static json_t *make_device(const struct receiver *r) {
        SCOPED(free) char *curve25519 = NULL, *ed25519 = NULL;

        if (asprintf(&curve25519, "curve25519:%s", r->device_id) < 0 ||
            asprintf(&ed25519, "ed25519:%s", r->device_id) < 0)
                return NULL;
        return json_pack("{ss ss s[ss] s{ss ss}}", "user_id", r->user_id, "device_id", r->device_id, "algorithms", OLM,
                         "m.megolm.v1.aes-sha2", "keys", curve25519, r->curve25519, ed25519, r->ed25519);
}

static int sign_by_identity(const struct receiver *r, const uint8_t seed[CRYPTO_SECRET_BYTES], json_t *object) {
        SCOPED(free) char *bytes = NULL;
        char key[CRYPTO_KEY_TEXT], signature[CRYPTO_SIGNATURE_TEXT];
        int e = signed_json_bytes(object, &bytes);

        if (e == 0)
                e = crypto_seed_public(seed, key);
        if (e == 0)
                e = crypto_seed_sign(seed, bytes, strlen(bytes), signature);
        return e < 0 ? e : signed_json_add(object, r->user_id, key, signature);
}

int receiver_introduce(struct receiver *r, const uint8_t seed[CRYPTO_SECRET_BYTES], const struct instant *at,
                       json_t **ret_body) {
        SCOPED(json_decref) json_t *device = make_device(r), *body = NULL;
        usec_t wake_at = USEC_NEVER;
        int e = device ? sign(r, device) : -ENOMEM;

        if (e == 0 && seed)
                e = sign_by_identity(r, seed, device);
        if (e == 0)
                e = make_upload(r, &body);
        /* Those that were made before, for a try of which nobody knows what became of it, are the same again. */
        if (e == 0) {
                stock_server_says(&r->stock, 0, false);
                e = fill_stock(r, at, &wake_at);
                if (e == 0)
                        e = make_upload(r, &body);
        }
        if (e < 0)
                return e;
        if (json_object_set(body, "device_keys", device) < 0)
                return -ENOMEM;
        r->out = RECEIVER_UPLOAD;
        r->unsure = false;
        r->never_signed = !seed;
        *ret_body = TAKE(body);
        return 0;
}

void receiver_is_signed(struct receiver *r) {
        r->never_signed = false;
        r->changed = true;
}

int receiver_pin(struct receiver *r, const char *master) {
        int e;

        if (strlen(master) != CRYPTO_KEY_TEXT - 1)
                return -EBADMSG;
        e = identities_pin(r->identities, r->user_id, master);
        if (e < 0)
                return e;
        memcpy(r->master, master, CRYPTO_KEY_TEXT);
        r->own = OWN_UNKNOWN;
        r->changed = true;
        return 0;
}

int receiver_sign_again(const struct receiver *r, const uint8_t seed[CRYPTO_SECRET_BYTES], json_t **ret_body) {
        SCOPED(json_decref) json_t *device = make_device(r);
        int e = device ? sign_by_identity(r, seed, device) : -ENOMEM;

        if (e < 0)
                return e;
        *ret_body = json_pack("{s{sO}}", r->user_id, r->device_id, device);
        return *ret_body ? 0 : -ENOMEM;
}

/* Keys of calls that go on outlast others. */
static void hold_keys(struct receiver *r) {
        struct room_key *k;

        for (size_t i = 0; r->scope.is_live && (k = room_keys_at(r->rooms, i)); i++)
                k->held = r->scope.is_live(r->scope.userdata, k->room_id);
}

/* The keys of rooms grow old, and those for others fewer. */
static int look_after_keys(struct receiver *r, const struct instant *at, usec_t *wake_at) {
        hold_keys(r);
        r->changed |= room_keys_run(r->rooms, at->wall);
        return fill_stock(r, at, wake_at);
}

static int decide(struct receiver *r, const struct instant *at, bool may_ask, struct receiver_order *ret) {
        struct receiver_order o = { .wake_at = late_run(r->late, at->now, r->scope.is_live, r->scope.userdata) };
        int e = r->deaf ? 0 : look_after_keys(r, at, &o.wake_at);

        if (e < 0)
                return e;
        /* Also while nothing can be asked: a deadline that is over is none. */
        if (at->now >= ask_again_at(r))
                json_object_clear(r->unanswered);
        if (r->half.text.data) {
                o.step = RECEIVER_IDLE;
        } else if (r->changed) {
                o.step = RECEIVER_SAVE;
        } else if (r->out != RECEIVER_IDLE || !may_ask) {
                o.step = RECEIVER_IDLE;
        } else if (at->now < r->retry_at) {
                o.wake_at = usec_min(o.wake_at, r->retry_at);
        } else {
                e = make_request(r, at, &o);
                if (e < 0)
                        return e;
                r->out = o.step;
        }
        if (r->own == OWN_UNSIGNED && r->own_again_at > at->now)
                o.wake_at = usec_min(o.wake_at, r->own_again_at);
        o.wake_at = usec_min(o.wake_at, ask_again_at(r));
        *ret = o;
        return 0;
}

int receiver_decide(struct receiver *r, const struct instant *at, struct receiver_order *ret) {
        return decide(r, at, /* may_ask= */ true, ret);
}

int receiver_decide_unasked(struct receiver *r, const struct instant *at, struct receiver_order *ret) {
        return decide(r, at, /* may_ask= */ false, ret);
}

void receiver_saved(struct receiver *r) {
        r->changed = false;
}

void receiver_lost(struct receiver *r, usec_t retry_at) {
        r->unsure |= r->out == RECEIVER_UPLOAD;
        receiver_failed(r, retry_at);
}

void receiver_failed(struct receiver *r, usec_t retry_at) {
        r->failed = r->out;
        r->out = RECEIVER_IDLE;
        r->retry_at = retry_at;
}

void receiver_retry(struct receiver *r) {
        r->retry_at = r->upload_at = r->ask_again_at = r->own_again_at = 0;
}

void receiver_answers_again(struct receiver *r, usec_t not_before) {
        r->retry_at = usec_min(r->retry_at, not_before);
}

/* Not asked for again before long. */
static int put_off(struct receiver *r, const char *user_id, const struct instant *at) {
        if (json_object_size(r->unanswered) == 0) {
                r->put_off_at = at->now;
                r->ask_again_at = usec_add(at->now, ASK_AGAIN_USEC);
        }
        return json_object_set_new(r->unanswered, user_id, json_null()) < 0 ? -ENOMEM : 0;
}

int receiver_refused(struct receiver *r, const struct instant *at) {
        const enum receiver_step refused = r->out;
        struct heal_device broken;
        const char *user_id;
        json_t *unused;

        r->out = RECEIVER_IDLE;
        switch (refused) {
        case RECEIVER_UPLOAD:
                r->keys_refused = true;
                r->upload_at = usec_add(at->now, ASK_AGAIN_USEC);
                return 0;
        case RECEIVER_QUERY:
                json_object_foreach(r->asked, user_id, unused) if (put_off(r, user_id, at) < 0) return -ENOMEM;
                return 0;
        case RECEIVER_CLAIM:
                if (heal_next(r->heal, &broken))
                        heal_done(r->heal, &broken, at->now);
                return 0;
        case RECEIVER_SEND:
                receiver_sent(r);
                return 0;
        case RECEIVER_IDLE:
        case RECEIVER_SAVE:
                return 0;
        }
        return 0;
}

int receiver_uploaded(struct receiver *r, const json_t *answer, const struct instant *at) {
        const json_t *counts = json_member_object(answer, "one_time_key_counts");

        if (r->out != RECEIVER_UPLOAD || !counts)
                return -EBADMSG;
        r->out = RECEIVER_IDLE;
        r->keys_refused = false;
        crypto_account_published(r->account);
        stock_server_says(&r->stock, (size_t) json_member_int(counts, SIGNED, STOCK_FULL), true);
        r->changed = true;
        return 0;
}

/* Takes the session and the content over. Nothing goes out by a session that is not kept here. */
static int begin_to_send(struct receiver *r, const struct device_keys *device, struct crypto_session *s,
                         json_t *content) {
        SCOPED(json_decref) json_t *to_send = json_pack("{s{so}}", device->user_id, device->device_id, content);
        int e;

        if (!to_send) {
                crypto_session_free(s);
                return -ENOMEM;
        }
        e = olm_box_put(r->olm, device->user_id, device->curve25519, s);
        if (e < 0)
                return e;
        r->to_send = TAKE(to_send);
        r->changed = true;
        return 0;
}

int receiver_claimed(struct receiver *r, const json_t *answer, const struct instant *at) {
        struct device_keys own, device;
        struct crypto_session *s;
        const char *key;
        json_t *content;
        int e;

        if (r->out != RECEIVER_CLAIM || !json_member_object(answer, "one_time_keys"))
                return -EBADMSG;
        r->out = RECEIVER_IDLE;
        if (!find_broken(r, at, &own, &device))
                return 0;
        e = healer_claimed(answer, &device, &key);
        if (e == 0)
                e = healer_begin(r->account, &own, &device, key, &s, &content);
        if (e == 0)
                e = begin_to_send(r, &device, s, content);
        /* Its keys are claimed once more. */
        if (e == -ENOMEM)
                return e;
        heal_done(r->heal, &(struct heal_device){ device.user_id, device.curve25519 }, at->now);
        return 0;
}

void receiver_sent(struct receiver *r) {
        r->out = RECEIVER_IDLE;
        json_decref(r->to_send);
        r->to_send = NULL;
}

int receiver_prove(struct receiver *r, const char *user_id, const char *sender_key, const char *ed25519) {
        struct device_keys d;
        int found = identities_find(r->identities, user_id, sender_key, ed25519, &d), e;

        if (found <= 0)
                return found;
        e = identities_sign(r->identities, &d);
        if (e >= 0)
                e = room_keys_prove(r->rooms, &d, e);
        if (e < 0)
                return e;
        r->changed |= e > 0;
        return 1;
}

/* What the keys of a user's devices say of the room keys that came from them. */
static int prove_room_keys(struct receiver *r, const char *user_id) {
        const struct room_key *k;

        for (size_t i = 0; (k = room_keys_at(r->rooms, i));) {
                int found;

                i++;
                if (!streq(k->user_id, user_id))
                        continue;
                found = receiver_prove(r, user_id, k->sender_key, k->ed25519);
                if (found == -ENOMEM)
                        return found;
                if (found == 0 && !k->device_id) {
                        char sender_key[CRYPTO_KEY_TEXT], ed25519[CRYPTO_KEY_TEXT];

                        memcpy(sender_key, k->sender_key, sizeof(sender_key));
                        memcpy(ed25519, k->ed25519, sizeof(ed25519));
                        (void) room_keys_disprove(r->rooms, user_id, sender_key, ed25519);
                        r->n_refused++;
                        r->changed = true;
                        i = 0;
                }
        }
        return 0;
}

/* A clock that was set back makes it no shorter than it is from now on. */
static void judge_own(struct receiver *r, const json_t *answer, const struct instant *at) {
        const usec_t before = r->unsigned_since_wall;
        const bool was_never = r->never_signed;
        struct own_device own;

        receiver_own_keys(r, &own);
        r->own = own_judge(&own, answer);
        if (r->own == OWN_UNSIGNED) {
                r->own_again_at = usec_add(at->now, ASK_AGAIN_USEC);
                if (before == 0 || before > at->wall)
                        r->unsigned_since_wall = at->wall;
        } else if (r->own != OWN_UNKNOWN)
                r->unsigned_since_wall = 0;
        r->never_signed &= r->own != OWN_SIGNED && r->own != OWN_UNPROVEN;
        r->changed |= r->unsigned_since_wall != before || r->never_signed != was_never;
}

int receiver_queried(struct receiver *r, const json_t *answer, const struct instant *at) {
        SCOPED(json_decref) json_t *asked = NULL;
        const char *user_id;
        json_t *unused;

        if (r->out != RECEIVER_QUERY || !json_member_object(answer, "device_keys"))
                return -EBADMSG;
        r->out = RECEIVER_IDLE;
        asked = TAKE(r->asked);
        json_object_foreach(asked, user_id, unused) {
                int e = identities_take(r->identities, answer, user_id);

                if (e == 0)
                        e = prove_room_keys(r, user_id);
                /* Who is not known is asked for again. */
                if (e == -ENOMEM) {
                        (void) identities_forget(r->identities, user_id);
                        return e;
                }
                /* Their server may be out of reach. */
                if (e < 0 && put_off(r, user_id, at) < 0)
                        return -ENOMEM;
                if (streq(user_id, r->user_id))
                        judge_own(r, answer, at);
        }
        r->keys_came = true;
        return 0;
}
