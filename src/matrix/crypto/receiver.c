/* See receiver.h. */
#include <errno.h>

#include "json/json.h"
#include "matrix/crypto/plaintext.h"
#include "matrix/crypto/receiver-parts.h"

int receiver_make_parts(struct receiver *r, const char *user_id, const char *device_id, const char *master) {
        int e = crypto_account_keys(r->account, r->curve25519, r->ed25519);

        if (e < 0)
                return e;
        if (strlen(master) != CRYPTO_KEY_TEXT - 1)
                return -EBADMSG;
        memcpy(r->master, master, CRYPTO_KEY_TEXT);
        r->user_id = strdup(user_id);
        r->device_id = strdup(device_id);
        r->unanswered = json_object();
        if (!r->user_id || !r->device_id || !r->unanswered)
                return -ENOMEM;
        e = olm_box_new(&r->olm, r->account);
        if (e == 0)
                e = room_keys_new(&r->rooms);
        if (e == 0)
                e = identities_new(&r->identities, user_id);
        if (e == 0)
                e = identities_pin(r->identities, user_id, master);
        if (e == 0)
                e = late_new(&r->late);
        if (e == 0)
                e = withheld_new(&r->withheld);
        if (e == 0)
                e = heal_new(&r->heal);
        return e;
}

int receiver_new(struct receiver **ret, const char *user_id, const char *device_id, const char *master,
                 const struct instant *at) {
        SCOPED(receiver_free) struct receiver *r = calloc(1, sizeof(*r));
        int e = r ? crypto_account_new(&r->account) : -ENOMEM;

        if (e == 0)
                e = receiver_make_parts(r, user_id, device_id, master);
        if (e < 0)
                return e;
        r->stock = stock_begin(0, at->now);
        r->changed = true;
        *ret = TAKE(r);
        return 0;
}

static void drop_wanted(struct receiver *r) {
        for (size_t i = 0; i < r->n_wanted; i++)
                free(r->wanted[i]);
        free(r->wanted);
        r->wanted = NULL;
        r->n_wanted = 0;
}

struct receiver *receiver_free(struct receiver *r) {
        if (!r)
                return NULL;
        drop_wanted(r);
        olm_box_free(r->olm);
        crypto_text_done(&r->half.text);
        crypto_account_free(r->account);
        room_keys_free(r->rooms);
        identities_free(r->identities);
        late_free(r->late);
        withheld_free(r->withheld);
        heal_free(r->heal);
        json_decref(r->to_send);
        json_decref(r->asked);
        json_decref(r->unanswered);
        free(r->user_id);
        free(r->device_id);
        free(r);
        return NULL;
}

void receiver_own_keys(const struct receiver *r, struct own_device *ret) {
        *ret = (struct own_device){
                .user_id = r->user_id,
                .device_id = r->device_id,
                .curve25519 = r->curve25519,
                .ed25519 = r->ed25519,
                .master = r->master,
        };
}

struct receiver_facts receiver_facts(const struct receiver *r) {
        struct receiver_facts f = {
                .own = r->own,
                .unsigned_since_wall = r->unsigned_since_wall,
                .never_signed = r->never_signed,
                .own_again_at = r->own_again_at,
                .keys_refused = r->keys_refused,
                .n_withholding = withheld_users(r->withheld),
                .n_waiting = late_count(r->late),
                .n_refused = r->n_refused,
                .n_unreadable = r->n_unreadable,
        };

        while (room_keys_at(r->rooms, f.n_room_keys))
                f.n_room_keys++;
        return f;
}

/* ---- whose messages are read ---- */

int receiver_want(struct receiver *r, const char *const *user_ids, size_t n) {
        size_t most = !user_ids ? 0 : n < RECEIVER_WANTED_MAX ? n : RECEIVER_WANTED_MAX;
        char **wanted = calloc(most + 1, sizeof(*wanted));

        if (!wanted)
                return -ENOMEM;
        for (size_t i = 0; i < most; i++) {
                wanted[i] = strdup(user_ids[i]);
                if (wanted[i])
                        continue;
                while (i-- > 0)
                        free(wanted[i]);
                free(wanted);
                return -ENOMEM;
        }
        drop_wanted(r);
        r->wanted = wanted;
        r->n_wanted = most;
        r->wants_all = !user_ids;
        return 0;
}

