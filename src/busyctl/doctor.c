/* busyctl doctor: what is set up, what works, what would not, and what to do about it. */
#include <errno.h>
#include <stdio.h>

#include "busyctl/bus.h"
#include "busyctl/examine.h"
#include "busyctl/findings.h"
#include "busyctl/facts.h"
#include "busyctl/print.h"
#include "busyctl/sessions.h"
#include "busyctl/surroundings.h"
#include "busyctl/trial.h"
#include "config/config.h"
#include "config/keys.h"
#include "json/json.h"
#include "state/folder.h"
#include "util/clock.h"
#include "util/text.h"

/* ---- looking ---- */

static void on_config_problem(const char *sentence, void *userdata) {
        finding_add(userdata, FINDING_PROBLEM, "mend that, then: busyctl reload", "%s", sentence);
}

static struct config *look_at_config(json_t *doc) {
        struct config *config = NULL;
        int r = config_load(&config, NULL, on_config_problem, doc);

        if (r == 0)
                finding_add(doc, FINDING_OK, NULL, "busyd.conf has no mistakes");
        else if (r < 0)
                finding_add(doc, FINDING_NOTE, NULL,
                            "busyd does not start with such a file; the accounts are not examined");
        return r < 0 ? NULL : config;
}

static void look_at_version(json_t *doc, const char *version) {
        if (streq(version, BUSYD_VERSION))
                finding_add(doc, FINDING_OK, NULL, "busyd %s runs", version);
        else
                finding_add(doc, FINDING_NOTE, "systemctl --user restart busyd",
                            "busyd %s runs, and busyctl is %s: an older one is still at work", version, BUSYD_VERSION);
}

/* What status says, NULL if nobody can be asked. It is not started for this. */
static json_t *look_at_daemon(struct ctl *c, json_t *doc) {
        json_t *status = NULL;
        bool reached = look_at_bus(c, doc);
        enum exit_code code = reached ? facts_status(c, &status) : CTL_UNREACHABLE;

        (void) json_object_set_new(doc, "running", json_boolean(code == CTL_OK));
        if (reached)
                look_at_unit(c, doc, code == CTL_OK);
        if (code == CTL_OK)
                look_at_version(doc, fact_text(status, "version"));
        else if (reached)
                finding_add(doc, FINDING_PROBLEM, "start it: systemctl --user enable --now busyd",
                            "busyd does not run%s", code == CTL_FAILED ? ", or does not answer as it should" : "");
        if (fact_text(status, "problem")[0])
                finding_add(doc, FINDING_PROBLEM, "what led to it is in the journal: journalctl --user -u busyd", "%s",
                            fact_text(status, "problem"));
        return status;
}

/* What most calls are seen by; of the other sources each desktop has but a few. */
static void look_at_microphone(json_t *doc, const json_t *status) {
        char blind[512];

        if (*facts_blind_microphone(status, blind, sizeof(blind)))
                finding_add(doc, FINDING_NOTE,
                            "calls at the microphone show once PipeWire carries the sound: it needs pipewire, "
                            "wireplumber and, for most programs, pipewire-pulse; or once PulseAudio does",
                            "the microphone is not looked at: %s", blind);
        else
                finding_add(doc, FINDING_OK, NULL, "the microphone is looked at");
}

/* Most of what can be watched is not there on a given desktop, and that is no fault. */
static void look_at_source(json_t *doc, const json_t *source) {
        const char *name = fact_text(source, "name"), *state = fact_text(source, "state"),
                   *detail = fact_text(source, "detail");

        if (streq(state, "watching"))
                finding_add(doc, FINDING_OK, NULL, "the source %s is watched", name);
        else if (streq(state, "off"))
                finding_add(doc, FINDING_NOTE, "enabled = yes in its section of busyd.conf, if you miss its calls",
                            "the source %s is off%s%s", name, detail[0] ? ": " : "", detail);
        else
                finding_add(doc, FINDING_NOTE,
                            "nothing to do, unless you make calls with it: it is watched once that is there",
                            "the source %s is blind: %s", name, detail[0] ? detail : state);
}

