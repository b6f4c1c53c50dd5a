/* Prints what scripts/fault-matrix gives to the scripted homeserver so that a session can be verified and has a
 * contact whose messages it cannot read: {recovery_key, account_data: {TYPE: CONTENT}, identity, contact: {user,
 * device, curve25519, keys}}. */
#include <stdio.h>

#include "json/json.h"
#include "system/dm.h"
#include "system/identity.h"

static json_t *account_data(void) {
        return json_pack("{s{ss} sO sO sO}", "m.secret_storage.default_key", "key", "RECOVERY",
                         "m.secret_storage.key.RECOVERY",
                         json_object_get(json_object_get(recorded, "keys"), "RECOVERY"), MASTER,
                         json_object_get(recorded, MASTER), SELF_SIGNING, json_object_get(recorded, SELF_SIGNING));
}

static json_t *contact(void) {
        struct sender s;
        struct crypto_public_key key;
        json_t *one_time, *v;

        sender_make(&s, OTHER_USER, "THEIRS");
        cr_assert_eq(peer_account_generate(s.account, 1), 0);
        cr_assert_eq(peer_account_one_time_keys(s.account, &key, 1), 1);
        one_time = json_pack("{ss}", "key", key.key);
        sender_sign(&s, one_time);
        v = json_pack("{ss ss ss s{s{sO} s{s{so}}}}", "user", s.user_id, "device", s.device_id, "curve25519",
                      s.curve25519, "keys", "devices", s.device_id, s.device_keys, "one_time", s.device_id,
                      "signed_curve25519:AAAAAQ", one_time);
        sender_done(&s);
        return v;
}

int main(void) {
        SCOPED(json_decref) json_t *all = NULL;
        struct seeds seeds;

        load_recorded();
        seeds = seeds_of_recording();
        all = json_pack("{ss so so so}", "recovery_key", recovery_key(), "account_data", account_data(), "identity",
                        identity_of(&seeds), "contact", contact());
        drop_recorded();
        return all && json_dumpf(all, stdout, JSON_COMPACT) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
