/* See examine.h. One question after the other, each waited for. */
#include "busyctl/examine.h"
#include "busyctl/encryption.h"
#include "busyctl/facts.h"
#include "busyctl/findings.h"
#include "busyctl/keep.h"
#include "busyctl/overview.h"
#include "busyctl/verify.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "busyctl/print.h"
#include "matrix/server/probe.h"
#include "matrix/sync/events.h"
#include "matrix/outputs/cure.h"
#include "matrix/outputs/presence.h"
#include "state/secret.h"
#include "state/session.h"
#include "util/file.h"
#include "json/json.h"
#include "util/path.h"
#include "util/text.h"

#define STATE_FILE_MAX (1U << 20)
/* Answers take a while, and clocks that are kept are together within a second. */
#define CLOCK_OFF_MAX USEC_PER_MIN

struct examination {
        sd_event *event;
        const char *folder, *name;
        const char *claim; /* on presence, as status has it; "": not known */
        const struct account_config *config;
        const json_t *account; /* as status has it; NULL: not known */
        bool running;          /* busyd is */
        json_t *doc;
        struct session session;
        struct http *http;
        struct matrix_client *client;

        bool answered;
        struct probe_facts facts;
        bool known; /* the facts are there */
        bool learned, other_client;
        enum set_presence said; /* to the last /sync */
        bool insists;           /* the server, on a word of the spec there */
        const char *cure;
        char *shown; /* examine_presence() */
        struct encryption_found encryption;
        json_t *machines; /* ids of the devices of other machines that run busyd; NULL: not known */
};

static void set_text(json_t *doc, const char *key, const char *value) {
        (void) json_object_set_new(doc, key, json_string(value));
}

static void set_bool(json_t *doc, const char *key, bool value) {
        (void) json_object_set_new(doc, key, json_boolean(value));
}

static int wait_answer(struct examination *x) {
        while (!x->answered) {
                int r = sd_event_run(x->event, UINT64_MAX);

                if (r < 0)
                        return r;
        }
        x->answered = false;
        return 0;
}

/* ---- what busyd says ---- */

static const char *claim_on_presence(const json_t *account) {
        const json_t *outputs = json_member_array(account, "outputs"), *output;
        size_t i;

        json_array_foreach(outputs, i, output) {
                if (streq(fact_text(output, "name"), "presence"))
                        return fact_text(output, "claim");
        }
        return "";
}

void examine_by_word(json_t *doc, const json_t *account) {
        const char *state = fact_text(account, "state"), *problem = fact_text(account, "problem");

        if (streq(state, "online"))
                finding_add(doc, FINDING_OK, NULL, "busyd is online there");
        else if (!account)
                finding_add(doc, FINDING_NOTE, "start busyd, and look again", "whether it works only busyd can tell");
        else
                finding_add(doc, FINDING_PROBLEM, "mend that, then: busyctl reload", "%s: %s", state,
                            problem[0] ? problem : "busyd has not heard of its server yet");
}

/* ---- the session, and what the server is ---- */

/* What renews the token has its end shown as no news. */
static void tell_token(struct examination *x) {
        int64_t end = (int64_t) (x->session.expires_at / USEC_PER_SEC), now = wall_seconds();
        bool renewed = x->session.refresh_token != NULL;
        char when[WHEN_MAX];

        if (end == 0)
                return;
        (void) json_object_set_new(x->doc, "token_ends", json_integer(end));
        (void) format_when(when, sizeof(when), end, now);
        if (renewed)
                finding_add(x->doc, FINDING_OK, NULL, "the access token lasts until %s, and is renewed before", when);
        else
                finding_add(x->doc, end > now ? FINDING_NOTE : FINDING_PROBLEM, "log in again: busyctl login",
                            end > now ? "the access token ends at %s, and nothing renews it"
                                      : "the access token has ended at %s",
                            when);
}

/* What the keyring has not taken is in the file until it does. */
static bool is_in_file(const struct examination *x) {
        SCOPED(session_done) struct session s = { .user_id = NULL };

        return session_load(x->folder, x->name, &s) >= 0 && *s.access_token;
}

