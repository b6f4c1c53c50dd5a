/* What the files of the claim machine share: see claim.c for its phases. Nobody else includes this. */
#pragma once

#include "core/claim.h"

/* A lost write that is seen later than all that is explained: still ours for this long, as nobody else has our words.
 */
#define LANDED_KNOWN_FOR (10 * USEC_PER_MIN)

/* ---- claim.c: phases ---- */

bool claim_is_way_back(enum claim_phase p);
bool claim_is_stopped(enum claim_phase p);
/* The one place where phases change. What the new phase does not own is cleared. */
void claim_enter_phase(struct claim *c, enum claim_phase phase);
/* What was acknowledged is what is wanted. */
bool claim_is_acked(const struct claim *c);
void claim_start_entering(struct claim *c, usec_t written_at, bool landed);

/* ---- claim-judge.c: what a value tells, and what would be written ---- */

/* What stands there is known well enough to be written over: see CLAIM_PUSH_LASTS. */
bool claim_is_view_fresh(const struct claim *c, usec_t now);
/* What shows now, after what showed before. */
struct claim_view claim_look(const struct claim *c, const struct claim_value *v, bool told, usec_t now);
bool claim_is_taken(const struct claim *c, const char *state);
/* The newest of what is owed for. */
const struct claim_value *claim_goal_of(const struct claim *c);
/* A state of our device is owed and not wanted any more: in the same call it is withdrawn, and stays owed. One value
 * per user is left as it is until the call is over, as nobody keeps a copy of it. */
bool claim_is_state_given_up(const struct claim *c, const struct claim_want *w);
/* What is owed for is what is wanted. */
bool claim_is_goal(const struct claim *c, const struct claim_want *w);
/* As claim_text_is_ours(). */
bool claim_state_is_ours(const struct claim *c, const struct claim_value *v);
/* Words of our device that were claimed until a person wrote, and are still to be taken away, perhaps by a later run.
 * A write of the state alone repeats the words that it has found, which are the prior ones. */
bool claim_is_text_given_up(const struct claim *c, const struct claim_value *v);
/* The parts of what is owed that another machine goes on to claim. */
unsigned claim_going_on(const struct claim *c);
bool claim_is_others(const struct claim *c, const struct claim_value *v);
bool claim_stands(const struct claim *c, const struct claim_value *v);
bool claim_text_remains(const struct claim *c, const struct claim_value *v);
bool claim_state_remains(const struct claim *c, const struct claim_value *v);
bool claim_are_words_missing(const struct claim *c, const struct claim_value *v, const char *words);
bool claim_is_given_back(const struct claim *c, const struct claim_value *v);
/* Another session has caught the state that was given back, and what is configured may still take it from there. */
bool claim_can_be_cured(const struct claim *c, const struct claim_value *v);
/* Else a write of another machine, which repeats what it has read before ours, may come right after ours. */
bool claim_is_alone(const struct claim *c);
/* Our own words there without a journal entry: an earlier run lost it, or another machine has yet to tell of them. */
bool claim_seen_is_lost_claim(const struct claim *c);
/* What stands there may have been put back by a write of ours that was lost. */
bool claim_may_be_restored(const struct claim *c, usec_t now);
/* ... or by another machine, which gave back what it owed before it had heard of ours. */
bool claim_may_be_crossed(const struct claim *c);
/* It may be another machine's, which is not heard and alone knows what was there before it. */
bool claim_may_be_unheard(const struct claim *c, const struct claim_value *v, usec_t now);
/* What a lost write of an earlier claim puts there. */
bool claim_is_landed(const struct claim *c, const struct claim_value *v, usec_t now);
/* The same, or a state of our device that stands behind words of somebody who has written since. */
bool claim_may_be_landed(const struct claim *c, const struct claim_value *v, usec_t now);
/* Each part that is owed for is wanted. */
bool claim_covers(const struct claim_want *w, const struct claim_owed *d);
/* A lost write of an earlier claim may still put there a part that is not wanted now. This one would repeat that part
 * as somebody else's, so it begins when the earlier one is crossed out. */
bool claim_waits_for_lost_write(const struct claim *c, usec_t now);
/* What another machine found is what is owed back. False: words of ours were there, and nobody has told what was
 * before them. */
bool claim_find_prior(const struct claim *c, struct claim_value *ret);
/* None are there since our last claim left none, which did not know what to put back. */
bool claim_are_none_left(const struct claim *c);
/* Found there by ourselves. */
bool claim_is_prior_firsthand(const struct claim *c);
/* Somebody put other words there than ours. `prior_too`: what was there before us is no sign of a person, since our
 * write may not have landed, or one that gave back may have. */
