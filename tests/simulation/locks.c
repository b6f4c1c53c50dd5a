/* See locks.h. It keeps secrets from nobody: a public key, or an id, stands for what is secret behind it. For the rest
 * it is as strict as the real ones: a signature is of one key and these bytes; a session begins with a one-time key of
 * this account alone, which is used up by that; a message is read once, and not if too many before it are missing; a
 * key of a room reads from its index on; and nothing is read back from disk with another key.
 *
 * Texts are base64 of a few words, and of what was encrypted behind them. */
#include "locks.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>

#include "json/json.h"
#include "torture.h"

/* As libolm, which keeps the fewer of both. */
#define ONE_TIME_KEYS_MAX 100
#define SKIPPED_MAX       40
#define GAP_MAX           2000

#define WORD_MAX 48

static struct chance dice;

void locks_seed(uint64_t seed) {
        dice = (struct chance){ seed };
}

/* Asked of the allocator of the product, which may refuse; what follows is spared. */
static bool is_refused(void) {
        void *volatile p = malloc(1);

        free(p);
        return !p;
}

/* ---- texts ---- */

static void hash(const void *data, size_t size, char ret[CRYPTO_KEY_TEXT]) {
        uint8_t sum[SHA256_DIGEST_LENGTH], text[SHA256_DIGEST_LENGTH * 2];

        (void) SHA256(data, size, sum);
        (void) EVP_EncodeBlock(text, sum, sizeof(sum));
        memcpy(ret, text, CRYPTO_KEY_TEXT - 1);
        ret[CRYPTO_KEY_TEXT - 1] = '\0';
}

/* Of words and of bytes behind them. */
static void hash_of(char ret[CRYPTO_KEY_TEXT], const char *words, const void *data, size_t size) {
        size_t n = strlen(words);
        char *all = malloc(n + size + 1);

        memcpy(all, words, n);
        if (size > 0)
                memcpy(all + n, data, size);
        hash(all, n + size, ret);
        free(all);
}

static void new_key(char ret[CRYPTO_KEY_TEXT]) {
        uint64_t drawn[2] = { chance_next(&dice), chance_next(&dice) };

        hash(drawn, sizeof(drawn), ret);
}

/* `words` with `data` behind, as it travels. */
static struct crypto_text text_of(const char *words, const void *data, size_t size) {
        size_t n = strlen(words), all = n + size;
        struct crypto_text t = { .data = calloc(1, (all + 2) / 3 * 4 + 1) };
        uint8_t *bare = malloc(all + 1);

        memcpy(bare, words, n);
        if (size > 0)
                memcpy(bare + n, data, size);
        t.size = (size_t) EVP_EncodeBlock((uint8_t *) t.data, bare, (int) all);
        while (t.size > 0 && t.data[t.size - 1] == '=')
                t.data[--t.size] = '\0';
        free(bare);
        return t;
}

/* Back; NULL: it is none. *ret_size is right but for what padding there was. */
static char *bare_of(const char *text, size_t *ret_size) {
        size_t n = strlen(text), whole = (n + 3) / 4 * 4;
        char *padded = malloc(whole + 1), *bare = calloc(1, whole + 1);
        int size;

        memset(padded, '=', whole);
        memcpy(padded, text, n);
        size = EVP_DecodeBlock((uint8_t *) bare, (uint8_t *) padded, (int) whole);
        free(padded);
        if (size < 0 || n % 4 == 1) {
                free(bare);
                return NULL;
        }
        *ret_size = (size_t) size - (whole - n);
        return bare;
}

static bool is_key(const char *s) {
        return strlen(s) == CRYPTO_KEY_TEXT - 1;
}

static void give(struct crypto_text *ret, const char *data, size_t size) {
        *ret = (struct crypto_text){ .data = calloc(1, size + 1), .size = size };
        memcpy(ret->data, data, size);
}

/* ---- pickles ---- */

