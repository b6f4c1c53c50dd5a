/* A receiver in storage and back, see receiver.h.
 *
 * {version, library, user_id, device_id, master, fallback_since (ms), unsigned_since? (ms), never_signed?, account,
 *  olm: [{user_id, sender_key, session}], rooms: [{room_id, user_id, device_id?, sender_key, ed25519, signed, since
 * (ms), session}], repeats: [hexadecimal]}; what is secret in it is in the pickles of the library. */
#include <errno.h>
#include <stdio.h>

#include "json/json.h"
#include "matrix/crypto/receiver-parts.h"

#define VERSION 1

/* ---- out ---- */

static int pickled(int result, struct crypto_text *text, char **cached) {
        if (result < 0)
                return result;
        *cached = TAKE(text->data);
        return 0;
}

static int store_olm(struct receiver *r, const uint8_t key[CRYPTO_SECRET_BYTES], json_t *to) {
        struct olm_box_entry *e;

        for (size_t i = 0; (e = olm_box_at(r->olm, i)); i++) {
                struct crypto_text text = { 0 };
                json_t *v;
                int result;

                if (!e->pickle) {
                        result = pickled(crypto_session_pickle(e->session, key, &text), &text, &e->pickle);
                        if (result < 0)
                                return result;
                }
                v = json_pack("{ss ss ss}", "user_id", e->user_id, "sender_key", e->sender_key, "session", e->pickle);
                if (!v || json_array_append_new(to, v) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int store_rooms(struct receiver *r, const uint8_t key[CRYPTO_SECRET_BYTES], json_t *to) {
        struct room_key *k;

        for (size_t i = 0; (k = room_keys_at(r->rooms, i)); i++) {
                struct crypto_text text = { 0 };
                json_t *v;
                int result;

                if (!k->pickle) {
                        result = pickled(crypto_megolm_pickle(k->megolm, key, &text), &text, &k->pickle);
                        if (result < 0)
                                return result;
                }
                v = json_pack_whole("{ss ss ss* ss ss sb sI ss}", "room_id", k->room_id, "user_id", k->user_id,
                                    "device_id", k->device_id, "sender_key", k->sender_key, "ed25519", k->ed25519,
                                    "signed", k->cross_signed, "since", (json_int_t) (k->since_wall / USEC_PER_MSEC),
                                    "session", k->pickle);
                if (!v || json_array_append_new(to, v) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int store_repeats(const struct receiver *r, json_t *to) {
        const struct digest *d;

        for (size_t i = 0; (d = repeats_at(&r->repeats, i)); i++) {
                char text[2 * sizeof(d->bytes) + 1];

                for (size_t j = 0; j < sizeof(d->bytes); j++)
                        (void) snprintf(text + 2 * j, 3, "%02x", d->bytes[j]);
                if (json_array_append_new(to, json_string(text)) < 0)
                        return -ENOMEM;
        }
        return 0;
}

int receiver_store(struct receiver *r, const uint8_t key[CRYPTO_SECRET_BYTES], json_t **ret) {
        SCOPED(json_decref) json_t *olm = json_array(), *rooms = json_array(), *repeats = json_array();
        SCOPED(crypto_text_done) struct crypto_text account = { 0 };
        json_t *v;
        int e = olm && rooms && repeats ? crypto_account_pickle(r->account, key, &account) : -ENOMEM;

        if (e == 0)
                e = store_olm(r, key, olm);
        if (e == 0)
                e = store_rooms(r, key, rooms);
        if (e == 0)
                e = store_repeats(r, repeats);
        if (e < 0)
                return e;
        v = json_pack("{si ss ss ss ss sI so* so* ss sO sO sO}", "version", VERSION, "library", crypto_library(),
                      "user_id", r->user_id, "device_id", r->device_id, "master", r->master, "fallback_since",
                      (json_int_t) (r->stock.fallback_since_wall / USEC_PER_MSEC), "unsigned_since",
                      r->unsigned_since_wall > 0 ? json_integer((json_int_t) (r->unsigned_since_wall / USEC_PER_MSEC))
                                                 : NULL,
                      "never_signed", r->never_signed ? json_true() : NULL, "account", account.data, "olm", olm,
                      "rooms", rooms, "repeats", repeats);
        if (!v)
                return -ENOMEM;
        *ret = v;
        return 0;
}

/* ---- back ---- */

static usec_t read_time(const json_t *v, const char *member) {
        int64_t msec = json_member_int(v, member, 0);

        return msec > 0 && (uint64_t) msec < USEC_NEVER / USEC_PER_MSEC ? (usec_t) msec * USEC_PER_MSEC : 0;
}

static int load_olm_entry(struct receiver *r, const uint8_t key[CRYPTO_SECRET_BYTES], const json_t *v) {
        const char *user_id = json_member_string(v, "user_id"), *sender_key = json_member_string(v, "sender_key");
        const char *pickle = json_member_string(v, "session");
        struct crypto_session *s;
        int e;

        if (!user_id || !sender_key || !pickle)
                return -EBADMSG;
        e = crypto_session_unpickle(&s, key, pickle);
        return e < 0 ? e : olm_box_put(r->olm, user_id, sender_key, s);
}

static bool copy_key(const json_t *v, const char *member, char ret[CRYPTO_KEY_TEXT]) {
        const char *s = json_member_string(v, member);

        if (!s || strlen(s) != CRYPTO_KEY_TEXT - 1)
                return false;
        memcpy(ret, s, CRYPTO_KEY_TEXT);
        return true;
}

static int load_room_entry(struct receiver *r, const uint8_t key[CRYPTO_SECRET_BYTES], const json_t *v) {
        SCOPED(room_key_free) struct room_key *k = calloc(1, sizeof(*k));
        const char *room_id = json_member_string(v, "room_id"), *user_id = json_member_string(v, "user_id");
        const char *device_id = json_member_string(v, "device_id"), *pickle = json_member_string(v, "session");
        int e;

        if (!k)
                return -ENOMEM;
        if (!room_id || !user_id || !pickle || !copy_key(v, "sender_key", k->sender_key) ||
            !copy_key(v, "ed25519", k->ed25519))
                return -EBADMSG;
        e = crypto_megolm_unpickle(&k->megolm, key, pickle);
        if (e == 0)
                e = crypto_megolm_id(k->megolm, k->session_id);
        if (e < 0)
                return e;
        if (room_keys_find(r->rooms, room_id, k->session_id))
                return -EBADMSG;
        k->room_id = strdup(room_id);
        k->user_id = strdup(user_id);
        k->device_id = device_id ? strdup(device_id) : NULL;
        k->pickle = strdup(pickle);
        if (!k->room_id || !k->user_id || (device_id && !k->device_id) || !k->pickle)
                return -ENOMEM;
        k->cross_signed = device_id && json_member_bool(v, "signed", false);
        k->since_wall = read_time(v, "since");
        room_keys_put(r->rooms, TAKE(k));
        return 0;
}

static int load_repeat(struct receiver *r, const json_t *v) {
        const char *s = json_string_value(v);
        struct digest d;

        if (!s || strlen(s) != 2 * sizeof(d.bytes))
                return -EBADMSG;
        for (size_t i = 0; i < sizeof(d.bytes); i++) {
                const char pair[] = { s[2 * i], s[2 * i + 1], '\0' };
                char *end;

                d.bytes[i] = (uint8_t) strtoul(pair, &end, 16);
                if (end != pair + 2)
                        return -EBADMSG;
        }
        repeats_put(&r->repeats, &d);
        return 0;
}

static int load_lists(struct receiver *r, const json_t *stored, const uint8_t key[CRYPTO_SECRET_BYTES]) {
        const json_t *v;
        size_t i;

        json_array_foreach(json_member_array(stored, "olm"), i,
                           v) if (load_olm_entry(r, key, v) == -ENOMEM) return -ENOMEM;
        json_array_foreach(json_member_array(stored, "rooms"), i,
                           v) if (load_room_entry(r, key, v) == -ENOMEM) return -ENOMEM;
        json_array_foreach(json_member_array(stored, "repeats"), i, v)(void) load_repeat(r, v);
        return 0;
}

int receiver_load(struct receiver **ret, const json_t *stored, const uint8_t key[CRYPTO_SECRET_BYTES],
                  const struct instant *at) {
        SCOPED(receiver_free) struct receiver *r = NULL;
        const char *library = json_member_string(stored, "library"), *pickle = json_member_string(stored, "account");
        const char *user_id = json_member_string(stored, "user_id");
        const char *device_id = json_member_string(stored, "device_id"),
                   *master = json_member_string(stored, "master");
        struct crypto_public_key unpublished;
        int e;

        if (json_member_int(stored, "version", 0) != VERSION || !library || !streq(library, crypto_library()) ||
            !user_id || !device_id || !master || !pickle)
                return -EBADMSG;
        r = calloc(1, sizeof(*r));
        if (!r)
                return -ENOMEM;
        e = crypto_account_unpickle(&r->account, key, pickle);
        if (e < 0)
                return e == -EBADMSG ? -EKEYREJECTED : e;
        e = receiver_make_parts(r, user_id, device_id, master);
        if (e == 0)
                e = load_lists(r, stored, key);
        if (e < 0)
                return e;
        r->unsigned_since_wall = read_time(stored, "unsigned_since");
        r->never_signed = json_member_bool(stored, "never_signed", false);
        r->stock = stock_begin(read_time(stored, "fallback_since"), at->now);
        r->counts_are_old = true;
        r->unsure = crypto_account_one_time_keys(r->account, &unpublished, 1) > 0;
        *ret = TAKE(r);
        return 0;
}
