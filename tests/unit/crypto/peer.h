/* libolm as the other party of tests, whichever library the product was built with: the functions of
 * src/matrix/crypto/crypto.h under names of their own, and what only senders need. The types are the product's; an
 * object of one library must not be given to the other one. */
#pragma once

#include "matrix/crypto/crypto.h"

#define PEER(name) extern __typeof__(crypto_##name) peer_##name
PEER(account_new);
PEER(account_free);
PEER(account_pickle);
PEER(account_unpickle);
PEER(account_keys);
PEER(account_sign);
PEER(account_generate);
PEER(account_one_time_keys);
PEER(account_inbound);
PEER(account_outbound);
PEER(session_free);
PEER(session_matches);
PEER(session_decrypt);
PEER(session_encrypt);
PEER(megolm_new);
PEER(megolm_free);
PEER(megolm_id);
PEER(megolm_first_index);
PEER(megolm_decrypt);
PEER(verify);
PEER(seed_public);
PEER(seed_sign);
PEER(sas_new);
PEER(sas_free);
PEER(sas_key);
PEER(sas_agree);
PEER(sas_bytes);
PEER(sas_mac);

/* What encrypts for a room. All of these fail the test if they fail. */
struct peer_room;

struct peer_room *peer_room_new(void);
void peer_room_free(struct peer_room *r);
void peer_room_id(struct peer_room *r, char ret[CRYPTO_KEY_TEXT]);
/* The key from the next message on. */
struct crypto_text peer_room_key(struct peer_room *r);
struct crypto_text peer_room_encrypt(struct peer_room *r, const char *plaintext);