static int pickle(json_t *v, const uint8_t key[CRYPTO_SECRET_BYTES], struct crypto_text *ret) {
        char *s = json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS), of_key[CRYPTO_KEY_TEXT], sum[CRYPTO_KEY_TEXT],
             words[2 * WORD_MAX];

        hash(key, CRYPTO_SECRET_BYTES, of_key);
        hash_of(sum, of_key, s, strlen(s));
        (void) snprintf(words, sizeof(words), "%s ", sum);
        *ret = text_of(words, s, strlen(s));
        free(s);
        json_decref(v);
        return 0;
}

static json_t *unpickle(const char *text, const uint8_t key[CRYPTO_SECRET_BYTES]) {
        char of_key[CRYPTO_KEY_TEXT], sum[CRYPTO_KEY_TEXT];
        size_t size;
        char *bare = bare_of(text, &size);
        json_t *v = NULL;

        if (bare && size > CRYPTO_KEY_TEXT) {
                hash(key, CRYPTO_SECRET_BYTES, of_key);
                hash_of(sum, of_key, bare + CRYPTO_KEY_TEXT, size - CRYPTO_KEY_TEXT);
                if (memcmp(sum, bare, CRYPTO_KEY_TEXT - 1) == 0)
                        v = json_loadb(bare + CRYPTO_KEY_TEXT, size - CRYPTO_KEY_TEXT, 0, NULL);
        }
        free(bare);
        return v;
}

static void copy(const json_t *v, const char *member, char ret[CRYPTO_KEY_TEXT]) {
        (void) snprintf(ret, CRYPTO_KEY_TEXT, "%s", json_member_string(v, member) ?: "");
}

const char *crypto_library(void) {
        return "simulated";
}

/* ---- Ed25519 ---- */

static void sign(const char *key, const void *data, size_t size, char ret[CRYPTO_SIGNATURE_TEXT]) {
        char half[2][CRYPTO_KEY_TEXT];

        hash_of(half[0], key, data, size);
        hash_of(half[1], half[0], data, size);
        (void) snprintf(ret, CRYPTO_SIGNATURE_TEXT, "%s%s", half[0], half[1]);
}

int crypto_verify(const char *key, const void *data, size_t size, const char *signature) {
        SPARED;
        char right[CRYPTO_SIGNATURE_TEXT];

        sign(key, data, size, right);
        return is_key(key) && streq(right, signature) ? 0 : -EBADMSG;
}

int crypto_seed_public(const uint8_t seed[CRYPTO_SECRET_BYTES], char ret[CRYPTO_KEY_TEXT]) {
        hash(seed, CRYPTO_SECRET_BYTES, ret);
        return 0;
}

int crypto_seed_sign(const uint8_t seed[CRYPTO_SECRET_BYTES], const void *data, size_t size,
                     char ret[CRYPTO_SIGNATURE_TEXT]) {
        SPARED;
        char key[CRYPTO_KEY_TEXT];

        hash(seed, CRYPTO_SECRET_BYTES, key);
        sign(key, data, size, ret);
        return 0;
}

/* ---- the account ---- */

struct one_time {
        struct crypto_public_key key;
        bool published;
};

struct crypto_account {
        char curve25519[CRYPTO_KEY_TEXT], ed25519[CRYPTO_KEY_TEXT];
        unsigned serial; /* of the ids of keys */
        struct one_time keys[ONE_TIME_KEYS_MAX];
        size_t n_keys;
        struct one_time fallback, fallback_before; /* without an id: there is none */
};

int crypto_account_new(struct crypto_account **ret) {
        if (is_refused())
                return -ENOMEM;
        SPARED;

        *ret = calloc(1, sizeof(**ret));
        new_key((*ret)->curve25519);
        new_key((*ret)->ed25519);
        return 0;
}

struct crypto_account *crypto_account_free(struct crypto_account *a) {
        free(a);
        return NULL;
}

static json_t *pack_key(const struct one_time *k) {
        return json_pack("{ss ss sb}", "id", k->key.id, "key", k->key.key, "published", k->published);
}

static struct one_time key_of(const json_t *v) {
        struct one_time k = { .published = json_member_bool(v, "published", false) };