/* The names of those in this state, but for the microphone, which has a line of its own. */
static const char *names_in_state(const json_t *sources, const char *state, char *buf, size_t size) {
        const json_t *source;
        size_t i, used = 0;

        buf[0] = '\0';
        json_array_foreach(sources, i, source) {
                const char *name = fact_text(source, "name");

                if (!streq(fact_text(source, "state"), state) || facts_is_microphone(name) || used >= size)
                        continue;
                used += (size_t) snprintf(buf + used, size - used, "%s%s", used > 0 ? ", " : "", name);
        }
        return buf;
}

/* Those of one kind in one line: there are many, and of the blind ones hardly any is missed. */
static void look_at_sources_together(json_t *doc, const json_t *sources) {
        char names[512];

        if (*names_in_state(sources, "watching", names, sizeof(names)))
                finding_add(doc, FINDING_OK, NULL, "watched are also: %s", names);
        if (*names_in_state(sources, "unavailable", names, sizeof(names)))
                finding_add(doc, FINDING_NOTE,
                            "nothing to do, unless you make calls with one of them: each is watched once it is there "
                            "(busyctl doctor -v says why it is not)",
                            "blind are: %s", names);
        if (*names_in_state(sources, "off", names, sizeof(names)))
                finding_add(doc, FINDING_NOTE,
                            "enabled = yes in the section of one in busyd.conf, if you miss its calls", "off are: %s",
                            names);
}

/* `each`: a line for each of them. */
static void look_at_sources(json_t *doc, const json_t *status, bool each) {
        const json_t *sources = json_member_array(status, "sources"), *source;
        size_t i, n = 0;

        look_at_microphone(doc, status);
        json_array_foreach(sources, i, source) {
                n += streq(fact_text(source, "state"), "watching");
                if (each && !facts_is_microphone(fact_text(source, "name")))
                        look_at_source(doc, source);
        }
        if (!each)
                look_at_sources_together(doc, sources);
        if (n > 0)
                finding_add(doc, FINDING_OK, NULL, "%zu of %zu local sources are watched: busyctl sources -v", n, i);
        else
                finding_add(doc, FINDING_NOTE, "see: busyctl sources", "no local source of calls works");
}

/* Whether anything was ever heard of. */
static void look_at_history(struct ctl *c, json_t *doc) {
        SCOPED(json_decref) json_t *history = NULL;
        const json_t *change;
        char when[WHEN_MAX];
        size_t i;

        if (facts_history(c, HISTORY_MAX, &history) != CTL_OK)
                return;
        json_array_foreach(history, i, change) {
                int64_t at = fact_time(change, "at");

                if (!streq(fact_text(change, "availability"), "busy"))
                        continue;
                (void) json_object_set_new(doc, "last_busy", json_integer(at));
                finding_add(doc, FINDING_OK, NULL, "the last call was heard of at %s: %s",
                            format_when(when, sizeof(when), at, wall_seconds()), fact_text(change, "reason"));
                return;
        }
        finding_add(doc, FINDING_OK, NULL, "no call was heard of yet: make one, and look at busyctl why");
}

/* Without a session here, its token is busyd's alone: what works is what that says. */
static json_t *look_at_outsider(const char *name, const json_t *account) {
        json_t *found = json_pack("{s:s, s:s, s:s, s:s, s:[]}", "name", name, "user_id", fact_text(account, "user_id"),
                                  "homeserver", fact_text(account, "homeserver"), "server",
                                  fact_text(account, "server"), "findings");

        finding_add(found, FINDING_OK, NULL,
                    "it has no session here: its token is a credential of the unit or comes "
                    "from token-command");
        examine_by_word(found, account);
        return found;
}

/* It never had a session: one whose session is gone is there only until busyd hears of that. */
static bool is_outsider(const struct config *config, const json_t *account) {
        const struct account_config *a = config_account(config, fact_text(account, "name"));

        return a->homeserver || a->user_id || !*fact_text(account, "homeserver");
}

