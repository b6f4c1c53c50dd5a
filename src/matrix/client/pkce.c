/* See pkce.h. SHA-256 and base64 are libcrypto's, which libcurl brings along as it is. */
#include <errno.h>
#include <openssl/evp.h>
#include <sys/random.h>

#include "matrix/client/pkce.h"

#define N_BYTES 32 /* of a word, and of a SHA-256 */

static void encode(const unsigned char bytes[static N_BYTES], char buf[static SECRET_WORD_SIZE]) {
        unsigned char text[4 * ((N_BYTES + 2) / 3) + 1];

        (void) EVP_EncodeBlock(text, bytes, N_BYTES);
        for (size_t i = 0; i + 1 < SECRET_WORD_SIZE; i++)
                buf[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : (char) text[i];
        buf[SECRET_WORD_SIZE - 1] = '\0';
        explicit_bzero(text, sizeof(text));
}

int secret_word(char buf[static SECRET_WORD_SIZE]) {
        unsigned char bytes[N_BYTES];

        if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t) sizeof(bytes))
                return -EIO;
        encode(bytes, buf);
        explicit_bzero(bytes, sizeof(bytes));
        return 0;
}

int pkce_challenge(const char *verifier, char buf[static SECRET_WORD_SIZE]) {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned size = 0;

        if (EVP_Digest(verifier, strlen(verifier), digest, &size, EVP_sha256(), NULL) != 1 || size != N_BYTES)
                return -EIO;
        encode(digest, buf);
        return 0;
}