static void tell_place(struct examination *x) {
        bool in_file = is_in_file(x);

        set_text(x->doc, "kept_in", in_file ? "file" : "keyring");
        if (!in_file)
                finding_add(x->doc, FINDING_OK, NULL, "the tokens are in the keyring");
        else
                finding_add(x->doc, FINDING_NOTE,
                            "unlock the keyring, and busyd moves them; one that asks each time takes none: busyctl "
                            "login --keep-in file",
                            "the tokens are in a file that only you can read: the keyring has not taken them");
}

static bool look_at_session(struct examination *x) {
        const char *problem;
        int r = keep_load(x->folder, x->name, /* ask= */ false, &x->session, &problem);

        if (r == -ENOKEY) {
                set_text(x->doc, "kept_in", "keyring");
                finding_add(x->doc, FINDING_PROBLEM,
                            "unlock the keyring, and busyd goes on by itself; or log in again: busyctl login",
                            "the tokens are in the keyring, and cannot be had: %s", problem);
                return false;
        }
        if (r < 0) {
                SCOPED(free) char *remedy = session_remedy(x->folder, x->name, r);

                finding_add(x->doc, FINDING_PROBLEM, remedy, "%s/session-%s.json cannot be used: %s", x->folder,
                            x->name, session_fault(r));
                return false;
        }
        set_text(x->doc, "user_id", x->session.user_id);
        set_text(x->doc, "homeserver", x->session.homeserver);
        if (x->session.keyring_id)
                tell_place(x);
        else
                set_text(x->doc, "kept_in", "file");
        if (x->config->token_command) {
                finding_add(x->doc, FINDING_OK, NULL, "its token comes from token-command");
                examine_by_word(x->doc, x->account);
        } else
                tell_token(x);
        if (!x->config->enabled)
                finding_add(x->doc, FINDING_NOTE, "enabled = yes in busyd.conf", "the account is switched off");
        if (x->config->ca_file && access(x->config->ca_file, R_OK) < 0)
                finding_add(x->doc, FINDING_PROBLEM, "name the right file in busyd.conf, then: busyctl reload",
                            "ca-file = %s cannot be read: %s", x->config->ca_file, strerror(errno));
        return true;
}

/* For what is wrong with an answer, or with its not coming; what it is itself, `problem` has said. */
static const char *remedy(enum matrix_outcome outcome) {
        switch (outcome) {
        case MATRIX_SIGNED_OUT:
                return "log in again: busyctl login";
        case MATRIX_LOCKED:
                return "busyd goes on once it is unlocked";
        case MATRIX_NOT_MATRIX:
                return "log in with the right address: busyctl login --homeserver URL";
        case MATRIX_OK:
        case MATRIX_RETRY:
        case MATRIX_UNSURE:
                return "busyd tries again by itself; at once: busyctl reload";
        case MATRIX_REFUSED:
        case MATRIX_NOT_FOUND:
        case MATRIX_UNRECOGNIZED:
        case MATRIX_BAD_TOKEN_POS:
        case MATRIX_BAD_FILTER:
                break;
        }
        return "ask the administrator of the server";
}

static void on_probed(const struct matrix_reply *failure, const struct probe_facts *facts, void *userdata) {
        struct examination *x = userdata;

        x->answered = true;
        if (facts) {
                x->facts = *facts;
                x->known = true;
                return;
        }
        if (failure->outcome == MATRIX_SIGNED_OUT && x->config->token_command) {
                finding_add(x->doc, FINDING_NOTE, NULL,
                            "what its server can do was not looked at: the token in the session is not the one that "
                            "token-command prints, and has ended");
                return;
        }
        if (failure->outcome == MATRIX_SIGNED_OUT)
                set_bool(x->doc, "signed_out", true);
        finding_add(x->doc, FINDING_PROBLEM, remedy(failure->outcome), "%s: %s", x->session.homeserver,
                    failure->problem);
}

static int ask_server(struct examination *x) {
        SCOPED(probe_free) struct probe *probe = NULL;
        int r = http_new(&x->http, x->event, x->config->ca_file);

        if (r >= 0)
                r = matrix_client_new(&x->client, x->http, x->session.homeserver, x->session.access_token);
        if (r >= 0)
                r = probe_start(&probe, x->client, on_probed, x);
        return r < 0 ? r : wait_answer(x);
}

