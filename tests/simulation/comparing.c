/* See comparing.h. What both show is not looked at: the user says that it is the same, or that it is not. */
#include "comparing.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "devices-parts.h"
#include "json/json.h"
#include "matrix/crypto/sas.h"
#include "matrix/crypto/signed.h"
#include "matrix/crypto/trust.h"
#include "matrix/server/traits.h"

#define TYPE       "m.key.verification."
#define SYNC_PATH  "/_matrix/client/v3/sync?timeout=0&filter="
#define NO_ROOMS   "%7B%22room%22%3A%7B%22rooms%22%3A%5B%5D%7D%7D"
#define POLLED     (30 * USEC_PER_SEC)
#define SIGNED_MAX (2 * USEC_PER_MIN) /* as busyctl waits for it */
#define SPREADS    (3 * USEC_PER_SEC) /* as busyctl gives keys time to become known */
#define LETTERS    10

/* On its way to the device of busyd. */
struct letter {
        usec_t at;
        json_t *event;
};

/* What the phone does at each step, if it comes to that. */
enum mood { MOOD_ANSWERS, MOOD_IGNORES, MOOD_CANCELS };

struct phone {
        struct crypto_sas *crypto;
        char key[CRYPTO_KEY_TEXT], their_key[CRYPTO_KEY_TEXT], txn[SAS_TXN_TEXT];
        json_t *start;
        struct letter letters[LETTERS];
        size_t n_letters;
        bool over, confirmed, has_mac, is_done;
        usec_t confirms_at, signs_at;
};

struct comparing {
        struct devices *devices;
        char *state_dir, *account, *device;
        int lock;
        struct crypto_store store;
        struct receiver *receiver;
        struct sas *sas;
        bool introduces, is_asked, awaits;
        const struct server_traits *traits;
        bool insists; /* the server, on a word of the spec */
        char *since;
        usec_t polls_at, asks_at, answers_at, awaits_until, dies_at;
        enum comparing_end dies_of;
        struct phone phone;
};

bool comparing_is_wanted(struct devices *d) {
        return d && chance_percent(&d->manners, 40);
}

static usec_t soon(struct comparing *c, usec_t max) {
        return door_now() + chance_between(&c->devices->manners, USEC_PER_SEC / 10, max);
}

static enum mood mood(struct comparing *c, unsigned percent_ignores, unsigned percent_cancels) {
        unsigned n = chance_below(&c->devices->manners, 100);

        return n < percent_ignores                     ? MOOD_IGNORES
               : n < percent_ignores + percent_cancels ? MOOD_CANCELS
                                                       : MOOD_ANSWERS;
}

/* ---- the phone ---- */

/* One after the other, as a server keeps them. */
static void phone_says(struct comparing *c, const char *type, json_t *content, usec_t at) {
        struct phone *p = &c->phone;
        char whole[64];

        if (p->n_letters == LETTERS) {
                json_decref(content);
                return;
        }
        (void) snprintf(whole, sizeof(whole), TYPE "%s", type);
        json_object_set_new(content, "transaction_id", json_string(p->txn));
        if (p->n_letters > 0 && at < p->letters[p->n_letters - 1].at)
                at = p->letters[p->n_letters - 1].at;
        p->letters[p->n_letters++] =
                (struct letter){ at, json_pack("{ss ss so}", "type", whole, "sender", HS_USER, "content", content) };
}

static void phone_ends(struct comparing *c, const char *code) {
        c->phone.over = true;
        c->phone.confirms_at = c->phone.signs_at = USEC_NEVER;
        phone_says(c, "cancel", json_pack("{ss ss}", "code", code, "reason", code), door_now());
}

/* Whether it goes on at this step. */
static bool phone_goes_on(struct comparing *c) {
        enum mood m = mood(c, 4, 4);

        if (m == MOOD_CANCELS)
                phone_ends(c, "m.user");
        c->phone.over |= m == MOOD_IGNORES;
        return m == MOOD_ANSWERS;
}

