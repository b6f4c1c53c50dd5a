/* See devices.h. */
#include "devices-parts.h"

#include <stdio.h>

#include "json/json.h"
#include "matrix/crypto/signed.h"

#define SIGNED "signed_curve25519"

/* ---- signatures ---- */

static void sign_by(json_t *object, const char *user, const uint8_t seed[CRYPTO_SECRET_BYTES]) {
        SCOPED(free) char *bytes = NULL;
        char key[CRYPTO_KEY_TEXT], signature[CRYPTO_SIGNATURE_TEXT];

        (void) signed_json_bytes(object, &bytes);
        (void) crypto_seed_public(seed, key);
        (void) crypto_seed_sign(seed, bytes, strlen(bytes), signature);
        (void) signed_json_add(object, user, key, signature);
}

static void sign_as(const struct speaker *s, json_t *object) {
        SCOPED(free) char *bytes = NULL;
        char signature[CRYPTO_SIGNATURE_TEXT];

        (void) signed_json_bytes(object, &bytes);
        (void) crypto_account_sign(s->account, bytes, strlen(bytes), signature);
        (void) signed_json_add(object, s->user, s->id, signature);
}

static json_t *identity_key(const char *key, const char *usage) {
        char name[CRYPTO_KEY_TEXT + 8];

        (void) snprintf(name, sizeof(name), "ed25519:%s", key);
        return json_pack("{ss s[s] s{ss}}", "user_id", HS_USER, "usage", usage, "keys", name, key);
}

/* ---- who there is ---- */

static void publish(struct devices *d, struct speaker *s) {
        SCOPED(json_decref) json_t *one_time = json_object();
        struct crypto_public_key keys[10];
        int n;

        (void) crypto_account_generate(s->account, ARRAY_SIZE(keys));
        n = crypto_account_one_time_keys(s->account, keys, ARRAY_SIZE(keys));
        crypto_account_published(s->account);
        for (int i = 0; i < n; i++) {
                json_t *v = json_pack("{ss}", "key", keys[i].key);
                char name[sizeof(SIGNED ":") + CRYPTO_KEY_ID_TEXT] = SIGNED ":";

                sign_as(s, v);
                memcpy(name + strlen(SIGNED ":"), keys[i].id, CRYPTO_KEY_ID_TEXT);
                json_object_set_new(one_time, name, v);
        }
        model_set_person(d->model, s->user,
                         json_pack("{s{sO} s{sO}}", "devices", s->id, s->keys, "one_time", s->id, one_time));
}

static void make_speaker(struct speaker *s, const char *user, const char *id) {
        char curve25519[64], ed25519[64];

        s->user = user;
        s->id = id;
        (void) crypto_account_new(&s->account);
        (void) crypto_account_keys(s->account, s->curve25519, s->ed25519);
        (void) snprintf(curve25519, sizeof(curve25519), "curve25519:%s", id);
        (void) snprintf(ed25519, sizeof(ed25519), "ed25519:%s", id);
        s->keys = json_pack("{ss ss s[ss] s{ss ss}}", "user_id", user, "device_id", id, "algorithms",
                            "m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2", "keys", curve25519, s->curve25519,
                            ed25519, s->ed25519);
        sign_as(s, s->keys);
}

static void drop_speaker(struct speaker *s) {
        for (size_t i = 0; i < s->n_partners; i++)
                crypto_session_free(s->partners[i].session);
        crypto_account_free(s->account);
        json_decref(s->keys);
}

/* A new identity, which signs the phone. */
static void set_identity(struct devices *d) {
        struct identity *i = &d->identity;
        json_t *master, *signing;

        for (size_t k = 0; k < CRYPTO_SECRET_BYTES; k++) {
                i->master[k] = (uint8_t) chance_below(&d->chance, 256);
                i->self_signing[k] = (uint8_t) chance_below(&d->chance, 256);
        }
        (void) crypto_seed_public(i->master, i->master_key);
        (void) crypto_seed_public(i->self_signing, i->self_signing_key);
        master = identity_key(i->master_key, "master");
        signing = identity_key(i->self_signing_key, "self_signing");
        sign_by(signing, HS_USER, i->master);
        model_set_identity(d->model, json_pack("{so so}", "master_key", master, "self_signing_key", signing));
        sign_by(d->phone.keys, HS_USER, i->self_signing);
        publish(d, &d->phone);
}