        (void) snprintf(k.key.id, sizeof(k.key.id), "%s", json_member_string(v, "id") ?: "");
        copy(v, "key", k.key.key);
        return k;
}

int crypto_account_pickle(struct crypto_account *a, const uint8_t key[CRYPTO_SECRET_BYTES], struct crypto_text *ret) {
        if (is_refused())
                return -ENOMEM;
        SPARED;
        json_t *keys = json_array();

        for (size_t i = 0; i < a->n_keys; i++)
                json_array_append_new(keys, pack_key(&a->keys[i]));
        return pickle(json_pack("{ss ss si so so so}", "curve25519", a->curve25519, "ed25519", a->ed25519, "serial",
                                (int) a->serial, "keys", keys, "fallback", pack_key(&a->fallback), "before",
                                pack_key(&a->fallback_before)),
                      key, ret);
}

int crypto_account_unpickle(struct crypto_account **ret, const uint8_t key[CRYPTO_SECRET_BYTES], const char *text) {
        if (is_refused())
                return -ENOMEM;
        SPARED;
        json_t *v = unpickle(text, key), *k;
        struct crypto_account *a;
        size_t i;

        if (!v)
                return -EBADMSG;
        a = calloc(1, sizeof(*a));
        copy(v, "curve25519", a->curve25519);
        copy(v, "ed25519", a->ed25519);
        a->serial = (unsigned) json_member_int(v, "serial", 0);
        json_array_foreach(json_object_get(v, "keys"), i, k) a->keys[a->n_keys++] = key_of(k);
        a->fallback = key_of(json_object_get(v, "fallback"));
        a->fallback_before = key_of(json_object_get(v, "before"));
        json_decref(v);
        *ret = a;
        return 0;
}

int crypto_account_keys(struct crypto_account *a, char ret_curve25519[CRYPTO_KEY_TEXT],
                        char ret_ed25519[CRYPTO_KEY_TEXT]) {
        memcpy(ret_curve25519, a->curve25519, CRYPTO_KEY_TEXT);
        memcpy(ret_ed25519, a->ed25519, CRYPTO_KEY_TEXT);
        return 0;
}

int crypto_account_sign(struct crypto_account *a, const void *data, size_t size, char ret[CRYPTO_SIGNATURE_TEXT]) {
        SPARED;

        sign(a->ed25519, data, size, ret);
        return 0;
}

static struct one_time make_key(struct crypto_account *a) {
        struct one_time k = { 0 };

        (void) snprintf(k.key.id, sizeof(k.key.id), "K%u", a->serial++);
        new_key(k.key.key);
        return k;
}

static void drop_key(struct crypto_account *a, size_t i) {
        a->n_keys--;
        memmove(&a->keys[i], &a->keys[i + 1], (a->n_keys - i) * sizeof(a->keys[0]));
}

int crypto_account_generate(struct crypto_account *a, size_t n) {
        if (is_refused())
                return -ENOMEM;
        for (; n > 0; n--) {
                if (a->n_keys == ONE_TIME_KEYS_MAX)
                        drop_key(a, 0);
                a->keys[a->n_keys++] = make_key(a);
        }
        return 0;
}

int crypto_account_generate_fallback(struct crypto_account *a) {
        if (is_refused())
                return -ENOMEM;
        a->fallback_before = a->fallback;
        a->fallback = make_key(a);
        return 0;
}

void crypto_account_forget_fallback(struct crypto_account *a) {
        a->fallback_before = (struct one_time){ 0 };
}

int crypto_account_one_time_keys(struct crypto_account *a, struct crypto_public_key *ret, size_t max) {
        size_t n = 0;

        for (size_t i = 0; i < a->n_keys && n < max; i++)
                if (!a->keys[i].published)
                        ret[n++] = a->keys[i].key;
        return (int) n;
}

int crypto_account_fallback_key(struct crypto_account *a, struct crypto_public_key *ret) {
        if (!a->fallback.key.id[0] || a->fallback.published)
                return 0;
        *ret = a->fallback.key;
        return 1;
}

