/* See identity.h. */
#include "system/identity.h"

#include <stdio.h>
#include <sys/stat.h>

#include "json/json.h"
#include "matrix/crypto/secret-storage.h"
#include "matrix/crypto/signed.h"

json_t *recorded;

const char *recovery_key(void) {
        return json_member_string(recorded, "recovery_key");
}

struct seeds seeds_of_recording(void) {
        const json_t *description = json_object_get(json_object_get(recorded, "keys"), "RECOVERY");
        uint8_t key[CRYPTO_SECRET_BYTES];
        struct seeds s;

        cr_assert_eq(secret_storage_unlock(description, recovery_key(), key), 0);
        cr_assert_eq(secret_storage_seed(json_object_get(recorded, MASTER), MASTER, "RECOVERY", key, s.master), 0);
        cr_assert_eq(secret_storage_seed(json_object_get(recorded, SELF_SIGNING), SELF_SIGNING, "RECOVERY", key,
                                         s.self_signing),
                     0);
        return s;
}

static json_t *identity_key(const uint8_t seed[CRYPTO_SECRET_BYTES], const char *usage) {
        char key[CRYPTO_KEY_TEXT], name[CRYPTO_KEY_TEXT + 8];

        cr_assert_eq(crypto_seed_public(seed, key), 0);
        (void) snprintf(name, sizeof(name), "ed25519:%s", key);
        return json_pack("{ss s[s] s{ss}}", "user_id", HS_USER, "usage", usage, "keys", name, key);
}

void sign_as_user(json_t *object, const uint8_t seed[CRYPTO_SECRET_BYTES]) {
        char key[CRYPTO_KEY_TEXT], signature[CRYPTO_SIGNATURE_TEXT];
        SCOPED(free) char *bytes = NULL;

        cr_assert_eq(crypto_seed_public(seed, key), 0);
        cr_assert_eq(signed_json_bytes(object, &bytes), 0);
        cr_assert_eq(crypto_seed_sign(seed, bytes, strlen(bytes), signature), 0);
        cr_assert_eq(signed_json_add(object, HS_USER, key, signature), 0);
}

json_t *identity_of(const struct seeds *s) {
        json_t *master = identity_key(s->master, "master"), *signing = identity_key(s->self_signing, "self_signing");

        sign_as_user(signing, s->master);
        return json_pack("{so so}", "master_key", master, "self_signing_key", signing);
}

void set_identity(struct world *w, const struct seeds *s) {
        hs_set_identity(w->hs, identity_of(s));
}

void set_recovery(struct world *w, const char *id) {
        char type[64];

        (void) snprintf(type, sizeof(type), "m.secret_storage.key.%s", id);
        hs_set_account_data(w->hs, "m.secret_storage.default_key", json_pack("{ss}", "key", id));
        hs_set_account_data(w->hs, type, json_deep_copy(json_object_get(json_object_get(recorded, "keys"), id)));
        hs_set_account_data(w->hs, MASTER, json_deep_copy(json_object_get(recorded, MASTER)));
        hs_set_account_data(w->hs, SELF_SIGNING, json_deep_copy(json_object_get(recorded, SELF_SIGNING)));
}

void user_has_recovery(struct world *w) {
        const struct seeds s = seeds_of_recording();

        set_identity(w, &s);
        set_recovery(w, "RECOVERY");
}

void load_recorded(void) {
        recorded = json_load_file(TEST_DATA "/crypto/secret-storage.json", 0, NULL);
        cr_assert(recorded);
}

void drop_recorded(void) {
        json_decref(recorded);
}

const char *key_file(struct world *w, const char *input) {
        char line[256];

        (void) snprintf(line, sizeof(line), "%s\n", input);
        file_put(world_path(w, "recovery"), line);
        cr_assert_eq(chmod(world_path(w, "recovery"), 0600), 0);
        return world_path(w, "recovery");
}

struct run verify_with(struct world *w, const char *input) {
        SCOPED(free) char *path = strdup(key_file(w, input));

        return world_busyctl(w, NULL, "verify", "--recovery-key-file", path, ACCOUNT, NULL);
}