struct devices *devices_new(struct model *m, uint64_t seed, unsigned reset_percent) {
        struct devices *d = calloc(1, sizeof(*d));

        locks_seed(seed ^ UINT64_C(0xd1342543de82ef95));
        d->model = m;
        d->reset_percent = reset_percent;
        d->chance = (struct chance){ seed ^ UINT64_C(0xaf251af3b0f025b5) };
        d->manners = (struct chance){ seed ^ UINT64_C(0x6a09e667f3bcc909) };
        d->counters.worlds = 1;
        make_speaker(&d->caller, DEVICES_CALLER, "THEIRS");
        make_speaker(&d->phone, HS_USER, "PHONE");
        d->caller.strict = chance_percent(&d->chance, 50);
        d->phone.strict = chance_percent(&d->chance, 50);
        d->caller.plain = chance_percent(&d->chance, 30);
        publish(d, &d->caller);
        set_identity(d);
        return d;
}

struct devices *devices_free(struct devices *d) {
        if (!d)
                return NULL;
        drop_speaker(&d->caller);
        drop_speaker(&d->phone);
        for (size_t i = 0; i < d->n_pending; i++)
                json_decref(d->pending[i].event);
        free(d);
        return NULL;
}

/* ---- the devices of busyd, as the server shows them ---- */

static const json_t *keys_of(const struct devices *d, const char *device) {
        return json_object_get(json_object_get(model_keys(d->model), "devices"), device);
}

static const char *key_of(const json_t *device, const char *kind, const char *id) {
        char name[96];

        (void) snprintf(name, sizeof(name), "%s:%s", kind, id);
        return json_member_string(json_member_object(device, "keys"), name);
}

static bool is_signed(const struct devices *d, const json_t *device) {
        return device &&
               signed_json_check(device, HS_USER, d->identity.self_signing_key, d->identity.self_signing_key) == 0;
}

static size_t find_ours(const struct devices *d, const char *device) {
        size_t i = 0;

        while (i < d->n_ours && !streq(d->ours[i].device, device))
                i++;
        return i;
}

/* A new one pushes the oldest out whose keys are gone. */
static size_t ours_of(struct devices *d, const char *device) {
        size_t i = find_ours(d, device), out = 0;

        if (i < d->n_ours)
                return i;
        if (d->n_ours == PARTNERS_MAX) {
                while (out + 1 < d->n_ours && keys_of(d, d->ours[out].device))
                        out++;
                i = --d->n_ours;
                memmove(&d->ours[out], &d->ours[out + 1], (i - out) * sizeof(d->ours[0]));
        }
        memset(&d->ours[i], 0, sizeof(d->ours[i]));
        (void) snprintf(d->ours[i].device, sizeof(d->ours[i].device), "%s", device);
        d->ours[d->n_ours++].since = USEC_NEVER;
        return i;
}

void devices_introduce(struct devices *d, const char *device) {
        size_t i = ours_of(d, device);

        d->ours[i].never = true;
        d->ours[i].until = door_now();
}

void devices_sign(struct devices *d, const char *device) {
        json_t *keys = json_deep_copy(keys_of(d, device));

        if (!keys)
                return;
        sign_by(keys, HS_USER, d->identity.self_signing);
        model_set_person(d->model, HS_USER, json_pack("{s{so} s{}}", "devices", device, keys, "one_time"));
}

bool devices_never_signed(struct devices *d, const char *device) {
        size_t i = find_ours(d, device);

        return i < d->n_ours && d->ours[i].never;
}