static void tell_server(struct examination *x) {
        const struct probe_facts *f = &x->facts;

        set_text(x->doc, "server", f->server);
        set_bool(x->doc, "per_device", f->traits->presence_per_device);
        set_bool(x->doc, "busy", f->versions.busy_presence);
        if (!streq(f->user_id, x->session.user_id))
                finding_add(x->doc, FINDING_PROBLEM, "log in again: busyctl login", "the session belongs to %s",
                            f->user_id);
        finding_add(x->doc, FINDING_OK, NULL, "%s answers%s%s", x->session.homeserver, *f->server ? ": " : "",
                    f->server);
        if (f->versions.busy_presence)
                finding_add(x->doc, FINDING_OK, NULL, "the server takes busy (MSC3026)");
        else
                finding_add(x->doc, FINDING_NOTE,
                            f->traits->presence_per_device
                                    ? "on Synapse its administrator can set msc3026_enabled in experimental_features"
                                    : NULL,
                            "the server does not take busy (MSC3026): unavailable is shown instead");
        if (f->profile.field) {
                set_text(x->doc, "profile_field", f->profile.field);
                finding_add(x->doc, FINDING_OK, NULL, "the profile can say that you are in a call (%s)",
                            f->profile.field);
        } else
                finding_add(x->doc, FINDING_NOTE, NULL, "the server takes no profile field for calls");
}

/* ---- presence, and whether another client keeps it alive ---- */

/* How old an event is, and when a membership of a call ends, is told by clocks. */
static void judge_clock(struct examination *x, const struct matrix_reply *reply) {
        bool ahead = reply->wall > reply->date;
        usec_t off = ahead ? reply->wall - reply->date : reply->date - reply->wall;
        char span[64];

        if (reply->date == 0)
                return;
        if (off < CLOCK_OFF_MAX) {
                finding_add(x->doc, FINDING_OK, NULL, "the clocks here and on the server agree");
                return;
        }
        finding_add(x->doc, FINDING_PROBLEM,
                    "have it set from the network: timedatectl set-ntp true; if it is right here, tell the "
                    "administrator of the server",
                    "the clock here is %s %s that of the server: calls may be taken for over, or for new",
                    format_duration(span, sizeof(span), off - off % USEC_PER_SEC), ahead ? "ahead of" : "behind");
}

static void on_presence(const struct matrix_reply *reply, void *userdata) {
        struct examination *x = userdata;
        struct claim_value v;

        x->answered = true;
        judge_clock(x, reply);
        if (reply->outcome == MATRIX_REFUSED && reply->status == 403)
                finding_add(x->doc, FINDING_NOTE, NULL,
                            "the server does not let your presence be read (%s): it may be switched off there",
                            reply->errcode);
        else if (reply->outcome != MATRIX_OK && reply->outcome != MATRIX_NOT_FOUND)
                finding_add(x->doc, FINDING_PROBLEM, remedy(reply->outcome), "your presence cannot be read: %s",
                            reply->problem);
        else if (presence_value(&v, json_member_string(reply->body, "presence"),
                                json_member_string(reply->body, "status_msg")) >= 0)
                set_text(x->doc, "presence", v.state);
}

/* busyd has written there, or is about to. */
static bool is_held(const struct examination *x) {
        return *x->claim && !streq(x->claim, "free") && !streq(x->claim, "off");
}

/* Why what others see cannot be told apart from what busyd shows, and what helps; NULL: it can. */
static const char *why_untold(const struct examination *x, const char **ret_advice) {
        *ret_advice = "look again after the call";
        if (is_held(x))
                return "busyd has written there";
        if (*x->claim)
                return NULL;
        *ret_advice = "look again once it is switched on";
        if (!x->config->enabled)
                return "the account is switched off";
        *ret_advice = x->running ? "look again in a moment: busyctl doctor" : "start busyd, and look again";
        return x->running ? "busyd is still taking the account up" : "busyd does not run";
}

/* Reference 2.8: what is shown while nothing of busyd's stands there is another client's. */
static void judge_presence(struct examination *x) {
        const char *shown = json_member_string(x->doc, "presence"), *advice, *why;

        if (!shown)
                return;
        why = why_untold(x, &advice);
        if (why) {
                finding_add(x->doc, FINDING_NOTE, advice,
                            "whether another client of yours is online cannot be told now: %s", why);
                return;
        }
        x->other_client = !streq(shown, PRESENCE_STATE_OFFLINE);
        set_bool(x->doc, "other_client", x->other_client);
}