void crypto_account_published(struct crypto_account *a) {
        for (size_t i = 0; i < a->n_keys; i++)
                a->keys[i].published = true;
        a->fallback.published = true;
}

/* ---- Olm ---- */

struct crypto_session {
        char id[CRYPTO_KEY_TEXT];
        char from[CRYPTO_KEY_TEXT], one_time[CRYPTO_KEY_TEXT]; /* who has begun it, and with which key */
        bool ours;                                             /* begun here */
        bool answered;                                         /* the other side has it: no more prekey messages */
        uint32_t sent, next;
        uint32_t skipped[SKIPPED_MAX]; /* those before `next` that may still come */
        size_t n_skipped;
};

struct olm_message {
        char kind, id[CRYPTO_KEY_TEXT], from[CRYPTO_KEY_TEXT], one_time[CRYPTO_KEY_TEXT], sum[CRYPTO_KEY_TEXT];
        bool of_beginner;
        uint32_t index;
        char *bare;
        const char *text;
        size_t size;
};

static void olm_message_done(struct olm_message *m) {
        free(m->bare);
}

static void sum_of_olm(const struct olm_message *m, char ret[CRYPTO_KEY_TEXT]) {
        char words[4 * WORD_MAX];

        (void) snprintf(words, sizeof(words), "%c %s %s %s %d %u ", m->kind, m->id, m->from, m->one_time,
                        m->of_beginner, m->index);
        hash_of(ret, words, m->text, m->size);
}

static bool read_olm(const char *body, struct olm_message *ret) {
        size_t size;
        char sum[CRYPTO_KEY_TEXT];
        int begins = 0, of_beginner;

        *ret = (struct olm_message){ .bare = bare_of(body, &size) };
        if (!ret->bare ||
            sscanf(ret->bare, "%c %43s %43s %43s %d %u %43s%n", &ret->kind, ret->id, ret->from, ret->one_time,
                   &of_beginner, &ret->index, ret->sum, &begins) != 7 ||
            (size_t) begins >= size)
                return false;
        ret->of_beginner = of_beginner;
        ret->text = ret->bare + begins + 1;
        ret->size = size - (size_t) begins - 1;
        sum_of_olm(ret, sum);
        return streq(sum, ret->sum);
}

int crypto_session_encrypt(struct crypto_session *s, const void *data, size_t size, int *ret_type,
                           struct crypto_text *ret) {
        if (is_refused())
                return -ENOMEM;
        SPARED;
        struct olm_message m = {
                .kind = s->answered ? 'N' : 'P', .of_beginner = s->ours, .index = s->sent++, .text = data, .size = size
        };
        char words[5 * WORD_MAX], sum[CRYPTO_KEY_TEXT];

        memcpy(m.id, s->id, sizeof(m.id));
        memcpy(m.from, s->from, sizeof(m.from));
        memcpy(m.one_time, s->one_time, sizeof(m.one_time));
        sum_of_olm(&m, sum);
        (void) snprintf(words, sizeof(words), "%c %s %s %s %d %u %s ", m.kind, m.id, m.from, m.one_time, m.of_beginner,
                        m.index, sum);
        *ret_type = s->answered ? CRYPTO_OLM_NORMAL : CRYPTO_OLM_PREKEY;
        *ret = text_of(words, data, size);
        return 0;
}

static void drop_skipped(struct crypto_session *s, size_t i) {
        s->n_skipped--;
        memmove(&s->skipped[i], &s->skipped[i + 1], (s->n_skipped - i) * sizeof(s->skipped[0]));
}

/* Each message once. */
static bool take_index(struct crypto_session *s, uint32_t index) {
        if (index >= s->next) {
                if (index - s->next > GAP_MAX)
                        return false;
                for (uint32_t i = s->next; i < index; i++) {
                        if (s->n_skipped == SKIPPED_MAX)
                                drop_skipped(s, 0);
                        s->skipped[s->n_skipped++] = i;
                }
                s->next = index + 1;
                return true;
        }
        for (size_t i = 0; i < s->n_skipped; i++)
                if (s->skipped[i] == index) {
                        drop_skipped(s, i);
                        return true;
                }
        return false;
}

