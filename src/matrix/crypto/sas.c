/* See sas.h. */
#include "matrix/crypto/sas.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "json/json.h"
#include "matrix/crypto/identities.h"
#include "matrix/crypto/signed.h"

#define TYPE      "m.key.verification."
#define METHOD    "m.sas.v1"
#define AGREEMENT "curve25519-hkdf-sha256"
#define HASH      "sha256"
#define MAC       "hkdf-hmac-sha256.v2"
#define KEY_NAME  "ed25519:"

/* Question, others told, start, accept, key, mac, done, and the end of it all. */
#define OUT_MAX  8
#define KEYS_MAX 16 /* that one device vouches for */

struct sas {
        char *user_id, *device_id, *txn;
        char ed25519[CRYPTO_KEY_TEXT];
        char master[CRYPTO_KEY_TEXT]; /* as the server shows it */
        json_t *others;               /* {device: its ed25519} */
        char *partner;                /* of them, who has answered */
        enum sas_phase phase;
        usec_t begun;

        struct crypto_sas *crypto;
        char key[CRYPTO_KEY_TEXT];        /* ours */
        char commitment[CRYPTO_KEY_TEXT]; /* theirs */
        json_t *start;                    /* the one that counts */
        bool they_start;
        bool proved; /* their keys, and the identity */
        bool they_are_done;
        uint8_t bytes[CRYPTO_SAS_BYTES];

        struct sas_message out[OUT_MAX];
        size_t n_out, n_taken;
        char problem[SAS_CODE_TEXT];
        bool theirs;
};

struct sas *sas_free(struct sas *s) {
        if (!s)
                return NULL;
        for (size_t i = s->n_taken; i < s->n_out; i++)
                json_decref(s->out[i].body);
        crypto_sas_free(s->crypto);
        json_decref(s->others);
        json_decref(s->start);
        free(s->user_id);
        free(s->device_id);
        free(s->txn);
        free(s->partner);
        explicit_bzero(s, sizeof(*s));
        free(s);
        return NULL;
}

/* ---- what is sent ---- */

/* `content` is taken, and gets the transaction. To the partner, or where there is none, or `but_partner`, to all the
 * others. */
static int send(struct sas *s, const char *type, json_t *content, bool but_partner) {
        SCOPED(json_decref) json_t *of_user = json_object();
        struct sas_message *m = &s->out[s->n_out];
        const char *device;
        json_t *unused;
        int r = content && of_user && json_object_set_new(content, "transaction_id", json_string(s->txn)) == 0
                        ? 0
                        : -ENOMEM;

        json_object_foreach(s->others, device, unused) {
                const bool is_partner = s->partner && streq(device, s->partner);

                if (r == 0 && (!s->partner || is_partner != but_partner) &&
                    json_object_set(of_user, device, content) < 0)
                        r = -ENOMEM;
        }
        json_decref(content);
        if (r < 0 || json_object_size(of_user) == 0)
                return r;
        m->type = type;
        m->body = json_pack("{s{sO}}", "messages", s->user_id, of_user);
        if (!m->body)
                return -ENOMEM;
        (void) snprintf(m->txn, sizeof(m->txn), "%s.%zu", s->txn, s->n_out++);
        return 0;
}

static int end(struct sas *s, const char *code, bool theirs) {
        s->phase = SAS_OVER;
        s->theirs = theirs;
        (void) snprintf(s->problem, sizeof(s->problem), "%s", code);
        /* What was not sent yet would be a surprise now. */
        while (s->n_out > s->n_taken)
                json_decref(s->out[--s->n_out].body);
        if (theirs)
                return 0;
        return send(s, TYPE "cancel", json_pack("{ss ss}", "code", code, "reason", code), /* but_partner= */ false);
}

int sas_cancel(struct sas *s, const char *code) {
        return s->phase >= SAS_DONE ? 0 : end(s, code, /* theirs= */ false);
}

static int send_key(struct sas *s) {
        return send(s, TYPE "key", json_pack("{ss}", "key", s->key), /* but_partner= */ false);
}

bool sas_next(struct sas *s, struct sas_message *ret) {
        if (s->n_taken == s->n_out)
                return false;
        *ret = s->out[s->n_taken];
        s->out[s->n_taken++].body = NULL;
        return true;
}

/* ---- the question ---- */