static int ask_presence(struct examination *x) {
        struct http_request *request;
        int r = matrix_presence_get(x->client, x->session.user_id, on_presence, x, &request);

        if (r >= 0)
                r = wait_answer(x);
        judge_presence(x);
        return r;
}

/* Read without the daemon's lock: the file is replaced as a whole. */
static void look_at_learned(struct examination *x) {
        SCOPED(free) char *path = path_join(x->folder, "accounts.json"), *data = NULL;
        SCOPED(json_decref) json_t *root = NULL;
        const json_t *entries, *entry;
        size_t size = 0, i;

        if (!path || file_read_private(path, STATE_FILE_MAX, &data, &size) < 0 || json_parse(data, size, &root) < 0)
                return;
        entries = json_member_array(root, "entries");
        json_array_foreach(entries, i, entry) {
                const char *account = json_member_string(entry, "account");

                if (account && streq(account, x->name))
                        x->learned = json_member_bool(entry, "sticks", false);
        }
        set_bool(x->doc, "learned", x->learned);
}

/* ---- what one look at the account shows ---- */

static void on_default_key(const struct matrix_reply *reply, void *userdata) {
        struct examination *x = userdata;
        const char *id = reply->outcome == MATRIX_OK ? json_member_string(reply->body, "key") : NULL;

        x->answered = true;
        x->encryption.no_recovery = reply->outcome == MATRIX_NOT_FOUND || (reply->outcome == MATRIX_OK && !id);
}

/* What busyd says of it, or the file where it does not run. */
static const char *state_of_encryption(const struct examination *x) {
        const char *shown = fact_text(x->account, "encrypted_calls");

        if (*shown)
                return shown;
        if (!verify_is_built())
                return "unsupported";
        return crypto_store_exists(x->folder, x->name) ? "checking" : "unverified";
}

static int look_at_encryption(struct examination *x) {
        struct encryption_found *f = &x->encryption;
        struct http_request *request;
        int r = 0;

        f->state = state_of_encryption(x);
        f->name = x->name;
        f->n_withholding = json_integer_value(json_object_get(x->account, "keys_withheld"));
        f->n_unreadable = json_integer_value(json_object_get(x->account, "unreadable"));
        if (streq(f->state, "unverified") && f->n_rooms > 0) {
                r = matrix_account_data_get(x->client, x->session.user_id, "m.secret_storage.default_key",
                                            on_default_key, x, &request);
                if (r >= 0)
                        r = wait_answer(x);
        }
        set_text(x->doc, "encrypted_calls", f->no_recovery ? "no-recovery" : f->state);
        encryption_find(x->doc, f);
        return r;
}

static const json_t *find_device(const json_t *devices, const char *device_id) {
        const json_t *device;
        size_t i;

        json_array_foreach(devices, i, device) {
                const char *id = json_member_string(device, "device_id");

                if (id && streq(id, device_id))
                        return device;
        }
        return NULL;
}

static void tell_machine(struct examination *x, const char *device_id, const json_t *device) {
        const char *name = json_member_string(device, "display_name");
        int64_t seen = json_member_int(device, "last_seen_ts", 0) / 1000;
        char when[WHEN_MAX] = "";

        (void) json_array_append_new(json_object_get(x->doc, "machines"),
                                     json_pack("{s:s, s:s?, s:o}", "device_id", device_id, "name", name, "seen",
                                               seen > 0 ? json_integer(seen) : json_null()));
        if (seen > 0)
                (void) format_when(when, sizeof(when), seen, wall_seconds());
        finding_add(x->doc, FINDING_OK, NULL, "busyd runs for you on another machine as well: %s%s%s%s",
                    name ? name : device_id, *when ? " (seen " : "", when, *when ? ")" : "");
}

static void on_devices(const struct matrix_reply *reply, void *userdata) {
        struct examination *x = userdata;
        const json_t *devices = reply->outcome == MATRIX_OK ? json_member_array(reply->body, "devices") : NULL;

        x->answered = true;
        for (size_t i = 0; i < json_array_size(x->machines); i++) {
                const char *id = json_string_value(json_array_get(x->machines, i));
                const json_t *device = find_device(devices, id);

                /* What a device that is gone has told stays, and says nothing. */
                if (device || !devices)
                        tell_machine(x, id, device);
        }
}

