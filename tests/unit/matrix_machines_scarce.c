/* What the user's machines tell each other, without memory: no entry is lost, cut, or taken for another machine's. */
#include "matrix/machines/tell.h"
#include "matrix_heard_stage.h"
#include "scarce/scarce.h"

#define OURS_TYPE ENTRY_TYPE "OURS"

/* One that is here knows its own entry, and hears another. */
Test(matrix_machines_scarce, an_entry_is_of_whom_it_is) {
        SCOPED(json_decref) json_t *content = json(PRESENCE(CLAIM)), *whole = NULL;
        SCOPED(heard_free) struct heard *heard = new_peers();
        SCOPED(tell_free) struct tell *tell = NULL;
        struct entry_claim claim = { .output = "presence" };

        cr_assert(entry_claim_read(json_object_get(json_object_get(content, "claims"), "presence"), &claim.claim));
        whole = entry_new(&claim, 1, NOW);
        cr_assert_eq(tell_new(&tell, NULL, "@me:test", &(struct tell_handler){ .told = NULL }), 0);
        for (struct scarce s = scarce(); scarce_again(&s);) {
                SCOPED(json_decref) json_t *entry = NULL;
                bool own, other;

                scarce_begin(&s);
                tell_set_device(tell, "OURS");
                own = tell_take(tell, OURS_TYPE, content, NOW);
                other = heard_take(heard, TYPE, content, 0, NOW);
                entry = entry_new(&claim, 1, NOW);
                scarce_end(&s);
                cr_assert(own, "not known as our own, %s", scarce_where(&s));
                cr_assert(other, "not heard, %s", scarce_where(&s));
                cr_assert(json_equal(entry, whole) || (!entry && s.refused > 0), "%s", scarce_where(&s));
                tell_set_device(tell, "");
                heard_resync_begin(heard);
                (void) heard_resync_end(heard);
        }
}