void receiver_set_scope(struct receiver *r, const struct receiver_scope *scope) {
        r->scope = *scope;
}

void receiver_set_deaf(struct receiver *r, bool deaf) {
        r->deaf = deaf;
}

bool receiver_took_key(struct receiver *r) {
        bool took = r->took_key;

        r->took_key = false;
        return took;
}

static bool is_wanted(const struct receiver *r, const char *user_id) {
        if (r->wants_all || streq(user_id, r->user_id))
                return true;
        for (size_t i = 0; i < r->n_wanted; i++)
                if (streq(r->wanted[i], user_id))
                        return true;
        return false;
}

/* ---- messages to this device ---- */

static int take_room_key(struct receiver *r, const struct olm_envelope *e, const struct olm_plaintext *p,
                         bool is_proven, usec_t wall) {
        const int cross_signed = is_proven ? identities_sign(r->identities, &p->device) : 0;
        const struct room_key_sender from = {
                .user_id = e->sender,
                .sender_key = e->sender_key,
                .ed25519 = p->ed25519,
                .device_id = is_proven ? p->device.device_id : NULL,
                .cross_signed = cross_signed > 0,
        };
        const char *room_id = json_member_string(p->content, "room_id");
        int outcome;

        if (cross_signed < 0)
                return cross_signed;
        if (r->scope.has_room && room_id && !streq(e->sender, r->user_id) &&
            !r->scope.has_room(r->scope.userdata, room_id))
                return 0;
        outcome = room_keys_take(r->rooms, p->content, &from, wall);
        if (outcome < 0)
                return outcome;
        r->n_refused += outcome == ROOM_KEY_FOREIGN || outcome == ROOM_KEY_BROKEN;
        if (outcome == ROOM_KEY_TAKEN) {
                r->changed = r->keys_came = r->took_key = true;
                withheld_came(r->withheld, json_member_string(p->content, "room_id"),
                              json_member_string(p->content, "session_id"));
        } else if (outcome != ROOM_KEY_KNOWN)
                return 0;
        /* What the message brings may be older than the signature of the user's identity. */
        return receiver_prove(r, e->sender, e->sender_key, p->ed25519) == -ENOMEM ? -ENOMEM : 0;
}

static int take_plaintext(struct receiver *r, const struct olm_envelope *e, const struct crypto_text *text,
                          usec_t wall) {
        SCOPED(olm_plaintext_done) struct olm_plaintext p = { 0 };
        int verdict = olm_plaintext_read(text->data, text->size, e, &p);

        if (verdict < 0)
                return verdict;
        if (verdict != OLM_ACCEPTED && verdict != OLM_DEVICE_UNPROVEN) {
                r->n_refused++;
                return 0;
        }
        /* Nothing else is of use to who only receives: no secrets, no requests, no keys that somebody sends on. */
        return streq(p.type, "m.room_key") ? take_room_key(r, e, &p, verdict == OLM_ACCEPTED, wall) : 0;
}

/* As olm_box_read(). */
static int decrypt(struct receiver *r, const struct olm_envelope *e, const json_t *message, const struct digest *d,
                   struct crypto_text *ret) {
        if (!r->half.text.data || !digest_equal(&r->half.of, d) || !streq(r->half.sender_key, e->sender_key))
                return olm_box_read(r->olm, e->sender, e->sender_key, (int) json_member_int(message, "type", -1),
                                    json_member_string(message, "body"), ret);
        *ret = r->half.text;
        r->half.text = (struct crypto_text){ 0 };
        return OLM_READ;
}

static void put_aside(struct receiver *r, const char *sender_key, const struct digest *d, struct crypto_text *text) {
        crypto_text_done(&r->half.text);
        r->half = (struct half){ .of = *d, .text = *text };
        memcpy(r->half.sender_key, sender_key, sizeof(r->half.sender_key));
        *text = (struct crypto_text){ 0 };
}

