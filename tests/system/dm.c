/* See dm.h. */
#include "system/dm.h"

#include "json/json.h"
#include "system/identity.h"

static void put_device(const struct dm *d, const struct sender *s) {
        hs_set_person(d->w->hs, s->user_id, json_pack("{s{sO}}", "devices", s->device_id, s->device_keys));
}

void dm_begin(struct dm *d, struct world *w) {
        const struct seeds seeds = seeds_of_recording();

        *d = (struct dm){ .w = w };
        user_has_recovery(w);
        sender_make(&d->caller, OTHER_USER, "THEIRS");
        sender_make(&d->phone, HS_USER, PHONE);
        sign_as_user(d->phone.device_keys, seeds.self_signing);
        put_device(d, &d->caller);
        put_device(d, &d->phone);
        hs_send(w->hs, DM_ROOM,
                json_pack("{s:s, s:s, s:s, s:{s:s}}", "type", "m.room.encryption", "state_key", "", "sender",
                          OTHER_USER, "content", "algorithm", "m.megolm.v1.aes-sha2"));
}

void dm_end(struct dm *d) {
        sender_done(&d->caller);
        sender_done(&d->phone);
        json_decref(d->last);
}

void dm_verify(struct dm *d) {
        SCOPED_RUN r = verify_with(d->w, recovery_key());

        check(d->w, r.code == 0, "%d %s%s", r.code, r.out, r.err);
}

/* ---- keys ---- */

static void copy_key(const json_t *device, const char *name, char ret[CRYPTO_KEY_TEXT]) {
        const char *key = json_member_string(json_member_object(device, "keys"), name);

        cr_assert(key && strlen(key) == CRYPTO_KEY_TEXT - 1, "no %s", name);
        memcpy(ret, key, CRYPTO_KEY_TEXT);
}

static bool meet(struct dm *d) {
        SCOPED(json_decref) json_t *keys = hs_keys(d->w->hs);
        const json_t *device = json_member_object(json_member_object(keys, "devices"), DEVICE);

        if (!device)
                return false;
        copy_key(device, "curve25519:" DEVICE, d->busyd.curve25519);
        copy_key(device, "ed25519:" DEVICE, d->busyd.ed25519);
        return true;
}

static bool begin_session(struct dm *d, struct sender *s) {
        SCOPED(json_decref) json_t *key = hs_claim(d->w->hs, DEVICE);

        if (key)
                sender_begin(s, &d->busyd, json_member_string(key, "key"));
        return key;
}

json_t *dm_key_message(struct dm *d, struct sender *from) {
        struct crypto_text text;
        json_t *says, *v;
        int type;

        if (!meet(d) || (!from->session && !begin_session(d, from)))
                return NULL;
        says = sender_says(from, &d->busyd, "m.room_key", sender_room_key(from, DM_ROOM));
        json_object_set_new(says, "recipient", json_string(HS_USER));
        text = sender_encrypt(from, says, &type);
        v = json_pack("{ss ss s{ss ss s{s{si ss}}}}", "type", "m.room.encrypted", "sender", from->user_id, "content",
                      "algorithm", "m.olm.v1.curve25519-aes-sha2", "sender_key", from->curve25519, "ciphertext",
                      d->busyd.curve25519, "type", type, "body", text.data);
        crypto_text_done(&text);
        return v;
}

static bool give_key(struct dm *d, struct sender *from) {
        json_t *message = dm_key_message(d, from);

        if (message)
                hs_to_device(d->w->hs, DEVICE, message);
        return message;
}

bool dm_give_keys(struct dm *d) {
        return give_key(d, &d->caller) && give_key(d, &d->phone);
}

/* ---- what is said ---- */

void dm_say(struct dm *d, struct sender *from, const char *type, json_t *content) {
        json_decref(d->last);
        d->last = sender_room_encrypt(from,
                                      json_pack("{ss ss so}", "type", type, "room_id", DM_ROOM, "content", content));
        hs_send(d->w->hs, DM_ROOM,
                json_pack("{ss ss sO}", "type", "m.room.encrypted", "sender", from->user_id, "content", d->last));
}

static json_t *event_of(const char *call_id, const char *party_id, json_t *more) {
        json_t *content = json_pack("{ss ss ss}", "version", "1", "call_id", call_id, "party_id", party_id);

        json_object_update(content, more);
        json_decref(more);
        return content;
}

void dm_invite(struct dm *d, const char *call_id) {
        dm_say(d, &d->caller, "m.call.invite",
               event_of(call_id, "THEIRS",
                        json_pack("{si s{ss ss}}", "lifetime", 90000, "offer", "type", "offer", "sdp", "v=0")));
}

void dm_answer(struct dm *d, const char *call_id) {
        dm_say(d, &d->phone, "m.call.answer",
               event_of(call_id, PHONE, json_pack("{s{ss ss}}", "answer", "type", "answer", "sdp", "v=0")));
}

void dm_hangup(struct dm *d, const char *call_id) {
        dm_say(d, &d->caller, "m.call.hangup",
               event_of(call_id, "THEIRS", json_pack("{ss}", "reason", "user_hangup")));
}

void dm_call(struct dm *d, const char *call_id) {
        check(d->w, dm_give_keys(d), "busyd's device has no keys");
        dm_invite(d, call_id);
        dm_answer(d, call_id);
}