static void commit(const char *key, const json_t *start, char ret[64]) {
        SCOPED(free) char *bytes = NULL, *all = NULL;
        uint8_t digest[EVP_MAX_MD_SIZE];

        (void) signed_json_bytes(start, &bytes);
        if (asprintf(&all, "%s%s", key, bytes) < 0)
                abort();
        (void) EVP_Digest(all, strlen(all), digest, NULL, EVP_sha256(), NULL);
        (void) EVP_EncodeBlock((uint8_t *) ret, digest, 32);
        ret[CRYPTO_KEY_TEXT - 1] = '\0';
}

static void vouch(struct comparing *c, const char *id, const char *text, char ret[CRYPTO_KEY_TEXT]) {
        const char *phone = c->devices->phone.id;
        char info[512];

        (void) snprintf(info, sizeof(info), "MATRIX_KEY_VERIFICATION_MAC%s%s%s%s%s%s", HS_USER, phone, HS_USER,
                        c->device, c->phone.txn, id);
        (void) crypto_sas_mac(c->phone.crypto, text, info, ret);
}

/* Its own key and the identity as it is by now. */
static void phone_vouches(struct comparing *c) {
        const struct devices *d = c->devices;
        char ids[2][64], list[160], mac[CRYPTO_KEY_TEXT];
        json_t *macs = json_object();
        bool master_first;

        (void) snprintf(ids[0], sizeof(ids[0]), "ed25519:%s", d->identity.master_key);
        (void) snprintf(ids[1], sizeof(ids[1]), "ed25519:%s", d->phone.id);
        vouch(c, ids[0], d->identity.master_key, mac);
        json_object_set_new(macs, ids[0], json_string(mac));
        /* Or the keys were swapped on the way to it. */
        vouch(c, ids[1], chance_percent(&c->devices->manners, 3) ? d->caller.ed25519 : d->phone.ed25519, mac);
        json_object_set_new(macs, ids[1], json_string(mac));
        master_first = strcmp(ids[0], ids[1]) < 0;
        (void) snprintf(list, sizeof(list), "%s,%s", ids[!master_first], ids[master_first]);
        vouch(c, "KEY_IDS", list, mac);
        phone_says(c, "mac", json_pack("{so ss}", "mac", macs, "keys", mac), door_now());
}

/* Both have said so: it says that it is done, and signs. */
static void phone_is_done(struct comparing *c) {
        struct phone *p = &c->phone;

        if (!p->confirmed || !p->has_mac || p->is_done)
                return;
        p->is_done = true;
        phone_says(c, "done", json_object(), soon(c, USEC_PER_SEC));
        if (!chance_percent(&c->devices->manners, 8))
                p->signs_at = soon(c, 20 * USEC_PER_SEC);
}

static void phone_takes(struct comparing *c, const char *what, const json_t *content) {
        struct phone *p = &c->phone;

        if (p->over)
                return;
        if (streq(what, "request")) {
                enum mood m = mood(c, 12, 6);

                (void) snprintf(p->txn, sizeof(p->txn), "%s", json_member_string(content, "transaction_id"));
                p->over = m != MOOD_ANSWERS;
                if (m == MOOD_ANSWERS)
                        phone_says(c, "ready",
                                   json_pack("{ss s[s]}", "from_device", c->devices->phone.id, "methods", "m.sas.v1"),
                                   soon(c, USEC_PER_MIN));
                else if (m == MOOD_CANCELS)
                        phone_says(c, "cancel", json_pack("{ss ss}", "code", "m.user", "reason", "m.user"),
                                   soon(c, USEC_PER_MIN));
        } else if (streq(what, "start") && phone_goes_on(c)) {
                char commitment[64];

                p->start = json_incref((json_t *) content);
                (void) crypto_sas_new(&p->crypto);
                (void) crypto_sas_key(p->crypto, p->key);
                commit(p->key, p->start, commitment);
                phone_says(c, "accept",
                           json_pack("{ss ss ss ss s[s] ss}", "method", "m.sas.v1", "key_agreement_protocol",
                                     "curve25519-hkdf-sha256", "hash", "sha256", "message_authentication_code",
                                     "hkdf-hmac-sha256.v2", "short_authentication_string", "emoji", "commitment",
                                     commitment),
                           soon(c, USEC_PER_SEC));
        } else if (streq(what, "key") && p->crypto) {
                (void) crypto_sas_agree(p->crypto, json_member_string(content, "key"));
                phone_says(c, "key", json_pack("{ss}", "key", p->key), soon(c, USEC_PER_SEC));
                p->confirms_at = soon(c, USEC_PER_MIN);
        } else if (streq(what, "mac")) {
                p->has_mac = true;
                phone_is_done(c);
        } else if (streq(what, "cancel")) {
                p->over = true;
                p->confirms_at = p->signs_at = USEC_NEVER;
        }
}