/* What has changed since the last look. NULL, or what must not be. */
static const char *look_at_ours(struct devices *d) {
        const char *id, *wrong = NULL;
        json_t *device;

        if (d->looked == model_version(d->model))
                return NULL;
        d->looked = model_version(d->model);
        json_object_foreach(json_object_get(model_keys(d->model), "devices"), id, device) {
                bool now = is_signed(d, device);
                size_t i;

                if (streq(id, d->phone.id))
                        continue;
                if (!now && find_ours(d, id) == d->n_ours)
                        wrong = "an unsigned device with keys";
                i = ours_of(d, id);
                d->ours[i].never &= !now;
                if (!now && d->ours[i].since != USEC_NEVER)
                        d->ours[i].until = door_now();
                if (!now)
                        d->ours[i].since = USEC_NEVER;
                else if (d->ours[i].since == USEC_NEVER)
                        d->ours[i].since = door_now();
        }
        return wrong;
}

usec_t devices_signed_since(struct devices *d, const char *device) {
        (void) look_at_ours(d);
        for (size_t i = 0; keys_of(d, device) && i < d->n_ours; i++)
                if (streq(d->ours[i].device, device))
                        return d->ours[i].since;
        return USEC_NEVER;
}

usec_t devices_unsigned_since(struct devices *d, const char *device) {
        (void) look_at_ours(d);
        for (size_t i = 0; keys_of(d, device) && i < d->n_ours; i++)
                if (streq(d->ours[i].device, device) && d->ours[i].since == USEC_NEVER)
                        return d->ours[i].until;
        return USEC_NEVER;
}

/* ---- as busyctl ---- */

json_t *devices_ask(struct devices *d, const char *device, const char *method, const char *path, const json_t *body) {
        SCOPED(free) char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
        int64_t now = (int64_t) (door_now() / USEC_PER_MSEC);
        struct model_tokens tokens;
        struct exchange *e;
        json_t *answer = NULL;

        if (!model_tokens(d->model, device, &tokens))
                return NULL;
        e = exchange_begin(
                d->model,
                &(struct model_request){ .method = method, .uri = path, .token = tokens.access, .body = text }, now);
        exchange_run(e, now);
        /* busyctl has the tokens that are stored, and renews them: those of here may never have arrived. */
        model_set_used(d->model, device, tokens.used);
        if (exchange_look(e, now) && exchange_status(e) == 200)
                answer = json_incref((json_t *) exchange_answer(e));
        exchange_free(e, now);
        return answer;
}

bool devices_save(const char *state_dir, const char *account, struct crypto_store *store, struct receiver *r) {
        json_decref(store->receiver);
        store->receiver = NULL;
        return receiver_store(r, store->key, &store->receiver) == 0 &&
               crypto_store_save(state_dir, account, store) == 0;
}

void devices_new_key(struct devices *d, struct crypto_store *store, const char *device) {
        store->user_id = strdup(HS_USER);
        store->device_id = strdup(device);
        store->has_key = true;
        for (size_t i = 0; i < sizeof(store->key); i++)
                store->key[i] = (uint8_t) chance_below(&d->chance, 256);
}

static bool introduce(struct devices *d, const char *state_dir, const char *account, const char *device,
                      struct crypto_store *store, const struct instant *at) {
        SCOPED(receiver_free) struct receiver *r = NULL;
        SCOPED(json_decref) json_t *body = NULL, *answer = NULL;

        devices_new_key(d, store, device);
        if (receiver_new(&r, HS_USER, device, d->identity.master_key, at) < 0 ||
            receiver_introduce(r, d->identity.self_signing, at, &body) < 0 ||
            !devices_save(state_dir, account, store, r))
                return false;
        answer = devices_ask(d, device, "POST", "/_matrix/client/v3/keys/upload", body);
        return answer && receiver_uploaded(r, answer, at) == 0 && devices_save(state_dir, account, store, r);
}