static int take_encrypted(struct receiver *r, const char *sender, const json_t *content, const struct instant *at) {
        SCOPED(crypto_text_done) struct crypto_text text = { 0 };
        const char *algorithm = json_member_string(content, "algorithm");
        const json_t *mine = json_member_object(json_member_object(content, "ciphertext"), r->curve25519);
        const char *body = json_member_string(mine, "body");
        const struct olm_envelope e = {
                .sender = sender,
                .sender_key = json_member_string(content, "sender_key"),
                .me = r->user_id,
                .my_ed25519 = r->ed25519,
        };
        struct digest d;
        int outcome;

        if (!algorithm || !streq(algorithm, OLM) || !body || !e.sender_key || strlen(body) > CRYPTO_MESSAGE_BYTES_MAX)
                return 0;
        if (digest_of(body, &d) < 0)
                return -ENOMEM;
        if (repeats_has(&r->repeats, &d))
                return 0;
        outcome = decrypt(r, &e, mine, &d, &text);
        if (outcome < 0)
                return outcome;
        if (outcome == OLM_UNREADABLE) {
                if (heal_want(r->heal, sender, e.sender_key, at->now) < 0)
                        return -ENOMEM;
                r->n_unreadable++;
        }
        if (outcome != OLM_REPEATED)
                r->changed = true;
        if (outcome == OLM_READ) {
                int result = take_plaintext(r, &e, &text, at->wall);

                if (result < 0) {
                        put_aside(r, e.sender_key, &d, &text);
                        return result;
                }
        }
        repeats_put(&r->repeats, &d);
        return 0;
}

static int take_message(struct receiver *r, const json_t *event, const struct instant *at) {
        const char *type = json_member_string(event, "type"), *sender = json_member_string(event, "sender");
        const json_t *content = json_member_object(event, "content");
        const char *sender_key;
        enum withheld_code code;
        int e = 0;

        if (!type || !sender || strlen(sender) > MATRIX_ID_BYTES_MAX || !content || !is_wanted(r, sender))
                return 0;
        if (streq(type, "m.room.encrypted"))
                return take_encrypted(r, sender, content, at);
        if (streq(type, "m.room_key.withheld") || streq(type, "org.matrix.room_key.withheld"))
                e = withheld_take(r->withheld, sender, content, &code);
        /* They found no key of ours: the session that they had, if any, is gone. */
        sender_key = json_member_string(content, "sender_key");
        if (e > 0 && code == WITHHELD_NO_OLM && sender_key)
                e = heal_want(r->heal, sender, sender_key, at->now);
        return e == -ENOMEM ? e : 0;
}

/* Keys that were uploaded again after somebody has claimed them would be given to somebody else, too. New ones are
 * made where few are left: with more than that there they have arrived. */
static void find_out(struct receiver *r, int64_t n) {
        if (r->unsure && n >= STOCK_LOW) {
                crypto_account_published(r->account);
                r->changed = true;
        }
        r->unsure = false;
}

static void take_counts(struct receiver *r, const struct receiver_sync *sync) {
        struct crypto_public_key key;
        bool fallback_is_unused = false;
        int64_t n;
        const json_t *v;
        size_t i;

        if (!json_is_object(sync->one_time_key_counts) || !json_is_array(sync->unused_fallback_keys))
                return;
        /* A server that is asked from the same position again may give the same answer: keys made on account of it
         * twice would push others, which still lie on the server, out of the library. */
        if (r->counts_are_old) {
                r->counts_are_old = false;
                return;
        }
        if (r->out == RECEIVER_UPLOAD)
                return;
        n = json_member_int(sync->one_time_key_counts, SIGNED, 0);
        find_out(r, n);
        /* What is on its way to the server is not counted there yet. */
        if (crypto_account_one_time_keys(r->account, &key, 1) != 0 ||
            crypto_account_fallback_key(r->account, &key) != 0)
                return;
        json_array_foreach(sync->unused_fallback_keys, i, v) fallback_is_unused |=
                json_is_string(v) && streq(json_string_value(v), SIGNED);
        stock_server_says(&r->stock, n > 0 ? (size_t) n : 0, fallback_is_unused);
}

void receiver_doubt_devices(struct receiver *r) {
        identities_forget_all(r->identities);
        (void) json_object_clear(r->unanswered);
        (void) json_object_clear(r->asked);
        r->own = OWN_UNKNOWN;
}