/* Those that busyd has, and those that it would have by busyd.conf. Returns how many. */
static int look_at_outsiders(json_t *doc, char *const *names, const struct config *config, const json_t *status) {
        const json_t *accounts = json_member_array(status, "accounts"), *account;
        int n = 0;
        size_t i;

        json_array_foreach(accounts, i, account) {
                const char *name = fact_text(account, "name");

                if (text_is_among(names, name) || !is_outsider(config, account))
                        continue;
                n++;
                (void) json_array_append_new(json_object_get(doc, "accounts"), look_at_outsider(name, account));
        }
        for (i = 0; i < config->n_accounts; i++) {
                const struct account_config *a = &config->accounts[i];

                if (!a->enabled || !a->token_command || text_is_among(names, a->name))
                        continue;
                if ((a->homeserver || a->user_id) && facts_account(status, a->name))
                        continue;
                n++;
                if (a->homeserver || a->user_id)
                        (void) json_array_append_new(json_object_get(doc, "accounts"),
                                                     look_at_outsider(a->name, NULL));
                else
                        finding_add(doc, FINDING_NOTE,
                                    "say where it is: user-id = @me:example.org in that section, then: busyctl "
                                    "reload; or log in: busyctl login",
                                    "[account %s] of busyd.conf has a token-command, but no session and no homeserver",
                                    a->name);
        }
        return n;
}

/* Without a session it may be there by a credential of the unit, which busyd alone knows, of one that is not off. */
static void look_at_sections(json_t *doc, char *const *names, const struct config *config, const json_t *status) {
        for (size_t i = 0; status && i < config->n_accounts; i++) {
                const struct account_config *a = &config->accounts[i];
                const char *guess = account_guess(names, a->name);
                char remedy[256];

                if (!a->enabled || !account_config_needs_session(a) || text_is_among(names, a->name) ||
                    facts_account(status, a->name))
                        continue;
                if (guess)
                        (void) snprintf(remedy, sizeof(remedy), "did you mean [account %s]? Then: busyctl reload",
                                        guess);
                else
                        (void) snprintf(remedy, sizeof(remedy), "log in under that name: busyctl login %s", a->name);
                finding_add(doc, FINDING_NOTE, remedy,
                            "no account is called %s: [account %s] of busyd.conf is without effect", a->name, a->name);
        }
}

static int look_at_accounts(json_t *doc, sd_event *event, const char *folder, const struct config *config,
                            const json_t *status) {
        char **names = NULL;
        int n = session_names(folder, &names);

        if (n < 0)
                return n;
        if (look_at_outsiders(doc, names, config, status) == 0 && n == 0)
                finding_add(doc, FINDING_NOTE, "busyctl login", "no Matrix account is set up");
        look_at_sections(doc, names, config, status);
        for (int i = 0; i < n; i++)
                (void) json_array_append_new(json_object_get(doc, "accounts"),
                                             examine_account(event, folder, names[i], config_account(config, names[i]),
                                                             status != NULL, facts_account(status, names[i])));
        session_names_free(names);
        return 0;
}

/* ---- one truth ---- */

/* How long the daemon may take to hear it from the server too. */
#define HEAR_MAX (10 * USEC_PER_SEC)

static bool has_ended(const json_t *account) {
        return json_is_true(json_object_get(account, "signed_out"));
}

/* What the daemon says of the state of each account whose session has ended is what the server says. */
static bool is_heard(const json_t *doc, const json_t *status) {
        const json_t *accounts = json_member_array(doc, "accounts"), *account;
        size_t i;

        json_array_foreach(accounts, i, account) {
                if (has_ended(account) &&
                    streq(fact_text(facts_account(status, fact_text(account, "name")), "state"), "online"))
                        return false;
        }
        return true;
}

/* A poll may be open for minutes after the server has ended the session. What was found out here the daemon finds out
 * now as well, so that it says the same. */