static bool decrypt(struct crypto_session *s, const struct olm_message *m) {
        if (!streq(m->id, s->id) || m->of_beginner == s->ours || !take_index(s, m->index))
                return false;
        s->answered = true;
        return true;
}

static const struct one_time *key_begun_with(const struct crypto_account *a, const char *key, size_t *ret_i) {
        *ret_i = ONE_TIME_KEYS_MAX;
        for (size_t i = 0; i < a->n_keys; i++)
                if (streq(a->keys[i].key.key, key)) {
                        *ret_i = i;
                        return &a->keys[i];
                }
        if (a->fallback.key.id[0] && streq(a->fallback.key.key, key))
                return &a->fallback;
        return a->fallback_before.key.id[0] && streq(a->fallback_before.key.key, key) ? &a->fallback_before : NULL;
}

int crypto_account_inbound(struct crypto_account *a, const char *sender_key, const char *body,
                           struct crypto_session **ret, struct crypto_text *ret_plaintext) {
        if (is_refused())
                return -ENOMEM;
        SPARED;
        struct olm_message m;
        struct crypto_session s = { 0 };
        size_t i;
        int r = -EBADMSG;

        if (read_olm(body, &m) && m.kind == 'P' && m.of_beginner && streq(m.from, sender_key) &&
            key_begun_with(a, m.one_time, &i)) {
                memcpy(s.id, m.id, sizeof(s.id));
                memcpy(s.from, m.from, sizeof(s.from));
                memcpy(s.one_time, m.one_time, sizeof(s.one_time));
                if (decrypt(&s, &m)) {
                        if (i < ONE_TIME_KEYS_MAX)
                                drop_key(a, i);
                        *ret = malloc(sizeof(s));
                        **ret = s;
                        give(ret_plaintext, m.text, m.size);
                        r = 0;
                }
        }
        olm_message_done(&m);
        return r;
}

int crypto_account_outbound(struct crypto_account *a, const char *their_key, const char *their_one_time_key,
                            struct crypto_session **ret) {
        if (!is_key(their_key) || !is_key(their_one_time_key))
                return -EBADMSG;
        if (is_refused())
                return -ENOMEM;
        SPARED;
        struct crypto_session *s = calloc(1, sizeof(*s));

        new_key(s->id);
        memcpy(s->from, a->curve25519, sizeof(s->from));
        memcpy(s->one_time, their_one_time_key, sizeof(s->one_time));
        s->ours = true;
        *ret = s;
        return 0;
}

struct crypto_session *crypto_session_free(struct crypto_session *s) {
        free(s);
        return NULL;
}

int crypto_session_matches(struct crypto_session *s, const char *body) {
        if (is_refused())
                return -ENOMEM;
        SPARED;
        struct olm_message m;
        int r = read_olm(body, &m) && m.kind == 'P' ? streq(m.id, s->id) : -EBADMSG;

        olm_message_done(&m);
        return r;
}

int crypto_session_decrypt(struct crypto_session *s, int type, const char *body, struct crypto_text *ret) {
        if (is_refused())
                return -ENOMEM;
        SPARED;
        struct olm_message m;
        int r = -EBADMSG;

        if (read_olm(body, &m) && m.kind == (type == CRYPTO_OLM_PREKEY ? 'P' : 'N') && decrypt(s, &m)) {
                give(ret, m.text, m.size);
                r = 0;
        }
        olm_message_done(&m);
        return r;
}

int crypto_session_pickle(struct crypto_session *s, const uint8_t key[CRYPTO_SECRET_BYTES], struct crypto_text *ret) {
        if (is_refused())
                return -ENOMEM;
        SPARED;
        json_t *skipped = json_array();

        for (size_t i = 0; i < s->n_skipped; i++)
                json_array_append_new(skipped, json_integer(s->skipped[i]));
        return pickle(json_pack("{ss ss ss sb sb si si so}", "id", s->id, "from", s->from, "one_time", s->one_time,
                                "ours", s->ours, "answered", s->answered, "sent", (int) s->sent, "next", (int) s->next,
                                "skipped", skipped),
                      key, ret);
}

