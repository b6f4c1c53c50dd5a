/* What is used of libolm, which brings the runtime of C++ along: it is loaded for the first account or session that is
 * made, so that nobody pays for it who has none. */
#pragma once

#include <olm/olm.h>
#include <olm/pk.h>
#include <olm/sas.h>

#define OLM_FUNCTIONS(USE)                                                                                            \
        USE(account)                                                                                                  \
        USE(account_forget_old_fallback_key)                                                                          \
        USE(account_generate_fallback_key)                                                                            \
        USE(account_generate_fallback_key_random_length)                                                              \
        USE(account_generate_one_time_keys)                                                                           \
        USE(account_generate_one_time_keys_random_length)                                                             \
        USE(account_identity_keys)                                                                                    \
        USE(account_identity_keys_length)                                                                             \
        USE(account_mark_keys_as_published)                                                                           \
        USE(account_one_time_keys)                                                                                    \
        USE(account_one_time_keys_length)                                                                             \
        USE(account_sign)                                                                                             \
        USE(account_size)                                                                                             \
        USE(account_unpublished_fallback_key)                                                                         \
        USE(account_unpublished_fallback_key_length)                                                                  \
        USE(clear_account)                                                                                            \
        USE(clear_inbound_group_session)                                                                              \
        USE(clear_sas)                                                                                                \
        USE(clear_session)                                                                                            \
        USE(create_account)                                                                                           \
        USE(create_account_random_length)                                                                             \
        USE(create_inbound_session)                                                                                   \
        USE(create_outbound_session)                                                                                  \
        USE(create_outbound_session_random_length)                                                                    \
        USE(create_sas)                                                                                               \
        USE(create_sas_random_length)                                                                                 \
        USE(decrypt)                                                                                                  \
        USE(decrypt_max_plaintext_length)                                                                             \
        USE(ed25519_verify)                                                                                           \
        USE(encrypt)                                                                                                  \
        USE(encrypt_message_length)                                                                                   \
        USE(encrypt_message_type)                                                                                     \
        USE(encrypt_random_length)                                                                                    \
        USE(error)                                                                                                    \
        USE(group_decrypt)                                                                                            \
        USE(group_decrypt_max_plaintext_length)                                                                       \
        USE(inbound_group_session)                                                                                    \
        USE(inbound_group_session_first_known_index)                                                                  \
        USE(inbound_group_session_id)                                                                                 \
        USE(inbound_group_session_size)                                                                               \
        USE(init_inbound_group_session)                                                                               \
        USE(matches_inbound_session)                                                                                  \
        USE(matches_inbound_session_from)                                                                             \
        USE(pickle_account)                                                                                           \
        USE(pickle_account_length)                                                                                    \
        USE(pickle_inbound_group_session)                                                                             \
        USE(pickle_inbound_group_session_length)                                                                      \
        USE(pickle_session)                                                                                           \
        USE(pickle_session_length)                                                                                    \
        USE(pk_sign)                                                                                                  \
        USE(pk_signing)                                                                                               \
        USE(pk_signing_key_from_seed)                                                                                 \
        USE(pk_signing_size)                                                                                          \
        USE(remove_one_time_keys)                                                                                     \
        USE(sas)                                                                                                      \
        USE(sas_calculate_mac_fixed_base64)                                                                           \
        USE(sas_generate_bytes)                                                                                       \
        USE(sas_get_pubkey)                                                                                           \
        USE(sas_is_their_key_set)                                                                                     \
        USE(sas_set_their_key)                                                                                        \
        USE(sas_size)                                                                                                 \
        USE(session)                                                                                                  \
        USE(session_size)                                                                                             \
        USE(unpickle_account)                                                                                         \
        USE(unpickle_inbound_group_session)                                                                           \
        USE(unpickle_session)                                                                                         \
        USE(utility)                                                                                                  \
        USE(utility_size)

struct olm_library {
#define OLM_MEMBER(name) typeof(olm_##name) *name;
        OLM_FUNCTIONS(OLM_MEMBER)
#undef OLM_MEMBER
};

/* Nothing is in it before olm_load() has returned 0. */
extern struct olm_library olm;

/* Loads it the first time. -ENOPKG: it is not installed. */
int olm_load(void);