/* The devices that the shown identity signs. */
static int find_others(struct sas *s, const json_t *keys) {
        SCOPED(identities_free) struct identities *ids = NULL;
        const json_t *all = json_member_object(json_member_object(keys, "device_keys"), s->user_id);
        const char *device;
        json_t *object;
        int r = identities_new(&ids, s->user_id);

        if (r == 0)
                r = identities_pin(ids, s->user_id, s->master);
        if (r == 0)
                r = identities_take(ids, keys, s->user_id);
        if (r < 0)
                return r == -ENOMEM ? r : -ENOKEY;
        json_object_foreach((json_t *) all, device, object) {
                struct device_keys k;

                r = device_keys_read(object, &k);
                if (r == 0)
                        r = identities_sign(ids, &k);
                if (r == -ENOMEM)
                        return r;
                if (r <= 0 || !streq(k.user_id, s->user_id) || !streq(k.device_id, device) ||
                    streq(device, s->device_id) || json_object_size(s->others) == SAS_ASKED_MAX)
                        continue;
                if (json_object_set_new(s->others, device, json_string(k.ed25519)) < 0)
                        return -ENOMEM;
        }
        return json_object_size(s->others) > 0 ? 0 : -ENOKEY;
}

/* {"ed25519:KEY": KEY} */
static const char *shown_master(const json_t *keys, const char *user_id) {
        const json_t *object = json_member_object(json_member_object(keys, "master_keys"), user_id), *value;
        const char *name;

        json_object_foreach((json_t *) json_member_object(object, "keys"), name, value) {
                const char *key = json_string_value(value);

                if (key && strlen(key) == CRYPTO_KEY_TEXT - 1 && strncmp(name, KEY_NAME, strlen(KEY_NAME)) == 0 &&
                    streq(name + strlen(KEY_NAME), key))
                        return key;
        }
        return NULL;
}

int sas_new(struct sas **ret, const struct own_device *own, const json_t *keys, const char *txn,
            const struct instant *at) {
        SCOPED(sas_free) struct sas *s = calloc(1, sizeof(*s));
        const char *master = shown_master(keys, own->user_id);
        int r;

        if (!s)
                return -ENOMEM;
        if (!master)
                return -ENOKEY;
        memcpy(s->master, master, CRYPTO_KEY_TEXT);
        (void) snprintf(s->ed25519, sizeof(s->ed25519), "%s", own->ed25519);
        s->user_id = strdup(own->user_id);
        s->device_id = strdup(own->device_id);
        s->txn = strdup(txn);
        s->others = json_object();
        s->begun = at->now;
        if (!s->user_id || !s->device_id || !s->txn || !s->others)
                return -ENOMEM;
        r = crypto_sas_new(&s->crypto);
        if (r == 0)
                r = crypto_sas_key(s->crypto, s->key);
        if (r == 0)
                r = find_others(s, keys);
        if (r == 0)
                r = send(s, TYPE "request",
                         json_pack("{ss s[s] sI}", "from_device", s->device_id, "methods", METHOD, "timestamp",
                                   (json_int_t) (at->wall / USEC_PER_MSEC)),
                         /* but_partner= */ false);
        if (r < 0)
                return r;
        *ret = TAKE(s);
        return 0;
}

usec_t sas_age(struct sas *s, usec_t now) {
        const usec_t until = usec_add(s->begun, s->phase == SAS_ASKED ? SAS_ANSWER_MAX : SAS_MAX);

        if (s->phase >= SAS_DONE)
                return USEC_NEVER;
        if (now < until)
                return until;
        /* Without memory for the word to the other side it ends all the same. */
        (void) end(s, "m.timeout", /* theirs= */ false);
        return USEC_NEVER;
}

/* ---- how: start and accept ---- */

static bool offers(const json_t *content, const char *list, const char *wanted) {
        const json_t *all = json_member_array(content, list), *one;
        size_t i;

        json_array_foreach(all, i, one) if (json_is_string(one) && streq(json_string_value(one), wanted)) return true;
        return false;
}

static bool chooses(const json_t *content, const char *member, const char *wanted) {
        const char *chosen = json_member_string(content, member);

        return chosen && streq(chosen, wanted);
}