static void on_state(const struct matrix_reply *reply, void *userdata) {
        struct examination *x = userdata;
        struct overview o;

        x->answered = true;
        if (set_presence_is_refused(x->said, reply)) {
                x->insists = true;
                return;
        }
        x->encryption.n_rooms = -1;
        if (reply->outcome != MATRIX_OK) {
                (void) snprintf(x->encryption.problem, sizeof(x->encryption.problem), "%s", reply->problem);
                return;
        }
        if (overview_read(&o, reply->body, x->facts.device_id) < 0) {
                (void) snprintf(x->encryption.problem, sizeof(x->encryption.problem), "%s", SYNC_NO_ANSWER);
                return;
        }
        x->encryption.n_rooms = (json_int_t) o.n_encrypted;
        x->encryption.n_direct = (json_int_t) o.n_encrypted_direct;
        (void) json_object_set_new(x->doc, "encrypted_rooms", json_integer(x->encryption.n_rooms));
        (void) json_object_set_new(x->doc, "encrypted_direct", json_integer(x->encryption.n_direct));
        x->machines = json_array();
        for (size_t i = 0; i < o.n_machines; i++)
                (void) json_array_append_new(x->machines, json_string(o.machines[i]));
}

static int ask_state_once(struct examination *x) {
        const struct server_traits *t = x->facts.traits;
        SCOPED(json_decref) json_t *filter = overview_filter(t->filters_by_prefix);
        struct http_request *request;
        int r;

        x->said = set_presence_word(&t->says, is_held(x), x->insists);
        r = filter ? matrix_state_get(x->client, filter, set_presence_to_string(x->said), on_state, x, &request)
                   : -ENOMEM;
        return r < 0 ? r : wait_answer(x);
}

/* Asked as busyd's own polls ask: nobody becomes online by it, and what busyd shows stays. */
static int ask_state(struct examination *x) {
        int r = ask_state_once(x);

        return r >= 0 && x->insists ? ask_state_once(x) : r;
}

static int ask_machines(struct examination *x) {
        struct http_request *request;
        int r;

        if (!x->machines)
                return 0;
        (void) json_object_set_new(x->doc, "machines", json_array());
        if (json_array_size(x->machines) == 0)
                return 0;
        r = matrix_devices_get(x->client, on_devices, x, &request);
        return r < 0 ? r : wait_answer(x);
}

/* ---- cures ---- */

static const char *load(struct examination *x, const char *file, char **ret) {
        int r = secret_load(x->folder, x->name, file, ret);

        if (r < 0)
                finding_add(x->doc, FINDING_PROBLEM,
                            "mend the file, or make a new one: busyctl cure print-registration --force",
                            "the token of the application service%s%s cannot be used: %s", file ? " in " : "",
                            file ? file : "", secret_problem(r));
        return r > 0 ? *ret : NULL;
}

static void on_cure_checked(const struct matrix_reply *reply, void *userdata) {
        struct examination *x = userdata;

        x->answered = true;
        x->cure = reply->outcome == MATRIX_OK ? "works" : "refused";
        if (reply->outcome == MATRIX_OK)
                finding_add(x->doc, FINDING_OK, NULL,
                            "the cure works: the server lets busyd take back a busy that your other clients keep");
        else
                finding_add(x->doc, FINDING_PROBLEM,
                            "the server's administrator has to name the registration in app_service_config_files of "
                            "homeserver.yaml, and to restart Synapse; or: busyctl cure remove",
                            "the server does not take the cure: %s", cure_problem(reply));
}

static int ask_cure(struct examination *x) {
        SCOPED(erase_and_free) char *token = NULL;
        SCOPED(matrix_client_free) struct matrix_client *client = NULL;
        struct http_request *request;
        int r;

        if (!load(x, x->config->appservice_token_file, &token))
                return 0;
        r = matrix_client_new(&client, x->http, x->session.homeserver, token);
        if (r >= 0)
                r = matrix_devices_get_as(client, x->session.user_id, on_cure_checked, x, &request);
        return r < 0 ? r : wait_answer(x);
}

/* ---- what comes of it ---- */

