/* See room-event.h. */
#include "matrix/crypto/room-event.h"

#include <errno.h>

#include "json/json.h"

void room_plaintext_done(struct room_plaintext *p) {
        json_decref(p->root);
        *p = (struct room_plaintext){ 0 };
}

/* `sender_key` and `device_id` of the event are anybody's to write, and not looked at. */
int room_event_session(const struct matrix_event *e, const char **ret_session_id) {
        const char *algorithm = json_member_string(e->content, "algorithm");
        const char *session_id = json_member_string(e->content, "session_id");
        const char *ciphertext = json_member_string(e->content, "ciphertext");

        if (!e->type || !streq(e->type, "m.room.encrypted") || e->state_key || !e->room_id || !e->sender ||
            !e->event_id)
                return -EBADMSG;
        if (!algorithm || !streq(algorithm, "m.megolm.v1.aes-sha2") || !session_id || !ciphertext ||
            strlen(ciphertext) > CRYPTO_MESSAGE_BYTES_MAX)
                return -EBADMSG;
        *ret_session_id = session_id;
        return 0;
}

/* Relations stand outside, for the server; some senders repeat them inside. */
static int add_relation(json_t *content, const struct matrix_event *outside) {
        const json_t *relation = json_member_object(outside->content, "m.relates_to");

        if (!relation || json_object_get(content, "m.relates_to"))
                return 0;
        return json_object_set(content, "m.relates_to", (json_t *) relation) < 0 ? -ENOMEM : 0;
}

static int read_inside(struct room_key *key, const struct matrix_event *e, const struct crypto_text *text,
                       uint32_t index, struct room_plaintext *ret) {
        const char *type, *room_id;
        json_t *content;
        int r = json_parse(text->data, text->size, &ret->root);

        if (r < 0)
                return r == -ENOMEM ? r : ROOM_NO_EVENT;
        type = json_member_string(ret->root, "type");
        room_id = json_member_string(ret->root, "room_id");
        content = json_object_get(ret->root, "content");
        if (!type || strlen(type) > MATRIX_ID_BYTES_MAX || !json_is_object(content))
                return ROOM_NO_EVENT;
        if (!room_id || !streq(room_id, e->room_id))
                return ROOM_OTHER_ROOM;
        r = room_key_is_replay(key, index, e->event_id, e->origin_server_ts);
        if (r != 0)
                return r < 0 ? r : ROOM_REPLAYED;
        r = add_relation(content, e);
        if (r < 0)
                return r;
        ret->event = *e;
        ret->event.type = type;
        ret->event.content = content;
        return ROOM_READ;
}

/* Whoever can publish a device of the user can keep every event back, so believing it that a call is over gives them
 * nothing; and once the identity was reset in a call, no device that is left could say so otherwise. */
static bool only_ends(const struct matrix_event *e) {
        return streq(e->type, "m.call.hangup");
}

int room_event_read(struct room_keys *keys, const char *me, const struct matrix_event *e, struct room_plaintext *ret) {
        SCOPED(room_plaintext_done) struct room_plaintext p = { 0 };
        SCOPED(crypto_text_done) struct crypto_text text = { 0 };
        const char *session_id;
        struct room_key *key;
        uint32_t index;
        int r;

        if (room_event_session(e, &session_id) < 0)
                return ROOM_NOT_ENCRYPTED;
        key = room_keys_find(keys, e->room_id, session_id);
        if (!key)
                return ROOM_NO_KEY;
        if (!streq(key->user_id, e->sender))
                return ROOM_OTHER_SENDER;
        if (!key->device_id)
                return ROOM_KEY_UNPROVEN;
        r = crypto_megolm_decrypt(key->megolm, json_member_string(e->content, "ciphertext"), &text, &index);
        if (r < 0)
                return r == -ENOMEM ? r : ROOM_UNREADABLE;
        r = read_inside(key, e, &text, index, &p);
        if (r != ROOM_READ)
                return r;
        if (streq(e->sender, me) && !key->cross_signed && !only_ends(&p.event))
                return ROOM_UNSIGNED_OWN;
        p.unsigned_device = !key->cross_signed;
        *ret = p;
        p = (struct room_plaintext){ 0 };
        return ROOM_READ;
}