/* SHA-256 of the key and of the start, which whoever accepts has to name before they see the other one's key. */
static int commit(const char *key, const json_t *start, char ret[CRYPTO_KEY_TEXT]) {
        SCOPED(free) char *bytes = NULL, *all = NULL;
        uint8_t digest[EVP_MAX_MD_SIZE];
        char text[CRYPTO_KEY_TEXT + 1]; /* with "=" */
        int r = signed_json_bytes(start, &bytes);

        if (r < 0)
                return r;
        if (asprintf(&all, "%s%s", key, bytes) < 0 ||
            EVP_Digest(all, strlen(all), digest, NULL, EVP_sha256(), NULL) != 1)
                return -ENOMEM;
        (void) EVP_EncodeBlock((uint8_t *) text, digest, 32);
        memcpy(ret, text, CRYPTO_KEY_TEXT - 1);
        ret[CRYPTO_KEY_TEXT - 1] = '\0';
        return 0;
}

static int on_ready(struct sas *s, const json_t *content) {
        const char *device = json_member_string(content, "from_device");
        json_t *start;
        int r;

        /* Who was not asked has nothing to say. */
        if (!device || !json_object_get(s->others, device))
                return 0;
        if (s->phase != SAS_ASKED)
                return streq(device, s->partner) ? sas_cancel(s, "m.unexpected_message") : 0;
        s->partner = strdup(device);
        if (!s->partner)
                return -ENOMEM;
        if (!offers(content, "methods", METHOD))
                return sas_cancel(s, "m.unknown_method");
        s->phase = SAS_STARTED;
        r = send(s, TYPE "cancel", json_pack("{ss ss}", "code", "m.accepted", "reason", "m.accepted"),
                 /* but_partner= */ true);
        start = json_pack("{ss ss s[s] s[s] s[s] s[ss] ss}", "from_device", s->device_id, "method", METHOD,
                          "key_agreement_protocols", AGREEMENT, "hashes", HASH, "message_authentication_codes", MAC,
                          "short_authentication_string", "decimal", "emoji", "transaction_id", s->txn);
        s->start = json_incref(start);
        return r < 0 ? r : send(s, TYPE "start", start, /* but_partner= */ false);
}

/* Both may start at once; then that of the device counts whose id is the smaller one. */
static int on_start(struct sas *s, const json_t *content) {
        const char *device = json_member_string(content, "from_device");
        char commitment[CRYPTO_KEY_TEXT];
        int r;

        if (!device || !json_object_get(s->others, device) || (s->partner && !streq(device, s->partner)))
                return 0;
        if (s->phase != SAS_STARTED)
                return sas_cancel(s, "m.unexpected_message");
        if (!chooses(content, "method", METHOD) || !offers(content, "key_agreement_protocols", AGREEMENT) ||
            !offers(content, "hashes", HASH) || !offers(content, "message_authentication_codes", MAC) ||
            !(offers(content, "short_authentication_string", "emoji") ||
              offers(content, "short_authentication_string", "decimal")))
                return sas_cancel(s, "m.unknown_method");
        if (strcmp(s->device_id, device) < 0)
                return 0;
        r = commit(s->key, content, commitment);
        if (r < 0)
                return r == -ENOMEM ? r : sas_cancel(s, "m.invalid_message");
        json_decref(s->start);
        s->start = json_incref((json_t *) content);
        s->they_start = true;
        s->phase = SAS_KEYS;
        return send(s, TYPE "accept",
                    json_pack("{ss ss ss ss s[ss] ss}", "method", METHOD, "key_agreement_protocol", AGREEMENT, "hash",
                              HASH, "message_authentication_code", MAC, "short_authentication_string", "decimal",
                              "emoji", "commitment", commitment),
                    /* but_partner= */ false);
}

static int on_accept(struct sas *s, const json_t *content) {
        const char *commitment = json_member_string(content, "commitment");

        if (s->phase != SAS_STARTED)
                return sas_cancel(s, "m.unexpected_message");
        if (!chooses(content, "key_agreement_protocol", AGREEMENT) || !chooses(content, "hash", HASH) ||
            !chooses(content, "message_authentication_code", MAC) ||
            !(offers(content, "short_authentication_string", "emoji") ||
              offers(content, "short_authentication_string", "decimal")))
                return sas_cancel(s, "m.unknown_method");
        if (!commitment || strlen(commitment) != CRYPTO_KEY_TEXT - 1)
                return sas_cancel(s, "m.invalid_message");
        memcpy(s->commitment, commitment, CRYPTO_KEY_TEXT);
        s->phase = SAS_KEYS;
        return send_key(s);
}