static bool sign_again(struct devices *d, const char *state_dir, const char *account, const char *device,
                       struct crypto_store *store, const struct instant *at) {
        SCOPED(receiver_free) struct receiver *r = NULL;
        SCOPED(json_decref) json_t *body = NULL, *answer = NULL;

        if (receiver_load(&r, store->receiver, store->key, at) < 0 || receiver_pin(r, d->identity.master_key) < 0 ||
            receiver_sign_again(r, d->identity.self_signing, &body) < 0 || !devices_save(state_dir, account, store, r))
                return false;
        answer = devices_ask(d, device, "POST", "/_matrix/client/v3/keys/signatures/upload", body);
        return answer;
}

void devices_verify(struct devices *d, const char *state_dir, const char *account, const char *device) {
        SCOPED(crypto_store_done) struct crypto_store store = { 0 };
        const struct instant at = { .now = door_now(), .wall = door_wall() };
        bool done;

        if (!d)
                return;
        if (keys_of(d, device)) {
                done = crypto_store_load(state_dir, account, &store) == 0 &&
                       sign_again(d, state_dir, account, device, &store, &at);
        } else {
                (void) crypto_store_remove(state_dir, account);
                done = introduce(d, state_dir, account, device, &store, &at);
        }
        trace("%s is %s", device, done ? "verified" : "not verified");
        d->counters.verified += done;
}

void devices_log_out(struct devices *d, const char *state_dir, const char *account, const char *device) {
        if (!d)
                return;
        /* A run that dies in between leaves them behind. */
        if (chance_percent(&d->chance, 80))
                (void) crypto_store_remove(state_dir, account);
        model_forget_keys(d->model, device);
}

/* ---- messages to devices ---- */

static void put_message(struct devices *d, const char *device, json_t *event, usec_t at) {
        if (at <= door_now() || d->n_pending == PENDING_MAX) {
                model_to_device(d->model, device, event);
                return;
        }
        d->pending[d->n_pending].at = at;
        d->pending[d->n_pending].event = event;
        (void) snprintf(d->pending[d->n_pending].device, sizeof(d->pending[0].device), "%s", device);
        d->n_pending++;
}

static struct partner *partner_of(struct speaker *s, const char *device) {
        for (size_t i = 0; i < s->n_partners; i++)
                if (streq(s->partners[i].device, device))
                        return &s->partners[i];
        if (s->n_partners == PARTNERS_MAX) {
                crypto_session_free(s->partners[0].session);
                memmove(&s->partners[0], &s->partners[1], --s->n_partners * sizeof(s->partners[0]));
        }
        s->partners[s->n_partners] = (struct partner){ .session = NULL };
        (void) snprintf(s->partners[s->n_partners].device, sizeof(s->partners[0].device), "%s", device);
        return &s->partners[s->n_partners++];
}

static bool begin_session(struct devices *d, struct speaker *s, struct partner *p) {
        const json_t *device = keys_of(d, p->device), *key = model_claim(d->model, p->device);

        return key && signed_json_check(key, HS_USER, p->device, key_of(device, "ed25519", p->device)) == 0 &&
               crypto_account_outbound(s->account, key_of(device, "curve25519", p->device),
                                       json_member_string(key, "key"), &p->session) == 0;
}

static json_t *olm_message(struct devices *d, struct speaker *s, struct partner *p, const char *type,
                           json_t *content) {
        const json_t *device = keys_of(d, p->device);
        SCOPED(json_decref)
        json_t *says = json_pack("{ss so ss s{ss} ss s{ss}}", "type", type, "content", content, "sender", s->user,
                                 "keys", "ed25519", s->ed25519, "recipient", HS_USER, "recipient_keys", "ed25519",
                                 key_of(device, "ed25519", p->device));
        SCOPED(free) char *bytes = NULL;
        SCOPED(crypto_text_done) struct crypto_text body = { 0 };
        int kind;

        if (!s->plain)
                json_object_set(says, "sender_device_keys", s->keys);
        bytes = json_dumps(says, JSON_COMPACT);
        (void) crypto_session_encrypt(p->session, bytes, strlen(bytes), &kind, &body);
        return json_pack("{ss ss s{ss ss s{s{si ss}}}}", "type", "m.room.encrypted", "sender", s->user, "content",
                         "algorithm", "m.olm.v1.curve25519-aes-sha2", "sender_key", s->curve25519, "ciphertext",
                         key_of(device, "curve25519", p->device), "type", kind, "body", body.data);
}