static void have_it_heard(const json_t *doc) {
        struct ctl quiet = { .when_absent = ABSENT_LEAVE, .quiet = true };
        usec_t deadline = clock_now() + HEAR_MAX;
        bool asked = false;

        if (bus_open(&quiet) == CTL_OK && bus_watch(&quiet) >= 0)
                for (;;) {
                        SCOPED(json_decref) json_t *status = NULL;

                        if (facts_status(&quiet, &status) != CTL_OK || is_heard(doc, status))
                                break;
                        if (!asked && bus_call(&quiet, BUS_MANAGER, "ReloadAccounts", NULL, NULL) != CTL_OK)
                                break;
                        asked = true;
                        if (bus_wait(&quiet, deadline) <= 0)
                                break;
                }
        bus_close(&quiet);
}

/* `probe`: busy is tried as well. */
static void look_at_state(struct ctl *c, json_t *doc, const struct config *config, const json_t *status, bool probe) {
        SCOPED(free) char *folder = NULL;
        sd_event *event = NULL;
        int r = state_folder(&folder);

        if (r < 0) {
                finding_add(doc, FINDING_PROBLEM, "set HOME to your folder, or STATE_DIRECTORY",
                            "there is no place for the state of busyd: %s", strerror(-r));
                return;
        }
        look_at_folder(doc, folder);
        r = sd_event_new(&event);
        if (r >= 0 && config)
                r = look_at_accounts(doc, event, folder, config, status);
        if (r >= 0 && config && probe)
                try_busy(c, event, folder, config, doc);
        sd_event_unref(event);
        if (r < 0)
                finding_add(doc, FINDING_PROBLEM, "see what is wrong with the folder above",
                            "the accounts cannot be examined: %s", strerror(-r));
}

static void examine(json_t *doc, bool probe, bool each_source) {
        struct ctl quiet = { .when_absent = ABSENT_WAIT };
        SCOPED(config_free) struct config *config = look_at_config(doc);
        SCOPED(json_decref) json_t *status = look_at_daemon(&quiet, doc);

        look_at_state(&quiet, doc, config, status, probe);
        if (status) {
                look_at_sources(doc, status, each_source);
                look_at_history(&quiet, doc);
        }
        bus_close(&quiet);
        if (status) {
                have_it_heard(doc);
        }
}

/* ---- telling ---- */

static enum finding worst_of(const json_t *object, enum finding worst) {
        const json_t *findings = json_member_array(object, "findings"), *finding;
        size_t i;

        json_array_foreach(findings, i, finding) {
                enum finding level = finding_level(fact_text(finding, "level"));

                worst = level > worst ? level : worst;
        }
        return worst;
}

static void print_all(const json_t *doc) {
        const json_t *accounts = json_member_array(doc, "accounts"), *account;
        size_t i;

        printf("busyd\n");
        findings_print(doc);
        json_array_foreach(accounts, i, account) {
                const char *user_id = fact_text(account, "user_id");

                printf("%s%s%s\n", fact_text(account, "name"), *user_id ? ": " : "", user_id);
                findings_print(account);
        }
}

static enum finding find_worst(const json_t *doc) {
        const json_t *accounts = json_member_array(doc, "accounts"), *account;
        enum finding worst = worst_of(doc, FINDING_OK);
        size_t i;

        json_array_foreach(accounts, i, account) worst = worst_of(account, worst);
        return worst;
}

enum exit_code verb_doctor(struct ctl *c, const struct args *a) {
        SCOPED(json_decref) json_t *doc = json_pack("{s:[], s:[]}", "findings", "accounts");
        enum finding worst;

        if (!doc) {
                complain("%s", strerror(ENOMEM));
                return CTL_FAILED;
        }
        examine(doc, a->probe, a->verbose || c->json);
        worst = find_worst(doc);
        if (!json_object_get(doc, "last_busy"))
                (void) json_object_set_new(doc, "last_busy", json_null());
        (void) json_object_set_new(doc, "worst", json_string(finding_word(worst)));
        if (c->json)
                print_json(doc);
        else
                print_all(doc);
        return worst == FINDING_PROBLEM ? CTL_FAILED : CTL_OK;
}