static void phone_run(struct comparing *c) {
        struct phone *p = &c->phone;

        if (p->confirms_at <= door_now()) {
                p->confirms_at = USEC_NEVER;
                if (chance_percent(&c->devices->manners, 5))
                        phone_ends(c, "m.mismatched_sas");
                else if (phone_goes_on(c)) {
                        p->confirmed = true;
                        phone_vouches(c);
                        phone_is_done(c);
                }
        }
        if (p->signs_at <= door_now()) {
                p->signs_at = USEC_NEVER;
                devices_sign(c->devices, c->device);
                c->polls_at = door_now();
        }
        while (p->n_letters > 0 && p->letters[0].at <= door_now()) {
                model_to_device(c->devices->model, c->device, p->letters[0].event);
                memmove(&p->letters[0], &p->letters[1], --p->n_letters * sizeof(p->letters[0]));
                c->polls_at = door_now();
        }
}

/* ---- busyctl ---- */

static bool save(struct comparing *c) {
        bool saved = devices_save(c->state_dir, c->account, &c->store, c->receiver);

        if (saved)
                receiver_saved(c->receiver);
        return saved;
}

static json_t *keys_shown(struct comparing *c) {
        SCOPED(json_decref) json_t *body = json_pack("{s{s[]}}", "device_keys", HS_USER);

        return devices_ask(c->devices, c->device, "POST", "/_matrix/client/v3/keys/query", body);
}

static enum trust_step decide(const struct comparing *c, const json_t *keys) {
        struct own_device own;

        if (c->receiver)
                receiver_own_keys(c->receiver, &own);
        return trust_decide(c->receiver ? &own : NULL, HS_USER, c->device, keys);
}

/* Under an identity of which nobody has the other half. */
static bool make_device(struct comparing *c, const struct instant *at) {
        uint8_t seed[CRYPTO_SECRET_BYTES];
        char nobody[CRYPTO_KEY_TEXT];

        for (size_t i = 0; i < sizeof(seed); i++)
                seed[i] = (uint8_t) chance_below(&c->devices->manners, 256);
        crypto_store_done(&c->store);
        c->store = (struct crypto_store){ 0 };
        (void) crypto_store_remove(c->state_dir, c->account);
        devices_new_key(c->devices, &c->store, c->device);
        (void) crypto_seed_public(seed, nobody);
        return receiver_new(&c->receiver, HS_USER, c->device, nobody, at) == 0;
}

static bool load(struct comparing *c, const struct instant *at) {
        if (crypto_store_load(c->state_dir, c->account, &c->store) == 0 && streq(c->store.device_id, c->device) &&
            receiver_load(&c->receiver, c->store.receiver, c->store.key, at) == 0)
                return true;
        crypto_store_done(&c->store);
        c->store = (struct crypto_store){ 0 };
        return false;
}

static bool upload(struct comparing *c, const struct instant *at) {
        SCOPED(json_decref) json_t *body = NULL, *answer = NULL;

        if (receiver_introduce(c->receiver, NULL, at, &body) < 0 || !save(c))
                return false;
        devices_introduce(c->devices, c->device);
        answer = devices_ask(c->devices, c->device, "POST", "/_matrix/client/v3/keys/upload", body);
        return answer && receiver_uploaded(c->receiver, answer, at) == 0 && save(c);
}

/* What the server calls itself, if it does: the product has more ways to find out. */
static const struct server_traits *traits_of_server(struct comparing *c) {
        SCOPED(json_decref)
        json_t *answer = devices_ask(c->devices, c->device, "GET", "/_matrix/federation/v1/version", NULL);
        const json_t *server = json_member_object(answer, "server");

        return server_traits_find(json_member_string(server, "name"), json_member_string(server, "version"));
}