int crypto_session_unpickle(struct crypto_session **ret, const uint8_t key[CRYPTO_SECRET_BYTES], const char *text) {
        if (is_refused())
                return -ENOMEM;
        SPARED;
        json_t *v = unpickle(text, key), *index;
        struct crypto_session *s;
        size_t i;

        if (!v)
                return -EBADMSG;
        s = calloc(1, sizeof(*s));
        copy(v, "id", s->id);
        copy(v, "from", s->from);
        copy(v, "one_time", s->one_time);
        s->ours = json_member_bool(v, "ours", false);
        s->answered = json_member_bool(v, "answered", false);
        s->sent = (uint32_t) json_member_int(v, "sent", 0);
        s->next = (uint32_t) json_member_int(v, "next", 0);
        json_array_foreach(json_object_get(v, "skipped"), i, index) s->skipped[s->n_skipped++] =
                (uint32_t) json_integer_value(index);
        json_decref(v);
        *ret = s;
        return 0;
}

/* ---- Megolm ---- */

struct crypto_megolm {
        char id[CRYPTO_KEY_TEXT];
        uint32_t first;
};

void lock_new(struct lock *l) {
        *l = (struct lock){ 0 };
        new_key(l->id);
}

static void sum_of_room(char ret[CRYPTO_KEY_TEXT], char kind, const char *id, uint32_t index, const char *text,
                        size_t size) {
        char words[2 * WORD_MAX];

        (void) snprintf(words, sizeof(words), "%c %s %u ", kind, id, index);
        hash_of(ret, words, text, size);
}

static struct crypto_text room_text(char kind, const char *id, uint32_t index, const char *text) {
        char words[3 * WORD_MAX], sum[CRYPTO_KEY_TEXT];

        sum_of_room(sum, kind, id, index, text, strlen(text));
        (void) snprintf(words, sizeof(words), "%c %s %u %s ", kind, id, index, sum);
        return text_of(words, text, strlen(text));
}

struct crypto_text lock_key(const struct lock *l) {
        return room_text('K', l->id, l->next, "");
}

struct crypto_text lock_encrypt(struct lock *l, const char *plaintext) {
        return room_text('M', l->id, l->next++, plaintext);
}

/* What room_text() has made. The caller frees *ret_bare. */
static bool read_room(const char *body, char expected, char id[CRYPTO_KEY_TEXT], uint32_t *ret_index, char **ret_bare,
                      const char **ret_text, size_t *ret_size) {
        size_t size;
        char *bare = *ret_bare = bare_of(body, &size);
        char kind, said[CRYPTO_KEY_TEXT], sum[CRYPTO_KEY_TEXT];
        int begins = 0;

        if (!bare || sscanf(bare, "%c %43s %u %43s%n", &kind, id, ret_index, said, &begins) != 4 || kind != expected ||
            (size_t) begins >= size)
                return false;
        *ret_text = bare + begins + 1;
        *ret_size = size - (size_t) begins - 1;
        sum_of_room(sum, kind, id, *ret_index, *ret_text, *ret_size);
        return streq(sum, said);
}

int crypto_megolm_new(struct crypto_megolm **ret, const char *session_key) {
        if (is_refused())
                return -ENOMEM;
        SPARED;
        char id[CRYPTO_KEY_TEXT], *bare;
        const char *text;
        uint32_t index;
        size_t size;
        bool is_one = read_room(session_key, 'K', id, &index, &bare, &text, &size);

        free(bare);
        if (!is_one)
                return -EBADMSG;
        *ret = calloc(1, sizeof(**ret));
        memcpy((*ret)->id, id, sizeof(id));
        (*ret)->first = index;
        return 0;
}