static json_t *withheld_message(const struct speaker *s, const struct room_session *r, const char *room,
                                const char *code) {
        return json_pack("{ss ss s{ss ss ss ss ss}}", "type", "m.room_key.withheld", "sender", s->user, "content",
                         "algorithm", "m.megolm.v1.aes-sha2", "room_id", room, "session_id", r->lock.id, "sender_key",
                         s->curve25519, "code", code);
}

static json_t *room_key(const struct room_session *r, const char *room) {
        SCOPED(crypto_text_done) struct crypto_text key = lock_key(&r->lock);

        return json_pack("{ss ss ss ss}", "algorithm", "m.megolm.v1.aes-sha2", "room_id", room, "session_id",
                         r->lock.id, "session_key", key.data);
}

/* When it will be there. */
static usec_t give_key(struct devices *d, struct speaker *s, struct room_session *r, const char *room,
                       const char *device) {
        struct partner *p = partner_of(s, device);
        usec_t at = door_now();
        json_t *message;

        if (r->mute || (s->strict && devices_signed_since(d, device) == USEC_NEVER)) {
                put_message(d, device, withheld_message(s, r, room, r->mute ? "m.unauthorised" : "m.unverified"), at);
                d->counters.withheld++;
                return USEC_NEVER;
        }
        if (!p->session && !begin_session(d, s, p))
                return USEC_NEVER;
        if (r->slow) {
                at += chance_between(&d->chance, USEC_PER_SEC / 10,
                                     chance_percent(&d->chance, 80) ? 20 * USEC_PER_SEC : 3 * USEC_PER_MIN);
                d->counters.late++;
        }
        message = olm_message(d, s, p, "m.room_key", room_key(r, room));
        put_message(d, device, message, at);
        d->counters.room_keys++;
        return p->lost ? USEC_NEVER : at;
}

/* ---- what is said ---- */

static size_t room_of(struct devices *d, const char *room) {
        size_t i = 0;

        while (i < d->n_rooms && !streq(d->rooms[i], room))
                i++;
        if (i == d->n_rooms)
                (void) snprintf(d->rooms[d->n_rooms++], sizeof(d->rooms[0]), "%s", room);
        return i;
}

static void begin_room(struct devices *d, struct room_session *r) {
        *r = (struct room_session){ .begun = true,
                                    .slow = chance_percent(&d->chance, 25),
                                    .mute = chance_percent(&d->chance, 8) };
        lock_new(&r->lock);
}

static void give_keys(struct devices *d, struct speaker *s, struct room_session *r, const char *room) {
        const char *device;
        json_t *unused;

        json_object_foreach(json_object_get(model_keys(d->model), "devices"), device, unused) {
                size_t i = 0;

                if (streq(device, d->phone.id))
                        continue;
                while (i < r->n_given && !streq(r->given[i].device, device))
                        i++;
                if (i < r->n_given || r->n_given == PARTNERS_MAX)
                        continue;
                (void) snprintf(r->given[i].device, sizeof(r->given[i].device), "%s", device);
                r->given[i].at = give_key(d, s, r, room, device);
                r->n_given++;
        }
}

