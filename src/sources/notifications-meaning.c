/* See notifications-meaning.h: tables of words, and the few rules around them. */
#include "sources/notifications-meaning.h"

#include <strings.h>

/* fd.o Notifications 1.3, portal Notification version 2, and what was in use before them. */
static const struct {
        const char *category;
        enum notification_meaning meaning;
} categories[] = {
        { "call.incoming", NOTIFICATION_RINGING },      { "x-kde.incoming-call", NOTIFICATION_RINGING },
        { "call.ongoing", NOTIFICATION_ONGOING },       { "call.ended", NOTIFICATION_ENDED },
        { "call.unanswered", NOTIFICATION_UNANSWERED }, { "x-gnome.call.unanswered", NOTIFICATION_UNANSWERED },
};

/* KNotification names the event that made it. */
static const struct {
        const char *app, *event;
        enum notification_meaning meaning;
} kde_events[] = {
        { "plasma-dialer", "ringing", NOTIFICATION_RINGING },
        { "plasmadialer", "ringing", NOTIFICATION_RINGING },
        { "kdeconnect", "callReceived", NOTIFICATION_RINGING },
        { "kdeconnect", "missedCall", NOTIFICATION_UNANSWERED },
};

static const char *const accept_words[] = {
        "accept", "accept-call", "answer", "answer-call", "call.accept", "pick-up", "pickup", NULL,
};
static const char *const decline_words[] = {
        "call.decline", "call.hang-up", "decline", "decline-call", "hang-up", "hangup", "reject", "reject-call", NULL,
};

static enum notification_meaning meaning_of_category(const struct notification *n) {
        for (size_t i = 0; i < ARRAY_SIZE(categories); i++)
                if (streq(n->category, categories[i].category))
                        return categories[i].meaning;
        return NOTIFICATION_OTHER;
}

static enum notification_meaning meaning_of_kde_event(const struct notification *n) {
        for (size_t i = 0; i < ARRAY_SIZE(kde_events); i++)
                if (streq(n->kde_app, kde_events[i].app) && streq(n->kde_event, kde_events[i].event))
                        return kde_events[i].meaning;
        return NOTIFICATION_OTHER;
}

/* The class "call" alone is also used for voice mails and call logs: what rings can be accepted or declined. */
static bool rings_vaguely(const struct notification *n) {
        return streq(n->sound, "phone-incoming-call") ||
               (streq(n->category, "call") && (n->accept[0] || n->decline[0]));
}

enum notification_meaning notification_meaning(const struct notification *n) {
        enum notification_meaning m = meaning_of_category(n);

        if (m == NOTIFICATION_OTHER)
                m = meaning_of_kde_event(n);
        if (m == NOTIFICATION_OTHER && rings_vaguely(n))
                m = NOTIFICATION_RINGING;
        return m;
}

enum call_evidence notification_evidence(const struct notification *n) {
        bool says_ringing =
                meaning_of_category(n) == NOTIFICATION_RINGING || meaning_of_kde_event(n) == NOTIFICATION_RINGING;

        return n->known || says_ringing ? EVIDENCE_STRONG : EVIDENCE_WEAK;
}

static bool is_word(const char *const *words, const char *s) {
        for (; *words; words++)
                if (strcasecmp(*words, s) == 0)
                        return true;
        return false;
}

static bool says(const char *const *words, const char *key, const char *purpose) {
        const char *dot = strrchr(key, '.');

        return is_word(words, purpose) || is_word(words, key) || (dot && is_word(words, dot + 1));
}

void notification_add_action(struct notification *n, const char *key, const char *purpose) {
        if (says(accept_words, key, purpose))
                notification_set(n->accept, key);
        else if (says(decline_words, key, purpose))
                notification_set(n->decline, key);
}

void notification_set(char field[NOTIFICATION_KEY_MAX], const char *value) {
        size_t length = strlen(value);

        field[0] = '\0';
        if (length < NOTIFICATION_KEY_MAX)
                memcpy(field, value, length + 1);
}