int receiver_take_sync(struct receiver *r, const struct receiver_sync *sync, const struct instant *at) {
        const json_t *v;
        size_t i;

        json_array_foreach(sync->changed, i, v) {
                const char *user_id = json_string_value(v);

                if (!user_id)
                        continue;
                (void) identities_forget(r->identities, user_id);
                (void) json_object_del(r->unanswered, user_id);
                /* An answer that is on its way may be from before. */
                (void) json_object_del(r->asked, user_id);
                if (streq(user_id, r->user_id))
                        r->own = OWN_UNKNOWN;
        }
        json_array_foreach(r->deaf ? NULL : sync->to_device, i, v) {
                int e = take_message(r, v, at);

                if (e < 0)
                        return e;
        }
        if (!r->deaf)
                take_counts(r, sync);
        /* A server that does not give it again never will. */
        crypto_text_done(&r->half.text);
        return 0;
}

/* ---- events of rooms ---- */

/* The own identity may not have been asked for yet. */
static bool may_become_readable(const struct receiver *r, int verdict) {
        return verdict == ROOM_NO_KEY || verdict == ROOM_KEY_UNPROVEN ||
               (verdict == ROOM_UNSIGNED_OWN && r->own == OWN_UNKNOWN);
}

int receiver_read(struct receiver *r, const struct matrix_event *e, const struct instant *at,
                  struct room_plaintext *ret) {
        int verdict = room_event_read(r->rooms, r->user_id, e, ret), kept;
        const char *session_id;

        if (verdict < 0 || !may_become_readable(r, verdict) || room_event_session(e, &session_id) < 0)
                return verdict;
        kept = late_put(r->late, e, session_id, at->now);
        if (kept < 0)
                return kept;
        return verdict == ROOM_UNSIGNED_OWN ? ROOM_KEY_UNPROVEN : verdict;
}

static bool has_its_key(const struct receiver *r, const char *room_id, const char *session_id) {
        const struct room_key *k = room_keys_find(r->rooms, room_id, session_id);

        return k && k->device_id && (k->cross_signed || !streq(k->user_id, r->user_id) || r->own != OWN_UNKNOWN);
}

bool receiver_awaits(const struct receiver *r, usec_t now) {
        const char *room_id, *session_id;

        for (size_t i = 0; now >= r->retry_at && late_at(r->late, i, &room_id, &session_id); i++) {
                const struct room_key *k = room_keys_find(r->rooms, room_id, session_id);

                if (k && !has_its_key(r, room_id, session_id) && !json_object_get(r->unanswered, k->user_id))
                        return true;
        }
        return false;
}

bool receiver_awaits_unanswered(const struct receiver *r) {
        const char *room_id, *session_id;

        for (size_t i = 0; r->scope.is_live && late_at(r->late, i, &room_id, &session_id); i++) {
                const struct room_key *k = room_keys_find(r->rooms, room_id, session_id);

                if (k && !has_its_key(r, room_id, session_id) && json_object_get(r->unanswered, k->user_id) &&
                    r->scope.is_live(r->scope.userdata, room_id))
                        return true;
        }
        return false;
}

void receiver_tear_late(struct receiver *r, const char *room_id) {
        late_tear(r->late, room_id);
}

int receiver_take_lost(struct receiver *r, usec_t now, struct late_event *ret) {
        return late_take_lost(r->late, now, ret);
}

bool receiver_may_read_late(const struct receiver *r) {
        return r->keys_came && late_count(r->late) > 0;
}

int receiver_read_late(struct receiver *r, const struct instant *at, struct late_event *ret_event,
                       struct room_plaintext *ret) {
        const char *room_id, *session_id;

        if (!r->keys_came)
                return 0;
        for (size_t i = 0; late_at(r->late, i, &room_id, &session_id);) {
                SCOPED(late_event_done) struct late_event e = { 0 };
                int verdict;

                if (!has_its_key(r, room_id, session_id)) {
                        i++;
                        continue;
                }
                (void) late_find(r->late, room_id, session_id, at->now, &e);
                verdict = room_event_read(r->rooms, r->user_id, &e.event, ret);
                if (verdict < 0)
                        return verdict;
                late_remove(r->late, &e);
                if (verdict != ROOM_READ)
                        continue;
                *ret_event = e;
                e = (struct late_event){ 0 };
                return 1;
        }
        r->keys_came = false;
        return 0;
}
