/* Sessions whose tokens end, and what renews and revokes them: as Synapse does it, and as an authorization server
 * beside it does. How they differ: an old refresh token is forgiven while the new access token is unused (not by
 * MAS_COMPAT), an old access token lives on to its own end (Synapse), and the word for one that has ended. */
#include "internal.h"

#include <stdio.h>

static bool is_oauth(const struct model *m) {
        return m->options.renewal == HS_RENEWAL_OAUTH;
}

static void new_pair(struct model *m, struct model_session *s, int64_t now) {
        (void) snprintf(s->before, sizeof(s->before), "%s", s->refresh);
        (void) snprintf(s->token_before, sizeof(s->token_before), "%s", s->token);
        s->ends_before = m->options.renewal == HS_RENEWAL_SYNAPSE ? s->ends : 1;
        m->serial++;
        (void) snprintf(s->token, sizeof(s->token), "tok_%u_%lld", m->serial, (long long) m->wall_offset);
        (void) snprintf(s->refresh, sizeof(s->refresh), "ref_%u_%lld", m->serial, (long long) m->wall_offset);
        s->ends = model_wall(m, now) + m->options.token_msec;
        s->used = false;
}

void model_make_renewable(struct model *m, const char *device, int64_t now) {
        for (size_t i = 0; i < m->n_sessions; i++)
                if (streq(m->sessions[i].device, device) && m->options.renewal != HS_RENEWAL_NONE) {
                        new_pair(m, &m->sessions[i], now);
                        m->sessions[i].before[0] = m->sessions[i].token_before[0] = '\0';
                }
}

bool model_tokens(const struct model *m, const char *device, struct model_tokens *ret) {
        for (size_t i = 0; i < m->n_sessions; i++)
                if (streq(m->sessions[i].device, device) && !m->sessions[i].revoked) {
                        *ret = (struct model_tokens){ .access = m->sessions[i].token,
                                                      .refresh = m->sessions[i].refresh,
                                                      .ends = m->sessions[i].ends,
                                                      .used = m->sessions[i].used };
                        return true;
                }
        return false;
}

void model_set_used(struct model *m, const char *device, bool used) {
        for (size_t i = 0; i < m->n_sessions; i++)
                if (streq(m->sessions[i].device, device) && !m->sessions[i].revoked)
                        m->sessions[i].used = used;
}

void model_expire(struct model *m, const char *device) {
        for (size_t i = 0; i < m->n_sessions; i++)
                if (streq(m->sessions[i].device, device))
                        m->sessions[i].ends = m->sessions[i].ends_before = 1;
        model_changed(m);
}

unsigned model_renewals(const struct model *m) {
        return m->n_renewals;
}

bool model_voids_tokens(const struct model *m, const char *body) {
        for (size_t i = 0; i < m->n_sessions; i++)
                if (*m->sessions[i].before && strstr(body, m->sessions[i].before))
                        return true;
        return false;
}

/* ---- requests ---- */

static char *form_value(const struct exchange *e, const char *key) {
        struct exchange form = { .raw_query = e->text ? e->text : (char *) "" };

        return exchange_value(&form, key);
}

static struct model_session *find(struct model *m, const char *refresh, bool *ret_old) {
        for (size_t i = 0; i < m->n_sessions; i++) {
                struct model_session *s = &m->sessions[i];

                *ret_old = *s->before && streq(s->before, refresh);
                if (!s->revoked && (*ret_old || (*s->refresh && streq(s->refresh, refresh))))
                        return s;
        }
        return NULL;
}

static void refuse(struct exchange *e, unsigned status, const char *errcode, const char *error) {
        if (!is_oauth(e->m)) {
                exchange_error(e, status, errcode, error);
                return;
        }
        json_decref(e->answer);
        e->status = 400;
        e->answer = json_pack("{s:s}", "error", "invalid_grant");
}

static void renew(struct exchange *e, const char *refresh) {
        bool old;
        struct model_session *s = refresh ? find(e->m, refresh, &old) : NULL;

        e->m->n_renewals++;
        if (!s)
                refuse(e, 401, "M_UNKNOWN_TOKEN", "refresh token does not exist");
        else if (old && e->m->options.renewal == HS_RENEWAL_COMPAT) {
                s->revoked = true;
                refuse(e, 401, "M_UNKNOWN_TOKEN", "refresh token was used");
        } else if (old && s->used)
                refuse(e, 403, "M_FORBIDDEN", "refresh token isn't valid anymore");
        else {
                char kept[sizeof(s->before)], token[sizeof(s->token_before)];
                int64_t ends = s->ends_before;

                (void) snprintf(kept, sizeof(kept), "%s", s->before);
                (void) snprintf(token, sizeof(token), "%s", s->token_before);
                new_pair(e->m, s, e->now);
                if (old) { /* the pair that was lost counts for nothing */
                        (void) snprintf(s->before, sizeof(s->before), "%s", kept);
                        (void) snprintf(s->token_before, sizeof(s->token_before), "%s", token);
                        s->ends_before = ends;
                }
                e->status = 200;
                e->answer = is_oauth(e->m)
                                    ? json_pack("{s:s,s:s,s:s,s:I}", "access_token", s->token, "refresh_token",
                                                s->refresh, "token_type", "Bearer", "expires_in",
                                                (json_int_t) e->m->options.token_msec / 1000)
                                    : json_pack("{s:s,s:s,s:I}", "access_token", s->token, "refresh_token", s->refresh,
                                                "expires_in_ms", (json_int_t) e->m->options.token_msec);
        }
}

void tokens_post_refresh(struct exchange *e) {
        if (is_oauth(e->m))
                exchange_error(e, 404, "M_UNRECOGNIZED", "Unrecognized request");
        else
                renew(e, json_string_value(json_object_get(e->body, "refresh_token")));
}

void tokens_post_oauth_token(struct exchange *e) {
        SCOPED(free)
        char *token = form_value(e, "refresh_token"), *grant = form_value(e, "grant_type"),
             *client = form_value(e, "client_id");

        if (!is_oauth(e->m))
                exchange_error(e, 404, "M_UNRECOGNIZED", "Unrecognized request");
        else if (!grant || !streq(grant, "refresh_token") || !client || !streq(client, HS_CLIENT_ID))
                refuse(e, 400, "", "");
        else
                renew(e, token);
}

/* 200 whatever it was: RFC 7009. */
void tokens_post_oauth_revoke(struct exchange *e) {
        SCOPED(free) char *token = form_value(e, "token");
        bool old;
        struct model_session *s = token ? find(e->m, token, &old) : NULL;

        if (s && !old) {
                s->revoked = true;
                model_forget_keys(e->m, s->device);
        }
        model_changed(e->m);
        e->status = 200;
        e->answer = json_object();
}

/* The session whose token it is, and when that ends. */
struct model_session *tokens_session(struct model *m, const char *token, int64_t *ret_ends) {
        for (size_t i = 0; i < m->n_sessions; i++) {
                struct model_session *s = &m->sessions[i];

                if (streq(s->token, token)) {
                        *ret_ends = s->ends;
                        s->used = true;
                        return s;
                }
                if (*s->token_before && streq(s->token_before, token)) {
                        *ret_ends = s->ends_before;
                        return s;
                }
        }
        return NULL;
}
