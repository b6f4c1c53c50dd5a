/* See peer.h. */
#define crypto_library                   peer_library
#define crypto_account_new               peer_account_new
#define crypto_account_free              peer_account_free
#define crypto_account_pickle            peer_account_pickle
#define crypto_account_unpickle          peer_account_unpickle
#define crypto_account_keys              peer_account_keys
#define crypto_account_sign              peer_account_sign
#define crypto_account_generate          peer_account_generate
#define crypto_account_generate_fallback peer_account_generate_fallback
#define crypto_account_forget_fallback   peer_account_forget_fallback
#define crypto_account_one_time_keys     peer_account_one_time_keys
#define crypto_account_fallback_key      peer_account_fallback_key
#define crypto_account_published         peer_account_published
#define crypto_account_inbound           peer_account_inbound
#define crypto_account_outbound          peer_account_outbound
#define crypto_session_free              peer_session_free
#define crypto_session_matches           peer_session_matches
#define crypto_session_decrypt           peer_session_decrypt
#define crypto_session_encrypt           peer_session_encrypt
#define crypto_session_pickle            peer_session_pickle
#define crypto_session_unpickle          peer_session_unpickle
#define crypto_megolm_new                peer_megolm_new
#define crypto_megolm_free               peer_megolm_free
#define crypto_megolm_id                 peer_megolm_id
#define crypto_megolm_first_index        peer_megolm_first_index
#define crypto_megolm_decrypt            peer_megolm_decrypt
#define crypto_megolm_pickle             peer_megolm_pickle
#define crypto_megolm_unpickle           peer_megolm_unpickle
#define crypto_verify                    peer_verify
#define crypto_seed_public               peer_seed_public
#define crypto_seed_sign                 peer_seed_sign
#define crypto_sas_new                   peer_sas_new
#define crypto_sas_free                  peer_sas_free
#define crypto_sas_key                   peer_sas_key
#define crypto_sas_agree                 peer_sas_agree
#define crypto_sas_bytes                 peer_sas_bytes
#define crypto_sas_mac                   peer_sas_mac
#include "matrix/crypto/libolm/libolm.c" // NOLINT: under these names

struct peer_room *peer_room_new(void) {
        OlmOutboundGroupSession *s = olm_outbound_group_session(calloc(1, olm_outbound_group_session_size()));
        SCOPED(buffer_done) struct buffer random = { 0 };

        assert(buffer_random(&random, olm_init_outbound_group_session_random_length(s)) == 0);
        assert(!failed(olm_init_outbound_group_session(s, random.data, random.size)));
        return (struct peer_room *) s;
}

void peer_room_free(struct peer_room *r) {
        if (r)
                (void) olm_clear_outbound_group_session((OlmOutboundGroupSession *) r);
        free(r);
}

void peer_room_id(struct peer_room *r, char ret[CRYPTO_KEY_TEXT]) {
        size_t n = olm_outbound_group_session_id((OlmOutboundGroupSession *) r, (uint8_t *) ret, CRYPTO_KEY_TEXT - 1);

        assert(!failed(n));
        ret[n] = '\0';
}

struct crypto_text peer_room_key(struct peer_room *r) {
        OlmOutboundGroupSession *s = (OlmOutboundGroupSession *) r;
        struct buffer out;
        struct crypto_text text;

        assert(buffer_new(&out, olm_outbound_group_session_key_length(s)) == 0);
        assert(!failed(olm_outbound_group_session_key(s, out.data, out.size)));
        buffer_give(&out, out.size, &text);
        return text;
}

struct crypto_text peer_room_encrypt(struct peer_room *r, const char *plaintext) {
        OlmOutboundGroupSession *s = (OlmOutboundGroupSession *) r;
        size_t n = olm_group_encrypt_message_length(s, strlen(plaintext));
        struct buffer out;
        struct crypto_text text;

        assert(buffer_new(&out, n) == 0);
        assert(!failed(olm_group_encrypt(s, (const uint8_t *) plaintext, strlen(plaintext), out.data, out.size)));
        buffer_give(&out, out.size, &text);
        return text;
}