static bool begin(struct comparing *c) {
        const struct instant at = { .now = door_now(), .wall = door_wall() };
        SCOPED(json_decref) json_t *keys = keys_shown(c);
        char txn[SAS_TXN_TEXT];
        struct own_device own;
        enum trust_step step;

        if (!keys)
                return false;
        c->traits = traits_of_server(c);
        (void) load(c, &at);
        step = decide(c, keys);
        if ((step != TRUST_INTRODUCE && step != TRUST_SIGN) || (!c->receiver && !make_device(c, &at)))
                return false;
        (void) receiver_want(c->receiver, NULL, 0);
        receiver_own_keys(c->receiver, &own);
        (void) snprintf(txn, sizeof(txn), "%016llx%016llx", (unsigned long long) chance_next(&c->devices->manners),
                        (unsigned long long) chance_next(&c->devices->manners));
        if (sas_new(&c->sas, &own, keys, txn, &at) < 0)
                return false;
        c->introduces = step == TRUST_INTRODUCE;
        return !c->introduces || upload(c, &at);
}

struct comparing *comparing_new(struct devices *d, const char *state_dir, const char *account, const char *device) {
        struct comparing *c = calloc(1, sizeof(*c));

        c->devices = d;
        c->state_dir = strdup(state_dir);
        c->account = strdup(account);
        c->device = strdup(device);
        c->phone.confirms_at = c->phone.signs_at = c->answers_at = c->dies_at = USEC_NEVER;
        c->lock = crypto_store_lock(state_dir, account);
        if (c->lock < 0 || !begin(c)) {
                trace("%s cannot be compared", device);
                return comparing_free(c);
        }
        devices_count_compared(d, COMPARING_GOES_ON);
        trace("%s is compared%s", device, c->introduces ? ", unsigned" : "");
        c->asks_at = door_now() + (c->introduces ? SPREADS : 0);
        c->polls_at = door_now();
        c->dies_of = chance_percent(&d->manners, 30) ? COMPARING_KILLED : COMPARING_CUT;
        if (chance_percent(&d->manners, 15))
                c->dies_at = soon(c, 3 * USEC_PER_MIN);
        return c;
}

struct comparing *comparing_free(struct comparing *c) {
        if (!c)
                return NULL;
        for (size_t i = 0; i < c->phone.n_letters; i++)
                json_decref(c->phone.letters[i].event);
        crypto_sas_free(c->phone.crypto);
        json_decref(c->phone.start);
        sas_free(c->sas);
        receiver_free(c->receiver);
        crypto_store_done(&c->store);
        crypto_store_unlock(c->lock);
        free(c->since);
        free(c->state_dir);
        free(c->account);
        free(c->device);
        free(c);
        return NULL;
}

bool comparing_introduces(const struct comparing *c) {
        return c->introduces;
}

/* As the product says it. */
static json_t *ask_news(struct comparing *c) {
        SCOPED(free) char *path = NULL;

        if (asprintf(&path, "%s%s&set_presence=%s%s%s", SYNC_PATH, NO_ROOMS,
                     set_presence_to_string(set_presence_word(&c->traits->says, false, c->insists)),
                     c->since ? "&since=" : "", c->since ?: "") < 0)
                abort();
        return devices_ask(c->devices, c->device, "GET", path, NULL);
}

static bool poll_server(struct comparing *c) {
        const struct instant at = { .now = door_now(), .wall = door_wall() };
        SCOPED(json_decref) json_t *answer = NULL;
        const json_t *events, *event;
        struct receiver_sync sync;
        size_t i;

        c->polls_at = door_now() + POLLED;
        answer = ask_news(c);
        if (!answer && !c->insists) {
                c->insists = true;
                answer = ask_news(c);
        }
        if (!answer)
                return false;
        events = json_member_array(json_member_object(answer, "to_device"), "events");
        sync = (struct receiver_sync){
                .to_device = events,
                .one_time_key_counts = json_member_object(answer, "device_one_time_keys_count"),
                .unused_fallback_keys = json_member_array(answer, "device_unused_fallback_key_types"),
                .changed = json_member_array(json_member_object(answer, "device_lists"), "changed"),
        };
        if (receiver_take_sync(c->receiver, &sync, &at) < 0 || (json_array_size(events) > 0 && !save(c)))
                return false;
        free(c->since);
        c->since = strdup(json_member_string(answer, "next_batch"));
        json_array_foreach(events, i, event)(void) sas_take(c->sas, event);
        return true;
}