void devices_say(struct devices *d, const char *room, json_t *event) {
        SCOPED(json_decref) json_t *plain = event;
        struct speaker *s = streq(json_member_string(event, "sender"), HS_USER) ? &d->phone : &d->caller;
        struct room_session *r = &s->rooms[room_of(d, room)];
        SCOPED(crypto_text_done) struct crypto_text text = { 0 };
        SCOPED(free) char *bytes = NULL;

        if (!r->begun)
                begin_room(d, r);
        give_keys(d, s, r, room);
        json_object_set_new(plain, "room_id", json_string(room));
        bytes = json_dumps(plain, JSON_COMPACT);
        text = lock_encrypt(&r->lock, bytes);
        d->counters.said++;
        model_send(d->model, room,
                   json_pack("{ss ss s{ss ss ss ss ss}}", "type", "m.room.encrypted", "sender", s->user, "content",
                             "algorithm", "m.megolm.v1.aes-sha2", "session_id", r->lock.id, "ciphertext", text.data,
                             "sender_key", s->curve25519, "device_id", s->id),
                   (int64_t) (door_now() / USEC_PER_MSEC));
}

static usec_t given_at(const struct speaker *s, size_t room, const char *device) {
        for (size_t i = 0; i < s->rooms[room].n_given; i++)
                if (streq(s->rooms[room].given[i].device, device))
                        return s->rooms[room].given[i].at;
        return USEC_NEVER;
}

usec_t devices_read_since(struct devices *d, const char *room, const char *user, const char *device) {
        return given_at(streq(user, HS_USER) ? &d->phone : &d->caller, room_of(d, room), device);
}

usec_t devices_readable_at(struct devices *d, const char *room, const char *device) {
        size_t i = room_of(d, room);
        usec_t caller = given_at(&d->caller, i, device), phone = given_at(&d->phone, i, device);

        return caller > phone ? caller : phone;
}

/* ---- what happens ---- */

/* As a device that was restored from an old copy: it goes on with a session of which the other side knows nothing. */
static void lose_sessions(struct devices *d, struct speaker *s) {
        for (size_t i = 0; i < s->n_partners; i++) {
                struct partner *p = &s->partners[i];
                const json_t *device = keys_of(d, p->device);

                if (!p->session || !device)
                        continue;
                p->session = crypto_session_free(p->session);
                p->lost = true;
                (void) crypto_account_outbound(s->account, key_of(device, "curve25519", p->device), s->curve25519,
                                               &p->session);
                d->counters.lost++;
        }
}

static void befall(struct devices *d, struct speaker *s, size_t room) {
        bool lost = chance_percent(&d->chance, 12), ends = chance_percent(&d->chance, 50);

        if (lost)
                lose_sessions(d, s);
        s->rooms[room].begun &= !lost && !ends;
}

void devices_before_call(struct devices *d, const char *room, bool alone) {
        if (alone && chance_percent(&d->chance, d->reset_percent)) {
                trace("the user resets their identity");
                d->counters.resets++;
                set_identity(d);
                /* Whoever gives keys to signed devices alone begins anew. */
                for (size_t i = 0; i < ROOMS_MAX; i++) {
                        d->caller.rooms[i].begun &= !d->caller.strict;
                        d->phone.rooms[i].begun &= !d->phone.strict;
                }
        }
        befall(d, &d->caller, room_of(d, room));
        befall(d, &d->phone, room_of(d, room));
}

/* ---- what busyd sends ---- */

/* An empty message heals: its session is the one that is used from then on. */
static void receive(struct devices *d, struct speaker *s, const json_t *content) {
        const json_t *mine = json_member_object(json_member_object(content, "ciphertext"), s->curve25519);
        const char *sender_key = json_member_string(content, "sender_key"), *body = json_member_string(mine, "body");
        SCOPED(crypto_text_done) struct crypto_text text = { 0 };
        SCOPED(json_decref) json_t *says = NULL;
        struct crypto_session *session = NULL;
        struct partner *p = NULL;

        for (size_t i = 0; sender_key && i < s->n_partners; i++) {
                const char *key = key_of(keys_of(d, s->partners[i].device), "curve25519", s->partners[i].device);

                if (key && streq(key, sender_key))
                        p = &s->partners[i];
        }
        if (!p || !body || crypto_account_inbound(s->account, sender_key, body, &session, &text) < 0)
                return;
        crypto_session_free(p->session);
        p->session = session;
        p->lost = false;
        says = json_loadb(text.data, text.size, 0, NULL);
        if (!streq(json_member_string(says, "type") ?: "", "m.dummy"))
                return;
        d->counters.healed++;
        trace("%s of %s is healed", s->id, s->user);
}