struct crypto_megolm *crypto_megolm_free(struct crypto_megolm *m) {
        free(m);
        return NULL;
}

int crypto_megolm_id(struct crypto_megolm *m, char ret[CRYPTO_KEY_TEXT]) {
        memcpy(ret, m->id, CRYPTO_KEY_TEXT);
        return 0;
}

uint32_t crypto_megolm_first_index(struct crypto_megolm *m) {
        return m->first;
}

int crypto_megolm_decrypt(struct crypto_megolm *m, const char *body, struct crypto_text *ret, uint32_t *ret_index) {
        if (is_refused())
                return -ENOMEM;
        SPARED;
        char id[CRYPTO_KEY_TEXT], *bare;
        const char *text;
        uint32_t index;
        size_t size;
        int r = -EBADMSG;

        if (read_room(body, 'M', id, &index, &bare, &text, &size) && streq(id, m->id) && index >= m->first) {
                give(ret, text, size);
                *ret_index = index;
                r = 0;
        }
        free(bare);
        return r;
}

int crypto_megolm_pickle(struct crypto_megolm *m, const uint8_t key[CRYPTO_SECRET_BYTES], struct crypto_text *ret) {
        if (is_refused())
                return -ENOMEM;
        SPARED;

        return pickle(json_pack("{ss si}", "id", m->id, "first", (int) m->first), key, ret);
}

int crypto_megolm_unpickle(struct crypto_megolm **ret, const uint8_t key[CRYPTO_SECRET_BYTES], const char *text) {
        if (is_refused())
                return -ENOMEM;
        SPARED;
        json_t *v = unpickle(text, key);

        if (!v)
                return -EBADMSG;
        *ret = calloc(1, sizeof(**ret));
        copy(v, "id", (*ret)->id);
        (*ret)->first = (uint32_t) json_member_int(v, "first", 0);
        json_decref(v);
        return 0;
}

/* ---- comparing emoji: what both know is what follows from both public keys ---- */

struct crypto_sas {
        char key[CRYPTO_KEY_TEXT], shared[CRYPTO_KEY_TEXT];
        bool agreed;
};

int crypto_sas_new(struct crypto_sas **ret) {
        if (is_refused())
                return -ENOMEM;
        SPARED;

        *ret = calloc(1, sizeof(**ret));
        new_key((*ret)->key);
        return 0;
}

struct crypto_sas *crypto_sas_free(struct crypto_sas *s) {
        free(s);
        return NULL;
}

int crypto_sas_key(struct crypto_sas *s, char ret[CRYPTO_KEY_TEXT]) {
        memcpy(ret, s->key, CRYPTO_KEY_TEXT);
        return 0;
}

int crypto_sas_agree(struct crypto_sas *s, const char *their_key) {
        bool first;

        if (is_refused())
                return -ENOMEM;
        if (s->agreed || !is_key(their_key))
                return -EBADMSG;
        SPARED;

        first = strcmp(s->key, their_key) < 0;
        hash_of(s->shared, first ? s->key : their_key, first ? their_key : s->key, CRYPTO_KEY_TEXT - 1);
        s->agreed = true;
        return 0;
}

int crypto_sas_bytes(struct crypto_sas *s, const char *info, uint8_t ret[CRYPTO_SAS_BYTES]) {
        char sum[CRYPTO_KEY_TEXT];

        if (is_refused())
                return -ENOMEM;
        if (!s->agreed)
                return -EBADMSG;
        SPARED;

        hash_of(sum, s->shared, info, strlen(info));
        memcpy(ret, sum, CRYPTO_SAS_BYTES);
        return 0;
}

int crypto_sas_mac(struct crypto_sas *s, const char *input, const char *info, char ret[CRYPTO_KEY_TEXT]) {
        char sum[CRYPTO_KEY_TEXT];

        if (is_refused())
                return -ENOMEM;
        if (!s->agreed)
                return -EBADMSG;
        SPARED;

        hash_of(sum, s->shared, info, strlen(info));
        hash_of(ret, sum, input, strlen(input));
        return 0;
}