static void send_all(struct comparing *c) {
        struct sas_message m;

        while (sas_next(c->sas, &m)) {
                const json_t *content = json_object_get(json_object_get(json_object_get(m.body, "messages"), HS_USER),
                                                        c->devices->phone.id);

                if (content)
                        phone_takes(c, m.type + strlen(TYPE), content);
                json_decref(m.body);
        }
}

static void answer(struct comparing *c) {
        enum mood m = mood(c, 3, 4);

        c->answers_at = USEC_NEVER;
        if (m == MOOD_CANCELS)
                (void) sas_cancel(c->sas, "m.user");
        else if (m == MOOD_ANSWERS)
                (void) sas_answer(c->sas, !chance_percent(&c->devices->manners, 5));
}

static enum comparing_end why_over(const struct comparing *c) {
        bool theirs;
        const char *code = sas_problem(c->sas, &theirs);

        if (theirs)
                return COMPARING_CANCELLED_THERE;
        return streq(code, "m.timeout")                                   ? COMPARING_UNANSWERED
               : streq(code, "m.user") || streq(code, "m.mismatched_sas") ? COMPARING_CANCELLED_HERE
                                                                          : COMPARING_REFUSED;
}

/* Both know each other: until the server shows the signature. */
static enum comparing_end await(struct comparing *c) {
        SCOPED(json_decref) json_t *keys = keys_shown(c);

        if (keys && decide(c, keys) == TRUST_DONE) {
                receiver_is_signed(c->receiver);
                (void) save(c);
                return COMPARING_SIGNED;
        }
        return door_now() < c->awaits_until ? COMPARING_GOES_ON : COMPARING_UNSIGNED;
}

static enum comparing_end go_on(struct comparing *c) {
        if (c->dies_at <= door_now())
                return c->dies_of;
        if (c->asks_at > door_now())
                return COMPARING_GOES_ON;
        if (c->polls_at <= door_now() && !poll_server(c)) {
                (void) sas_cancel(c->sas, "m.user");
                send_all(c);
                return COMPARING_CANCELLED_HERE;
        }
        if (c->answers_at <= door_now())
                answer(c);
        if (!c->awaits)
                (void) sas_age(c->sas, door_now());
        send_all(c);
        if (sas_phase(c->sas) == SAS_OVER)
                return why_over(c);
        if (sas_phase(c->sas) == SAS_COMPARE && !c->is_asked) {
                c->is_asked = true;
                c->answers_at = soon(c, USEC_PER_MIN);
        }
        if (sas_phase(c->sas) == SAS_DONE && !c->awaits) {
                c->awaits = true;
                c->awaits_until = door_now() + SIGNED_MAX;
                if (receiver_pin(c->receiver, sas_master(c->sas)) < 0 || !save(c))
                        return COMPARING_CANCELLED_HERE;
        }
        return c->awaits ? await(c) : COMPARING_GOES_ON;
}

enum comparing_end comparing_run(struct comparing *c) {
        enum comparing_end end;

        phone_run(c);
        end = go_on(c);
        if (end != COMPARING_GOES_ON)
                trace("comparing %s has ended: %d", c->device, (int) end);
        return end;
}

usec_t comparing_deadline(const struct comparing *c) {
        const struct phone *p;
        usec_t at = USEC_NEVER;

        if (!c)
                return at;
        p = &c->phone;
        at = usec_min(usec_min(p->confirms_at, p->signs_at), usec_min(c->answers_at, c->dies_at));
        if (p->n_letters > 0)
                at = usec_min(at, p->letters[0].at);
        if (c->asks_at > door_now())
                return usec_min(at, c->asks_at);
        at = usec_min(at, c->awaits ? c->awaits_until : sas_age(c->sas, door_now()));
        return usec_min(at, c->polls_at);
}
