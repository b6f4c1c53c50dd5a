/* What there is to tell of an account, see account.h. */
#include "matrix/account-parts.h"

bool account_is_at_stake(const struct account *a) {
        return account_owes(a) || a->n_calls > 0 || a->busy;
}

const char *account_user_id(const struct account *a) {
        return a->user_id;
}

const char *account_device_id(const struct account *a) {
        return a->facts.device_id;
}

const char *account_homeserver(const struct account *a) {
        return matrix_client_base_url(a->client);
}

const char *account_server(const struct account *a) {
        return a->facts.server;
}

enum connection_state account_state(const struct account *a) {
        return connection_state(a->connection);
}

const char *account_problem(const struct account *a) {
        return connection_problem(a->connection);
}

usec_t account_retry_at(const struct account *a) {
        return connection_retry_at(a->connection, account_is_at_stake(a));
}

bool account_is_settled(const struct account *a) {
        const char *room;

        return connection_is_settled(a->connection) && a->held_until == 0 && !a->look &&
               kinds_unseen(a->kinds, &room, 1) == 0;
}

bool account_owes(const struct account *a) {
        return output_set_owes(&a->outputs);
}

bool account_is_hearing(const struct account *a) {
        return a->catching_up || connection_state(a->connection) != CONNECTION_ONLINE;
}

/* What another machine was said to go on with may be ours alone by now, if it is not heard. */
bool account_owes_itself(const struct account *a) {
        if (account_owes(a) && !connection_is_final(a->connection) && account_is_hearing(a))
                return true;
        return output_set_owes_itself(&a->outputs);
}

/* Two machines that end at the same moment would each leave it to the other: one of them has told of that later, and
 * hears of the other one before it sees its own word. */
static bool may_be_left_to_us(const struct account *a) {
        return output_set_is_shared(&a->outputs) && tell_is_unseen(a->tell);
}

bool account_is_at_rest(const struct account *a) {
        if (!a->endpoint.known || connection_is_final(a->connection))
                return true;
        return output_set_is_at_rest(&a->outputs) && !may_be_left_to_us(a);
}

bool account_encrypted(const struct account *a, struct encrypted_facts *ret) {
        return encrypted_facts(a->encrypted, ret);
}

bool account_report(struct account *a, size_t i, struct driver_report *ret) {
        if (i >= a->outputs.n)
                return false;
        driver_report(a->outputs.of[i].driver, ret);
        return true;
}