/* ---- keys, and what both show ---- */

static int make_bytes(struct sas *s, const char *key) {
        SCOPED(free) char *info = NULL;
        int n = s->they_start ? asprintf(&info, "MATRIX_KEY_VERIFICATION_SAS|%s|%s|%s|%s|%s|%s|%s", s->user_id,
                                         s->partner, key, s->user_id, s->device_id, s->key, s->txn)
                              : asprintf(&info, "MATRIX_KEY_VERIFICATION_SAS|%s|%s|%s|%s|%s|%s|%s", s->user_id,
                                         s->device_id, s->key, s->user_id, s->partner, key, s->txn);

        return n < 0 ? -ENOMEM : crypto_sas_bytes(s->crypto, info, s->bytes);
}

static int on_key(struct sas *s, const json_t *content) {
        const char *key = json_member_string(content, "key");
        char commitment[CRYPTO_KEY_TEXT];
        int r;

        if (s->phase != SAS_KEYS)
                return sas_cancel(s, "m.unexpected_message");
        if (!key || strlen(key) != CRYPTO_KEY_TEXT - 1)
                return sas_cancel(s, "m.invalid_message");
        if (!s->they_start) {
                r = commit(key, s->start, commitment);
                if (r < 0)
                        return r;
                if (!streq(commitment, s->commitment))
                        return sas_cancel(s, "m.mismatched_commitment");
        }
        r = crypto_sas_agree(s->crypto, key);
        if (r == 0)
                r = make_bytes(s, key);
        if (r < 0)
                return r == -ENOMEM ? r : sas_cancel(s, "m.invalid_message");
        s->phase = SAS_COMPARE;
        return s->they_start ? send_key(s) : 0;
}

void sas_emoji(const struct sas *s, uint8_t ret[SAS_EMOJI]) {
        uint64_t all = 0;

        for (size_t i = 0; i < CRYPTO_SAS_BYTES; i++)
                all = all << 8 | s->bytes[i];
        for (size_t i = 0; i < SAS_EMOJI; i++)
                ret[i] = all >> (42 - 6 * i) & 63;
}

void sas_numbers(const struct sas *s, unsigned ret[SAS_NUMBERS]) {
        uint64_t all = 0;

        for (size_t i = 0; i < 5; i++)
                all = all << 8 | s->bytes[i];
        for (size_t i = 0; i < SAS_NUMBERS; i++)
                ret[i] = 1000 + (unsigned) (all >> (27 - 13 * i) & 8191);
}

/* ---- proofs ---- */

/* Under what both know, a device vouches for a key, or for the list of those that it vouches for. */
static int make_mac(struct sas *s, bool by_us, const char *key_id, const char *text, char ret[CRYPTO_KEY_TEXT]) {
        const char *by = by_us ? s->device_id : s->partner, *to = by_us ? s->partner : s->device_id;
        SCOPED(free) char *info = NULL;

        if (asprintf(&info, "MATRIX_KEY_VERIFICATION_MAC%s%s%s%s%s%s", s->user_id, by, s->user_id, to, s->txn,
                     key_id) < 0)
                return -ENOMEM;
        return crypto_sas_mac(s->crypto, text, info, ret);
}

static int send_mac(struct sas *s) {
        char mac[CRYPTO_KEY_TEXT], of_ids[CRYPTO_KEY_TEXT];
        SCOPED(free) char *id = NULL;
        int r;

        if (asprintf(&id, KEY_NAME "%s", s->device_id) < 0)
                return -ENOMEM;
        r = make_mac(s, true, id, s->ed25519, mac);
        if (r == 0)
                r = make_mac(s, true, "KEY_IDS", id, of_ids);
        if (r < 0)
                return r;
        return send(s, TYPE "mac", json_pack("{s{ss} ss}", "mac", id, mac, "keys", of_ids), /* but_partner= */ false);
}

static bool same(const char *a, const char *b) {
        return a && strlen(a) == strlen(b) && CRYPTO_memcmp(a, b, strlen(b)) == 0;
}