static void take_sent(struct devices *d) {
        SCOPED(json_decref) json_t *sent = model_take_sent(d->model);
        json_t *messages;
        size_t i;

        json_array_foreach(sent, i, messages) {
                struct speaker *speakers[] = { &d->caller, &d->phone };

                for (size_t k = 0; k < ARRAY_SIZE(speakers); k++) {
                        const json_t *content =
                                json_object_get(json_object_get(messages, speakers[k]->user), speakers[k]->id);

                        if (content)
                                receive(d, speakers[k], content);
                }
        }
}

usec_t devices_deadline(struct devices *d) {
        usec_t at = USEC_NEVER;

        for (size_t i = 0; d && i < d->n_pending; i++)
                at = usec_min(at, d->pending[i].at);
        return at;
}

void devices_run(struct devices *d) {
        if (!d)
                return;
        for (size_t i = 0; i < d->n_pending;) {
                if (d->pending[i].at > door_now()) {
                        i++;
                        continue;
                }
                model_to_device(d->model, d->pending[i].device, d->pending[i].event);
                d->n_pending--;
                memmove(&d->pending[i], &d->pending[i + 1], (d->n_pending - i) * sizeof(d->pending[0]));
        }
        take_sent(d);
}

/* ---- what must be true ---- */

const char *devices_judge_request(struct devices *d, const char *method, const char *uri, const char *body) {
        SCOPED(json_decref) json_t *v = NULL;
        const char *wrong = NULL;

        if (streq(method, "PUT") && strstr(uri, "/rooms/"))
                return "something is sent to a room";
        if (strstr(uri, "/sendToDevice/") && !strstr(uri, "/sendToDevice/m.room.encrypted/"))
                return "something else than an encrypted message is sent to a device";
        if (strstr(uri, "/keys/signatures/upload") || strstr(uri, "/keys/device_signing"))
                return "signatures are sent";
        if (!d || !strstr(uri, "/keys/upload"))
                return NULL;
        v = json_loads(body ?: "", 0, NULL);
        if (json_object_get(v, "device_keys"))
                wrong = "keys of a device are sent";
        return wrong;
}

const char *devices_judge(struct devices *d) {
        if (!d)
                return NULL;
        if (json_member_int(model_keys(d->model), "again", 0) > 0)
                return "a key that was given away is given away again";
        return look_at_ours(d);
}

/* ---- counters ---- */

void devices_count_shown(struct devices *d) {
        d->counters.shown++;
}

void devices_count_compared(struct devices *d, enum comparing_end end) {
        d->counters.compared[end]++;
}

void devices_count_farewell(struct devices *d) {
        d->counters.farewells++;
}

struct devices_counters devices_counters(struct devices *d) {
        struct devices_counters c = d ? d->counters : (struct devices_counters){ 0 };

        if (d)
                d->counters = (struct devices_counters){ 0 };
        return c;
}

void devices_counters_add(struct devices_counters *to, const struct devices_counters *from) {
        to->worlds += from->worlds;
        to->verified += from->verified;
        to->resets += from->resets;
        to->lost += from->lost;
        to->withheld += from->withheld;
        to->late += from->late;
        to->room_keys += from->room_keys;
        to->said += from->said;
        to->healed += from->healed;
        to->shown += from->shown;
        to->farewells += from->farewells;
        for (size_t i = 0; i < COMPARING_ENDS; i++)
                to->compared[i] += from->compared[i];
}