static void tell_stuck(struct examination *x) {
        bool sticks = x->facts.traits->copies_busy || x->learned;
        bool cured = streq(x->cure, "works");
        bool live = json_object_get(x->doc, "other_client") ? x->other_client : true;

        set_bool(x->doc, "would_stick", sticks && live && !cured && x->facts.versions.busy_presence);
        if (!x->facts.versions.busy_presence || !sticks)
                finding_add(x->doc, FINDING_OK, NULL, "what is written during a call comes back after it");
        else if (cured)
                finding_add(x->doc, FINDING_OK, NULL, "busy comes back also if another client of yours is online");
        else
                finding_add(x->doc, live ? FINDING_NOTE : FINDING_OK,
                            live ? "set up a cure with the server's administrator (busyctl cure print-registration)"
                                 : NULL,
                            "%s: busy would stick after a call while another client of yours is online; now %s",
                            x->learned ? "seen on this server" : "known of this server",
                            !json_object_get(x->doc, "other_client") ? "that cannot be told"
                            : live                                   ? "one is, so only the message is shown"
                                                                     : "none is, and busy is shown");
}

static void look(struct examination *x) {
        int r;

        if (!look_at_session(x))
                return;
        look_at_learned(x);
        r = ask_server(x);
        if (r >= 0 && x->known) {
                tell_server(x);
                r = ask_presence(x);
                if (r >= 0)
                        r = ask_cure(x);
                tell_stuck(x);
                if (r >= 0)
                        r = ask_state(x);
                if (r >= 0)
                        r = look_at_encryption(x);
                if (r >= 0)
                        r = ask_machines(x);
        }
        set_text(x->doc, "cure", x->cure);
        if (r < 0)
                finding_add(x->doc, FINDING_PROBLEM,
                            "see ca-file and the session file; or log in again: busyctl login",
                            "the server cannot be asked: %s", strerror(-r));
}

json_t *examine_account(sd_event *event, const char *folder, const char *name, const struct account_config *config,
                        bool running, const json_t *account) {
        static const char *const unknown[] = {
                "user_id",       "homeserver",      "server",           "per_device",     "busy",
                "profile_field", "presence",        "other_client",     "learned",        "cure",
                "would_stick",   "signed_out",      "token_ends",       "kept_in",        "probe",
                "machines",      "encrypted_rooms", "encrypted_direct", "encrypted_calls"
        };
        struct examination x = { .event = event,
                                 .folder = folder,
                                 .name = name,
                                 .config = config,
                                 .running = running,
                                 .account = account,
                                 .cure = "none" };
        json_t *doc = json_pack("{s:s, s:[]}", "name", name, "findings");

        if (!doc)
                return NULL;
        x.doc = doc;
        x.claim = claim_on_presence(account);
        look(&x);
        for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
                if (!json_object_get(doc, unknown[i]))
                        (void) json_object_set_new(doc, unknown[i], json_null());
        json_decref(x.machines);
        matrix_client_free(x.client);
        http_free(x.http);
        session_done(&x.session);
        return doc;
}

/* ---- what others see ---- */

static void on_shown(const struct matrix_reply *reply, void *userdata) {
        struct examination *x = userdata;
        const char *state, *message;
        struct claim_value v;

        x->answered = true;
        if (reply->outcome == MATRIX_OK && matrix_presence_parse(reply->body, &state, &message) >= 0 &&
            presence_value(&v, state, message) >= 0 &&
            asprintf(&x->shown, "%s%s%s%s", v.state, v.text[0] ? " (\"" : "", v.text, v.text[0] ? "\")" : "") < 0)
                x->shown = NULL;
}

int examine_presence(sd_event *event, const char *folder, const char *name, const struct account_config *config,
                     char **ret) {
        struct examination x = { .event = event, .folder = folder, .name = name, .config = config };
        struct http_request *request;
        const char *problem;
        int r = keep_load(folder, name, /* ask= */ false, &x.session, &problem);

        if (r >= 0)
                r = http_new(&x.http, event, config->ca_file);
        if (r >= 0)
                r = matrix_client_new(&x.client, x.http, x.session.homeserver, x.session.access_token);
        if (r >= 0)
                r = matrix_presence_get(x.client, x.session.user_id, on_shown, &x, &request);
        if (r >= 0)
                r = wait_answer(&x);
        matrix_client_free(x.client);
        http_free(x.http);
        session_done(&x.session);
        if (r < 0)
                return r;
        *ret = x.shown;
        return x.shown ? 0 : -ENODATA;
}