/* 1: this is their word for that key; 0: it is not. */
static int vouches(struct sas *s, const json_t *macs, const char *name, const char *key) {
        SCOPED(free) char *id = NULL;
        char mac[CRYPTO_KEY_TEXT];
        int r;

        if (asprintf(&id, KEY_NAME "%s", name) < 0)
                return -ENOMEM;
        r = make_mac(s, false, id, key, mac);
        return r < 0 ? r : same(json_member_string(macs, id), mac);
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* So that none is left out on the way. */
static int vouches_for_list(struct sas *s, const json_t *macs, const char *of_ids) {
        const char *ids[KEYS_MAX], *id;
        char mac[CRYPTO_KEY_TEXT], *end_of_list;
        SCOPED(free) char *list = NULL;
        size_t n = 0, size = 1;
        json_t *unused;
        int r;

        json_object_foreach((json_t *) macs, id, unused) {
                if (n == KEYS_MAX)
                        return 0;
                ids[n++] = id;
                size += strlen(id) + 1;
        }
        qsort(ids, n, sizeof(ids[0]), compare_names);
        list = calloc(1, size);
        if (!list)
                return -ENOMEM;
        end_of_list = list;
        for (size_t i = 0; i < n; i++)
                end_of_list = stpcpy(stpcpy(end_of_list, i > 0 ? "," : ""), ids[i]);
        r = make_mac(s, false, "KEY_IDS", list, mac);
        return r < 0 ? r : same(of_ids, mac);
}

/* The user has said so, and the other device has proved it. */
static int finish(struct sas *s) {
        return s->phase == SAS_CONFIRMED && s->proved ? send(s, TYPE "done", json_object(), /* but_partner= */ false)
                                                      : 0;
}

static int on_mac(struct sas *s, const json_t *content) {
        const json_t *macs = json_member_object(content, "mac");
        const char *key = json_string_value(json_object_get(s->others, s->partner ? s->partner : ""));
        int r;

        if ((s->phase != SAS_COMPARE && s->phase != SAS_CONFIRMED) || s->proved)
                return sas_cancel(s, "m.unexpected_message");
        if (!macs || !key)
                return sas_cancel(s, "m.invalid_message");
        r = vouches_for_list(s, macs, json_member_string(content, "keys"));
        if (r > 0)
                r = vouches(s, macs, s->partner, key);
        if (r > 0)
                r = vouches(s, macs, s->master, s->master);
        if (r <= 0)
                return r == -ENOMEM ? r : sas_cancel(s, "m.key_mismatch");
        s->proved = true;
        return finish(s);
}

int sas_answer(struct sas *s, bool same_shown) {
        int r;

        if (s->phase != SAS_COMPARE)
                return 0;
        if (!same_shown)
                return sas_cancel(s, "m.mismatched_sas");
        s->phase = SAS_CONFIRMED;
        r = send_mac(s);
        return r < 0 ? r : finish(s);
}

static int on_done(struct sas *s) {
        if (s->phase != SAS_CONFIRMED || !s->proved)
                return sas_cancel(s, "m.unexpected_message");
        s->phase = SAS_DONE;
        return 0;
}

const char *sas_master(const struct sas *s) {
        return s->phase == SAS_DONE ? s->master : NULL;
}

/* ---- what comes in ---- */

static int on_cancel(struct sas *s, const json_t *content) {
        const char *code = json_member_string(content, "code");

        return end(s, code ? code : "m.invalid_message", /* theirs= */ true);
}

int sas_take(struct sas *s, const json_t *event) {
        const char *type = json_member_string(event, "type"), *sender = json_member_string(event, "sender");
        const json_t *content = json_member_object(event, "content");
        const char *txn = json_member_string(content, "transaction_id"), *what;

        if (s->phase >= SAS_DONE || !type || !sender || !txn || !streq(sender, s->user_id) || !streq(txn, s->txn) ||
            strncmp(type, TYPE, strlen(TYPE)) != 0)
                return 0;
        what = type + strlen(TYPE);
        if (streq(what, "ready"))
                return on_ready(s, content);
        if (streq(what, "start"))
                return on_start(s, content);
        if (streq(what, "accept"))
                return on_accept(s, content);
        if (streq(what, "key"))
                return on_key(s, content);
        if (streq(what, "mac"))
                return on_mac(s, content);
        if (streq(what, "done"))
                return on_done(s);
        if (streq(what, "cancel"))
                return on_cancel(s, content);
        return 0;
}

enum sas_phase sas_phase(const struct sas *s) {
        return s->phase;
}

const char *sas_problem(const struct sas *s, bool *ret_theirs) {
        *ret_theirs = s->theirs;
        return s->problem;
}
