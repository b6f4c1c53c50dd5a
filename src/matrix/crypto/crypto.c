/* See crypto.h: what both libraries have in common. */
#include "matrix/crypto/crypto.h"

void crypto_text_done(struct crypto_text *t) {
        if (t->data) {
                explicit_bzero(t->data, t->size);
                free(t->data);
        }
        *t = (struct crypto_text){ 0 };
}