bool claim_is_persons(const struct claim *c, const struct claim_value *v, bool prior_too);
/* Words that no machine of the user has claimed were told in place of ours. If the prior ones show after that,
 * somebody has chosen them: a write of ours that was lost would not explain both. */
bool claim_has_person_written(const struct claim *c);
/* Another machine, which could not know what was there before our words, has left none; or one that has yet to hear of
 * our claim has taken our words for its own, and has put back what was there before those. */
bool claim_is_left_by_another(const struct claim *c, const struct claim_value *v);
/* ... or one that did not hear of our claim while its own lasted, and tells so: `v` is what that had found. */
bool claim_was_put_back(const struct claim *c, const struct claim_value *v);
/* The first is what was taken for a person's word, as is known now that its end was told: it came between the last
 * time that ours were seen and the first time that they were not, or was heard of soon after that. */
bool claim_was_left_empty(const struct claim *c);
/* What was there before us, or, of what others could not take away, ours. */
bool claim_is_back_at_prior(const struct claim *c, const struct claim_value *v);
/* Where a write replaces state and text together, other words than ours leave nothing of ours. */
bool claim_is_overwritten(const struct claim *c);
/* A part that is not claimed is repeated as it is. */
struct claim_value claim_compose_ours(const struct claim *c);
/* What another machine says on its own device ours does not repeat. */
bool claim_is_on_another_device(const struct claim *c, const struct claim_value *v);
/* Only what is still ours in `seen` goes back to what it was, but for the parts that `others` go on to claim. Words
 * that we put back ourselves are no person's. */
struct claim_value claim_compose_given_back(const struct claim *c, const struct claim_value *seen, unsigned others);

/* ---- claim-facts.c: facts ---- */

bool claim_is_writing(const struct claim *c);
/* Wanted again on the way back: what was begun is finished first; before and after that there is a way there. */
void claim_turn_back(struct claim *c);
/* After a wait what was read before it is old: where changes are told, that connection may have died in silence. */
void claim_forget_read(struct claim *c);
/* Where the state alone tells, one that is taken is the claim of somebody else, who may release it. */
void claim_stop_for(struct claim *c, const struct claim_value *v);
void claim_stop_for_claim_of_another(struct claim *c);

/* ---- claim-hear.c: facts of other machines ---- */

/* Yielded, and `v` is a person's word, unless it turns out to be another machine's: then it was that one of before. */
void claim_take_last_word(struct claim *c, const struct claim_value *v);

/* With one value per user, another client may come to the very state that we have written, by way of another one. */
void claim_follow_state(struct claim *c, usec_t now);
/* Another machine that gives back now may not have heard of our claim, as long as that is new; nor one that is heard
 * of for the first time, which may have given back an earlier claim. */
void claim_expect_crossing(struct claim *c, bool one_has_come, usec_t now);

/* ---- claim-enter.c: the way there, and the stops on it ---- */

/* What is owed back was found just now: it is newer than all that is known. */
void claim_renew_order(struct claim *c);
/* With one value per user, a state that is not ours is what would be there without us by now, and so what is owed
 * back, also by the other machines of the user: as if it had just been found. Where ours was `displaced`, neither is
 * one that looks like it. */
void claim_renew_prior(struct claim *c, bool displaced);
struct claim_request claim_wait_until(usec_t at);
struct claim_request claim_take_step(struct claim *c, enum claim_step step);
struct claim_request claim_write_step(struct claim *c, const struct claim_value *v, bool back, usec_t now);
/* Free, and nothing may land: what is likely is put on disk ahead, and taken away when it is not likely any more. */
struct claim_request claim_arm_step(struct claim *c, usec_t now);
/* What an earlier run may have written is there, or goes there now: it is owed. */
void claim_stop_suspecting(struct claim *c);
struct claim_request claim_enter_step(struct claim *c, usec_t now);
struct claim_request claim_hold_step(struct claim *c, usec_t now);
/* Taken by somebody else who may have released it: begin again. */
struct claim_request claim_stopped_step(struct claim *c, usec_t now);

/* ---- claim-leave.c: the way back ---- */

/* Nothing that was lost of this claim lands after that; 0: nothing was. Where each device has its own words, what gave
 * back changes what shows when it lands. */
usec_t claim_settles_at(const struct claim *c);

/* On the way back `v` is told after `before`: what gives back may have come after that, and hide a person's words. */
void claim_note_hidden(struct claim *c, const struct claim_value *v, const struct claim_value *before);

/* A lost write may still land: it is told, or looked for now and then; then its entry is crossed out. */
struct claim_request claim_free_step(struct claim *c, usec_t now);
struct claim_request claim_leave_step(struct claim *c, usec_t now);
struct claim_request claim_shared_step(struct claim *c, usec_t now);
